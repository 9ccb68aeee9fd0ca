//! A run of bits, lowest first.

use crate::wire::DecodeError;

/// Bits put or taken at once, at most.
pub const BITS_AT_ONCE: u32 = 32;
/// Bits of [`BitWriter::put_many`], at most.
pub const BITS_OF_MANY: u32 = 63;

/// Puts bits behind each other.
#[derive(Clone, Debug, Default)]
pub struct BitWriter {
    /// Whole words of 64 bits, as bytes.
    bytes: Vec<u8>,
    /// Bits that are no whole word yet.
    pending: u64,
    count: u32,
}

/// A place in a writer to come back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    bytes: usize,
    pending: u64,
    count: u32,
}

impl BitWriter {
    /// The low `count` bits of `bits`, whose others are 0; at most [`BITS_AT_ONCE`].
    #[inline]
    pub fn put(&mut self, bits: u32, count: u32) {
        debug_assert!(count <= BITS_AT_ONCE && u64::from(bits) >> count == 0);
        self.put_many(bits.into(), count);
    }

    /// As [`BitWriter::put`]; at most [`BITS_OF_MANY`].
    #[inline]
    pub fn put_many(&mut self, bits: u64, count: u32) {
        debug_assert!(count <= BITS_OF_MANY && bits >> count == 0);
        self.pending |= bits << self.count;
        let reach = self.count + count;
        if reach >= u64::BITS {
            self.bytes.extend_from_slice(&self.pending.to_le_bytes());
            // With none pending `count` would have to be 64.
            self.pending = bits >> (u64::BITS - self.count);
        }
        self.count = reach % u64::BITS;
    }

    /// Bits so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() * 8 + self.count as usize
    }

    /// Nothing so far?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where it stands.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), pending: self.pending, count: self.count }
    }

    /// Forgets what was put after `mark`.
    pub fn back_to(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        (self.pending, self.count) = (mark.pending, mark.count);
    }

    /// Takes the bytes out and begins anew; the last is filled with zeros.
    pub fn take(&mut self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes.len() + 8);
        self.take_into(&mut bytes);
        bytes
    }

    /// As [`BitWriter::take`], behind what `out` holds.
    pub fn take_into(&mut self, out: &mut Vec<u8>) {
        let rest = self.pending.to_le_bytes();
        out.extend_from_slice(&self.bytes);
        out.extend_from_slice(&rest[..self.count.div_ceil(8) as usize]);
        self.bytes.clear();
        (self.pending, self.count) = (0, 0);
    }
}

/// Takes bits as they were put. Behind the last it finds zeros, and [`BitReader::check`] says so.
#[derive(Clone, Debug)]
pub struct BitReader<'a> {
    rest: &'a [u8],
    pending: u64,
    count: u32,
    /// Bits taken that were none.
    missing: u32,
}

impl<'a> BitReader<'a> {
    /// Of a writer's bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        BitReader { rest: bytes, pending: 0, count: 0, missing: 0 }
    }

    /// The bytes of which no bit was taken.
    #[must_use]
    pub fn unread(&self, bytes: &'a [u8]) -> &'a [u8] {
        let bits = self.rest.len() * 8 + (self.count as usize).saturating_sub(self.missing as usize);
        &bytes[bytes.len() - (bits / 8).min(bytes.len())..]
    }

    /// Makes at least 32 bits ready.
    #[inline]
    fn fill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some((word, rest)) = self.rest.split_first_chunk::<4>() {
            self.pending |= u64::from(u32::from_le_bytes(*word)) << self.count;
            self.count += 32;
            self.rest = rest;
        } else {
            self.fill_slowly();
        }
    }

    #[cold]
    fn fill_slowly(&mut self) {
        while self.count < 32 {
            match self.rest.split_first() {
                Some((byte, rest)) => {
                    self.pending |= u64::from(*byte) << self.count;
                    self.rest = rest;
                }
                None => self.missing += 8,
            }
            self.count += 8;
        }
    }

    /// The next 32 bits, which stay.
    #[inline]
    pub fn peek(&mut self) -> u32 {
        self.fill();
        self.pending as u32
    }

    /// Passes over bits that were peeked at, at most 32.
    #[inline]
    pub fn skip(&mut self, count: u32) {
        debug_assert!(count <= self.count);
        self.pending >>= count;
        self.count -= count;
    }

    /// Takes so many, at most [`BITS_AT_ONCE`].
    #[inline]
    pub fn take(&mut self, count: u32) -> u32 {
        self.fill();
        let bits = self.pending & ((1 << count) - 1);
        self.skip(count);
        bits as u32
    }

    /// Were there as many bits as were taken? To be asked now and then, and at the end.
    ///
    /// # Errors
    /// `Truncated`.
    #[inline]
    pub fn check(&self) -> Result<(), DecodeError> {
        // Zeros that were made ready and not taken were not missed.
        if self.missing <= self.count { Ok(()) } else { Err(DecodeError::Truncated) }
    }
}

impl BitWriter {
    /// A number that is mostly below `2^k`: unary in steps of double size, then the bits.
    #[inline]
    pub fn put_number(&mut self, number: u32, k: u32) {
        let above = u64::from(number) + (1 << k);
        let length = above.ilog2();
        self.put_many((1 << (length - k)) - 1, length - k + 1);
        self.put((above & ((1 << length) - 1)) as u32, length);
    }
}

impl BitReader<'_> {
    /// A number put by [`BitWriter::put_number`].
    #[inline]
    pub fn take_number(&mut self, k: u32) -> u32 {
        let ones = self.peek().trailing_ones().min(31);
        self.skip(ones + 1);
        let length = (ones + k).min(32);
        let above = (1 << length) | u64::from(self.take(length));
        (above - (1 << k)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_taken() {
        let mut state = 9u32;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        };
        for length in 0..300 {
            let plan: Vec<(u32, u32)> = (0..length)
                .map(|_| {
                    let count = random() % 33;
                    ((u64::from(random()) & ((1 << count) - 1)) as u32, count)
                })
                .collect();
            let mut writer = BitWriter::default();
            for (i, (bits, count)) in plan.iter().enumerate() {
                let mark = writer.mark();
                writer.put(1, 1);
                writer.put_number(77, 0);
                writer.back_to(mark);
                match i % 3 {
                    0 => writer.put_number(*bits / 2, count / 4),
                    1 => writer.put(*bits, *count),
                    _ => writer.put_many(u64::from(*bits) | 0x2aaa_aaaa << count, count + 31),
                }
            }
            let bits = writer.len();
            let bytes = writer.take();
            assert_eq!(bytes.len(), bits.div_ceil(8));
            let mut reader = BitReader::new(&bytes);
            for (i, (bits, count)) in plan.iter().enumerate() {
                let (got, want) =
                    if i % 3 == 0 { (reader.take_number(count / 4), *bits / 2) } else { (reader.take(*count), *bits) };
                assert_eq!(got, want);
                assert!(i % 3 != 2 || reader.take(31) == 0x2aaa_aaaa);
            }
            reader.check().unwrap();
            reader.take(9);
            assert_eq!(reader.check(), Err(DecodeError::Truncated));
        }
    }

    #[test]
    fn noise_is_read_as_something() {
        for byte in 0..=255u8 {
            let bytes = [byte; 40];
            let mut reader = BitReader::new(&bytes);
            for k in 0..31 {
                reader.take_number(k);
            }
            assert!(byte == 0 || reader.check().is_err() || reader.take(32) > 0);
        }
    }
}
