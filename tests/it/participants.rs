//! Places in a session over HTTP: joining, the limit, leaving, being sent away.

use hd1_tests::TestServer;
use serde_json::{Value, json};

#[test]
fn joining_gives_all_that_is_needed_to_connect() {
    let server = TestServer::start();
    let path = format!("/api/sessions/{}", server.demo_session());
    let join = server.anonymous().post(&format!("{path}/join"), &json!({"name": "Ada"})).expect(200);
    assert_eq!(join["role"], "participant");
    assert_eq!(join["certificate_sha256"], server.ready().certificate_sha256.as_str());
    assert_eq!(join["endpoints"]["quic"], server.ready().quic.as_str());
    let websocket = join["endpoints"]["websocket"].as_str().unwrap();
    assert!(websocket.starts_with(&server.ready().http.replace("http://", "ws://")), "{join}");
    assert!(join["endpoints"]["webtransport"].as_str().unwrap().contains(&server.ready().quic), "{join}");
    assert!((1..=60).contains(&join["expires_in_s"].as_u64().unwrap()), "{join}");
    assert!(!join["endpoints"].to_string().contains(join["ticket"].as_str().unwrap()), "a ticket is never in a URL");

    let member = server.anonymous().with_token(join["participant_token"].as_str().unwrap());
    let again = member.post(&format!("{path}/join"), &json!({})).expect(200);
    assert_eq!(again["participant_id"], join["participant_id"], "it comes back under the same membership");
    member.post(&format!("{path}/leave"), &json!({})).expect(204);
}

#[test]
fn the_limit_of_places_holds_under_simultaneous_joins() {
    let server = TestServer::start();
    let wish = json!({"name": "small", "visibility": "unlisted", "max_participants": 5, "settings": {"guests": true}});
    let made = server.admin().post("/api/sessions", &wish).expect(201);
    let path = format!("/api/sessions/{}/join", made["id"].as_str().unwrap());
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let joins: Vec<_> = (0..24)
            .map(|_| {
                let (http, path) = (server.anonymous(), &path);
                scope.spawn(move || http.post(path, &json!({})).status)
            })
            .collect();
        joins.into_iter().map(|join| join.join().expect("no thread panics")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 5, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 409 | 429)), "{statuses:?}");
}

#[test]
fn who_is_kicked_is_gone() {
    let server = TestServer::start();
    let admin = server.admin();
    let path = format!("/api/sessions/{}", server.demo_session());
    let join = server.anonymous().post(&format!("{path}/join"), &json!({"name": "Mallory"})).expect(200);
    let here = |list: &Value| list["participants"].to_string().contains("Mallory");
    assert!(here(&admin.get(&format!("{path}/participants")).expect(200)));

    let wish = json!({"participant_id": join["participant_id"], "reason": "enough"});
    server.anonymous().post(&format!("{path}/kick"), &wish).problem(401, "unauthenticated");
    admin.post(&format!("{path}/kick"), &wish).expect(204);
    assert!(!here(&admin.get(&format!("{path}/participants")).expect(200)));
    let member = server.anonymous().with_token(join["participant_token"].as_str().unwrap());
    assert!(matches!(member.post(&format!("{path}/join"), &json!({})).status, 401 | 403 | 404));
}

#[test]
fn a_role_beyond_ones_rights_is_refused() {
    let server = TestServer::start();
    let path = format!("/api/sessions/{}/join", server.demo_session());
    server.anonymous().post(&path, &json!({"role": "owner"})).problem(403, "denied");
    assert_eq!(server.admin().post(&path, &json!({})).expect(200)["role"], "owner");
    assert_eq!(server.admin().post(&path, &json!({"role": "viewer"})).expect(200)["role"], "viewer");
}
