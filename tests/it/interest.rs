//! Who is shown what: what is far away or for other eyes never reaches a client.

use std::collections::BTreeSet;

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
                assert_eq!((error.code, error.path.as_deref()), (OpErrorCode::Invalid, Some("view.position")));
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
    let houses = client.all("Geometry").into_iter().filter(|(_, form)| form["size"][0].as_f64().is_some_and(|x| x < 100.0));
    houses.filter_map(|(id, _)| way(id)).fold(f64::INFINITY, f64::min)
}
