//! What the codec must know of each component to read its bytes: lanes, variable part, delivery.

use std::collections::BTreeMap;

use hd1_schema::{ComponentId, ComponentSchema, Delivery, FieldKind, Row, limits};

use crate::wire::{self, DecodeError, Reader};

/// Bytes of one row's variable part.
pub(crate) const VARIABLE_BYTES_MAX: usize = 16 * 1024;

/// The layout of one component on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Fixed lanes.
    pub lanes: usize,
    /// Do bytes of text or points follow?
    pub variable: bool,
    /// How changes travel.
    pub delivery: Delivery,
    /// How many of `groups` there are.
    group_count: u8,
    groups: [Group; limits::FIELDS_MAX],
}

/// Lanes that go on together from one tick to the next, at most three and next to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// The first.
    pub at: u8,
    /// How many.
    pub lanes: u8,
    /// How.
    pub motion: Motion,
}

/// How lanes go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Motion {
    /// Numbers that mean nothing as quantities: they stay.
    #[default]
    Held,
    /// Quantities: they go on as they went.
    Steady,
    /// Three components of a unit quaternion, which turns on as it turned; the lane before them tells which component
    /// is left out.
    Turn,
}

impl Group {
    /// The lanes.
    #[must_use]
    pub const fn range(&self) -> std::ops::Range<usize> {
        self.at as usize..(self.at + self.lanes) as usize
    }
}

impl Shape {
    /// Its lanes in groups, in order.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups[..usize::from(self.group_count)]
    }
}

/// The schemas both ends share, by id, with their layouts at hand.
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    schemas: BTreeMap<ComponentId, (ComponentSchema, Shape)>,
    /// Layouts of built-in ids, looked up for every change: by index, not by search.
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
        let shape = shape_of(&schema);
        let idx = usize::from(schema.id.0);
        if schema.id < ComponentId::FIRST_DYNAMIC {
            if self.built_in.len() <= idx {
                self.built_in.resize(idx + 1, None);
            }
            self.built_in[idx] = Some(shape);
        }
        self.schemas.insert(schema.id, (schema, shape));
    }

    /// A component's layout.
    ///
    /// # Errors
    /// `UnknownComponent`.
    #[inline]
    pub fn shape(&self, id: ComponentId) -> Result<&Shape, DecodeError> {
        if let Some(Some(shape)) = self.built_in.get(usize::from(id.0)) {
            return Ok(shape);
        }
        self.schemas.get(&id).map(|(_, shape)| shape).ok_or(DecodeError::UnknownComponent(id.0))
    }

    /// A component's schema.
    #[must_use]
    pub fn schema(&self, id: ComponentId) -> Option<&ComponentSchema> {
        self.schemas.get(&id).map(|(schema, _)| schema)
    }

    /// A component's schema by name: the newest, where it had others before.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&ComponentSchema> {
        self.schemas.values().rev().map(|(schema, _)| schema).find(|schema| schema.name == name)
    }

    /// All schemas by ascending id.
    pub fn schemas(&self) -> impl Iterator<Item = &ComponentSchema> {
        self.schemas.values().map(|(schema, _)| schema)
    }

    pub(crate) fn read_component_id(&self, reader: &mut Reader<'_>) -> Result<(ComponentId, &Shape), DecodeError> {
        let raw = reader.varint_u32()?;
        let id = ComponentId(u16::try_from(raw).map_err(|_| DecodeError::Limit("component id"))?);
        Ok((id, self.shape(id)?))
    }
}

fn shape_of(schema: &ComponentSchema) -> Shape {
    let mut shape = Shape {
        lanes: schema.lane_count(),
        variable: schema.has_variable(),
        delivery: schema.delivery,
        group_count: 0,
        groups: [Group::default(); limits::FIELDS_MAX],
    };
    let mut at = 0;
    for kind in schema.fields.iter().map(|field| &field.kind) {
        let (motion, lanes) = match kind {
            FieldKind::Text { .. } | FieldKind::Points { .. } => continue,
            FieldKind::F32 { .. } => (Motion::Steady, 1),
            FieldKind::Vec3 { .. } => (Motion::Steady, 3),
            FieldKind::Quat => {
                at += 1;
                (Motion::Turn, 3)
            }
            _ => (Motion::Held, 1),
        };
        let count = usize::from(shape.group_count);
        match shape.groups[..count].last_mut() {
            // Single numbers share a group.
            Some(last) if lanes == 1 && last.motion == motion && last.lanes < 3 => last.lanes += 1,
            _ => {
                shape.groups[count] = Group { at, lanes, motion };
                shape.group_count += 1;
            }
        }
        at += lanes;
    }
    shape
}

/// Appends a whole row: its lanes as zigzag varints, then the variable bytes with their length.
pub(crate) fn write_row(out: &mut Vec<u8>, lanes: &[i32], bytes: &[u8], shape: &Shape) {
    for lane in lanes {
        wire::zigzag(out, *lane);
    }
    if shape.variable {
        wire::varint(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }
}

pub(crate) fn read_row(reader: &mut Reader<'_>, shape: &Shape) -> Result<Row, DecodeError> {
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
