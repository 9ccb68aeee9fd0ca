//! Every rule of operations: what is refused says why, and changes nothing.

use hd1_protocol::message::OpErrorCode::{self, *};

use super::*;
use crate::quotas::Quotas;

/// A physics-less world with two participants, a viewer and a moderator.
fn room() -> Sim {
    let mut world = sim("lobby");
    tick(&mut world, vec![join(1), join(2), join_as(3, Role::Viewer), join_as(4, Role::Moderator)]);
    world
}

/// The hash of all but time and the right to ask: the world with this operation refused is the world without it.
fn refused(world: &mut Sim, player: u32, op: Operation) -> (OpErrorCode, String) {
    let mut without = Sim::from_snapshot(&world.snapshot()).unwrap();
    let error = ask(world, player, op).expect_err("must be refused");
    tick(&mut without, vec![]);
    for sim in [&mut *world, &mut without] {
        let mut players = sim.world_mut().resource_mut::<crate::Players>();
        players.here.values_mut().for_each(|player| player.bucket = Default::default());
    }
    assert_eq!(world.state_hash(), without.state_hash(), "changed by: {error}");
    (error.code, error.message)
}

#[test]
fn players_make_change_and_remove_what_is_theirs() {
    let mut world = room();
    let id = made(&mut world, 1, json!({ "Geometry": { "shape": "sphere", "radius": 2 } }));
    assert_eq!(read(&world, id, "Owner")["player"], 1);
    assert_eq!(read(&world, id, "Geometry")["radius"], 2.0);
    assert!(read(&world, id, "Transform").is_object(), "every entity has one");
    ask(&mut world, 1, update(id, json!({ "Geometry": { "radius": 3 }, "Name": { "text": "ball" } }))).unwrap();
    assert_eq!(read(&world, id, "Geometry")["shape"], "sphere", "fields not given stay");
    assert_eq!(read(&world, id, "Geometry")["radius"], 3.0);
    ask(&mut world, 1, update(id, json!({ "Name": null }))).unwrap();
    assert!(read(&world, id, "Name").is_null());
    assert_eq!(ask(&mut world, 1, Operation::Despawn { entity: id }).unwrap(), OpDone { entity: Some(id) });
    assert!(!exists(&world, id));
    let next = made(&mut world, 1, json!({}));
    assert!(next > id, "ids are not used twice");
}

#[test]
fn viewers_change_nothing() {
    let mut world = room();
    let (code, message) = refused(&mut world, 3, spawn(json!({})));
    assert_eq!((code, message.as_str()), (Denied, "viewers change nothing; ask for the participant role"));
    let chat = Operation::Chat { text: "hello".into() };
    assert_eq!(refused(&mut world, 3, chat).0, Denied);
}

#[test]
fn strangers_and_the_unknown_are_refused() {
    let mut world = room();
    assert_eq!(refused(&mut world, 77, spawn(json!({}))), (Denied, "not in this world; join first".into()));
    assert_eq!(refused(&mut world, 1, Operation::Despawn { entity: NetId(9999) }), (NotFound, "no entity 9999".into()));
    let (code, message) = refused(&mut world, 1, update(NetId(0), json!({})));
    assert_eq!((code, message.as_str()), (NotFound, "no entity 0"));
}

#[test]
fn what_belongs_to_others_stays_as_it_is() {
    let mut world = room();
    let id = made(&mut world, 1, json!({}));
    let (code, message) = refused(&mut world, 2, update(id, json!({ "Name": { "text": "mine" } })));
    assert_eq!((code, message), (Denied, format!("entity {id} belongs to player 1")));
    assert_eq!(refused(&mut world, 2, Operation::Despawn { entity: id }).0, Denied);
    let ground = world.find_entity(&EntityKey::Name("ground".into())).unwrap();
    let (code, message) = refused(&mut world, 1, Operation::Despawn { entity: ground });
    assert_eq!((code, message), (Denied, format!("entity {ground} belongs to the world; ask a moderator")));
    ask(&mut world, 4, update(id, json!({ "Name": { "text": "moderated" } }))).unwrap();
    ask(&mut world, 4, Operation::Despawn { entity: ground }).unwrap();
    admin(&mut world, Operation::Despawn { entity: id }).unwrap();
    assert!(!exists(&world, id) && !exists(&world, ground));
}

#[test]
fn avatars_move_by_input_alone() {
    let mut world = room();
    let id = avatar(&world, 1);
    let (code, message) = refused(&mut world, 1, update(id, json!({ "Transform": { "position": [9, 9, 9] } })));
    assert_eq!(code, Denied);
    assert_eq!(message, "components.Transform: an avatar is moved by input; only its looks can be set");
    assert_eq!(refused(&mut world, 1, Operation::Despawn { entity: id }).0, Denied);
    assert_eq!(refused(&mut world, 4, Operation::Despawn { entity: id }).0, Denied);
    ask(&mut world, 1, update(id, json!({ "Material": { "color": "#ff0000" } }))).unwrap();
    ask(&mut world, 4, update(id, json!({ "Transform": { "position": [9, 0.9, 9] } }))).unwrap();
    assert_eq!(read(&world, id, "Transform")["position"][0], 9.0);
    let (code, _) = refused(&mut world, 4, update(id, json!({ "Avatar": { "player": 2 } })));
    assert_eq!(code, Denied, "only the server says whose an avatar is");
    let owner = update(id, json!({ "Owner": { "player": 2 } }));
    assert_eq!(admin(&mut world, owner).unwrap_err().code, Denied);
}

#[test]
fn values_are_checked_with_their_place() {
    let mut world = room();
    let mut wrong = |components: Json| {
        let (code, message) = refused(&mut world, 1, spawn(components));
        assert_eq!(code, Invalid);
        message
    };
    assert_eq!(wrong(json!({ "Geometry": { "radius": 0 } })), "components.Geometry.radius: must be > 0");
    assert_eq!(wrong(json!({ "Geometri": {} })), "components.Geometri: unknown component; did you mean Geometry?");
    assert_eq!(wrong(json!({ "Label": { "txt": "" } })), "components.Label.txt: unknown field; did you mean text?");
    assert_eq!(
        wrong(json!({ "Transform": null })),
        "components.Transform: cannot be null here; every entity has a Transform"
    );
    assert_eq!(
        wrong(json!({ "RigidBody": {} })),
        "components.RigidBody: this world has no physics; move it by Motion instead"
    );
    assert_eq!(
        wrong(json!({ "Name": { "text": "x".repeat(65) } })),
        "components.Name.text: must be at most 64 bytes, has 65"
    );
    let many: serde_json::Map<_, _> = (0..33).map(|i| (format!("C{i}"), json!({}))).collect();
    assert_eq!(wrong(Json::Object(many)), "components: must name at most 32 components, names 33");
    let error = ask(&mut world, 1, spawn(json!({ "Geometry": { "radius": 0 } }))).unwrap_err();
    assert_eq!(error.path.as_deref(), Some("components.Geometry.radius"));
}

#[test]
fn one_fault_among_many_components_changes_none_of_them() {
    let mut world = room();
    let id = made(&mut world, 1, json!({ "Name": { "text": "before" } }));
    refused(&mut world, 1, update(id, json!({ "Name": { "text": "after" }, "Transform": { "scale": [0, 0, 0] } })));
    assert_eq!(read(&world, id, "Name")["text"], "before");
}

#[test]
fn references_lead_somewhere_and_not_in_circles() {
    let mut world = room();
    let top = made(&mut world, 1, json!({}));
    let child = made(&mut world, 1, json!({ "Parent": { "entity": top } }));
    let (code, message) = refused(&mut world, 1, update(top, json!({ "Parent": { "entity": 4242 } })));
    assert_eq!((code, message.as_str()), (NotFound, "components.Parent.entity: no entity 4242"));
    for target in [top, child] {
        let (code, message) = refused(&mut world, 1, update(top, json!({ "Parent": { "entity": target } })));
        assert_eq!(code, Invalid);
        assert_eq!(message, "components.Parent.entity: makes a circle or too deep a tree; choose another parent");
    }
    let theirs = made(&mut world, 2, json!({}));
    assert_eq!(refused(&mut world, 1, update(child, json!({ "Parent": { "entity": theirs } }))).0, Denied);
    let mut at = child;
    let deep = (0..40).map(|_| {
        ask(&mut world, 4, spawn(json!({ "Parent": { "entity": at } }))).map(|done| at = done.entity.unwrap())
    });
    assert!(deep.collect::<Vec<_>>().iter().any(Result::is_err), "depth is bounded");
}

#[test]
fn quotas_bound_players_and_the_world() {
    let scene = hd1_scenes::load("lobby").unwrap();
    let entities = scene.entities.len() as u32;
    let quotas = Quotas { entities_per_player: 2, entities_per_world: entities + 5, ..Quotas::default() };
    let mut world = Sim::from_scene(SimConfig { quotas, ..config() }, &scene).unwrap();
    tick(&mut world, vec![join(1), join(2)]);
    let first = made(&mut world, 1, json!({}));
    made(&mut world, 1, json!({}));
    let (code, message) = refused(&mut world, 1, spawn(json!({})));
    assert_eq!((code, message.as_str()), (QuotaExceeded, "you own your 2 entities; remove some first"));
    // The count survives a snapshot, and leaving does not reset it.
    let mut world = Sim::from_snapshot(&world.snapshot()).unwrap();
    tick(&mut world, vec![Command::Leave { player: PlayerId(1) }]);
    tick(&mut world, vec![join(1)]);
    assert_eq!(refused(&mut world, 1, spawn(json!({}))).0, QuotaExceeded);
    ask(&mut world, 1, Operation::Despawn { entity: first }).unwrap();
    made(&mut world, 1, json!({}));
    made(&mut world, 2, json!({}));
    let (code, message) = refused(&mut world, 2, spawn(json!({})));
    assert_eq!(
        (code, message),
        (QuotaExceeded, format!("the world has its {} entities; remove some first", entities + 5))
    );
    assert_eq!(admin(&mut world, spawn(json!({}))).unwrap_err().code, QuotaExceeded);
}

#[test]
fn ten_thousand_operations_at_once_are_mostly_too_many() {
    let mut world = room();
    let op = |id| Command::Op { player: PlayerId(1), id, op: Operation::Chat { text: "spam".into() } };
    let output = tick(&mut world, (0..10_000).map(op).collect());
    let done = output.op_results.iter().filter(|result| result.result.is_ok()).count();
    assert_eq!(done, Quotas::default().ops_burst as usize);
    assert_eq!(output.chats.len(), done);
    let error = output.op_results.last().unwrap().result.clone().unwrap_err();
    assert_eq!((error.code, error.message.as_str()), (RateLimited, "more than 30 operations a second; wait"));
    assert_eq!(ask(&mut world, 2, Operation::Chat { text: "I am not affected".into() }), Ok(OpDone::default()));
    run(&mut world, 30);
    ask(&mut world, 1, Operation::Chat { text: "sorry".into() }).unwrap();
}

#[test]
fn chat_is_heard_once_and_bounded() {
    let mut world = room();
    let say = |text: &str| Operation::Chat { text: text.into() };
    let output = tick(&mut world, vec![Command::Op { player: PlayerId(2), id: 1, op: say(" hello ") }]);
    assert_eq!((output.chats[0].name.as_str(), output.chats[0].text.as_str()), ("player 2", "hello"));
    assert!(tick(&mut world, vec![]).chats.is_empty());
    for text in ["", "   ", "a\u{7}b", &"x".repeat(1025)] {
        assert_eq!(refused(&mut world, 1, say(text)).0, Invalid);
    }
    let output = tick(&mut world, vec![Command::Admin { request: 3, op: say("maintenance") }]);
    assert_eq!((output.chats[0].player, output.chats[0].name.as_str()), (PlayerId(0), "server"));
}

#[test]
fn a_view_is_on_the_avatar() {
    let mut world = room();
    let view = |position| Operation::View { position, rotation: [0.0, 0.0, 0.0, 2.0] };
    let done = ask(&mut world, 1, view([1.0, 2.0, 3.0])).unwrap();
    assert_eq!(done.entity, Some(avatar(&world, 1)));
    assert_eq!(read(&world, avatar(&world, 1), "CameraView")["position"], json!([1.0, 2.0, 3.0]));
    assert_eq!(refused(&mut world, 1, view([f32::NAN, 0.0, 0.0])).0, Invalid);
    assert_eq!(refused(&mut world, 1, view([1.0e9, 0.0, 0.0])).0, Invalid);
    assert_eq!(admin(&mut world, view([0.0; 3])).unwrap_err().code, Denied);
}
