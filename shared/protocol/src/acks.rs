//! Which ticks the other end has: a set of recent ticks in one word.

use hd1_core::Tick;

use crate::{
    limits::ACK_TICKS,
    wire::{self, DecodeError, Reader},
};

/// Recent ticks: the newest, and which of the 63 before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acks {
    newest: Tick,
    /// Bit `i`: is the `i`th before the newest in it? Bit 0 is the newest; none at all is 0.
    bits: u64,
}

impl Acks {
    /// One tick alone.
    #[must_use]
    pub const fn of(tick: Tick) -> Self {
        Acks { newest: tick, bits: 1 }
    }

    /// The newest tick in it; tick 0 where it is empty.
    #[must_use]
    pub const fn newest(self) -> Tick {
        self.newest
    }

    /// Is nothing in it?
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// Is this tick in it? Those too old to tell are not.
    #[must_use]
    pub fn contains(self, tick: Tick) -> bool {
        tick <= self.newest
            && self.aged(self.newest) >> tick.0.abs_diff(self.newest.0).min(63) & 1 == 1
            && self.newest.since(tick) < ACK_TICKS
    }

    /// The set as seen from `now`: bit `i` is the `i`th tick before it. Later ones are left out.
    #[inline]
    #[must_use]
    pub fn aged(self, now: Tick) -> u64 {
        if now >= self.newest {
            let later = now.0 - self.newest.0;
            if later < ACK_TICKS { self.bits << later } else { 0 }
        } else {
            let earlier = self.newest.0 - now.0;
            if earlier < ACK_TICKS { self.bits >> earlier } else { 0 }
        }
    }

    /// Adds a tick; one too old to tell is not added.
    #[inline]
    pub fn insert(&mut self, tick: Tick) {
        self.merge(Acks::of(tick));
    }

    /// Adds `count` ticks that end with `tick`.
    pub fn insert_last(&mut self, tick: Tick, count: u64) {
        let ones = if count >= ACK_TICKS { u64::MAX } else { (1 << count) - 1 };
        self.merge(Acks { newest: tick, bits: ones });
    }

    /// Adds all of another set.
    #[inline]
    pub fn merge(&mut self, other: Acks) {
        let newest = self.newest.max(other.newest);
        *self = Acks { newest, bits: self.aged(newest) | other.aged(newest) };
    }

    /// Appends the newest tick, and which of those before it are missing.
    pub fn encode(self, out: &mut Vec<u8>) {
        wire::varint(out, self.newest.0);
        // Mostly none is missing; those before tick 0 are not counted as such.
        let told = (ACK_TICKS - 1).min(self.newest.0);
        wire::varint(out, (!self.bits >> 1) & ((1u64 << told) - 1));
    }

    /// The inverse; an empty set comes back as tick 0 alone.
    ///
    /// # Errors
    /// Any [`DecodeError`].
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let newest = Tick(reader.varint()?);
        let missing = reader.varint()?;
        Ok(Acks { newest, bits: (!missing << 1) | 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_tick_there_is_travels_too() {
        let last = Acks::of(Tick(u64::MAX));
        let mut bytes = Vec::new();
        last.encode(&mut bytes);
        let back = Acks::decode(&mut Reader::new(&bytes)).unwrap();
        assert_eq!((back.newest(), back.contains(Tick(u64::MAX - 1))), (last.newest(), false));
    }

    #[test]
    fn a_set_remembers_the_last_64() {
        let mut acks = Acks::default();
        assert!(acks.is_empty() && !acks.contains(Tick(0)));
        for tick in [100, 98, 101, 37, 36, 30] {
            acks.insert(Tick(tick));
        }
        assert_eq!(acks.newest(), Tick(101));
        let held: Vec<u64> = (0..200).filter(|tick| acks.contains(Tick(*tick))).collect();
        assert_eq!(held, [38, 98, 100, 101].into_iter().filter(|tick| acks.contains(Tick(*tick))).collect::<Vec<_>>());
        assert!(!acks.contains(Tick(37)), "64 before the newest is too old");
        assert_eq!(acks.aged(Tick(102)), 0b10110);
        assert_eq!(acks.aged(Tick(99)), 0b10);
        assert_eq!(acks.aged(Tick(500)), 0);
        acks.insert_last(Tick(105), 3);
        assert_eq!(acks.aged(Tick(105)) & 0xff, 0b1011_0111);
    }

    #[test]
    fn a_set_comes_back() {
        for ticks in [&[5u64][..], &[5, 4, 3, 2, 1, 0], &[1_000, 999, 998, 990], &[0]] {
            let mut acks = Acks::default();
            ticks.iter().for_each(|tick| acks.insert(Tick(*tick)));
            let mut out = Vec::new();
            acks.encode(&mut out);
            let mut reader = Reader::new(&out);
            let back = Acks::decode(&mut reader).unwrap();
            for tick in 0..1_100 {
                assert_eq!(back.contains(Tick(tick)), acks.contains(Tick(tick)), "{tick} of {ticks:?}");
            }
            assert!(reader.is_empty());
        }
        let mut whole = Acks::default();
        whole.insert_last(Tick(90), 64);
        let mut out = Vec::new();
        whole.encode(&mut out);
        assert_eq!(out, [90, 0], "where nothing is missing it is short");
    }
}
