//! JSON read with exact places: every refusal names where, and an unknown key names the nearest known one.

use hd1_schema::json::{Refusal, parse_value};
use hd1_schema::{FieldKind, Range, Value};
use serde_json::{Map, Value as Json};

/// An object being read: keys are asked for by name, and what nobody asked for is refused at the end.
pub(crate) struct Object<'a> {
    map: &'a Map<String, Json>,
    /// Where it stands.
    pub(crate) path: String,
    asked: Vec<&'static str>,
}

impl<'a> Object<'a> {
    pub(crate) fn new(json: &'a Json, path: impl Into<String>) -> Result<Self, Refusal> {
        let path = path.into();
        match json.as_object() {
            Some(map) => Ok(Object { map, path, asked: Vec::new() }),
            None => Err(Refusal::new(path, "must be an object")),
        }
    }

    /// The value of a key and its place.
    pub(crate) fn field(&mut self, key: &'static str) -> Option<(&'a Json, String)> {
        self.asked.push(key);
        self.map.get(key).map(|json| (json, format!("{}.{key}", self.path)))
    }

    pub(crate) fn required(&mut self, key: &'static str) -> Result<(&'a Json, String), Refusal> {
        let at = format!("{}.{key}", self.path);
        self.field(key).ok_or_else(|| Refusal::new(at, "is missing"))
    }

    pub(crate) fn list(&mut self, key: &'static str, max: usize) -> Result<Vec<(&'a Json, String)>, Refusal> {
        let Some((json, path)) = self.field(key) else { return Ok(Vec::new()) };
        let Some(list) = json.as_array() else { return Err(Refusal::new(path, "must be a list")) };
        if list.len() > max {
            return Err(Refusal::new(path, format!("must have at most {max} items, has {}", list.len())));
        }
        Ok(list.iter().enumerate().map(|(i, item)| (item, format!("{path}[{i}]"))).collect())
    }

    pub(crate) fn text(&mut self, key: &'static str, max_bytes: usize, default: &str) -> Result<String, Refusal> {
        let Some((json, path)) = self.field(key) else { return Ok(default.to_owned()) };
        match parse_value(&FieldKind::Text { max_bytes: max_bytes as u32 }, json, &path)? {
            Value::Text(text) => Ok(text),
            _ => Ok(default.to_owned()),
        }
    }

    pub(crate) fn number(&mut self, key: &'static str, range: Range, default: f32) -> Result<f32, Refusal> {
        let Some((json, path)) = self.field(key) else { return Ok(default) };
        number(json, range, &path)
    }

    pub(crate) fn whole(&mut self, key: &'static str, min: u32, max: u32, default: u32) -> Result<u32, Refusal> {
        let Some((json, path)) = self.field(key) else { return Ok(default) };
        whole(json, min, max, &path)
    }

    pub(crate) fn flag(&mut self, key: &'static str, default: bool) -> Result<bool, Refusal> {
        let Some((json, path)) = self.field(key) else { return Ok(default) };
        json.as_bool().ok_or_else(|| Refusal::new(path, "must be true or false"))
    }

    pub(crate) fn vec3(&mut self, key: &'static str, range: Range, default: [f32; 3]) -> Result<[f32; 3], Refusal> {
        let Some((json, path)) = self.field(key) else { return Ok(default) };
        vec3(json, range, &path)
    }

    pub(crate) fn color(&mut self, key: &'static str, default: [f32; 3]) -> Result<[f32; 3], Refusal> {
        let Some((json, path)) = self.field(key) else { return Ok(default) };
        match parse_value(&FieldKind::Color, json, &path)? {
            Value::Color(color) => Ok(color),
            _ => Ok(default),
        }
    }

    /// One of `names`, as its place among them.
    pub(crate) fn choice(&mut self, key: &'static str, names: &[&str], default: usize) -> Result<usize, Refusal> {
        let Some((json, path)) = self.field(key) else { return Ok(default) };
        let found = json.as_str().and_then(|text| names.iter().position(|name| *name == text));
        found.ok_or_else(|| Refusal::new(path, format!("must be one of {}", names.join(", "))))
    }

    /// Refuses the first key that was not asked for.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        match self.map.keys().find(|key| !self.asked.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => {
                Err(Refusal::new(format!("{}.{key}", self.path), unknown("key", key, self.asked.iter().copied())))
            }
        }
    }
}

pub(crate) fn number(json: &Json, range: Range, path: &str) -> Result<f32, Refusal> {
    match parse_value(&FieldKind::F32 { range, step: 1.0 }, json, path)? {
        Value::F32(v) => Ok(v),
        _ => Ok(range.min),
    }
}

pub(crate) fn whole(json: &Json, min: u32, max: u32, path: &str) -> Result<u32, Refusal> {
    match parse_value(&FieldKind::U32 { min, max }, json, path)? {
        Value::U32(v) => Ok(v),
        _ => Ok(min),
    }
}

pub(crate) fn vec3(json: &Json, range: Range, path: &str) -> Result<[f32; 3], Refusal> {
    match parse_value(&FieldKind::Vec3 { range, step: 1.0 }, json, path)? {
        Value::Vec3(v) => Ok(v),
        _ => Ok([range.min; 3]),
    }
}

/// `unknown component Geometri; did you mean Geometry?`, or the list where nothing is near.
pub(crate) fn unknown<'a>(what: &str, given: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    let near = |name: &&&str| strsim::damerau_levenshtein(&given.to_lowercase(), &name.to_lowercase());
    match known.iter().min_by_key(near) {
        Some(name) if near(&name) <= 2.max(given.len() / 3) => format!("unknown {what}; did you mean {name}?"),
        _ => format!("unknown {what}; known are {}", known.join(", ")),
    }
}
