//! A plugin's life on a server: installed, attached, changed under those who watch, misbehaving, rolled back, and gone.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use hd1_client::ServerEvent;
use hd1_core::NetId;
use hd1_tests::{Http, Pass, TestClient, TestServer, Transport, command, json_message};
use serde_json::{Value, json};

const ID: &str = "test:lift";

/// What has a Lift rises by its speed in each tick, or does what `run` says before.
fn module(run: &str) -> Vec<u8> {
    module_of(run, &json!([speed(9)]))
}

/// Of the Lift.
fn speed(max: u32) -> Value {
    json!({ "name": "speed", "doc": "In a tick.", "unit": "m", "default": { "F32": 0.25 },
        "kind": { "type": "f32", "range": { "min": 0, "max": max }, "step": 0.01 } })
}

/// The same with other fields of the Lift, which has more words then: `run` has to return by itself.
fn module_of(run: &str, fields: &Value) -> Vec<u8> {
    let plan = json!({
        "abi": 1,
        "components": [{
            "name": "Lift", "doc": "Goes up.", "delivery": "state", "client_writable": true, "fields": fields,
        }],
        "config": [{ "name": "factor", "doc": "On every speed.", "default": { "F32": 1 },
            "kind": { "type": "f32", "range": { "min": 0, "max": 10 }, "step": 0.01 } }],
        "systems": [{ "name": "up", "queries": [{ "write": ["Transform"], "read": ["Lift"] }] }],
    });
    let plan = plan.to_string().replace('"', "\\\"");
    let text = format!(
        r#"(module
            (import "hd1_sim_1" "log" (func $log (param i32 i32 i32)))
            (memory (export "memory") 4)
            (data (i32.const 16) "lifting")
            (func (export "hd1_reserve") (param i32) (result i32) (i32.const 1024))
            (func (export "hd1_run") (param $system i32) (param $batch i32) (result i32)
                (local $table i32) (local $rows i32) (local $y i32) (local $speed i32) (local $factor f32)
                (local.set $table (i32.add (local.get $batch) (i32.load offset=24 (local.get $batch))))
                (local.set $factor (f32.load (i32.add (local.get $batch) (i32.load offset=28 (local.get $batch)))))
                (local.set $rows (i32.load (local.get $table)))
                (local.set $y (i32.add (local.get $batch) (i32.load offset=8 (local.get $table))))
                (local.set $speed (i32.add (local.get $batch) (i32.load offset=12 (local.get $table))))
                {run}
                (block $end (loop $row
                    (br_if $end (i32.eqz (local.get $rows)))
                    (f32.store offset=4 (local.get $y) (f32.add (f32.load offset=4 (local.get $y))
                        (f32.mul (local.get $factor) (f32.load (local.get $speed)))))
                    (local.set $y (i32.add (local.get $y) (i32.const 40)))
                    (local.set $speed (i32.add (local.get $speed) (i32.const 4)))
                    (local.set $rows (i32.sub (local.get $rows) (i32.const 1)))
                    (br $row)))
                (i32.const 0))
            (@custom "hd1.plan" "{plan}"))"#
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

const UP: &str = "";
const DOWN: &str = "(local.set $factor (f32.neg (local.get $factor)))";
const NAN: &str = "(local.set $factor (f32.const nan))";
const TALK: &str = "(call $log (i32.const 1) (i32.const 16) (i32.const 7))";
const LOOP: &str = "(loop $on (br $on))";

/// Masks `darn` in the chat, and refuses what begins with a capital.
fn chat_module() -> Vec<u8> {
    let plan = json!({ "abi": 1, "hooks": [{ "name": "mask", "point": "chat" }] });
    let plan = plan.to_string().replace('"', "\\\"");
    let text = format!(
        r#"(module
            (memory (export "memory") 4)
            (data (i32.const 16) "no capitals")
            (func (export "hd1_reserve") (param i32) (result i32) (i32.const 1024))
            (func (export "hd1_run") (param i32 i32) (result i32) (i32.const 0))
            (func (export "hd1_hook") (param $hook i32) (param $at i32) (param $bytes i32) (result i32)
                (local $fields i32) (local $room i32) (local $text i32) (local $length i32) (local $i i32)
                (local.set $fields (i32.add (local.get $at) (i32.load offset=24 (local.get $at))))
                (local.set $room (i32.add (local.get $at) (i32.load offset=32 (local.get $at))))
                (local.set $text (i32.add (local.get $at) (i32.load offset=12 (local.get $fields))))
                (local.set $length (i32.load offset=16 (local.get $fields)))
                (if (i32.lt_u (i32.load8_u (local.get $text)) (i32.const 91)) (then
                    (memory.copy (local.get $room) (i32.const 16) (i32.const 11))
                    (i32.store offset=40 (local.get $at) (i32.const 11))
                    (return (i32.const 2))))
                (memory.copy (local.get $room) (local.get $text) (local.get $length))
                (i32.store offset=40 (local.get $at) (local.get $length))
                (block $end (loop $on
                    (br_if $end (i32.gt_u (i32.add (local.get $i) (i32.const 4)) (local.get $length)))
                    (if (i32.eq (i32.load (i32.add (local.get $room) (local.get $i))) (i32.const 0x6e726164)) (then
                        (i32.store (i32.add (local.get $room) (local.get $i)) (i32.const 0x2a2a2a2a))))
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br $on)))
                (i32.const 1))
            (@custom "hd1.plan" "{plan}"))"#
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Runs `hd1 plugin …` against the server: what it printed, or how it failed.
fn plugin(server: &TestServer, folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let all: Vec<&str> = ["plugin"].iter().chain(arguments).copied().collect();
    let mut command = command(&all);
    command.env("HD1_URL", server.ready().http.clone()).env("HD1_TOKEN", server.admin_token());
    let output = command.current_dir(folder).output().expect("hd1 can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Packs a version and installs it.
fn install(server: &TestServer, folder: &Path, version: &str, run: &str) -> Result<String, String> {
    install_module(server, folder, version, &module(run))
}

fn install_module(server: &TestServer, folder: &Path, version: &str, module: &[u8]) -> Result<String, String> {
    let manifest = format!(
        "[plugin]\nid = \"{ID}\"\nversion = \"{version}\"\napi = \"^1\"\nname = \"Lift\"\n[sim]\nmodule = \"lift.wasm\"\n"
    );
    let source = folder.join("lift");
    fs::create_dir_all(&source).unwrap();
    fs::write(source.join("plugin.toml"), manifest).unwrap();
    fs::write(source.join("lift.wasm"), module).unwrap();
    plugin(server, folder, &["pack", "lift", "--out", "lift.hd1p"])?;
    plugin(server, folder, &["install", "lift.hd1p"])
}

fn height(http: &Http, session: &str, entity: u64) -> f64 {
    let entity = http.get(&format!("/api/sessions/{session}/entities/{entity}")).expect(200);
    entity["components"]["Transform"]["position"][1].as_f64().unwrap()
}

/// Waits for something to become so.
#[track_caller]
fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}: not within 20 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn rises(http: &Http, session: &str, entity: u64, by: f64) {
    let before = height(http, session, entity);
    until("it moves", || (height(http, session, entity) - before > by).then_some(()));
}

fn world_state(http: &Http, session: &str) -> Value {
    http.get(&format!("/api/sessions/{session}/plugins")).expect(200)["plugins"][0]["health"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_swapped_under_those_who_watch_and_nobody_is_cut_off() {
    let server = TestServer::start();
    let (session, http, folder) = (server.demo_session(), server.admin(), tempfile::tempdir().unwrap());
    let at = folder.path();
    let mut ada = TestClient::enter(&server.anonymous(), &session, "Ada", Transport::Quic).await;
    let mut ben = TestClient::enter(&server.anonymous(), &session, "Ben", Transport::WebSocket).await;

    let said = install(&server, at, "1.0.0", UP).unwrap();
    assert!(said.contains("test:lift 1.0.0 (dev) installed"), "{said}");
    let attached = http.post(&format!("/api/sessions/{session}/plugins"), &json!({ "plugin": ID })).expect(201);
    assert_eq!(attached["effective_config"], json!({ "factor": 1.0 }));
    let body = json!({ "components": { "Transform": { "position": [0, 1, -5] }, "Lift": {} } });
    let made = until("the component is there", || {
        let reply = http.post(&format!("/api/sessions/{session}/entities"), &body);
        (reply.status == 201).then(|| reply.json())
    });
    let id = made["id"].as_u64().unwrap();
    let entity = NetId(u32::try_from(id).unwrap());
    // Both see it rise, and its own component, by whatever way they came.
    for client in [&mut ada, &mut ben] {
        let begun = client.until("the entity", |client| client.position(entity)).await[1];
        client.until("it rises", |client| client.position(entity).filter(|at| at[1] > begun + 0.5)).await;
        assert_eq!(client.component(entity, "Lift").unwrap()["speed"], 0.25);
    }

    // Configs are checked, and count at once.
    let path = format!("/api/plugins/{ID}");
    let problem = http.patch(&path, &json!({ "config": { "factor": 11 } })).problem(422, "invalid");
    assert!(problem.to_string().contains("config.factor"), "{problem}");
    http.patch(&path, &json!({ "config": { "factor": 0 } })).expect(200);
    stands_still(&http, &session, id);
    let one = format!("/api/sessions/{session}/plugins/{ID}");
    let patched = http.patch(&one, &json!({ "config": { "factor": 2 } })).expect(200);
    assert_eq!(patched["effective_config"]["factor"], 2.0);
    rises(&http, &session, id, 0.4);

    // A new version comes to all at their next tick.
    install(&server, at, "1.1.0", DOWN).unwrap();
    let top = height(&http, &session, id);
    until("it falls", || (height(&http, &session, id) < top - 0.5).then_some(()));
    for client in [&mut ada, &mut ben] {
        let begun = client.position(entity).unwrap()[1];
        client.until("it falls for all", |client| client.position(entity).filter(|at| at[1] < begun - 0.5)).await;
    }
    let rolled_back = http.post(&format!("{path}/rollback"), &json!({})).expect(200);
    assert_eq!((&rolled_back["version"], &rolled_back["previous_version"]), (&json!("1.0.0"), &json!("1.1.0")));
    rises(&http, &session, id, 0.4);
    http.post(&format!("{path}/disable"), &json!({})).expect(200);
    stands_still(&http, &session, id);
    http.post(&format!("{path}/enable"), &json!({})).expect(200);
    rises(&http, &session, id, 0.4);

    // What it did is counted.
    let stats = http.get(&format!("{path}/stats")).expect(200);
    assert_eq!(stats["systems"][0]["system"], "up");
    assert!(stats["systems"][0]["runs"].as_u64().unwrap() > 10 && stats["systems"][0]["fuel"].as_u64().unwrap() > 100);
    let health = http.get(&format!("{path}/health")).expect(200);
    assert_eq!(health["state"], "running", "{health}");
    assert_eq!(http.get("/api/plugins?enabled=true").expect(200)["plugins"][0]["id"], ID);
    assert!(plugin(&server, at, &["list"]).unwrap().contains("1.0.0"));

    // A value that is no number is not taken, and told.
    install(&server, at, "1.2.0", NAN).unwrap();
    until("rows are refused", || world_state(&http, &session)["refused_rows"].as_u64().filter(|rows| *rows > 0));
    stands_still(&http, &session, id);
    http.post(&format!("{path}/rollback"), &json!({})).expect(200);
    rises(&http, &session, id, 0.4);

    // Killed and started again the world goes on with it.
    let mut server = server;
    until("a snapshot has it", || {
        let stats = http.get(&format!("/api/sessions/{session}/stats")).expect(200);
        (stats["snapshot_tick"].as_u64() >= stats["tick"].as_u64().map(|tick| tick.saturating_sub(60))).then_some(())
    });
    server.kill_and_restart();
    let http = server.admin();
    rises(&http, &session, id, 0.4);

    // Taken out it leaves what it made; uninstalled it is nowhere.
    http.send("PUT", &format!("/api/sessions/{session}/plugins"), Some(json!({ "plugins": [] }).to_string()))
        .expect(200);
    stands_still(&http, &session, id);
    assert!(plugin(&server, at, &["attach", ID, "--session", &session]).unwrap().contains("attached"));
    // The session's own config went with its place; the plugin's stayed.
    assert!(plugin(&server, at, &["config", ID, "factor=1"]).unwrap().contains("factor"));
    rises(&http, &session, id, 0.4);
    assert!(http.delete(&one).status < 300);
    assert!(http.delete(&path).status < 300);
    http.get(&path).problem(404, "not_found");
    assert_eq!(
        fs::read_dir(server.data().join("plugins")).unwrap().flatten().filter(|e| e.path().is_file()).count(),
        0
    );
}

#[track_caller]
fn stands_still(http: &Http, session: &str, entity: u64) {
    // The tick under way may still be one of the old list.
    let before = until("it comes to rest", || {
        let first = height(http, session, entity);
        std::thread::sleep(Duration::from_millis(120));
        (height(http, session, entity) == first).then_some(first)
    });
    std::thread::sleep(Duration::from_millis(120));
    assert_eq!(height(http, session, entity), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_with_another_schema_reaches_those_who_watch_and_those_who_come() {
    let server = TestServer::start();
    let (session, http, folder) = (server.demo_session(), server.admin(), tempfile::tempdir().unwrap());
    let at = folder.path();
    let mut ada = TestClient::enter(&server.anonymous(), &session, "Ada", Transport::Quic).await;
    let mut ben = TestClient::enter(&server.anonymous(), &session, "Ben", Transport::WebSocket).await;
    install(&server, at, "1.0.0", UP).unwrap();
    http.post(&format!("/api/sessions/{session}/plugins"), &json!({ "plugin": ID })).expect(201);
    let body = json!({ "components": { "Transform": { "position": [0, 1, -5] }, "Lift": { "speed": 0.5 } } });
    let made = until("the component is there", || {
        let reply = http.post(&format!("/api/sessions/{session}/entities"), &body);
        (reply.status == 201).then(|| reply.json())
    });
    let entity = NetId(u32::try_from(made["id"].as_u64().unwrap()).unwrap());
    for client in [&mut ada, &mut ben] {
        client.until("the lift", |client| client.component(entity, "Lift")).await;
    }
    let pass = {
        let (http, session) = (server.anonymous(), session.clone());
        tokio::task::spawn_blocking(move || Pass::obtain(&http, &session, "Dan")).await.unwrap()
    };
    let mut dan = pass.json_link().await;
    let hello = json!({ "t": "hello", "version": 1, "client": "desktop", "ticket": pass.ticket() });
    dan.send(hd1_protocol::Packet::control(hello.to_string()));
    json_message(&mut dan, "snapshot").await;
    // One field more, and more room in the other: what it was goes on, and nobody is cut off.
    let height = json!({ "name": "height", "doc": "", "default": { "F32": 2 },
        "kind": { "type": "f32", "range": { "min": 0, "max": 5 }, "step": 0.01 } });
    let wider = module_of("(return (i32.const 0))", &json!([height, speed(20)]));
    install_module(&server, at, "1.1.0", &wider).unwrap();
    let mut cleo = TestClient::enter(&server.anonymous(), &session, "Cleo", Transport::WebTransport).await;
    for client in [&mut ada, &mut ben, &mut cleo] {
        let seen = |client: &mut TestClient| client.component(entity, "Lift").filter(|lift| lift["height"] == 2.0);
        let lift = client.until("its other fields", seen).await;
        assert_eq!(lift, json!({ "height": 2.0, "speed": 0.5 }));
    }
    // By name it is one component that changed: nobody is told that it is gone.
    loop {
        let structure = json_message(&mut dan, "structure").await;
        let ops = structure["ops"].as_array().unwrap();
        assert!(!ops.iter().any(|op| op["op"] == "remove" && op["component"] == "Lift"), "{structure}");
        if ops.iter().any(|op| op["components"]["Lift"]["height"] == 2.0) {
            break;
        }
    }
    let path = format!("/api/sessions/{session}/entities/{}", entity.0);
    let http_lift = || http.get(&path).expect(200)["components"]["Lift"].clone();
    assert_eq!(http_lift(), json!({ "height": 2.0, "speed": 0.5 }));
    // What is changed from now on reaches them by the new schema.
    http.patch(&path, &json!({ "components": { "Lift": { "speed": 8.0, "height": 1.5 } } })).expect(200);
    for client in [&mut ada, &mut ben, &mut cleo] {
        client.until("a change", |c| c.component(entity, "Lift").filter(|lift| lift["height"] == 1.5)).await;
    }
    http.post(&format!("/api/plugins/{ID}/rollback"), &json!({})).expect(200);
    for client in [&mut ada, &mut ben, &mut cleo] {
        client.until("its old fields", |c| c.component(entity, "Lift").filter(|l| *l == json!({ "speed": 8.0 }))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_decides_what_others_hear_in_the_chat() {
    let server = TestServer::start();
    let (session, http, folder) = (server.demo_session(), server.admin(), tempfile::tempdir().unwrap());
    install_module(&server, folder.path(), "1.0.0", &chat_module()).unwrap();
    http.post(&format!("/api/sessions/{session}/plugins"), &json!({ "plugin": ID })).expect(201);
    until("it runs", || (world_state(&http, &session)["state"] == "running").then_some(()));
    let mut ada = TestClient::enter(&server.anonymous(), &session, "Ada", Transport::Quic).await;
    let mut ben = TestClient::enter(&server.anonymous(), &session, "Ben", Transport::WebSocket).await;
    ada.client.chat("well, darn it").await.unwrap();
    for client in [&mut ada, &mut ben] {
        let heard = client
            .event("the line", |event| match event {
                ServerEvent::Chat { text, .. } => Some(text),
                _ => None,
            })
            .await;
        assert_eq!(heard, "well, **** it");
    }
    let refused = ben.client.chat("Darn").await.unwrap_err();
    assert!(refused.to_string().contains("no capitals"), "{refused}");
    let stats = http.get(&format!("/api/plugins/{ID}/stats")).expect(200);
    assert_eq!((&stats["systems"][0]["system"], &stats["systems"][0]["runs"]), (&json!("mask"), &json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_never_returns_is_held_back_and_costs_the_world_nothing_but_itself() {
    let server = TestServer::start();
    let (session, http, folder) = (server.demo_session(), server.admin(), tempfile::tempdir().unwrap());
    let at = folder.path();
    install(&server, at, "1.0.0", TALK).unwrap();
    http.post(&format!("/api/sessions/{session}/plugins"), &json!({ "plugin": ID })).expect(201);
    let path = format!("/api/plugins/{ID}");
    let line = until("it logs", || http.get(&format!("{path}/logs")).expect(200)["lines"].as_array()?.first().cloned());
    assert_eq!((&line["text"], &line["level"], &line["system"]), (&json!("lifting"), &json!("warn"), &json!("up")));
    assert_eq!(line["session_id"], json!(session));
    assert!(plugin(&server, at, &["logs", ID]).unwrap().contains("lifting"));

    let mut ada = TestClient::enter(&server.anonymous(), &session, "Ada", Transport::Quic).await;
    // An update that fails goes back by itself.
    install(&server, at, "1.1.0", LOOP).unwrap();
    until("it went back", || (http.get(&path).expect(200)["version"] == "1.0.0").then_some(()));
    until("it runs", || (world_state(&http, &session)["state"] == "running").then_some(()));

    // One that was never well is held back.
    assert!(http.delete(&path).status < 300);
    install(&server, at, "2.0.0", LOOP).unwrap();
    http.post(&format!("/api/sessions/{session}/plugins"), &json!({ "plugin": ID })).expect(201);
    let state = until("it is held back", || {
        let health = world_state(&http, &session);
        (health["state"] == "restarting" || health["state"] == "suspended").then_some(health)
    });
    assert!(state["faults"].as_u64().unwrap() >= 3, "{state}");
    assert!(state["reason"].as_str().unwrap().starts_with("up: it "), "{state}");
    let stats = http.get(&format!("{path}/stats")).expect(200);
    let faults = stats["systems"][0]["faults"].as_object().unwrap();
    assert!(faults.contains_key("time") || faults.contains_key("fuel"), "{stats}");
    // The world ticks, and who is in it plays on.
    let avatar = ada.until("the avatar", |client| client.avatar()).await;
    let begun = ada.until("a place", |client| client.position(avatar)).await;
    ada.walk(0.0);
    ada.until("she walks", |client| client.position(avatar).filter(|now| *now != begun)).await;

    // Mended it runs again at once, also where it was given up.
    install(&server, at, "2.1.0", UP).unwrap();
    until("it runs", || (world_state(&http, &session)["state"] == "running").then_some(()));
    http.post(&format!("{path}/restart"), &json!({})).expect(200);
    until("it runs", || (world_state(&http, &session)["state"] == "running").then_some(()));
    http.get(&path).expect(200);
}
