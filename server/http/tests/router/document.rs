//! The OpenAPI document and the routes say the same.

use axum::body::Body;
use axum::http::{Request, StatusCode};

use crate::Site;

/// Every operation. A new route does not pass until it stands here, where a reader sees what the interface is.
const OPERATIONS: &str = "\
DELETE /api/plugins/{id}
DELETE /api/plugins/{id}/secrets/{name}
DELETE /api/sessions/{id}
DELETE /api/sessions/{id}/entities/{entity}
DELETE /api/sessions/{id}/entities/{entity}/authority
DELETE /api/sessions/{id}/plugins/{plugin}
DELETE /api/tokens/{token}
GET /api/plugins
GET /api/plugins/{id}
GET /api/plugins/{id}/health
GET /api/plugins/{id}/jobs
GET /api/plugins/{id}/logs
GET /api/plugins/{id}/secrets
GET /api/plugins/{id}/stats
GET /api/scenes
GET /api/sessions
GET /api/sessions/{id}
GET /api/sessions/{id}/entities
GET /api/sessions/{id}/entities/{entity}
GET /api/sessions/{id}/participants
GET /api/sessions/{id}/plugins
GET /api/sessions/{id}/scene
GET /api/sessions/{id}/stats
GET /api/tokens
GET /healthz
GET /metrics
GET /readyz
GET /realtime
PATCH /api/plugins/{id}
PATCH /api/sessions/{id}
PATCH /api/sessions/{id}/entities/{entity}
PATCH /api/sessions/{id}/plugins/{plugin}
POST /api/plugins
POST /api/plugins/{id}/disable
POST /api/plugins/{id}/enable
POST /api/plugins/{id}/jobs/{job}/retry
POST /api/plugins/{id}/restart
POST /api/plugins/{id}/rollback
POST /api/sessions
POST /api/sessions/{id}/entities
POST /api/sessions/{id}/hibernate
POST /api/sessions/{id}/join
POST /api/sessions/{id}/kick
POST /api/sessions/{id}/leave
POST /api/sessions/{id}/messages
POST /api/sessions/{id}/pause
POST /api/sessions/{id}/plugins
POST /api/sessions/{id}/restart
POST /api/sessions/{id}/resume
POST /api/sessions/{id}/snapshot
POST /api/sessions/{id}/start
POST /api/sessions/{id}/stop
POST /api/sessions/{id}/wake
POST /api/tokens
PUT /api/plugins/{id}/secrets/{name}
PUT /api/sessions/{id}/entities/{entity}/authority
PUT /api/sessions/{id}/plugins
";

const METHODS: [&str; 5] = ["GET", "POST", "PATCH", "PUT", "DELETE"];

#[tokio::test]
async fn every_operation_is_routed_and_nothing_else_is() {
    let site = Site::new().await;
    let document = site.get("/openapi.json").await.json();
    let mut listed = String::new();
    for method in ["DELETE", "GET", "PATCH", "POST", "PUT"] {
        for (path, item) in document["paths"].as_object().unwrap() {
            if item.get(method.to_lowercase()).is_some() {
                listed += &format!("{method} {path}\n");
            }
        }
    }
    assert_eq!(listed, OPERATIONS);
    for (path, item) in document["paths"].as_object().unwrap() {
        let names = ["{id}", "{token}", "{entity}", "{plugin}", "{name}"];
        let path = names.iter().fold(path.clone(), |path, name| path.replace(name, "x"));
        for method in METHODS {
            let request = Request::builder().method(method).uri(&path).body(Body::empty()).unwrap();
            let answer = site.send(request).await;
            let documented = item.get(method.to_lowercase()).is_some();
            let routed = answer.status != StatusCode::METHOD_NOT_ALLOWED
                && !answer.text.contains("there is nothing at this path");
            assert_eq!(routed, documented, "{method} {path}: {answer:?}");
        }
    }
}

/// Routes enter through `routes!`, which documents them; the few that are no operations of ours are
/// listed here: what is below `/plugins/{id}` each plugin says itself.
#[test]
fn undocumented_routes_are_four() {
    let mut found = Vec::new();
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.extend(text.lines().filter(|line| line.contains(".route(")).map(|line| line.trim().to_owned()));
            }
        }
    }
    let paths: Vec<_> = found.iter().map(|line| line.split('"').nth(1).unwrap_or(line)).collect();
    assert_eq!(paths, ["/openapi.json", "/docs", "/docs/scalar.js", "/plugins/{id}"]);
}

#[tokio::test]
async fn the_document_is_whole() {
    let site = Site::new().await;
    let text = site.get("/openapi.json").await.text;
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    for reference in text.split("\"$ref\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference} points nowhere");
    }
    let codes = document.pointer("/components/schemas/ErrorCode/enum").unwrap().as_array().unwrap();
    assert_eq!(codes.len(), hd1_api::ErrorCode::ALL.len());
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["responses"]["default"].is_object(), "{method} {path} says nothing of failure");
            assert!(operation["summary"].is_string(), "{method} {path} says nothing of itself");
        }
    }
}
