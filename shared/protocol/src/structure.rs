//! Structure: which entities and components there are, and the values of those that travel reliably.
//!
//! One batch a tick at most carries the changes in order; a join snapshot ([`crate::snapshot`]) is spawns as well.
//! Batches are numbered, so that state can say which batch it stands on.

use hd1_core::{NetId, Tick};
use hd1_schema::{ComponentId, Row};

use crate::{
    FrameKind,
    shapes::{Shape, Shapes, read_row, write_row},
    wire::{self, DecodeError, Reader},
};

/// One change of structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StructureOp {
    /// An entity appears with these components.
    Spawn {
        /// Its id.
        entity: NetId,
        /// Its replicated components, by ascending id.
        components: Vec<(ComponentId, Row)>,
    },
    /// An entity is gone.
    Despawn {
        /// Its id.
        entity: NetId,
    },
    /// A component appears, or one that travels reliably changes.
    Set {
        /// The entity.
        entity: NetId,
        /// The component.
        component: ComponentId,
        /// Its whole value.
        row: Row,
    },
    /// A component is gone.
    Remove {
        /// The entity.
        entity: NetId,
        /// The component.
        component: ComponentId,
    },
}

const SPAWN: u8 = 0;
const DESPAWN: u8 = 1;
const SET: u8 = 2;
const REMOVE: u8 = 3;

/// A decoded batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructureBatch {
    /// The tick after which the world looks so.
    pub tick: Tick,
    /// 1 for the session's first batch, counting up by one.
    pub seq: u64,
    /// In the order to apply.
    pub ops: Vec<StructureOp>,
}

/// Encodes one batch.
///
/// # Errors
/// `UnknownComponent` where an op names a component that `shapes` lacks.
pub fn encode_batch(shapes: &Shapes, tick: Tick, seq: u64, ops: &[StructureOp]) -> Result<Vec<u8>, DecodeError> {
    let mut out = vec![FrameKind::Structure as u8];
    wire::varint(&mut out, tick.0);
    wire::varint(&mut out, seq);
    wire::varint(&mut out, ops.len() as u64);
    for op in ops {
        write_op(&mut out, shapes, op)?;
    }
    Ok(out)
}

/// Decodes one batch.
///
/// # Errors
/// Any [`DecodeError`]; nothing is half-decoded.
pub fn decode_batch(shapes: &Shapes, frame: &[u8]) -> Result<StructureBatch, DecodeError> {
    let mut reader = Reader::frame(frame, FrameKind::Structure)?;
    let tick = Tick(reader.varint()?);
    let seq = reader.varint()?;
    let ops = read_ops(&mut reader, shapes)?;
    Ok(StructureBatch { tick, seq, ops })
}

/// The number of a batch, without decoding it.
///
/// # Errors
/// Where the header is malformed.
pub fn batch_seq(frame: &[u8]) -> Result<u64, DecodeError> {
    let mut reader = Reader::frame(frame, FrameKind::Structure)?;
    reader.varint()?;
    reader.varint()
}

fn write_op(out: &mut Vec<u8>, shapes: &Shapes, op: &StructureOp) -> Result<(), DecodeError> {
    let id = |out: &mut Vec<u8>, kind: u8, entity: &NetId| {
        out.push(kind);
        wire::varint(out, u64::from(entity.0));
    };
    match op {
        StructureOp::Spawn { entity, components } => {
            id(out, SPAWN, entity);
            wire::varint(out, components.len() as u64);
            for (component, row) in components {
                write_component(out, *component, row, shapes.shape(*component)?);
            }
        }
        StructureOp::Despawn { entity } => id(out, DESPAWN, entity),
        StructureOp::Set { entity, component, row } => {
            id(out, SET, entity);
            write_component(out, *component, row, shapes.shape(*component)?);
        }
        StructureOp::Remove { entity, component } => {
            id(out, REMOVE, entity);
            wire::varint(out, u64::from(component.0));
        }
    }
    Ok(())
}

fn write_component(out: &mut Vec<u8>, component: ComponentId, row: &Row, shape: &Shape) {
    wire::varint(out, u64::from(component.0));
    write_row(out, &row.lanes, &row.bytes, shape);
}

fn read_ops(reader: &mut Reader<'_>, shapes: &Shapes) -> Result<Vec<StructureOp>, DecodeError> {
    let count = reader.varint()? as usize;
    // An op is two bytes at least: a count beyond the bytes is refused before anything is reserved for it.
    if count > reader.rest().len() / 2 {
        return Err(DecodeError::Limit("structure op count"));
    }
    let mut ops = Vec::with_capacity(count);
    for _ in 0..count {
        ops.push(read_op(reader, shapes)?);
    }
    if reader.is_empty() { Ok(ops) } else { Err(DecodeError::Inconsistent("bytes after the last op")) }
}

fn read_op(reader: &mut Reader<'_>, shapes: &Shapes) -> Result<StructureOp, DecodeError> {
    let kind = reader.u8()?;
    let entity = NetId(reader.varint_u32()?);
    Ok(match kind {
        SPAWN => {
            let count = reader.varint()? as usize;
            if count > reader.rest().len() {
                return Err(DecodeError::Limit("component count"));
            }
            let mut components = Vec::with_capacity(count);
            for _ in 0..count {
                let (id, shape) = shapes.read_component_id(reader)?;
                components.push((id, read_row(reader, shape)?));
            }
            StructureOp::Spawn { entity, components }
        }
        DESPAWN => StructureOp::Despawn { entity },
        SET => {
            let (component, shape) = shapes.read_component_id(reader)?;
            StructureOp::Set { entity, component, row: read_row(reader, shape)? }
        }
        REMOVE => StructureOp::Remove { entity, component: shapes.read_component_id(reader)?.0 },
        _ => return Err(DecodeError::Inconsistent("unknown structure op")),
    })
}
