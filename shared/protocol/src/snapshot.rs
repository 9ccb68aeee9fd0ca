//! The join snapshot: the world as spawns, by component and not by entity, in chunks.
//!
//! What one component says of many entities is alike, so its rows lie together. State is coded as differences from what
//! is usual in each lane ([`crate::residual`]): of what is spread out there are as many bits as the spread has. What
//! travels reliably (looks, names) is mostly the same for many, and is compressed.

use std::collections::BTreeMap;

use hd1_core::{NetId, Tick};
use hd1_schema::{ComponentId, Delivery, Row, limits::LANES_MAX};

use crate::{
    FrameKind,
    bits::{BitReader, BitWriter},
    limits,
    residual::{self, Section},
    shapes::{Motion, Shape, Shapes, read_row, write_row},
    structure::StructureOp,
    wire::{self, DecodeError, Reader},
};

/// Entities of one chunk.
const ENTITIES_MAX: usize = 4096;
/// Lanes of one chunk.
const LANES_IN_CHUNK_MAX: usize = 64 * 1024;
/// Rows of which the middle one tells what is usual.
const SAMPLES: usize = 63;
/// Bits that an entity's id mostly takes beyond those of the one before it.
const GAP_BITS: u32 = 0;
/// Bits of how many follow it.
const RUN_BITS: u32 = 2;

/// A decoded piece of a join snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotChunk {
    /// The tick the snapshot shows.
    pub tick: Tick,
    /// The last structure batch that the snapshot contains.
    pub seq: u64,
    /// From 0.
    pub index: u32,
    /// Is it the last?
    pub last: bool,
    /// Spawns, by ascending entity.
    pub ops: Vec<StructureOp>,
}

type Spawned = (NetId, Vec<(ComponentId, Row)>);

/// A world to be shown: what [`encode`] takes.
#[derive(Debug, Default)]
pub struct Shown<'a> {
    /// Ascending.
    entities: Vec<NetId>,
    columns: BTreeMap<ComponentId, Vec<ShownRow<'a>>>,
}

#[derive(Clone, Copy, Debug)]
struct ShownRow<'a> {
    /// Index into the entities.
    at: u32,
    lanes: &'a [i32],
    bytes: &'a [u8],
}

impl<'a> Shown<'a> {
    /// Of spawns that ascend by entity; other ops are left out.
    pub fn of_spawns(spawns: &'a [StructureOp]) -> Self {
        let mut shown = Shown::default();
        for op in spawns {
            if let StructureOp::Spawn { entity, components } = op {
                shown.entity(*entity);
                for (component, row) in components {
                    shown.component(*component, &row.lanes, &row.bytes);
                }
            }
        }
        shown
    }

    /// Adds an entity; they ascend.
    pub fn entity(&mut self, entity: NetId) {
        self.entities.push(entity);
    }

    /// Adds a component of the entity last added.
    #[inline]
    pub fn component(&mut self, component: ComponentId, lanes: &'a [i32], bytes: &'a [u8]) {
        let at = (self.entities.len() as u32).saturating_sub(1);
        self.columns.entry(component).or_default().push(ShownRow { at, lanes, bytes });
    }

    /// Where chunks end: by entities, lanes and bytes.
    fn ends(&self) -> Vec<usize> {
        let mut sizes = vec![(0u32, 0u32); self.entities.len()];
        for row in self.columns.values().flatten() {
            if let Some((lanes, bytes)) = sizes.get_mut(row.at as usize) {
                *lanes += row.lanes.len() as u32;
                // Each lane at most 5 bytes, and the row's entity.
                *bytes += (5 * row.lanes.len() + row.bytes.len() + 8) as u32;
            }
        }
        let (mut ends, mut start, mut lanes, mut bytes) = (Vec::new(), 0, 0, 0);
        for (at, (more_lanes, more_bytes)) in sizes.into_iter().enumerate() {
            let full = at - start == ENTITIES_MAX
                || lanes + more_lanes as usize > LANES_IN_CHUNK_MAX
                || bytes + more_bytes as usize > limits::SNAPSHOT_CHUNK_BYTES_MAX;
            if full {
                ends.push(at);
                (start, lanes, bytes) = (at, 0, 0);
            }
            (lanes, bytes) = (lanes + more_lanes as usize, bytes + more_bytes as usize);
        }
        ends.push(self.entities.len());
        ends
    }
}

/// Encodes the world at `tick` as chunks of spawns; at least one chunk, however empty the world.
///
/// # Errors
/// `UnknownComponent`.
pub fn encode(shapes: &Shapes, tick: Tick, seq: u64, shown: &Shown<'_>) -> Result<Vec<Vec<u8>>, DecodeError> {
    let ends = shown.ends();
    let last = ends.len() - 1;
    let mut start = 0;
    let encode = |(index, end): (usize, usize)| {
        let mut out = vec![FrameKind::SnapshotChunk as u8];
        wire::varint(&mut out, tick.0);
        wire::varint(&mut out, seq);
        wire::varint(&mut out, index as u64);
        out.push(u8::from(index == last));
        write_chunk(&mut out, shapes, shown, start..end)?;
        start = end;
        Ok(out)
    };
    ends.into_iter().enumerate().map(encode).collect()
}

fn write_chunk(
    out: &mut Vec<u8>,
    shapes: &Shapes,
    shown: &Shown<'_>,
    range: std::ops::Range<usize>,
) -> Result<(), DecodeError> {
    let mut bits = BitWriter::default();
    wire::varint(out, range.len() as u64);
    write_entities(&mut bits, &shown.entities[range.clone()]);
    let mut section = Section::default();
    let mut reliable = Vec::new();
    for (component, rows) in &shown.columns {
        let place = |at: usize| rows.partition_point(|row| (row.at as usize) < at);
        let rows = &rows[place(range.start)..place(range.end)];
        if rows.is_empty() {
            continue;
        }
        let shape = shapes.shape(*component)?;
        if shape.delivery == Delivery::State {
            bits.put(1, 1);
            bits.put(u32::from(component.0), 16);
            write_state(&mut bits, shape, rows, range.start, &mut section);
        } else {
            wire::varint(&mut reliable, u64::from(component.0));
            wire::varint(&mut reliable, rows.len() as u64);
            let mut next = range.start;
            for row in rows {
                wire::varint(&mut reliable, (row.at as usize - next) as u64);
                write_row(&mut reliable, row.lanes, row.bytes, shape);
                next = row.at as usize + 1;
            }
        }
    }
    bits.put(0, 1);
    let bits = bits.take();
    wire::varint(out, bits.len() as u64);
    out.extend_from_slice(&bits);
    wire::varint(out, reliable.len() as u64);
    out.extend_from_slice(&lz4_flex::block::compress(&reliable));
    Ok(())
}

/// Runs of ids that follow each other.
fn write_entities(bits: &mut BitWriter, mut entities: &[NetId]) {
    let mut before = 0u32;
    while let Some(first) = entities.first() {
        let follows = |(i, id): &(usize, &NetId)| id.0 == first.0.wrapping_add(*i as u32);
        let length = entities.iter().enumerate().take_while(follows).count();
        bits.put_number(first.0.wrapping_sub(before).wrapping_sub(1), GAP_BITS);
        bits.put_number(length as u32 - 1, RUN_BITS);
        before = first.0.wrapping_add(length as u32 - 1);
        entities = &entities[length..];
    }
}

fn write_state(bits: &mut BitWriter, shape: &Shape, rows: &[ShownRow<'_>], first: usize, section: &mut Section) {
    let usual = usual(shape, rows);
    let usual = &usual[..shape.lanes];
    for lane in usual {
        bits.put(*lane as u32, 32);
    }
    section.clear();
    for row in rows {
        let number = row.at - first as u32 + 1;
        section.push(shape, number, row.lanes, |expected| expected.copy_from_slice(usual));
    }
    section.write_whole(shape, bits);
}

/// The middle value of each lane among some rows; of a rotation's index there is none.
fn usual(shape: &Shape, rows: &[ShownRow<'_>]) -> [i32; LANES_MAX] {
    let mut usual = [0; LANES_MAX];
    let step = rows.len().div_ceil(SAMPLES).max(1);
    let mut sample = Vec::with_capacity(SAMPLES);
    for (i, usual) in usual.iter_mut().enumerate().take(shape.lanes) {
        sample.clear();
        sample.extend(rows.iter().step_by(step).filter_map(|row| row.lanes.get(i).copied()));
        sample.sort_unstable();
        *usual = sample.get(sample.len() / 2).copied().unwrap_or(0);
    }
    for group in shape.groups().iter().filter(|group| group.motion == Motion::Turn) {
        usual[usize::from(group.at) - 1] = 0;
    }
    usual
}

/// Decodes one chunk.
///
/// # Errors
/// Any [`DecodeError`].
pub fn decode(shapes: &Shapes, frame: &[u8]) -> Result<SnapshotChunk, DecodeError> {
    let mut reader = Reader::frame(frame, FrameKind::SnapshotChunk)?;
    let tick = Tick(reader.varint()?);
    let seq = reader.varint()?;
    let index = reader.varint_u32()?;
    let last = reader.u8()? != 0;
    let ops = read_chunk(&mut reader, shapes)?;
    Ok(SnapshotChunk { tick, seq, index, last, ops })
}

fn read_chunk(reader: &mut Reader<'_>, shapes: &Shapes) -> Result<Vec<StructureOp>, DecodeError> {
    let count = reader.varint()? as usize;
    if count > ENTITIES_MAX {
        return Err(DecodeError::Limit("entities of a snapshot chunk"));
    }
    let length = reader.varint()? as usize;
    let mut bits = BitReader::new(reader.bytes(length)?);
    let mut spawns: Vec<Spawned> = Vec::with_capacity(count);
    let mut entity = 0u32;
    while spawns.len() < count {
        let gap = bits.take_number(GAP_BITS);
        let length = bits.take_number(RUN_BITS).saturating_add(1);
        if length as usize > count - spawns.len() {
            return Err(DecodeError::Limit("entities of a snapshot chunk"));
        }
        entity = entity.checked_add(gap).ok_or(DecodeError::Limit("entity id"))?;
        for _ in 0..length {
            entity = entity.checked_add(1).ok_or(DecodeError::Limit("entity id"))?;
            spawns.push((NetId(entity), Vec::new()));
        }
    }
    bits.check()?;
    read_state(&mut bits, shapes, &mut spawns)?;
    read_reliable(reader, shapes, &mut spawns)?;
    let spawn = |(entity, mut components): Spawned| {
        components.sort_unstable_by_key(|(component, _)| *component);
        let twice = components.windows(2).any(|pair| pair[0].0 == pair[1].0);
        if twice {
            return Err(DecodeError::Inconsistent("a component twice"));
        }
        Ok(StructureOp::Spawn { entity, components })
    };
    spawns.into_iter().map(spawn).collect()
}

fn read_state(bits: &mut BitReader<'_>, shapes: &Shapes, spawns: &mut [Spawned]) -> Result<(), DecodeError> {
    let mut lanes = 0;
    while bits.take(1) == 1 {
        let component = ComponentId(bits.take(16) as u16);
        bits.check()?;
        let shape = shapes.shape(component)?;
        let mut usual = [0; LANES_MAX];
        usual[..shape.lanes].fill_with(|| bits.take(32) as i32);
        let rows_max = spawns.len();
        residual::read(bits, shape, rows_max, |number, differences| {
            lanes += shape.lanes;
            if lanes > LANES_IN_CHUNK_MAX {
                return Err(DecodeError::Limit("lanes of a snapshot chunk"));
            }
            let (_, components) = spawned(spawns, (number as usize).wrapping_sub(1))?;
            let mut row = Row { lanes: usual[..shape.lanes].into(), bytes: Vec::new() };
            differences.add_to(shape, &mut row.lanes);
            components.push((component, row));
            Ok(())
        })?;
    }
    bits.check()
}

fn read_reliable(reader: &mut Reader<'_>, shapes: &Shapes, spawns: &mut [Spawned]) -> Result<(), DecodeError> {
    let length = reader.varint()? as usize;
    if length > limits::SNAPSHOT_CHUNK_BYTES_MAX {
        return Err(DecodeError::Limit("snapshot chunk bytes"));
    }
    let mut raw = vec![0; length];
    let length = lz4_flex::block::decompress_into(reader.rest(), &mut raw).map_err(|_| DecodeError::Compression)?;
    let mut reader = Reader::new(&raw[..length]);
    while !reader.is_empty() {
        let (component, shape) = shapes.read_component_id(&mut reader)?;
        let mut next = 0usize;
        for _ in 0..reader.varint()? {
            let at = next.saturating_add(reader.varint()? as usize);
            let row = read_row(&mut reader, shape)?;
            spawned(spawns, at)?.1.push((component, row));
            next = at + 1;
        }
    }
    Ok(())
}

fn spawned(spawns: &mut [Spawned], at: usize) -> Result<&mut Spawned, DecodeError> {
    spawns.get_mut(at).ok_or(DecodeError::Limit("entities of a snapshot chunk"))
}
