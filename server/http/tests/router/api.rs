//! Journeys through the interface: what a client does, in the order it does it.

use axum::http::{Request, StatusCode};
use serde_json::json;

use crate::Site;

#[tokio::test]
async fn a_session_is_made_changed_and_removed() {
    let site = Site::new().await;
    let admin = site.admin.clone();
    let wish = json!({"name": "harbour", "visibility": "public", "scene": "asteroids", "metadata": {"k": 1}});
    let made = site.call("POST", "/api/sessions", &admin, Some(wish)).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let session = made.json();
    let path = made.header("location").to_owned();
    assert_eq!(path, format!("/api/sessions/{}", session["id"].as_str().unwrap()));
    assert_eq!(
        (&session["status"], &session["scene"], &session["tick_rate"], &session["owner"]),
        (&json!("running"), &json!("asteroids"), &json!(20), &json!("admin"))
    );
    let changed = site.call("PATCH", &path, &admin, Some(json!({"name": "dock"}))).await.json();
    assert_eq!((&changed["name"], &changed["metadata"]), (&json!("dock"), &json!({"k": 1})));
    assert_eq!(site.get(&path).await.json()["name"], "dock", "public: nobody has to sign in to see it");

    for (step, status) in [("pause", "paused"), ("resume", "running"), ("hibernate", "hibernated"), ("wake", "running")]
    {
        let answer = site.call("POST", &format!("{path}/{step}"), &admin, None).await;
        assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::OK, &json!(status)));
    }
    assert_eq!(site.call("POST", &format!("{path}/snapshot"), &admin, None).await.json()["tick"], 7);
    let stopped = site.call("POST", &format!("{path}/stop"), &admin, None).await;
    assert_eq!(stopped.json()["status"], "stopped");
    let refused = site.call("POST", &format!("{path}/pause"), &admin, None).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::CONFLICT, "conflict"));
    assert_eq!(site.call("POST", &format!("{path}/start"), &admin, None).await.json()["status"], "running");
    assert_eq!(site.call("POST", &format!("{path}/restart"), &admin, None).await.json()["status"], "running");

    assert_eq!(site.call("DELETE", &path, &admin, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(site.get(&path).await.code(), "not_found");
}

#[tokio::test]
async fn a_change_may_name_the_version_it_is_meant_for() {
    let site = Site::new().await;
    let path = format!("/api/sessions/{}", site.session(json!({"name": "x"})).await);
    let change = async |method: &str, tag: &str| {
        let request = Request::builder().method(method).uri(&path).header("if-match", tag);
        let request = request.header("authorization", format!("Bearer {}", site.admin));
        let body = if method == "PATCH" { r#"{"name": "y"}"# } else { "" };
        site.send(request.header("content-type", "application/json").body(body.into()).unwrap()).await
    };
    let read = site.call("GET", &path, &site.admin, None).await;
    assert_eq!((read.header("etag"), &read.json()["version"]), ("\"1\"", &json!(1)));
    let changed = change("PATCH", "\"1\"").await;
    assert_eq!((changed.status, changed.header("etag")), (StatusCode::OK, "\"2\""));
    for (method, tag, status, code) in [
        ("PATCH", "\"1\"", 412, "precondition_failed"),
        ("PATCH", "\"else\"", 412, "precondition_failed"),
        ("DELETE", "\"1\"", 412, "precondition_failed"),
        ("DELETE", "1", 400, "invalid_request"),
        ("DELETE", "*, \"2\"", 400, "invalid_request"),
    ] {
        let answer = change(method, tag).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{method} {tag}");
    }
    assert_eq!(change("PATCH", "*").await.header("etag"), "\"3\"");
    assert_eq!(change("PATCH", "\"7\", W/\"3\"").await.header("etag"), "\"4\"");
    assert_eq!(change("DELETE", "\"4\"").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn lists_have_their_envelope() {
    let site = Site::new().await;
    for n in 0..3 {
        site.session(json!({"name": format!("s{n}"), "visibility": "public"})).await;
    }
    site.session(json!({"name": "hidden"})).await;
    let page = site.get("/api/sessions?limit=2&offset=0").await.json();
    assert_eq!(page["pagination"], json!({"total": 3, "limit": 2, "offset": 0, "has_more": true}));
    assert_eq!(page["sessions"].as_array().unwrap().len(), 2);
    let rest = site.get("/api/sessions?limit=2&offset=2").await.json();
    assert_eq!((&rest["pagination"]["has_more"], &rest["sessions"][0]["name"]), (&json!(false), &json!("s0")));
    let private = site.call("GET", "/api/sessions?visibility=private&status=running", &site.admin, None).await.json();
    assert_eq!((&private["pagination"]["total"], &private["sessions"][0]["name"]), (&json!(1), &json!("hidden")));
    let scenes = site.get("/api/scenes").await.json();
    assert_eq!((&scenes["pagination"]["total"], &scenes["scenes"][1]["name"]), (&json!(2), &json!("lobby")));
    for bad in ["limit=0", "limit=201", "limit=x", "status=asleep", "colour=red"] {
        let answer = site.get(&format!("/api/sessions?{bad}")).await;
        assert!(answer.status.is_client_error(), "{bad}");
    }
}

#[tokio::test]
async fn a_guest_joins_comes_back_and_leaves() {
    let site = Site::new().await;
    let open = json!({"name": "open", "visibility": "public", "settings": {"guests": true}});
    let id = site.session(open).await;
    let path = format!("/api/sessions/{id}");
    let joined = site.call("POST", &format!("{path}/join"), "", Some(json!({"name": "Ada"}))).await;
    assert_eq!(joined.status, StatusCode::OK, "{joined:?}");
    let joined = joined.json();
    assert_eq!(
        joined["endpoints"],
        json!({"quic": "hd1.test:4433", "webtransport": "https://hd1.test:4433/realtime",
            "websocket": "ws://hd1.test:8080/realtime"})
    );
    assert_eq!((&joined["certificate_sha256"], &joined["expires_in_s"]), (&json!("ab".repeat(32)), &json!(60)));
    let token = joined["participant_token"].as_str().unwrap();
    let back = site.call("POST", &format!("{path}/join"), token, None).await.json();
    assert_eq!((&back["participant_id"], &back["participant_token"]), (&joined["participant_id"], &json!(token)));
    assert_ne!(back["ticket"], joined["ticket"]);

    let listed = site.get(&format!("{path}/participants")).await.json();
    assert_eq!((&listed["participants"][0]["name"], &listed["pagination"]["total"]), (&json!("Ada"), &json!(1)));
    assert_eq!(site.get(&path).await.json()["participant_count"], 1);
    assert_eq!(site.call("POST", &format!("{path}/leave"), token, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(site.get(&path).await.json()["participant_count"], 0);

    let again = site.call("POST", &format!("{path}/join"), "", None).await.json();
    let kick = json!({"participant_id": again["participant_id"], "reason": "spam"});
    let denied = site.call("POST", &format!("{path}/kick"), token, Some(kick.clone())).await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
    let kicked = site.call("POST", &format!("{path}/kick"), &site.admin, Some(kick)).await;
    assert_eq!(kicked.status, StatusCode::NO_CONTENT);
    let gone = again["participant_token"].as_str().unwrap();
    let refused = site.call("POST", &format!("{path}/join"), gone, None).await;
    assert_eq!(refused.code(), "unauthenticated");
    let all = site.get(&format!("{path}/participants?all=true")).await.json();
    assert_eq!(all["participants"][1]["state"], "kicked");
}

#[tokio::test]
async fn entities_are_made_read_changed_and_ended() {
    let site = Site::new().await;
    let admin = site.admin.clone();
    let id = site.session(json!({"name": "x"})).await;
    let path = format!("/api/sessions/{id}/entities");
    let wish = json!({"name": "the sign", "components": {"Label": {"text": "hi"}}});
    let made = site.call("POST", &path, &admin, Some(wish)).await;
    assert_eq!((made.status, &made.json()["id"]), (StatusCode::CREATED, &json!(1)));
    let refused = site.call("POST", &path, &admin, Some(json!({"components": {"label": {}}}))).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.json()["errors"][0]["path"], "components.label");
    let named = format!("{path}/the%20sign");
    assert_eq!(site.call("GET", &named, &admin, None).await.json()["id"], 1);
    let patch = json!({"components": {"Transform": {"position": [1, 2, 3]}, "Label": null}});
    let changed = site.call("PATCH", &format!("{path}/1"), &admin, Some(patch)).await.json();
    assert_eq!(changed["components"], json!({"Transform": {"position": [1, 2, 3]}}));
    let held = format!("{path}/1/authority");
    let handed = site.call("PUT", &held, &admin, Some(json!({"player": 3}))).await;
    assert_eq!((handed.status, &handed.json()["components"]["Authority"]), (StatusCode::OK, &json!({"player": 3})));
    for wrong in [json!({}), json!({"player": -1}), json!({"player": 3, "for": "ever"})] {
        assert_eq!(site.call("PUT", &held, &admin, Some(wrong)).await.code(), "invalid_request");
    }
    assert_eq!(site.call("DELETE", &held, &admin, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(
        site.call("PUT", &format!("{path}/9/authority"), &admin, Some(json!({"player": 3}))).await.code(),
        "not_found"
    );
    assert_eq!(site.call("DELETE", &held, "", None).await.code(), "not_found");
    assert!(site.call("GET", &named, &admin, None).await.json()["components"]["Authority"].is_null());
    let listed = site.call("GET", &format!("{path}?component=Transform&limit=1"), &admin, None).await.json();
    assert_eq!((&listed["pagination"]["total"], &listed["entities"][0]["id"]), (&json!(1), &json!(1)));
    assert_eq!(site.call("GET", &path, "", None).await.code(), "not_found", "a private session is nobody's business");
    let base = format!("/api/sessions/{id}");
    assert_eq!(site.call("GET", &format!("{base}/stats"), &admin, None).await.json()["entity_count"], 1);
    assert!(site.call("GET", &format!("{base}/scene"), &admin, None).await.json()["entities"].is_array());
    assert_eq!(site.call("DELETE", &named, &admin, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(site.call("DELETE", &named, &admin, None).await.code(), "not_found");
}

#[tokio::test]
async fn tokens_are_made_by_administrators() {
    let site = Site::new().await;
    let wish = json!({"name": "ci", "role": "developer", "expires_in_s": 3_600});
    assert_eq!(site.call("POST", "/api/tokens", "", Some(wish.clone())).await.code(), "unauthenticated");
    let made = site.call("POST", "/api/tokens", &site.admin, Some(wish)).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let (made, secret) = (made.json(), made.json()["secret"].as_str().unwrap().to_owned());
    let own = site.call("POST", "/api/sessions", &secret, Some(json!({"name": "mine"}))).await;
    assert_eq!((own.status, &own.json()["owner"]), (StatusCode::CREATED, &made["id"]));
    assert_eq!(site.call("GET", "/api/tokens", &secret, None).await.code(), "denied");
    let listed = site.call("GET", "/api/tokens", &site.admin, None).await;
    assert!(!listed.text.contains(&secret));
    let path = format!("/api/tokens/{}", made["id"].as_str().unwrap());
    assert_eq!(site.call("DELETE", &path, &secret, None).await.code(), "denied");
    assert_eq!(site.call("DELETE", &path, &site.admin, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(site.call("GET", "/api/sessions", &secret, None).await.code(), "unauthenticated");
}
