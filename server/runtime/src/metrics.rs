//! What the runtime counts: for the whole server, and for one world.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::WorldStatus;
use crate::histogram::{DurationCounts, Durations, Window};

/// Counters of the whole server; they only grow.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub tick_durations: Durations,
    pub tick_lateness: Durations,
    pub overruns: AtomicU64,
    pub skipped: AtomicU64,
    pub crashes: AtomicU64,
    pub clients: AtomicUsize,
    pub bytes_in: AtomicU64,
    pub bytes_out: AtomicU64,
    pub inputs_replaced: AtomicU64,
    pub operations_refused: AtomicU64,
    pub slow_clients: AtomicU64,
    pub snapshot_stalls: Durations,
    pub snapshot_writes: Durations,
    pub snapshot_bytes: AtomicU64,
    pub snapshot_failures: AtomicU64,
    pub snapshots_deferred: AtomicU64,
    pub load_durations: Durations,
    pub recording_failures: AtomicU64,
}

/// Adds to a counter.
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    if n > 0 {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}

/// Figures of the whole server at one moment. Counters count from the start of the process.
#[derive(Clone, Debug, Serialize)]
pub struct RuntimeMetrics {
    /// How long ticks took.
    pub tick_durations: DurationCounts,
    /// How long after their deadlines ticks began.
    pub tick_lateness: DurationCounts,
    /// Ticks that took longer than their period.
    pub overruns: u64,
    /// Ticks left out to catch up.
    pub skipped_ticks: u64,
    /// Worlds that panicked or could not be loaded.
    pub crashes: u64,
    /// Worlds by status, in the order of [`WorldStatus::ALL`].
    pub worlds: [(WorldStatus, usize); 7],
    /// Clients in worlds.
    pub clients: usize,
    /// Bytes of frames from clients.
    pub bytes_in: u64,
    /// Bytes of frames to clients.
    pub bytes_out: u64,
    /// Commands that wait for their worlds' next ticks.
    pub mailbox_depth: usize,
    /// Input samples that a newer one replaced before a tick saw them.
    pub inputs_replaced: u64,
    /// Operations refused because a mailbox was full or closed.
    pub operations_refused: u64,
    /// Clients cut off because they did not read.
    pub slow_clients: u64,
    /// How long ticking stood still while a snapshot's bytes were taken.
    pub snapshot_stalls: DurationCounts,
    /// How long snapshots took to be safely on disk.
    pub snapshot_writes: DurationCounts,
    /// Bytes of snapshots written.
    pub snapshot_bytes: u64,
    /// Snapshots that could not be written.
    pub snapshot_failures: u64,
    /// Periodic snapshots put off because the disk was behind.
    pub snapshots_deferred: u64,
    /// Jobs that wait for the disk.
    pub disk_queue: usize,
    /// How long worlds took to be loaded.
    pub load_durations: DurationCounts,
    /// Recordings given up because the disk refused or was behind.
    pub recording_failures: u64,
}

impl Counters {
    /// The counters now; what is known elsewhere is left at its default.
    pub fn read(&self) -> RuntimeMetrics {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RuntimeMetrics {
            tick_durations: self.tick_durations.counts(),
            tick_lateness: self.tick_lateness.counts(),
            overruns: get(&self.overruns),
            skipped_ticks: get(&self.skipped),
            crashes: get(&self.crashes),
            worlds: WorldStatus::ALL.map(|status| (status, 0)),
            clients: self.clients.load(Ordering::Relaxed),
            bytes_in: get(&self.bytes_in),
            bytes_out: get(&self.bytes_out),
            mailbox_depth: 0,
            inputs_replaced: get(&self.inputs_replaced),
            operations_refused: get(&self.operations_refused),
            slow_clients: get(&self.slow_clients),
            snapshot_stalls: self.snapshot_stalls.counts(),
            snapshot_writes: self.snapshot_writes.counts(),
            snapshot_bytes: get(&self.snapshot_bytes),
            snapshot_failures: get(&self.snapshot_failures),
            snapshots_deferred: get(&self.snapshots_deferred),
            disk_queue: 0,
            load_durations: self.load_durations.counts(),
            recording_failures: get(&self.recording_failures),
        }
    }
}

/// Figures of one world that others read while it ticks.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub tick: AtomicU64,
    pub entities: AtomicUsize,
    pub clients: AtomicUsize,
    pub overruns: AtomicU64,
    pub skipped: AtomicU64,
    pub bytes_in: AtomicU64,
    pub bytes_out: AtomicU64,
    /// Tick + 1 of the newest snapshot on disk; 0 is none.
    pub snapshot_tick: AtomicU64,
    pub snapshot_bytes: AtomicU64,
    pub snapshot_failures: AtomicU64,
    pub window: Mutex<Window>,
}

/// One world's figures at one moment. Counters count from its creation in this process.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorldFigures {
    /// Where it stands.
    pub status: WorldStatus,
    /// Why it crashed, if it did.
    pub reason: Option<String>,
    /// The newest tick.
    pub tick: u64,
    /// Ticks a second, nominal.
    pub tick_rate: u32,
    /// Entities alive.
    pub entity_count: usize,
    /// Clients connected.
    pub client_count: usize,
    /// Milliseconds a tick takes, median of the recent ones.
    pub tick_ms_p50: f64,
    /// Milliseconds a tick takes, 99th percentile of the recent ones.
    pub tick_ms_p99: f64,
    /// Ticks that took longer than their period.
    pub tick_overruns: u64,
    /// Ticks left out to catch up.
    pub ticks_skipped: u64,
    /// Bytes of frames from clients.
    pub bytes_in: u64,
    /// Bytes of frames to clients.
    pub bytes_out: u64,
    /// Commands that wait for the next tick.
    pub mailbox_depth: usize,
    /// The tick of the newest snapshot on disk.
    pub snapshot_tick: Option<u64>,
    /// Its size in bytes.
    pub snapshot_bytes: u64,
    /// Snapshots that could not be written.
    pub snapshot_failures: u64,
}

impl Figures {
    pub fn read(&self, status: WorldStatus, reason: Option<String>, tick_rate: u32, depth: usize) -> WorldFigures {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let [p50, p99] = self.window.lock().unwrap_or_else(PoisonError::into_inner).percentiles([0.5, 0.99]);
        WorldFigures {
            status,
            reason,
            tick: get(&self.tick),
            tick_rate,
            entity_count: self.entities.load(Ordering::Relaxed),
            client_count: self.clients.load(Ordering::Relaxed),
            tick_ms_p50: f64::from(p50) / 1_000.0,
            tick_ms_p99: f64::from(p99) / 1_000.0,
            tick_overruns: get(&self.overruns),
            ticks_skipped: get(&self.skipped),
            bytes_in: get(&self.bytes_in),
            bytes_out: get(&self.bytes_out),
            mailbox_depth: depth,
            snapshot_tick: get(&self.snapshot_tick).checked_sub(1),
            snapshot_bytes: get(&self.snapshot_bytes),
            snapshot_failures: get(&self.snapshot_failures),
        }
    }
}
