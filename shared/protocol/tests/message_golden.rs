//! Every message in both encodings, byte for byte: `golden/messages/<name>.json` is the text, `<name>.hex` the frame.
//!
//! The two say the same: another implementation reads the JSON, writes the frame, and compares. A deliberate change of
//! the format writes them anew with `HD1_BLESS=1 cargo test -p hd1-protocol`.

use std::path::PathBuf;

use hd1_core::{ClientType, NetId, ParticipantId, PlayerId, Role, SessionId, Tick, TickRate};
use hd1_movement::{MoveMode, MoveRules};
use hd1_protocol::{
    Acks, ClientMessage, CloseCode, Drive, Encoding, InputFrame, InputSample, Operation, Part, Pose, PoseVelocity,
    Receipt, ServerMessage, decode_message, encode_message,
    message::{Hello, OpError, OpErrorCode, Participant, Welcome},
    said::{Near, To},
};
use hd1_schema::{CatalogueHash, ComponentId, ComponentSchema, Delivery, FieldKind, FieldSchema, Range, Value};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};

fn golden(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/messages").join(name);
    if std::env::var_os("HD1_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(text, expected, "{name} changed on the wire");
}

fn hex_lines(bytes: &[u8]) -> String {
    hex::encode(bytes).as_bytes().chunks(64).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect()
}

fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(name: &str, message: &T) {
    let text = encode_message(Encoding::Json, message);
    let value: Json = serde_json::from_slice(&text).unwrap();
    golden(&format!("{name}.json"), &format!("{}\n", serde_json::to_string_pretty(&value).unwrap()));
    let frame = encode_message(Encoding::Binary, message);
    golden(&format!("{name}.hex"), &hex_lines(&frame));
    assert_eq!(decode_message::<T>(Encoding::Json, &text).as_ref(), Ok(message), "{name} from JSON");
    assert_eq!(decode_message::<T>(Encoding::Binary, &frame).as_ref(), Ok(message), "{name} from msgpack");
}

fn schema() -> ComponentSchema {
    ComponentSchema {
        id: ComponentId(1000),
        name: "Battery".into(),
        doc: "How much is left".into(),
        delivery: Delivery::State,
        client_writable: false,
        fields: vec![FieldSchema {
            name: "charge".into(),
            doc: "Share of full".into(),
            kind: FieldKind::F32 { range: Range::new(0.0, 1.0), step: 0.0078125 },
            unit: String::new(),
            default: Value::F32(1.0),
        }],
    }
}

fn ada() -> Participant {
    Participant { player: PlayerId(1), name: "Ada".into(), role: Role::Owner, client: ClientType::Web }
}

fn drive() -> Drive {
    let velocity = PoseVelocity { linear: [0.0, 2.5, -4.0], angular: [0.0, 1.5, 0.0] };
    let rotation = [0.0, 0.0, 0.0, 1.0];
    let held = Pose { entity: NetId(17), position: [0.5, 1.25, -2.0], rotation, velocity: Some(velocity) };
    Drive { seq: 5, poses: vec![held, Pose { entity: NetId(300), velocity: None, ..held }] }
}

#[test]
fn client_messages_are_what_they_were() {
    let hello = Hello {
        version: 1,
        client: ClientType::Desktop,
        capabilities: vec!["example".into()],
        ticket: Some("eyJhbGciOiJFZERTQSJ9.e30.c2ln".into()),
        resume: None,
        catalogue: Some(CatalogueHash("00112233445566778899aabbccddeeff".into())),
    };
    check("hello", &ClientMessage::Hello(hello));
    let resume = Hello {
        version: 1,
        client: ClientType::Bot,
        capabilities: Vec::new(),
        ticket: None,
        resume: Some("5f".repeat(32)),
        catalogue: None,
    };
    check("hello_resume", &ClientMessage::Hello(resume));
    let components = [
        ("Transform".to_owned(), json!({ "position": [0.0, 1.5, -2.0] })),
        ("Geometry".to_owned(), json!({ "shape": "sphere", "radius": 0.5 })),
    ];
    check("op_spawn", &ClientMessage::Op { id: 1, op: Operation::Spawn { components: components.into() } });
    let components = [("Material".to_owned(), json!({ "color": "#ff8800" })), ("Label".to_owned(), Json::Null)];
    let update = Operation::Update { entity: NetId(17), components: components.into() };
    check("op_update", &ClientMessage::Op { id: 2, op: update });
    check("op_despawn", &ClientMessage::Op { id: 3, op: Operation::Despawn { entity: NetId(70_000) } });
    check("op_chat", &ClientMessage::Op { id: 4, op: Operation::Chat { text: "grüß dich".into() } });
    let view = Operation::View { position: [0.0, 1.75, 0.0], rotation: [0.0, 0.0, 0.0, 1.0] };
    check("op_view", &ClientMessage::Op { id: 5, op: view });
    let pick = Operation::Pick { origin: [0.0, 1.5, 0.0], direction: [0.0, 0.0, -1.0], tick: Tick(1808) };
    check("op_pick", &ClientMessage::Op { id: 6, op: pick });
    let data = json!({ "give": "sword", "for": [3, 0.5, null] });
    let near = |near| To::Near(near);
    let places = [
        ("everyone", To::Everyone),
        ("moderators", To::Moderators),
        ("player", To::Player(PlayerId(3))),
        ("near_entity", near(Near { entity: Some(NetId(17)), position: None, radius: 20.0 })),
        ("near_place", near(Near { entity: None, position: Some([0.0, 1.5, -2.0]), radius: 20.0 })),
    ];
    for (name, to) in places {
        let send = Operation::Send { topic: "score".into(), to, data: data.clone() };
        check(&format!("op_send_{name}"), &ClientMessage::Op { id: 7, op: send });
    }
    let ask = Operation::Ask { to: PlayerId(3), topic: "trade".into(), data: data.clone(), timeout_ticks: Some(150) };
    check("op_ask", &ClientMessage::Op { id: 9, op: ask });
    let answer = |data, error: Option<&str>| Operation::Answer { request: 4, data, error: error.map(Into::into) };
    check("op_answer", &ClientMessage::Op { id: 2, op: answer(data, None) });
    check("op_answer_declined", &ClientMessage::Op { id: 2, op: answer(Json::Null, Some("not for sale")) });
    check("op_take", &ClientMessage::Op { id: 7, op: Operation::Take { entity: NetId(17) } });
    check("op_release", &ClientMessage::Op { id: 8, op: Operation::Release { entity: NetId(17) } });
    let hand = |player| Operation::Hand { entity: NetId(17), player };
    check("op_hand", &ClientMessage::Op { id: 9, op: hand(Some(PlayerId(3))) });
    check("op_hand_back", &ClientMessage::Op { id: 10, op: hand(None) });
    check("drive", &ClientMessage::Drive(drive()));
    check("ping", &ClientMessage::Ping { client_us: 1_234_567_890 });
    let sample = InputSample { seq: 9, strafe: -1.0, forward: 0.5, yaw: 1.5, pitch: -0.25, buttons: 3 };
    check("input", &ClientMessage::Input(sample));
    check("bye", &ClientMessage::Bye);
}

#[test]
fn server_messages_are_what_they_were() {
    let welcome = Welcome {
        version: 1,
        capabilities: Vec::new(),
        session: SessionId("01970000-89ab-7cde-8f01-23456789abcd".parse().unwrap()),
        participant: ParticipantId("01970000-89ab-7cde-8f01-23456789abce".parse().unwrap()),
        player: PlayerId(3),
        role: Role::Participant,
        tick: Tick(1812),
        tick_rate: TickRate::DEFAULT,
        server_us: 60_400_123,
        resume_token: "5f".repeat(32),
        resume_grace_s: 15,
        catalogue_hash: CatalogueHash("00112233445566778899aabbccddeeff".into()),
        catalogue: Some(vec![schema()]),
        participants: vec![ada()],
        movement: Some(MoveRules {
            mode: MoveMode::Walk,
            speed: 4.5,
            sprint: 2.0,
            jump: 5.0,
            fall: 10.0,
            floor: 1.0,
            min: [-50.0, 0.0, -50.0],
            max: [50.0, 20.0, 50.0],
        }),
        camera: None,
    };
    check("welcome", &ServerMessage::Welcome(Box::new(welcome)));
    let done = |id, entity, data| {
        let tick = Some(Tick(1812));
        ServerMessage::OpResult { id, ok: true, tick, entity, data, error: None }
    };
    check("op_result_ok", &done(1, Some(NetId(17)), None));
    check("op_result_answered", &done(9, None, Some(json!({ "yes": true, "price": 3 }))));
    check("op_result_answered_null", &done(9, None, Some(Json::Null)));
    let error = OpError {
        code: OpErrorCode::Invalid,
        message: "components.Geometry.radius: must be > 0".into(),
        path: Some("components.Geometry.radius".into()),
    };
    check("op_result_refused", &ServerMessage::refusal(2, error));
    check("pong", &ServerMessage::Pong { client_us: 1_234_567_890, server_us: 60_400_123, tick: Tick(1812) });
    let (player, name, text) = (PlayerId(1), "Ada".into(), "hello".into());
    check("chat", &ServerMessage::Chat { tick: Tick(1812), player, name, text });
    check("joined", &ServerMessage::Joined { tick: Tick(1812), participant: ada() });
    check("left", &ServerMessage::Left { tick: Tick(1812), player: PlayerId(1) });
    let (tick, from, topic) = (Tick(1812), PlayerId(1), "trade".to_owned());
    let data = json!({ "give": "sword", "for": [3, 0.5, null] });
    let message = ServerMessage::Message { tick, from, topic: topic.clone(), data: data.clone() };
    check("message", &message);
    check("request", &ServerMessage::Request { tick, id: 4, from, topic, data, until: Tick(1962) });
    check("registered", &ServerMessage::Registered { schema: schema() });
    check("close", &ServerMessage::Close { code: CloseCode::Kicked, reason: "kicked".into() });
}

#[test]
fn input_frames_are_what_they_were() {
    let sample = InputSample { seq: 300, strafe: -1.0, forward: 0.5, yaw: 1.5, pitch: -0.25, buttons: 3 };
    // All up to tick 1812, but for tick 1810.
    let mut acked = Acks::default();
    acked.insert_last(Tick(1809), 64);
    acked.insert_last(Tick(1812), 2);
    let mut acked = Receipt::from(acked);
    golden("input_frame.hex", &hex_lines(&InputFrame { acked, sample: Some(sample), drive: None }.encode()));
    let both = InputFrame { acked, sample: Some(sample), drive: Some(drive()) };
    golden("input_frame_drive.hex", &hex_lines(&both.encode()));
    golden("input_frame_drive_alone.hex", &hex_lines(&InputFrame { sample: None, ..both }.encode()));
    acked.add(Part { tick: Tick(1814), frames: 0b1101 });
    acked.add(Part { tick: Tick(1810), frames: 0b10 });
    golden("input_frame_ack.hex", &hex_lines(&InputFrame { acked, sample: None, drive: None }.encode()));
}

#[test]
fn unknown_fields_are_ignored_and_unknown_messages_refused() {
    let with_extra = br#"{"t":"ping","client_us":1,"new":{"in":"version 2"}}"#;
    assert_eq!(decode_message(Encoding::Json, with_extra), Ok(ClientMessage::Ping { client_us: 1 }));
    assert!(decode_message::<ClientMessage>(Encoding::Json, br#"{"t":"dance"}"#).is_err());
}
