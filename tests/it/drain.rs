//! SIGTERM: the server takes leave in order, and nothing of a world is lost.

use std::time::Duration;

use hd1_protocol::CloseCode;
use hd1_tests::{TestClient, TestServer, Transport};
use serde_json::json;

#[test]
fn asked_to_end_it_saves_every_world_and_exits_with_0() {
    let mut server = TestServer::start();
    let path = format!("/api/sessions/{}", server.demo_session());
    let admin = server.admin();
    let body = json!({"name": "late", "components": {"Transform": {"position": [1, 0, 1]}}});
    admin.post(&format!("{path}/entities"), &body).expect(201);
    let tick = admin.get(&format!("{path}/stats")).expect(200)["tick"].as_u64().unwrap();

    let ended = server.terminate();
    assert!(ended.status.success(), "{ended:?}\n{}", server.stderr());
    assert!(ended.after < Duration::from_secs(10), "{ended:?}");

    server.restart();
    let admin = server.admin();
    // It was made a moment before the end: only the snapshot of the drain can hold it.
    admin.get(&format!("{path}/entities/late")).expect(200);
    assert_eq!(admin.get(&path).expect(200)["status"], "running");
    assert!(admin.get(&format!("{path}/stats")).expect(200)["tick"].as_u64().unwrap() >= tick);
}

#[test]
fn an_interrupt_from_the_keyboard_drains_too() {
    let mut server = TestServer::start();
    server.process().signal("INT");
    let ended = server.process().wait(Duration::from_secs(10));
    assert!(ended.status.success(), "{ended:?}\n{}", server.stderr());
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_told_to_come_back_and_can() {
    let mut server = TestServer::start();
    let session = server.demo_session();
    for transport in Transport::ALL {
        let mut client = TestClient::enter(&server.anonymous(), &session, "guest", transport).await;
        server.process().signal("TERM");
        assert_eq!(client.closed().await, CloseCode::Draining, "{transport:?}");
        let ended = server.process().wait(Duration::from_secs(10));
        assert!(ended.status.success(), "{transport:?}: {}", server.stderr());
        server.restart();
        TestClient::enter(&server.anonymous(), &session, "again", transport).await;
    }
}
