//! Stories of scene files: the library holds what it says, and each fault is told with its place.

use serde_json::{Value as Json, json};

use crate::limits::*;
use crate::{LIBRARY, Scene, SceneError, load, published};

fn refusal(scene: Json) -> String {
    Scene::parse(&scene.to_string()).expect_err("must be refused").to_string()
}

fn with(components: Json) -> Json {
    json!({ "entities": [{}, {}, {}, { "components": components }] })
}

#[test]
fn the_published_schema_is_current_and_the_library_keeps_to_it() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scene.schema.json");
    let text = format!("{}\n", serde_json::to_string_pretty(&published::json_schema()).unwrap());
    if std::env::var_os("HD1_WRITE_SCHEMA").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap_or_default();
    assert!(published == text, "stale: run `HD1_WRITE_SCHEMA=1 cargo test -p hd1-scenes` and commit the file");
    let schema = serde_json::from_str(&published).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (name, text) in LIBRARY {
        let scene: Json = serde_json::from_str(text).unwrap();
        let faults: Vec<_> = validator.iter_errors(&scene).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(faults.is_empty(), "{name}: {faults:?}");
    }
    assert!(!validator.is_valid(&with(json!({ "Geometry": { "radius": 0 } }))));
    assert!(!validator.is_valid(&json!({ "entitys": [] })));
}

#[test]
fn the_library_holds_what_it_says() {
    let count = |name: &str| load(name).unwrap().entities.len();
    assert_eq!(count("city"), 10_000);
    let with = |name: &str, component: &str| {
        let scene = load(name).unwrap();
        scene.entities.iter().filter(|e| e.components.iter().any(|(s, _)| s.name == component)).count()
    };
    assert_eq!(with("city", "Motion"), 100);
    assert_eq!(with("asteroids", "Motion"), 250);
    assert_eq!(with("cubes", "RigidBody"), 901 + 1, "901 cubes and the ground");
    assert!(count("lobby") > 40);
    assert!(
        matches!(load("cube"), Err(SceneError::Unknown { hint, .. }) if hint == "unknown scene; did you mean cubes?")
    );
    for (name, text) in LIBRARY {
        assert!(text.len() < 6000, "{name} stays readable");
    }
}

#[test]
fn a_scene_written_out_is_the_same_scene() {
    for (name, _) in LIBRARY {
        let scene = load(name).unwrap();
        let again = Scene::parse(&scene.to_json().to_string()).unwrap();
        assert!(scene.entities == again.entities, "{name}");
        assert_eq!(scene.settings, again.settings, "{name}");
    }
}

#[test]
fn faults_in_components_are_told_with_their_place() {
    assert_eq!(
        refusal(with(json!({ "Geometry": { "radius": 0 } }))),
        "scene.entities[3].components.Geometry.radius: must be > 0"
    );
    assert_eq!(
        refusal(with(json!({ "Geometri": {} }))),
        "scene.entities[3].components.Geometri: unknown component; did you mean Geometry?"
    );
    assert_eq!(
        refusal(with(json!({ "Geometry": { "radios": 1 } }))),
        "scene.entities[3].components.Geometry.radios: unknown field; did you mean radius?"
    );
    assert_eq!(
        refusal(with(json!({ "Transform": { "position": [0, 1e9, 0] } }))),
        "scene.entities[3].components.Transform.position[1]: must be <= 100000"
    );
    assert_eq!(
        refusal(with(json!({ "Transform": 5 }))),
        "scene.entities[3].components.Transform: must be an object with the fields of Transform"
    );
    assert_eq!(
        refusal(with(json!({ "Owner": { "player": 3 } }))),
        "scene.entities[3].components.Owner: is made by the server for players; leave it out"
    );
    assert_eq!(
        refusal(with(json!({ "RigidBody": {} }))),
        "scene.entities[3].components.RigidBody: needs physics; add `\"physics\": {}` to the scene's settings"
    );
}

#[test]
fn faults_in_references_are_told_with_their_place() {
    assert_eq!(
        refusal(with(json!({ "Parent": { "entity": 9 } }))),
        "scene.entities[3].components.Parent.entity: no entity of this scene has the id 9"
    );
    let circle = json!({ "entities": [
        { "id": 1, "components": { "Parent": { "entity": 2 } } },
        { "id": 2, "components": { "Parent": { "entity": 1 } } },
    ] });
    assert_eq!(
        refusal(circle),
        format!("scene.entities[0].components.Parent.entity: makes a circle or more than {PARENT_DEPTH_MAX} levels")
    );
    assert_eq!(
        refusal(json!({ "entities": [{ "id": 4 }, { "id": 4 }] })),
        "scene.entities[1].id: 4 is also that of scene.entities[0]"
    );
}

#[test]
fn faults_in_the_frame_are_told_with_their_place() {
    assert_eq!(refusal(json!({ "entitys": [] })), "scene.entitys: unknown key; did you mean entities?");
    assert_eq!(refusal(json!([])), "scene: must be an object");
    assert_eq!(
        refusal(json!({ "settings": { "movement": { "mode": "swim" } } })),
        "scene.settings.movement.mode: must be one of walk, fly"
    );
    assert_eq!(
        refusal(json!({ "settings": { "bounds": { "min": [0, 9, 0], "max": [1, 1, 1] } } })),
        "scene.settings.bounds.max[1]: must not be below min"
    );
    assert_eq!(
        refusal(json!({ "settings": { "gravity": 3 } })).split(';').next(),
        Some("scene.settings.gravity: unknown key")
    );
    let deep = "[".repeat(SCENE_DEPTH_MAX + 1);
    assert!(matches!(Scene::parse(&deep), Err(SceneError::TooDeep { offset }) if offset == SCENE_DEPTH_MAX));
    let long = " ".repeat(SCENE_BYTES_MAX + 1);
    assert!(matches!(Scene::parse(&long), Err(SceneError::TooLarge { .. })));
    assert!(matches!(Scene::parse("{"), Err(SceneError::Syntax(_))));
}

#[test]
fn faults_in_generate_blocks_are_told_with_their_place() {
    let block = |block: Json| refusal(json!({ "generate": [block] }));
    assert_eq!(block(json!({ "count": 3, "components": {} })), "scene.generate[0].kind: is missing");
    assert_eq!(block(json!({ "kind": "scatter", "components": {} })), "scene.generate[0].count: is missing");
    assert_eq!(
        block(json!({ "kind": "grid", "count": [1000, 1, 1000], "components": {} })),
        format!("scene.generate[0]: makes 1000000 entities; a scene has at most {SCENE_ENTITIES_MAX}")
    );
    let vary = |vary: Json| block(json!({ "kind": "ring", "count": 2, "components": {}, "vary": vary }));
    assert_eq!(vary(json!({ "Transform": {} })), "scene.generate[0].vary.Transform: must be named Component.field");
    assert_eq!(
        vary(json!({ "Material.color": { "choose": ["#ffffff"] } })),
        "scene.generate[0].vary.Material.color: Material is not among the block's components; add it there"
    );
    assert_eq!(
        vary(json!({ "Transform.scale": { "from": [0, 1, 1], "to": [1, 1, 1] } })),
        "scene.generate[0].vary.Transform.scale.from[0]: must be >= 0.001"
    );
}

#[test]
fn a_scene_declares_components_of_its_own() {
    let scene = json!({
        "components": [{
            "name": "Heat", "doc": "how hot", "delivery": "state", "client_writable": true,
            "fields": [{
                "name": "kelvin", "doc": "temperature", "unit": "K", "default": { "F32": 293.0 },
                "kind": { "type": "f32", "range": { "min": 0.0, "max": 10000.0 }, "step": 0.1 },
            }],
        }],
        "entities": [{ "components": { "Heat": { "kelvin": 400 } } }],
    });
    let parsed = Scene::parse(&scene.to_string()).unwrap();
    assert_eq!(parsed.declared[0].id.0, 1000);
    let mut wrong = scene.clone();
    wrong["entities"][0]["components"]["Heat"]["kelvin"] = json!(-1);
    assert_eq!(refusal(wrong), "scene.entities[0].components.Heat.kelvin: must be >= 0");
    let mut wrong = scene.clone();
    wrong["components"][0]["name"] = json!("Light");
    assert_eq!(refusal(wrong), "scene.components[0].name: Light is taken; choose another");
    let mut wrong = scene;
    wrong["components"][0]["fields"][0]["kind"]["step"] = json!(0);
    assert_eq!(refusal(wrong), "scene.components[0]: schema Heat.kelvin: step must be > 0");
}
