//! Who is shown what: what is far away or for other eyes never reaches a client.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use hd1_core::{NetId, Role};
use hd1_protocol::{Operation, message::OpErrorCode};
use hd1_tests::{Http, TestClient, TestServer, Transport};
use serde_json::{Value, json};

fn shown(client: &TestClient) -> BTreeSet<NetId> {
    client.client.mirror().entities().map(|entity| entity.id()).collect()
}

/// Sets components as the operator does.
async fn patch(admin: &Http, session: &str, entity: NetId, components: Value) {
    let (admin, path) = (admin.clone(), format!("/api/sessions/{session}/entities/{entity}"));
    let body = json!({ "components": components });
    tokio::task::spawn_blocking(move || admin.patch(&path, &body).expect(200)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_things_are_never_sent_to_those_who_may_not_know() {
    let server = TestServer::start();
    let (session, http, admin) = (server.demo_session(), server.anonymous(), server.admin());
    let mut owner = TestClient::enter(&http, &session, "owner", Transport::Quic).await;
    let mut other = TestClient::enter(&http, &session, "other", Transport::WebSocket).await;
    let Value::Object(components) = json!({"Name": {"text": "card"}, "Transform": {"position": [1, 1, 0]}}) else {
        unreachable!("it is an object")
    };
    let card = owner.client.op(Operation::Spawn { components: components.into_iter().collect() }).await.unwrap();
    let card = card.expect("a card is made");
    let sees = |client: &TestClient| client.client.mirror().entity(card).is_some();
    other.until("the card", |client| sees(client).then_some(())).await;

    patch(&admin, &session, card, json!({"Audience": {"watchers": "owner"}})).await;
    other.until("the card to be hidden", |client| (!sees(client)).then_some(())).await;
    owner.until("to be told why", |client| client.component(card, "Audience")).await;
    assert!(sees(&owner), "whose it is still sees it");

    // Now for a team, which the other joins.
    patch(&admin, &session, card, json!({"Audience": {"watchers": "channels", "channels": 6}})).await;
    owner.until("to lose it too", |client| (!sees(client)).then_some(())).await;
    let avatar = other.until("its avatar", |client| client.avatar()).await;
    patch(&admin, &session, avatar, json!({"Channels": {"bits": 2}})).await;
    other.until("the team's card", |client| sees(client).then_some(())).await;
    patch(&admin, &session, avatar, json!({"Channels": {"bits": 1}})).await;
    other.until("to be of another team", |client| (!sees(client)).then_some(())).await;

    patch(&admin, &session, card, json!({"Audience": null})).await;
    owner.until("it again", |client| sees(client).then_some(())).await;
    assert_eq!((owner.client.stats().desyncs, other.client.stats().desyncs), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_large_world_one_is_shown_what_is_near() {
    let server = TestServer::with_scene("city");
    let (session, http) = (server.demo_session(), server.anonymous());
    let mut walker = TestClient::enter(&http, &session, "walker", Transport::Quic).await;
    walker.until("its avatar", |client| client.avatar()).await;
    let here = shown(&walker);
    assert!((200..4_000).contains(&here.len()), "{} of 10,000 are shown", here.len());
    let ground = walker.all("Name").into_iter().find(|(_, name)| name["text"] == "ground").map(|(id, _)| id);
    assert!(ground.is_some(), "what is as large as the world is shown everywhere");

    // The camera flies to the other end of the town.
    let away = Operation::View { position: [1_100.0, 60.0, 1_100.0], rotation: [0.0, 0.0, 0.0, 1.0] };
    walker.client.op(away).await.unwrap();
    let there = walker
        .until("other houses", |client| {
            let now = shown(client);
            (now.intersection(&here).count() < 50 && now.len() > 200).then_some(now)
        })
        .await;
    assert!(there.contains(&ground.unwrap()));
    assert!(walker.client.mirror().entity(*here.difference(&there).next().unwrap()).is_none());

    // And back: the same houses, as they are now.
    let back = Operation::View { position: [0.0, 60.0, 0.0], rotation: [0.0, 0.0, 0.0, 1.0] };
    walker.client.op(back).await.unwrap();
    walker
        .until("the houses from before", |client| (shown(client).intersection(&here).count() > 150).then_some(()))
        .await;
    assert_eq!(walker.client.stats().desyncs, 0);
}

/// A session that shows itself to whoever comes, as viewers.
fn gallery(admin: &Http, scene: &str) -> String {
    let settings = json!({"guests": true, "guest_role": "viewer"});
    let body = json!({"name": "Gallery", "scene": scene, "visibility": "public", "settings": settings});
    admin.post("/api/sessions", &body).expect(201)["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_is_shown_what_is_near_its_camera() {
    let server = TestServer::start();
    let session = gallery(&server.admin(), "city");
    for transport in [Transport::Quic, Transport::WebSocket] {
        let mut viewer = TestClient::enter(&server.anonymous(), &session, "viewer", transport).await;
        let welcome = viewer.client.welcome().unwrap();
        assert_eq!((welcome.role, welcome.camera), (Role::Viewer, Some([0.0, 0.0, 5.0])), "the first spawn point");
        let here = viewer
            .until("the middle of the town", |client| Some(shown(client)).filter(|shown| shown.len() > 200))
            .await;
        assert!(here.len() < 4_000 && viewer.avatar().is_none());
        let far = [1_100.0, 60.0, 1_100.0];
        assert!(nearest(&viewer, far) > 300.0, "nothing is shown of the other end");

        let look = |position| Operation::View { position, rotation: [0.0, 0.0, 0.0, 1.0] };
        assert_eq!(viewer.client.op(look(far)).await.unwrap(), None);
        let moved = |client: &mut TestClient| {
            let now = shown(client);
            (now.intersection(&here).count() < 50 && now.len() > 200).then_some(())
        };
        viewer.until("other houses", moved).await;
        assert!(nearest(&viewer, far) < 50.0);
        assert!(nearest(&viewer, [0.0, 0.0, 5.0]) > 300.0, "the middle is out of sight");

        // Its place is its own: it comes back to where it looked from.
        let token = viewer.client.welcome().unwrap().resume_token.clone();
        viewer.client.cut();
        let back = |client: &mut TestClient| {
            let welcome = client.client.welcome()?;
            (welcome.resume_token != token).then_some(welcome.camera)
        };
        assert_eq!(viewer.until("to be back", back).await, Some(far));
        viewer.until("the other houses", |client| (nearest(client, far) < 50.0).then_some(())).await;

        match viewer.client.op(look([1.0e9, 0.0, 0.0])).await {
            Err(hd1_client::ClientError::Refused(error)) => {
                assert_eq!((error.code, error.path.as_deref()), (OpErrorCode::Invalid, Some("view.position[0]")));
            }
            other => panic!("no world is so large: {other:?}"),
        }
        assert_eq!(viewer.client.stats().desyncs, 0);
        viewer.client.leave().await;
    }
}

/// Metres over the ground from a place to the nearest house that a client is shown.
fn nearest(client: &TestClient, from: [f32; 3]) -> f64 {
    let way = |id: NetId| {
        let at = client.position(id)?;
        Some((at[0] - f64::from(from[0])).hypot(at[2] - f64::from(from[2])))
    };
    let houses =
        client.all("Geometry").into_iter().filter(|(_, form)| form["size"][0].as_f64().is_some_and(|x| x < 100.0));
    houses.filter_map(|(id, _)| way(id)).fold(f64::INFINITY, f64::min)
}

/// A session whose clients are sent so much.
fn session_with(admin: &Http, scene: Value, replication: Value) -> String {
    let settings = json!({"guests": true});
    let body = json!({"name": "Tight", "scene": scene, "visibility": "public", "settings": settings,
        "tick_rate": 60, "replication": replication});
    admin.post("/api/sessions", &body).expect(201)["id"].as_str().unwrap().to_owned()
}

/// 1,600 boxes over a field of 400 m; by itself one sees 150 m of it.
fn field() -> Value {
    let boxes = json!({"Geometry": {"shape": "box", "size": [1, 1, 1]}});
    let grid = json!({"kind": "grid", "count": [40, 1, 40], "spacing": [10, 0, 10], "components": boxes});
    json!({"name": "Field", "settings": {"view": {"distance": 150}}, "entities": [], "generate": [grid]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_says_how_far_one_sees() {
    let mut server = TestServer::start();
    let admin = server.admin();
    let session = session_with(&admin, field(), json!({"view_m": 30}));
    let path = format!("/api/sessions/{session}");
    let read = |http: &Http| http.get(&path).expect(200)["replication"].clone();
    assert_eq!(read(&admin), json!({"view_m": 30.0, "cell_m": null, "client_kbit_s": null}));

    let mut walker = TestClient::enter(&server.anonymous(), &session, "walker", Transport::Quic).await;
    walker.until("its avatar", |client| client.avatar()).await;
    let few = shown(&walker).len();
    assert!((1..60).contains(&few), "{few} of 1,600 are shown");
    walker.client.leave().await;

    // With nobody in, another view holds for the next who comes; null is the scene's again.
    for (view_m, least) in [(json!(80), 150), (json!(null), 600)] {
        let changed = admin.patch(&path, &json!({"replication": {"view_m": view_m}})).expect(200);
        assert_eq!(changed["replication"]["view_m"].as_f64(), view_m.as_f64());
        let mut walker = TestClient::enter(&server.anonymous(), &session, "walker", Transport::WebSocket).await;
        walker.until("more of it", |client| (shown(client).len() > least).then_some(())).await;
        assert_eq!(walker.client.stats().desyncs, 0);
        walker.client.leave().await;
    }

    // It lasts.
    admin.patch(&path, &json!({"replication": {"view_m": 25, "client_kbit_s": 500}})).expect(200);
    server.kill_and_restart();
    let kept = json!({"view_m": 25.0, "cell_m": null, "client_kbit_s": 500});
    assert_eq!(read(&server.admin()), kept);
    let mut walker = TestClient::enter(&server.anonymous(), &session, "walker", Transport::Quic).await;
    walker.until("its avatar", |client| client.avatar()).await;
    assert!(shown(&walker).len() < 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_sent_no_more_than_its_session_allows() {
    let server = TestServer::start();
    let admin = server.admin();
    let (free, tight) = (json!({}), json!({"client_kbit_s": 64}));
    let mut rates = Vec::new();
    for replication in [free, tight] {
        let session = session_with(&admin, json!("asteroids"), replication);
        let mut client = TestClient::enter(&server.anonymous(), &session, "bot", Transport::Quic).await;
        rates.push(kbit_s(&mut client).await);
        if rates.len() == 2 {
            // More at once, while it runs.
            let wider = json!({"replication": {"client_kbit_s": 1_000}});
            let path = format!("/api/sessions/{session}");
            admin.patch(&path, &wider).expect(200);
            rates.push(kbit_s(&mut client).await);
        }
        assert_eq!(client.client.stats().desyncs, 0);
    }
    let [free, tight, wider] = rates[..] else { panic!("three") };
    assert!(free > 130.0, "unbounded it takes {free} kbit/s");
    assert!(tight < 80.0, "{tight} kbit/s: 64 of state, and what is said besides");
    assert!(wider > 130.0, "{wider} kbit/s once it may");
}

/// Thousands of bits of frames a second, over three seconds after one in which what was late came.
async fn kbit_s(client: &mut TestClient) -> f64 {
    let rate = async |client: &mut TestClient, span: Duration| {
        let (began, before) = (Instant::now(), client.client.stats().bytes_in);
        while began.elapsed() < span {
            // Events are what time goes by in: a world that moves has many.
            let _ = tokio::time::timeout(Duration::from_millis(100), client.client.next()).await;
        }
        (client.client.stats().bytes_in - before) as f64 * 8.0 / 1_000.0 / began.elapsed().as_secs_f64()
    };
    rate(client, Duration::from_secs(1)).await;
    rate(client, Duration::from_secs(3)).await
}

#[test]
fn how_much_is_sent_is_checked() {
    let server = TestServer::start();
    let admin = server.admin();
    let session = session_with(&admin, json!("lobby"), json!({"cell_m": 5}));
    let path = format!("/api/sessions/{session}");
    for (replication, place) in [
        (json!({"view_m": 0.5}), "replication.view_m"),
        (json!({"view_m": 1.0e9}), "replication.view_m"),
        (json!({"view_m": 160, "cell_m": 9}), "replication.cell_m"),
        (json!({"view_m": 160, "cell_m": 161}), "replication.cell_m"),
        (json!({"client_kbit_s": 63}), "replication.client_kbit_s"),
        (json!({"client_kbit_s": 16_385}), "replication.client_kbit_s"),
    ] {
        let body = json!({"name": "No", "replication": replication});
        let problem = admin.post("/api/sessions", &body).problem(422, "invalid");
        assert_eq!(problem["errors"][0]["path"], place, "{problem}");
        let problem = admin.patch(&path, &json!({"replication": replication})).problem(422, "invalid");
        assert_eq!(problem["errors"][0]["path"], place, "{problem}");
    }
    // A cell is held against the view that is there.
    let problem = admin.patch(&path, &json!({"replication": {"view_m": 1_000}})).problem(422, "invalid");
    assert_eq!(problem["errors"][0]["path"], "replication.cell_m", "{problem}");
    admin.patch(&path, &json!({"replication": {"views": 3}})).problem(400, "invalid_request");
    admin.patch(&path, &json!({"replication": {"view_m": "far"}})).problem(400, "invalid_request");
    assert_eq!(admin.get(&path).expect(200)["replication"]["cell_m"], 5.0, "nothing was changed");
    server.anonymous().patch(&path, &json!({"replication": {"view_m": 9}})).problem(401, "unauthenticated");
}
