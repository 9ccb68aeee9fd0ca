//! The JSON form of components, checked: every refusal says where and what would be right.

use serde_json::{Map, Value as Json, json};

use crate::{ComponentSchema, FieldKind, Range, Record, Value, limits};

/// Why JSON is refused: `scene.entities[3].components.Geometry.radius: must be > 0`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct Refusal {
    /// Where, from the root that the caller named.
    pub path: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl Refusal {
    /// A refusal at `path`.
    pub fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Refusal { path: path.into(), reason: reason.into() }
    }
}

impl ComponentSchema {
    /// Reads a whole component; fields left out take their defaults.
    ///
    /// # Errors
    /// The first fault with its path below `path`.
    pub fn parse_json(&self, json: &Json, path: &str) -> Result<Record, Refusal> {
        let mut record = self.default_record();
        self.patch_json(&mut record, json, path)?;
        Ok(record)
    }

    /// Changes the named fields of a record and leaves the others; on a fault the record is unchanged.
    ///
    /// # Errors
    /// The first fault with its path below `path`.
    pub fn patch_json(&self, record: &mut Record, json: &Json, path: &str) -> Result<(), Refusal> {
        let Some(object) = json.as_object() else {
            return Err(Refusal::new(path, format!("must be an object with the fields of {}", self.name)));
        };
        let mut next = record.clone();
        for (key, value) in object {
            let at = format!("{path}.{key}");
            let Some(i) = self.fields.iter().position(|f| f.name == *key) else {
                let known: Vec<_> = self.fields.iter().map(|f| f.name.as_str()).collect();
                return Err(Refusal::new(at, format!("unknown field; {} has {}", self.name, known.join(", "))));
            };
            next[i] = parse_value(&self.fields[i].kind, value, &at)?;
        }
        *record = next;
        Ok(())
    }

    /// The JSON of a record: every field by name.
    #[must_use]
    pub fn to_json(&self, record: &Record) -> Json {
        let fields = self.fields.iter().zip(record).map(|(f, v)| (f.name.clone(), value_json(&f.kind, v)));
        Json::Object(fields.collect::<Map<_, _>>())
    }

    /// A JSON Schema (draft 2020-12) for the component's JSON form.
    #[must_use]
    pub fn json_schema(&self) -> Json {
        let properties = self.fields.iter().map(|f| {
            let mut schema = kind_schema(&f.kind);
            let unit = if f.unit.is_empty() { String::new() } else { format!(" ({})", f.unit) };
            schema["description"] = json!(format!("{}{unit}", f.doc));
            schema["default"] = value_json(&f.kind, &f.default);
            (f.name.clone(), schema)
        });
        json!({
            "type": "object",
            "description": self.doc,
            "additionalProperties": false,
            "properties": properties.collect::<Map<_, _>>(),
        })
    }
}

/// Checks a value made in code against its field's kind and range.
///
/// # Errors
/// The reason alone; the caller knows the place.
pub fn check_value(kind: &FieldKind, value: &Value) -> Result<(), String> {
    match parse_value(kind, &value_json(kind, value), "") {
        Ok(_) => Ok(()),
        Err(refusal) => Err(refusal.reason),
    }
}

/// Reads one field's value.
///
/// # Errors
/// At `path`, with what would be right.
pub fn parse_value(kind: &FieldKind, json: &Json, path: &str) -> Result<Value, Refusal> {
    let refuse = |reason: String| Err(Refusal::new(path, reason));
    match kind {
        FieldKind::Bool => match json.as_bool() {
            Some(v) => Ok(Value::Bool(v)),
            None => refuse("must be true or false".into()),
        },
        FieldKind::U32 { min, max } => match json.as_u64() {
            Some(v) if (u64::from(*min)..=u64::from(*max)).contains(&v) => Ok(Value::U32(v as u32)),
            _ => refuse(format!("must be a whole number from {min} to {max}")),
        },
        FieldKind::I32 { min, max } => match json.as_i64() {
            Some(v) if (i64::from(*min)..=i64::from(*max)).contains(&v) => Ok(Value::I32(v as i32)),
            _ => refuse(format!("must be a whole number from {min} to {max}")),
        },
        FieldKind::F32 { range, .. } => Ok(Value::F32(number(json, range, path)?)),
        FieldKind::Vec3 { range, .. } => Ok(Value::Vec3(numbers(json, range, path)?)),
        FieldKind::Color => match json.as_str() {
            Some(text) => match parse_hex_color(text) {
                Some(c) => Ok(Value::Color(c)),
                None => refuse("must be \"#rrggbb\" or three numbers from 0 to 1".into()),
            },
            None => Ok(Value::Color(numbers(json, &Range::new(0.0, 1.0), path)?)),
        },
        FieldKind::Quat => {
            let q: [f32; 4] = numbers(json, &Range::new(-1.0e6, 1.0e6), path)?;
            let norm = q.iter().map(|x| x * x).sum::<f32>().sqrt();
            if norm < 1.0e-6 {
                return refuse("must be a quaternion [x, y, z, w] that is not zero".into());
            }
            // A unit quaternion stays bit for bit what it was: a round trip through JSON changes nothing.
            Ok(Value::Quat(if (norm - 1.0).abs() < 1.0e-6 { q } else { q.map(|x| x / norm) }))
        }
        FieldKind::Enum { variants } => match json.as_str().and_then(|s| variants.iter().position(|v| v == s)) {
            Some(i) => Ok(Value::Enum(i as u32)),
            None => refuse(format!("must be one of {}", variants.join(", "))),
        },
        FieldKind::Entity => match json.as_u64() {
            Some(v) if v <= i32::MAX as u64 => Ok(Value::Entity(v as u32)),
            _ if json.is_null() => Ok(Value::Entity(0)),
            _ => refuse("must be an entity's id, or null".into()),
        },
        FieldKind::Text { max_bytes } => match json.as_str() {
            Some(text) if text.len() > *max_bytes as usize => {
                refuse(format!("must be at most {max_bytes} bytes, has {}", text.len()))
            }
            Some(text) if text.chars().any(|c| c.is_control() && c != '\n') => {
                refuse("must have no control characters".into())
            }
            Some(text) => Ok(Value::Text(text.to_owned())),
            None => refuse("must be text".into()),
        },
        FieldKind::Points { max_len, range, .. } => {
            let Some(list) = json.as_array() else { return refuse("must be a list of [x, y, z]".into()) };
            let max = (*max_len as usize).min(limits::POINTS_MAX);
            if list.len() > max {
                return refuse(format!("must have at most {max} points, has {}", list.len()));
            }
            let point = |(i, p): (usize, &Json)| numbers::<3>(p, range, &format!("{path}[{i}]"));
            Ok(Value::Points(list.iter().enumerate().map(point).collect::<Result<_, _>>()?))
        }
    }
}

/// The JSON of one value.
#[must_use]
pub fn value_json(kind: &FieldKind, value: &Value) -> Json {
    match value {
        Value::Bool(v) => json!(v),
        Value::U32(v) | Value::Entity(v) => json!(v),
        Value::I32(v) => json!(v),
        Value::F32(v) => real_json(*v),
        Value::Vec3(v) | Value::Color(v) => reals(v),
        Value::Quat(v) => reals(v),
        Value::Enum(i) => match kind {
            FieldKind::Enum { variants } => json!(variants.get(*i as usize)),
            _ => json!(i),
        },
        Value::Text(v) => json!(v),
        Value::Points(v) => v.iter().map(|point| reals(point)).collect(),
    }
}

/// The JSON of a real number: the shortest decimal that reads back to the same `f32`. JSON values hold `f64`, and 0.03
/// merely widened would be written 0.029999999329447746.
#[must_use]
pub fn real_json(v: f32) -> Json {
    let widened = f64::from(v);
    let shortest = format!("{v:e}").parse().unwrap_or(widened);
    // Through `f64` a decimal is rounded twice; should that ever end elsewhere, the long form is still right.
    json!(if shortest as f32 == v { shortest } else { widened })
}

/// The same for every number of a value that serde has made of `f32`s.
pub fn shorten_reals(json: &mut Json) {
    match json {
        Json::Number(number) if number.is_f64() => {
            let real = number.as_f64().map(|v| (v, v as f32)).filter(|(wide, v)| f64::from(*v) == *wide);
            if let Some((_, v)) = real {
                *json = real_json(v);
            }
        }
        Json::Array(items) => items.iter_mut().for_each(shorten_reals),
        Json::Object(fields) => fields.values_mut().for_each(shorten_reals),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn reals(values: &[f32]) -> Json {
    values.iter().copied().map(real_json).collect()
}

fn number(json: &Json, range: &Range, path: &str) -> Result<f32, Refusal> {
    let v = json.as_f64().map(|v| v as f32).filter(|v| v.is_finite());
    let Some(v) = v else { return Err(Refusal::new(path, "must be a number")) };
    if range.admits(v) {
        return Ok(v);
    }
    let below = if range.above_min { v <= range.min } else { v < range.min };
    let reason = match (below, range.above_min) {
        (true, true) => format!("must be > {}", range.min),
        (true, false) => format!("must be >= {}", range.min),
        (false, _) => format!("must be <= {}", range.max),
    };
    Err(Refusal::new(path, reason))
}

fn numbers<const N: usize>(json: &Json, range: &Range, path: &str) -> Result<[f32; N], Refusal> {
    let list = json.as_array().filter(|list| list.len() == N);
    let Some(list) = list else { return Err(Refusal::new(path, format!("must be a list of {N} numbers"))) };
    let mut out = [0.0; N];
    for (i, (slot, item)) in out.iter_mut().zip(list).enumerate() {
        *slot = number(item, range, &format!("{path}[{i}]"))?;
    }
    Ok(out)
}

fn parse_hex_color(text: &str) -> Option<[f32; 3]> {
    let hex = text.strip_prefix('#').filter(|h| h.len() == 6 && h.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let v = u32::from_str_radix(hex, 16).ok()?;
    Some([16, 8, 0].map(|shift| ((v >> shift) & 255) as f32 / 255.0))
}

fn kind_schema(kind: &FieldKind) -> Json {
    let bounded = |range: &Range| {
        let low = if range.above_min { "exclusiveMinimum" } else { "minimum" };
        json!({ "type": "number", low: real_json(range.min), "maximum": real_json(range.max) })
    };
    let list = |item: Json, n: usize| json!({ "type": "array", "items": item, "minItems": n, "maxItems": n });
    match kind {
        FieldKind::Bool => json!({ "type": "boolean" }),
        FieldKind::U32 { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        FieldKind::I32 { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        FieldKind::F32 { range, .. } => bounded(range),
        FieldKind::Vec3 { range, .. } => list(bounded(range), 3),
        FieldKind::Quat => list(json!({ "type": "number" }), 4),
        FieldKind::Color => json!({ "anyOf": [
            { "type": "string", "pattern": "^#[0-9a-fA-F]{6}$", "description": "#rrggbb as screens show it (sRGB)" },
            list(json!({ "type": "number", "minimum": 0, "maximum": 1 }), 3),
        ] }),
        FieldKind::Enum { variants } => json!({ "enum": variants }),
        FieldKind::Entity => json!({ "type": ["integer", "null"], "minimum": 0, "maximum": i32::MAX }),
        FieldKind::Text { max_bytes } => json!({ "type": "string", "maxLength": max_bytes }),
        FieldKind::Points { max_len, range, .. } => {
            json!({ "type": "array", "items": list(bounded(range), 3), "maxItems": max_len })
        }
    }
}
