//! The living world over all transports: entering, acting, seeing what others do, coming back.

use std::collections::BTreeMap;

use hd1_client::{Conditions, ServerEvent};
use hd1_core::{NetId, Role, Tick};
use hd1_protocol::{CloseCode, Operation, message::OpErrorCode};
use hd1_tests::{Pass, TestClient, TestServer, Transport, json_message};
use serde_json::{Value, json};

fn ball(x: f64) -> Operation {
    let components = json!({
        "Name": {"text": "ball"},
        "Transform": {"position": [x, 1, 0]},
        "Geometry": {"shape": "sphere", "radius": 0.5},
    });
    let Value::Object(components) = components else { unreachable!("it is an object") };
    Operation::Spawn { components: components.into_iter().collect() }
}

/// The number of the entity called `ball`.
fn find_ball(client: &TestClient) -> Option<NetId> {
    client.all("Name").into_iter().find(|(_, name)| name["text"] == "ball").map(|(id, _)| id)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_transport_leads_into_the_same_world() {
    let server = TestServer::start();
    let session = server.demo_session();
    let http = server.anonymous();
    let mut clients = Vec::new();
    for transport in Transport::ALL {
        clients.push(TestClient::enter(&http, &session, transport.as_str(), transport).await);
    }
    for index in 0..clients.len() {
        let welcome = clients[index].client.welcome().unwrap();
        assert_eq!(welcome.session.to_string(), session);
        assert_eq!(welcome.role, Role::Participant);
        assert_eq!(welcome.tick_rate.hz(), 30);

        // What one makes, all see; what one removes, all miss.
        let made = clients[index].client.op(ball(index as f64)).await.unwrap().expect("an entity is made");
        for other in &mut clients {
            let seen = other.until("the ball", |client| find_ball(client)).await;
            assert_eq!(seen, made);
            let position = other.position(made).unwrap();
            assert!((position[0] - index as f64).abs() < 0.01, "{position:?}");
        }
        clients[index].client.op(Operation::Despawn { entity: made }).await.unwrap();
        for other in &mut clients {
            other.until("the ball to go", |client| find_ball(client).is_none().then_some(())).await;
        }
    }
    for mut client in clients {
        client.until("three avatars", |client| (client.all("Avatar").len() == 3).then_some(())).await;
        assert_eq!(client.client.stats().desyncs, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_agree_on_every_tick() {
    let server = TestServer::with_scene("asteroids");
    let (session, http) = (server.demo_session(), server.anonymous());
    let mut first = TestClient::enter(&http, &session, "first", Transport::Quic).await;
    let mut second = TestClient::enter(&http, &session, "second", Transport::WebSocket).await;
    first.walk(0.7);
    second.walk(-2.0);
    let (a, b) = tokio::join!(hashes(&mut first, 120), hashes(&mut second, 120));
    let common: Vec<Tick> = a.keys().filter(|tick| b.contains_key(tick)).copied().collect();
    assert!(common.len() >= 30, "they share {} ticks", common.len());
    for tick in common {
        assert_eq!(a[&tick], b[&tick], "at tick {tick}");
    }
    assert_eq!((first.client.stats().desyncs, second.client.stats().desyncs), (0, 0));
}

/// The check sums of the next `count` complete ticks.
async fn hashes(client: &mut TestClient, count: usize) -> BTreeMap<Tick, u64> {
    let mut hashes = BTreeMap::new();
    while hashes.len() < count {
        let tick = client
            .event("a complete tick", |event| match event {
                ServerEvent::Complete(tick) => Some(tick),
                _ => None,
            })
            .await;
        if client.client.mirror().acked() == tick {
            hashes.insert(tick, client.client.mirror().hash_at(tick));
        }
    }
    hashes
}

#[tokio::test(flavor = "multi_thread")]
async fn input_moves_the_avatar_for_everybody() {
    let server = TestServer::start();
    let (session, http) = (server.demo_session(), server.anonymous());
    let mut walker = TestClient::enter(&http, &session, "walker", Transport::WebTransport).await;
    let mut watcher = TestClient::enter(&http, &session, "watcher", Transport::Quic).await;
    let avatar = walker.until("its avatar", |client| client.avatar()).await;
    let start = walker.position(avatar).unwrap();
    walker.walk(0.0);
    let far = |client: &TestClient| {
        let now = client.position(avatar)?;
        let metres = (0..3).map(|i| (now[i] - start[i]).powi(2)).sum::<f64>().sqrt();
        (metres > 1.0).then_some(metres)
    };
    walker.until("a metre of way", |client| far(client)).await;
    watcher.until("to see it", |client| far(client)).await;
    assert!(walker.client.input_ack() >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn far_from_the_server_one_still_walks_at_once() {
    let server = TestServer::start();
    let (session, http) = (server.demo_session(), server.anonymous());
    let conditions = Conditions { loss: 0.02, duplicate: 0.0, delay_us: 75_000, jitter_us: 5_000, seed: 1 };
    let mut walker = TestClient::far_away(&http, &session, "walker", conditions).await;
    let avatar = walker.until("its avatar", |client| client.avatar()).await;
    // In a wide circle, with an input each tick: what is predicted comes true, state after state.
    let (mut yaw, mut steered, mut in_a_row) = (0.0, Tick(0), 0);
    let walk = |walker: &mut TestClient| {
        let tick = walker.client.mirror().acked();
        if tick > steered {
            (steered, yaw) = (tick, yaw + 0.02);
            walker.walk(yaw);
            let error_m = walker.client.stats().prediction_error_m;
            in_a_row = if error_m.is_some_and(|error_m| error_m < 0.02) { in_a_row + 1 } else { 0 };
        }
        (in_a_row >= 30).then_some(())
    };
    walker.until("thirty right predictions", walk).await;
    let (known, predicted) = (walker.position(avatar).unwrap(), walker.client.predicted().unwrap());
    assert_eq!(predicted.entity, avatar);
    let ahead_m = (0..3).map(|i| (known[i] - f64::from(predicted.position[i])).powi(2)).sum::<f64>().sqrt();
    assert!(ahead_m > 0.3, "a round trip of walking ahead of the mirror: {ahead_m} m");
    assert_eq!(walker.client.sample(avatar).unwrap().position.map(f32::round), predicted.position.map(f32::round));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_aims_hits_what_was_drawn() {
    let server = TestServer::start();
    let (session, http) = (server.demo_session(), server.anonymous());
    let mut shooter = TestClient::enter(&http, &session, "shooter", Transport::Quic).await;
    let mut owner = TestClient::enter(&http, &session, "owner", Transport::WebSocket).await;
    // High above all else.
    let at = |x: f64| json!({"position": [x, 500, 0]});
    let components = [("Transform".to_owned(), at(0.0)), ("Geometry".to_owned(), json!({"shape": "sphere"}))];
    let target = owner.client.op(Operation::Spawn { components: components.into() }).await.unwrap().unwrap();
    shooter.until("the target", |client| client.position(target)).await;
    let drawn = shooter.client.mirror().acked();
    let away = [("Transform".to_owned(), at(50.0))];
    owner.client.op(Operation::Update { entity: target, components: away.into() }).await.unwrap();
    shooter.until("it to be away", |client| client.position(target).filter(|position| position[0] > 1.0)).await;
    let now = shooter.client.mirror().acked();
    let aim = |tick| Operation::Pick { origin: [0.0, 500.0, 20.0], direction: [0.0, 0.0, -1.0], tick };
    assert_eq!(shooter.client.op(aim(drawn)).await.unwrap(), Some(target), "it stood there at tick {drawn}");
    match shooter.client.op(aim(now)).await {
        Err(hd1_client::ClientError::Refused(error)) => assert_eq!(error.code, OpErrorCode::NotFound),
        other => panic!("it is away at tick {now}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_comes_back_to_its_avatar() {
    let server = TestServer::start();
    let (session, http) = (server.demo_session(), server.anonymous());
    for transport in Transport::ALL {
        let mut client = TestClient::enter(&http, &session, "phoenix", transport).await;
        let avatar = client.until("its avatar", |client| client.avatar()).await;
        let (player, token) = (client.player(), client.client.welcome().unwrap().resume_token.clone());
        client.client.cut();
        // The token is another one each time. The first connection's events may still be waiting: they do not count.
        let another = |client: &mut TestClient| (client.client.welcome()?.resume_token != token).then_some(());
        client.until("to be back, with another token", another).await;
        client.event("the world again", |event| matches!(event, ServerEvent::Ready { .. }).then_some(())).await;
        assert_eq!(client.player(), player, "{transport:?}");
        assert_eq!(client.until("its avatar", |client| client.avatar()).await, avatar, "{transport:?}");
        client.client.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_see_each_other_come_talk_and_go() {
    let server = TestServer::start();
    let (session, http) = (server.demo_session(), server.anonymous());
    let mut ada = TestClient::enter(&http, &session, "Ada", Transport::Quic).await;
    let mut ben = TestClient::enter(&http, &session, "Ben", Transport::WebSocket).await;
    let player = ben.player();
    let come = |event| match event {
        ServerEvent::Joined { participant, .. } => (participant.name == "Ben").then_some(participant.player),
        _ => None,
    };
    assert_eq!(ada.event("Ben to come", come).await, player);

    ben.client.chat("hello Ada").await.unwrap();
    let line = |event| match event {
        ServerEvent::Chat { name, text, .. } => Some((name, text)),
        _ => None,
    };
    assert_eq!(ada.event("a line", line).await, ("Ben".to_owned(), "hello Ada".to_owned()));

    ben.client.leave().await;
    let gone = |event| matches!(event, ServerEvent::Left { player: left, .. } if left == player).then_some(());
    ada.event("Ben to go", gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ones_own_cannot_be_changed() {
    let server = TestServer::start();
    let (session, http) = (server.demo_session(), server.anonymous());
    let mut owner = TestClient::enter(&http, &session, "owner", Transport::Quic).await;
    let mut other = TestClient::enter(&http, &session, "other", Transport::Quic).await;
    let made = owner.client.op(ball(0.0)).await.unwrap().unwrap();
    other.until("the ball", |client| find_ball(client)).await;
    let refused = |result: Result<_, hd1_client::ClientError>| match result {
        Err(hd1_client::ClientError::Refused(error)) => error.code,
        other => panic!("it is not refused: {other:?}"),
    };
    assert_eq!(refused(other.client.op(Operation::Despawn { entity: made }).await), OpErrorCode::Denied);
    assert_eq!(refused(other.client.op(Operation::Despawn { entity: NetId(999_999) }).await), OpErrorCode::NotFound);
    let bad = Operation::Spawn { components: [("Geometry".to_owned(), json!({"shape": "egg"}))].into() };
    assert_eq!(refused(other.client.op(bad).await), OpErrorCode::Invalid);
    // A refused operation changes nothing, and the client stays.
    owner.client.op(Operation::Despawn { entity: made }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_curious_person_can_read_it_all_as_json() {
    let server = TestServer::start();
    let (session, http) = (server.demo_session(), server.anonymous());
    let pass = tokio::task::spawn_blocking(move || Pass::obtain(&http, &session, "curious")).await.unwrap();
    let mut link = pass.json_link().await;
    let say = |value: Value| hd1_protocol::Packet::control(value.to_string());
    link.send(say(json!({"t": "hello", "version": 1, "client": "desktop", "ticket": pass.ticket()})));
    let welcome = json_message(&mut link, "welcome").await;
    assert_eq!(welcome["role"], "participant");
    let snapshot = json_message(&mut link, "snapshot").await;
    assert!(snapshot.to_string().contains("\"Geometry\":{"), "{snapshot}");
    let state = json_message(&mut link, "state").await;
    assert!(state["entities"][0]["Transform"]["position"].is_array(), "{state}");

    link.send(say(json!({"t": "op", "id": 7, "op": {"op": "chat", "text": "I can read"}})));
    assert_eq!(json_message(&mut link, "chat").await["text"], "I can read");
    link.send(say(json!({"t": "op", "id": 8, "op": {"op": "despawn", "entity": 999_999}})));
    let refused = loop {
        // The answer to the line of chat may come before the line or after it.
        let result = json_message(&mut link, "op_result").await;
        if result["id"] == 8 {
            break result;
        }
        assert_eq!((&result["id"], &result["ok"]), (&json!(7), &json!(true)));
    };
    assert_eq!(refused["error"]["code"], "not_found", "{refused}");
    link.send(say(json!({"t": "ping", "client_us": 5})));
    assert_eq!(json_message(&mut link, "pong").await["client_us"], 5);
    link.send(say(json!({"t": "input", "seq": 1, "forward": 1.0})));
    link.send(say(json!({"t": "bye"})));
    assert_eq!(hd1_tests::close_code(&mut link).await, CloseCode::Bye);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_kicked_is_told_and_may_not_come_back() {
    let server = TestServer::start();
    let (session, http, admin) = (server.demo_session(), server.anonymous(), server.admin());
    let mut client = TestClient::enter(&http, &session, "Mallory", Transport::Quic).await;
    let participant = client.client.welcome().unwrap().participant;
    let kick = move || admin.post(&format!("/api/sessions/{session}/kick"), &json!({"participant_id": participant}));
    tokio::task::spawn_blocking(kick).await.unwrap().expect(204);
    assert_eq!(client.closed().await, CloseCode::Kicked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hibernated_session_wakes_when_somebody_joins() {
    let server = TestServer::start();
    let (session, http, admin) = (server.demo_session(), server.anonymous(), server.admin());
    let mut client = TestClient::enter(&http, &session, "sleeper", Transport::WebSocket).await;
    let made = client.client.op(ball(2.0)).await.unwrap().unwrap();
    let path = format!("/api/sessions/{session}/hibernate");
    tokio::task::spawn_blocking(move || admin.post(&path, &json!({}))).await.unwrap().expect(200);
    assert_eq!(client.closed().await, CloseCode::Hibernated);
    let mut again = TestClient::enter(&http, &session, "waker", Transport::Quic).await;
    assert_eq!(again.until("the ball", |client| find_ball(client)).await, made);
}
