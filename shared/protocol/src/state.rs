//! State: what changed since a base that the client has acknowledged as complete.
//!
//! A tick's state is cut into fragments that fit a datagram; each can be applied by itself, and a tick is complete
//! (and acknowledged) when all have come. All clients with the same base are sent the same bytes, so a fragment's body
//! is encoded once and only the few bytes before it are a client's own.
//!
//! A body is a section for each component: rows of differences from what both ends expect ([`crate::predict`]), in as
//! few bits as they take ([`crate::residual`]).

use hd1_core::{NetId, Tick};
use hd1_schema::ComponentId;

use crate::{
    FrameKind,
    bits::{BitReader, BitWriter},
    limits,
    predict::{self, Onward},
    residual::{self, Differences, Section},
    shapes::{Shape, Shapes},
    wire::{self, DecodeError, Reader},
};

/// Kind byte and input acknowledgement at most.
const PREFIX_BYTES_MAX: usize = 6;
/// Header of a body at most: tick, base, the tick before, seq, flags, index, count, hash.
const HEADER_BYTES_MAX: usize = 10 + 5 + 5 + 10 + 1 + 3 + 3 + 8;
/// Bytes of sections in one fragment.
const SECTIONS_BYTES_MAX: usize = limits::DATAGRAM_BYTES_MAX - PREFIX_BYTES_MAX - HEADER_BYTES_MAX;
/// Bits of sections, less those that end the last section and the fragment.
const ROOM: usize = SECTIONS_BYTES_MAX * 8 - 2;
/// Rows of one fragment: those that are just as expected take no bits to speak of, but time to read.
const ROWS_MAX: usize = 16 * 1024;
const FLAG_HASH: u8 = 1;
const FLAG_WHOLE: u8 = 2;

/// What stands before the records of every fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateHeader {
    /// The newest input of this client that the world has applied; 0 before the first.
    pub input_ack: u32,
    /// The tick shown.
    pub tick: Tick,
    /// What it is coded against.
    pub base: Base,
    /// The structure batch that must be applied before.
    pub structure_seq: u64,
    /// This fragment's number, from 0.
    pub index: u32,
    /// Fragments of this tick.
    pub count: u32,
    /// Check sum of everything shown at this tick; sent now and then.
    pub hash: Option<u64>,
}

impl StateHeader {
    /// One without a check sum, of which the writer and [`frame`] fill in the rest.
    #[must_use]
    pub const fn new(tick: Tick, base: Base, structure_seq: u64) -> Self {
        StateHeader { input_ack: 0, tick, base, structure_seq, index: 0, count: 0, hash: None }
    }

    /// With the check sum of everything shown.
    #[must_use]
    pub const fn with_hash(mut self, hash: u64) -> Self {
        self.hash = Some(hash);
        self
    }
}

/// What state is coded against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Base {
    /// The tick whose values the client has. Older than all history where `whole`.
    pub tick: Tick,
    /// An earlier tick whose values it has too, to tell how they went on; `tick` itself where there is none.
    pub before: Tick,
    /// Are rows coded against zeros instead? For clients that are too far behind.
    pub whole: bool,
}

impl Base {
    /// One tick alone: nothing is expected to go on.
    #[must_use]
    pub const fn alone(tick: Tick) -> Self {
        Base { tick, before: tick, whole: false }
    }

    /// Zeros, for a client that has `tick`.
    #[must_use]
    pub const fn whole(tick: Tick) -> Self {
        Base { tick, before: tick, whole: true }
    }

    /// How far things are to go on from it to `tick`.
    #[must_use]
    pub fn onward_to(self, tick: Tick) -> Onward {
        Onward::new(tick.since(self.tick), self.tick.since(self.before))
    }
}

/// Codes the changed rows of one tick against one base and cuts them into bodies.
#[derive(Debug, Default)]
pub struct StateWriter {
    /// Finished runs of sections.
    full: Vec<Vec<u8>>,
    bits: BitWriter,
    /// The section that is open.
    open: Option<(ComponentId, Shape)>,
    section: Section,
}

impl StateWriter {
    /// Opens the section of a component; each component has one at most.
    pub fn section(&mut self, component: ComponentId, shape: &Shape) {
        self.end_section();
        self.open = Some((component, *shape));
    }

    /// Adds a row to the open section: `lanes`, which was `base` at the base and `before` that at the tick before it.
    /// Without a `base` it is coded against zeros. All fill the component's shape. Entities that ascend by one cost
    /// least.
    #[inline]
    pub fn row(&mut self, entity: NetId, base: Option<&[i32]>, before: Option<&[i32]>, onward: Onward, lanes: &[i32]) {
        let Some((_, shape)) = &self.open else { return };
        self.section.push(shape, entity.0, lanes, |expected| {
            if let Some(base) = base {
                predict::expect(shape, base, before, onward, expected);
            }
        });
    }

    fn end_section(&mut self) {
        let Some((component, shape)) = self.open.take() else { return };
        let full = &mut self.full;
        let cut = |bits: &mut BitWriter| {
            bits.put(0, 1);
            full.push(bits.take());
        };
        self.section.write(&shape, component.0, &mut self.bits, ROOM, ROWS_MAX, cut);
        self.section.clear();
    }

    /// The bodies, at least one. `input_ack`, `index` and `count` of `header` are ignored: the first is a client's own
    /// ([`frame`]), the others are filled in.
    #[must_use]
    pub fn finish(mut self, header: StateHeader) -> Vec<Vec<u8>> {
        self.end_section();
        self.bits.put(0, 1);
        self.full.push(self.bits.take());
        let count = self.full.len() as u64;
        let body = |(index, sections): (usize, Vec<u8>)| {
            let mut out = Vec::with_capacity(HEADER_BYTES_MAX + sections.len());
            wire::varint(&mut out, header.tick.0);
            wire::varint(&mut out, header.tick.since(header.base.tick));
            wire::varint(&mut out, header.base.tick.since(header.base.before));
            wire::varint(&mut out, header.structure_seq);
            let hash = if header.hash.is_some() { FLAG_HASH } else { 0 };
            out.push(hash | if header.base.whole { FLAG_WHOLE } else { 0 });
            wire::varint(&mut out, index as u64);
            wire::varint(&mut out, count);
            if let Some(hash) = header.hash {
                out.extend_from_slice(&hash.to_le_bytes());
            }
            out.extend_from_slice(&sections);
            out
        };
        self.full.into_iter().enumerate().map(body).collect()
    }
}

/// A body as one client's frame.
#[must_use]
pub fn frame(input_ack: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(PREFIX_BYTES_MAX + body.len());
    out.push(FrameKind::State as u8);
    wire::varint(&mut out, u64::from(input_ack));
    out.extend_from_slice(body);
    out
}

/// Reads a fragment's header; the reader then stands at the records.
///
/// # Errors
/// Any [`DecodeError`].
pub fn read_header<'a>(bytes: &'a [u8]) -> Result<(StateHeader, Reader<'a>), DecodeError> {
    let mut reader = Reader::frame(bytes, FrameKind::State)?;
    let input_ack = reader.varint_u32()?;
    let tick = Tick(reader.varint()?);
    let (ahead, back) = (reader.varint()?, reader.varint()?);
    let earlier = |tick: Tick, ticks: u64| {
        tick.0.checked_sub(ticks).map(Tick).ok_or(DecodeError::Inconsistent("base before tick 0"))
    };
    let base = earlier(tick, ahead)?;
    let before = earlier(base, back)?;
    let structure_seq = reader.varint()?;
    let flags = reader.u8()?;
    let base = Base { tick: base, before, whole: flags & FLAG_WHOLE != 0 };
    let (index, count) = (reader.varint_u32()?, reader.varint_u32()?);
    if count as usize > limits::STATE_FRAGMENTS_MAX {
        return Err(DecodeError::Limit("fragment count"));
    }
    if index >= count {
        return Err(DecodeError::Inconsistent("fragment index beyond its count"));
    }
    let hash = if flags & FLAG_HASH != 0 { Some(reader.u64()?) } else { None };
    Ok((StateHeader { input_ack, tick, base, structure_seq, index, count, hash }, reader))
}

/// A row as read.
#[derive(Clone, Copy, Debug)]
pub struct StateRow<'a> {
    /// Whose.
    pub entity: NetId,
    /// Which component.
    pub component: ComponentId,
    shape: &'a Shape,
    onward: Onward,
    differences: Differences<'a>,
}

impl StateRow<'_> {
    /// Makes the new value of the one at the base, and of the one at the tick before it where that is known. A row
    /// against zeros has no base.
    #[inline]
    pub fn value(&self, base: Option<&[i32]>, before: Option<&[i32]>, out: &mut [i32]) {
        match base {
            Some(base) => predict::expect(self.shape, base, before, self.onward, out),
            None => out.fill(0),
        }
        self.differences.add_to(self.shape, out);
    }
}

/// Reads all rows of a body whose header was read, calling `each`.
///
/// # Errors
/// Any [`DecodeError`], or what `each` returns.
pub fn read_rows(
    header: &StateHeader,
    reader: Reader<'_>,
    shapes: &Shapes,
    mut each: impl FnMut(&StateRow<'_>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let onward = header.base.onward_to(header.tick);
    let mut reader = BitReader::new(reader.rest());
    while reader.take(1) == 1 {
        let component = ComponentId(reader.take(16) as u16);
        reader.check()?;
        let shape = shapes.shape(component)?;
        residual::read(&mut reader, shape, ROWS_MAX, |entity, differences| {
            each(&StateRow { entity: NetId(entity), component, shape, onward, differences })
        })?;
    }
    reader.check()
}
