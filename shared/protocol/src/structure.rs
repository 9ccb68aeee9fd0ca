//! Structure: which entities and components there are, and the values of those that travel reliably.
//!
//! What a client sees is pages ([`crate::snapshot`] opens them), each a list of slots that entities stand in. A frame
//! carries one tick's changes of the pages that a client has open, in blocks; a page's block is the same for everyone.
//! The page counts them, so that state can say which of them it stands on.

use hd1_core::{NetId, Tick};
use hd1_schema::{ComponentId, Row};

use crate::{
    FrameKind,
    shapes::{Shape, Shapes, read_row, write_row},
    wire::{self, DecodeError, Reader},
};

/// One change of a page's structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StructureOp {
    /// An entity stands in a slot with these components: a new one, or one that comes from a page that the client does
    /// not have open.
    Spawn {
        /// Free until now.
        slot: u8,
        /// Its id.
        entity: NetId,
        /// Its replicated components, by ascending id.
        components: Vec<(ComponentId, Row)>,
    },
    /// An entity comes over from another open page, where it leaves with the same tick.
    Arrive {
        /// Free until now.
        slot: u8,
        /// Its id.
        entity: NetId,
        /// All its state components: the others stay as they are.
        components: Vec<(ComponentId, Row)>,
    },
    /// A slot becomes free. Its entity is gone, unless the same tick shows it in another.
    Leave {
        /// The slot.
        slot: u8,
    },
    /// A component appears, or one that travels reliably changes.
    Set {
        /// The entity's slot.
        slot: u8,
        /// The component.
        component: ComponentId,
        /// Its whole value.
        row: Row,
    },
    /// A component is gone.
    Remove {
        /// The entity's slot.
        slot: u8,
        /// The component.
        component: ComponentId,
    },
}

/// What happens to one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// Its structure changes.
    Changed {
        /// The page's number at this client.
        page: u16,
        /// Counts up by one with each of a page's blocks.
        version: u64,
        /// In the order to apply.
        ops: Vec<StructureOp>,
    },
    /// The client sees it no more: all entities that stand in it are gone.
    Closed {
        /// The page's number at this client; free from now on.
        page: u16,
    },
}

/// A decoded frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructureBatch {
    /// The tick after which the world looks so.
    pub tick: Tick,
    /// At most one for each page.
    pub blocks: Vec<Block>,
}

const SPAWN: u8 = 0;
const LEAVE: u8 = 1;
const SET: u8 = 2;
const REMOVE: u8 = 3;
const ARRIVE: u8 = 4;

/// Begins a frame: blocks follow.
pub fn begin_frame(out: &mut Vec<u8>, tick: Tick) {
    out.push(FrameKind::Structure as u8);
    wire::varint(out, tick.0);
}

/// Begins the block of a page that changed: as many ops follow as it says, at least one.
pub fn begin_block(out: &mut Vec<u8>, page: u16, op_count: usize, version: u64) {
    wire::varint(out, page.into());
    wire::varint(out, op_count as u64);
    wire::varint(out, version);
}

/// The block of a page that is closed.
pub fn close_block(out: &mut Vec<u8>, page: u16) {
    wire::varint(out, page.into());
    out.push(0);
}

/// Appends one op.
///
/// # Errors
/// `UnknownComponent` where it names a component that `shapes` lacks; `out` then ends within the op.
pub fn write_op(out: &mut Vec<u8>, shapes: &Shapes, op: &StructureOp) -> Result<(), DecodeError> {
    let all = |out: &mut Vec<u8>, components: &[(ComponentId, Row)]| {
        wire::varint(out, components.len() as u64);
        components.iter().try_for_each(|(component, row)| {
            write_component(out, *component, row, shapes.shape(*component)?);
            Ok(())
        })
    };
    match op {
        StructureOp::Spawn { slot, entity, components } | StructureOp::Arrive { slot, entity, components } => {
            out.extend([if matches!(op, StructureOp::Spawn { .. }) { SPAWN } else { ARRIVE }, *slot]);
            wire::varint(out, u64::from(entity.0));
            return all(out, components);
        }
        StructureOp::Leave { slot } => out.extend([LEAVE, *slot]),
        StructureOp::Set { slot, component, row } => {
            out.extend([SET, *slot]);
            write_component(out, *component, row, shapes.shape(*component)?);
        }
        StructureOp::Remove { slot, component } => {
            out.extend([REMOVE, *slot]);
            wire::varint(out, u64::from(component.0));
        }
    }
    Ok(())
}

/// Encodes a whole frame.
///
/// # Errors
/// As [`write_op`].
pub fn encode(shapes: &Shapes, batch: &StructureBatch) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::new();
    begin_frame(&mut out, batch.tick);
    for block in &batch.blocks {
        match block {
            Block::Closed { page } => close_block(&mut out, *page),
            Block::Changed { page, version, ops } => {
                begin_block(&mut out, *page, ops.len(), *version);
                ops.iter().try_for_each(|op| write_op(&mut out, shapes, op))?;
            }
        }
    }
    Ok(out)
}

/// Decodes a frame.
///
/// # Errors
/// Any [`DecodeError`]; nothing is half-decoded.
pub fn decode(shapes: &Shapes, frame: &[u8]) -> Result<StructureBatch, DecodeError> {
    let mut reader = Reader::frame(frame, FrameKind::Structure)?;
    let tick = Tick(reader.varint()?);
    let mut blocks = Vec::new();
    while !reader.is_empty() {
        let page = u16::try_from(reader.varint()?).map_err(|_| DecodeError::Limit("page number"))?;
        let count = reader.varint()? as usize;
        if count == 0 {
            blocks.push(Block::Closed { page });
            continue;
        }
        let version = reader.varint()?;
        // An op is two bytes at least: a count beyond the bytes is refused before anything is reserved for it.
        if count > reader.rest().len() / 2 {
            return Err(DecodeError::Limit("structure op count"));
        }
        let ops = (0..count).map(|_| read_op(&mut reader, shapes)).collect::<Result<_, _>>()?;
        blocks.push(Block::Changed { page, version, ops });
    }
    Ok(StructureBatch { tick, blocks })
}

fn write_component(out: &mut Vec<u8>, component: ComponentId, row: &Row, shape: &Shape) {
    wire::varint(out, u64::from(component.0));
    write_row(out, &row.lanes, &row.bytes, shape);
}

fn read_op(reader: &mut Reader<'_>, shapes: &Shapes) -> Result<StructureOp, DecodeError> {
    let kind = reader.u8()?;
    let slot = reader.u8()?;
    Ok(match kind {
        SPAWN | ARRIVE => {
            let entity = NetId(reader.varint_u32()?);
            let count = reader.varint()? as usize;
            if count > reader.rest().len() {
                return Err(DecodeError::Limit("component count"));
            }
            let mut components = Vec::with_capacity(count);
            for _ in 0..count {
                let (id, shape) = shapes.read_component_id(reader)?;
                components.push((id, read_row(reader, shape)?));
            }
            if kind == SPAWN {
                StructureOp::Spawn { slot, entity, components }
            } else {
                StructureOp::Arrive { slot, entity, components }
            }
        }
        LEAVE => StructureOp::Leave { slot },
        SET => {
            let (component, shape) = shapes.read_component_id(reader)?;
            StructureOp::Set { slot, component, row: read_row(reader, shape)? }
        }
        REMOVE => StructureOp::Remove { slot, component: shapes.read_component_id(reader)?.0 },
        _ => return Err(DecodeError::Inconsistent("unknown structure op")),
    })
}
