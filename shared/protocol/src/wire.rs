//! Reading and writing the binary frames: LEB128 varints, zigzag, and errors that never panic on any bytes.

use hd1_schema::quantise::{put_varint, take_varint};

/// Why bytes are no frame of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The frame ends in the middle of a value.
    #[error("frame ends early")]
    Truncated,
    /// A varint of more than 64 bits.
    #[error("bad varint")]
    BadVarint,
    /// Another kind of frame than expected.
    #[error("wrong frame kind {0:#04x}")]
    WrongKind(u8),
    /// A count, length or number beyond its limit.
    #[error("{0} beyond its limit")]
    Limit(&'static str),
    /// A component that the catalogue does not have.
    #[error("unknown component {0}")]
    UnknownComponent(u16),
    /// An entity that the mirror does not have.
    #[error("unknown entity {0}")]
    UnknownEntity(u32),
    /// A batch or chunk is missing on a stream that loses nothing.
    #[error("sequence gap: expected {expected}, got {got}")]
    Gap {
        /// The next in order.
        expected: u64,
        /// What came.
        got: u64,
    },
    /// Values that contradict each other.
    #[error("inconsistent frame: {0}")]
    Inconsistent(&'static str),
    /// Compressed bytes that do not decompress.
    #[error("bad compression")]
    Compression,
}

/// A cursor over a frame's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts behind the kind byte, which must be `kind`.
    ///
    /// # Errors
    /// `WrongKind` or `Truncated`.
    pub fn frame(bytes: &'a [u8], kind: crate::FrameKind) -> Result<Self, DecodeError> {
        match bytes.split_first() {
            Some((&first, rest)) if first == kind as u8 => Ok(Reader { rest }),
            Some((&first, _)) => Err(DecodeError::WrongKind(first)),
            None => Err(DecodeError::Truncated),
        }
    }

    /// Reads bare bytes.
    #[must_use]
    pub const fn new(rest: &'a [u8]) -> Self {
        Reader { rest }
    }

    /// What is left.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Nothing left?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// One byte.
    ///
    /// # Errors
    /// `Truncated`.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        let (&byte, rest) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(byte)
    }

    /// A LEB128 varint. Values of one and two bytes, nearly all in a state frame, take the short way.
    ///
    /// # Errors
    /// `Truncated` or `BadVarint`.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        match *self.rest {
            [byte, ref rest @ ..] if byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(byte))
            }
            [low, high, ref rest @ ..] if high < 0x80 => {
                self.rest = rest;
                Ok(u64::from(low & 0x7f) | u64::from(high) << 7)
            }
            _ => self.long_varint(),
        }
    }

    #[cold]
    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let fault = if self.rest.iter().take(10).any(|b| b & 0x80 == 0) || self.rest.len() >= 10 {
            DecodeError::BadVarint
        } else {
            DecodeError::Truncated
        };
        take_varint(&mut self.rest).ok_or(fault)
    }

    /// A varint that fits 32 bits.
    ///
    /// # Errors
    /// Also `Limit` where it does not.
    #[inline]
    pub fn varint_u32(&mut self) -> Result<u32, DecodeError> {
        u32::try_from(self.varint()?).map_err(|_| DecodeError::Limit("32-bit number"))
    }

    /// A zigzag varint that fits 32 bits.
    ///
    /// # Errors
    /// As [`Reader::varint_u32`].
    #[inline]
    pub fn zigzag(&mut self) -> Result<i32, DecodeError> {
        let v = self.varint_u32()?;
        Ok(signed(v))
    }

    /// 8 bytes, little-endian.
    ///
    /// # Errors
    /// `Truncated`.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        let bytes = self.bytes(8)?;
        Ok(u64::from_le_bytes(bytes.try_into().map_err(|_| DecodeError::Truncated)?))
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// `Truncated`.
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }
}

/// Appends a LEB128 varint.
#[inline]
pub fn varint(out: &mut Vec<u8>, v: u64) {
    if v < 0x80 { out.push(v as u8) } else { put_varint(out, v) }
}

/// Appends a zigzag varint.
#[inline]
pub fn zigzag(out: &mut Vec<u8>, v: i32) {
    varint(out, u64::from(unsigned(v)));
}

/// Zigzag: numbers near 0 of either sign become small ones.
pub(crate) const fn unsigned(v: i32) -> u32 {
    ((v << 1) ^ (v >> 31)) as u32
}

/// What [`unsigned`] was made of.
pub(crate) const fn signed(v: u32) -> i32 {
    (v >> 1) as i32 ^ -((v & 1) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_varints_are_told_from_short_frames() {
        assert_eq!(Reader::new(&[0x80]).varint(), Err(DecodeError::Truncated));
        assert_eq!(Reader::new(&[0xff; 11]).varint(), Err(DecodeError::BadVarint));
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x7f]).varint_u32(), Err(DecodeError::Limit("32-bit number")));
    }

    #[test]
    fn zigzag_round_trips_at_the_ends() {
        for v in [0, 1, -1, 63, -64, i32::MAX, i32::MIN] {
            let mut out = Vec::new();
            zigzag(&mut out, v);
            assert_eq!(Reader::new(&out).zigzag(), Ok(v));
        }
    }
}
