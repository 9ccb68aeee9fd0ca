//! The JSON Schema of scene files, made from the catalogue: for editors, and for people who write scenes by hand.
//!
//! It says all that a schema can say; [`crate::Scene::parse`] also checks references, limits and declared components.

use hd1_schema::json::real_json;
use hd1_world::builtin_schemas;
use serde_json::{Map, Value as Json, json};

use crate::limits::*;

/// The schema that `scenes/scene.schema.json` holds (draft 2020-12).
#[must_use]
pub fn json_schema() -> Json {
    let builtin = builtin_schemas();
    let mut definitions: Map<String, Json> =
        builtin.iter().map(|schema| (schema.name.clone(), schema.json_schema())).collect();
    let references: Map<String, Json> = builtin
        .iter()
        .filter(|schema| !["Owner", "Avatar", "CameraView", "Authority"].contains(&schema.name.as_str()))
        .map(|schema| (schema.name.clone(), json!({ "$ref": format!("#/$defs/{}", schema.name) })))
        .collect();
    definitions.insert(
        "components".into(),
        json!({
            "description": "Components by name; those not listed here are declared under `components` of the scene.",
            "type": "object",
            "properties": references,
            "propertyNames": { "pattern": "^[A-Z][A-Za-z0-9]*$" },
            "additionalProperties": { "type": "object" },
        }),
    );
    definitions
        .insert("vec3".into(), json!({ "type": "array", "items": { "type": "number" }, "minItems": 3, "maxItems": 3 }));
    definitions.insert(
        "color".into(),
        json!({
            "description": "As screens show it (sRGB): \"#rrggbb\", or red, green, blue from 0 to 1.",
            "anyOf": [{ "type": "string", "pattern": "^#[0-9a-fA-F]{6}$" }, { "$ref": "#/$defs/vec3" }],
        }),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "HD1 scene",
        "description": "What a new world holds.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "$schema": { "type": "string" },
            "name": { "type": "string", "maxLength": NAME_BYTES_MAX },
            "description": { "type": "string", "maxLength": DESCRIPTION_BYTES_MAX },
            "components": {
                "description": "Components that this scene brings: name, delivery, fields; registered in its world.",
                "type": "array", "items": declared_schema(),
                "maxItems": hd1_world::limits::DYNAMIC_COMPONENTS_MAX,
            },
            "settings": settings_schema(),
            "entities": { "type": "array", "items": entity_schema(), "maxItems": SCENE_ENTITIES_MAX },
            "generate": { "type": "array", "items": generate_schema(), "maxItems": GENERATE_BLOCKS_MAX },
        },
        "$defs": definitions,
    })
}

fn object(description: &str, required: &[&str], properties: Json) -> Json {
    json!({
        "type": "object", "description": description, "additionalProperties": false,
        "required": required, "properties": properties,
    })
}

fn declared_schema() -> Json {
    let field = object(
        "One field.",
        &["name", "doc", "kind", "default"],
        json!({
            "name": { "type": "string", "pattern": "^[a-z0-9_]+$" },
            "doc": { "type": "string" },
            "kind": { "type": "object", "required": ["type"], "properties": { "type": {
                "enum": ["bool", "u32", "i32", "f32", "vec3", "quat", "color", "enum", "entity"],
            } } },
            "unit": { "type": "string" },
            "default": { "type": "object", "minProperties": 1, "maxProperties": 1 },
        }),
    );
    object(
        "A component of this scene.",
        &["name", "delivery", "fields"],
        json!({
            "id": { "type": "integer", "minimum": 1000, "maximum": 65535 },
            "name": { "type": "string", "pattern": "^[A-Z][A-Za-z0-9]*$" },
            "doc": { "type": "string" },
            "delivery": { "enum": ["state", "reliable", "hidden"] },
            "client_writable": { "type": "boolean", "default": false },
            "fields": { "type": "array", "items": field, "maxItems": hd1_schema::limits::FIELDS_MAX },
        }),
    )
}

fn settings_schema() -> Json {
    let vec3 = || json!({ "$ref": "#/$defs/vec3" });
    let number = |min: f32, max: f32| json!({ "type": "number", "minimum": real_json(min), "maximum": real_json(max) });
    let spawn_point = object("Where an avatar appears.", &[], json!({ "position": vec3(), "yaw": number(-3.2, 3.2) }));
    object(
        "The world's settings.",
        &[],
        json!({
            "physics": object("Bodies and gravity; without it a world has no physics.", &[], json!({ "gravity": vec3() })),
            "movement": object("How avatars move.", &[], json!({
                "mode": { "enum": ["walk", "fly"] },
                "speed": number(0.0, 1000.0),
                "sprint": number(1.0, 10.0),
                "jump": number(0.0, 100.0),
                "floor": { "type": "number" },
            })),
            "bounds": object("Where avatars can be.", &[], json!({ "min": vec3(), "max": vec3() })),
            "spawn_points": { "type": "array", "items": spawn_point, "maxItems": SPAWN_POINTS_MAX },
            "avatar": { "$ref": "#/$defs/components" },
            "background": { "$ref": "#/$defs/color" },
            "view": object("How far clients are shown things; without it they are shown everything.", &["distance"], json!({
                "distance": { "type": "number", "minimum": 1, "description": "Metres over the ground from the camera, else from the avatar." },
                "cell": { "type": "number", "minimum": 1, "description": "Side of the cells in which things come and go; a quarter of the distance by default." },
            })),
            "fog": object("Distance at which things fade.", &[], json!({
                "color": { "$ref": "#/$defs/color" }, "near": { "type": "number" }, "far": { "type": "number" },
            })),
        }),
    )
}

fn entity_schema() -> Json {
    object(
        "One entity.",
        &[],
        json!({
            "id": { "type": "integer", "minimum": 1, "maximum": ENTITY_ID_MAX },
            "components": { "$ref": "#/$defs/components" },
        }),
    )
}

fn generate_schema() -> Json {
    let vec3 = || json!({ "$ref": "#/$defs/vec3" });
    let vary = json!({
        "description": "Fields that differ: `\"Component.field\": {\"from\", \"to\"}`, `{\"choose\": […]}`, or `\"any\"` for a rotation.",
        "type": "object",
        "propertyNames": { "pattern": "^[A-Z][A-Za-z0-9]*\\.[a-z0-9_]+$" },
        "additionalProperties": { "anyOf": [
            { "const": "any" },
            object("Between two values; `uniform` uses one draw for all axes.", &["from", "to"], json!({
                "from": true, "to": true, "uniform": { "type": "boolean" },
            })),
            object("One of a list.", &["choose"], json!({ "choose": { "type": "array", "minItems": 1, "maxItems": 256 } })),
        ] },
    });
    object(
        "Many entities from few lines.",
        &["kind", "count", "components"],
        json!({
            "kind": { "enum": ["grid", "scatter", "ring"] },
            "count": { "description": "A number; of a grid [x, y, z].", "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": SCENE_ENTITIES_MAX }, vec3(),
            ] },
            "seed": { "type": "integer", "minimum": 0 },
            "stand": { "description": "Lift each by half its height.", "type": "boolean" },
            "spacing": vec3(), "center": vec3(), "min": vec3(), "max": vec3(),
            "radius": { "type": "number", "exclusiveMinimum": 0 },
            "components": { "$ref": "#/$defs/components" },
            "vary": vary,
        }),
    )
}
