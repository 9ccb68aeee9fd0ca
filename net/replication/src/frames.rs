//! Memory for frames: cut from chunks that are filled again once nobody holds a frame of them.
//!
//! A frame lives until the last client that is sent it has it on its way, mostly less than a tick. In a steady world a
//! few chunks go round and nothing is allocated. A slow client that holds one frame holds its chunk, so chunks are small.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Bytes of a chunk.
const CHUNK_BYTES: usize = 16 * 1024;
/// Chunks that are kept to be filled again: what a thousand clients are sent in a tick.
const CHUNKS_MAX: usize = 256;

/// Chunks that are looked at before a new one is made: the oldest may be held for long.
const TRIES: usize = 4;

/// See the module's words.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// What is left of the chunk at hand.
    chunk: Option<BytesMut>,
    /// Chunks that are full, the oldest first.
    full: VecDeque<BytesMut>,
}

impl Frames {
    /// A frame of these parts, one behind the other.
    pub(crate) fn frame(&mut self, parts: &[&[u8]]) -> Bytes {
        let bytes = parts.iter().map(|part| part.len()).sum();
        let mut chunk = match self.chunk.take() {
            Some(chunk) if chunk.capacity() >= bytes => chunk,
            full => {
                self.full.extend(full);
                self.next(bytes.max(CHUNK_BYTES))
            }
        };
        parts.iter().for_each(|part| chunk.extend_from_slice(part));
        let frame = chunk.split().freeze();
        self.chunk = Some(chunk);
        frame
    }

    /// One of the oldest chunks where nobody needs it any more, else a new one.
    fn next(&mut self, bytes: usize) -> BytesMut {
        for _ in 0..TRIES.min(self.full.len()) {
            let Some(mut chunk) = self.full.pop_front() else { break };
            if chunk.try_reclaim(bytes) {
                return chunk;
            }
            if self.full.len() < CHUNKS_MAX {
                self.full.push_back(chunk);
            }
        }
        BytesMut::with_capacity(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_go_round() {
        let mut frames = Frames::default();
        let mut places = std::collections::BTreeSet::new();
        let held = frames.frame(&[b"held ", b"back"]);
        for round in 0..100u8 {
            let tick: Vec<Bytes> = (0..40).map(|i| frames.frame(&[&[round; 600], &[i; 300]])).collect();
            for (i, frame) in tick.iter().enumerate() {
                assert!(frame[..600].iter().all(|b| *b == round) && frame[600..].iter().all(|b| *b == i as u8));
                places.insert(frame.as_ptr());
            }
        }
        assert_eq!(held, "held back");
        assert!(places.len() < 200, "{} places for 4,000 frames", places.len());
        assert_eq!(frames.frame(&[&vec![1; 3 * CHUNK_BYTES]]).len(), 3 * CHUNK_BYTES);
    }
}
