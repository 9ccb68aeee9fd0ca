//! `kill -9`: no acknowledged write is lost, and every world wakes at most one snapshot interval older.

use std::sync::atomic::{AtomicBool, Ordering};

use hd1_tests::{Http, TestServer};
use serde_json::json;

/// Makes sessions until the server is gone; answers the ids that were acknowledged.
fn make_sessions_until_it_is_gone(http: &Http, writer: usize, enough: &AtomicBool) -> Vec<String> {
    let mut acknowledged = Vec::new();
    loop {
        let body = json!({"name": format!("w{writer}-{}", acknowledged.len()), "tick_rate": 5}).to_string();
        match http.try_send("POST", "/api/sessions", Some(body)) {
            Ok(reply) if reply.status == 201 => {
                acknowledged.push(reply.json()["id"].as_str().unwrap().to_owned());
                if acknowledged.len() >= 5 {
                    enough.store(true, Ordering::SeqCst);
                }
            }
            // Slowed down by the rate limit: the story is about the writes that were acknowledged.
            Ok(reply) if reply.status == 429 => std::thread::yield_now(),
            Ok(reply) => panic!("{}: {}", reply.status, reply.body),
            Err(_) => return acknowledged,
        }
    }
}

#[test]
fn killed_under_load_it_loses_no_acknowledged_write_and_wakes_every_session() {
    let mut server = TestServer::start();
    let enough = AtomicBool::new(false);
    let acknowledged: Vec<String> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let (http, enough) = (server.admin(), &enough);
                scope.spawn(move || make_sessions_until_it_is_gone(&http, writer, enough))
            })
            .collect();
        while !enough.load(Ordering::SeqCst) {
            assert!(writers.iter().all(|writer| !writer.is_finished()), "a writer stopped early:\n{}", server.stderr());
            std::thread::yield_now();
        }
        server.process().kill();
        writers.into_iter().flat_map(|writer| writer.join().expect("no writer panics")).collect()
    });
    server.restart();
    let admin = server.admin();
    assert!(acknowledged.len() >= 5);
    for id in &acknowledged {
        let session = admin.get(&format!("/api/sessions/{id}")).expect(200);
        assert_eq!(session["status"], "running", "{session}");
    }
}

#[test]
fn a_world_goes_on_from_its_last_snapshot() {
    let mut server = TestServer::start();
    let path = format!("/api/sessions/{}", server.demo_session());
    let admin = server.admin();
    let body = json!({"name": "monument", "components": {"Transform": {"position": [3, 0, 3]}}});
    let made = admin.post(&format!("{path}/entities"), &body).expect(201);
    let taken = admin.post(&format!("{path}/snapshot"), &json!({})).expect(200);

    server.kill_and_restart();
    let admin = server.admin();
    let kept = admin.get(&format!("{path}/entities/monument")).expect(200);
    assert_eq!(kept["id"], made["id"]);
    let tick = admin.get(&format!("{path}/stats")).expect(200)["tick"].as_u64().unwrap();
    assert!(tick >= taken["tick"].as_u64().unwrap(), "it continues, it does not begin anew");
}

#[test]
fn paused_and_stopped_sessions_stay_so() {
    let mut server = TestServer::start();
    let admin = server.admin();
    let mut made = Vec::new();
    for (step, status) in [("pause", "paused"), ("stop", "stopped"), ("hibernate", "hibernated")] {
        let session = admin.post("/api/sessions", &json!({"name": step})).expect(201);
        let path = format!("/api/sessions/{}", session["id"].as_str().unwrap());
        admin.post(&format!("{path}/{step}"), &json!({})).expect(200);
        made.push((path, status));
    }
    server.kill_and_restart();
    for (path, status) in made {
        assert_eq!(server.admin().get(&path).expect(200)["status"], status);
    }
}

#[test]
fn two_servers_never_share_a_data_folder() {
    let server = TestServer::start();
    let mut command = hd1_tests::command(&["serve", "--http", "127.0.0.1:0", "--quic", "127.0.0.1:0", "--data"]);
    let output = command.arg(server.data()).output().expect("hd1 can be started");
    assert!(!output.status.success());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("another hd1 uses the data folder"), "{stderr}");
}
