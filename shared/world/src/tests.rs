//! Stories of the catalogue: one declaration, many forms; and changes told exactly.

mod capture;
mod columns;
mod forms;
mod movement;

use bevy_ecs::world::World;
use hd1_schema::{ComponentSchema, FieldKind, Range, Record, Value};
use proptest::prelude::*;

use crate::Catalogue;

/// A world with the built-in components and one registered at run time that has a field of each plain kind.
fn world() -> World {
    let mut world = World::new();
    Catalogue::install(&mut world);
    Catalogue::register_dynamic(&mut world, every_plain_kind()).unwrap();
    world
}

fn every_plain_kind() -> ComponentSchema {
    serde_json::from_value(serde_json::json!({
        "id": 1000, "name": "Everything", "doc": "one of each", "delivery": "state", "client_writable": true,
        "fields": [
            { "name": "on", "doc": "", "kind": { "type": "bool" }, "default": { "Bool": true } },
            { "name": "count", "doc": "", "kind": { "type": "u32", "min": 0, "max": 100 }, "default": { "U32": 7 } },
            { "name": "level", "doc": "", "kind": { "type": "i32", "min": -5, "max": 5 }, "default": { "I32": -1 } },
            { "name": "heat", "doc": "", "kind": { "type": "f32", "range": { "min": 0.0, "max": 1.0 }, "step": 0.01 }, "default": { "F32": 0.5 } },
            { "name": "wind", "doc": "", "kind": { "type": "vec3", "range": { "min": -9.0, "max": 9.0 }, "step": 0.1 }, "default": { "Vec3": [1.0, 2.0, 3.0] } },
            { "name": "pose", "doc": "", "kind": { "type": "quat" }, "default": { "Quat": [0.0, 0.0, 0.0, 1.0] } },
            { "name": "tint", "doc": "", "kind": { "type": "color" }, "default": { "Color": [1.0, 0.0, 0.5] } },
            { "name": "mood", "doc": "", "kind": { "type": "enum", "variants": ["calm", "wild"] }, "default": { "Enum": 1 } },
            { "name": "target", "doc": "", "kind": { "type": "entity" }, "default": { "Entity": 0 } },
        ],
    }))
    .unwrap()
}

fn number(range: Range) -> BoxedStrategy<f32> {
    let Range { min, max, above_min } = range;
    (0.0f32..=1.0)
        .prop_map(move |t| {
            let v = (min + (max - min) * t).clamp(min, max);
            if above_min && v <= min { max } else { v }
        })
        .boxed()
}

/// Any value that a kind admits.
fn value(kind: &FieldKind) -> BoxedStrategy<Value> {
    let vec3 = |range: Range| [number(range), number(range), number(range)];
    match kind.clone() {
        FieldKind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        FieldKind::U32 { min, max } => (min..=max).prop_map(Value::U32).boxed(),
        FieldKind::I32 { min, max } => (min..=max).prop_map(Value::I32).boxed(),
        FieldKind::F32 { range, .. } => number(range).prop_map(Value::F32).boxed(),
        FieldKind::Vec3 { range, .. } => vec3(range).prop_map(Value::Vec3).boxed(),
        FieldKind::Color => vec3(Range::new(0.0, 1.0)).prop_map(Value::Color).boxed(),
        FieldKind::Quat => prop::array::uniform4(-1.0f32..1.0)
            .prop_filter("not zero", |q| q.iter().map(|x| x * x).sum::<f32>() > 0.01)
            .prop_map(|q| Value::Quat(crate::math::quat_normalise(q)))
            .boxed(),
        FieldKind::Enum { variants } => (0..variants.len() as u32).prop_map(Value::Enum).boxed(),
        FieldKind::Entity => (0..=i32::MAX as u32).prop_map(Value::Entity).boxed(),
        FieldKind::Text { max_bytes } => {
            prop::collection::vec(prop::char::range(' ', 'ÿ'), 0..=(max_bytes as usize / 2).min(40))
                .prop_map(|chars| chars.into_iter().filter(|c| !c.is_control()).collect())
                .prop_map(Value::Text)
                .boxed()
        }
        FieldKind::Points { max_len, range, .. } => {
            prop::collection::vec(vec3(range), 0..=max_len as usize).prop_map(Value::Points).boxed()
        }
    }
}

/// Any record that a schema admits.
fn record(schema: &ComponentSchema) -> BoxedStrategy<Record> {
    schema.fields.iter().map(|field| value(&field.kind)).collect::<Vec<_>>().boxed()
}
