//! Waiting for many links at once: what comes within a moment is read together.
//!
//! Clients answer a tick one after another. A thread that wakes for each answer pays for a switch of tasks, a look at
//! all descriptors and a way through the scheduler every time, which is more than reading the answer; and where a world
//! ticks on the same core, it takes that core away from it. So whoever serves many links sleeps for a moment before it
//! waits, and then finds many answers. The moment grows with the number of links: a few are served at once.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use crate::limits::{GATHER_MAX, GATHER_MIN, GATHER_PER_LINK};

/// Links of servers in this process.
static LINKS: AtomicUsize = AtomicUsize::new(0);

/// Sleeps for the moment. For `on_thread_park` of the runtimes that servers' links run on.
pub fn gather() {
    if let Some(moment) = moment(LINKS.load(Ordering::Relaxed)) {
        thread::sleep(moment);
    }
}

/// How long, with so many links; `None` where it does not pay.
fn moment(links: usize) -> Option<Duration> {
    let moment = GATHER_PER_LINK.saturating_mul(u32::try_from(links).unwrap_or(u32::MAX)).min(GATHER_MAX);
    (moment >= GATHER_MIN).then_some(moment)
}

/// A server's link, counted as long as it is held.
#[derive(Debug)]
pub(crate) struct Counted(());

impl Counted {
    pub(crate) fn new() -> Self {
        LINKS.fetch_add(1, Ordering::Relaxed);
        Counted(())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LINKS.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_links_are_served_at_once_and_many_never_wait_long() {
        assert_eq!(moment(0), None);
        assert_eq!(moment(8), None);
        assert_eq!(moment(50), Some(Duration::from_micros(500)));
        assert_eq!(moment(usize::MAX), Some(GATHER_MAX));
    }
}
