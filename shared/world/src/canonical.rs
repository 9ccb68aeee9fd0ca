//! Components as exact bytes: what the state hash covers and what snapshots hold.
//!
//! Unlike a quantised row this loses nothing: every float keeps its bits. The bytes depend on the schema alone, so a
//! typed component and one registered at run time with the same fields give the same ones.

use hd1_schema::quantise::{put_varint, take_varint};
use hd1_schema::{ComponentSchema, FieldKind, Record, Value};

/// Bytes that are no component of their schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("component bytes are malformed: {0}")]
pub struct MalformedBytes(pub &'static str);

/// Appends one value.
pub fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Bool(v) => out.extend_from_slice(&u32::from(*v).to_le_bytes()),
        Value::U32(v) | Value::Enum(v) | Value::Entity(v) => out.extend_from_slice(&v.to_le_bytes()),
        Value::I32(v) => out.extend_from_slice(&v.to_le_bytes()),
        Value::F32(v) => put_f32s(out, &[*v]),
        Value::Vec3(v) | Value::Color(v) => put_f32s(out, v),
        Value::Quat(v) => put_f32s(out, v),
        Value::Text(text) => put_text(out, text),
        Value::Points(points) => put_points(out, points),
    }
}

/// Appends floats by their bits.
pub fn put_f32s(out: &mut Vec<u8>, values: &[f32]) {
    for v in values {
        out.extend_from_slice(&v.to_bits().to_le_bytes());
    }
}

/// Appends a length and UTF-8.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Appends a count and points.
pub fn put_points(out: &mut Vec<u8>, points: &[[f32; 3]]) {
    put_varint(out, points.len() as u64);
    for point in points {
        put_f32s(out, point);
    }
}

/// Takes one component off the front of `bytes`.
///
/// # Errors
/// Where the bytes end early, text is not UTF-8 or a list is longer than its schema says.
pub fn take_record(schema: &ComponentSchema, bytes: &mut &[u8]) -> Result<Record, MalformedBytes> {
    schema.fields.iter().map(|field| take_value(&field.kind, bytes)).collect()
}

fn take_value(kind: &FieldKind, bytes: &mut &[u8]) -> Result<Value, MalformedBytes> {
    Ok(match kind {
        FieldKind::Bool => Value::Bool(take_word(bytes)? != 0),
        FieldKind::U32 { .. } => Value::U32(take_word(bytes)?),
        FieldKind::I32 { .. } => Value::I32(take_word(bytes)? as i32),
        FieldKind::F32 { .. } => Value::F32(take_f32(bytes)?),
        FieldKind::Vec3 { .. } => Value::Vec3(take_f32s(bytes)?),
        FieldKind::Color => Value::Color(take_f32s(bytes)?),
        FieldKind::Quat => Value::Quat(take_f32s(bytes)?),
        FieldKind::Enum { variants } => match take_word(bytes)? {
            i if (i as usize) < variants.len() => Value::Enum(i),
            _ => return Err(MalformedBytes("no such variant")),
        },
        FieldKind::Entity => Value::Entity(take_word(bytes)?),
        FieldKind::Text { max_bytes } => {
            let len = take_len(bytes, *max_bytes)?;
            let (text, rest) = bytes.split_at_checked(len).ok_or(MalformedBytes("text ends early"))?;
            *bytes = rest;
            Value::Text(std::str::from_utf8(text).map_err(|_| MalformedBytes("text is not UTF-8"))?.to_owned())
        }
        FieldKind::Points { max_len, .. } => {
            let len = take_len(bytes, *max_len)?;
            Value::Points((0..len).map(|_| take_f32s(bytes)).collect::<Result<_, _>>()?)
        }
    })
}

fn take_len(bytes: &mut &[u8], max: u32) -> Result<usize, MalformedBytes> {
    match take_varint(bytes) {
        Some(len) if len <= u64::from(max) => Ok(len as usize),
        _ => Err(MalformedBytes("bad length")),
    }
}

fn take_word(bytes: &mut &[u8]) -> Result<u32, MalformedBytes> {
    let (word, rest) = bytes.split_first_chunk::<4>().ok_or(MalformedBytes("value ends early"))?;
    *bytes = rest;
    Ok(u32::from_le_bytes(*word))
}

fn take_f32(bytes: &mut &[u8]) -> Result<f32, MalformedBytes> {
    let value = f32::from_bits(take_word(bytes)?);
    if value.is_finite() { Ok(value) } else { Err(MalformedBytes("number is not finite")) }
}

fn take_f32s<const N: usize>(bytes: &mut &[u8]) -> Result<[f32; N], MalformedBytes> {
    let mut out = [0.0; N];
    for slot in &mut out {
        *slot = take_f32(bytes)?;
    }
    Ok(out)
}
