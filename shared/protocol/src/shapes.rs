//! What the codec must know of each component to read its bytes: lanes, variable part, delivery.

use std::collections::BTreeMap;

use hd1_schema::{ComponentId, ComponentSchema, Delivery, Row};

use crate::wire::{self, DecodeError, Reader};

/// Bytes of one row's variable part.
const VARIABLE_BYTES_MAX: usize = 16 * 1024;

/// The layout of one component on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Fixed lanes.
    pub lanes: usize,
    /// Do bytes of text or points follow?
    pub variable: bool,
    /// How changes travel.
    pub delivery: Delivery,
}

/// The schemas both ends share, by id, with their layouts at hand.
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    schemas: BTreeMap<ComponentId, ComponentSchema>,
    /// Layouts of built-in ids, looked up for every update: by index, not by search.
    built_in: Vec<Option<Shape>>,
}

impl Shapes {
    /// Of these schemas.
    pub fn new(schemas: impl IntoIterator<Item = ComponentSchema>) -> Self {
        let mut shapes = Shapes::default();
        for schema in schemas {
            shapes.register(schema);
        }
        shapes
    }

    /// Adds a schema, or replaces the one with its id.
    pub fn register(&mut self, schema: ComponentSchema) {
        let idx = usize::from(schema.id.0);
        if schema.id < ComponentId::FIRST_DYNAMIC {
            if self.built_in.len() <= idx {
                self.built_in.resize(idx + 1, None);
            }
            self.built_in[idx] = Some(shape_of(&schema));
        }
        self.schemas.insert(schema.id, schema);
    }

    /// A component's layout.
    ///
    /// # Errors
    /// `UnknownComponent`.
    #[inline]
    pub fn shape(&self, id: ComponentId) -> Result<Shape, DecodeError> {
        if let Some(Some(shape)) = self.built_in.get(usize::from(id.0)) {
            return Ok(*shape);
        }
        self.schemas.get(&id).map(shape_of).ok_or(DecodeError::UnknownComponent(id.0))
    }

    /// A component's schema.
    #[must_use]
    pub fn schema(&self, id: ComponentId) -> Option<&ComponentSchema> {
        self.schemas.get(&id)
    }

    /// A component's schema by name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&ComponentSchema> {
        self.schemas.values().find(|s| s.name == name)
    }

    /// All schemas by ascending id.
    pub fn schemas(&self) -> impl Iterator<Item = &ComponentSchema> {
        self.schemas.values()
    }

    pub(crate) fn read_component_id(&self, reader: &mut Reader<'_>) -> Result<(ComponentId, Shape), DecodeError> {
        let raw = reader.varint_u32()?;
        let id = ComponentId(u16::try_from(raw).map_err(|_| DecodeError::Limit("component id"))?);
        Ok((id, self.shape(id)?))
    }
}

fn shape_of(schema: &ComponentSchema) -> Shape {
    Shape { lanes: schema.lane_count(), variable: schema.has_variable(), delivery: schema.delivery }
}

/// Appends a whole row: its lanes as zigzag varints, then the variable bytes with their length.
pub(crate) fn write_row(out: &mut Vec<u8>, row: &Row, shape: Shape) {
    for lane in &row.lanes {
        wire::zigzag(out, *lane);
    }
    if shape.variable {
        wire::varint(out, row.bytes.len() as u64);
        out.extend_from_slice(&row.bytes);
    }
}

pub(crate) fn read_row(reader: &mut Reader<'_>, shape: Shape) -> Result<Row, DecodeError> {
    let mut row = Row::default();
    for _ in 0..shape.lanes {
        row.lanes.push(reader.zigzag()?);
    }
    if shape.variable {
        let len = reader.varint()? as usize;
        if len > VARIABLE_BYTES_MAX {
            return Err(DecodeError::Limit("row bytes"));
        }
        row.bytes = reader.bytes(len)?.to_vec();
    }
    Ok(row)
}
