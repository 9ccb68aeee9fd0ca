//! What every answer has, and what never gets as far as a handler.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use hd1_http::HttpSettings;
use hd1_http::proxies::Proxies;
use hd1_http::rate::Rate;
use serde_json::json;

use crate::Site;

#[tokio::test]
async fn every_answer_is_dressed() {
    let site = Site::new().await;
    let mut ids = std::collections::BTreeSet::new();
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/", "/api/nothing", "/api/sessions"] {
        let answer = site.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(answer.header("cross-origin-embedder-policy"), "require-corp");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(!answer.header("cache-control").is_empty());
        assert!(ids.insert(answer.header("x-request-id").to_owned()), "ids are fresh");
        if !answer.status.is_success() {
            assert_eq!(answer.header("content-type"), "application/problem+json");
            assert_eq!(answer.json()["request_id"], answer.header("x-request-id"));
        }
    }
    assert_eq!((site.get("/healthz").await.text, site.get("/readyz").await.text), ("ok".into(), "ready".into()));
    let metrics = site.get("/metrics").await.text;
    assert!(metrics.contains("hd1_http_requests_total{class=\"2xx\"}") && metrics.ends_with("# EOF\n"));
}

#[tokio::test]
async fn the_docs_load_nothing_from_elsewhere() {
    let site = Site::new().await;
    let page = site.get("/docs").await;
    assert!(!page.text.contains("http") && page.text.contains("/docs/scalar.js"));
    assert!(site.get("/docs/scalar.js").await.text.len() > 100_000);
}

#[tokio::test]
async fn pages_may_run_wasm_and_reach_the_quic_port() {
    let site = Site::new().await;
    let unknown = Request::get("/some/view").header(header::ACCEPT, "text/html").body(Body::empty()).unwrap();
    let (page, view) = (site.get("/").await, site.send(unknown).await);
    assert_eq!(page.status, StatusCode::OK);
    // Compiled with the page, any path shows it; compiled without, only the root says so.
    if view.status == StatusCode::OK {
        let policy = page.header("content-security-policy").to_owned();
        for part in ["'wasm-unsafe-eval'", "https://*:4433", "connect-src 'self'", "object-src 'none'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("data:") && !policy.contains("blob:"), "{policy}");
        let etag = page.header("etag").to_owned();
        let again = Request::get("/").header(header::IF_NONE_MATCH, etag).body(Body::empty()).unwrap();
        assert_eq!(site.send(again).await.status, StatusCode::NOT_MODIFIED);
    }
    assert_eq!(site.get("/no/such.file").await.code(), "not_found");
}

#[tokio::test]
async fn what_is_malformed_is_a_problem() {
    let site = Site::new().await;
    let admin = site.admin.clone();
    let post = |kind: &'static str, body: String| {
        let request = Request::post("/api/sessions").header(header::AUTHORIZATION, format!("Bearer {admin}"));
        request.header(header::CONTENT_TYPE, kind).body(Body::from(body)).unwrap()
    };
    let json = "application/json";
    let deep = format!("{{\"metadata\": {}{}}}", "[".repeat(40), "]".repeat(40));
    let deeper = format!("{{\"metadata\": {}", "[".repeat(1_000_000));
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(5_000_000));
    for (kind, body, status, code) in [
        ("text/plain", "{}".to_owned(), 415, "unsupported_media_type"),
        (json, "{".to_owned(), 400, "invalid_request"),
        (json, r#"{"name": "x", "nmae": 1}"#.to_owned(), 400, "invalid_request"),
        (json, r#"{"name": "x", "tick_rate": 500}"#.to_owned(), 400, "invalid_request"),
        (json, r#"{"name": ""}"#.to_owned(), 422, "invalid"),
        (json, deep, 400, "invalid_request"),
        (json, deeper, 400, "invalid_request"),
        (json, large, 413, "payload_too_large"),
    ] {
        let shown: String = body.chars().take(40).collect();
        let answer = site.send(post(kind, body)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{shown}");
    }
    let wrong_method = site.call("PUT", "/api/sessions", &admin, None).await;
    assert_eq!((wrong_method.status.as_u16(), wrong_method.code().as_str()), (405, "method_not_allowed"));
    assert!(wrong_method.header("allow").contains("POST"));
    for path in ["/api/sessions/42", "/api/sessions/%ff", "/api/sessions/../tokens/x"] {
        assert_eq!(site.get(path).await.code(), "not_found", "{path}");
    }
    let small = json!({"name": "x", "components": {"Label": {"text": "y".repeat(70_000)}}});
    let id = site.session(json!({"name": "x"})).await;
    let answer = site.call("POST", &format!("/api/sessions/{id}/entities"), &admin, Some(small)).await;
    assert_eq!(answer.code(), "payload_too_large", "only scenes may be large");
}

#[tokio::test]
async fn a_server_failure_says_only_its_request_id() {
    let site = Site::new().await;
    let wish = json!({"name": "x", "scene": "fails"});
    let answer = site.call("POST", "/api/sessions", &site.admin, Some(wish)).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!answer.text.contains("secret"), "{}", answer.text);
    let keys: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["code", "request_id", "status", "title", "type"]);
}

#[tokio::test]
async fn guessing_tokens_gets_slow_and_valid_ones_are_not_counted() {
    let token_failures = Rate { burst: 3, per_s: 0.01 };
    let site = Site::with(HttpSettings { token_failures, ..HttpSettings::default() }).await;
    for _ in 0..10 {
        assert_eq!(site.call("GET", "/api/sessions", &site.admin, None).await.status, StatusCode::OK);
    }
    for _ in 0..3 {
        let answer = site.call("GET", "/api/sessions", "hd1t_guess", None).await;
        assert_eq!((answer.code().as_str(), answer.header("www-authenticate")), ("unauthenticated", "Bearer"));
    }
    let answer = site.call("GET", "/api/sessions", "hd1t_guess", None).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (429, "rate_limited"));
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(site.get("/api/sessions").await.status, StatusCode::OK, "without a token nothing is guessed");
}

#[tokio::test]
async fn guests_join_at_a_rate() {
    let guest_joins = Rate { burst: 2, per_s: 0.01 };
    let site = Site::with(HttpSettings { guest_joins, ..HttpSettings::default() }).await;
    let id = site.session(json!({"name": "x", "visibility": "public", "settings": {"guests": true}})).await;
    let path = format!("/api/sessions/{id}/join");
    for expected in [200, 200, 429] {
        assert_eq!(site.call("POST", &path, "", None).await.status.as_u16(), expected);
    }
    for _ in 0..50 {
        assert_eq!(site.call("POST", &path, &site.admin, None).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn limits_count_by_the_client_that_a_trusted_proxy_names_and_nobody_else_does() {
    let guest_joins = Rate { burst: 1, per_s: 0.01 };
    let believed = Proxies::new(vec!["127.0.0.0/8".parse().unwrap()]);
    for (trusted_proxies, second) in [(believed, 200), (Proxies::default(), 429)] {
        let site = Site::with(HttpSettings { guest_joins, trusted_proxies, ..HttpSettings::default() }).await;
        let id = site.session(json!({"name": "x", "visibility": "public", "settings": {"guests": true}})).await;
        for (forwarded, expected) in [("1.1.1.1, 203.0.113.5", 200), ("203.0.113.6", second), ("203.0.113.5", 429)] {
            let join = Request::post(format!("/api/sessions/{id}/join")).header("x-forwarded-for", forwarded);
            let answer = site.send(join.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status.as_u16(), expected, "{forwarded}");
        }
    }
}
