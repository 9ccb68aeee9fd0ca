//! Plugins over the interface: a package sent, attached, told, watched and taken away again.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use hd1_control::testing::TestPackage;
use serde_json::{Value, json};

use crate::{Reply, Site};

async fn send(site: &Site, kind: &str, token: &str, bytes: Vec<u8>) -> Reply {
    let mut request = Request::post("/api/plugins").header("content-type", kind);
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    site.send(request.body(Body::from(bytes)).unwrap()).await
}

async fn install(site: &Site, package: &TestPackage) -> Reply {
    send(site, "application/octet-stream", &site.admin, package.bytes()).await
}

#[tokio::test]
async fn a_plugin_comes_runs_and_goes() {
    let site = Site::new().await;
    let call = async |method: &str, path: &str, body: Option<Value>| site.call(method, path, &site.admin, body).await;
    let made = install(&site, &TestPackage::new("acme:wind", "1.0.0")).await;
    assert_eq!((made.status, made.header("location")), (StatusCode::CREATED, "/api/plugins/acme:wind"), "{made:?}");
    let told = made.json();
    assert_eq!(
        (&told["outcome"], &told["id"], &told["trust"]),
        (&json!("installed"), &json!("acme:wind"), &json!("dev"))
    );
    let again = install(&site, &TestPackage::new("acme:wind", "1.0.0")).await;
    assert_eq!((again.status, &again.json()["outcome"]), (StatusCode::OK, &json!("unchanged")));
    let next = install(&site, &TestPackage::new("acme:wind", "2.0.0")).await;
    assert_eq!((next.status, &next.json()["outcome"]), (StatusCode::OK, &json!("replaced")));

    // The colon as it is, and as careful clients write it.
    for path in ["/api/plugins/acme:wind", "/api/plugins/acme%3Awind", "/api/plugins/acme%3awind"] {
        assert_eq!(call("GET", path, None).await.json()["version"], "2.0.0", "{path}");
    }
    for path in ["/api/plugins/acme:none", "/api/plugins/acme", "/api/plugins/..:%2F", "/api/plugins/%ff"] {
        let answer = call("GET", path, None).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::NOT_FOUND, "not_found"), "{path}");
    }

    let id = site.session(json!({"name": "x", "visibility": "public"})).await;
    let own = format!("/api/sessions/{id}/plugins");
    let attach = json!({"plugin": "acme:wind", "config": {"strength": 2.5}});
    let attached = call("POST", &own, Some(attach.clone())).await;
    assert_eq!((attached.status, attached.header("location")), (StatusCode::CREATED, &format!("{own}/acme:wind")[..]));
    let told = attached.json();
    assert_eq!((&told["position"], &told["effective_config"]["strength"]), (&json!(0), &json!(2.5)));
    assert_eq!((&told["active"], &told["health"]["state"]), (&json!(true), &json!("running")));
    assert_eq!(call("POST", &own, Some(attach)).await.code(), "conflict");
    // Whoever sees the session sees what it runs; what is installed is for those with a token.
    assert_eq!(site.get(&own).await.json()["pagination"]["total"], 1);
    assert_eq!(site.get("/api/plugins").await.code(), "unauthenticated");

    let patched = call("PATCH", &format!("{own}/acme%3Awind"), Some(json!({"config": {"strength": null}}))).await;
    assert_eq!(
        (&patched.json()["config"], &patched.json()["effective_config"]["strength"]),
        (&Value::Null, &json!(1.0))
    );
    let changed = call("PATCH", "/api/plugins/acme:wind", Some(json!({"config": {"strength": 4}}))).await;
    assert_eq!(changed.json()["config"], json!({"strength": 4}));
    assert_eq!(call("GET", &own, None).await.json()["plugins"][0]["effective_config"]["strength"], 4.0);
    for (step, key, value) in [
        ("disable", "enabled", json!(false)),
        ("enable", "enabled", json!(true)),
        ("restart", "generation", json!(1)),
        ("rollback", "version", json!("1.0.0")),
    ] {
        let answer = call("POST", &format!("/api/plugins/acme:wind/{step}"), None).await;
        assert_eq!((answer.status, &answer.json()[key]), (StatusCode::OK, &value), "{step}");
    }
    let health = call("GET", "/api/plugins/acme:wind/health", None).await.json();
    assert_eq!((&health["state"], &health["sessions"][0]["session_id"]), (&json!("running"), &json!(id)));
    assert_eq!(health["sessions"][0]["health"]["version"], "1.0.0");
    assert_eq!(call("GET", "/api/plugins/acme:wind/stats", None).await.json()["session_count"], 1);

    let detached = call("DELETE", &format!("{own}/acme:wind"), None).await;
    assert_eq!(detached.status, StatusCode::NO_CONTENT);
    assert_eq!(call("DELETE", "/api/plugins/acme:wind", None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(call("DELETE", "/api/plugins/acme:wind", None).await.code(), "not_found");
}

#[tokio::test]
async fn a_package_that_is_refused_says_why() {
    let site = Site::new().await;
    let package = TestPackage::new("acme:wind", "1.0.0");
    let octets = "application/octet-stream";
    for (kind, token, bytes, status, code) in [
        (octets, "", package.bytes(), 401, "unauthenticated"),
        ("application/json", &site.admin[..], package.bytes(), 415, "unsupported_media_type"),
        (octets, &site.admin, b"no package".to_vec(), 422, "invalid"),
        (octets, &site.admin, Vec::new(), 422, "invalid"),
        (octets, &site.admin, vec![0; hd1_control::PACKAGE_BYTES_MAX + 1], 413, "payload_too_large"),
    ] {
        let answer = send(&site, kind, token, bytes).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{answer:?}");
    }
    let needy = TestPackage::new("acme:boids", "1.0.0").tables("[dependencies]\n\"acme:wind\" = \"^1\"\n");
    let refused = install(&site, &needy).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, "conflict"));
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("acme:boids 1.0.0 needs acme:wind ^1, which is not installed"), "{detail}");

    install(&site, &package).await;
    let patch = json!({"config": {"strength": "much", "nois": 1}});
    let refused = site.call("PATCH", "/api/plugins/acme:wind", &site.admin, Some(patch)).await;
    let mut paths: Vec<_> = refused.json()["errors"].as_array().unwrap().iter().map(|e| e["path"].clone()).collect();
    paths.sort_by_key(Value::to_string);
    assert_eq!((refused.status.as_u16(), paths), (422, vec![json!("config.nois"), json!("config.strength")]));
    let unknown = site.call("PATCH", "/api/plugins/acme:wind", &site.admin, Some(json!({"enable": true}))).await;
    assert_eq!(unknown.code(), "invalid_request");
}

#[tokio::test]
async fn lists_and_orders() {
    let site = Site::new().await;
    let call = async |method: &str, path: &str, body: Option<Value>| site.call(method, path, &site.admin, body).await;
    for (name, tables) in
        [("acme:wind", ""), ("acme:boids", "[dependencies]\n\"acme:wind\" = \"^1\"\n"), ("acme:rain", "")]
    {
        install(&site, &TestPackage::new(name, "1.0.0").tables(tables)).await;
    }
    call("POST", "/api/plugins/acme:rain/disable", None).await;
    for (query, ids, total) in [
        ("", vec!["acme:boids", "acme:rain", "acme:wind"], 3),
        ("?enabled=true", vec!["acme:boids", "acme:wind"], 2),
        ("?enabled=false", vec!["acme:rain"], 1),
        ("?limit=1&offset=1", vec!["acme:rain"], 3),
    ] {
        let list = call("GET", &format!("/api/plugins{query}"), None).await.json();
        let found: Vec<_> = list["plugins"].as_array().unwrap().iter().map(|p| p["id"].as_str().unwrap()).collect();
        assert_eq!((found, &list["pagination"]["total"]), (ids, &json!(total)), "{query}");
    }
    for bad in ["enabled=yes", "limit=0", "colour=red"] {
        assert!(call("GET", &format!("/api/plugins?{bad}"), None).await.status.is_client_error(), "{bad}");
    }

    let id = site.session(json!({"name": "x"})).await;
    let own = format!("/api/sessions/{id}/plugins");
    let list = |ids: &[&str]| json!({"plugins": ids.iter().map(|id| json!({"plugin": id})).collect::<Vec<_>>()});
    let wrong = call("PUT", &own, Some(list(&["acme:boids", "acme:wind"]))).await;
    assert_eq!((wrong.status.as_u16(), wrong.code().as_str()), (409, "conflict"));
    let set = call("PUT", &own, Some(list(&["acme:wind", "acme:rain", "acme:boids"]))).await.json();
    let active: Vec<_> = set["plugins"].as_array().unwrap().iter().map(|p| p["active"].clone()).collect();
    assert_eq!(active, [json!(true), json!(false), json!(true)]);
    let moved = call("PATCH", &format!("{own}/acme:rain"), Some(json!({"position": 0}))).await;
    assert_eq!(moved.json()["position"], 0);
    let refused = call("DELETE", "/api/plugins/acme:wind", None).await;
    assert_eq!(refused.json()["detail"], "acme:boids needs acme:wind: uninstall acme:boids first");
    let logs = call("GET", "/api/plugins/acme:wind/logs?limit=5&after=2", None).await.json();
    assert_eq!(logs, json!({"lines": [], "pagination": {"limit": 5, "next_cursor": 0}}));
}

#[tokio::test]
async fn a_service_is_asked_behind_the_same_authority() {
    let site = Site::new().await;
    let plan = json!({ "abi": 1, "routes": [
        { "method": "GET", "path": "/greet/{name}", "access": "anyone" },
        { "method": "POST", "path": "/me", "access": "token" },
        { "method": "GET", "path": "/", "access": "admin" }] });
    let hello = TestPackage::new("acme:hello", "1.0.0").service(plan, &["kv", "auth"]);
    let made = install(&site, &hello).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(
        made.json()["rights"][1],
        json!({"right": "auth", "why": "for a test", "granted": false, "holds": false})
    );

    let greeted = site.get("/plugins/acme:hello/greet/a%20b?x=1").await;
    assert_eq!((greeted.status, &greeted.json()["params"]), (StatusCode::OK, &json!([["name", "a b"]])));
    assert_eq!(greeted.header("content-type"), "application/json");
    assert!(greeted.header("content-security-policy").starts_with("sandbox"));
    assert_eq!(greeted.header("set-cookie"), "", "what a plugin answers is not the server's word");
    for (path, status, code) in [
        ("/plugins/acme:hello/me", StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        ("/plugins/acme:hello/none", StatusCode::NOT_FOUND, "not_found"),
        ("/plugins/acme:hello/greet/a%2Fb", StatusCode::BAD_REQUEST, "invalid_request"),
        ("/plugins/acme:hello", StatusCode::UNAUTHORIZED, "unauthenticated"),
        ("/plugins/acme:none/greet/x", StatusCode::NOT_FOUND, "not_found"),
        ("/plugins/none/greet/x", StatusCode::NOT_FOUND, "not_found"),
    ] {
        let answer = site.get(path).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}");
    }
    let ask = async |token: &str, body: &'static str| {
        let mut request = Request::post("/plugins/acme:hello/me");
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        site.send(request.body(Body::from(body)).unwrap()).await
    };
    assert_eq!(ask("", "").await.code(), "unauthenticated");
    let told = ask(&site.admin, "").await.json();
    assert_eq!(told["caller"], json!(["", "admin", "admin"]));
    let failed = ask(&site.admin, "fail").await;
    assert_eq!((failed.status, failed.code().as_str()), (StatusCode::BAD_GATEWAY, "plugin_failed"));
    assert!(!failed.text.contains("/secret/path"), "{failed:?}");
    let large = Request::post("/plugins/acme:hello/me").header("authorization", format!("Bearer {}", site.admin));
    let large = site.send(large.body(Body::from(vec![0; 1024 * 1024 + 1])).unwrap()).await;
    assert_eq!(large.code(), "payload_too_large");
}

#[tokio::test]
async fn a_secret_goes_in_and_never_out() {
    let site = Site::new().await;
    let call = async |method: &str, path: &str, body: Option<Value>| site.call(method, path, &site.admin, body).await;
    install(&site, &TestPackage::new("acme:hello", "1.0.0").service(json!({ "abi": 1 }), &["secret:TOKEN"])).await;
    let own = "/api/plugins/acme:hello/secrets";
    let listed = call("GET", own, None).await.json();
    assert_eq!(listed, json!({ "secrets": [{ "name": "TOKEN", "asked": true }] }));
    let set = call("PUT", &format!("{own}/TOKEN"), Some(json!({ "value": "hush" }))).await;
    assert_eq!((set.status, set.text.as_str()), (StatusCode::NO_CONTENT, ""), "{set:?}");
    let listed = call("GET", own, None).await;
    assert!(listed.json()["secrets"][0]["set_at"].is_string() && !listed.text.contains("hush"), "{listed:?}");
    assert_eq!(call("GET", &format!("{own}/TOKEN"), None).await.code(), "method_not_allowed");

    let value = |value: Value| Some(json!({ "value": value }));
    for (method, path, body, status, code) in [
        ("PUT", "OTHER", value(json!("x")), 422, "invalid"),
        ("PUT", "TOKEN", value(json!("")), 422, "invalid"),
        ("PUT", "TOKEN", value(json!("x".repeat(8 * 1024 + 1))), 422, "invalid"),
        ("PUT", "TOKEN", Some(json!({ "valu": "x" })), 400, "invalid_request"),
        ("DELETE", "OTHER", None, 404, "not_found"),
        ("DELETE", "%00", None, 404, "not_found"),
    ] {
        let answer = call(method, &format!("{own}/{path}"), body).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{method} {path}: {answer:?}");
    }
    for (method, path) in [("GET", own.to_owned()), ("PUT", format!("{own}/TOKEN")), ("DELETE", format!("{own}/TOKEN"))]
    {
        let body = (method == "PUT").then(|| json!({ "value": "x" }));
        assert_eq!(site.call(method, &path, "", body).await.code(), "unauthenticated", "{method} {path}");
    }
    let removed = call("DELETE", &format!("{own}/TOKEN"), None).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    assert_eq!(call("DELETE", &format!("{own}/TOKEN"), None).await.code(), "not_found");
    assert_eq!(call("GET", "/api/plugins/acme:none/secrets", None).await.code(), "not_found");
}
