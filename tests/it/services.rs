//! Services, told through the real binary: built, installed, asked over HTTP, set, and contained.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use hd1_tests::{Http, TestServer, command};
use serde_json::{Value, json};

/// The package of a plugin of this repository, built once by `hd1 plugin build`.
fn package(folder: &'static str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    BUILT.get_or_init(|| {
        for folder in ["first-party/hello-http", "host/tests/unruly"] {
            let output = command(&["plugin", "build"]).arg(plugins.join(folder)).output().expect("hd1 can be started");
            assert!(output.status.success(), "{folder}: {}", String::from_utf8_lossy(&output.stderr));
        }
    });
    let name = folder.rsplit('/').next().expect("a folder has a name");
    plugins.join(folder).join(format!("hd1-{name}-0.1.0.hd1p"))
}

/// Runs `hd1 plugin …` against a server.
fn plugin(server: &TestServer, line: &[&str]) -> Result<String, String> {
    let mut command = command(&["plugin"]);
    command.env("HD1_URL", server.ready().http.clone()).env("HD1_TOKEN", server.admin_token()).args(line);
    let output = command.output().expect("hd1 can be started");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) }
}

fn install(server: &TestServer, folder: &'static str) -> String {
    plugin(server, &["install", package(folder).to_str().expect("a path in UTF-8")]).unwrap()
}

fn greet(http: &Http, name: &str) -> Value {
    http.get(&format!("/plugins/hd1:hello-http/greet/{name}")).expect(200)
}

#[test]
fn a_service_answers_over_http_and_remembers() {
    let mut server = TestServer::start();
    let (admin, nobody) = (server.admin(), server.anonymous());
    nobody.get("/plugins/hd1:hello-http/greet/Ada").problem(404, "not_found");
    let said = install(&server, "first-party/hello-http");
    assert!(said.contains("hd1:hello-http 0.1.0 (dev) installed"), "{said}");
    assert_eq!(greet(&nobody, "Ada"), json!({ "count": 1, "text": "Hello, Ada!" }));
    assert_eq!(greet(&nobody, "J%C3%B6rg")["text"], "Hello, J\u{f6}rg!");

    // Who asks is proven by the server, and what may not be asked is not.
    nobody.get("/plugins/hd1:hello-http/me").problem(401, "unauthenticated");
    let made = admin.post("/api/tokens", &json!({ "name": "Ada's", "role": "developer" })).expect(201);
    let ada = nobody.with_token(made["secret"].as_str().unwrap());
    let me = ada.get("/plugins/hd1:hello-http/me").expect(200);
    assert_eq!((&me["name"], &me["role"], &me["id"]), (&json!("Ada's"), &json!("developer"), &made["id"]));
    ada.delete("/plugins/hd1:hello-http/greetings").problem(403, "denied");
    nobody.post("/plugins/hd1:hello-http/greet/Ada", &json!({})).problem(405, "method_not_allowed");
    nobody.get("/plugins/hd1:hello-http/nowhere").problem(404, "not_found");
    let page = nobody.get("/plugins/hd1:hello-http/greet/Ada");
    assert!(page.header("content-security-policy").starts_with("sandbox"));
    assert_eq!(page.header("content-type"), "application/json");

    // What is set holds at once; what it keeps is there after the server was killed.
    plugin(&server, &["config", "hd1:hello-http", "greeting=Ahoy"]).unwrap();
    assert_eq!(greet(&nobody, "Ada"), json!({ "count": 3, "text": "Ahoy, Ada!" }));
    server.kill_and_restart();
    let (admin, nobody) = (server.admin(), server.anonymous());
    assert_eq!(greet(&nobody, "Ada"), json!({ "count": 4, "text": "Ahoy, Ada!" }));

    // How it fares, and what it counts.
    let shown = admin.get("/api/plugins/hd1:hello-http").expect(200);
    assert_eq!((&shown["service"]["state"], &shown["routes"][0]["access"]), (&json!("started"), &json!("anyone")));
    let stats = admin.get("/api/plugins/hd1:hello-http/stats").expect(200);
    assert_eq!((&stats["counters"]["greetings"], &stats["calls"][0]["runs"]), (&json!(1), &json!(1)));
    assert_eq!(admin.delete("/plugins/hd1:hello-http/greetings").expect(200), json!({ "forgotten": 2 }));
    let said = plugin(&server, &["logs", "hd1:hello-http"]).unwrap();
    assert!(said.contains("forgot 2 names"), "{said}");

    // Without the right it is told which one is missing; what it said is for its log, not for whoever asked.
    let said = plugin(&server, &["grant", "hd1:hello-http", "--none"]).unwrap();
    assert!(said.contains("not granted"), "{said}");
    nobody.get("/plugins/hd1:hello-http/greet/Ada").problem(502, "plugin_failed");
    let said = plugin(&server, &["logs", "hd1:hello-http"]).unwrap();
    assert!(said.contains("no right `kv`"), "{said}");
    assert!(plugin(&server, &["grant", "hd1:hello-http", "auth"]).unwrap_err().contains("does not ask for auth"));
    plugin(&server, &["grant", "hd1:hello-http", "kv"]).unwrap();
    assert_eq!(greet(&nobody, "Ada")["count"], 1);

    plugin(&server, &["disable", "hd1:hello-http"]).unwrap();
    nobody.get("/plugins/hd1:hello-http/greet/Ada").problem(404, "not_found");
    plugin(&server, &["enable", "hd1:hello-http"]).unwrap();
    plugin(&server, &["uninstall", "hd1:hello-http"]).unwrap();
    nobody.get("/plugins/hd1:hello-http/greet/Ada").problem(404, "not_found");
    install(&server, "first-party/hello-http");
    assert_eq!(greet(&nobody, "Ada"), json!({ "count": 1, "text": "Hello, Ada!" }), "nothing of it was left");
}

#[test]
fn a_service_that_misbehaves_is_ended_held_back_and_named() {
    let server = TestServer::start();
    let (admin, nobody) = (server.admin(), server.anonymous());
    install(&server, "host/tests/unruly");
    install(&server, "first-party/hello-http");
    let ask = |way: &str| nobody.post(&format!("/plugins/hd1:unruly/{way}"), &json!({}));
    let state = || admin.get("/api/plugins/hd1:unruly").expect(200)["service"].clone();
    assert_eq!(ask("nothing").status, 404, "its own answer, as it gave it");
    assert_eq!(state()["state"], "started");
    // What it says itself is no fault of its instance.
    (0..5).for_each(|_| drop(ask("error").problem(502, "plugin_failed")));
    assert_eq!(state()["state"], "started");
    ask("panic").problem(502, "plugin_failed");
    assert_eq!(state()["state"], "degraded");
    assert_eq!(ask("remember").status, 200);
    ask("memory").problem(502, "plugin_failed");
    // The third within a minute; it is left out for a second, and the others go on.
    ask("loop").problem(502, "plugin_failed");
    ask("remember").problem(503, "unavailable");
    let told = state();
    assert_eq!(told["state"], "restarting");
    assert!(told["reason"].as_str().unwrap().contains("fuel"), "{told}");
    assert_eq!(greet(&nobody, "Ada")["count"], 1);
    // Begun anew it has a clean record.
    plugin(&server, &["restart", "hd1:unruly"]).unwrap();
    assert_eq!(ask("remember").status, 200);
    let said = plugin(&server, &["logs", "hd1:unruly"]).unwrap();
    assert!(said.contains("a call failed"), "{said}");
}
