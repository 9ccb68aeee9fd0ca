//! What two ends do together over good and bad networks, in simulated time.

mod pair;

use hd1_core::{NetId, Tick};
use hd1_protocol::{CloseCode, Encoding, InputSample, Operation, ServerMessage, mirror::HeldValue};
use hd1_session::{
    ClientConfig, ClientConnection, ClientEvent, Credential, Hold, Rates, ServerConnection, ServerEvent,
};
use hd1_transport::Conditions;
use pair::{Pair, config, schemas};
use proptest::prelude::*;

fn good() -> Conditions {
    Conditions { delay_us: 15_000, ..Conditions::default() }
}

#[test]
fn a_client_enters_sees_and_steers() {
    let mut pair = Pair::new(good());
    pair.run_until(1_000_000);
    let credential = Credential::Ticket("ticket".into());
    assert!(matches!(&pair.server_events[0], ClientEvent::Hello { credential: c, .. } if *c == credential));
    assert!(matches!(pair.client_events[0], ServerEvent::Welcome(_)));
    assert!(pair.client_events.contains(&ServerEvent::Ready { tick: Tick(100) }));
    let seq = pair.client.set_input(InputSample { forward: 1.0, ..InputSample::default() });
    pair.run_until(2_000_000);
    assert!(pair.server_events.iter().any(|e| matches!(e, ClientEvent::Input(s) if s.seq == seq && s.forward == 1.0)));
    assert_eq!(pair.client.input_ack(), seq, "the acknowledgement came back with state");
    let stats = pair.client.mirror().stats();
    assert!(stats.checks > 40 && stats.desyncs == 0, "{stats:?}");
    assert!(!pair.server.is_closed());
}

#[test]
fn what_is_steered_leaves_with_the_ticks_acknowledgement() {
    let mut pair = Pair::new(good());
    pair.run_until(1_000_000);
    let before = pair.server_events.len();
    let mut steered = 0;
    for tick in 1..=50 {
        // As a program that draws three times a tick.
        for third in 0..3 {
            steered = pair.client.steer(pair.now, InputSample { yaw: tick as f32, ..InputSample::default() });
            pair.run_until(1_000_000 + tick * pair::PERIOD_US + third * pair::PERIOD_US / 3);
        }
    }
    let heard = &pair.server_events[before..];
    let inputs = heard.iter().filter(|event| matches!(event, ClientEvent::Input(_))).count();
    let acks = heard.iter().filter(|event| matches!(event, ClientEvent::Acked(_))).count();
    assert!((48..=51).contains(&inputs) && (48..=51).contains(&acks), "{inputs} inputs, {acks} acknowledgements");

    // Where no ticks come that would be acknowledged it waits half a tick.
    pair.stand_still();
    pair.run_until(3_000_000);
    let heard = |pair: &Pair| match pair.server_events.last() {
        Some(ClientEvent::Input(sample)) => sample.seq,
        other => panic!("no input came last: {other:?}"),
    };
    assert_eq!(heard(&pair), steered);
    let seq = pair.client.steer(pair.now, InputSample { forward: 1.0, ..InputSample::default() });
    pair.run_until(3_000_000 + 15_000 + pair::PERIOD_US / 2 - 1_000);
    assert_eq!(heard(&pair), steered, "sooner than it had to");
    pair.run_until(3_000_000 + 15_000 + pair::PERIOD_US / 2 + 1_000);
    assert_eq!(heard(&pair), seq);
}

#[test]
fn of_what_is_drawn_nothing_is_forgotten() {
    // Even, then with three ticks of jitter and loss, then even again.
    let jittery = Conditions { delay_us: 40_000, jitter_us: 60_000, loss: 0.1, ..Conditions::default() };
    for conditions in [good(), jittery] {
        let mut pair = Pair::new(conditions);
        pair.run_until(1_000_000);
        let mut looks = 0;
        for now in (1_000_000..6_000_000).step_by(4_000) {
            pair.run_until(now);
            let moment = pair.client.clock().render_tick(now).expect("state has come");
            let entity = pair.client.mirror().entity(NetId(1)).expect("it is shown");
            let HeldValue::State(history) = entity.held(pair::PLACE).expect("it has a place").value else {
                panic!("a place is state")
            };
            // An entity of a far page is drawn up to three ticks later.
            for lag in 0..=3 {
                let (from, to, _) = history.around(moment - f64::from(lag));
                assert!(from.tick.0 as f64 <= moment - f64::from(lag), "{from:?} is drawn at {moment} - {lag}");
                assert!(to.tick >= from.tick);
                looks += 1;
            }
        }
        assert_eq!(looks, 5_000);
    }
}

#[test]
fn over_an_ordered_link_what_has_left_counts_as_received() {
    let acked = |pair: &Pair| {
        let acked = |event: &ClientEvent| match event {
            ClientEvent::Acked(receipt) => Some(receipt.whole.newest()),
            _ => None,
        };
        pair.server_events.iter().rev().find_map(acked).expect("an acknowledgement")
    };
    let mut pair = Pair::new(good());
    pair.run_until(3_000_000);
    let mut ordered = Pair::new(good());
    ordered.server = ServerConnection::new(0, Encoding::Binary, Rates::default()).ordered();
    ordered.run_until(3_000_000);
    // The events of the last moment are not fetched yet.
    assert!(acked(&pair).0 + 1 < pair.world.tick.0, "a round trip ago");
    assert_eq!(acked(&ordered).0 + 1, ordered.world.tick.0);
    let (said, said_ordered) = (pair.server.stats().bytes_in, ordered.server.stats().bytes_in);
    assert!(said_ordered * 3 < said, "{said_ordered} bytes of {said}");
    let stats = ordered.client.mirror().stats();
    assert!(stats.checks > 40 && stats.desyncs == 0 && stats.stale == 0, "{stats:?}");
}

#[test]
fn one_that_shows_nothing_acknowledges_all_the_same() {
    let lossy = Conditions { loss: 0.05, ..good() };
    let run = |blind: bool| {
        let mut pair = Pair::new(lossy);
        if blind {
            let config = ClientConfig { blind, ..config(Hold::Heard) };
            pair.client = ClientConnection::new(0, config);
        }
        pair.run_until(3_000_000);
        pair
    };
    let (seeing, blind) = (run(false), run(true));
    assert_eq!(blind.client.mirror().acks(), seeing.client.mirror().acks());
    assert!(blind.client.mirror().acked().0 + 4 > blind.world.tick.0);
    assert!(blind.client.mirror().is_ready());
    assert_eq!((blind.client.mirror().entities().count(), blind.client.mirror().stats().updates), (0, 0));
}

#[test]
fn the_clocks_agree_within_the_way() {
    let mut pair = Pair::new(good());
    pair.run_until(5_000_000);
    let clock = pair.client.clock();
    assert_eq!(clock.rtt_min_us(), 30_000);
    let off = clock.server_us(pair.now).unwrap() - pair.now as i64;
    assert!(off.abs() < 1_000, "{off} µs off");
    let age = clock.staleness_us(pair.now, clock.newest().unwrap()).unwrap();
    assert!((10_000..45_000).contains(&age), "{age} µs old");
    let drawn = clock.render_tick(pair.now).unwrap();
    let behind = clock.newest().unwrap().0 as f64 - drawn;
    assert!((0.0..3.0).contains(&behind), "drawn {behind} ticks behind");
}

#[test]
fn a_returning_client_needs_no_catalogue_and_shows_its_token() {
    let mut pair = Pair::new(good());
    pair.run_until(1_000_000);
    let config = pair.client.resumption().unwrap();
    assert_eq!(config.hello.resume.as_deref(), Some("resume me"));
    assert_eq!(config.hello.ticket, None);
    let mut again = Pair::new(good());
    again.client = ClientConnection::new(0, config);
    again.run_until(1_000_000);
    let credential = Credential::Resume("resume me".into());
    assert!(matches!(&again.server_events[0], ClientEvent::Hello { credential: c, .. } if *c == credential));
    let Some(ServerEvent::Welcome(welcome)) = again.client_events.first() else { panic!("no welcome") };
    assert_eq!(welcome.catalogue, None, "its hash showed that it has the schemas");
    assert_eq!(again.client.mirror().shapes().schemas().count(), schemas().len());
    assert!(again.client.mirror().is_ready());
}

#[test]
fn an_operation_is_answered_by_its_id() {
    let mut pair = Pair::new(good());
    pair.run_until(200_000);
    let id = pair.client.send_op(Operation::Despawn { entity: NetId(9) }).unwrap();
    pair.run_until(400_000);
    assert!(pair.server_events.contains(&ClientEvent::Op { id, op: Operation::Despawn { entity: NetId(9) } }));
    let (tick, entity) = (Some(pair.world.tick), Some(NetId(9)));
    let done = ServerMessage::OpResult { id, ok: true, tick, entity, data: None, error: None };
    pair.server.send_message(pair.now, &done);
    pair.run_until(600_000);
    assert!(pair.client_events.contains(&ServerEvent::OpResult { id, tick, result: Ok(entity), data: None }));
}

#[test]
fn goodbye_is_heard() {
    let mut pair = Pair::new(good());
    pair.run_until(200_000);
    pair.client.bye();
    pair.run_until(400_000);
    assert!(pair.server_events.contains(&ClientEvent::Bye));
    assert_eq!(pair.server_closed.as_ref().map(|c| c.code), Some(CloseCode::Bye));
}

#[test]
fn a_close_reaches_the_client_with_its_reason() {
    let mut pair = Pair::new(good());
    pair.run_until(200_000);
    pair.server.close(pair.now, CloseCode::Kicked, "for good");
    pair.run_until(400_000);
    let closed = pair.client_events.iter().find_map(|e| match e {
        ServerEvent::Closed(closing) => Some(closing.clone()),
        _ => None,
    });
    let closed = closed.unwrap();
    assert_eq!((closed.code, closed.reason.as_str()), (CloseCode::Kicked, "for good"));
}

#[test]
fn both_ends_notice_silence() {
    let mut pair = Pair::new(Conditions { loss: 1.0, ..good() });
    pair.run_until(1_000_000);
    // Nobody polls the other end any more: each alone.
    pair.client.handle_timeout(20_000_000);
    assert!(matches!(pair.client.poll_event(), Some(ServerEvent::Closed(c)) if c.code == CloseCode::Idle));
    pair.server.handle_timeout(20_000_000);
    assert!(pair.server.is_closed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is lost, repeated or overtaken, the mirror never contradicts the server and is whole once it is quiet.
    #[test]
    fn the_mirror_converges_over_any_network(
        loss in 0.0..0.4f64, duplicate in 0.0..0.3f64, delay_us in 0..120_000u64, jitter_us in 0..60_000u64, seed in 1..u64::MAX / 2,
    ) {
        let mut pair = Pair::new(Conditions { loss, duplicate, delay_us, jitter_us, seed });
        pair.run_until(3_000_000);
        let label = pair.world.label(NetId(3), "named");
        pair.server.send_structure(pair.now, label);
        pair.run_until(6_000_000);
        let stats = pair.client.mirror().stats();
        prop_assert_eq!(stats.desyncs, 0);
        prop_assert!(pair.client_closed.is_none() && pair.server_closed.is_none());
        prop_assert!(pair.client.mirror().acked() > Tick(150), "acked {}", pair.client.mirror().acked());
        let label = pair.client.mirror().row(NetId(3), pair::LABEL);
        prop_assert!(label.is_some(), "structure was lost");
        // The world at the acknowledged tick is what the mirror shows, for every entity.
        let mut world = pair::World::new(pair.world.places.len());
        while world.tick < pair.client.mirror().acked() {
            world.step();
        }
        for (i, place) in world.places.iter().enumerate() {
            let history = pair.client.mirror().entity(NetId(i as u32 + 1)).and_then(|e| e.held(pair::PLACE));
            let Some(hd1_protocol::mirror::HeldValue::State(history)) = history.map(|h| h.value) else { panic!() };
            prop_assert_eq!(history.at(world.tick).unwrap().lanes.to_vec(), place.to_vec());
        }
    }
}
