//! Ticks of which some frames are in, and frames that stand on structure still to come; both bounded.

use hd1_core::Tick;

use crate::{
    receipt::{Part, Receipt},
    state::StateHeader,
    wire::DecodeError,
};

/// Ticks in the air at once; older ones give way.
const TICKS_MAX: usize = 64;
/// Bytes of frames held back; what does not fit is dropped as if lost on the way.
const DEFERRED_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug)]
struct Partial {
    tick: Tick,
    count: u32,
    missing: u32,
    received: Vec<u64>,
    hashes: Vec<(u16, u32)>,
}

#[derive(Debug, Default)]
pub(super) struct Pending {
    partial: Vec<Partial>,
}

impl Pending {
    /// Is this frame new? Makes room for its tick.
    pub(super) fn begin(&mut self, header: &StateHeader) -> Result<bool, DecodeError> {
        if let Some(partial) = self.partial.iter().find(|p| p.tick == header.tick) {
            if partial.count != header.count {
                return Err(DecodeError::Inconsistent("fragment counts differ"));
            }
            let (word, bit) = place(header.index);
            return Ok(partial.received[word] & bit == 0);
        }
        if self.partial.len() == TICKS_MAX {
            self.partial.remove(0);
        }
        let received = vec![0; header.count.div_ceil(64) as usize];
        let (tick, count) = (header.tick, header.count);
        self.partial.push(Partial { tick, count, missing: count, received, hashes: Vec::new() });
        Ok(true)
    }

    /// A page's check sum, to be compared when its tick is whole.
    pub(super) fn note_hash(&mut self, tick: Tick, page: u16, hash: u32) {
        if let Some(partial) = self.partial.iter_mut().find(|p| p.tick == tick) {
            // Each piece of a page's blob says it.
            if !partial.hashes.contains(&(page, hash)) {
                partial.hashes.push((page, hash));
            }
        }
    }

    /// Adds to a receipt the ticks of which some frames are applied and some still missing. The newest of all may just be
    /// coming in.
    pub(super) fn tell(&self, receipt: &mut Receipt) {
        let newest = self.partial.iter().map(|partial| partial.tick).fold(receipt.whole.newest(), Tick::max);
        let told = self.partial.iter().filter(|partial| partial.tick < newest && partial.missing < partial.count);
        told.for_each(|partial| receipt.add(Part { tick: partial.tick, frames: partial.received[0] }));
    }

    /// Marks a frame as applied; where its tick is now whole, forgets it: the check sums that came with it.
    pub(super) fn received(&mut self, header: &StateHeader) -> Option<Vec<(u16, u32)>> {
        let at = self.partial.iter().position(|p| p.tick == header.tick)?;
        let partial = &mut self.partial[at];
        let (word, bit) = place(header.index);
        partial.missing -= u32::from(partial.received[word] & bit == 0);
        partial.received[word] |= bit;
        (partial.missing == 0).then(|| self.partial.remove(at).hashes)
    }
}

fn place(index: u32) -> (usize, u64) {
    ((index / 64) as usize, 1 << (index % 64))
}

/// A frame that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub frame: Vec<u8>,
    /// Entries that need no more be applied.
    pub done: usize,
}

#[derive(Debug, Default)]
pub(super) struct Deferred {
    frames: Vec<Waiting>,
    bytes: usize,
}

impl Deferred {
    pub(super) fn push(&mut self, waiting: Waiting) {
        if self.bytes + waiting.frame.len() <= DEFERRED_BYTES_MAX {
            self.bytes += waiting.frame.len();
            self.frames.push(waiting);
        }
    }

    /// All, in order of arrival.
    pub(super) fn take(&mut self) -> Vec<Waiting> {
        self.bytes = 0;
        std::mem::take(&mut self.frames)
    }
}
