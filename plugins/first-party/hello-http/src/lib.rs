//! Greets over HTTP, and counts whom.
//!
//! The service plugin to read first: settings, routes for everybody, for those with a token and for administrators, and
//! values that last.

use hd1_service::prelude::*;
use hd1_service::{Response, Result};

/// What an operator sets.
#[derive(Settings, Deserialize, Debug)]
pub struct HelloSettings {
    /// The word before the name.
    #[setting(text, bytes = 60, default = "Hello")]
    pub greeting: String,
}

/// Longest name that is greeted, in bytes.
const NAME_BYTES_MAX: usize = 60;

/// Greets by name, and counts it.
#[route(GET, "/greet/{name}", access = "anyone")]
fn greet(request: &Request) -> Result<Response> {
    let name = request.param("name");
    if name.len() > NAME_BYTES_MAX {
        return Ok(Reply::text(400, format!("a name has at most {NAME_BYTES_MAX} bytes\n")));
    }
    let settings: HelloSettings = config()?;
    let count = kv::add(&format!("greeted/{name}"), 1)?;
    log::count("greetings", 1);
    Reply::json(&json!({ "text": format!("{}, {name}!", settings.greeting), "count": count }))
}

/// Says who asks, as the server has proven it.
#[route(GET, "/me")]
fn me(request: &Request) -> Result<Response> {
    let Caller { id, name, role, .. } = &request.caller;
    Reply::json(&json!({ "id": id, "name": name, "role": role }))
}

/// Forgets whom it greeted.
#[route(DELETE, "/greetings", access = "admin")]
fn forget(_request: &Request) -> Result<Response> {
    let mut forgotten = 0;
    loop {
        let keys = kv::keys("greeted/", "", 200)?;
        if keys.is_empty() {
            break;
        }
        for key in &keys {
            forgotten += u32::from(kv::delete(key)?);
        }
    }
    log::info(format!("forgot {forgotten} names"));
    Reply::json(&json!({ "forgotten": forgotten }))
}

hd1_service::service! {
    settings: HelloSettings,
    routes: [greet, me, forget],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_declares_what_it_does() {
        let plan: Value = serde_json::from_str(PLAN).unwrap();
        assert_eq!(plan["routes"][0]["path"], "/greet/{name}");
        assert_eq!(plan["config"][0]["default"]["Text"], "Hello");
    }
}
