//! Values as words: how commands and configs carry them.
//!
//! The same words as in a column; text is its number of bytes and then its UTF-8 filled up to whole words, points are their
//! number and then three words each.

use hd1_schema::json::check_value;
use hd1_schema::{ComponentSchema, FieldKind, Record, Value};

/// Appends a value.
pub fn put_value(words: &mut Vec<u32>, value: &Value) {
    match value {
        Value::Bool(v) => words.push(u32::from(*v)),
        Value::U32(v) | Value::Enum(v) | Value::Entity(v) => words.push(*v),
        Value::I32(v) => words.push(*v as u32),
        Value::F32(v) => words.push(v.to_bits()),
        Value::Vec3(v) | Value::Color(v) => words.extend(v.map(f32::to_bits)),
        Value::Quat(v) => words.extend(v.map(f32::to_bits)),
        Value::Text(text) => {
            words.push(text.len() as u32);
            words.extend(text.as_bytes().chunks(4).map(|part| {
                let mut word = [0; 4];
                word[..part.len()].copy_from_slice(part);
                u32::from_le_bytes(word)
            }));
        }
        Value::Points(points) => {
            words.push(points.len() as u32);
            words.extend(points.as_flattened().iter().map(|v| v.to_bits()));
        }
    }
}

/// A record's words.
#[must_use]
pub fn words_of(record: &[Value]) -> Vec<u32> {
    let mut words = Vec::new();
    record.iter().for_each(|value| put_value(&mut words, value));
    words
}

/// The record of words, checked against a schema.
///
/// # Errors
/// Which field is wrong, and what would be right.
pub fn record_of(schema: &ComponentSchema, mut words: &[u32]) -> Result<Record, String> {
    let mut record = Record::with_capacity(schema.fields.len());
    for field in &schema.fields {
        let at = |reason: String| format!("{}.{}: {reason}", schema.name, field.name);
        let value = take_value(&field.kind, &mut words).ok_or_else(|| at("its words end early".into()))?;
        check_value(&field.kind, &value).map_err(at)?;
        record.push(value);
    }
    if words.is_empty() { Ok(record) } else { Err(format!("{}: it has {} words too many", schema.name, words.len())) }
}

fn take_value(kind: &FieldKind, words: &mut &[u32]) -> Option<Value> {
    let mut take = |count: usize| {
        let (mine, rest) = words.split_at_checked(count)?;
        *words = rest;
        Some(mine)
    };
    Some(match kind {
        FieldKind::Bool => Value::Bool(take(1)?[0] != 0),
        FieldKind::U32 { .. } => Value::U32(take(1)?[0]),
        FieldKind::I32 { .. } => Value::I32(take(1)?[0] as i32),
        FieldKind::Enum { .. } => Value::Enum(take(1)?[0]),
        FieldKind::Entity => Value::Entity(take(1)?[0]),
        FieldKind::F32 { .. } => Value::F32(f32::from_bits(take(1)?[0])),
        FieldKind::Vec3 { .. } => Value::Vec3(*reals(take(3)?).as_array()?),
        FieldKind::Color => Value::Color(*reals(take(3)?).as_array()?),
        FieldKind::Quat => Value::Quat(*reals(take(4)?).as_array()?),
        FieldKind::Text { .. } => {
            let len = take(1)?[0] as usize;
            let bytes: Vec<u8> = take(len.div_ceil(4))?.iter().flat_map(|word| word.to_le_bytes()).collect();
            Value::Text(String::from_utf8(bytes.get(..len)?.to_vec()).ok()?)
        }
        FieldKind::Points { .. } => {
            let count = take(1)?[0] as usize;
            let all = reals(take(count.checked_mul(3)?)?);
            Value::Points(all.as_chunks().0.to_vec())
        }
    })
}

fn reals(words: &[u32]) -> Vec<f32> {
    words.iter().copied().map(f32::from_bits).collect()
}
