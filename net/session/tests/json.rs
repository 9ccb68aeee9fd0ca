//! The world as a JSON client reads it.

mod pair;

use hd1_core::{NetId, PlayerId, Tick};
use hd1_protocol::{Acks, Encoding, Packet, Room, ServerMessage};
use hd1_session::{ClientEvent, ServerConnection, Transmit};
use pair::{World, live_server};
use serde_json::{Value as Json, json};

fn texts(server: &mut ServerConnection, room: Room) -> Vec<Json> {
    let mut out = Vec::new();
    while let Some(Transmit::Packet(packet)) = server.poll_transmit(0, room) {
        out.push(serde_json::from_slice(&packet.frame).unwrap());
    }
    out
}

fn shown(world: &World) -> (ServerConnection, Vec<Json>) {
    let mut server = live_server(Encoding::Json);
    server.send_snapshot(0, world.tick, world.snapshot());
    let texts = texts(&mut server, Room::ALL);
    (server, texts)
}

#[test]
fn welcome_then_the_whole_world() {
    let (mut server, texts) = shown(&World::new(3));
    assert_eq!(texts[0]["t"], "welcome");
    assert_eq!(texts[0]["catalogue"].as_array().unwrap().len(), 2);
    assert_eq!(texts[1]["t"], "snapshot");
    assert_eq!((&texts[1]["tick"], &texts[1]["last"]), (&json!(100), &json!(true)));
    assert_eq!(texts[1]["entities"][2], json!({ "id": 3, "components": { "Place": { "at": [0.0, 0.0, 0.0] } } }));
    assert_eq!(
        server.poll_event(),
        Some(ClientEvent::Acked(Acks::of(Tick(100)).into())),
        "acknowledged in the client's name"
    );
}

#[test]
fn what_is_said_before_the_world_is_there_follows_it() {
    let world = World::new(3);
    let mut server = live_server(Encoding::Json);
    let said = |topic: &str| ServerMessage::Message {
        tick: Tick(100),
        from: PlayerId(2),
        topic: topic.into(),
        data: json!({ "of": 3 }),
    };
    server.send_message(0, &said("early"));
    server.handle_packet(0, &Packet::control(json!({ "t": "ping", "client_us": 5 }).to_string()));
    let kinds = |texts: Vec<Json>| texts.iter().map(|text| text["t"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(kinds(texts(&mut server, Room::ALL)), ["welcome", "pong"]);
    server.send_snapshot(0, world.tick, world.snapshot());
    server.send_message(0, &said("late"));
    let told = texts(&mut server, Room::ALL);
    assert_eq!((&told[1]["topic"], &told[2]["topic"]), (&json!("early"), &json!("late")));
    assert_eq!(kinds(told), ["snapshot", "message", "message"]);

    let mut server = live_server(Encoding::Json);
    let long = said(&"x".repeat(1_000));
    let count = (0..).take_while(|_| {
        server.send_message(0, &long);
        !server.is_closed()
    });
    assert!((900..1_100).contains(&count.count()), "what waits is bounded");
}

#[test]
fn structure_as_it_happens_and_state_when_there_is_room() {
    let mut world = World::new(3);
    let (mut server, _) = shown(&world);
    server.send_structure(0, world.label(NetId(2), "höher"));
    let told = texts(&mut server, Room::ALL);
    assert_eq!(told[0]["t"], "structure");
    assert_eq!(told[0]["ops"], json!([{ "op": "set", "id": 2, "components": { "Label": { "text": "höher" } } }]));

    // Two ticks without room are one text with the newest values.
    for acked in [Tick(100), Tick(101)] {
        world.step();
        server.send_state(0, world.tick, world.state(acked, 7));
    }
    assert!(texts(&mut server, Room::NONE).is_empty());
    let told = texts(&mut server, Room::ALL);
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["t"], &told[0]["tick"], &told[0]["input_ack"]), (&json!("state"), &json!(102), &json!(7)));
    let entity = &told[0]["entities"][1];
    assert_eq!(entity["id"], 2);
    for (axis, lane) in world.places[1].into_iter().enumerate() {
        let told = entity["Place"]["at"][axis].as_f64().unwrap() as f32;
        assert!((told - lane as f32 * 0.01).abs() < 1.0e-6, "axis {axis}: {told}");
    }
    assert_eq!(told[0]["last"], true);
    assert!(texts(&mut server, Room::ALL).is_empty());
}

#[test]
fn a_large_world_is_cut_into_texts() {
    let mut world = World::new(5_000);
    let (mut server, told) = shown(&world);
    let snapshots: Vec<_> = told.iter().filter(|text| text["t"] == "snapshot").collect();
    assert!(snapshots.len() > 1);
    let ids: Vec<_> =
        snapshots.iter().flat_map(|text| text["entities"].as_array().unwrap()).map(|e| &e["id"]).collect();
    assert_eq!(ids.len(), 5_000);
    assert_eq!(snapshots.iter().filter(|text| text["last"] == true).count(), 1);
    world.step();
    server.send_state(0, world.tick, world.state(Tick(100), 0));
    let told = texts(&mut server, Room::ALL);
    assert!(told.iter().all(|text| text["entities"].as_array().unwrap().len() <= 128));
    assert_eq!(told.iter().map(|text| text["entities"].as_array().unwrap().len()).sum::<usize>(), 5_000);
}

#[test]
fn input_in_words() {
    let (mut server, _) = shown(&World::new(1));
    while server.poll_event().is_some() {}
    server.handle_packet(0, &Packet::control(r#"{"t":"input","seq":1,"forward":5.0,"buttons":1}"#));
    let Some(ClientEvent::Input(sample)) = server.poll_event() else { panic!("no input") };
    assert_eq!((sample.seq, sample.forward, sample.buttons), (1, 1.0, 1), "clamped as a binary client's would be");
}
