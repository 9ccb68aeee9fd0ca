//! Many entities from few lines: grids, scatterings and rings with seeded variation.

use hd1_schema::json::{Refusal, parse_value};
use hd1_schema::{ComponentSchema, FieldKind, Range, Record, Value};
use hd1_world::limits::WORLD_HALF_EXTENT_M;
use hd1_world::math;
use serde_json::{Value as Json, json};

use crate::limits::SCENE_ENTITIES_MAX;
use crate::reader::{self, Object};
use crate::scene::SceneEntity;
use crate::schemas::Schemas;

const PLACE: Range = Range::new(-WORLD_HALF_EXTENT_M, WORLD_HALF_EXTENT_M);
const KINDS: [&str; 3] = ["grid", "scatter", "ring"];

/// Where a block puts its entities.
enum Layout {
    Grid { count: [u32; 3], spacing: [f32; 3], center: [f32; 3] },
    Scatter { count: u32, min: [f32; 3], max: [f32; 3] },
    Ring { count: u32, radius: f32, center: [f32; 3] },
}

/// A field that differs from entity to entity.
struct Variation<'a> {
    schema: &'a ComponentSchema,
    field: usize,
    how: How,
}

enum How {
    /// Between two values; vectors each axis by itself, or all by one draw.
    Between { from: Value, to: Value, uniform: bool },
    /// One of a list.
    Choose(Vec<Value>),
    /// Any rotation.
    AnyRotation,
}

/// Expands one block of `scene.generate`.
pub(crate) fn expand(json: &Json, path: &str, schemas: &Schemas, room: usize) -> Result<Vec<SceneEntity>, Refusal> {
    let mut block = Object::new(json, path)?;
    let layout = parse_layout(&mut block)?;
    let count = layout.count();
    if count > room as u64 {
        return Err(Refusal::new(path, format!("makes {count} entities; a scene has at most {SCENE_ENTITIES_MAX}")));
    }
    let mut random = Random(u64::from(block.whole("seed", 0, u32::MAX >> 1, 1)?));
    let stand = block.flag("stand", false)?;
    let (components, at) = block.required("components")?;
    let template = crate::scene::parse_components(components, &at, schemas)?;
    let variations = match block.field("vary") {
        None => Vec::new(),
        Some((json, at)) => parse_variations(json, &at, schemas, &template)?,
    };
    block.finish()?;
    let transform = schemas.named("Transform", path)?.clone();
    let mut entities = Vec::with_capacity(count as usize);
    for i in 0..count as u32 {
        let mut entity = SceneEntity { id: None, components: template.clone() };
        for variation in &variations {
            variation.apply(&mut entity, &mut random);
        }
        let lift = if stand { standing_height(&entity, &transform) } else { 0.0 };
        let record = entity.component_mut(&transform);
        if let Some(Value::Vec3(position)) = record.first_mut() {
            *position = math::add(*position, math::add(layout.position(i, &mut random), [0.0, lift, 0.0]));
            *position = math::clamp(*position, [PLACE.min; 3], [PLACE.max; 3]);
        }
        entity.components.sort_by_key(|(schema, _)| schema.id);
        entities.push(entity);
    }
    Ok(entities)
}

impl Layout {
    fn count(&self) -> u64 {
        match self {
            Layout::Grid { count, .. } => count.iter().map(|n| u64::from(*n)).product(),
            Layout::Scatter { count, .. } | Layout::Ring { count, .. } => u64::from(*count),
        }
    }

    fn position(&self, i: u32, random: &mut Random) -> [f32; 3] {
        match self {
            Layout::Grid { count, spacing, center } => {
                let cell = [i % count[0], i / count[0] / count[2], i / count[0] % count[2]];
                let offset = [0, 1, 2].map(|a| (cell[a] as f32 - (count[a] - 1) as f32 * 0.5) * spacing[a]);
                math::add(*center, offset)
            }
            Layout::Scatter { min, max, .. } => [0, 1, 2].map(|a| min[a] + (max[a] - min[a]) * random.unit()),
            Layout::Ring { count, radius, center } => {
                let angle = i as f32 / *count as f32 * core::f32::consts::TAU;
                let yaw = math::quat_yaw(angle);
                // The direction of a yaw from its half-angle quaternion: sin and cos of the whole angle.
                let (sin, cos) = (2.0 * yaw[1] * yaw[3], 1.0 - 2.0 * yaw[1] * yaw[1]);
                math::add(*center, [radius * cos, 0.0, radius * sin])
            }
        }
    }
}

fn parse_layout(block: &mut Object) -> Result<Layout, Refusal> {
    let max = SCENE_ENTITIES_MAX as u32;
    let (_, at) = block.required("kind")?;
    let center = |block: &mut Object| block.vec3("center", PLACE, [0.0; 3]);
    let count = |block: &mut Object| {
        let (json, at) = block.required("count")?;
        reader::whole(json, 1, max, &at)
    };
    match block.choice("kind", &KINDS, 0)? {
        0 => {
            let (json, at) = block.required("count")?;
            let count = reader::vec3(json, Range::new(1.0, max as f32), &at)?.map(|n| n as u32);
            let spacing = block.vec3("spacing", Range::new(0.0, 10_000.0), [1.0; 3])?;
            Ok(Layout::Grid { count, spacing, center: center(block)? })
        }
        1 => {
            let min = block.vec3("min", PLACE, [-10.0; 3])?;
            let max = block.vec3("max", PLACE, [10.0; 3])?;
            if let Some(axis) = (0..3).find(|axis| min[*axis] > max[*axis]) {
                return Err(Refusal::new(at.replace(".kind", &format!(".max[{axis}]")), "must not be below min"));
            }
            Ok(Layout::Scatter { count: count(block)?, min, max })
        }
        _ => {
            let radius = block.number("radius", Range::above(0.0, 10_000.0), 10.0)?;
            Ok(Layout::Ring { count: count(block)?, radius, center: center(block)? })
        }
    }
}

fn parse_variations<'a>(
    json: &Json,
    path: &str,
    schemas: &'a Schemas,
    template: &[(std::sync::Arc<ComponentSchema>, Record)],
) -> Result<Vec<Variation<'a>>, Refusal> {
    let Some(map) = json.as_object() else { return Err(Refusal::new(path, "must be an object")) };
    let mut variations = Vec::new();
    for (key, json) in map {
        let at = format!("{path}.{key}");
        let Some((component, field)) = key.split_once('.') else {
            return Err(Refusal::new(at, "must be named Component.field"));
        };
        let schema = schemas.named(component, &at)?;
        if schema.name != "Transform" && template.iter().all(|(s, _)| s.id != schema.id) {
            return Err(Refusal::new(at, format!("{component} is not among the block's components; add it there")));
        }
        let names = schema.fields.iter().map(|f| f.name.as_str());
        let Some(index) = schema.fields.iter().position(|f| f.name == field) else {
            return Err(Refusal::new(at, reader::unknown("field", field, names)));
        };
        let how = parse_how(json, &at, &schema.fields[index].kind)?;
        variations.push(Variation { schema, field: index, how });
    }
    Ok(variations)
}

fn parse_how(json: &Json, path: &str, kind: &FieldKind) -> Result<How, Refusal> {
    if matches!(kind, FieldKind::Quat) && json == &json!("any") {
        return Ok(How::AnyRotation);
    }
    let mut how = Object::new(json, path)?;
    let choose = how.list("choose", 256)?;
    let parsed = if choose.is_empty() {
        if !matches!(kind, FieldKind::F32 { .. } | FieldKind::Vec3 { .. } | FieldKind::Color) {
            return Err(Refusal::new(path, "needs `choose`; only numbers vary between two values"));
        }
        let (from, from_at) = how.required("from")?;
        let (to, to_at) = how.required("to")?;
        let uniform = how.flag("uniform", false)?;
        How::Between { from: parse_value(kind, from, &from_at)?, to: parse_value(kind, to, &to_at)?, uniform }
    } else {
        How::Choose(choose.iter().map(|(json, at)| parse_value(kind, json, at)).collect::<Result<_, _>>()?)
    };
    how.finish()?;
    Ok(parsed)
}

impl Variation<'_> {
    fn apply(&self, entity: &mut SceneEntity, random: &mut Random) {
        let value = match &self.how {
            How::Choose(values) => values[(random.unit() * values.len() as f32) as usize % values.len()].clone(),
            How::AnyRotation => {
                let q = [0; 4].map(|_| random.unit() * 2.0 - 1.0);
                Value::Quat(math::quat_normalise(q))
            }
            How::Between { from, to, uniform } => between(from, to, *uniform, random),
        };
        if let Some((_, record)) = entity.components.iter_mut().find(|(schema, _)| schema.id == self.schema.id) {
            record[self.field] = value;
        } else {
            let mut record = self.schema.default_record();
            record[self.field] = value;
            entity.components.push((std::sync::Arc::new(self.schema.clone()), record));
        }
    }
}

fn between(from: &Value, to: &Value, uniform: bool, random: &mut Random) -> Value {
    let mut draw = |from: [f32; 3], to: [f32; 3]| {
        let first = random.unit();
        [0, 1, 2].map(|a| {
            let t = if uniform || a == 0 { first } else { random.unit() };
            from[a] + (to[a] - from[a]) * t
        })
    };
    match (from, to) {
        (Value::Vec3(from), Value::Vec3(to)) => Value::Vec3(draw(*from, *to)),
        (Value::Color(from), Value::Color(to)) => Value::Color(draw(*from, *to)),
        (Value::F32(from), Value::F32(to)) => Value::F32(draw([*from; 3], [*to; 3])[0]),
        _ => from.clone(),
    }
}

/// Half the height of the entity's form, so that it stands on the layout's plane.
fn standing_height(entity: &SceneEntity, transform: &ComponentSchema) -> f32 {
    use hd1_world::components::{Geometry, Shape, Transform};
    use hd1_world::described::Described;
    let record = |id| entity.components.iter().find(|(schema, _)| schema.id == id).map(|(_, record)| record);
    let scale = record(transform.id).map_or([1.0; 3], |r| Transform::from_record(r).scale);
    let geometry = record(Geometry::ID).map(Geometry::from_record).unwrap_or_default();
    let half = match geometry.shape {
        Shape::Box | Shape::Asset => geometry.size[1] * 0.5,
        Shape::Sphere => geometry.radius,
        Shape::Cylinder => geometry.height * 0.5,
        Shape::Plane => 0.0,
    };
    half * scale[1]
}

/// SplitMix64: the same scene from the same seed, for ever.
struct Random(u64);

impl Random {
    /// From 0 to below 1.
    fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    }
}
