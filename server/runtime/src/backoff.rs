//! What follows a crash: when to try again, and when to stop trying.

use std::collections::VecDeque;

use crate::limits::{CRASH_WINDOW_MS, CRASHES_MAX, RESTART_BACKOFF_MS_MAX, RESTART_BACKOFF_MS_MIN};
use crate::time::{MS, Nanos};

/// How often a world crashed lately.
#[derive(Clone, Debug, Default)]
pub struct CrashHistory(VecDeque<Nanos>);

/// What to do after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Load the last snapshot again at this time.
    RestartAt(Nanos),
    /// It crashes again and again: wait for a person.
    GiveUp,
}

impl CrashHistory {
    /// Counts a crash at `now_ns` and judges.
    pub fn crashed(&mut self, now_ns: Nanos) -> Verdict {
        while self.0.front().is_some_and(|at| now_ns.saturating_sub(*at) > CRASH_WINDOW_MS * MS) {
            self.0.pop_front();
        }
        self.0.push_back(now_ns);
        if self.0.len() >= CRASHES_MAX {
            return Verdict::GiveUp;
        }
        let doubled = RESTART_BACKOFF_MS_MIN << (self.0.len() - 1).min(16);
        Verdict::RestartAt(now_ns + doubled.min(RESTART_BACKOFF_MS_MAX) * MS)
    }

    /// Forgets: a person asked for a restart.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_then_it_gives_up() {
        let mut history = CrashHistory::default();
        let mut waits = Vec::new();
        while let Verdict::RestartAt(at) = history.crashed(0) {
            waits.push(at / MS);
        }
        assert_eq!(waits, [500, 1_000, 2_000, 4_000]);
        history.clear();
        assert_eq!(history.crashed(0), Verdict::RestartAt(500 * MS));
    }

    #[test]
    fn rare_crashes_are_forgotten() {
        let mut history = CrashHistory::default();
        for n in 0..20 {
            let now = n * (CRASH_WINDOW_MS + 1) * MS;
            assert_eq!(history.crashed(now), Verdict::RestartAt(now + RESTART_BACKOFF_MS_MIN * MS));
        }
    }
}
