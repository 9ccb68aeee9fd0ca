//! API tokens: made from the admin token, shown once, revoked.

use hd1_tests::TestServer;
use serde_json::json;

#[test]
fn a_token_does_what_its_role_says_until_it_is_revoked() {
    let mut server = TestServer::start();
    let admin = server.admin();
    let made = admin.post("/api/tokens", &json!({"name": "ci", "role": "developer"})).expect(201);
    let secret = made["secret"].as_str().unwrap().to_owned();
    let list = admin.get("/api/tokens").expect(200);
    assert!(list.to_string().contains(made["id"].as_str().unwrap()));
    assert!(!list.to_string().contains(&secret), "a secret is shown once");

    let developer = server.anonymous().with_token(&secret);
    let session = developer.post("/api/sessions", &json!({"name": "mine"})).expect(201);
    assert_eq!(session["owner"], made["id"]);
    developer.get("/api/tokens").problem(403, "denied");
    developer.post("/api/tokens", &json!({"name": "more", "role": "admin"})).problem(403, "denied");

    let viewer = admin.post("/api/tokens", &json!({"name": "eyes", "role": "viewer"})).expect(201);
    let viewer = server.anonymous().with_token(viewer["secret"].as_str().unwrap());
    viewer.post("/api/sessions", &json!({"name": "no"})).problem(403, "denied");

    server.kill_and_restart();
    let developer = server.anonymous().with_token(&secret);
    developer.get(&format!("/api/sessions/{}", session["id"].as_str().unwrap())).expect(200);
    server.admin().delete(&format!("/api/tokens/{}", made["id"].as_str().unwrap())).expect(204);
    developer.get("/api/sessions").problem(401, "unauthenticated");
}
