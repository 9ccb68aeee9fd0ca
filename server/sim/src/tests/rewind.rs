//! Aiming at what was drawn: rays into the past.

use hd1_core::Tick;
use hd1_protocol::message::OpErrorCode;

use super::*;
use crate::EntityQuery;

/// A ball that flies along +X at a metre a tick, ten metres ahead of the origin, and a wall behind it.
fn range() -> Sim {
    sim_of(json!({
        "name": "range",
        "entities": [
            { "id": 1, "components": {
                "Name": { "text": "ball" }, "Transform": { "position": [0, 1, -10] }, "Geometry": { "shape": "sphere", "radius": 0.4 },
                "Velocity": { "linear": [30, 0, 0] }, "Motion": { "mode": "linear" }
            } },
            { "id": 2, "components": { "Transform": { "position": [5, 1, -20] }, "Geometry": { "size": [1, 1, 1] } } }
        ]
    }))
}

fn aim(x: f32, tick: u64) -> Operation {
    Operation::Pick { origin: [x, 1.0, 0.0], direction: [0.0, 0.0, -2.0], tick: Tick(tick) }
}

#[test]
fn one_hits_what_one_saw() {
    let mut world = range();
    tick(&mut world, vec![join(1)]);
    run(&mut world, 19);
    // It is at x = 20 now and was at x = 12 eight ticks ago.
    assert_eq!(ask(&mut world, 1, aim(12.0, 12)).unwrap().entity, Some(NetId(1)));
    assert_eq!(ask(&mut world, 1, aim(12.0, 20)).unwrap_err().code, OpErrorCode::NotFound);
    assert_eq!(ask(&mut world, 1, aim(5.0, 5)).unwrap().entity, Some(NetId(1)), "the nearer of two");
    assert_eq!(ask(&mut world, 1, aim(5.0, 9)).unwrap().entity, Some(NetId(2)), "the ball has passed");
    let nowhere = Operation::Pick { origin: [0.0; 3], direction: [0.0; 3], tick: Tick(1) };
    assert_eq!(ask(&mut world, 1, nowhere).unwrap_err().code, OpErrorCode::Invalid);
}

#[test]
fn the_past_ends_after_a_second() {
    let mut world = range();
    tick(&mut world, vec![join(1)]);
    run(&mut world, 99);
    let ball = |t: u64| world.rewind(Tick(t)).transform(NetId(1)).unwrap().position[0].round();
    assert_eq!((ball(100), ball(90), ball(70)), (100.0, 90.0, 70.0));
    assert_eq!((ball(10), ball(1_000)), (70.0, 100.0), "the nearest that is remembered");
    assert_eq!(world.rewind(Tick(10)).tick(), Tick(70));
}

#[test]
fn who_came_later_was_not_there_and_who_is_gone_is_not_hit() {
    let mut world = range();
    tick(&mut world, vec![join(1)]);
    run(&mut world, 9);
    let made = made(&mut world, 1, json!({ "Transform": { "position": [0, 1, -3] }, "Geometry": {} }));
    run(&mut world, 5);
    assert_eq!(world.rewind(Tick(10)).transform(made), None);
    assert_eq!(world.rewind(Tick(11)).pick([0.0, 1.0, 0.0], [0.0, 0.0, -1.0], 50.0, None).unwrap().distance, 2.5);
    assert_eq!(world.rewind(Tick(11)).pick([0.0, 1.0, 0.0], [0.0, 0.0, -1.0], 2.0, None), None);
    ask(&mut world, 1, Operation::Despawn { entity: made }).unwrap();
    assert_eq!(world.rewind(Tick(11)).transform(made), None);
}

#[test]
fn what_hangs_on_another_was_where_that_was() {
    let mut world = range();
    let child = json!({ "Transform": { "position": [0, 3, 0] }, "Geometry": {}, "Parent": { "entity": 1 } });
    tick(&mut world, vec![join(1)]);
    let child = admin(&mut world, spawn(child)).unwrap().entity.unwrap();
    run(&mut world, 18);
    let hit = world.rewind(Tick(12)).pick([12.0, 4.0, 0.0], [0.0, 0.0, -1.0], 50.0, None).unwrap();
    assert_eq!((hit.entity, hit.distance), (child, 9.5));
}

#[test]
fn rays_change_nothing_and_are_rationed() {
    let entities: Vec<_> =
        (0..4_000).map(|i| json!({ "components": { "Transform": { "position": [i, 0, 0] } } })).collect();
    let crowded = || sim_of(json!({ "name": "crowded", "entities": entities }));
    let (mut a, mut b) = (crowded(), crowded());
    for world in [&mut a, &mut b] {
        tick(world, (1..=3).map(join).collect());
        run(world, 10);
    }
    let pick = |player| Command::Op { player: PlayerId(player), id: 1, op: aim(5.0, 5) };
    let results = tick(&mut a, (1..=3).flat_map(|player| (0..8).map(move |_| pick(player))).collect()).op_results;
    let refused = results.iter().filter(|r| r.result.as_ref().is_err_and(|e| e.code == OpErrorCode::RateLimited));
    assert_eq!(refused.count(), 8);
    tick(&mut b, vec![]);
    run(&mut a, 60);
    run(&mut b, 60);
    // Only the operations counted against the players differ.
    let all = EntityQuery { limit: 100, offset: 3_950, ..EntityQuery::default() };
    assert_eq!(a.entities_json(&all), b.entities_json(&all));
}

#[test]
fn a_world_without_players_remembers_nothing() {
    let mut world = range();
    run(&mut world, 10);
    let ball = |world: &Sim, t: u64| world.rewind(Tick(t)).transform(NetId(1)).unwrap().position[0].round();
    assert_eq!(ball(&world, 3), 10.0);
    tick(&mut world, vec![join(1)]);
    run(&mut world, 9);
    assert_eq!((ball(&world, 3), ball(&world, 15), ball(&world, 20)), (11.0, 15.0, 20.0));
    tick(&mut world, vec![Command::Leave { player: PlayerId(1) }]);
    assert_eq!(ball(&world, 15), 21.0);
    run(&mut world, 9);
    tick(&mut world, vec![join(2)]);
    run(&mut world, 4);
    assert_eq!((ball(&world, 15), ball(&world, 33)), (31.0, 33.0), "the past begins anew");
}
