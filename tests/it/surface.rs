//! What surrounds the API: documentation, metrics, and how unknown things are answered.

use hd1_tests::TestServer;

#[test]
fn the_description_names_every_operation_and_the_docs_need_no_network() {
    let server = TestServer::start();
    let http = server.anonymous();
    let described = http.get("/openapi.json").expect(200);
    assert!(described["openapi"].as_str().unwrap().starts_with("3."), "{described}");
    let paths = described["paths"].as_object().unwrap();
    for path in [
        "/api/sessions",
        "/api/sessions/{id}",
        "/api/sessions/{id}/start",
        "/api/sessions/{id}/pause",
        "/api/sessions/{id}/resume",
        "/api/sessions/{id}/hibernate",
        "/api/sessions/{id}/wake",
        "/api/sessions/{id}/stop",
        "/api/sessions/{id}/restart",
        "/api/sessions/{id}/snapshot",
        "/api/sessions/{id}/join",
        "/api/sessions/{id}/leave",
        "/api/sessions/{id}/participants",
        "/api/sessions/{id}/kick",
        "/api/sessions/{id}/entities",
        "/api/sessions/{id}/entities/{entity}",
        "/api/sessions/{id}/entities/{entity}/authority",
        "/api/sessions/{id}/scene",
        "/api/sessions/{id}/stats",
        "/api/sessions/{id}/plugins",
        "/api/sessions/{id}/plugins/{plugin}",
        "/api/plugins",
        "/api/plugins/{id}",
        "/api/plugins/{id}/enable",
        "/api/plugins/{id}/disable",
        "/api/plugins/{id}/restart",
        "/api/plugins/{id}/rollback",
        "/api/plugins/{id}/health",
        "/api/plugins/{id}/logs",
        "/api/plugins/{id}/secrets",
        "/api/plugins/{id}/secrets/{name}",
        "/api/plugins/{id}/stats",
        "/api/tokens",
        "/api/scenes",
    ] {
        assert!(paths.contains_key(path), "{path} is missing in {:?}", paths.keys());
    }
    let docs = http.get("/docs");
    assert_eq!(docs.status, 200);
    assert!(!docs.body.contains("src=\"http"), "nothing is loaded from elsewhere");
}

#[test]
fn metrics_show_the_ticking() {
    let server = TestServer::start();
    let metrics = server.anonymous().get("/metrics");
    assert_eq!(metrics.status, 200, "{}", metrics.body);
    for name in [
        "hd1_tick_duration_seconds_bucket",
        "hd1_tick_overruns_total",
        "hd1_clients",
        "hd1_bytes_in_total",
        "hd1_bytes_out_total",
        "hd1_mailbox_depth",
        "hd1_worlds{status=\"running\"}",
    ] {
        assert!(metrics.body.contains(name), "{name} is missing in\n{}", metrics.body);
    }
    let session = server.demo_session();
    assert!(!metrics.body.contains(&session), "no label names a session");
}

#[test]
fn unknown_paths_and_methods_are_problems_too() {
    let server = TestServer::start();
    let http = server.anonymous();
    http.get("/api/nothing").problem(404, "not_found");
    http.get("/api/sessions/not-a-uuid").problem(404, "not_found");
    http.send("PUT", "/api/sessions", Some("{}".into())).problem(405, "method_not_allowed");
    let reply = http.get("/api/sessions");
    assert!(!reply.header("x-request-id").is_empty(), "{:?}", reply.headers);
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
}
