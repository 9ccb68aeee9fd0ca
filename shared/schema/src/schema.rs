//! What a component is made of.

use serde::{Deserialize, Serialize};

use crate::{Value, limits};

/// A component's number on the wire. Built-in ones are below 1000; those registered at run time start there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ComponentId(pub u16);

impl ComponentId {
    /// The first id given to a component registered at run time.
    pub const FIRST_DYNAMIC: ComponentId = ComponentId(1000);
}

/// How a component's changes reach clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// In datagrams, the latest wins: what changes every tick. Fixed-size fields only.
    State,
    /// On the reliable stream, in order: what changes seldom.
    Reliable,
    /// Never: the server's own.
    Hidden,
}

/// A component: its name, number, fields and how it travels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComponentSchema {
    /// Number on the wire.
    pub id: ComponentId,
    /// `UpperCamelCase`, the key in JSON.
    pub name: String,
    /// What it means, for people.
    pub doc: String,
    /// How its changes reach clients.
    pub delivery: Delivery,
    /// May clients write it (where role and ownership allow)?
    #[serde(default)]
    pub client_writable: bool,
    /// In wire order.
    pub fields: Vec<FieldSchema>,
}

/// One field of a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldSchema {
    /// `snake_case`, the key in JSON.
    pub name: String,
    /// What it means, for people.
    pub doc: String,
    /// Its type, range and step.
    pub kind: FieldKind,
    /// `m`, `m/s`, `rad/s`, `s`, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// The value where JSON leaves the field out.
    pub default: Value,
}

/// Allowed values of a number, ends included unless said.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// Least value.
    pub min: f32,
    /// Greatest value.
    pub max: f32,
    /// Is `min` itself refused?
    #[serde(default)]
    pub above_min: bool,
}

impl Range {
    /// `min..=max`.
    #[must_use]
    pub const fn new(min: f32, max: f32) -> Self {
        Range { min, max, above_min: false }
    }

    /// Above `min`, up to `max`.
    #[must_use]
    pub const fn above(min: f32, max: f32) -> Self {
        Range { min, max, above_min: true }
    }

    /// Is `v` finite and inside?
    #[must_use]
    pub fn admits(&self, v: f32) -> bool {
        v.is_finite() && v <= self.max && if self.above_min { v > self.min } else { v >= self.min }
    }
}

/// A field's type with its range and the step it is quantised to on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FieldKind {
    /// 1 lane: 0 or 1.
    Bool,
    /// 1 lane.
    U32 {
        /// Least value.
        min: u32,
        /// Greatest value; at most `i32::MAX`, because lanes are signed.
        max: u32,
    },
    /// 1 lane.
    I32 {
        /// Least value.
        min: i32,
        /// Greatest value.
        max: i32,
    },
    /// 1 lane: `round(v / step)`.
    F32 {
        /// Allowed values.
        range: Range,
        /// Size of one unit on the wire.
        step: f32,
    },
    /// 3 lanes: each `round(v / step)`.
    Vec3 {
        /// Allowed values of each axis.
        range: Range,
        /// Size of one unit on the wire.
        step: f32,
    },
    /// 4 lanes: the largest component's index, then the other three in units of [`QUAT_STEP`](crate::quantise::QUAT_STEP).
    Quat,
    /// 1 lane: `0xRRGGBB`, sRGB.
    Color,
    /// 1 lane: the variant's index.
    Enum {
        /// Names in order.
        variants: Vec<String>,
    },
    /// 1 lane: a net id.
    Entity,
    /// Variable: UTF-8.
    Text {
        /// Bytes at most.
        max_bytes: u32,
    },
    /// Variable: a list of points, each axis `round(v / step)`.
    Points {
        /// Points at most.
        max_len: u32,
        /// Allowed values of each axis.
        range: Range,
        /// Size of one unit on the wire.
        step: f32,
    },
}

impl FieldKind {
    /// Lanes of a fixed-size field; `None` for text and points.
    #[must_use]
    pub const fn lanes(&self) -> Option<usize> {
        match self {
            FieldKind::Text { .. } | FieldKind::Points { .. } => None,
            FieldKind::Vec3 { .. } => Some(3),
            FieldKind::Quat => Some(4),
            _ => Some(1),
        }
    }

    /// 32-bit words of the field in a plain-data column at full precision; `None` for text and points.
    #[must_use]
    pub const fn plain_words(&self) -> Option<usize> {
        match self {
            FieldKind::Text { .. } | FieldKind::Points { .. } => None,
            FieldKind::Vec3 { .. } | FieldKind::Color => Some(3),
            FieldKind::Quat => Some(4),
            _ => Some(1),
        }
    }
}

/// Why a schema is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("schema {name}: {reason}")]
pub struct SchemaFault {
    /// The component, or `component.field`.
    pub name: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl ComponentSchema {
    /// Fixed lanes of the whole component.
    #[must_use]
    pub fn lane_count(&self) -> usize {
        self.fields.iter().filter_map(|f| f.kind.lanes()).sum()
    }

    /// Has it text or points?
    #[must_use]
    pub fn has_variable(&self) -> bool {
        self.fields.iter().any(|f| f.kind.lanes().is_none())
    }

    /// Is it sent to clients at all?
    #[must_use]
    pub fn is_replicated(&self) -> bool {
        self.delivery != Delivery::Hidden
    }

    /// The values where JSON gives none.
    #[must_use]
    pub fn default_record(&self) -> crate::Record {
        self.fields.iter().map(|f| f.default.clone()).collect()
    }

    /// Checks that the schema itself is sound: names, counts, steps, defaults, and that state is fixed-size.
    ///
    /// # Errors
    /// The first fault, naming the component and field.
    pub fn check(&self) -> Result<(), SchemaFault> {
        let fault = |field: &str, reason: String| {
            let name = if field.is_empty() { self.name.clone() } else { format!("{}.{field}", self.name) };
            Err(SchemaFault { name, reason })
        };
        let upper = self.name.chars().next().is_some_and(|c| c.is_ascii_uppercase());
        if !upper || self.name.len() > limits::NAME_BYTES_MAX || !self.name.chars().all(|c| c.is_ascii_alphanumeric()) {
            return fault("", "a name is UpperCamelCase, letters and digits, at most 64 bytes".into());
        }
        if self.fields.len() > limits::FIELDS_MAX {
            return fault("", format!("has {} fields, at most {}", self.fields.len(), limits::FIELDS_MAX));
        }
        if self.lane_count() > limits::LANES_MAX {
            return fault("", format!("has {} lanes, at most {}", self.lane_count(), limits::LANES_MAX));
        }
        if self.delivery == Delivery::State && self.has_variable() {
            return fault("", "text and points need delivery `reliable` or `hidden`".into());
        }
        for (i, field) in self.fields.iter().enumerate() {
            let ok = field.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            if !ok || field.name.is_empty() || field.name.len() > limits::NAME_BYTES_MAX {
                return fault(&field.name, "a field name is snake_case, at most 64 bytes".into());
            }
            if self.fields[..i].iter().any(|other| other.name == field.name) {
                return fault(&field.name, "is there twice".into());
            }
            if let Err(reason) = check_kind(&field.kind) {
                return fault(&field.name, reason);
            }
            if let Err(refusal) = crate::json::check_value(&field.kind, &field.default) {
                return fault(&field.name, format!("default {refusal}"));
            }
        }
        Ok(())
    }
}

fn check_kind(kind: &FieldKind) -> Result<(), String> {
    let stepped = |range: &Range, step: f32| {
        if !(step.is_finite() && step > 0.0) {
            return Err("step must be > 0".to_string());
        }
        if !(range.min.is_finite() && range.max.is_finite() && range.min < range.max) {
            return Err("range must be finite with min < max".to_string());
        }
        if range.min.abs().max(range.max.abs()) / step > (1 << 30) as f32 {
            return Err("range / step must stay below 2^30".to_string());
        }
        Ok(())
    };
    match kind {
        FieldKind::F32 { range, step } | FieldKind::Vec3 { range, step } => stepped(range, *step),
        FieldKind::Points { range, step, max_len } => {
            if *max_len as usize > limits::POINTS_MAX {
                return Err(format!("max_len is at most {}", limits::POINTS_MAX));
            }
            stepped(range, *step)
        }
        FieldKind::Text { max_bytes } if *max_bytes as usize > limits::TEXT_BYTES_MAX => {
            Err(format!("max_bytes is at most {}", limits::TEXT_BYTES_MAX))
        }
        FieldKind::Enum { variants } if variants.is_empty() || variants.len() > limits::VARIANTS_MAX => {
            Err(format!("needs 1 to {} variants", limits::VARIANTS_MAX))
        }
        FieldKind::U32 { min, max } if min > max || *max > i32::MAX as u32 => {
            Err("needs min <= max <= 2147483647".into())
        }
        FieldKind::I32 { min, max } if min > max => Err("needs min <= max".into()),
        _ => Ok(()),
    }
}
