//! Blobs: what one page's state changed by, laid down once for everyone who has the page on the same base.

use std::ops::Range;

use hd1_schema::ComponentId;

use super::{StateHeader, TickCodes, codes::CODES_BYTES_MAX};
use crate::{
    bits::{BitReader, BitWriter},
    limits,
    predict::Onward,
    residual::{RowAt, Rows, Section},
    shapes::Shape,
};

/// Bytes of an entry before its blob at most: number, base, the tick before, when the page was opened.
pub(crate) const ENTRY_BYTES_MAX: usize = 1 + 3 + 10 + 10 + 10;
/// Bytes of one piece of a blob: two with their entries fill a frame.
const PIECE_BYTES_MAX: usize =
    (limits::DATAGRAM_BYTES_MAX - StateHeader::BYTES_MAX - CODES_BYTES_MAX) / 2 - ENTRY_BYTES_MAX;
/// Bits of one piece, less those that end the last section and the piece.
const ROOM: usize = PIECE_BYTES_MAX * 8 - 2;
/// Rows from which a section has codes of its own.
const OWN_CODES_ROWS: usize = 24;
/// Bits that a page's version mostly takes.
const VERSION_BITS: u32 = 6;
/// Bits that the ticks since something held still mostly take.
const STILL_BITS: u32 = 2;

/// What a blob begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlobHead {
    /// Are its rows coded against zeros instead of the base? For clients that are too far behind.
    pub whole: bool,
    /// Blocks of structure that the page must have had, where a client with the base may lack some.
    pub version: Option<u64>,
    /// What changed last held still so many ticks before the tick shown; at least 1.
    pub moved_for: u32,
    /// Check sum of all the page shows at this tick, its low 32 bits; now and then.
    pub hash: Option<u32>,
}

impl BlobHead {
    fn encode(self, bits: &mut BitWriter) {
        bits.put(u32::from(self.whole), 1);
        bits.put(u32::from(self.version.is_some()), 1);
        if let Some(version) = self.version {
            // Counts of blocks wrap at 32 bits; no client lags by so many.
            bits.put_number(version as u32 & (u32::MAX >> 1), VERSION_BITS);
        }
        let moved_for = self.moved_for.max(1) - 1;
        bits.put(u32::from(moved_for > 0), 1);
        if moved_for > 0 {
            bits.put_number(moved_for, STILL_BITS);
        }
        bits.put(u32::from(self.hash.is_some()), 1);
        if let Some(hash) = self.hash {
            bits.put(hash, 32);
        }
    }

    pub(super) fn decode(bits: &mut BitReader<'_>) -> Self {
        let whole = bits.take(1) == 1;
        let version = (bits.take(1) == 1).then(|| u64::from(bits.take_number(VERSION_BITS)));
        let moved_for = if bits.take(1) == 1 { bits.take_number(STILL_BITS).saturating_add(1) } else { 1 };
        let hash = (bits.take(1) == 1).then(|| bits.take(32));
        BlobHead { whole, version, moved_for, hash }
    }
}

/// Where a blob's pieces lie among the bytes of all: each fits a frame and can be applied by itself.
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    /// The bytes of each.
    pub ranges: smallvec::SmallVec<[Range<u32>; 4]>,
    /// Which codes of the tick they use, as bits.
    pub codes: u8,
}

/// Lays down blobs. One serves a whole tick, so that nothing is allocated for each.
#[derive(Debug, Default)]
pub struct BlobWriter {
    head: BlobHead,
    bits: BitWriter,
    /// The section that is open.
    open: Option<(ComponentId, Shape)>,
    section: Section,
    pieces: Pieces,
}

impl BlobWriter {
    /// Begins a blob.
    pub fn begin(&mut self, head: BlobHead) {
        self.head = head;
        head.encode(&mut self.bits);
    }

    /// Opens the section of a component behind those before it; each component has one at most.
    pub fn section(&mut self, component: ComponentId, shape: &Shape, codes: &TickCodes, out: &mut Vec<u8>) {
        self.end_section(codes, out);
        self.open = Some((component, *shape));
    }

    /// Adds rows to the open section, by slot; those of a page come by ascending slot.
    pub fn rows(&mut self, rows: &Rows<'_>) {
        if let Some((_, shape)) = &self.open {
            self.section.push(shape, rows);
        }
    }

    /// Adds a row to the open section: the value `now`, which was `base` at the base and `before` at the tick before it;
    /// without these it is coded against zeros. All fill the component's shape.
    pub fn row(&mut self, slot: u8, now: &[i32], known: Option<(&[i32], &[i32])>, onward: Onward) {
        let known: Vec<i32> = match known {
            Some((base, before)) => [base, before].concat(),
            None => vec![0; now.len() * 2],
        };
        let at = RowAt { number: slot.into(), now: 0, base: 0, before: now.len() as u32 };
        self.rows(&Rows { list: &[at], now, known: &known, onward });
    }

    /// Ends the blob: appends its pieces to `out`.
    pub fn end(&mut self, codes: &TickCodes, out: &mut Vec<u8>) -> Pieces {
        self.end_section(codes, out);
        self.end_piece(out);
        std::mem::take(&mut self.pieces)
    }

    /// Throws away the rows gathered, after `codes` have learnt from them how such rows are best coded.
    pub fn teach(&mut self, codes: &mut TickCodes) {
        if let Some((component, shape)) = self.open.take() {
            if self.section.len() > 0 {
                codes.learn(component, &shape, &self.section);
            }
            self.section.clear();
        }
    }

    /// Opens a section to be thrown away by [`BlobWriter::teach`].
    pub fn sample(&mut self, component: ComponentId, shape: &Shape) {
        self.open = Some((component, *shape));
    }

    fn end_section(&mut self, codes: &TickCodes, out: &mut Vec<u8>) {
        let Some((component, shape)) = self.open.take() else { return };
        let rows = self.section.len();
        let shared = if rows < OWN_CODES_ROWS { codes.of(component) } else { None };
        let shared = shared.filter(|(_, shared)| shared.covers(&shape, self.section.used()));
        let own = if shared.is_none() && rows > 0 { Some(self.section.codes(&shape)) } else { None };
        let mut next = 0;
        while next < rows {
            let begin = self.bits.mark();
            self.bits.put(1, 1);
            let codes = match (shared, &own) {
                (Some((number, shared)), _) => {
                    self.bits.put_number(number + 1, 1);
                    self.pieces.codes |= 1 << number;
                    shared
                }
                (None, Some(own)) => {
                    self.bits.put_number(0, 1);
                    self.bits.put(u32::from(component.0), 16);
                    own.write(&mut self.bits, &shape);
                    own
                }
                (None, None) => break,
            };
            let written = self.section.write(&shape, codes, &mut self.bits, ROOM, next);
            next += written;
            if next < rows {
                // The rest goes into a piece of its own; where not one row fitted, all of it.
                if written == 0 {
                    self.bits.back_to(begin);
                }
                self.end_piece(out);
                self.head.encode(&mut self.bits);
            }
        }
        self.section.clear();
    }

    fn end_piece(&mut self, out: &mut Vec<u8>) {
        self.bits.put(0, 1);
        let start = out.len() as u32;
        self.bits.take_into(out);
        self.pieces.ranges.push(start..out.len() as u32);
    }
}
