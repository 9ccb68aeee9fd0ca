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

type Spawn<'a> = (NetId, &'a [(ComponentId, Row)]);
type Spawned = (NetId, Vec<(ComponentId, Row)>);

/// Encodes the world at `tick` as chunks of spawns; at least one chunk, however empty the world. Spawns ascend by
/// entity, their components by id; other ops are left out.
///
/// # Errors
/// `UnknownComponent`.
pub fn encode(shapes: &Shapes, tick: Tick, seq: u64, spawns: &[StructureOp]) -> Result<Vec<Vec<u8>>, DecodeError> {
    let spawns = spawns.iter().filter_map(|op| match op {
        StructureOp::Spawn { entity, components } => Some((*entity, components.as_slice())),
        _ => None,
    });
    let mut chunks: Vec<Vec<Spawn<'_>>> = vec![Vec::new()];
    let (mut lanes, mut bytes) = (0, 0);
    for spawn in spawns {
        let more_lanes: usize = spawn.1.iter().map(|(_, row)| row.lanes.len()).sum();
        // Each lane at most 5 bytes, and the row's entity.
        let more_bytes: usize = spawn.1.iter().map(|(_, row)| 5 * row.lanes.len() + row.bytes.len() + 8).sum();
        let full = chunks.last().is_some_and(|chunk| chunk.len() == ENTITIES_MAX)
            || lanes + more_lanes > LANES_IN_CHUNK_MAX
            || bytes + more_bytes > limits::SNAPSHOT_CHUNK_BYTES_MAX;
        if full {
            (lanes, bytes) = (0, 0);
            chunks.push(Vec::new());
        }
        (lanes, bytes) = (lanes + more_lanes, bytes + more_bytes);
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(spawn);
        }
    }
    let last = chunks.len() - 1;
    let encode = |(index, chunk): (usize, &Vec<Spawn<'_>>)| {
        let mut out = vec![FrameKind::SnapshotChunk as u8];
        wire::varint(&mut out, tick.0);
        wire::varint(&mut out, seq);
        wire::varint(&mut out, index as u64);
        out.push(u8::from(index == last));
        write_chunk(&mut out, shapes, chunk)?;
        Ok(out)
    };
    chunks.iter().enumerate().map(encode).collect()
}

fn write_chunk(out: &mut Vec<u8>, shapes: &Shapes, spawns: &[Spawn<'_>]) -> Result<(), DecodeError> {
    let mut bits = BitWriter::default();
    wire::varint(out, spawns.len() as u64);
    let mut before = 0u32;
    let mut columns: BTreeMap<ComponentId, Vec<(usize, &Row)>> = BTreeMap::new();
    for (at, (entity, components)) in spawns.iter().enumerate() {
        bits.put_number(entity.0.wrapping_sub(before).wrapping_sub(1), GAP_BITS);
        before = entity.0;
        for (component, row) in *components {
            columns.entry(*component).or_default().push((at, row));
        }
    }
    let mut section = Section::default();
    let mut reliable = Vec::new();
    for (component, rows) in &columns {
        let shape = shapes.shape(*component)?;
        if shape.delivery == Delivery::State {
            bits.put(1, 1);
            bits.put(u32::from(component.0), 16);
            write_state(&mut bits, shape, rows, &mut section);
        } else {
            wire::varint(&mut reliable, u64::from(component.0));
            wire::varint(&mut reliable, rows.len() as u64);
            let mut next = 0;
            for (at, row) in rows {
                wire::varint(&mut reliable, (*at - next) as u64);
                write_row(&mut reliable, row, shape);
                next = *at + 1;
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

fn write_state(bits: &mut BitWriter, shape: &Shape, rows: &[(usize, &Row)], section: &mut Section) {
    let usual = usual(shape, rows);
    let usual = &usual[..shape.lanes];
    for lane in usual {
        bits.put(*lane as u32, 32);
    }
    section.clear();
    for (at, row) in rows {
        section.push(shape, *at as u32 + 1, &row.lanes, |expected| expected.copy_from_slice(usual));
    }
    section.write_whole(shape, bits);
}

/// The middle value of each lane among some rows; of a rotation's index there is none.
fn usual(shape: &Shape, rows: &[(usize, &Row)]) -> [i32; LANES_MAX] {
    let mut usual = [0; LANES_MAX];
    let step = rows.len().div_ceil(SAMPLES).max(1);
    let mut sample = Vec::with_capacity(SAMPLES);
    for (i, usual) in usual.iter_mut().enumerate().take(shape.lanes) {
        sample.clear();
        sample.extend(rows.iter().step_by(step).filter_map(|(_, row)| row.lanes.get(i).copied()));
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
    for _ in 0..count {
        let gap = bits.take_number(GAP_BITS);
        entity = entity.checked_add(gap).and_then(|id| id.checked_add(1)).ok_or(DecodeError::Limit("entity id"))?;
        spawns.push((NetId(entity), Vec::new()));
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
