//! Services, told through the real binary: built, installed, asked over HTTP, set, and contained.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

use hd1_client::{ClientError, ServerEvent};
use hd1_core::PlayerId;
use hd1_protocol::message::OpErrorCode;
use hd1_tests::{Http, TestClient, TestServer, Transport, command};
use serde_json::{Value, json};

/// The package of a plugin of this repository, built once by `hd1 plugin build`.
fn package(folder: &'static str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    BUILT.get_or_init(|| {
        for folder in [
            "first-party/hello-http",
            "first-party/auth-apikey",
            "first-party/scoreboard",
            "first-party/slack-notify",
            "host/tests/unruly",
            "host/tests/watcher",
        ] {
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

    let figures = nobody.get("/metrics").body;
    let is_counted = |line: &str| figures.lines().any(|told| told == line);
    assert!(is_counted(r#"hd1_plugin_counted_total{plugin="hd1:hello-http",name="greetings"} 1"#), "{figures}");
    assert!(is_counted(r#"hd1_plugin_runs_total{plugin="hd1:hello-http",part="DELETE /greetings"} 1"#), "{figures}");

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
    // Begun anew it has a clean record, and where it stood is still told.
    plugin(&server, &["restart", "hd1:unruly"]).unwrap();
    let stood: Vec<_> = state()["before"].as_array().unwrap().iter().map(|step| step["state"].clone()).collect();
    assert!(stood.starts_with(&[json!("restarting"), json!("degraded"), json!("started")]), "{stood:?}");
    assert_eq!(ask("remember").status, 200);
    let said = plugin(&server, &["logs", "hd1:unruly"]).unwrap();
    assert!(said.contains("a call failed"), "{said}");
}

#[test]
fn a_service_is_told_asked_and_works_later() {
    let mut server = TestServer::start();
    let admin = server.admin();
    install(&server, "host/tests/watcher");
    let patched = admin.patch("/api/plugins/hd1:watcher", &json!({ "rights": ["kv"] })).expect(200);
    assert_eq!(patched["rights"][1]["granted"], false, "who watches requests is let by name alone");
    let lines = |http: &Http| http.get("/plugins/hd1:watcher/lines").expect(200);
    let until = |http: &Http, wanted: &[&str]| {
        let told = || {
            let lines = lines(http);
            let is_there = |line: &&str| lines.as_array().unwrap().iter().any(|told| told == line);
            wanted.iter().all(is_there)
        };
        let begun = std::time::Instant::now();
        while !told() && begun.elapsed().as_secs() < 30 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(told(), "{wanted:?} in {}", lines(http));
    };

    // What is about to happen is shown to it first; where it breaks down, it is passed over.
    let wish = |name: &str| json!({ "name": name, "scene": "lobby", "visibility": "public" });
    let refused = admin.post("/api/sessions", &wish("forbidden")).problem(403, "denied");
    assert_eq!(refused["detail"], "no session is called so (refused by hd1:watcher)");
    assert_eq!(admin.post("/api/sessions", &wish("small talk")).expect(201)["max_participants"], 2);
    let session = admin.post("/api/sessions", &wish("panic")).expect(201);
    let id = session["id"].as_str().unwrap();
    let join = |name: &str| admin.post(&format!("/api/sessions/{id}/join"), &json!({ "name": name }));
    join("mallory").problem(403, "denied");
    let joined = join("ada").expect(200);
    let participants = admin.get(&format!("/api/sessions/{id}/participants?all=true")).expect(200);
    assert_eq!(participants["participants"][0]["name"], "ada!");
    let _ = joined;

    // What happened is told, in order; also where the server died before it could.
    admin.post(&format!("/api/sessions/{id}/pause"), &json!({})).expect(200);
    until(&admin, &["created small talk", "created panic", "paused"]);
    let later = |http: &Http, wish: &Value| http.post("/plugins/hd1:watcher/later", wish).status;
    assert_eq!(later(&admin, &json!({ "text": "soon", "delay_ms": 1_000 })), 202);
    assert_eq!(later(&admin, &json!({ "text": "flaky" })), 202);
    for text in ["first", "second"] {
        assert_eq!(later(&admin, &json!({ "text": text, "delay_ms": 60_000, "key": "one" })), 202);
    }
    server.kill_and_restart();
    let (admin, nobody) = (server.admin(), server.anonymous());
    until(&admin, &["note soon", "note flaky"]);
    let jobs = admin.get("/api/plugins/hd1:watcher/jobs").expect(200);
    let names: Vec<_> = jobs["jobs"].as_array().unwrap().iter().map(|job| job["name"].as_str().unwrap()).collect();
    assert_eq!((names.contains(&"tick"), names.iter().filter(|name| **name == "note").count()), (true, 1), "{jobs}");
    let said = plugin(&server, &["jobs", "hd1:watcher"]).unwrap();
    assert!(said.contains("schedule") && said.contains("waiting"), "{said}");
    let none = uuid_of_nothing();
    admin.post(&format!("/api/plugins/hd1:watcher/jobs/{none}/retry"), &json!({})).problem(404, "not_found");
    nobody.get("/api/plugins/hd1:watcher/jobs").problem(401, "unauthenticated");
    until(&admin, &["tick"]);

    // Requests are watched once it may, and administrators are locked out by nobody.
    nobody.get("/api/scenes").expect(200);
    plugin(&server, &["grant", "hd1:watcher", "kv", "middleware"]).unwrap();
    nobody.get("/api/scenes").problem(403, "denied");
    admin.get("/api/scenes").expect(200);
    plugin(&server, &["uninstall", "hd1:watcher"]).unwrap();
    nobody.get("/api/scenes").expect(200);
    admin.post("/api/sessions", &wish("forbidden")).expect(201);
}

fn uuid_of_nothing() -> &'static str {
    "00000000-0000-7000-8000-000000000000"
}

#[test]
fn api_keys_let_programs_in_but_make_no_administrators() {
    let mut server = TestServer::start();
    install(&server, "first-party/auth-apikey");
    let admin = server.admin();
    let keys = "/plugins/hd1:auth-apikey/keys";
    let made = admin.post(keys, &json!({ "name": "ci" })).expect(201);
    let key = made["key"].as_str().unwrap().to_owned();
    let by_key = |server: &TestServer, key: &str| server.anonymous().with_authorization(&format!("ApiKey {key}"));
    // Whoever may vouch is let by name alone.
    by_key(&server, &key).get("/api/sessions").problem(401, "unauthenticated");
    plugin(&server, &["grant", "hd1:auth-apikey", "auth", "kv"]).unwrap();
    let ci = by_key(&server, &key);
    let own = ci.post("/api/sessions", &json!({ "name": "hers", "scene": "lobby" })).expect(201);
    assert_eq!(own["owner"].as_str().unwrap(), format!("hd1:auth-apikey/{}", made["id"].as_str().unwrap()));
    ci.get("/api/tokens").problem(403, "denied");
    ci.get(keys).problem(403, "denied");
    by_key(&server, "hd1k_0000").get("/api/sessions").problem(401, "unauthenticated");
    let viewer = admin.post(keys, &json!({ "name": "wall", "role": "viewer", "days": 1 })).expect(201);
    let wall = by_key(&server, viewer["key"].as_str().unwrap());
    wall.post("/api/sessions", &json!({ "name": "none", "scene": "lobby" })).problem(403, "denied");
    assert_eq!(admin.post(keys, &json!({ "name": "x", "role": "admin" })).status, 422);

    server.kill_and_restart();
    let admin = server.admin();
    let listed = admin.get(keys).expect(200);
    assert_eq!(listed["keys"].as_array().unwrap().len(), 2);
    assert!(!listed.to_string().contains(&key), "a key is shown once");
    by_key(&server, &key).get(&format!("/api/sessions/{}", own["id"].as_str().unwrap())).expect(200);
    assert_eq!(admin.delete(&format!("{keys}/{}", made["id"].as_str().unwrap())).status, 204);
    by_key(&server, &key).get("/api/sessions").problem(401, "unauthenticated");
}

/// Somebody who is posted JSON, and answers with these statuses, the last of them from then on; what came is told.
fn receiver(statuses: &'static [u16]) -> (u16, mpsc::Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut statuses = statuses.iter().copied();
        let mut status = 200;
        for stream in listener.incoming() {
            let (mut stream, mut read) = (stream.expect("a connection"), Vec::new());
            let (head, body) = loop {
                let mut some = [0; 4_096];
                let bytes = stream.read(&mut some).expect("a request");
                read.extend_from_slice(&some[..bytes]);
                let text = String::from_utf8_lossy(&read);
                if let Some((head, body)) = text.split_once("\r\n\r\n")
                    && let Ok(body) = serde_json::from_str::<Value>(body)
                {
                    break (head.to_owned(), body);
                }
                assert!(bytes > 0, "a request without JSON: {text}");
            };
            status = statuses.next().unwrap_or(status);
            let _ = write!(stream, "HTTP/1.1 {status} Told\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
            if tell.send((head, body)).is_err() {
                return;
            }
        }
    });
    (port, told)
}

#[test]
fn slack_notify_posts_what_happens_to_a_webhook_that_stays_secret() {
    let server = TestServer::start();
    let admin = server.admin();
    install(&server, "first-party/slack-notify");
    let (port, told) = receiver(&[500, 200, 200, 404]);
    let next = || told.recv_timeout(Duration::from_secs(30)).expect("somebody is told");
    let until = |line: &[&str], wanted: &str| {
        let (begun, said) = (Instant::now(), || plugin(&server, line).unwrap());
        while !said().contains(wanted) && begun.elapsed().as_secs() < 30 {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(said().contains(wanted), "{wanted} in {}", said());
    };

    // The webhook comes from standard input, and is shown by nobody.
    let webhook = format!("http://127.0.0.1:{port}/services/hush?x=y");
    let mut set = command(&["plugin", "secret", "set", "hd1:slack-notify", "webhook"]);
    set.env("HD1_URL", server.ready().http.clone()).env("HD1_TOKEN", server.admin_token());
    let mut set = set.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("hd1 can be started");
    writeln!(set.stdin.take().expect("it is piped"), "{webhook}").expect("it reads");
    assert!(set.wait().expect("it ends").success());
    let listed = admin.get("/api/plugins/hd1:slack-notify/secrets").expect(200);
    assert!(listed["secrets"][0]["set_at"].is_string() && !listed.to_string().contains("hush"), "{listed}");
    let refused = admin.send("PUT", "/api/plugins/hd1:slack-notify/secrets/other", Some(r#"{"value":"x"}"#.into()));
    assert!(refused.problem(422, "invalid").to_string().contains("it asks for webhook"));

    // What strangers wrote is text; what failed is tried again.
    plugin(
        &server,
        &["grant", "hd1:slack-notify", "kv", "sessions.read", "secret:webhook", "network", "private-network"],
    )
    .unwrap();
    let made = admin.post("/api/sessions", &json!({ "name": "<Tom & Ada>", "scene": "lobby" })).expect(201);
    let began = json!({ "text": "Session *&lt;Tom &amp; Ada&gt;* began" });
    let (head, body) = next();
    assert!(head.starts_with("POST /services/hush?x=y HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    assert_eq!(body, began);
    assert_eq!(next().1, began, "the first time it was answered 500");
    let id = made["id"].as_str().unwrap();
    admin.post(&format!("/api/sessions/{id}/stop"), &json!({})).expect(200);
    assert_eq!(next().1, json!({ "text": "Session *&lt;Tom &amp; Ada&gt;* ended" }));

    // What is not taken is dropped with a line; only what is wanted is told.
    plugin(&server, &["config", "hd1:slack-notify", "session_stopped=false"]).unwrap();
    admin.post(&format!("/api/sessions/{id}/start"), &json!({})).expect(200);
    assert_eq!(next().1, began);
    until(&["logs", "hd1:slack-notify"], "answered 404, so a message is dropped");
    admin.post(&format!("/api/sessions/{id}/stop"), &json!({})).expect(200);

    // With what an installation grants it reaches Slack alone, whatever its webhook is.
    let granted = ["kv", "sessions.read", "secret:webhook", "network:hooks.slack.com:443"];
    plugin(&server, &[&["grant", "hd1:slack-notify"][..], &granted].concat()).unwrap();
    admin.post(&format!("/api/sessions/{id}/start"), &json!({})).expect(200);
    until(&["jobs", "hd1:slack-notify", "--json"], &format!("no right `network:127.0.0.1:{port}`"));
    assert!(told.try_recv().is_err(), "what is not wanted is not told, and what may not be is not sent");
    plugin(&server, &["secret", "remove", "hd1:slack-notify", "webhook"]).unwrap();
    let said = plugin(&server, &["secret", "list", "hd1:slack-notify"]).unwrap();
    assert!(said.contains("webhook  not set"), "{said}");
    for shown in
        [plugin(&server, &["logs", "hd1:slack-notify"]), plugin(&server, &["jobs", "hd1:slack-notify", "--json"])]
    {
        assert!(!shown.unwrap().contains("hush"), "a secret is in no line");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn players_programs_ask_the_server_and_a_service_answers() {
    let mut server = TestServer::start();
    tokio::task::block_in_place(|| install(&server, "first-party/scoreboard"));
    let (session, http) = (server.demo_session(), server.anonymous());
    let mut ada = TestClient::enter(&http, &session, "Ada", Transport::Quic).await;
    let mut ben = TestClient::enter(&http, &session, "Ben", Transport::WebSocket).await;
    let declined = |answer: Result<Value, ClientError>| match answer {
        Err(ClientError::Refused(error)) => (error.code, error.message),
        other => panic!("not declined: {other:?}"),
    };
    let points = |points: i64| json!({ "points": points });
    let add = ada.client.ask(PlayerId::SERVER, "scoreboard/add", points(5), None).await;
    assert_eq!(declined(add), (OpErrorCode::Declined, "points are given by moderators".to_owned()));
    tokio::task::block_in_place(|| plugin(&server, &["config", "hd1:scoreboard", "self_service=true"])).unwrap();
    let add = ada.client.ask(PlayerId::SERVER, "scoreboard/add", points(5), None).await.unwrap();
    assert_eq!(add, json!({ "player": "Ada", "points": 5 }));
    let other = json!({ "points": 5, "player": "Ada" });
    assert_eq!(
        declined(ben.client.ask(PlayerId::SERVER, "scoreboard/add", other, None).await).0,
        OpErrorCode::Declined
    );
    ben.client.ask(PlayerId::SERVER, "scoreboard/add", points(7), None).await.unwrap();
    let nobody = declined(ben.client.ask(PlayerId::SERVER, "nothing/here", Value::Null, None).await);
    assert_eq!(nobody, (OpErrorCode::Declined, "nobody on this server answers nothing/here".to_owned()));
    let wrong = declined(ben.client.ask(PlayerId::SERVER, "scoreboard/add", json!("five"), None).await);
    assert_eq!(wrong.0, OpErrorCode::Declined);

    // Everybody hears how it stands at last.
    let both = json!([{ "player": "Ben", "points": 7 }, { "player": "Ada", "points": 5 }]);
    for client in [&mut ada, &mut ben] {
        let heard = |event| match event {
            ServerEvent::Message { topic, data, from, .. } => {
                (topic == "scoreboard" && data == both && from == PlayerId::SERVER).then_some(())
            }
            _ => None,
        };
        client.event("the board", heard).await;
    }
    drop((ada, ben));
    server.kill_and_restart();
    let http = server.anonymous();
    let mut eve = TestClient::enter(&http, &session, "Eve", Transport::WebTransport).await;
    assert_eq!(eve.client.ask(PlayerId::SERVER, "scoreboard/top", Value::Null, None).await.unwrap(), both);
    let page = format!("/plugins/hd1:scoreboard/sessions/{session}");
    tokio::task::block_in_place(|| {
        http.get(&page).problem(401, "unauthenticated");
        assert_eq!(server.admin().get(&page).expect(200)["board"], both);
        assert!(http.get(&format!("{page}/page")).body.contains("<tr><td>Ben</td><td>7</td></tr>"));
        plugin(&server, &["uninstall", "hd1:scoreboard"]).unwrap();
    });
    let gone = declined(eve.client.ask(PlayerId::SERVER, "scoreboard/top", Value::Null, None).await);
    assert!(gone.1.contains("nobody on this server"), "{gone:?}");
}
