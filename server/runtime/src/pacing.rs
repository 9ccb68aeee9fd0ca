//! When a world ticks next: drift-free deadlines and the policy for being late.
//!
//! Pure arithmetic, so that the policy is tested without a thread. Deadline `n` is `origin + n / rate` computed from
//! the start, so no rounding ever adds up. A world that is late by a whole period or more skips the deadlines it
//! missed: trying to catch up is what makes an overloaded server spiral.

use hd1_core::TickRate;

use crate::time::Nanos;

/// The deadlines of one world.
#[derive(Clone, Debug)]
pub struct Pacer {
    rate: TickRate,
    origin_ns: Nanos,
    next: u64,
}

impl Pacer {
    /// First deadline one period after `origin_ns`.
    #[must_use]
    pub fn new(rate: TickRate, origin_ns: Nanos) -> Self {
        Pacer { rate, origin_ns, next: 1 }
    }

    /// The next deadline.
    #[must_use]
    pub fn due_ns(&self) -> Nanos {
        self.deadline(self.next)
    }

    /// Takes the tick that is due at `now_ns` and answers how many deadlines were missed before it.
    pub fn begin(&mut self, now_ns: Nanos) -> u64 {
        let last = self.last_deadline_at(now_ns).max(self.next);
        let skipped = last - self.next;
        self.next = last + 1;
        skipped
    }

    /// Gives up deadlines before `until_ns` and answers how many.
    pub fn defer(&mut self, until_ns: Nanos) -> u64 {
        let mut first = self.last_deadline_at(until_ns);
        if self.deadline(first) < until_ns {
            first += 1;
        }
        let first = first.max(self.next);
        let skipped = first - self.next;
        self.next = first;
        skipped
    }

    fn deadline(&self, n: u64) -> Nanos {
        let offset = u128::from(n) * 1_000_000_000 / u128::from(self.rate.hz());
        self.origin_ns.saturating_add(u64::try_from(offset).unwrap_or(u64::MAX))
    }

    /// The greatest `n` whose deadline is not after `now_ns`.
    fn last_deadline_at(&self, now_ns: Nanos) -> u64 {
        let since = u128::from(now_ns.saturating_sub(self.origin_ns));
        // +1 ns makes up for the rounding down in `deadline`; the check mends what that overshoots.
        let n = u64::try_from((since + 1) * u128::from(self.rate.hz()) / 1_000_000_000).unwrap_or(u64::MAX);
        if self.deadline(n) > now_ns { n.saturating_sub(1) } else { n }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pacer(hz: u32) -> Pacer {
        Pacer::new(TickRate::try_from(hz).unwrap(), 1_000)
    }

    #[test]
    fn an_hour_of_ticks_ends_on_the_second() {
        for hz in [1, 7, 30, 60, 128] {
            let mut pacer = pacer(hz);
            for _ in 0..u64::from(hz) * 3600 - 1 {
                assert_eq!(pacer.begin(pacer.due_ns()), 0);
            }
            assert_eq!(pacer.due_ns(), 1_000 + 3_600_000_000_000, "{hz} Hz");
        }
    }

    #[test]
    fn lateness_within_a_period_neither_skips_nor_shifts() {
        let mut pacer = pacer(10);
        assert_eq!(pacer.begin(1_000 + 199_999_999), 0);
        assert_eq!(pacer.due_ns(), 1_000 + 200_000_000);
    }

    #[test]
    fn missed_deadlines_are_skipped_once_and_the_grid_stays() {
        let mut pacer = pacer(10);
        assert_eq!(pacer.begin(1_000 + 1_050_000_000), 9);
        assert_eq!(pacer.due_ns(), 1_000 + 1_100_000_000);
        assert_eq!(pacer.begin(pacer.due_ns()), 0);
    }

    #[test]
    fn deferring_lands_on_the_grid() {
        let mut pacer = pacer(30);
        assert_eq!(pacer.defer(1_000), 0);
        let due = pacer.due_ns();
        assert_eq!(pacer.defer(due), 0, "an exact deadline is kept");
        assert_eq!(pacer.defer(due + 1), 1);
        assert_eq!(pacer.due_ns(), 1_000 + 66_666_666);
    }
}
