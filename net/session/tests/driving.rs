//! Driven entities: what is said of them leaves soon and seldom, is repeated while it stays, and ends when nobody confirms it.

mod pair;

use hd1_core::NetId;
use hd1_protocol::limits::DRIVE_POSES_MAX;
use hd1_protocol::{CloseCode, Drive, Encoding, InputFrame, InputSample, Packet, Pose};
use hd1_session::{ClientEvent, ServerEvent, limits};
use hd1_transport::Conditions;
use pair::{PERIOD_US, Pair, live_server};

fn pose(entity: u32, x: f32) -> Pose {
    Pose { entity: NetId(entity), position: [x, 0.0, 0.0], rotation: [0.0, 0.0, 0.0, 1.0], velocity: None }
}

fn drives(pair: &Pair) -> Vec<&Drive> {
    fn drive(event: &ClientEvent) -> Option<&Drive> {
        if let ClientEvent::Drive(drive) = event { Some(drive) } else { None }
    }
    pair.server_events.iter().filter_map(drive).collect()
}

fn live() -> Pair {
    let mut pair = Pair::new(Conditions { loss: 0.0, duplicate: 0.0, delay_us: 5_000, jitter_us: 0, seed: 3 });
    pair.run_until(500_000);
    assert!(pair.client.is_live());
    pair
}

#[test]
fn poses_leave_once_a_tick_and_are_repeated() {
    let mut pair = live();
    // A program that draws 250 times a second, for a second.
    for i in 0..250 {
        assert!(pair.client.drive(pair.now, pose(7, i as f32)));
        let end = pair.now + 4_000;
        pair.run_until(end);
    }
    let told = drives(&pair).len();
    assert!((40..=75).contains(&told), "{told} frames in a second of 50 ticks");
    assert!(drives(&pair).windows(2).all(|two| two[0].seq < two[1].seq), "each is newer");
    // It stands still: said again now and then, though the program says nothing.
    let end = pair.now + 900_000;
    pair.run_until(end);
    assert_eq!(drives(&pair).last().unwrap().poses[0].position[0], 249.0);
    let again = drives(&pair).len() - told;
    assert!((3..=5).contains(&again), "{again} frames in 0.9 s");
}

#[test]
fn poses_ride_with_the_input_and_are_bounded() {
    let mut pair = live();
    for i in 0..DRIVE_POSES_MAX as u32 + 3 {
        assert_eq!(pair.client.drive(pair.now, pose(100 + i, 0.0)), i < DRIVE_POSES_MAX as u32);
    }
    let before = pair.client.bytes().1;
    pair.client.set_input(InputSample { forward: 1.0, ..InputSample::default() });
    let end = pair.now + PERIOD_US / 2;
    pair.run_until(end);
    assert_eq!(drives(&pair).last().unwrap().poses.len(), DRIVE_POSES_MAX);
    assert!(pair.client.bytes().1 > before);
    pair.client.let_go(pair.now, NetId(100));
    assert_eq!(pair.client.driven(pair.now).len(), DRIVE_POSES_MAX - 1, "there is room again");
}

#[test]
fn what_nobody_confirms_is_taken_for_refused() {
    let mut pair = live();
    pair.client.drive(pair.now, pose(9, 1.0));
    assert_eq!(pair.client.driven(pair.now)[0].position, [1.0, 0.0, 0.0], "shown at once");
    let end = pair.now + limits::DRIVE_UNCONFIRMED_US_MAX + 200_000;
    pair.run_until(end);
    let events: Vec<_> = std::iter::from_fn(|| pair.client.poll_event()).chain(pair.client_events.drain(..)).collect();
    assert!(events.contains(&ServerEvent::TakenBack(NetId(9))), "{events:?}");
    assert!(pair.client.driven(pair.now).is_empty());
}

#[test]
fn the_server_hears_each_pose_once_and_closes_on_too_many() {
    let mut server = live_server(Encoding::Binary);
    let says = |seq| InputFrame { drive: Some(Drive { seq, poses: vec![pose(7, 0.0004)] }), ..InputFrame::default() };
    for seq in [3, 2, 3, 4] {
        server.handle_packet(0, &Packet::datagram(says(seq).encode()));
    }
    let heard: Vec<_> = std::iter::from_fn(|| server.poll_event()).collect();
    let drive = |seq| ClientEvent::Drive(Drive { seq, poses: vec![pose(7, 0.0)] });
    assert_eq!(heard, [drive(3), drive(4)], "in whole units, and nothing old");

    let mut server = live_server(Encoding::Json);
    let one = r#"{"entity":7,"position":[0,1,0],"rotation":[0,0,0,1]}"#;
    let text = |count| format!(r#"{{"t":"drive","seq":1,"poses":[{}]}}"#, vec![one; count].join(","));
    server.handle_packet(0, &Packet::control(text(DRIVE_POSES_MAX)));
    assert!(std::iter::from_fn(|| server.poll_event()).any(|event| matches!(event, ClientEvent::Drive(_))));
    server.handle_packet(0, &Packet::control(text(DRIVE_POSES_MAX + 1)));
    let closing = std::iter::from_fn(|| server.poll_transmit(0, hd1_protocol::Room::ALL)).last();
    let Some(hd1_session::Transmit::Close(closing)) = closing else { panic!("it is closed") };
    assert_eq!(closing.code, CloseCode::TooLarge);
}

#[test]
fn a_pose_that_is_no_place_is_refused() {
    let mut pair = live();
    assert!(!pair.client.drive(pair.now, pose(9, f32::NAN)));
    assert!(!pair.client.drive(pair.now, Pose { rotation: [0.0, f32::INFINITY, 0.0, 1.0], ..pose(9, 0.0) }));
    let end = pair.now + 100_000;
    pair.run_until(end);
    assert!(drives(&pair).is_empty());
    assert!(pair.client.driven(pair.now).is_empty());
}
