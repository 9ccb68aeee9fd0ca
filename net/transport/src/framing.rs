//! Frames on a stream: each behind its length as LEB128. Nothing is reserved for bytes that have not come.

use bytes::{Buf, Bytes, BytesMut};
use hd1_protocol::CloseCode;

use crate::link::LinkEnd;

/// Bytes of a length prefix: 4 × 7 bits are far beyond any frame's limit.
const PREFIX_BYTES_MAX: usize = 4;

/// Cuts a stream's bytes into frames.
#[derive(Debug)]
pub(crate) struct FrameReader {
    pub(crate) buffer: BytesMut,
    frame_bytes_max: usize,
}

impl FrameReader {
    pub(crate) fn new(frame_bytes_max: usize) -> Self {
        FrameReader { buffer: BytesMut::new(), frame_bytes_max }
    }

    /// The next whole frame, if its bytes are all here.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, LinkEnd> {
        let Some((prefix, len)) = self.length()? else { return Ok(None) };
        if len > self.frame_bytes_max {
            let reason = format!("a frame is at most {} bytes, this one claims {len}", self.frame_bytes_max);
            return Err(LinkEnd::Violation { code: CloseCode::TooLarge, reason });
        }
        if self.buffer.len() < prefix + len {
            return Ok(None);
        }
        self.buffer.advance(prefix);
        Ok(Some(self.buffer.split_to(len).freeze()))
    }

    fn length(&self) -> Result<Option<(usize, usize)>, LinkEnd> {
        let mut len = 0;
        for (i, byte) in self.buffer.iter().take(PREFIX_BYTES_MAX).enumerate() {
            len |= usize::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                return Ok(Some((i + 1, len)));
            }
        }
        if self.buffer.len() < PREFIX_BYTES_MAX {
            return Ok(None);
        }
        Err(LinkEnd::Violation { code: CloseCode::Malformed, reason: "bad length prefix".into() })
    }
}

/// The prefix of a frame.
pub(crate) fn prefix(frame: &[u8]) -> Bytes {
    let (mut out, mut len) = (BytesMut::with_capacity(PREFIX_BYTES_MAX), frame.len());
    while len >= 0x80 {
        out.extend_from_slice(&[len as u8 | 0x80]);
        len >>= 7;
    }
    out.extend_from_slice(&[len as u8]);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_however_they_are_cut() {
        let frames = [vec![], vec![7; 3], vec![9; 300], vec![1; 20_000]];
        let stream: Vec<u8> = frames.iter().flat_map(|f| [prefix(f).to_vec(), f.clone()].concat()).collect();
        for step in [1, 2, 127, 5_000, 40_000] {
            let mut reader = FrameReader::new(20_000);
            let mut out = Vec::new();
            for piece in stream.chunks(step) {
                reader.buffer.extend_from_slice(piece);
                while let Some(frame) = reader.next().unwrap() {
                    out.push(frame.to_vec());
                }
            }
            assert_eq!(out, frames, "cut every {step}");
        }
    }

    #[test]
    fn an_oversized_length_is_refused_before_its_bytes_come() {
        let mut reader = FrameReader::new(100);
        reader.buffer.extend_from_slice(&[0x80, 0x08]);
        let end = reader.next().unwrap_err();
        assert!(matches!(end, LinkEnd::Violation { code: CloseCode::TooLarge, .. }), "{end}");
    }

    #[test]
    fn a_bad_prefix_is_refused() {
        let mut reader = FrameReader::new(100);
        reader.buffer.extend_from_slice(&[0xff; 4]);
        let end = reader.next().unwrap_err();
        assert!(matches!(end, LinkEnd::Violation { code: CloseCode::Malformed, .. }), "{end}");
    }
}
