//! The runtime's monotonic time as a parameter, so that pacing and patience are tested without waiting.
//!
//! Only this file reads the machine's clock. Worlds never see it: a tick has its number and nothing else.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Nanoseconds since some fixed moment, never going back.
pub type Nanos = u64;

/// Nanoseconds in a millisecond.
pub const MS: Nanos = 1_000_000;

/// Where monotonic time comes from.
pub trait Timeline: Send + Sync {
    /// Now.
    fn now_ns(&self) -> Nanos;
    /// How long a thread may sleep towards `until_ns`; `None` where only [`Timeline::on_advance`] ends the wait.
    fn sleep_for(&self, until_ns: Nanos) -> Option<Duration>;
    /// Asks to be told whenever time was moved by hand.
    fn on_advance(&self, doorbell: Weak<Doorbell>);
}

/// A condition that sleeping threads listen to.
#[derive(Default)]
pub struct Doorbell {
    rung: Mutex<u64>,
    bell: Condvar,
}

impl Doorbell {
    /// Counts rings; a waiter that saw an older count does not sleep.
    #[must_use]
    pub fn count(&self) -> u64 {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes every waiter.
    pub fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.bell.notify_all();
    }

    /// Sleeps until rung after `seen`, or `at_most` has passed.
    pub fn wait(&self, seen: u64, at_most: Option<Duration>) {
        let guard = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        match at_most {
            Some(limit) => drop(self.bell.wait_timeout_while(guard, limit, |rung| *rung == seen)),
            None => drop(self.bell.wait_while(guard, |rung| *rung == seen)),
        }
    }
}

/// The machine's monotonic clock.
#[derive(Debug)]
pub struct MachineTime(Instant);

impl Default for MachineTime {
    fn default() -> Self {
        MachineTime(Instant::now())
    }
}

impl Timeline for MachineTime {
    fn now_ns(&self) -> Nanos {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn sleep_for(&self, until_ns: Nanos) -> Option<Duration> {
        Some(Duration::from_nanos(until_ns.saturating_sub(self.now_ns())))
    }

    fn on_advance(&self, _doorbell: Weak<Doorbell>) {}
}

/// Time that moves only when told to.
#[derive(Default)]
pub struct ManualTime {
    now: AtomicU64,
    doorbells: Mutex<Vec<Weak<Doorbell>>>,
}

impl ManualTime {
    /// Time at 0.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Moves time on and wakes whoever waits for it.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.now.fetch_add(by, Ordering::SeqCst);
        for doorbell in self.doorbells.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if let Some(doorbell) = doorbell.upgrade() {
                doorbell.ring();
            }
        }
    }
}

impl Timeline for ManualTime {
    fn now_ns(&self) -> Nanos {
        self.now.load(Ordering::SeqCst)
    }

    fn sleep_for(&self, _until_ns: Nanos) -> Option<Duration> {
        None
    }

    fn on_advance(&self, doorbell: Weak<Doorbell>) {
        self.doorbells.lock().unwrap_or_else(PoisonError::into_inner).push(doorbell);
    }
}
