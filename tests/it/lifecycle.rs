//! A world's life over HTTP: every step, and what each leaves of the world.

use hd1_tests::{Http, TestServer};
use serde_json::{Value, json};

struct Session {
    http: Http,
    path: String,
}

impl Session {
    fn create(server: &TestServer, body: &Value) -> Self {
        let http = server.admin();
        let made = http.post("/api/sessions", body).expect(201);
        let path = format!("/api/sessions/{}", made["id"].as_str().unwrap());
        Self { http, path }
    }

    fn step(&self, step: &str) -> Value {
        self.http.post(&format!("{}/{step}", self.path), &json!({})).expect(200)
    }

    fn tick(&self) -> u64 {
        self.http.get(&format!("{}/stats", self.path)).expect(200)["tick"].as_u64().expect("stats have a tick")
    }
}

#[test]
fn every_step_leads_where_it_says() {
    let server = TestServer::start();
    let session = Session::create(&server, &json!({"name": "life", "scene": "lobby", "autostart": false}));
    assert_eq!(session.http.get(&session.path).expect(200)["status"], "created");
    for (step, status) in [
        ("start", "running"),
        ("pause", "paused"),
        ("pause", "paused"),
        ("resume", "running"),
        ("hibernate", "hibernated"),
        ("wake", "running"),
        ("stop", "stopped"),
        ("start", "running"),
        ("restart", "running"),
    ] {
        let answered = session.step(step);
        assert_eq!(answered["status"], status, "after {step}");
        assert_eq!(session.http.get(&session.path).expect(200)["status"], status, "after {step}");
    }
    session.step("stop");
    session.http.post(&format!("{}/pause", session.path), &json!({})).problem(409, "conflict");
}

#[test]
fn a_paused_world_stands_still_and_a_hibernated_one_goes_on_where_it_was() {
    let server = TestServer::start();
    let session = Session::create(&server, &json!({"name": "sleeper", "scene": "lobby"}));
    let taken = session.http.post(&format!("{}/snapshot", session.path), &json!({})).expect(200);
    assert!(taken["bytes"].as_u64().unwrap() > 0, "{taken}");

    session.step("pause");
    let tick = session.tick();
    assert_eq!(session.tick(), tick);
    assert!(tick >= taken["tick"].as_u64().unwrap());
    session.step("resume");

    let made = session.http.post(
        &format!("{}/entities", session.path),
        &json!({"name": "keepsake", "components": {"Transform": {"position": [1, 2, 3]}}}),
    );
    let made = made.expect(201);
    session.step("hibernate");
    // Asking wakes it.
    let kept = session.http.get(&format!("{}/entities/keepsake", session.path)).expect(200);
    assert_eq!(kept["id"], made["id"]);
    assert_eq!(session.http.get(&session.path).expect(200)["status"], "running");
    assert!(session.tick() >= tick);
}

#[test]
fn somebody_elses_session_cannot_be_moved() {
    let server = TestServer::start();
    let token = server.admin().post("/api/tokens", &json!({"name": "dev", "role": "developer"})).expect(201);
    let developer = server.anonymous().with_token(token["secret"].as_str().unwrap());
    let session = server.demo_session();
    developer.post(&format!("/api/sessions/{session}/pause"), &json!({})).problem(403, "denied");
    server.anonymous().post(&format!("/api/sessions/{session}/pause"), &json!({})).problem(401, "unauthenticated");
}
