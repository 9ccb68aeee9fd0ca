//! What of the recent ticks a client has: whole ticks as a set, and of a few others which frames.
//!
//! Of a tick in many frames one is soon lost, and then most ticks would count for nothing: so a client says of those
//! which frames it has, and the server goes on from there page by page.

use hd1_core::Tick;

use crate::{
    Acks,
    limits::RECEIPT_PARTS_MAX,
    wire::{self, DecodeError, Reader},
};

/// See the module's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Ticks of which it has all frames.
    pub whole: Acks,
    count: u8,
    /// Newest first.
    parts: [Part; RECEIPT_PARTS_MAX],
}

/// A tick of which a client has some frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// The tick.
    pub tick: Tick,
    /// Bit `i`: has it the frame numbered `i`? Those beyond 63 are not told.
    pub frames: u64,
}

impl From<Acks> for Receipt {
    fn from(whole: Acks) -> Self {
        Receipt { whole, ..Receipt::default() }
    }
}

impl Receipt {
    /// Ticks that it has in part, newest first.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts[..usize::from(self.count)]
    }

    /// The newest tick of which it has anything.
    #[must_use]
    pub fn newest(&self) -> Tick {
        self.parts().iter().map(|part| part.tick).fold(self.whole.newest(), Tick::max)
    }

    /// Adds a part. Where there are too many the oldest goes; a tick that it has whole is none.
    pub fn add(&mut self, part: Part) {
        if self.whole.contains(part.tick) {
            return;
        }
        let count = usize::from(self.count);
        let at = self.parts().partition_point(|other| other.tick > part.tick);
        if let Some(same) = self.parts[..count].get_mut(at).filter(|other| other.tick == part.tick) {
            same.frames |= part.frames;
        } else if at < RECEIPT_PARTS_MAX {
            let kept = (count + 1).min(RECEIPT_PARTS_MAX);
            self.parts.copy_within(at..kept - 1, at + 1);
            self.parts[at] = part;
            self.count = kept as u8;
        }
    }

    /// Adds all of another receipt.
    pub fn merge(&mut self, other: &Receipt) {
        self.whole.merge(other.whole);
        let mine = std::mem::replace(self, Receipt::from(self.whole));
        mine.parts().iter().chain(other.parts()).for_each(|part| self.add(*part));
    }

    /// Appends the whole ticks, how many parts, and of each the ticks from the newest whole one and its frames.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.whole.encode(out);
        wire::varint(out, self.count.into());
        for part in self.parts() {
            wire::zigzag(out, part.tick.0.wrapping_sub(self.whole.newest().0) as i32);
            wire::varint(out, part.frames);
        }
    }

    /// The inverse.
    ///
    /// # Errors
    /// Any [`DecodeError`].
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut receipt = Receipt::from(Acks::decode(reader)?);
        let count = reader.varint()?;
        if count > RECEIPT_PARTS_MAX as u64 {
            return Err(DecodeError::Limit("ticks in part"));
        }
        for _ in 0..count {
            let tick = receipt.whole.newest().0.checked_add_signed(reader.zigzag()?.into());
            let tick = Tick(tick.ok_or(DecodeError::Inconsistent("part of a tick before tick 0"))?);
            receipt.add(Part { tick, frames: reader.varint()? });
        }
        Ok(receipt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(tick: u64, frames: u64) -> Part {
        Part { tick: Tick(tick), frames }
    }

    fn ticks(receipt: &Receipt) -> Vec<(u64, u64)> {
        receipt.parts().iter().map(|part| (part.tick.0, part.frames)).collect()
    }

    #[test]
    fn parts_grow_until_they_are_whole() {
        let mut receipt = Receipt::from(Acks::of(Tick(100)));
        [part(103, 0b1), part(101, 0b10), part(102, 0b100), part(103, 0b10), part(100, 0b1)]
            .iter()
            .for_each(|part| receipt.add(*part));
        assert_eq!(ticks(&receipt), [(103, 0b11), (102, 0b100), (101, 0b10)]);
        assert_eq!(receipt.newest(), Tick(103));
        receipt.merge(&Receipt::from(Acks::of(Tick(102))));
        assert_eq!(ticks(&receipt), [(103, 0b11), (101, 0b10)]);
        (90..130).for_each(|tick| receipt.add(part(tick, 1)));
        assert_eq!(receipt.parts().len(), RECEIPT_PARTS_MAX, "the newest stay");
        assert_eq!(ticks(&receipt)[..2], [(129, 1), (128, 1)]);
        receipt.add(part(5, 1));
        assert!(receipt.parts().iter().all(|part| part.tick.0 > 100));
    }

    #[test]
    fn a_receipt_comes_back() {
        let mut receipt = Receipt::from(Acks::of(Tick(1_000)));
        let mut out = Vec::new();
        receipt.encode(&mut out);
        assert_eq!(out.last(), Some(&0), "no parts are one byte: {out:?}");
        [part(1_001, 7), part(990, u64::MAX)].iter().for_each(|part| receipt.add(*part));
        out.clear();
        receipt.encode(&mut out);
        let mut reader = Reader::new(&out);
        assert_eq!(Receipt::decode(&mut reader), Ok(receipt));
        assert!(reader.is_empty());
        assert_eq!(Receipt::decode(&mut Reader::new(&[9, 0, 200])), Err(DecodeError::Truncated));
        assert_eq!(Receipt::decode(&mut Reader::new(&[9, 0, 100])), Err(DecodeError::Limit("ticks in part")));
        let before_0 = Receipt::decode(&mut Reader::new(&[9, 0, 1, 99, 1]));
        assert_eq!(before_0, Err(DecodeError::Inconsistent("part of a tick before tick 0")));
    }
}
