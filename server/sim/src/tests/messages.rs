//! What programs say to each other and ask each other, as the world carries it.

use hd1_core::Tick;
use hd1_protocol::message::OpErrorCode;
use hd1_protocol::said::{Near, To};

use super::*;
use crate::limits::{ASKED_BY_PLAYER_MAX, SAID_BYTES_PER_TICK_MAX};
use crate::{Answered, Message, Recipients, Request};

fn send(to: To, data: Json) -> Operation {
    Operation::Send { topic: "t".into(), to, data }
}

fn op(player: u32, id: u32, op: Operation) -> Command {
    Command::Op { player: PlayerId(player), id, op }
}

fn question(to: u32, data: Json, timeout_ticks: Option<u32>) -> Operation {
    Operation::Ask { to: PlayerId(to), topic: "trade".into(), data, timeout_ticks }
}

fn answer(request: u32, data: Json, error: Option<&str>) -> Operation {
    Operation::Answer { request, data, error: error.map(Into::into) }
}

fn players(output: &TickOutput) -> Vec<Recipients> {
    output.messages.iter().map(|message| message.to.clone()).collect()
}

fn some(players: &[u32]) -> Recipients {
    Recipients::Players(players.iter().copied().map(PlayerId).collect())
}

fn near(entity: Option<NetId>, position: Option<[f32; 3]>, radius: f32) -> To {
    To::Near(Near { entity, position, radius })
}

fn code(result: &Result<OpDone, OpError>) -> Option<(OpErrorCode, Option<&str>)> {
    result.as_ref().err().map(|error| (error.code, error.path.as_deref()))
}

#[test]
fn a_message_is_heard_by_those_whom_it_is_for() {
    let mut world = sim("lobby");
    tick(
        &mut world,
        vec![join(1), join(2), join_as(3, Role::Moderator), join_as(4, Role::Owner), join_as(5, Role::Viewer)],
    );
    let said = |world: &mut Sim, to| tick(world, vec![op(1, 9, send(to, json!({ "n": 1 })))]);
    let output = said(&mut world, To::Everyone);
    let (from, topic, data) = (PlayerId(1), "t".to_owned(), json!({ "n": 1 }));
    assert_eq!(output.messages, [Message { to: Recipients::Everyone, from, topic, data }]);
    assert_eq!(output.op_results[0].result, Ok(OpDone::default()));
    assert_eq!(players(&said(&mut world, To::Moderators)), [some(&[3, 4])]);
    assert_eq!(players(&said(&mut world, To::Player(PlayerId(5)))), [some(&[5])]);

    // Where somebody stands, and around a viewer's camera.
    let place = |world: &Sim, player| -> [f32; 3] {
        serde_json::from_value(read(world, avatar(world, player), "Transform")["position"].clone()).unwrap()
    };
    let at = place(&world, 2);
    assert_eq!(players(&said(&mut world, near(None, Some(at), 0.5))), [some(&[2])]);
    let own = avatar(&world, 1);
    assert!(players(&said(&mut world, near(Some(own), None, 0.5))).contains(&some(&[1])), "its sender too");
    let look = Operation::View { position: [0.0, 300.0, 0.0], rotation: [0.0, 0.0, 0.0, 1.0] };
    ask(&mut world, 5, look).unwrap();
    assert_eq!(players(&said(&mut world, near(None, Some([0.0, 299.0, 0.0]), 2.0))), [some(&[5])]);
    assert!(said(&mut world, near(None, Some([0.0, 900.0, 0.0]), 2.0)).messages.is_empty(), "nobody is there");
    // What hangs on something is where that is.
    let pole = made(&mut world, 1, json!({ "Transform": { "position": [0, 300, 0] } }));
    let flag = made(&mut world, 1, json!({ "Transform": { "position": [0, 1, 0] }, "Parent": { "entity": pole.0 } }));
    assert_eq!(players(&said(&mut world, near(Some(flag), None, 1.5))), [some(&[5])]);

    let output = tick(&mut world, vec![Command::Admin { request: 7, op: send(To::Everyone, Json::Null) }]);
    assert_eq!((output.messages[0].from, output.admin_results.len()), (PlayerId(0), 1));
}

#[test]
fn what_may_not_be_said_is_refused_with_its_place() {
    use OpErrorCode::{Denied, Invalid, NotFound};
    let mut world = sim("lobby");
    tick(&mut world, vec![join(1), join_as(2, Role::Viewer)]);
    let deep = (0..20).fold(json!(1), |inner, _| json!([inner]));
    let cases = [
        (1, Operation::Send { topic: "no spaces".into(), to: To::Everyone, data: Json::Null }, Invalid, Some("topic")),
        (1, send(To::Everyone, json!("x".repeat(17_000))), Invalid, Some("data")),
        (1, send(To::Everyone, deep), Invalid, Some("data")),
        (1, send(To::Player(PlayerId(9)), Json::Null), NotFound, Some("to")),
        (1, send(near(None, None, 1.0), Json::Null), Invalid, Some("to.near")),
        (1, send(near(Some(NetId(9_999)), None, 1.0), Json::Null), NotFound, Some("to.near.entity")),
        (1, send(near(None, Some([0.0; 3]), f32::INFINITY), Json::Null), Invalid, Some("to.near.radius")),
        (2, send(To::Everyone, Json::Null), Denied, None),
        (2, question(1, Json::Null, None), Denied, None),
        (1, question(1, Json::Null, None), Invalid, Some("to")),
        (1, question(9, Json::Null, None), NotFound, Some("to")),
        (1, question(2, Json::Null, Some(0)), Invalid, Some("timeout_ticks")),
        (1, question(2, Json::Null, Some(60 * 30 + 1)), Invalid, Some("timeout_ticks")),
        (1, answer(77, Json::Null, None), NotFound, None),
        (1, answer(77, Json::Null, Some("")), Invalid, Some("error")),
    ];
    for (player, operation, expected, path) in cases {
        run(&mut world, 30);
        let before = world.state_hash();
        let output = tick(&mut world, vec![op(player, 5, operation.clone())]);
        assert_eq!(code(&output.op_results[0].result), Some((expected, path)), "{operation:?}");
        assert!(output.messages.is_empty() && output.requests.is_empty());
        assert_ne!(before, world.state_hash(), "time passed");
    }
    let asked = admin(&mut world, question(1, Json::Null, None));
    assert_eq!(code(&asked), Some((Denied, None)), "the control plane has nobody to tell");
}

#[test]
fn how_much_is_said_is_bounded() {
    let mut world = sim("lobby");
    tick(&mut world, (1..=40).map(join).collect());
    // A message of 16 KiB costs as much as sixteen operations; a second's worth are thirty.
    let large = json!("x".repeat(16_000));
    let results = |output: TickOutput| output.op_results.into_iter().filter(|done| done.result.is_ok()).count();
    let four = (0..5).map(|id| op(1, id, send(To::Player(PlayerId(2)), large.clone()))).collect();
    assert_eq!(results(tick(&mut world, four)), 3, "the burst of one player");
    run(&mut world, 90);
    let many = (1..=20).map(|player| op(player, 1, send(To::Everyone, large.clone()))).collect();
    let output = tick(&mut world, many);
    let told: usize = output.messages.iter().map(|message| message.data.to_string().len()).sum();
    assert!(told <= SAID_BYTES_PER_TICK_MAX && told > SAID_BYTES_PER_TICK_MAX / 2, "{told} bytes to each");
    let refused = output.op_results.iter().find_map(|done| done.result.as_ref().err()).unwrap();
    assert_eq!(refused.code, OpErrorCode::RateLimited);
    // What is said to one does not take the room of another.
    run(&mut world, 90);
    let pairs = (1..=20).map(|player| op(player, 1, send(To::Player(PlayerId(player + 20)), large.clone()))).collect();
    assert_eq!(results(tick(&mut world, pairs)), 20);
}

#[test]
fn a_request_is_answered_by_the_one_who_was_asked() {
    let mut world = sim("lobby");
    tick(&mut world, vec![join(1), join_as(2, Role::Viewer), join(3)]);
    let output = tick(&mut world, vec![op(1, 40, question(2, json!({ "give": "sword" }), Some(30)))]);
    assert!(output.op_results.is_empty(), "the result comes with the answer");
    let until = Tick(output.tick.0 + 30);
    let (to, from, topic, data) = (PlayerId(2), PlayerId(1), "trade".to_owned(), json!({ "give": "sword" }));
    assert_eq!(output.requests, [Request { to, id: 1, from, topic, data, until }]);

    let stranger = ask(&mut world, 3, answer(1, json!("mine"), None));
    assert_eq!(code(&stranger), Some((OpErrorCode::Denied, None)));
    // After a snapshot it still waits, and is answered as it would have been.
    let mut restored = Sim::from_snapshot(&world.snapshot()).unwrap();
    assert_eq!(restored.state_hash(), world.state_hash());
    for world in [&mut world, &mut restored] {
        let output = tick(world, vec![op(2, 8, answer(1, json!({ "yes": true }), None))]);
        assert_eq!(output.op_results[0].result, Ok(OpDone::default()), "the answer was taken");
        let answered = Answered { player: PlayerId(1), id: 40, result: Ok(json!({ "yes": true })) };
        assert_eq!(output.answers, [answered]);
        let again = ask(world, 2, answer(1, json!(1), None));
        assert_eq!(code(&again), Some((OpErrorCode::NotFound, None)), "answered once");
    }
    assert_eq!(restored.state_hash(), world.state_hash());

    tick(&mut world, vec![op(1, 41, question(3, Json::Null, None))]);
    let output = tick(&mut world, vec![op(3, 1, answer(2, Json::Null, Some("not for sale")))]);
    let error = output.answers[0].result.clone().unwrap_err();
    assert_eq!((error.code, error.message.as_str()), (OpErrorCode::Declined, "not for sale"));
}

#[test]
fn the_server_is_asked_and_answers_like_anybody() {
    let mut world = sim("lobby");
    tick(&mut world, vec![join(1), join(2)]);
    let output = tick(&mut world, vec![op(1, 40, question(0, json!(7), Some(30)))]);
    assert_eq!((output.requests[0].to, output.requests[0].from), (PlayerId::SERVER, PlayerId(1)));
    // Nobody answers in the server's place.
    assert_eq!(code(&ask(&mut world, 2, answer(1, json!(1), None))), Some((OpErrorCode::Denied, None)));
    let output = tick(&mut world, vec![Command::Admin { request: 9, op: answer(1, json!({ "sum": 7 }), None) }]);
    assert_eq!(output.admin_results[0].1, Ok(OpDone::default()));
    assert_eq!(output.answers, [Answered { player: PlayerId(1), id: 40, result: Ok(json!({ "sum": 7 })) }]);
    assert_eq!(code(&admin(&mut world, answer(1, Json::Null, None))), Some((OpErrorCode::NotFound, None)));
    // Where nothing answers the time ends it.
    tick(&mut world, vec![op(1, 41, question(0, Json::Null, Some(2)))]);
    let answers: Vec<_> = (0..3).flat_map(|_| tick(&mut world, Vec::new()).answers).collect();
    assert_eq!(answers[0].result.clone().unwrap_err().code, OpErrorCode::TimedOut);
}

#[test]
fn who_asks_is_told_in_any_case() {
    let mut world = sim("lobby");
    tick(&mut world, vec![join(1), join(2), join(3)]);
    let told = |output: &TickOutput| -> Vec<(u32, u32, OpErrorCode)> {
        output.answers.iter().map(|a| (a.player.0, a.id, a.result.clone().unwrap_err().code)).collect()
    };
    // In time is until the last tick named.
    let asked =
        tick(&mut world, vec![op(1, 7, question(2, Json::Null, Some(5))), op(1, 8, question(2, Json::Null, Some(5)))]);
    run(&mut world, 4);
    let output = tick(&mut world, vec![op(2, 1, answer(1, Json::Null, None))]);
    assert_eq!(output.tick, asked.requests[0].until);
    assert_eq!(output.answers.len(), 2);
    assert_eq!((output.answers[0].id, &output.answers[0].result), (7, &Ok(Json::Null)));
    assert_eq!((output.answers[1].id, output.answers[1].result.clone().unwrap_err().code), (8, OpErrorCode::TimedOut));

    // Who leaves answers nothing more, and is told nothing more.
    tick(&mut world, vec![op(1, 9, question(2, Json::Null, None)), op(2, 3, question(3, Json::Null, None))]);
    let output = tick(&mut world, vec![Command::Leave { player: PlayerId(2) }]);
    assert_eq!(told(&output), [(1, 9, OpErrorCode::Gone)]);
    assert_eq!(code(&ask(&mut world, 3, answer(4, Json::Null, None))), Some((OpErrorCode::NotFound, None)));

    // Who comes back is asked again, and has asked nothing.
    tick(&mut world, vec![op(1, 10, question(3, json!(1), None)), op(3, 4, question(1, json!(2), None))]);
    let output = tick(&mut world, vec![join(3)]);
    assert_eq!(output.requests.iter().map(|r| (r.to.0, r.id, r.data.clone())).collect::<Vec<_>>(), [(3, 5, json!(1))]);
    assert_eq!(code(&ask(&mut world, 1, answer(6, Json::Null, None))), Some((OpErrorCode::NotFound, None)));
}

#[test]
fn only_so_many_requests_wait() {
    let mut world = sim("lobby");
    tick(&mut world, vec![join(1), join(2)]);
    let questions = (0..=ASKED_BY_PLAYER_MAX as u32).map(|id| op(1, id, question(2, Json::Null, None))).collect();
    let output = tick(&mut world, questions);
    assert_eq!(output.requests.len(), ASKED_BY_PLAYER_MAX);
    assert_eq!(code(&output.op_results[0].result), Some((OpErrorCode::QuotaExceeded, None)));
    run(&mut world, 301);
    let output = tick(&mut world, vec![op(1, 99, question(2, Json::Null, None))]);
    assert_eq!(output.requests.len(), 1, "those are over");
}

#[test]
fn the_same_words_at_the_same_ticks_give_the_same_hashes() {
    let words = |tick: u64| {
        let player = 1 + (tick % 4) as u32;
        let other = 1 + (tick % 3) as u32;
        let mut commands = if tick == 1 { (1..=4).map(join).collect() } else { vec![] };
        commands.push(op(player, tick as u32, question(other, json!({ "n": tick }), Some(7))));
        commands.push(op(other, tick as u32, answer((tick / 2) as u32, json!([tick]), None)));
        commands.push(op(player, tick as u32, send(near(None, Some([0.0; 3]), 20.0), json!(tick))));
        TickInput { commands }
    };
    let (mut a, mut b) = (sim("lobby"), sim("lobby"));
    for tick in 1..=200 {
        let input = words(tick);
        // As a recording holds it.
        let again: TickInput = rmp_serde::from_slice(&rmp_serde::to_vec_named(&input).unwrap()).unwrap();
        assert_eq!(again, input);
        assert_eq!(a.tick(&input), b.tick(&again), "tick {tick}");
        assert_eq!(a.state_hash(), b.state_hash(), "tick {tick}");
        if tick % 17 == 0 {
            b = Sim::from_snapshot(&b.snapshot()).unwrap();
        }
    }
}
