//! One field's value, and a component's values in schema order.

use serde::{Deserialize, Serialize};

/// A field's value at full precision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A whole number ≥ 0.
    U32(u32),
    /// A whole number.
    I32(i32),
    /// A real number, always finite.
    F32(f32),
    /// x, y, z.
    Vec3([f32; 3]),
    /// x, y, z, w of a unit quaternion.
    Quat([f32; 4]),
    /// Red, green, blue from 0 to 1 as screens show them (sRGB); whoever adds up light makes them linear first.
    Color([f32; 3]),
    /// Index into the schema's variants.
    Enum(u32),
    /// The net id of another entity; 0 is none.
    Entity(u32),
    /// UTF-8 text.
    Text(String),
    /// A list of points.
    Points(Vec<[f32; 3]>),
}

/// A component's values, one per field, in the order of its schema.
pub type Record = Vec<Value>;
