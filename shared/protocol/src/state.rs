//! State: what changed since a base that the client has acknowledged as complete.
//!
//! A tick's state is cut into fragments that fit a datagram; each can be applied by itself, and a tick is complete
//! (and acknowledged) when all have come. All clients with the same base are sent the same bytes, so a fragment's body
//! is encoded once and only the few bytes before it are a client's own.

use hd1_core::{NetId, Tick};
use hd1_schema::ComponentId;
use smallvec::SmallVec;

use crate::{
    FrameKind, limits,
    shapes::Shapes,
    wire::{self, DecodeError, Reader},
};

/// Kind byte and input acknowledgement at most.
const PREFIX_BYTES_MAX: usize = 6;
/// Header of a body at most: tick, base, seq, flags, index, count, hash.
const HEADER_BYTES_MAX: usize = 10 + 5 + 10 + 1 + 3 + 3 + 8;
/// Bytes of records in one fragment.
const RECORDS_BYTES_MAX: usize = limits::DATAGRAM_BYTES_MAX - PREFIX_BYTES_MAX - HEADER_BYTES_MAX;
const FLAG_HASH: u8 = 1;
const BIT_MORE: u64 = 1;
const BIT_BASE: u64 = 2;

/// What stands before the records of every fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateHeader {
    /// The newest input of this client that the world has applied; 0 before the first.
    pub input_ack: u32,
    /// The tick shown.
    pub tick: Tick,
    /// The tick it is coded against.
    pub base: Tick,
    /// The structure batch that must be applied before.
    pub structure_seq: u64,
    /// This fragment's number, from 0.
    pub index: u32,
    /// Fragments of this tick.
    pub count: u32,
    /// Check sum of everything shown at this tick; sent now and then.
    pub hash: Option<u64>,
}

/// Collects the changed components of one tick against one base and cuts them into bodies.
#[derive(Debug)]
pub struct StateWriter {
    /// Finished runs of records.
    full: Vec<Vec<u8>>,
    records: Vec<u8>,
    entity: Vec<u8>,
    previous: NetId,
    current: Option<NetId>,
    /// Where the current entity's newest component byte lies in `entity`, to set its `more` bit.
    last_component_at: usize,
}

impl Default for StateWriter {
    fn default() -> Self {
        StateWriter {
            full: Vec::new(),
            records: Vec::with_capacity(RECORDS_BYTES_MAX),
            entity: Vec::new(),
            previous: NetId::NONE,
            current: None,
            last_component_at: 0,
        }
    }
}

impl StateWriter {
    /// Adds one component. Entities come in ascending order, all components of one together, and lanes fill the
    /// component's shape.
    pub fn push(&mut self, entity: NetId, component: ComponentId, base: Option<&[i32]>, lanes: &[i32]) {
        if self.current != Some(entity) {
            self.flush_entity();
            self.current = Some(entity);
        } else {
            // The id varint is written least bits first, so the flag bits are in its first byte.
            self.entity[self.last_component_at] |= BIT_MORE as u8;
        }
        self.last_component_at = self.entity.len();
        let bits = if base.is_some() { BIT_BASE } else { 0 };
        wire::varint(&mut self.entity, u64::from(component.0) << 2 | bits);
        let old = |i: usize| base.and_then(|b| b.get(i)).copied().unwrap_or(0);
        let changed = lanes.iter().enumerate().filter(|(i, lane)| **lane != old(*i));
        let mask = changed.fold(0u64, |mask, (i, _)| mask | 1 << i);
        wire::varint(&mut self.entity, mask);
        for (i, lane) in lanes.iter().enumerate() {
            if mask & (1 << i) != 0 {
                wire::zigzag(&mut self.entity, lane.wrapping_sub(old(i)));
            }
        }
    }

    fn flush_entity(&mut self) {
        let Some(entity) = self.current.take() else { return };
        // Each fragment counts from 0, so that it is read without the others.
        if self.records.len() + self.entity.len() + 5 > RECORDS_BYTES_MAX && !self.records.is_empty() {
            self.full.push(std::mem::replace(&mut self.records, Vec::with_capacity(RECORDS_BYTES_MAX)));
            self.previous = NetId::NONE;
        }
        wire::varint(&mut self.records, u64::from(entity.0 - self.previous.0));
        self.records.append(&mut self.entity);
        self.previous = entity;
    }

    /// The bodies, at least one. `input_ack`, `index` and `count` of `header` are ignored: the first is a client's own
    /// ([`frame`]), the others are filled in.
    #[must_use]
    pub fn finish(mut self, header: StateHeader) -> Vec<Vec<u8>> {
        self.flush_entity();
        self.full.push(self.records);
        let count = self.full.len() as u64;
        let body = |(index, records): (usize, Vec<u8>)| {
            let mut out = Vec::with_capacity(HEADER_BYTES_MAX + records.len());
            wire::varint(&mut out, header.tick.0);
            wire::varint(&mut out, header.tick.since(header.base));
            wire::varint(&mut out, header.structure_seq);
            out.push(if header.hash.is_some() { FLAG_HASH } else { 0 });
            wire::varint(&mut out, index as u64);
            wire::varint(&mut out, count);
            if let Some(hash) = header.hash {
                out.extend_from_slice(&hash.to_le_bytes());
            }
            out.extend_from_slice(&records);
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
    let back = reader.varint()?;
    let base = Tick(tick.0.checked_sub(back).ok_or(DecodeError::Inconsistent("base before tick 0"))?);
    let structure_seq = reader.varint()?;
    let flags = reader.u8()?;
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

/// One component's change as read: differences to its value at the base, or (without one) to zeros.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Is it coded against the base?
    pub has_base: bool,
    /// Which lanes differ.
    pub mask: u64,
    /// One for each bit of the mask that is set, lowest first.
    pub differences: SmallVec<[i32; 12]>,
}

impl Change {
    /// Makes of the value at the base, or of zeros, the new one.
    #[inline]
    pub fn add_to(&self, lanes: &mut [i32]) {
        let mut bits = self.mask;
        for difference in &self.differences {
            if let Some(lane) = lanes.get_mut(bits.trailing_zeros() as usize) {
                *lane = lane.wrapping_add(*difference);
            }
            bits &= bits.wrapping_sub(1);
        }
    }
}

/// Reads all records, calling `each` per component.
///
/// # Errors
/// Any [`DecodeError`], or what `each` returns.
pub fn read_records(
    mut reader: Reader<'_>,
    shapes: &Shapes,
    mut each: impl FnMut(NetId, ComponentId, &Change) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut entity = 0u32;
    let mut change = Change::default();
    while !reader.is_empty() {
        let gap = reader.varint_u32()?;
        entity = entity.checked_add(gap).ok_or(DecodeError::Limit("entity id"))?;
        loop {
            let head = reader.varint()?;
            let id = ComponentId(u16::try_from(head >> 2).map_err(|_| DecodeError::Limit("component id"))?);
            let shape = shapes.shape(id)?;
            change.has_base = head & BIT_BASE != 0;
            change.mask = reader.varint()?;
            if change.mask >> shape.lanes != 0 {
                return Err(DecodeError::Inconsistent("change mask beyond the component's lanes"));
            }
            change.differences.clear();
            for _ in 0..change.mask.count_ones() {
                change.differences.push(reader.zigzag()?);
            }
            each(NetId(entity), id, &change)?;
            if head & BIT_MORE == 0 {
                break;
            }
        }
    }
    Ok(())
}
