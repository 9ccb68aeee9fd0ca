//! What participants' programs and the server say to each other, and when it is heard.

use std::time::Duration;

use hd1_client::{ClientError, ClientOptions, Conditions, Event, ServerEvent};
use hd1_core::{NetId, PlayerId, Role};
use hd1_protocol::message::OpErrorCode;
use hd1_protocol::said::{Near, To};
use hd1_protocol::{Encoding, Operation, encode_message};
use hd1_session::Hold;
use hd1_tests::{Http, Pass, TestClient, TestServer, Transport, json_message};
use serde_json::{Value, json};

/// The next message of a topic: its sender and its data.
async fn heard(client: &mut TestClient, wanted: &str) -> (PlayerId, Value) {
    client
        .event(wanted, |event| match event {
            ServerEvent::Message { from, topic, data, .. } if topic == wanted => Some((from, data)),
            _ => None,
        })
        .await
}

/// The next request: its id, who asks, and what.
async fn asked(client: &mut TestClient) -> (u32, PlayerId, Value) {
    client
        .event("a request", |event| match event {
            ServerEvent::Request { id, from, data, .. } => Some((id, from, data)),
            _ => None,
        })
        .await
}

fn refused<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (OpErrorCode, Option<String>, String) {
    match result {
        Err(ClientError::Refused(error)) => (error.code, error.path, error.message),
        other => panic!("not refused: {other:?}"),
    }
}

fn answer(request: u32, data: Value, error: Option<&str>) -> Operation {
    Operation::Answer { request, data, error: error.map(Into::into) }
}

/// Says so to everybody, so that what comes after it was said later.
async fn mark(client: &mut TestClient, topic: &str) {
    client.client.say(topic, To::Everyone, Value::Null).await.unwrap();
}

async fn post(http: &Http, path: String, body: Value) -> hd1_tests::Reply {
    let http = http.clone();
    tokio::task::spawn_blocking(move || http.post(&path, &body)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_heard_by_those_whom_they_are_for() {
    let server = TestServer::start();
    let (session, http) = (server.demo_session(), server.anonymous());
    let mut ada = TestClient::enter(&http, &session, "Ada", Transport::Quic).await;
    let mut ben = TestClient::enter(&http, &session, "Ben", Transport::WebSocket).await;
    let mut cy = TestClient::enter(&http, &session, "Cy", Transport::WebTransport).await;
    let data = json!({ "red": 3, "of": [1, 2.5, null, "ü"] });
    ada.client.say("score", To::Everyone, data.clone()).await.unwrap();
    for client in [&mut ada, &mut ben, &mut cy] {
        assert_eq!(heard(client, "score").await.1, data);
    }
    let (a, b) = (ada.player(), ben.player());
    ada.client.say("secret", To::Player(b), json!(1)).await.unwrap();
    mark(&mut ada, "end").await;
    assert_eq!(heard(&mut ben, "secret").await, (a, json!(1)));
    // Cy heard what came after it, and not the secret.
    let first = |event| match event {
        ServerEvent::Message { topic, .. } => Some(topic),
        _ => None,
    };
    assert_eq!(cy.event("a message", first).await, "end");

    // Near something that Ada makes high above: nobody but a viewer of the session could be there.
    let up = json!({ "position": [0, 400, 0] });
    let balloon = ada.client.op(Operation::Spawn { components: [("Transform".to_owned(), up)].into() }).await;
    let balloon = balloon.unwrap().unwrap();
    let near = |radius| To::Near(Near { entity: Some(balloon), position: None, radius });
    ada.client.say("whisper", near(50.0), json!(1)).await.unwrap();
    ada.client.say("shout", near(500.0), json!(2)).await.unwrap();
    let first = |event| match event {
        ServerEvent::Message { topic, data, .. } if topic != "end" => Some((topic, data)),
        _ => None,
    };
    assert_eq!(cy.event("a shout", first).await, ("shout".to_owned(), json!(2)), "the whisper was out of earshot");

    // A moderator's token makes a moderator: it alone hears what is for moderators.
    let pass = {
        let (admin, session) = (server.admin(), session.clone());
        tokio::task::spawn_blocking(move || Pass::obtain(&admin, &session, "Mo")).await.unwrap()
    };
    let mut mo = TestClient::with_pass(&pass, Transport::Quic).await.unwrap();
    assert!(mo.client.welcome().unwrap().role >= Role::Moderator);
    ben.client.say("help", To::Moderators, json!("they cheat")).await.unwrap();
    mark(&mut ben, "end").await;
    assert_eq!(heard(&mut mo, "help").await, (b, json!("they cheat")));
    assert_eq!(cy.event("the end", first_of(&["help", "end"])).await, "end");
}

fn first_of<'a>(wanted: &'a [&'a str]) -> impl FnMut(ServerEvent) -> Option<String> + 'a {
    |event| match event {
        ServerEvent::Message { topic, .. } => wanted.contains(&topic.as_str()).then_some(topic),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_plane_speaks_too() {
    let server = TestServer::start();
    let (session, http, admin) = (server.demo_session(), server.anonymous(), server.admin());
    let path = || format!("/api/sessions/{session}/messages");
    let mut ada = TestClient::enter(&http, &session, "Ada", Transport::Quic).await;
    let mut ben = TestClient::enter(&http, &session, "Ben", Transport::WebSocket).await;
    let data = json!({ "text": "restart in five minutes" });
    let sent = post(&admin, path(), json!({ "topic": "notice", "data": data })).await;
    assert_eq!(sent.status, 204, "{}", sent.body);
    for client in [&mut ada, &mut ben] {
        assert_eq!(heard(client, "notice").await, (PlayerId(0), data.clone()));
    }
    let to = json!({ "player": ben.player().0 });
    assert_eq!(post(&admin, path(), json!({ "topic": "prize", "to": to, "data": 7 })).await.status, 204);
    assert_eq!(heard(&mut ben, "prize").await, (PlayerId(0), json!(7)));
    let near = json!({ "near": { "position": [0, 900, 0], "radius": 1 } });
    assert_eq!(post(&admin, path(), json!({ "topic": "nobody", "to": near })).await.status, 204);

    for (body, place) in [
        (json!({ "topic": "two words" }), "topic"),
        (json!({ "topic": "x", "data": "x".repeat(20_000) }), "data"),
        (json!({ "topic": "x", "to": { "player": 999 } }), "to"),
        (json!({ "topic": "x", "to": { "near": { "radius": 3 } } }), "to.near"),
        (json!({ "topic": "x", "to": { "near": { "entity": 99_999, "radius": 3 } } }), "to.near.entity"),
        (json!({ "topic": "x", "to": { "near": { "position": [0, 0, 0], "radius": 0 } } }), "to.near.radius"),
    ] {
        let problem = post(&admin, path(), body.clone()).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["path"], place, "{body}: {problem}");
    }
    post(&admin, path(), json!({ "to": "everyone" })).await.problem(400, "invalid_request");
    post(&admin, path(), json!({ "topic": "x", "to": "somebody" })).await.problem(400, "invalid_request");
    post(&http, path(), json!({ "topic": "x" })).await.problem(401, "unauthenticated");
    // A participant is no moderator.
    let pass = {
        let (http, session) = (http.clone(), session.clone());
        tokio::task::spawn_blocking(move || Pass::obtain(&http, &session, "Cy")).await.unwrap()
    };
    let guest = http.with_token(pass.text("/participant_token"));
    post(&guest, path(), json!({ "topic": "x" })).await.problem(403, "denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_program_asks_another() {
    let server = TestServer::start();
    let (session, http) = (server.demo_session(), server.anonymous());
    let mut ada = TestClient::enter(&http, &session, "Ada", Transport::Quic).await;
    let mut ben = TestClient::enter(&http, &session, "Ben", Transport::WebSocket).await;
    let mut cy = TestClient::enter(&http, &session, "Cy", Transport::WebTransport).await;
    let (a, b) = (ada.player(), ben.player());

    let asking = ada.client.ask(b, "trade", json!({ "give": "sword" }), None);
    let answering = async {
        let (id, from, data) = asked(&mut ben).await;
        assert_eq!((from, data), (a, json!({ "give": "sword" })));
        // Somebody else's answer is refused, and changes nothing.
        let (code, _, message) = refused(cy.client.op(answer(id, json!("mine"), None)).await);
        assert_eq!(code, OpErrorCode::Denied, "{message}");
        ben.client.op(answer(id, json!({ "yes": [true] }), None)).await.unwrap();
        let (code, _, _) = refused(ben.client.op(answer(id, json!(2), None)).await);
        assert_eq!(code, OpErrorCode::NotFound, "answered once");
    };
    let (answered, ()) = tokio::join!(asking, answering);
    assert_eq!(answered.unwrap(), json!({ "yes": [true] }));

    let asking = ada.client.ask(b, "trade", Value::Null, None);
    let answering = async {
        let (id, ..) = asked(&mut ben).await;
        ben.client.op(answer(id, Value::Null, Some("not for sale"))).await.unwrap();
    };
    let (answered, ()) = tokio::join!(asking, answering);
    let (code, _, message) = refused(answered);
    assert_eq!((code, message.as_str()), (OpErrorCode::Declined, "not for sale"));

    // Nobody answers in time; nobody is there; the one who was asked leaves.
    let (answered, _) = tokio::join!(ada.client.ask(b, "hello", Value::Null, Some(5)), asked(&mut ben));
    assert_eq!(refused(answered).0, OpErrorCode::TimedOut);
    assert_eq!(refused(ada.client.ask(PlayerId(999), "hello", Value::Null, None).await).0, OpErrorCode::NotFound);
    assert_eq!(refused(ada.client.ask(a, "hello", Value::Null, None).await).1.as_deref(), Some("to"));
    let too_long = ada.client.ask(b, "hello", Value::Null, Some(1_000_000)).await;
    assert_eq!(refused(too_long).1.as_deref(), Some("timeout_ticks"));
    let leaving = async {
        asked(&mut ben).await;
        ben.client.leave().await;
    };
    let (answered, ()) = tokio::join!(ada.client.ask(b, "hello", Value::Null, None), leaving);
    assert_eq!(refused(answered).0, OpErrorCode::Gone);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reconnects_is_asked_again() {
    let server = TestServer::start();
    let (session, http) = (server.demo_session(), server.anonymous());
    let mut ada = TestClient::enter(&http, &session, "Ada", Transport::Quic).await;
    let mut ben = TestClient::enter(&http, &session, "Ben", Transport::Quic).await;
    let b = ben.player();
    let asking = ada.client.ask(b, "trade", json!(1), Some(900));
    let answering = async {
        let (id, ..) = asked(&mut ben).await;
        ben.client.cut();
        let (again, _, data) = asked(&mut ben).await;
        assert_eq!((again, data), (id, json!(1)));
        ben.client.op(answer(id, json!("back"), None)).await.unwrap();
    };
    let (answered, ()) = tokio::join!(asking, answering);
    assert_eq!(answered.unwrap(), json!("back"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_out_of_bounds_is_refused_with_its_place() {
    let server = TestServer::start();
    let (session, http) = (server.demo_session(), server.anonymous());
    let mut ada = TestClient::enter(&http, &session, "Ada", Transport::WebSocket).await;
    let near = |radius| To::Near(Near { entity: None, position: Some([0.0; 3]), radius });
    let deep = (0..13).fold(json!(1), |inner, _| json!([inner]));
    for (topic, to, data, place) in [
        ("", To::Everyone, Value::Null, "topic"),
        ("grüße", To::Everyone, Value::Null, "topic"),
        ("x", To::Everyone, json!("x".repeat(16 * 1024)), "data"),
        ("x", To::Everyone, deep, "data"),
        ("x", near(0.0), Value::Null, "to.near.radius"),
        ("x", To::Player(PlayerId(999)), Value::Null, "to"),
    ] {
        let (_, path, message) = refused(ada.client.say(topic, to, data).await);
        assert_eq!(path.as_deref(), Some(place), "{message}");
    }
    // Large things cost as much as many small ones.
    let mut results = Vec::new();
    for _ in 0..8 {
        results.push(ada.client.say("x", To::Everyone, json!("x".repeat(15_000))).await);
    }
    let (code, ..) = refused(results.into_iter().find(Result::is_err).expect("one is too much"));
    assert_eq!(code, OpErrorCode::RateLimited);
}

#[tokio::test(flavor = "multi_thread")]
async fn readable_clients_say_and_hear_the_same() {
    let server = TestServer::start();
    let (session, http) = (server.demo_session(), server.anonymous());
    let mut ada = TestClient::enter(&http, &session, "Ada", Transport::Quic).await;
    let pass = {
        let (http, session) = (http.clone(), session.clone());
        tokio::task::spawn_blocking(move || Pass::obtain(&http, &session, "Jo")).await.unwrap()
    };
    let mut jo = pass.json_link().await;
    let say = |json: Value| hd1_protocol::Packet::control(encode_message(Encoding::Json, &json));
    jo.send(say(json!({ "t": "hello", "version": 1, "ticket": pass.ticket() })));
    let player = json_message(&mut jo, "welcome").await["player"].clone();
    jo.send(say(json!({ "t": "op", "id": 1, "op": { "op": "send", "topic": "hi", "data": { "from": "jo" } } })));
    // The link moves only while it is read.
    assert_eq!(json_message(&mut jo, "message").await["from"], player);
    assert_eq!(heard(&mut ada, "hi").await.1, json!({ "from": "jo" }));

    let asking = ada.client.ask(PlayerId(player.as_u64().unwrap() as u32), "q", json!([1]), None);
    let answering = async {
        let request = json_message(&mut jo, "request").await;
        assert_eq!((&request["topic"], &request["data"]), (&json!("q"), &json!([1])));
        assert!(request["until"].as_u64() > request["tick"].as_u64(), "{request}");
        let op = json!({ "op": "answer", "request": request["id"], "data": "yes" });
        jo.send(say(json!({ "t": "op", "id": 2, "op": op })));
        json_message(&mut jo, "op_result").await
    };
    let (answered, _) = tokio::join!(asking, answering);
    assert_eq!(answered.unwrap(), json!("yes"));
}

/// Makes and speaks of many things, far away over a bad network: nothing is spoken of that is not there.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_hears_of_an_entity_has_it() {
    let server = TestServer::with_scene("asteroids");
    let (session, http) = (server.demo_session(), server.anonymous());
    let conditions = Conditions { loss: 0.05, duplicate: 0.05, delay_us: 60_000, jitter_us: 30_000, seed: 5 };
    let mut maker = TestClient::far_away(&http, &session, "maker", conditions).await;
    let mut hearers = Vec::new();
    for hold in [Hold::Heard, Hold::Complete, Hold::Drawn] {
        let pass = {
            let (http, session) = (http.clone(), session.clone());
            tokio::task::spawn_blocking(move || Pass::obtain(&http, &session, "hearer")).await.unwrap()
        };
        let options = ClientOptions::new(pass.endpoint(Transport::Quic), pass.ticket());
        let options = ClientOptions { hold, conditions: Some(Conditions { seed: 7, ..conditions }), ..options };
        hearers.push((hold, TestClient::with_options(options).await.unwrap()));
    }
    let making = async {
        let mut made = Vec::new();
        for n in 0..20 {
            let at = json!({ "position": [n, 30, 0] });
            let wanted = maker.client.send_op(Operation::Spawn { components: [("Transform".to_owned(), at)].into() });
            let wanted = wanted.unwrap();
            let done = |event| match event {
                ServerEvent::OpResult { id, result, .. } if id == wanted => Some(result),
                _ => None,
            };
            let entity = maker.event("the result", done).await.unwrap().unwrap();
            assert!(maker.client.mirror().entity(entity).is_some(), "{entity} was made and is not there");
            maker.client.say("made", To::Everyone, json!(entity)).await.unwrap();
            made.push(entity);
        }
        made
    };
    let hearing = |(hold, mut client): (Hold, TestClient)| async move {
        let mut heard = Vec::new();
        while heard.len() < 20 {
            let event = tokio::time::timeout(Duration::from_secs(30), client.client.next()).await;
            let Event::Server(ServerEvent::Message { tick, data, .. }) = event.expect("it comes").unwrap() else {
                continue;
            };
            let (entity, mirror) = (NetId(data.as_u64().unwrap() as u32), client.client.mirror());
            assert!(mirror.entity(entity).is_some(), "{hold:?}: {entity} is spoken of and not there");
            if hold == Hold::Complete {
                assert!(mirror.acks().newest() >= tick, "{hold:?}: told {tick} at {}", mirror.acks().newest());
            }
            heard.push(entity);
        }
        assert_eq!(client.client.stats().desyncs, 0);
        heard
    };
    let [heard, complete, drawn] = hearers.try_into().unwrap_or_else(|_| panic!("three"));
    let (made, a, b, c) = tokio::join!(making, hearing(heard), hearing(complete), hearing(drawn));
    for heard in [a, b, c] {
        assert_eq!(heard, made, "each once and in order");
    }
}
