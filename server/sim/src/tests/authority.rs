//! Entities are taken, driven, handed on and let go; what may not be is refused, and what is hostile changes nothing.

use hd1_protocol::message::OpErrorCode::{self, *};
use hd1_protocol::{Drive, Pose, PoseVelocity};

use super::*;
use crate::limits::{DRIVE_SILENCE_S_MAX, DRIVE_SPEED_M_S_MAX, HELD_PER_PLAYER_MAX};

const CRATE: NetId = NetId(2);
const STILL: [f32; 4] = [0.0, 0.0, 0.0, 1.0];

/// Two participants, a viewer and a moderator by a crate (2) on the ground (1) that anyone near may carry, and a pillar (3)
/// that nobody may.
fn yard() -> Sim {
    let mut world = sim_of(json!({
        "settings": { "physics": {}, "bounds": { "min": [-50, 0, -50], "max": [50, 20, 50] } },
        "entities": [
            { "id": 1, "components": { "Geometry": { "shape": "plane" }, "RigidBody": { "kind": "fixed" } } },
            { "id": 2, "components": { "Transform": { "position": [0, 0.5, -3] }, "Geometry": {}, "RigidBody": {}, "Grabbable": {} } },
            { "id": 3, "components": { "Transform": { "position": [3, 1, 0] }, "Geometry": {} } },
        ],
    }));
    tick(&mut world, vec![join(1), join(2), join_as(3, Role::Viewer), join_as(4, Role::Moderator)]);
    world
}

fn take(entity: NetId) -> Operation {
    Operation::Take { entity }
}

fn release(entity: NetId) -> Operation {
    Operation::Release { entity }
}

fn hand(entity: NetId, player: Option<u32>) -> Operation {
    Operation::Hand { entity, player: player.map(PlayerId) }
}

fn pose(entity: NetId, position: [f32; 3]) -> Pose {
    Pose { entity, position, rotation: STILL, velocity: None }
}

fn drive(player: u32, seq: u32, poses: Vec<Pose>) -> Command {
    Command::Drive { player: PlayerId(player), drive: Drive { seq, poses } }
}

fn place(world: &Sim, id: NetId) -> [f32; 3] {
    serde_json::from_value(read(world, id, "Transform")["position"].clone()).unwrap()
}

fn holder(world: &Sim, id: NetId) -> Option<u64> {
    read(world, id, "Authority")["player"].as_u64()
}

fn refusal(world: &mut Sim, player: u32, op: Operation) -> (OpErrorCode, String) {
    let before = world.sim_state();
    let error = ask(world, player, op).expect_err("must be refused");
    assert_eq!(world.sim_state(), before, "changed by: {error}");
    (error.code, error.message)
}

impl Sim {
    /// Who holds what.
    fn sim_state(&self) -> Vec<(PlayerId, Vec<NetId>)> {
        self.players().here.iter().map(|(id, player)| (*id, player.held.keys().copied().collect())).collect()
    }
}

#[test]
fn what_is_taken_goes_where_its_holder_says_and_is_pushed_by_nothing() {
    let mut world = yard();
    run(&mut world, 30);
    ask(&mut world, 1, take(CRATE)).unwrap();
    assert_eq!(holder(&world, CRATE), Some(1));
    for seq in 1..=30 {
        tick(&mut world, vec![drive(1, seq, vec![pose(CRATE, [0.0, 0.5 + seq as f32 * 0.1, -3.0])])]);
    }
    assert_eq!(place(&world, CRATE), [0.0, 3.5, -3.0], "carried to where it was told, against gravity");
    assert_eq!(read(&world, CRATE, "Velocity")["linear"][1].as_f64().unwrap().round(), 3.0, "by the way it went");
    run(&mut world, 20);
    assert_eq!(place(&world, CRATE), [0.0, 3.5, -3.0], "and stays there while nothing is said");
    assert_eq!(read(&world, CRATE, "RigidBody")["kind"], "dynamic", "what it is by itself is not touched");
}

#[test]
fn what_is_let_go_flies_on_as_it_went_and_falls() {
    let mut world = yard();
    ask(&mut world, 1, take(CRATE)).unwrap();
    let velocity = PoseVelocity { linear: [6.0, 0.0, 0.0], angular: [0.0, 2.0, 0.0] };
    for seq in 1..=30 {
        tick(&mut world, vec![drive(1, seq, vec![pose(CRATE, [0.0, 4.0, -3.0])])]);
    }
    let last = Pose { velocity: Some(velocity), ..pose(CRATE, [0.0, 4.0, -3.0]) };
    tick(&mut world, vec![drive(1, 31, vec![last]), Command::Op { player: PlayerId(1), id: 1, op: release(CRATE) }]);
    assert_eq!(holder(&world, CRATE), None);
    run(&mut world, 14);
    let [x, y, _] = place(&world, CRATE);
    assert!((2.7..3.3).contains(&x), "half a second at 6 m/s: {x}");
    assert!(y < 3.5, "it falls: {y}");
    run(&mut world, 300);
    assert!((place(&world, CRATE)[1] - 0.5).abs() < 0.02, "and comes to rest");
    // What is driven pushes: another crate is swept along.
    let other =
        made(&mut world, 1, json!({ "Transform": { "position": [-10, 0.5, 10] }, "Geometry": {}, "RigidBody": {} }));
    let [x, y, z] = place(&world, CRATE);
    ask(&mut world, 4, take(CRATE)).unwrap();
    for seq in 1..=120 {
        let share = seq as f32 / 60.0;
        let to = [x + (-12.0 - x) * share.min(1.0) + 6.0 * (share - 1.0).max(0.0), y, z + (10.0 - z) * share.min(1.0)];
        tick(&mut world, vec![drive(4, seq, vec![pose(CRATE, to)])]);
    }
    assert!(place(&world, other)[0] > -6.0, "pushed ahead of it: {:?}", place(&world, other));
}

#[test]
fn who_may_take_what() {
    let mut world = yard();
    assert_eq!(refusal(&mut world, 1, take(NetId(99))), (NotFound, "no entity 99".into()));
    let (code, message) = refusal(&mut world, 1, take(NetId(3)));
    assert_eq!(code, Denied);
    assert_eq!(message, "entity 3 belongs to the world and is not Grabbable; ask a moderator to hand it");
    assert_eq!(refusal(&mut world, 3, take(CRATE)).0, Denied, "viewers hold nothing");
    let other = avatar(&world, 2);
    for player in [1, 2, 4] {
        let (code, message) = refusal(&mut world, player, take(other));
        assert_eq!((code, message.as_str()), (Denied, "an avatar is moved by its player's input alone"));
    }
    let mine = made(&mut world, 1, json!({ "Transform": { "position": [40, 1, 40] } }));
    let (_, message) = refusal(&mut world, 2, take(mine));
    assert_eq!(message, format!("entity {mine} belongs to player 1 and is not Grabbable; ask them to hand it"));
    ask(&mut world, 1, take(mine)).unwrap();
    ask(&mut world, 1, update(mine, json!({ "Grabbable": { "reach": 0 } }))).unwrap();
    ask(&mut world, 1, release(mine)).unwrap();
    ask(&mut world, 2, take(mine)).expect("in reach from anywhere");
    let (_, message) = refusal(&mut world, 1, take(mine));
    assert_eq!(message, format!("player 2 holds entity {mine}; wait until they let go"), "the owner too");
    ask(&mut world, 1, hand(mine, Some(1))).expect("but the owner says who has it");
    assert_eq!((holder(&world, mine), world.players().here[&PlayerId(2)].held.len()), (Some(1), 0));
    ask(&mut world, 4, take(mine)).expect("moderators take what they need");
    let far = made(&mut world, 1, json!({ "Transform": { "position": [30, 1, 0] }, "Grabbable": { "reach": 5 } }));
    let (code, message) = refusal(&mut world, 2, take(far));
    assert!(code == Denied && message.contains("m away and in reach from 5 m"), "{message}");
    let hung = made(&mut world, 1, json!({ "Parent": { "entity": far } }));
    let (_, message) = refusal(&mut world, 1, take(hung));
    assert_eq!(message, format!("entity {hung} hangs on entity {far}, which moves it; take that one"));
    let scene = world.scene_json().to_string();
    assert!(!scene.contains("Authority") && scene.contains("Grabbable"), "who holds what is no part of a scene");
}

#[test]
fn handing_is_for_those_who_may_change_it() {
    let mut world = yard();
    assert_eq!(refusal(&mut world, 1, hand(CRATE, Some(1))).0, Denied, "a carrier is no owner");
    admin(&mut world, hand(CRATE, Some(2))).unwrap();
    assert_eq!(holder(&world, CRATE), Some(2));
    for nobody in [3, 77] {
        let error = admin(&mut world, hand(CRATE, Some(nobody))).unwrap_err();
        assert_eq!((error.code, error.path.as_deref()), (Invalid, Some("player")), "{error}");
    }
    ask(&mut world, 4, hand(CRATE, None)).unwrap();
    assert_eq!(holder(&world, CRATE), None);
    assert_eq!(admin(&mut world, take(CRATE)).unwrap_err().code, Denied, "the server needs no taking");
    let error = admin(&mut world, update(CRATE, json!({ "Authority": { "player": 1 } }))).unwrap_err();
    assert_eq!(error.message, "components.Authority: only the server writes it");
}

#[test]
fn a_player_holds_only_so_much() {
    let mut world = yard();
    let mut held = Vec::new();
    for _ in 0..HELD_PER_PLAYER_MAX {
        held.push(made(&mut world, 1, json!({})));
        let op = take(held[held.len() - 1]);
        let poses = held.iter().map(|id| pose(*id, [0.0; 3])).collect();
        ask(&mut world, 1, op).unwrap();
        tick(&mut world, vec![drive(1, held.len() as u32, poses)]);
    }
    let (code, message) = refusal(&mut world, 1, take(CRATE));
    assert_eq!(code, QuotaExceeded);
    assert_eq!(message, "player 1 holds 16 entities, which is all that one can; release some");
    ask(&mut world, 1, Operation::Despawn { entity: held[3] }).unwrap();
    ask(&mut world, 1, take(CRATE)).expect("what is gone is not held");
}

#[test]
fn authority_returns_when_its_holder_is_silent_leaves_or_is_overruled() {
    let mut world = yard();
    let silence = DRIVE_SILENCE_S_MAX * 30;
    ask(&mut world, 1, take(CRATE)).unwrap();
    let thrown = PoseVelocity { linear: [30.0, 0.0, 0.0], angular: [0.0; 3] };
    tick(&mut world, vec![drive(1, 1, vec![Pose { velocity: Some(thrown), ..pose(CRATE, [0.0, 2.0, -3.0]) }])]);
    run(&mut world, silence);
    assert_eq!(holder(&world, CRATE), Some(1));
    run(&mut world, 1);
    assert_eq!(holder(&world, CRATE), None, "silent for too long");
    run(&mut world, 60);
    let [x, y, _] = place(&world, CRATE);
    assert!(x.abs() < 0.1 && y < 0.6, "it drops where it was: {x}, {y}");

    ask(&mut world, 2, take(CRATE)).unwrap();
    tick(&mut world, vec![Command::Leave { player: PlayerId(2) }]);
    assert_eq!(holder(&world, CRATE), None, "gone");

    ask(&mut world, 1, take(CRATE)).unwrap();
    tick(&mut world, vec![join(1)]);
    assert_eq!(holder(&world, CRATE), Some(1), "who comes again still has it");
    tick(&mut world, vec![drive(1, 1, vec![pose(CRATE, [0.0, 1.0, -3.0])])]);
    assert_eq!(place(&world, CRATE)[1], 1.0, "and counts from 1 again");
    tick(&mut world, vec![join_as(1, Role::Viewer)]);
    assert_eq!(holder(&world, CRATE), None, "a viewer has nothing");

    tick(&mut world, vec![join(1)]);
    ask(&mut world, 1, take(CRATE)).unwrap();
    admin(&mut world, update(CRATE, json!({ "Transform": { "position": [5, 9, 5] } }))).unwrap();
    assert_eq!(holder(&world, CRATE), None, "somebody else put it elsewhere");
    assert!(place(&world, CRATE)[1] > 8.5);
    let mine = made(&mut world, 1, json!({ "Transform": { "position": [5, 1, 0] } }));
    ask(&mut world, 1, take(mine)).unwrap();
    ask(&mut world, 1, update(mine, json!({ "Transform": { "position": [9, 1, 0] } }))).unwrap();
    run(&mut world, 5);
    assert_eq!((holder(&world, mine), place(&world, mine)[0]), (Some(1), 9.0), "the holder itself may");
    ask(&mut world, 1, update(mine, json!({ "Parent": { "entity": 3 } }))).unwrap();
    assert_eq!(holder(&world, mine), None, "what hangs on another is moved by that");
}

#[test]
fn hostile_poses_change_nothing_they_should_not() {
    let mut world = yard();
    ask(&mut world, 1, take(CRATE)).unwrap();
    let start = place(&world, CRATE);
    let step_m = DRIVE_SPEED_M_S_MAX / 30.0;
    let pillar = place(&world, NetId(3));
    let mut wild = vec![
        pose(CRATE, [f32::NAN, 0.0, 0.0]),
        Pose { rotation: [f32::INFINITY; 4], ..pose(CRATE, [1.0; 3]) },
        pose(NetId(3), [9.0; 3]),
        pose(avatar(&world, 2), [9.0; 3]),
        pose(NetId(4_000_000_000), [9.0; 3]),
    ];
    tick(&mut world, vec![drive(1, 1, wild.clone())]);
    assert_eq!((place(&world, CRATE), place(&world, NetId(3))), (start, pillar));
    // A leap to the end of the world: it goes a tick's way, then on, and stays within the bounds.
    tick(&mut world, vec![drive(1, 2, vec![pose(CRATE, [1.0e9, 1.0e9, -3.0])])]);
    let gone_m = |world: &Sim| hd1_world::math::length(hd1_world::math::sub(place(world, CRATE), start));
    assert!((gone_m(&world) - step_m).abs() < 1.0e-3, "{}", gone_m(&world));
    run(&mut world, 50);
    assert_eq!(place(&world, CRATE), [50.0, 20.0, -3.0]);
    let linear: [f32; 3] = serde_json::from_value(read(&world, CRATE, "Velocity")["linear"].clone()).unwrap();
    assert!(hd1_world::math::length(linear) <= DRIVE_SPEED_M_S_MAX * 1.001, "{linear:?}");
    // Old ones, repeated ones, and those of strangers.
    let back = vec![pose(CRATE, start)];
    tick(
        &mut world,
        vec![drive(1, 2, back.clone()), drive(1, 1, back.clone()), drive(2, 9, back.clone()), drive(77, 9, back)],
    );
    assert_eq!(place(&world, CRATE), [50.0, 20.0, -3.0]);
    // A flood of poses: the first count.
    let first = pose(CRATE, [49.0, 20.0, -3.0]);
    wild = vec![first; HELD_PER_PLAYER_MAX];
    wild.extend(vec![pose(CRATE, start); 5_000]);
    tick(&mut world, vec![drive(1, 3, wild)]);
    assert_eq!(place(&world, CRATE), [49.0, 20.0, -3.0]);
    let scale = read(&world, CRATE, "Transform")["scale"].clone();
    assert_eq!(scale, json!([1.0, 1.0, 1.0]));
    // What was on its way when it was taken back.
    ask(&mut world, 1, release(CRATE)).unwrap();
    let before = place(&world, CRATE);
    tick(&mut world, vec![drive(1, 4, vec![pose(CRATE, [0.0, 9.0, 0.0])])]);
    assert!((place(&world, CRATE)[0] - before[0]).abs() < 0.1);
    ask(&mut world, 1, release(CRATE)).expect("letting go twice is letting go once");
}

#[test]
fn turning_is_bounded_too() {
    let mut world = yard();
    ask(&mut world, 1, take(CRATE)).unwrap();
    let about = Pose { rotation: [0.0, 1.0, 0.0, 0.0], ..pose(CRATE, place(&world, CRATE)) };
    let turned = |world: &Sim| -> f32 {
        let q: [f32; 4] = serde_json::from_value(read(world, CRATE, "Transform")["rotation"].clone()).unwrap();
        2.0 * q[1].abs().min(1.0).asin()
    };
    tick(&mut world, vec![drive(1, 1, vec![about])]);
    assert!((turned(&world) - crate::limits::DRIVE_TURN_RAD_S_MAX / 30.0).abs() < 1.0e-3, "{}", turned(&world));
    run(&mut world, 10);
    assert!((turned(&world) - PI).abs() < 1.0e-2, "{}", turned(&world));
}

#[test]
fn what_motion_moves_waits_in_the_hand_and_goes_on() {
    let mut world = sim("lobby");
    tick(&mut world, vec![join_as(1, Role::Moderator)]);
    let id = made(
        &mut world,
        1,
        json!({ "Transform": { "position": [0, 5, 0] }, "Velocity": { "linear": [3, 0, 0] }, "Motion": {} }),
    );
    ask(&mut world, 1, take(id)).unwrap();
    let here = place(&world, id);
    run(&mut world, 10);
    assert_eq!(place(&world, id), here);
    tick(&mut world, vec![drive(1, 1, vec![pose(id, [0.0, 5.0, 1.0])])]);
    ask(&mut world, 1, release(id)).unwrap();
    run(&mut world, 29);
    let [x, _, z] = place(&world, id);
    assert!((x - 3.0).abs() < 0.2 && z == 1.0, "{x}, {z}");
}

#[test]
fn snapshots_and_repetitions_agree_on_who_holds_what() {
    let inputs = |n: u64| -> Vec<Command> {
        let seq = n as u32;
        let at = |entity: u32, i: f32| pose(NetId(entity), [i, 2.0 + (n as f32 * 0.1).sin(), n as f32 * 0.05]);
        match n {
            1 => vec![join(1), join(2)],
            5 => vec![Command::Op { player: PlayerId(1), id: 1, op: take(CRATE) }],
            90 => vec![Command::Op { player: PlayerId(1), id: 2, op: release(CRATE) }],
            95 => vec![Command::Op { player: PlayerId(2), id: 3, op: take(CRATE) }],
            // From here player 2 is silent.
            110.. => vec![],
            _ => vec![drive(1, seq, vec![at(2, 0.0)]), drive(2, seq, vec![at(2, 1.0)])],
        }
    };
    let (mut a, mut b) = (yard(), yard());
    for n in 1..=260 {
        let input = TickInput { commands: inputs(n) };
        assert_eq!(a.tick(&input), b.tick(&input));
        assert_eq!(a.state_hash(), b.state_hash(), "at {n}");
        if n % 13 == 0 {
            b = Sim::from_snapshot(&b.snapshot()).unwrap();
        }
        match n {
            50 => assert_eq!(holder(&b, CRATE), Some(1)),
            100 => assert_eq!(holder(&b, CRATE), Some(2)),
            260 => assert_eq!(holder(&b, CRATE), None),
            _ => {}
        }
    }
}
