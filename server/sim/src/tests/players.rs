//! Players come, move, come again and go.

use super::*;
use crate::WorldEvent;

#[test]
fn joining_makes_an_avatar_and_leaving_takes_it() {
    let mut world = sim("lobby");
    let before = world.entity_count();
    let output = tick(&mut world, vec![join(1), join_as(2, Role::Viewer)]);
    assert_eq!(output.avatars.len(), 1, "a viewer has none");
    let (player, id) = output.avatars[0];
    assert_eq!(player, PlayerId(1));
    assert!(
        matches!(&output.events[..], [WorldEvent::Joined(a), WorldEvent::Joined(b)] if a.name == "player 1" && b.role == Role::Viewer)
    );
    assert_eq!(world.entity_count(), before + 1);
    assert_eq!(read(&world, id, "Avatar")["player"], 1);
    assert_eq!(read(&world, id, "Name")["text"], "player 1");
    let stands = read(&world, id, "Transform")["position"][1].as_f64().unwrap();
    assert!((stands - 0.9).abs() < 1.0e-6, "feet on the floor, {stands}");

    let output = tick(&mut world, vec![Command::Leave { player: PlayerId(1) }, Command::Leave { player: PlayerId(1) }]);
    assert_eq!(output.events, [WorldEvent::Left { player: PlayerId(1) }], "leaving twice is leaving once");
    assert!(!exists(&world, id));
}

#[test]
fn joining_again_keeps_the_avatar_and_counts_inputs_anew() {
    let mut world = sim("lobby");
    tick(&mut world, vec![join(1)]);
    let id = avatar(&world, 1);
    tick(&mut world, vec![move_input(1, 40, 1.0, 0.0)]);
    let output = tick(&mut world, vec![join(1)]);
    assert_eq!(output.avatars, [(PlayerId(1), id)]);
    assert_eq!(tick(&mut world, vec![move_input(1, 1, 1.0, 0.0)]).input_acks, [(PlayerId(1), 1)]);
    tick(&mut world, vec![join_as(1, Role::Viewer)]);
    assert!(!exists(&world, id), "a viewer keeps none");
}

#[test]
fn input_is_held_and_what_is_old_is_dropped() {
    let mut world = sim("lobby");
    tick(&mut world, vec![join(1)]);
    let id = avatar(&world, 1);
    let z = |world: &Sim| read(world, id, "Transform")["position"][2].as_f64().unwrap();
    let start = z(&world);
    let output =
        tick(&mut world, vec![move_input(1, 2, 0.0, 0.0), move_input(1, 3, 1.0, 0.0), move_input(1, 2, -1.0, 0.0)]);
    assert_eq!(output.input_acks, [(PlayerId(1), 3)]);
    run(&mut world, 29);
    assert!((z(&world) - (start - 5.0)).abs() < 1.0e-3, "one second ahead at 5 m/s, from {start} to {}", z(&world));
    assert!(tick(&mut world, vec![move_input(1, 3, -1.0, 0.0)]).input_acks.is_empty());
    assert!(tick(&mut world, vec![move_input(7, 1, 1.0, 0.0)]).input_acks.is_empty(), "nobody of that number");
}

#[test]
fn many_players_at_one_spawn_point_do_not_stand_in_each_other() {
    let mut world = sim("asteroids");
    tick(&mut world, (1..=200).map(join).collect());
    let places: Vec<[f64; 3]> = (1..=200)
        .map(|player| {
            serde_json::from_value(read(&world, avatar(&world, player), "Transform")["position"].clone()).unwrap()
        })
        .collect();
    for (i, a) in places.iter().enumerate() {
        for b in &places[..i] {
            let apart: f64 = a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt();
            assert!(apart > 0.8, "{a:?} and {b:?}");
        }
    }
}

#[test]
fn a_wild_name_is_tamed() {
    let mut world = sim("lobby");
    let name = format!("a\u{7}\n{}", "é".repeat(100));
    let command = Command::Join { player: PlayerId(1), name, role: Role::Participant, client_type: ClientType::Web };
    tick(&mut world, vec![command]);
    let shown = &world.players().here[&PlayerId(1)].name;
    assert!(shown.starts_with("aé") && shown.len() <= 64, "{shown}");
}

#[test]
fn a_viewer_has_a_camera_and_no_avatar_to_carry_it() {
    let mut world = sim("city");
    tick(&mut world, vec![join_as(1, Role::Viewer), join(2)]);
    let camera = |world: &Sim, player: u32| world.players().here[&PlayerId(player)].camera;
    assert_eq!((camera(&world, 1), camera(&world, 2)), (Some([0.0, 0.0, 5.0]), None), "the scene's first spawn point");

    let look = |position| Operation::View { position, rotation: [0.0, 0.0, 0.0, 1.0] };
    let before = world.state_hash();
    assert_eq!(ask(&mut world, 1, look([1_100.0, 60.0, -20.0])), Ok(OpDone::default()));
    assert_eq!(camera(&world, 1), Some([1_100.0, 60.0, -20.0]));
    assert_ne!(world.state_hash(), before, "where it looks is state");
    let refusal = ask(&mut world, 1, look([1.0e9, 0.0, 0.0])).unwrap_err();
    assert_eq!(refusal.path.as_deref(), Some("view.position[0]"));

    let mut restored = Sim::from_snapshot(&world.snapshot()).unwrap();
    assert_eq!(camera(&restored, 1), camera(&world, 1));
    tick(&mut restored, vec![join_as(1, Role::Viewer)]);
    assert_eq!(camera(&restored, 1), Some([1_100.0, 60.0, -20.0]), "who comes back looks from where it did");
    tick(&mut restored, vec![join_as(1, Role::Participant)]);
    assert_eq!(camera(&restored, 1), None);
}
