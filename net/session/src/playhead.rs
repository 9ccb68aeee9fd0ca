//! A moment in ticks that follows an estimate by running a little faster or slower, so that no eye sees it move.

/// Microseconds by which it may be off before it jumps.
const SNAP_US: f64 = 250_000.0;
/// Slower by this share of time while it makes room: who draws too late waits for the network, so this is the quick way.
const SLOWER_MAX: f64 = 0.08;
/// Faster by this share while it catches up.
const FASTER_MAX: f64 = 0.02;

/// See the module's words. Its *phase* is the time of tick 0, so that a later phase is a moment farther behind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Playhead {
    period_us: f64,
    course: Option<Course>,
}

/// From which phase it left when, and for which it is bound.
#[derive(Clone, Copy, Debug)]
struct Course {
    at_us: u64,
    phase_us: f64,
    target_us: f64,
}

impl Playhead {
    pub(crate) fn new(period_us: f64) -> Self {
        Playhead { period_us, course: None }
    }

    /// Sets where it is bound for; the first time, and where it is far off, it is there at once.
    pub(crate) fn follow(&mut self, now: u64, target_us: f64) {
        let near = self.phase_us(now).filter(|phase_us| (phase_us - target_us).abs() <= SNAP_US);
        self.course = Some(Course { at_us: now, phase_us: near.unwrap_or(target_us), target_us });
    }

    /// The phase at `now`; a function of time alone between two calls of [`Playhead::follow`].
    pub(crate) fn phase_us(&self, now: u64) -> Option<f64> {
        let Course { at_us, phase_us, target_us } = self.course?;
        let passed_us = now.saturating_sub(at_us) as f64;
        Some(phase_us + (target_us - phase_us).clamp(-FASTER_MAX * passed_us, SLOWER_MAX * passed_us))
    }

    /// The moment at `now`, in ticks.
    pub(crate) fn moment(&self, now: u64) -> Option<f64> {
        Some(((now as f64 - self.phase_us(now)?) / self.period_us).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_bends_time_by_a_few_percent_and_arrives() {
        let mut head = Playhead::new(20_000.0);
        assert_eq!(head.moment(0), None);
        head.follow(1_000_000, 0.0);
        assert_eq!(head.moment(1_000_000), Some(50.0));
        head.follow(1_000_000, 40_000.0);
        let mut last = 50.0;
        for now in (1_000_000..2_000_000).step_by(1_700) {
            let moment = head.moment(now).unwrap();
            let ticks = 1_700.0 / 20_000.0;
            assert!(
                now == 1_000_000 || (0.9 * ticks..=1.1 * ticks).contains(&(moment - last)),
                "{moment} after {last}"
            );
            last = moment;
        }
        assert_eq!(head.moment(2_000_000), Some(98.0), "half a second later it has made up 40 ms");
        head.follow(2_000_000, 1_000_000.0);
        assert_eq!(head.moment(2_000_000), Some(50.0), "a second off: it jumps");
    }
}
