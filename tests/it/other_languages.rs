//! A plugin in C, from its source to a world: built, checked, tested, packed, installed, and seen at work.
//!
//! Skipped where clang is not installed, unless `CI=true` requires it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hd1_client::ServerEvent;
use hd1_core::NetId;
use hd1_tests::{Http, TestClient, TestServer, Transport, command};
use serde_json::{Value, json};

const ID: &str = "hd1:windmill";
const SPARKS: &str = include_str!("other_languages/sparks.c");

/// Can this machine compile C to WebAssembly?
fn has_clang() -> bool {
    let is_there = |program: &str| Command::new(program).arg("--version").output().is_ok_and(|it| it.status.success());
    let missing: Vec<_> = ["clang", "wasm-ld", "make"].into_iter().filter(|program| !is_there(program)).collect();
    let required = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(missing.is_empty() || !required, "CI=true needs clang, lld and make: there is no {missing:?}");
    if !missing.is_empty() {
        eprintln!("skipped: there is no {missing:?} here");
    }
    missing.is_empty()
}

/// The plugin and the header that it includes, as they lie in the repository, in a folder of the test's own.
fn copied(to: &Path) {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    for name in
        ["plugin.toml", "Makefile", "README.md", "src/windmill.c"].map(|name| format!("first-party/windmill/{name}"))
    {
        copy(&plugins, to, &name);
    }
    copy(&plugins, to, "c/hd1_sim.h");
}

fn copy(from: &Path, to: &Path, name: &str) {
    fs::create_dir_all(to.join(name).parent().unwrap()).unwrap();
    fs::copy(from.join(name), to.join(name)).unwrap();
}

/// Runs `hd1 plugin …` where the plugin is: what it printed, or how it failed.
fn plugin(folder: &Path, server: Option<&TestServer>, line: &str) -> Result<String, String> {
    let mut command = command(&["plugin"]);
    if let Some(server) = server {
        command.env("HD1_URL", server.ready().http.clone()).env("HD1_TOKEN", server.admin_token());
    }
    command.current_dir(folder.join("first-party")).args(line.split_whitespace());
    let output = command.output().expect("hd1 can be started");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stdout) + &said(&output.stderr)) }
}

fn components(http: &Http, session: &str, entity: u64) -> Value {
    http.get(&format!("/api/sessions/{session}/entities/{entity}")).expect(200)["components"].clone()
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

#[test]
fn a_plugin_in_c_is_built_checked_and_tested_like_any_other() {
    if !has_clang() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    copied(at);
    let said = plugin(at, None, "check windmill").unwrap();
    for part in [
        "interface 1, no fault",
        "component Blades: every change is sent, clients may write it; Turns about the Z of its entity.",
        "  writes Transform; reads Blades; without Jammed",
        "  is told of ContactStarted, ContactStopped",
    ] {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
    let said = plugin(at, None, "test windmill").unwrap();
    assert!(said.contains("seed 1: 0 errors, 0 warnings"), "{said}");
    // Stdout is JSON alone, whatever make prints.
    fs::remove_file(at.join("first-party/windmill/windmill.wasm")).unwrap();
    let told: Value = serde_json::from_str(&plugin(at, None, "test windmill --seed 7 --json").unwrap()).unwrap();
    assert_eq!(told["ok"], true, "{told}");

    // What does not compile is told with its place; what breaks the rules is found.
    let source = at.join("first-party/windmill/src/windmill.c");
    let good = fs::read_to_string(&source).unwrap();
    let with = |from: &str, to: &str| {
        assert!(good.contains(from));
        fs::write(&source, good.replace(from, to)).unwrap();
    };
    with("float wind = ", "float wind == ");
    let said = plugin(at, None, "build windmill").unwrap_err();
    assert!(said.contains("src/windmill.c:") && said.contains("hd1:windmill does not build"), "{said}");
    with("float wind = ", "static float runs; float wind = 0.01f * runs++ + ");
    let said = plugin(at, None, "test windmill").unwrap_err();
    assert!(said.contains("error: determinism: system turn: Transform.rotation"), "{said}");
    with("hd1_next_query(step, 2)", "hd1_next_query(step, 1)");
    let said = plugin(at, None, "test windmill").unwrap_err();
    assert!(said.contains("it logged: a query has no such column"), "{said}");

    // What it leaves out of the header, and what the guide shows.
    fs::write(&source, SPARKS).unwrap();
    let said = plugin(at, None, "test windmill").unwrap();
    assert!(said.contains("seed 1: 0 errors, 0 warnings"), "{said}");
    fs::write(&source, SPARKS.replace("buttons % 4", "buttons % 1")).unwrap();
    let said = plugin(at, None, "test windmill").unwrap_err();
    assert!(said.contains("it logged: more was commanded than there is room for"), "{said}");
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/GUIDE.md")).unwrap();
    let block = guide.split_once("```c\n").and_then(|(_, rest)| rest.split_once("```")).expect("the guide shows C").0;
    fs::write(&source, block).unwrap();
    let said = plugin(at, None, "test windmill").unwrap();
    assert!(said.contains("system spin: ") && said.contains("seed 1: 0 errors, 0 warnings"), "{said}");
    fs::write(&source, &good).unwrap();

    // Where nothing is there to build it with, the module counts as it lies.
    plugin(at, None, "build windmill").unwrap();
    fs::remove_file(at.join("first-party/windmill/Makefile")).unwrap();
    fs::write(&source, "no C").unwrap();
    plugin(at, None, "check windmill").unwrap();
    plugin(at, None, "test windmill").unwrap();
    plugin(at, None, "verify windmill/hd1-windmill-0.1.0.hd1p").unwrap();
    fs::remove_file(at.join("first-party/windmill/windmill.wasm")).unwrap();
    let said = plugin(at, None, "check windmill").unwrap_err();
    assert!(said.contains("windmill.wasm: there is no such module"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_in_c_turns_what_is_in_a_world() {
    if !has_clang() {
        return;
    }
    let server = TestServer::with_scene("cubes");
    let (session, http, folder) = (server.demo_session(), server.admin(), tempfile::tempdir().unwrap());
    let at = folder.path();
    copied(at);
    plugin(at, None, "build windmill").unwrap();
    plugin(at, None, "pack windmill --out windmill.hd1p").unwrap();
    plugin(at, Some(&server), "install windmill.hd1p").unwrap();
    plugin(at, Some(&server), &format!("attach {ID} --session {session} gusts=0")).unwrap();
    let mut ada = TestClient::enter(&server.anonymous(), &session, "Ada", Transport::WebSocket).await;

    let path = format!("/api/sessions/{session}/entities");
    let mill = json!({ "name": "mill", "components": {
        "Transform": { "position": [30, 20, 30] }, "Geometry": { "shape": "box", "size": [4, 4, 1] },
        "RigidBody": { "kind": "kinematic" }, "Collider": { "events": true }, "Blades": { "speed": 2 } } });
    let mill = until("the component is there", || {
        let reply = http.post(&path, &mill);
        (reply.status == 201).then(|| reply.json()["id"].as_u64().unwrap())
    });
    let rotation = || components(&http, &session, mill)["Transform"]["rotation"].clone();
    let first = rotation();
    let turned = until("it turns", || Some(rotation()).filter(|now| *now != first));
    // About its Z alone.
    assert_eq!((turned[0].as_f64(), turned[1].as_f64()), (Some(0.0), Some(0.0)), "{turned}");
    assert_eq!(components(&http, &session, mill)["Transform"]["position"], json!([30.0, 20.0, 30.0]));

    // In still air it stands.
    let set = |fields: Value| {
        let one = format!("/api/sessions/{session}/plugins/{ID}");
        http.patch(&one, &json!({ "config": fields })).expect(200)
    };
    assert_eq!(set(json!({ "wind": 0 }))["effective_config"]["wind"], 0.0);
    let stands = || {
        let before = rotation();
        std::thread::sleep(Duration::from_millis(150));
        (rotation() == before).then_some(())
    };
    until("it stands", stands);
    set(json!({ "wind": 1 }));

    // What falls on it is caught: it stands, has what its command gave it, and everyone is told.
    let ball = json!({ "name": "ball", "components": {
        "Transform": { "position": [30, 25, 30] }, "Geometry": { "shape": "sphere", "radius": 0.5 }, "RigidBody": {},
        "Collider": { "restitution": 0.9 } } });
    let ball = http.post(&path, &ball).expect(201)["id"].as_u64().unwrap();
    let said = ada
        .event("that it is jammed", |event| match event {
            ServerEvent::Message { topic, data, .. } if topic.ends_with("jammed") => Some(data),
            _ => None,
        })
        .await;
    assert_eq!(said, json!({ "mill": mill, "by": ball }));
    let mill_id = NetId(u32::try_from(mill).unwrap());
    ada.until("a client sees it", |client| client.component(mill_id, "Blades")).await;
    // It bounces off, and the mill goes on.
    until("it is let go", || components(&http, &session, mill).get("Jammed").is_none().then_some(()));
    let stood = rotation();
    until("it turns again", || (rotation() != stood).then_some(()));

    let health = http.get(&format!("/api/plugins/{ID}/health")).expect(200);
    assert_eq!(health["state"], "running", "{health}");
    let stats = http.get(&format!("/api/plugins/{ID}/stats")).expect(200);
    let systems: Vec<_> =
        stats["systems"].as_array().unwrap().iter().map(|it| it["system"].as_str().unwrap()).collect();
    assert_eq!(systems, ["turn", "jam"], "{stats}");
    assert!(stats["systems"].as_array().unwrap().iter().all(|it| it["faults"] == json!({})), "{stats}");
}
