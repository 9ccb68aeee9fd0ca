//! Motion, lifetimes, families and components registered at run time.

use hd1_world::{CaptureState, Change, capture};

use super::*;
use crate::WorldEvent;

#[test]
fn things_move_as_their_motion_says() {
    let mut world = sim_of(json!({ "entities": [
        { "id": 1, "components": { "Motion": {}, "Velocity": { "linear": [3, 0, 0] } } },
        { "id": 2, "components": { "Motion": { "mode": "orbit", "radius": 5, "period": 4 } } },
        { "id": 3, "components": { "Velocity": { "linear": [3, 0, 0] } } },
    ] }));
    run(&mut world, 30);
    let at = |id: u32| -> [f64; 3] {
        serde_json::from_value(read(&world, NetId(id), "Transform")["position"].clone()).unwrap()
    };
    assert!((at(1)[0] - 3.0).abs() < 1.0e-4, "{:?}", at(1));
    assert!(at(2)[0].abs() < 1.0e-3 && (at(2)[2] - 5.0).abs() < 1.0e-3, "a quarter round: {:?}", at(2));
    assert_eq!(at(3), [0.0; 3], "a velocity alone moves nothing");
}

#[test]
fn what_has_a_lifetime_ends_with_its_children() {
    let mut world = sim_of(json!({}));
    tick(&mut world, vec![join(1)]);
    let brief = made(&mut world, 1, json!({ "Lifetime": { "seconds": 0.5 } }));
    let child = made(&mut world, 1, json!({ "Parent": { "entity": brief } }));
    let grandchild = made(&mut world, 1, json!({ "Parent": { "entity": child } }));
    let other = made(&mut world, 1, json!({}));
    // 15 ticks from the one at which it was made; three more were spent making the others.
    run(&mut world, 11);
    assert!(exists(&world, brief));
    let mut state = CaptureState::default();
    capture(world.world_mut(), &mut state, &mut |_| {});
    run(&mut world, 1);
    let mut gone = Vec::new();
    capture(world.world_mut(), &mut state, &mut |change| {
        if let Change::Despawned(id) = change {
            gone.push(id);
        }
    });
    assert_eq!(gone, [brief, child, grandchild], "all in one tick");
    assert!(exists(&world, other));
    assert_eq!(world.players().owned[&PlayerId(1)], 1);
}

#[test]
fn despawning_a_parent_takes_the_whole_tree() {
    let mut world = sim_of(json!({}));
    tick(&mut world, vec![join(1), join(2)]);
    let root = made(&mut world, 1, json!({}));
    let mut tree = vec![root];
    for i in 0..20 {
        tree.push(made(&mut world, 1, json!({ "Parent": { "entity": tree[i / 2] } })));
    }
    let on_avatar = avatar(&world, 2);
    let hat = made(&mut world, 2, json!({ "Parent": { "entity": on_avatar } }));
    ask(&mut world, 1, Operation::Despawn { entity: root }).unwrap();
    assert!(tree.iter().all(|id| !exists(&world, *id)));
    assert!(exists(&world, hat));
    tick(&mut world, vec![Command::Leave { player: PlayerId(2) }]);
    assert!(!exists(&world, hat), "what hangs on an avatar goes with it");
    assert_eq!(world.players().owned[&PlayerId(2)], 0);
}

fn heat(delivery: &str) -> Json {
    json!({
        "id": 1000, "name": "Heat", "doc": "how hot", "delivery": delivery, "client_writable": true,
        "fields": [
            { "name": "kelvin", "doc": "temperature", "unit": "K", "default": { "F32": 293.0 },
              "kind": { "type": "f32", "range": { "min": 0.0, "max": 10000.0 }, "step": 0.5 } },
            { "name": "source", "doc": "what heats it", "kind": { "type": "entity" }, "default": { "Entity": 0 } },
        ],
    })
}

#[test]
fn a_component_of_a_scene_is_like_a_built_in_one() {
    let mut world = sim_of(json!({
        "components": [heat("state")],
        "entities": [{ "id": 3, "components": { "Heat": { "kelvin": 400, "source": 4 } } }, { "id": 4 }],
    }));
    tick(&mut world, vec![join(1)]);
    assert_eq!(read(&world, NetId(3), "Heat"), json!({ "kelvin": 400.0, "source": 4 }));
    let id = made(&mut world, 1, json!({ "Heat": {} }));
    assert_eq!(read(&world, id, "Heat"), json!({ "kelvin": 293.0, "source": 0 }));
    let error = ask(&mut world, 1, update(id, json!({ "Heat": { "kelvin": -1 } }))).unwrap_err();
    assert_eq!(error.message, "components.Heat.kelvin: must be >= 0");
    let error = ask(&mut world, 1, update(id, json!({ "Heat": { "source": 99 } }))).unwrap_err();
    assert_eq!(error.message, "components.Heat.source: no entity 99");

    let before = world.state_hash();
    let mut restored = Sim::from_snapshot(&world.snapshot()).unwrap();
    assert_eq!(restored.state_hash(), before);
    let mut state = CaptureState::default();
    capture(restored.world_mut(), &mut state, &mut |_| {});
    ask(&mut restored, 1, update(id, json!({ "Heat": { "kelvin": 310.25 } }))).unwrap();
    assert_ne!(restored.state_hash(), before);
    let mut rows = Vec::new();
    capture(restored.world_mut(), &mut state, &mut |change| {
        if let Change::Set(id, component, row) = change {
            rows.push((id, component.0, row.lanes.to_vec()));
        }
    });
    assert_eq!(rows, [(id, 1000, vec![621, 0])], "310.25 K in steps of 0.5 K");
    let again = sim_of(restored.scene_json());
    assert_eq!(read(&again, NetId(3), "Heat"), json!({ "kelvin": 400.0, "source": 4 }));
}

#[test]
fn a_component_can_be_registered_in_a_running_world() {
    let mut world = sim("lobby");
    tick(&mut world, vec![join(1)]);
    let hash = world.catalogue().hash();
    let schema: hd1_schema::ComponentSchema = serde_json::from_value(heat("reliable")).unwrap();
    let register = |request| Command::Register { request, schema: schema.clone() };
    let output = tick(&mut world, vec![register(1), register(2)]);
    assert_eq!(output.admin_results, [(1, Ok(OpDone::default())), (2, Ok(OpDone::default()))]);
    assert_eq!(output.events, [WorldEvent::Registered { schema: schema.clone() }], "told once");
    assert_ne!(world.catalogue().hash(), hash);
    let id = made(&mut world, 1, json!({ "Heat": { "kelvin": 77 } }));
    assert_eq!(read(&world, id, "Heat")["kelvin"], 77.0);
    let mut taken = schema;
    taken.id.0 = 1001;
    let output = tick(&mut world, vec![Command::Register { request: 3, schema: taken }]);
    let error = output.admin_results[0].1.clone().unwrap_err();
    assert_eq!(error.message, "component Heat (id 1001): that name is taken; choose another");
}

#[test]
fn a_world_can_be_told_to_panic() {
    let scene = Scene::parse(crate::fault::PANICKING_SCENE).unwrap();
    let mut world = Sim::from_scene(config(), &scene).unwrap();
    run(&mut world, 9);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&mut world, 1))).unwrap_err();
    assert_eq!(caught.downcast_ref::<String>().map(String::as_str), Some("told to panic at tick 10"));
}
