//! The first minute: ready, closed to strangers, and gone in order when asked.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use hd1_tests::{Options, TestServer};
use serde_json::json;

#[test]
fn a_server_says_when_it_is_ready_and_nothing_else() {
    let mut server = TestServer::start();
    let ready = server.ready().clone();
    assert!(ready.http.starts_with("http://127.0.0.1:"), "{ready:?}");
    assert!(ready.quic.starts_with("127.0.0.1:"), "{ready:?}");
    assert_eq!(ready.certificate_sha256.len(), 64, "{ready:?}");

    let anonymous = server.anonymous();
    assert_eq!(anonymous.get("/healthz").status, 200);
    assert_eq!(anonymous.get("/readyz").status, 200);

    let ended = server.terminate();
    assert!(ended.status.success(), "{:?}\n{}", ended.status, server.stderr());
    assert!(ended.after < Duration::from_secs(10), "{ended:?}");
    assert_eq!(server.process().next_line(Duration::from_secs(1)), None, "only the ready line is on stdout");
}

#[test]
fn the_admin_token_is_made_once_and_readable_by_its_account_alone() {
    let mut server = TestServer::start();
    let file = server.data().join("admin-token");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let token = server.admin_token();
    assert!(server.stderr().contains("admin-token"), "the log says where it is:\n{}", server.stderr());
    assert!(!server.stderr().contains(&token), "and not what it is");

    server.kill_and_restart();
    assert_eq!(server.admin_token(), token);
    server.admin().get("/api/tokens").expect(200);
}

#[test]
fn there_is_no_way_in_without_a_token() {
    let server = TestServer::start();
    let anonymous = server.anonymous();
    anonymous.post("/api/sessions", &json!({"name": "mine"})).problem(401, "unauthenticated");
    anonymous.get("/api/tokens").problem(401, "unauthenticated");
    anonymous.with_token("admin").get("/api/sessions").problem(401, "unauthenticated");
}

#[test]
fn the_demo_session_is_made_at_the_first_start_alone() {
    let mut server = TestServer::with_scene("cubes");
    let session = server.demo_session();
    let shown = server.anonymous().get(&format!("/api/sessions/{session}")).expect(200);
    assert_eq!(shown["scene"], "cubes", "{shown}");
    assert_eq!(shown["visibility"], "public", "{shown}");
    assert_eq!(shown["settings"]["guests"], true, "{shown}");

    server.admin().delete(&format!("/api/sessions/{session}")).expect(204);
    server.kill_and_restart();
    let list = server.anonymous().get("/api/sessions").expect(200);
    assert_eq!(list["sessions"], json!([]), "what was deleted stays deleted");
}

#[test]
fn guests_are_not_let_in_where_the_setting_says_no() {
    let config = Some("[demo]\nguests = false".to_owned());
    let server = TestServer::with(Options { config, ..Options::default() });
    let session = server.demo_session();
    server.anonymous().post(&format!("/api/sessions/{session}/join"), &json!({})).problem(401, "unauthenticated");
}
