//! What is said of a tick comes to the program after what it speaks of, whatever the network does.

mod pair;

use hd1_core::{NetId, PlayerId, Tick};
use hd1_protocol::ServerMessage;
use hd1_session::{Hold, ServerEvent, limits};
use hd1_transport::Conditions;
use pair::{Pair, Said, ToldAt};
use proptest::prelude::*;

/// What was told of it, in the order in which it was: the tick, the entity and how far the client was.
fn told(pair: &Pair) -> Vec<(Tick, NetId, ToldAt)> {
    let of = |(event, at): (&ServerEvent, &ToldAt)| match event {
        ServerEvent::OpResult { tick: Some(tick), result: Ok(Some(entity)), .. } => Some((*tick, *entity, *at)),
        ServerEvent::Message { tick, data, .. } => Some((*tick, NetId(data.as_u64().unwrap() as u32), *at)),
        _ => None,
    };
    pair.client_events.iter().zip(&pair.told_at).filter_map(of).collect()
}

/// A dozen things are made and spoken of, and come over this network to a client that wants them so.
fn over(conditions: Conditions, hold: Hold) -> (Vec<Said>, Vec<(Tick, NetId, ToldAt)>) {
    let mut pair = Pair::holding(conditions, hold);
    // The first are spoken of while the client is still joining.
    while pair.server_events.is_empty() {
        pair.run_until(pair.now + 5_000);
    }
    for n in 1..=12 {
        pair.say();
        pair.run_until(pair.now + 7_000 * n);
    }
    pair.run_until(pair.now + 3_000_000);
    assert!(pair.client_closed.is_none() && pair.client.mirror().stats().desyncs == 0);
    let told = told(&pair);
    (pair.said, told)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whoever_hears_of_an_entity_has_it(
        loss in 0.0..0.4f64, duplicate in 0.0..0.3f64, delay_us in 0..120_000u64, jitter_us in 0..60_000u64, seed in 1..u64::MAX / 2,
    ) {
        let conditions = Conditions { loss, duplicate, delay_us, jitter_us, seed };
        for hold in [Hold::Heard, Hold::Complete, Hold::Drawn] {
            let (said, told) = over(conditions, hold);
            let twice = said.iter().flat_map(|said| [(said.tick, said.entity); 2]).collect::<Vec<_>>();
            let order = told.iter().map(|(tick, entity, _)| (*tick, *entity)).collect::<Vec<_>>();
            prop_assert_eq!(order, twice, "each once, in the order in which it was said");
            for ((tick, entity, at), said) in told.iter().zip(said.iter().flat_map(|said| [said; 2])) {
                prop_assert!(at.entities >= entity.0 as usize, "{} is spoken of among {}", entity, at.entities);
                // A stream takes no longer than it has to here; after an echo nothing is under way any more.
                let echoed = said.sent_us + 3 * delay_us + limits::HELD_ECHO_US;
                let given_up = said.sent_us + delay_us + limits::HELD_US_MAX;
                match hold {
                    Hold::Heard => {}
                    Hold::Complete => prop_assert!(at.whole >= *tick || at.now >= echoed, "{tick} told at {at:?}"),
                    Hold::Drawn => {
                        let drawn = at.drawn.is_some_and(|drawn| drawn >= tick.0 as f64);
                        prop_assert!(drawn || at.now >= given_up, "{tick} told at {at:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn in_a_world_that_stands_still_nothing_waits_for_long() {
    let good = Conditions { delay_us: 15_000, ..Conditions::default() };
    for (hold, at_most_us) in [
        (Hold::Heard, 15_000),
        (Hold::Complete, 45_000 + limits::HELD_ECHO_US + 1_000),
        (Hold::Drawn, 15_000 + limits::HELD_US_MAX + 1_000),
    ] {
        let mut pair = Pair::holding(good, hold);
        pair.run_until(1_000_000);
        pair.stand_still();
        // What moves is drawn by now, and no later tick comes.
        pair.run_until(3_000_000);
        let tick = Tick(pair.world.tick.0 + 100);
        pair.server.send_message(pair.now, &ServerMessage::Left { tick, player: PlayerId(9) });
        pair.run_until(3_000_000 + at_most_us);
        let heard = |event: &ServerEvent| matches!(event, ServerEvent::Left { player: PlayerId(9), .. });
        assert!(pair.client_events.iter().any(heard), "{hold:?}: not within {at_most_us} µs");
    }
}

#[test]
fn what_waits_is_told_before_the_end() {
    let mut pair = Pair::holding(Conditions::default(), Hold::Drawn);
    pair.run_until(1_000_000);
    let tick = Tick(pair.world.tick.0 + 1_000);
    pair.server.send_message(pair.now, &ServerMessage::Left { tick, player: PlayerId(9) });
    pair.run_until(1_010_000);
    pair.server.close(pair.now, hd1_protocol::CloseCode::Kicked, "go");
    pair.run_until(1_100_000);
    let last: Vec<_> = pair.client_events.iter().rev().take(2).collect();
    assert!(matches!(last[..], [ServerEvent::Closed(_), ServerEvent::Left { .. }]), "{last:?}");
}
