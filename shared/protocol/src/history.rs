//! A component's recent values by tick: what deltas are coded against, on both ends by the same rule.
//!
//! The rule, on which convergence rests: the value at base `B` is the newest entry not younger than `B`; where every
//! entry is younger and the oldest came by structure, it is that one, since whoever is sent state standing on that
//! structure has it. Entries lie in ascending tick order.

use std::collections::VecDeque;

use hd1_core::Tick;
use smallvec::SmallVec;

/// A component's fixed lanes.
pub type Lanes = SmallVec<[i32; 12]>;

/// One value and when it was so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The tick of this value.
    pub tick: Tick,
    /// The last tick at which the value before it is known to have held still; interpolation starts there.
    pub from: Tick,
    /// The value.
    pub lanes: Lanes,
}

/// Values by ascending tick; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    entries: VecDeque<Entry>,
    structure_tick: Tick,
    /// Is the oldest entry still the one that structure brought?
    rooted: bool,
}

impl History {
    /// Begins with the value that a spawn, an insert or a snapshot brought at `tick`.
    #[must_use]
    pub fn new(tick: Tick, lanes: Lanes) -> Self {
        let mut entries = VecDeque::with_capacity(2);
        entries.push_back(Entry { tick, from: tick, lanes });
        History { entries, structure_tick: tick, rooted: true }
    }

    /// The tick at which structure brought the component.
    #[must_use]
    pub fn structure_tick(&self) -> Tick {
        self.structure_tick
    }

    /// The newest value.
    #[must_use]
    pub fn latest(&self) -> &Entry {
        // Never empty: `new` puts one in, `prune` keeps one.
        &self.entries[self.entries.len() - 1]
    }

    /// The value to code against, or to decode against, for base `base`.
    #[must_use]
    pub fn at(&self, base: Tick) -> Option<&Entry> {
        let newest = self.entries.iter().rev().find(|e| e.tick <= base);
        newest.or_else(|| self.entries.front().filter(|_| self.rooted))
    }

    /// Puts in a value. One of the same tick is replaced; one older than the newest goes to its place.
    pub fn insert(&mut self, tick: Tick, from: Tick, lanes: Lanes) {
        let entry = Entry { tick, from, lanes };
        let at = self.entries.iter().rposition(|e| e.tick <= tick).map_or(0, |i| i + 1);
        if at > 0 && self.entries[at - 1].tick == tick {
            self.entries[at - 1] = entry;
        } else {
            self.entries.insert(at, entry);
        }
    }

    /// Forgets what no base from `oldest` on can need.
    pub fn prune(&mut self, oldest: Tick) {
        while self.entries.len() > 1 && self.entries[1].tick <= oldest {
            self.entries.pop_front();
            self.rooted = false;
        }
    }

    /// The two values around a moment between ticks, and how far it lies between them (0 to 1).
    #[must_use]
    pub fn around(&self, moment: f64) -> (&Entry, &Entry, f32) {
        let after = self.entries.iter().position(|e| e.tick.0 as f64 > moment);
        match after {
            None => (self.latest(), self.latest(), 0.0),
            Some(0) => (&self.entries[0], &self.entries[0], 0.0),
            Some(i) => {
                let (a, b) = (&self.entries[i - 1], &self.entries[i]);
                let start = a.tick.max(b.from).0 as f64;
                let alpha = (moment - start) / (b.tick.0 as f64 - start).max(1.0e-9);
                (a, b, alpha.clamp(0.0, 1.0) as f32)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(v: i32) -> Lanes {
        Lanes::from_slice(&[v])
    }

    #[test]
    fn the_base_is_the_newest_not_younger() {
        let mut h = History::new(Tick(10), lanes(1));
        h.insert(Tick(14), Tick(13), lanes(3));
        h.insert(Tick(12), Tick(11), lanes(2));
        assert_eq!(h.at(Tick(13)).unwrap().lanes, lanes(2));
        assert_eq!(h.at(Tick(5)).unwrap().lanes, lanes(1), "structure brought it to all who see state on it");
        h.prune(Tick(12));
        assert!(h.at(Tick(11)).is_none(), "what is forgotten is not guessed");
        assert_eq!(h.latest().lanes, lanes(3));
    }

    #[test]
    fn what_stood_still_does_not_drift_into_motion() {
        let mut h = History::new(Tick(10), lanes(0));
        h.insert(Tick(100), Tick(99), lanes(8));
        assert_eq!(h.around(50.0).2, 0.0);
        assert_eq!(h.around(99.5).2, 0.5);
    }
}
