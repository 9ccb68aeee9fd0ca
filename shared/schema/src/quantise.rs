//! Values to integer lanes and back: what travels is `round(v / step)`, so both ends compare integers.
//!
//! The server compares quantised rows, not floats: a component that was touched but did not move by a step costs no
//! bytes. Text and points follow the lanes as one byte string.

use crate::{ComponentSchema, FieldKind, Record, Value, schema::FieldSchema};

/// Size of one unit of a quaternion's three smaller components, which lie within ±1/√2.
pub const QUAT_STEP: f32 = 1.0 / 2048.0;

/// A component as it travels: fixed lanes, then the bytes of its text and points. One row is filled again and again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Row {
    /// One `i32` per fixed lane, in schema order.
    pub lanes: Vec<i32>,
    /// Variable fields in schema order, each a LEB128 length and its bytes; empty for most components.
    pub bytes: Vec<u8>,
}

/// Bytes that are no row of their schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row does not fit its schema: {0}")]
pub struct MalformedRow(pub &'static str);

impl Row {
    /// Empties it for reuse.
    pub fn clear(&mut self) {
        self.lanes.clear();
        self.bytes.clear();
    }

    /// Appends a yes or no.
    pub fn bool(&mut self, v: bool) {
        self.lanes.push(i32::from(v));
    }

    /// Appends a whole number as it is.
    pub fn int(&mut self, v: i32) {
        self.lanes.push(v);
    }

    /// Appends a real number in units of `step`.
    pub fn f32(&mut self, v: f32, step: f32) {
        self.lanes.push(steps(v, step));
    }

    /// Appends three real numbers in units of `step`.
    #[inline]
    pub fn vec3(&mut self, v: [f32; 3], step: f32) {
        let inverse = 1.0 / step;
        self.lanes.extend_from_slice(&v.map(|x| round(x * inverse)));
    }

    /// Appends a unit quaternion as smallest three.
    #[inline]
    pub fn quat(&mut self, q: [f32; 4]) {
        const OTHERS: [[usize; 3]; 4] = [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]];
        let mut largest = 0;
        for i in 1..4 {
            largest = if q[i].abs() > q[largest].abs() { i } else { largest };
        }
        // q and -q are the same rotation: make the left-out component positive.
        let unit = (1.0 / QUAT_STEP).copysign(q[largest]);
        let [a, b, c] = OTHERS[largest].map(|i| round(q[i] * unit));
        self.lanes.extend_from_slice(&[largest as i32, a, b, c]);
    }

    /// Appends a colour as `0xRRGGBB`.
    pub fn color(&mut self, c: [f32; 3]) {
        let byte = |x: f32| round(x.clamp(0.0, 1.0) * 255.0);
        self.lanes.push(byte(c[0]) << 16 | byte(c[1]) << 8 | byte(c[2]));
    }

    /// Appends text.
    pub fn text(&mut self, text: &str) {
        put_varint(&mut self.bytes, text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Appends points, each axis in units of `step`.
    pub fn points(&mut self, points: &[[f32; 3]], step: f32) {
        put_varint(&mut self.bytes, points.len() as u64);
        for v in points.iter().flatten() {
            self.bytes.extend_from_slice(&steps(*v, step).to_le_bytes());
        }
    }

    /// Appends one field's value. The value is of the field's kind: records are checked when they are made.
    pub fn value(&mut self, kind: &FieldKind, value: &Value) {
        match (kind, value) {
            (_, Value::Bool(v)) => self.bool(*v),
            (_, Value::U32(v) | Value::Enum(v) | Value::Entity(v)) => self.int(*v as i32),
            (_, Value::I32(v)) => self.int(*v),
            (FieldKind::F32 { step, .. }, Value::F32(v)) => self.f32(*v, *step),
            (FieldKind::Vec3 { step, .. }, Value::Vec3(v)) => self.vec3(*v, *step),
            (_, Value::Quat(q)) => self.quat(*q),
            (_, Value::Color(c)) => self.color(*c),
            (_, Value::Text(text)) => self.text(text),
            (FieldKind::Points { step, .. }, Value::Points(points)) => self.points(points, *step),
            (kind, value) => debug_assert!(false, "{value:?} is not of kind {kind:?}"),
        }
    }
}

impl ComponentSchema {
    /// The row of a record of this schema.
    #[must_use]
    pub fn quantise(&self, record: &Record) -> Row {
        let mut row = Row::default();
        for (field, value) in self.fields.iter().zip(record) {
            row.value(&field.kind, value);
        }
        row
    }

    /// The record of a row: each number within half a step of what was quantised.
    ///
    /// # Errors
    /// Where the row has too few lanes or bytes, a bad length, or text that is not UTF-8.
    pub fn dequantise(&self, row: &Row) -> Result<Record, MalformedRow> {
        if row.lanes.len() != self.lane_count() {
            return Err(MalformedRow("wrong number of lanes"));
        }
        let mut lanes = row.lanes.as_slice();
        let mut bytes = row.bytes.as_slice();
        let record =
            self.fields.iter().map(|field| take_value(field, &mut lanes, &mut bytes)).collect::<Result<_, _>>()?;
        if bytes.is_empty() { Ok(record) } else { Err(MalformedRow("bytes left over")) }
    }
}

fn take_value(field: &FieldSchema, lanes: &mut &[i32], bytes: &mut &[u8]) -> Result<Value, MalformedRow> {
    let fixed = field.kind.lanes().unwrap_or(0);
    let (mine, rest) = lanes.split_at_checked(fixed).ok_or(MalformedRow("too few lanes"))?;
    *lanes = rest;
    Ok(match &field.kind {
        FieldKind::Bool => Value::Bool(mine[0] != 0),
        FieldKind::U32 { .. } => Value::U32(mine[0] as u32),
        FieldKind::I32 { .. } => Value::I32(mine[0]),
        FieldKind::F32 { step, .. } => Value::F32(mine[0] as f32 * step),
        FieldKind::Vec3 { step, .. } => Value::Vec3([0, 1, 2].map(|i| mine[i] as f32 * step)),
        FieldKind::Quat => Value::Quat(quat_of_lanes(mine)),
        FieldKind::Color => Value::Color([16, 8, 0].map(|shift| ((mine[0] >> shift) & 255) as f32 / 255.0)),
        FieldKind::Enum { variants } => match mine[0] {
            i if i >= 0 && (i as usize) < variants.len() => Value::Enum(i as u32),
            _ => return Err(MalformedRow("no such variant")),
        },
        FieldKind::Entity => Value::Entity(mine[0] as u32),
        FieldKind::Text { max_bytes } => {
            let len = take_len(bytes, *max_bytes as usize, 1)?;
            let (text, rest) = bytes.split_at(len);
            *bytes = rest;
            Value::Text(std::str::from_utf8(text).map_err(|_| MalformedRow("text is not UTF-8"))?.to_owned())
        }
        FieldKind::Points { max_len, step, .. } => {
            let len = take_len(bytes, *max_len as usize, 12)?;
            let (packed, rest) = bytes.split_at(len * 12);
            *bytes = rest;
            let axis = |b: &[u8]| i32::from_le_bytes([b[0], b[1], b[2], b[3]]) as f32 * step;
            Value::Points(packed.chunks_exact(12).map(|p| [axis(p), axis(&p[4..]), axis(&p[8..])]).collect())
        }
    })
}

fn take_len(bytes: &mut &[u8], max: usize, unit: usize) -> Result<usize, MalformedRow> {
    let len = take_varint(bytes).ok_or(MalformedRow("bad length"))? as usize;
    if len > max || bytes.len() < len.saturating_mul(unit) {
        return Err(MalformedRow("length beyond its bytes"));
    }
    Ok(len)
}

/// The unit quaternion of 4 lanes: index of the left-out component, then the other three. Any lanes give a finite one.
#[must_use]
pub fn quat_of_lanes(lanes: &[i32]) -> [f32; 4] {
    let largest = (lanes[0] & 3) as usize;
    let mut q = [0.0; 4];
    let mut sum = 0.0;
    let mut rest = lanes[1..4].iter();
    for (i, x) in q.iter_mut().enumerate() {
        if i != largest {
            *x = *rest.next().unwrap_or(&0) as f32 * QUAT_STEP;
            sum += *x * *x;
        }
    }
    q[largest] = (1.0 - sum).max(0.0).sqrt();
    let norm = (sum + q[largest] * q[largest]).sqrt().max(f32::MIN_POSITIVE);
    q.map(|x| x / norm)
}

fn steps(v: f32, step: f32) -> i32 {
    round(v / step)
}

/// Half away from zero, without a call into libm: `f32::round` is not one instruction on x86-64's base line.
fn round(v: f32) -> i32 {
    (v + 0.5f32.copysign(v)) as i32
}

/// Appends LEB128.
pub fn put_varint(out: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        out.push(v as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
}

/// Takes LEB128 off the front; `None` where it ends early or has more than 64 bits.
pub fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut v = 0u64;
    for i in 0..10 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if i == 9 && byte > 1 {
            return None;
        }
        v |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some(v);
        }
    }
    None
}
