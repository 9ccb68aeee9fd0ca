//! What is told seldom is drawn later: far pages come every second or fourth tick, and drawn with the delay of what comes
//! with every tick they would stand still and jump.
//!
//! No frame says how often a page comes. But its blobs say for how many ticks that which changed had moved, and of a page
//! that comes with every tick that is 1, but where something was lost. A page with a check sum to tell comes in between,
//! which makes two of them shorter. So of the last four the third by size is its interval.

use hd1_core::Tick;

/// Ticks between two blobs of a page that are smoothed over.
pub(crate) const INTERVAL_TICKS_MAX: u8 = 4;
/// Ticks by which an entity is drawn later with each tick, or earlier: its motion looks an eighth slower or faster.
const SLEW: f64 = 0.125;

/// How many ticks apart a page comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    recent: [u8; 4],
}

impl Default for Interval {
    fn default() -> Self {
        Interval { recent: [1; 4] }
    }
}

impl Interval {
    /// A blob came in which what changed had moved for so many ticks.
    #[inline]
    pub(crate) fn note(&mut self, moved_for: u32) {
        let [_, newer @ ..] = self.recent;
        let ticks = moved_for.clamp(1, INTERVAL_TICKS_MAX.into()) as u8;
        self.recent = [newer[0], newer[1], newer[2], ticks];
    }

    /// In ticks, 1 to [`INTERVAL_TICKS_MAX`].
    #[inline]
    pub(crate) fn ticks(self) -> u8 {
        let mut sorted = self.recent;
        sorted.sort_unstable();
        sorted[2]
    }
}

/// By how much later than others an entity is drawn: it comes and goes slowly, since a jump would be seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lag {
    since: Tick,
    /// In ticks, at `since`.
    from: f32,
    /// In ticks, in the end.
    to: u8,
}

impl Lag {
    /// Its page comes every `interval` ticks, as was seen at `tick`.
    #[inline]
    pub(crate) fn follow(&mut self, interval: u8, tick: Tick) {
        let to = interval.saturating_sub(1);
        if to != self.to {
            *self = Lag { since: tick, from: self.at(tick.0 as f64) as f32, to };
        }
    }

    /// In ticks, for what is drawn of `moment`.
    #[inline]
    pub(crate) fn at(self, moment: f64) -> f64 {
        let (from, way) = (f64::from(self.from), (moment - self.since.0 as f64).max(0.0) * SLEW);
        from + (f64::from(self.to) - from).clamp(-way, way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_or_comes_in_between_changes_no_interval() {
        let mut interval = Interval::default();
        let after = |interval: &mut Interval, moved_for: &[u32]| {
            moved_for.iter().for_each(|ticks| interval.note(*ticks));
            interval.ticks()
        };
        assert_eq!(after(&mut interval, &[1, 1, 7, 1]), 1);
        assert_eq!(after(&mut interval, &[4, 4, 9, 4, 1, 3]), 4);
        assert_eq!(after(&mut interval, &[4, 4, 2, 2]), 4);
        assert_eq!(after(&mut interval, &[1, 1, 1]), 1);
    }

    #[test]
    fn it_comes_and_goes_slowly() {
        let mut lag = Lag::default();
        assert_eq!(lag.at(7.0), 0.0);
        lag.follow(4, Tick(100));
        assert_eq!([99.0, 100.0, 108.0, 124.0, 200.0].map(|moment| lag.at(moment)), [0.0, 0.0, 1.0, 3.0, 3.0]);
        lag.follow(1, Tick(116));
        assert_eq!([116.0, 124.0, 132.0, 140.0].map(|moment| lag.at(moment)), [2.0, 1.0, 0.0, 0.0]);
    }
}
