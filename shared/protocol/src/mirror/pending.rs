//! Ticks of which some fragments are in, and fragments that stand on structure still to come; both bounded.

use hd1_core::Tick;

use crate::{state::StateHeader, wire::DecodeError};

/// Ticks in the air at once; older ones give way.
const TICKS_MAX: usize = 32;
/// Bytes of fragments held back; what does not fit is dropped as if lost on the way.
const DEFERRED_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug)]
struct Partial {
    tick: Tick,
    count: u32,
    missing: u32,
    received: Vec<u64>,
    hash: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Pending {
    partial: Vec<Partial>,
}

impl Pending {
    /// Is this fragment new? Makes room for its tick.
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
        let words = header.count.div_ceil(64) as usize;
        let received = vec![0; words];
        let partial = Partial { tick: header.tick, count: header.count, missing: header.count, received, hash: None };
        self.partial.push(partial);
        Ok(true)
    }

    /// Marks a fragment as applied; `true` when its tick is complete.
    pub(super) fn received(&mut self, header: &StateHeader) -> bool {
        let Some(partial) = self.partial.iter_mut().find(|p| p.tick == header.tick) else { return false };
        let (word, bit) = place(header.index);
        partial.received[word] |= bit;
        partial.missing -= 1;
        partial.hash = partial.hash.or(header.hash);
        partial.missing == 0
    }

    /// Forgets this tick and all before it; the check sum that came with it.
    pub(super) fn finish(&mut self, tick: Tick) -> Option<u64> {
        let hash = self.partial.iter().find(|p| p.tick == tick).and_then(|p| p.hash);
        self.partial.retain(|p| p.tick > tick);
        hash
    }
}

fn place(index: u32) -> (usize, u64) {
    ((index / 64) as usize, 1 << (index % 64))
}

#[derive(Debug, Default)]
pub(super) struct Deferred {
    frames: Vec<(u64, Vec<u8>)>,
    bytes: usize,
}

impl Deferred {
    pub(super) fn push(&mut self, needs_seq: u64, frame: &[u8]) {
        if self.bytes + frame.len() <= DEFERRED_BYTES_MAX {
            self.bytes += frame.len();
            self.frames.push((needs_seq, frame.to_vec()));
        }
    }

    /// Those that stand on structure up to `seq`, in order of arrival.
    pub(super) fn take_ready(&mut self, seq: u64) -> Vec<Vec<u8>> {
        let (ready, rest): (Vec<_>, Vec<_>) = self.frames.drain(..).partition(|(needs, _)| *needs <= seq);
        self.frames = rest;
        self.bytes = self.frames.iter().map(|(_, f)| f.len()).sum();
        ready.into_iter().map(|(_, frame)| frame).collect()
    }
}
