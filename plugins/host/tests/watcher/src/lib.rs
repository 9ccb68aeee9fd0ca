//! Keeps what it was told, changes and refuses what is about to happen, and does jobs: for tests.

use hd1_service::prelude::*;
use hd1_service::{Response, Result};

/// Keeps a line, in order.
fn keep(line: &str) -> Result<()> {
    let number = kv::add("count", 1)?;
    Ok(kv::set(&format!("line/{number:06}"), line, None)?)
}

/// What it was told, in order, and what its jobs did.
#[route(GET, "/lines", access = "anyone")]
fn lines(_request: &Request) -> Result<Response> {
    let mut lines = Vec::new();
    for key in kv::keys("line/", "", 200)? {
        lines.push(kv::text(&key)?.unwrap_or_default());
    }
    Reply::json(&lines)
}

/// Has a job done: `{"text": …, "delay_ms": …, "key": …}`.
#[route(POST, "/later", access = "anyone")]
fn later(request: &Request) -> Result<Response> {
    let wish: Value = request.json()?;
    jobs::later::<note>(&wish["text"], wish["delay_ms"].as_u64().unwrap_or(0), wish["key"].as_str())?;
    Ok(Reply::text(202, "later\n"))
}

/// Keeps its payload; fails the first time where that is `flaky`.
#[job]
fn note(payload: Value) -> Result<()> {
    let text = payload.as_str().unwrap_or_default();
    if text == "flaky" && kv::add("tries", 1)? == 1 {
        return Err("not the first time".into());
    }
    keep(&format!("note {text}"))
}

/// Is due by itself.
#[job(every = "10s")]
fn tick(_payload: Value) -> Result<()> {
    keep("tick")
}

#[action("session.created")]
fn created(about: &Value) -> Result<()> {
    keep(&format!("created {}", about["name"].as_str().unwrap_or_default()))
}

#[action("session.paused")]
fn paused(_about: &Value) -> Result<()> {
    keep("paused")
}

#[action("participant.joined")]
fn joined(_about: &Value) -> Result<()> {
    keep("joined")
}

#[action("participant.left")]
fn left(_about: &Value) -> Result<()> {
    keep("left")
}

#[filter("session.creating")]
fn creating(mut value: Value) -> Result<Verdict> {
    match value["name"].as_str().unwrap_or_default() {
        "forbidden" => Ok(Verdict::refused("no session is called so")),
        "panic" => panic!("it cannot judge that"),
        name if name.starts_with("small ") => {
            value["max_participants"] = json!(2);
            Ok(Verdict::changed(&value))
        }
        _ => Ok(Verdict::Keep),
    }
}

#[filter("participant.joining", priority = 5)]
fn joining(mut value: Value) -> Result<Verdict> {
    match value["name"].as_str().unwrap_or_default() {
        "mallory" => Ok(Verdict::refused("not you")),
        name => {
            value["name"] = json!(format!("{name}!"));
            Ok(Verdict::changed(&value))
        }
    }
}

#[filter("http.request")]
fn request(value: Value) -> Result<Verdict> {
    let is_secret = value["path"].as_str().unwrap_or_default().starts_with("/api/scenes");
    Ok(if is_secret { Verdict::refused("closed today") } else { Verdict::Keep })
}

hd1_service::service! {
    routes: [lines, later],
    hooks: [created, paused, joined, left, creating, joining, request],
    jobs: [note, tick],
}
