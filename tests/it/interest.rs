//! Who is shown what: what is far away or for other eyes never reaches a client.

use std::collections::BTreeSet;

use hd1_core::NetId;
use hd1_protocol::Operation;
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
