//! Bodies fall, rest, collide and are pushed.

use bevy_ecs::message::Messages;
use hd1_world::{CaptureState, capture};

use super::*;
use crate::physics::{ContactStarted, ContactStopped};

fn height(world: &Sim, id: NetId) -> f64 {
    read(world, id, "Transform")["position"][1].as_f64().unwrap()
}

fn ground_and(entity: Json) -> Sim {
    sim_of(json!({
        "settings": { "physics": {} },
        "entities": [
            { "id": 1, "components": { "Geometry": { "shape": "plane" }, "RigidBody": { "kind": "fixed" } } },
            { "id": 2, "components": entity },
        ],
    }))
}

#[test]
fn what_falls_comes_to_rest_and_then_costs_no_change() {
    let mut world = ground_and(json!({ "Transform": { "position": [0, 3, 0] }, "Geometry": {}, "RigidBody": {} }));
    run(&mut world, 15);
    assert!(height(&world, NetId(2)) < 2.0);
    assert!(read(&world, NetId(2), "Velocity")["linear"][1].as_f64().unwrap() < -4.0);
    run(&mut world, 300);
    assert!((height(&world, NetId(2)) - 0.5).abs() < 0.02, "{}", height(&world, NetId(2)));
    let mut state = CaptureState::default();
    capture(world.world_mut(), &mut state, &mut |_| {});
    run(&mut world, 30);
    let mut changes = 0;
    capture(world.world_mut(), &mut state, &mut |_| changes += 1);
    assert_eq!(changes, 0);
}

#[test]
fn contacts_are_told_in_the_tick_in_which_they_happen() {
    let ball = json!({
        "Transform": { "position": [0, 1.2, 0] }, "Geometry": { "shape": "sphere", "radius": 0.5 },
        "RigidBody": {}, "Collider": { "events": true, "restitution": 0.9 },
    });
    let mut world = ground_and(ball);
    let (mut started, mut stopped) = (0, 0);
    for _ in 0..90 {
        run(&mut world, 1);
        for contact in world.world_mut().resource_mut::<Messages<ContactStarted>>().iter_current_update_messages() {
            assert_eq!((contact.a, contact.b), (NetId(1), NetId(2)));
            started += 1;
        }
        stopped += world.world_mut().resource_mut::<Messages<ContactStopped>>().len();
    }
    assert!(started >= 2 && stopped >= 1, "it bounces: {started} times down, {stopped} times up");
}

#[test]
fn avatars_push_cubes() {
    let mut world = sim("cubes");
    let moved = |world: &Sim, before: &[Json]| {
        let now = cubes(world);
        before.iter().zip(&now).filter(|(a, b)| a != b).count()
    };
    fn cubes(world: &Sim) -> Vec<Json> {
        let query = crate::EntityQuery { component: Some("RigidBody".into()), limit: 1000, ..Default::default() };
        let page = world.entities_json(&query);
        let still = page.entities.into_iter().filter(|e| e["components"]["RigidBody"]["kind"] == "dynamic");
        still.map(|entity| entity["components"]["Transform"]["position"].clone()).collect()
    }
    run(&mut world, 240);
    let rest = cubes(&world);
    assert_eq!(rest.len(), 901);
    run(&mut world, 60);
    assert_eq!(moved(&world, &rest), 0, "all asleep");
    for tick in 1..=240 {
        world.tick(&crowd_input(tick));
    }
    let pushed = moved(&world, &rest);
    assert!(pushed > 100, "only {pushed} cubes were pushed");
}

#[test]
fn bodies_change_form_and_kind_and_go() {
    let mut world =
        ground_and(json!({ "Transform": { "position": [0, 5, 0] }, "Geometry": {}, "RigidBody": { "kind": "fixed" } }));
    run(&mut world, 10);
    assert_eq!(height(&world, NetId(2)), 5.0);
    admin(
        &mut world,
        update(NetId(2), json!({ "RigidBody": { "kind": "dynamic" }, "Geometry": { "size": [1, 3, 1] } })),
    )
    .unwrap();
    run(&mut world, 300);
    assert!((height(&world, NetId(2)) - 1.5).abs() < 0.02, "{}", height(&world, NetId(2)));
    admin(&mut world, update(NetId(2), json!({ "Transform": { "position": [0, 9, 0] } }))).unwrap();
    assert!(height(&world, NetId(2)) > 8.5, "moved by hand");
    run(&mut world, 10);
    assert!(height(&world, NetId(2)) < 8.9, "and it falls again");
    admin(&mut world, update(NetId(2), json!({ "RigidBody": null }))).unwrap();
    let held = height(&world, NetId(2));
    run(&mut world, 10);
    assert_eq!(height(&world, NetId(2)), held, "no body, no fall");
    let error = admin(&mut world, update(NetId(2), json!({ "RigidBody": {}, "Parent": { "entity": 1 } }))).unwrap_err();
    assert_eq!(error.message, "components: an entity has a RigidBody or a Parent, not both");
    admin(&mut world, Operation::Despawn { entity: NetId(1) }).unwrap();
    run(&mut world, 2);
    let physics = world.world_mut().resource::<crate::physics::Physics>();
    assert_eq!(physics.world.bodies.len(), 0);
}
