//! Authority of an entity in clients' hands: taken, driven before everybody's eyes, refused, taken back, and abused.

use hd1_client::{ClientError, Pose, PoseVelocity, ServerEvent};
use hd1_core::{NetId, Role, Tick};
use hd1_protocol::{CloseCode, Operation, Packet, message::OpErrorCode};
use hd1_tests::{Http, Pass, Reply, TestClient, TestServer, Transport, close_code, json_message};
use serde_json::{Value, json};

/// Metres a second that a driven entity goes at most: `DRIVE_SPEED_M_S_MAX` of the simulation.
const SPEED_M_S_MAX: f64 = 40.0;

/// A yard under gravity with a crate that anyone may carry and a pillar that nobody may.
fn yard(server: &TestServer) -> String {
    let scene = json!({
        "name": "yard",
        "settings": {"physics": {}, "bounds": {"min": [-200, 0, -200], "max": [200, 50, 200]}},
        "entities": [
            {"components": {"Geometry": {"shape": "plane"}, "RigidBody": {"kind": "fixed"}}},
            {"components": {"Name": {"text": "crate"}, "Transform": {"position": [0, 0.5, -4]}, "Geometry": {}, "RigidBody": {}, "Grabbable": {}}},
            {"components": {"Name": {"text": "pillar"}, "Transform": {"position": [9, 1, 0]}, "Geometry": {}}},
        ],
    });
    let wish = json!({"name": "yard", "scene": scene, "visibility": "public", "settings": {"guests": true}});
    server.admin().post("/api/sessions", &wish).expect(201)["id"].as_str().unwrap().to_owned()
}

fn named(client: &TestClient, name: &str) -> Option<NetId> {
    client.all("Name").into_iter().find(|(_, found)| found["text"] == name).map(|(id, _)| id)
}

fn holder(client: &TestClient, entity: NetId) -> Option<u64> {
    client.component(entity, "Authority")?["player"].as_u64()
}

fn pose(entity: NetId, position: [f32; 3]) -> Pose {
    let velocity = Some(PoseVelocity::default());
    Pose { entity, position, rotation: [0.0, 0.0, 0.0, 1.0], velocity }
}

fn refusal(result: Result<Option<NetId>, ClientError>) -> (OpErrorCode, String) {
    match result {
        Err(ClientError::Refused(error)) => (error.code, error.message),
        other => panic!("it is not refused: {other:?}"),
    }
}

async fn a_tick(client: &mut TestClient) -> Tick {
    let complete = |event| if let ServerEvent::Complete(tick) = event { Some(tick) } else { None };
    client.event("a tick", complete).await
}

/// The holder says each tick where the entity is while something happens elsewhere.
async fn driving<T>(holder: &mut TestClient, pose: Pose, happening: impl Future<Output = T>) -> T {
    let drives = async {
        loop {
            holder.client.drive(pose);
            a_tick(holder).await;
        }
    };
    tokio::select! {
        done = happening => done,
        () = drives => unreachable!("it drives for ever"),
    }
}

async fn ask(http: &Http, method: &'static str, path: String, body: Option<Value>) -> Reply {
    let http = http.clone();
    let asked = tokio::task::spawn_blocking(move || http.send(method, &path, body.map(|body| body.to_string())));
    asked.await.expect("asking does not panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_carries_the_other_sees_and_the_server_has_it_again() {
    let server = TestServer::start();
    let (session, http, admin) = (yard(&server), server.anonymous(), server.admin());
    let mut ada = TestClient::enter(&http, &session, "Ada", Transport::Quic).await;
    let mut ben = TestClient::enter(&http, &session, "Ben", Transport::WebSocket).await;
    let crate_id = ada.until("the crate", |client| named(client, "crate")).await;
    let take = Operation::Take { entity: crate_id };

    ada.client.op(take.clone()).await.unwrap();
    let ada_player = u64::from(ada.player().0);
    ben.until("Ada to hold it", |client| (holder(client, crate_id) == Some(ada_player)).then_some(())).await;
    ada.until("to know it", |client| client.client.holds(crate_id).then_some(())).await;
    let (code, message) = refusal(ben.client.op(take.clone()).await);
    assert_eq!(
        (code, message),
        (OpErrorCode::Denied, format!("player {ada_player} holds entity {crate_id}; wait until they let go"))
    );

    // Shown at once to who drives it, and to the other within a few ticks.
    let began = ben.client.mirror().acked();
    let high = pose(crate_id, [0.0, 4.0, -4.0]);
    assert!(ada.client.drive(high));
    assert_eq!(ada.client.sample(crate_id).unwrap().position, high.position);
    let up = ben.until("the crate in the air", |client| client.position(crate_id).filter(|at| at[1] > 3.9));
    driving(&mut ada, high, up).await;
    let ticks = ben.client.mirror().acked().since(began);
    assert!(ticks <= 30, "{ticks} ticks, of which the way takes three");

    // Taken back over HTTP: what is still said of it changes nothing.
    let path = format!("/api/sessions/{session}/entities/crate/authority");
    ask(&admin, "DELETE", path.clone(), None).await.expect(204);
    ada.event("it to be taken", |event| (event == ServerEvent::TakenBack(crate_id)).then_some(())).await;
    ben.until("nobody to hold it", |client| holder(client, crate_id).is_none().then_some(())).await;
    let down = ben.until("the crate on the ground", |client| client.position(crate_id).filter(|at| at[1] < 0.52));
    driving(&mut ada, high, down).await;
    let slid = |client: &mut TestClient| {
        let (shown, known) = (client.client.sample(crate_id)?.position, client.position(crate_id)?);
        (0..3).all(|i| (f64::from(shown[i]) - known[i]).abs() < 0.05).then_some(())
    };
    ada.until("what it shows to be what is", slid).await;

    // Handed over HTTP to the other; what cannot be is a problem that says so.
    let ben_player = ben.player().0;
    let handed = ask(&admin, "PUT", path.clone(), Some(json!({"player": ben_player}))).await.expect(200);
    assert_eq!(handed["components"]["Authority"], json!({"player": ben_player}));
    let problem = ask(&admin, "PUT", path.clone(), Some(json!({"player": 99}))).await.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["path"], "player", "{problem}");
    ask(&http, "PUT", path, Some(json!({"player": ben_player}))).await.problem(401, "unauthenticated");
    ben.until("to hold it", |client| client.client.holds(crate_id).then_some(())).await;

    // A moderator takes it out of Ben's hands.
    let mut boss = TestClient::enter(&admin, &session, "Boss", Transport::WebTransport).await;
    assert!(boss.client.welcome().unwrap().role >= Role::Moderator);
    boss.client.op(take.clone()).await.unwrap();
    ben.until("to hold it no more", |client| (!client.client.holds(crate_id)).then_some(())).await;
    boss.client.leave().await;
    ben.until("nobody to hold it", |client| holder(client, crate_id).is_none().then_some(())).await;

    // Thrown: it flies on from the hand.
    ada.client.op(take.clone()).await.unwrap();
    let thrown = Pose { velocity: Some(PoseVelocity { linear: [12.0, 3.0, 0.0], angular: [0.0; 3] }), ..high };
    let up = ben.until("the crate in the air", |client| client.position(crate_id).filter(|at| at[1] > 3.9));
    driving(&mut ada, thrown, up).await;
    ada.client.op(Operation::Release { entity: crate_id }).await.unwrap();
    ben.until("it to fly", |client| client.position(crate_id).filter(|at| at[0] > 4.0)).await;

    // The holder's connection breaks: after two seconds the server has it again.
    let mine = ada.client.op(Operation::Spawn { components: [].into() }).await.unwrap().unwrap();
    ada.client.op(Operation::Take { entity: mine }).await.unwrap();
    ben.until("Ada to hold it", |client| (holder(client, mine) == Some(ada_player)).then_some(())).await;
    ada.client.cut();
    drop(ada);
    ben.until("nobody to hold it", |client| holder(client, mine).is_none().then_some(())).await;
    assert_eq!(ben.client.stats().desyncs, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_holder_changes_nothing_it_should_not() {
    let server = TestServer::start();
    let (session, http) = (yard(&server), server.anonymous());
    let mut rogue = TestClient::enter(&http, &session, "rogue", Transport::Quic).await;
    let mut watcher = TestClient::enter(&http, &session, "watcher", Transport::Quic).await;
    let crate_id = rogue.until("the crate", |client| named(client, "crate")).await;
    let pillar = rogue.until("the pillar", |client| named(client, "pillar")).await;
    let (other, stood) =
        (watcher.until("its avatar", |client| client.avatar()).await, watcher.position(pillar).unwrap());
    let (code, _) = refusal(rogue.client.op(Operation::Take { entity: pillar }).await);
    assert_eq!(code, OpErrorCode::Denied);
    let (code, _) = refusal(rogue.client.op(Operation::Take { entity: other }).await);
    assert_eq!(code, OpErrorCode::Denied);
    rogue.client.op(Operation::Take { entity: crate_id }).await.unwrap();

    // Poses of what it does not hold, and leaps to the end of the world and back.
    let before = watcher.position(other).unwrap();
    rogue.client.drive(pose(pillar, [0.0, 9.0, 0.0]));
    rogue.client.drive(pose(other, [0.0, 9.0, 0.0]));
    rogue.client.drive(pose(NetId(4_000_000), [0.0; 3]));
    assert!(!rogue.client.drive(pose(crate_id, [f32::NAN; 3])), "it is not even sent");
    let leap = pose(crate_id, [1.0e30, f32::MAX, -1.0e30]);
    let mut last: Option<(Tick, [f64; 3])> = None;
    let watches = async {
        loop {
            let tick = a_tick(&mut watcher).await;
            let Some(at) = watcher.position(crate_id).filter(|_| watcher.client.mirror().acked() == tick) else {
                continue;
            };
            if let Some((since, from)) = last {
                let metres = (0..3).map(|i| (at[i] - from[i]).powi(2)).sum::<f64>().sqrt();
                let reach = tick.since(since) as f64 * SPEED_M_S_MAX / 30.0 + 0.01;
                assert!(metres <= reach, "{metres} m in {} ticks", tick.since(since));
            }
            last = Some((tick, at));
            if at[0] > 199.9 {
                return at;
            }
        }
    };
    let edge = driving(&mut rogue, leap, watches).await;
    assert!((0..3).all(|i| (edge[i] - [200.0, 50.0, -200.0][i]).abs() < 60.0) && edge[1] <= 50.001, "{edge:?}");
    assert_eq!(watcher.position(pillar).unwrap(), stood);
    let after = watcher.position(other).unwrap();
    assert!((0..3).all(|i| (after[i] - before[i]).abs() < 0.01), "{before:?} became {after:?}");
    let scale = watcher.component(crate_id, "Transform").unwrap()["scale"].clone();
    assert_eq!(scale, json!([1.0, 1.0, 1.0]));

    // In words: numbers beyond all measure and too many poses end the connection, a flood does at most that.
    let say = |value: Value| Packet::control(value.to_string());
    let word = |poses: Vec<Value>, seq: u32| json!({"t": "drive", "seq": seq, "poses": poses});
    let one = |x: &str| -> Value {
        let text = format!(r#"{{"entity": {crate_id}, "position": [{x}, 1, 0], "rotation": [0, 0, 0, 1]}}"#);
        serde_json::from_str(&text).unwrap()
    };
    for (poses, code) in [(vec![one("1e300")], CloseCode::Malformed), (vec![one("1"); 17], CloseCode::TooLarge)] {
        let mut link = json_client(&http, &session, "writer").await;
        link.send(say(word(poses, 1)));
        assert_eq!(close_code(&mut link).await, code);
    }
    let mut link = json_client(&http, &session, "flooder").await;
    for seq in 1..4_000 {
        link.send(say(word(vec![one("1"); 16], seq)));
    }
    assert_eq!(close_code(&mut link).await, CloseCode::RateLimited);
    for _ in 0..10 {
        a_tick(&mut watcher).await;
    }
    assert_eq!((watcher.client.stats().desyncs, watcher.client.stats().reconnects), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_drives_in_words_too() {
    let server = TestServer::start();
    let (session, http) = (yard(&server), server.anonymous());
    let mut watcher = TestClient::enter(&http, &session, "watcher", Transport::Quic).await;
    let crate_id = watcher.until("the crate", |client| named(client, "crate")).await;
    let mut link = json_client(&http, &session, "writer").await;
    link.send(Packet::control(json!({"t": "op", "id": 1, "op": {"op": "take", "entity": crate_id}}).to_string()));
    assert_eq!(json_message(&mut link, "op_result").await["ok"], true);
    let held = json!({"entity": crate_id, "position": [1.0, 3.0, -4.0], "rotation": [0, 0, 0, 1]});
    link.send(Packet::control(json!({"t": "drive", "seq": 1, "poses": [held]}).to_string()));
    let there =
        watcher.until("it to be there", |client| client.position(crate_id).filter(|at| at[0] > 0.99 && at[1] > 2.99));
    reading(&mut link, there).await;
    link.send(Packet::control(json!({"t": "op", "id": 2, "op": {"op": "release", "entity": crate_id}}).to_string()));
    let fallen = watcher.until("it to fall", |client| client.position(crate_id).filter(|at| at[1] < 0.52));
    reading(&mut link, fallen).await;
}

/// Reads a link, without which nothing is sent, while something happens elsewhere.
async fn reading<T>(link: &mut hd1_transport::Link, happening: impl Future<Output = T>) -> T {
    let reads = async {
        loop {
            link.next().await.expect("it stays open");
        }
    };
    tokio::select! {
        done = happening => done,
        () = reads => unreachable!("it reads for ever"),
    }
}

/// A readable link that is in the session.
async fn json_client(http: &Http, session: &str, name: &'static str) -> hd1_transport::Link {
    let (http, session) = (http.clone(), session.to_owned());
    let pass = tokio::task::spawn_blocking(move || Pass::obtain(&http, &session, name)).await.unwrap();
    let mut link = pass.json_link().await;
    let hello = json!({"t": "hello", "version": 1, "client": "desktop", "ticket": pass.ticket()});
    link.send(Packet::control(hello.to_string()));
    json_message(&mut link, "snapshot").await;
    link
}
