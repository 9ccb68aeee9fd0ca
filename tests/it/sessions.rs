//! The session's record over HTTP: made, found, changed, removed, and refused with the place of the fault.

use hd1_tests::{Http, TestServer};
use serde_json::{Value, json};

fn create(http: &Http, body: &Value) -> String {
    let session = http.post("/api/sessions", body).expect(201);
    session["id"].as_str().expect("it has an id").to_owned()
}

#[test]
fn a_session_is_made_read_changed_and_removed() {
    let server = TestServer::start();
    let admin = server.admin();
    let wish = json!({
        "name": "workshop", "description": "where things are made", "visibility": "unlisted",
        "max_participants": 7, "tick_rate": 20, "scene": "lobby", "metadata": {"room": 12},
    });
    let made = admin.post("/api/sessions", &wish).expect(201);
    let path = format!("/api/sessions/{}", made["id"].as_str().unwrap());
    for (key, value) in wish.as_object().unwrap() {
        assert_eq!(&made[key], value, "{key} in {made}");
    }
    assert_eq!(made["status"], "running", "{made}");

    let patched = admin.patch(&path, &json!({"name": "atelier", "metadata": {}})).expect(200);
    assert_eq!(patched["name"], "atelier");
    assert_eq!(patched["description"], "where things are made");
    assert_eq!(admin.get(&path).expect(200), patched);

    admin.delete(&path).expect(204);
    admin.get(&path).problem(404, "not_found");
    admin.delete(&path).problem(404, "not_found");
}

#[test]
fn the_list_is_filtered_and_paged() {
    let server = TestServer::start();
    let admin = server.admin();
    for number in 0..5 {
        create(&admin, &json!({"name": format!("room {number}"), "visibility": "unlisted", "autostart": number > 2}));
    }
    let unlisted = admin.get("/api/sessions?visibility=unlisted&limit=2&offset=1").expect(200);
    assert_eq!(unlisted["sessions"].as_array().unwrap().len(), 2);
    assert_eq!(unlisted["pagination"], json!({"total": 5, "limit": 2, "offset": 1, "has_more": true}));
    let created = admin.get("/api/sessions?status=created").expect(200);
    assert_eq!(created["pagination"]["total"], 3, "{created}");
    let public = server.anonymous().get("/api/sessions").expect(200);
    assert_eq!(public["pagination"]["total"], 1, "only the demo session is public: {public}");

    admin.get("/api/sessions?limit=100000").problem(422, "invalid");
    admin.get("/api/sessions?status=sleeping").problem(400, "invalid_request");
}

#[test]
fn what_is_wrong_is_named() {
    let server = TestServer::start();
    let admin = server.admin();
    let refused = |body: &Value| admin.post("/api/sessions", body);

    let problem = refused(&json!({"name": "", "max_participants": 0})).problem(422, "invalid");
    let paths: Vec<&str> = problem["errors"].as_array().unwrap().iter().map(|e| e["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["name", "max_participants"], "{problem}");

    let scene = json!({"name": "x", "entities": [{"components": {"Geometry": {"shape": "sphere", "radius": -1}}}]});
    let problem = refused(&json!({"name": "bad scene", "scene": scene})).problem(422, "invalid");
    let path = problem["errors"][0]["path"].as_str().unwrap();
    assert!(path.contains("entities[0].components.Geometry.radius"), "{problem}");

    refused(&json!({"name": "no such scene", "scene": "moonbase"})).problem(422, "invalid");
    refused(&json!({"nmae": "typo"})).problem(400, "invalid_request");
    refused(&json!({"name": "too fast", "tick_rate": 1000})).problem(400, "invalid_request");
    let deep =
        format!("{{\"name\":\"deep\",\"metadata\":{}{}}}", "{\"a\":".repeat(200), "1".to_owned() + &"}".repeat(200));
    admin.send("POST", "/api/sessions", Some(deep)).problem(400, "invalid_request");
    let huge = json!({"name": "huge", "description": "x".repeat(8 << 20)}).to_string();
    // The server need not wait for the end of it: the answer may be lost with the connection.
    if let Ok(reply) = admin.try_send("POST", "/api/sessions", Some(huge)) {
        reply.problem(413, "payload_too_large");
    }
    admin.get("/api/sessions").expect(200);
}

#[test]
fn a_private_session_does_not_exist_for_others() {
    let server = TestServer::start();
    let admin = server.admin();
    let session = create(&admin, &json!({"name": "secret"}));
    let path = format!("/api/sessions/{session}");
    let missing = format!("/api/sessions/{}", "01900000-0000-7000-8000-000000000000");
    let hidden = server.anonymous().get(&path).problem(404, "not_found");
    let absent = server.anonymous().get(&missing).problem(404, "not_found");
    assert_eq!(hidden["title"], absent["title"]);
    assert_eq!(hidden["detail"], absent["detail"], "foreign and missing ids answer the same");
    server.anonymous().post(&format!("{path}/join"), &json!({})).problem(404, "not_found");
}
