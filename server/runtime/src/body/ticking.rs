//! What time makes due: the tick itself, periodic snapshots, restarts, hibernation of empty worlds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hd1_protocol::CloseCode;

use super::{Body, Phase, reason_of};
use crate::error::RuntimeError;
use crate::lifecycle::WorldStatus;
use crate::limits::DISK_QUEUE_MAX;
use crate::loading::begin_recording;
use crate::metrics::add;
use crate::slot::{Slot, lock};
use crate::time::{MS, Nanos};

/// Time between looks at seats, tokens and the recording.
const HOUSEKEEPING_NS: Nanos = 1_000 * MS;

impl Body {
    pub(super) fn timers(&mut self, slot: &Arc<Slot>, now: Nanos) {
        let Phase::Settled(status) = self.phase else { return };
        if status == WorldStatus::Crashed {
            let due = self.restart_at.is_some_and(|at| at <= now);
            if due && slot.context.is_draining() {
                self.restart_at = None;
            } else if due && !self.write_under_way {
                self.load(slot, WorldStatus::Running, None);
            }
            return;
        }
        if !status.is_live() {
            return;
        }
        if status == WorldStatus::Running && self.housekeeping_due <= now {
            self.housekeeping_due = now + HOUSEKEEPING_NS;
            self.housekeep(slot, now);
            if self.wants_to_hibernate(slot, now) {
                self.save_and_free(slot, status, WorldStatus::Hibernated, CloseCode::Hibernated, None, now);
                return;
            }
        }
        if self.snapshot_due <= now && !self.write_under_way {
            self.snapshot_due = now + self.snapshot_interval(slot);
            if slot.context.disk.depth() >= DISK_QUEUE_MAX {
                add(&slot.context.counters.snapshots_deferred, 1);
            } else if self.changed_since_snapshot(slot, now) {
                self.begin_write(slot, now);
            }
        }
    }

    fn housekeep(&mut self, slot: &Arc<Slot>, now: Nanos) {
        let grace = u64::try_from(slot.context.config.resume_grace.as_nanos()).unwrap_or(u64::MAX);
        lock(&slot.resume).expire(slot.now_us());
        let Some(live) = &mut self.live else { return };
        live.roster.expire(now, grace);
        if let Some(recorder) = &mut live.recorder {
            recorder.flush(false);
        }
        if live.wants_new_recording() {
            let broken = live.recorder.as_ref().is_some_and(|recorder| recorder.is_broken());
            add(&slot.context.counters.recording_failures, u64::from(broken));
            self.guarded(slot, now, |live| live.recorder = Some(begin_recording(slot, live)));
        }
        self.spread_news(slot);
    }

    fn wants_to_hibernate(&self, slot: &Slot, now: Nanos) -> bool {
        let Some(after) = slot.context.config.hibernate_after else { return false };
        let after = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        !self.write_under_way && self.empty_since.is_some_and(|since| now.saturating_sub(since) >= after)
    }

    fn changed_since_snapshot(&mut self, slot: &Arc<Slot>, now: Nanos) -> bool {
        self.guarded(slot, now, |live| live.snapshot_content.is_none_or(|hash| hash != live.sim.content_hash()))
            .unwrap_or(false)
    }

    pub(super) fn tick_if_due(&mut self, slot: &Arc<Slot>, now: Nanos) {
        if !matches!(self.phase, Phase::Settled(WorldStatus::Running)) {
            return;
        }
        let (Some(pacer), Some(live)) = (&mut self.pacer, &mut self.live) else { return };
        let due = pacer.due_ns();
        if due > now {
            return;
        }
        let mut skipped = pacer.begin(now);
        live.set_client_bytes_per_s(slot.shown().1);
        let plugins = slot.plugins();
        let began = slot.context.now_ns();
        let stepped = catch_unwind(AssertUnwindSafe(|| live.tick(now, &slot.mailbox, &plugins)));
        let ended = slot.context.now_ns();
        let took = ended.saturating_sub(began);
        let counters = &slot.context.counters;
        match stepped {
            Ok(Ok(admin_results)) => {
                slot.figures.tick.store(live.sim.current_tick().0, Ordering::Relaxed);
                slot.figures.entities.store(live.sim.entity_count(), Ordering::Relaxed);
                if let Some(states) = live.keeper.news() {
                    slot.note_plugins(states);
                }
                for (request, result) in admin_results {
                    slot.answer(request, result.map_err(RuntimeError::Refused));
                }
            }
            Ok(Err(error)) => return self.crash(slot, format!("it cannot be replicated: {error}"), now),
            Err(panic) => return self.crash(slot, reason_of(&*panic), now),
        }
        let period = live.sim.config().tick_rate.period_ns();
        self.heavy = took > period;
        if self.heavy {
            add(&counters.overruns, 1);
            add(&slot.figures.overruns, 1);
            // A world that cannot keep its rate takes at most half of a thread: others have theirs to keep.
            skipped += pacer.defer(ended + took);
        }
        add(&counters.skipped, skipped);
        add(&slot.figures.skipped, skipped);
        counters.tick_durations.add_ns(took);
        counters.tick_lateness.add_ns(now.saturating_sub(due));
        lock(&slot.figures.window).add_ns(took);
        self.spread_news(slot);
    }
}
