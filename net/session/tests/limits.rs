//! Every bound of a connection, tripped.

mod pair;

use bytes::Bytes;
use hd1_core::{NetId, Tick};
use hd1_protocol::{
    Acks, ClientMessage, CloseCode, Encoding, InputFrame, InputSample, Operation, Packet, Part, Receipt, Room,
    ServerMessage, decode_message, encode_message,
    limits::{CHAT_BYTES_MAX, DATAGRAM_BYTES_MAX, DEPTH_MAX, FRAME_IN_BYTES_MAX, OPERATION_COMPONENTS_MAX},
    message::{Hello, OpErrorCode},
};
use hd1_session::{ClientEvent, Closing, Rates, ServerConnection, Transmit, limits};
use pair::{drain, hello, live_server};

const BIN: Encoding = Encoding::Binary;

fn fresh(encoding: Encoding) -> ServerConnection {
    ServerConnection::new(0, encoding, Rates::default())
}

fn say(server: &mut ServerConnection, now: u64, message: &ClientMessage) {
    server.handle_packet(now, &Packet::control(encode_message(server.encoding(), message)));
}

fn closing(server: &mut ServerConnection) -> Closing {
    drain(server, 0).1.expect("a close")
}

fn results(packets: &[Packet]) -> Vec<(u32, Option<OpErrorCode>)> {
    let message = |p: &Packet| decode_message::<ServerMessage>(BIN, &p.frame).ok();
    let result = |m| match m {
        ServerMessage::OpResult { id, error, .. } => Some((id, error.map(|e| e.code))),
        _ => None,
    };
    packets.iter().filter_map(message).filter_map(result).collect()
}

fn despawn(id: u32) -> ClientMessage {
    ClientMessage::Op { id, op: Operation::Despawn { entity: NetId(1) } }
}

#[test]
fn no_hello_in_three_seconds() {
    let mut server = fresh(BIN);
    assert_eq!(server.next_timeout(), Some(3_000_000));
    server.handle_timeout(2_999_999);
    assert!(!server.is_closed());
    server.handle_timeout(3_000_000);
    assert_eq!(closing(&mut server).code, CloseCode::HelloTimeout);
}

#[test]
fn a_hello_that_nobody_judges() {
    let mut server = fresh(BIN);
    say(&mut server, 0, &ClientMessage::Hello(hello()));
    // The client keeps talking, so it is not idle.
    say(&mut server, limits::ADMISSION_DEADLINE_US - 1, &ClientMessage::Ping { client_us: 0 });
    server.handle_timeout(limits::ADMISSION_DEADLINE_US);
    assert_eq!(closing(&mut server).code, CloseCode::Internal);
}

#[test]
fn hellos_that_are_none() {
    let with = |change: fn(&mut Hello)| {
        let mut hello = hello();
        change(&mut hello);
        let mut server = fresh(BIN);
        say(&mut server, 0, &ClientMessage::Hello(hello));
        closing(&mut server).code
    };
    assert_eq!(with(|h| h.version = 2), CloseCode::BadVersion);
    assert_eq!(with(|h| h.ticket = None), CloseCode::BadTicket);
    assert_eq!(with(|h| h.ticket = Some("x".repeat(limits::TICKET_BYTES_MAX + 1))), CloseCode::TooLarge);
    assert_eq!(with(|h| h.resume = Some("x".repeat(limits::RESUME_BYTES_MAX + 1))), CloseCode::TooLarge);
    assert_eq!(with(|h| h.capabilities = vec![String::new(); limits::CAPABILITIES_MAX + 1]), CloseCode::TooLarge);
    assert_eq!(with(|h| h.capabilities = vec!["x".repeat(limits::CAPABILITY_BYTES_MAX + 1)]), CloseCode::TooLarge);
}

#[test]
fn words_out_of_turn() {
    let mut server = fresh(BIN);
    say(&mut server, 0, &ClientMessage::Ping { client_us: 1 });
    assert_eq!(closing(&mut server).code, CloseCode::Malformed, "before the hello");
    let mut server = live_server(BIN);
    say(&mut server, 0, &ClientMessage::Hello(hello()));
    assert_eq!(closing(&mut server).code, CloseCode::Malformed, "hello twice");
    let mut server = fresh(BIN);
    say(&mut server, 0, &ClientMessage::Hello(hello()));
    say(&mut server, 0, &despawn(4));
    assert_eq!(results(&drain(&mut server, 0).0), [(4, Some(OpErrorCode::Unavailable))], "before the welcome");
}

#[test]
fn frames_beyond_their_size() {
    for (packet, name) in [
        (Packet::control(vec![1; FRAME_IN_BYTES_MAX + 1]), "frame"),
        (Packet::datagram(vec![5; DATAGRAM_BYTES_MAX + 1]), "datagram"),
    ] {
        let mut server = live_server(BIN);
        server.handle_packet(0, &packet);
        assert_eq!(closing(&mut server).code, CloseCode::TooLarge, "{name}");
    }
}

#[test]
fn frames_that_are_none() {
    let frames: [&[u8]; 6] = [&[], &[0], &[2, 0, 0], &[1, 0xc1], &[5, 0x80], &[5, 1, 0xff, 0xff, 0xff, 0xff, 0xff]];
    for frame in frames {
        let mut server = live_server(BIN);
        server.handle_packet(0, &Packet::control(frame.to_vec()));
        assert_eq!(closing(&mut server).code, CloseCode::Malformed, "{frame:02x?}");
    }
    let mut server = live_server(Encoding::Json);
    server.handle_packet(0, &Packet::control(&b"{\"t\":\"hel"[..]));
    assert_eq!(closing(&mut server).code, CloseCode::Malformed);
    let mut server = live_server(BIN);
    server.handle_packet(0, &Packet::datagram(encode_message(BIN, &ClientMessage::Bye)));
    assert_eq!(closing(&mut server).code, CloseCode::Malformed, "a message in a datagram");
}

#[test]
fn nesting_beyond_its_depth() {
    let mut server = fresh(Encoding::Json);
    server.handle_packet(0, &Packet::control("[".repeat(60_000)));
    assert_eq!(closing(&mut server).code, CloseCode::TooLarge);
    let mut server = fresh(BIN);
    server.handle_packet(0, &Packet::control([vec![1], vec![0x91; DEPTH_MAX + 1], vec![0xc0]].concat()));
    assert_eq!(closing(&mut server).code, CloseCode::TooLarge);
}

#[test]
fn operations_are_numbered_from_1() {
    let mut server = live_server(BIN);
    drain(&mut server, 0);
    say(&mut server, 0, &despawn(0));
    assert!(std::iter::from_fn(|| server.poll_event()).next().is_none());
    assert_eq!(results(&drain(&mut server, 0).0), [(0, Some(OpErrorCode::Invalid))]);
}

#[test]
fn ten_thousand_operations_in_a_second() {
    let mut server = live_server(BIN);
    drain(&mut server, 0);
    let (mut asked, mut answered, mut events, mut closed) = (0, Vec::new(), 0, None);
    for i in 1..=10_000u32 {
        let now = u64::from(i) * 100;
        say(&mut server, now, &despawn(i));
        asked += 1;
        events += std::iter::from_fn(|| server.poll_event()).filter(|e| matches!(e, ClientEvent::Op { .. })).count();
        let (packets, close) = drain(&mut server, now);
        answered.extend(results(&packets));
        closed = closed.or(close);
        if closed.is_some() {
            break;
        }
    }
    assert!(
        (limits::OPS_BURST as usize..=(limits::OPS_BURST + limits::OPS_PER_S) as usize).contains(&events),
        "{events}"
    );
    assert!(answered.iter().all(|(_, code)| *code == Some(OpErrorCode::RateLimited)));
    assert!(answered.len() >= limits::STRIKES_BURST as usize, "each was answered until the close");
    assert_eq!(events + answered.len() + 1, asked, "the last one tipped the scales");
    assert_eq!(closed.map(|c| c.code), Some(CloseCode::RateLimited));
}

#[test]
fn a_burst_is_forgiven() {
    let mut server = live_server(BIN);
    (0..500).for_each(|i| say(&mut server, 0, &despawn(i)));
    assert!(!server.is_closed());
    say(&mut server, 5_000_000, &despawn(501));
    let last = std::iter::from_fn(|| server.poll_event()).last();
    assert!(matches!(last, Some(ClientEvent::Op { id: 501, .. })), "a while later it is served again");
}

#[test]
fn inputs_beyond_their_rate_are_dropped_in_silence() {
    let mut server = live_server(BIN);
    drain(&mut server, 0);
    for seq in 1..=400 {
        let sample = Some(InputSample { seq, ..InputSample::default() });
        server.handle_packet(0, &Packet::datagram(InputFrame { sample, ..InputFrame::default() }.encode()));
    }
    let inputs = std::iter::from_fn(|| server.poll_event()).count();
    assert_eq!(inputs, limits::INPUTS_BURST as usize);
    assert_eq!(drain(&mut server, 0), (vec![], None));
    assert_eq!(server.stats().rate_limited, 250);
}

#[test]
fn inputs_out_of_order_are_dropped() {
    let mut server = live_server(BIN);
    for seq in [3, 2, 3, 5] {
        let sample = Some(InputSample { seq, ..InputSample::default() });
        server.handle_packet(0, &Packet::datagram(InputFrame { sample, ..InputFrame::default() }.encode()));
    }
    let seqs: Vec<_> = std::iter::from_fn(|| server.poll_event())
        .map(|e| if let ClientEvent::Input(s) = e { s.seq } else { 0 })
        .collect();
    assert_eq!(seqs, [3, 5]);
}

#[test]
fn an_acknowledgement_of_the_future() {
    let mut server = live_server(BIN);
    server.handle_packet(
        0,
        &Packet::datagram(InputFrame { acked: Acks::of(Tick(100)).into(), ..InputFrame::default() }.encode()),
    );
    let Some(ClientEvent::Acked(acked)) = server.poll_event() else { panic!("an acknowledgement") };
    assert_eq!((acked.whole.newest(), acked.whole.contains(Tick(99))), (Tick(100), false));
    server.handle_packet(
        0,
        &Packet::datagram(InputFrame { acked: Acks::of(Tick(101)).into(), ..InputFrame::default() }.encode()),
    );
    assert_eq!(closing(&mut server).code, CloseCode::Malformed);
    let mut server = live_server(BIN);
    let mut acked = Receipt::from(Acks::of(Tick(100)));
    acked.add(Part { tick: Tick(101), frames: 1 });
    server.handle_packet(0, &Packet::datagram(InputFrame { acked, ..InputFrame::default() }.encode()));
    assert_eq!(closing(&mut server).code, CloseCode::Malformed, "in part is no better");
}

#[test]
fn operations_beyond_their_size() {
    let components = (0..=OPERATION_COMPONENTS_MAX).map(|i| (format!("C{i}"), serde_json::Value::Null)).collect();
    let ops = [
        Operation::Spawn { components },
        Operation::Chat { text: "x".repeat(CHAT_BYTES_MAX + 1) },
        Operation::Chat { text: "  ".into() },
    ];
    for op in ops {
        let mut server = live_server(BIN);
        drain(&mut server, 0);
        say(&mut server, 0, &ClientMessage::Op { id: 1, op });
        assert_eq!(server.poll_event(), None);
        let (packets, closed) = drain(&mut server, 0);
        assert_eq!(closed, None);
        assert_eq!(results(&packets), [(1, Some(OpErrorCode::Invalid))]);
    }
}

#[test]
fn numbers_that_are_none() {
    let mut server = live_server(BIN);
    let op = Operation::View { position: [f32::NAN, 0.0, 0.0], rotation: [0.0; 4] };
    say(&mut server, 0, &ClientMessage::Op { id: 1, op });
    assert_eq!(closing(&mut server).code, CloseCode::Malformed);
}

#[test]
fn a_client_that_never_reads_is_dropped() {
    // By bytes: reliable frames pile up.
    let mut server = live_server(BIN);
    drain(&mut server, 0);
    let batch = Bytes::from(vec![2u8; 64 * 1024]);
    let mut sent = 0;
    while !server.is_closed() && sent < 1_000 {
        server.send_structure(0, batch.clone());
        sent += 1;
    }
    assert_eq!(sent, limits::OUT_RELIABLE_BYTES_MAX / batch.len() + 1);
    assert!(matches!(server.poll_transmit(0, Room::NONE), Some(Transmit::Close(c)) if c.code == CloseCode::TooSlow));

    // By time: little waits, but nothing moves.
    let mut server = live_server(BIN);
    drain(&mut server, 0);
    for tick in 0..200u64 {
        server.send_state(tick * 100_000, Tick(101 + tick), [Bytes::from_static(b"\x03")]);
        say(&mut server, tick * 100_000, &ClientMessage::Ping { client_us: 0 });
        assert!(server.poll_transmit(tick * 100_000, Room::NONE).is_none());
        server.handle_timeout(tick * 100_000);
        if server.is_closed() {
            assert_eq!(tick * 100_000, limits::STALL_TIMEOUT_US);
            return;
        }
        assert!(server.stats().reliable_bytes < 16 * 1024, "state is conflated, not queued");
    }
    panic!("never dropped");
}

#[test]
fn a_silent_client_is_given_up() {
    let mut server = live_server(BIN);
    drain(&mut server, 0);
    assert_eq!(server.next_timeout(), Some(limits::IDLE_TIMEOUT_US));
    say(&mut server, 4_000_000, &ClientMessage::Ping { client_us: 0 });
    drain(&mut server, 4_000_000);
    server.handle_timeout(limits::IDLE_TIMEOUT_US);
    assert!(!server.is_closed());
    server.handle_timeout(4_000_000 + limits::IDLE_TIMEOUT_US);
    assert_eq!(closing(&mut server).code, CloseCode::Idle);
}

#[test]
fn a_reason_fits_every_link() {
    let closing = Closing::new(CloseCode::Internal, "ä".repeat(200));
    assert!(closing.reason.len() <= limits::REASON_BYTES_MAX);
    assert!(closing.reason.chars().all(|c| c == 'ä'));
}
