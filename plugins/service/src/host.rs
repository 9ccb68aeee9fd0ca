//! What the server lends a plugin.

use serde::de::DeserializeOwned;

use crate::Result;
use crate::bindings::hd1::service as wit;

/// What the operator has set, defaults included, as the plugin's own type.
///
/// # Errors
/// The type is not that of the plugin's settings.
pub fn config<T: DeserializeOwned>() -> Result<T> {
    Ok(serde_json::from_str(&wit::config::get())?)
}

/// Lines of the plugin's log, and counters in the server's metrics.
pub mod log {
    use super::wit::log::{self, Level};

    /// Something is broken.
    pub fn error(text: impl std::fmt::Display) {
        log::write(Level::Error, &text.to_string());
    }

    /// Something is odd.
    pub fn warn(text: impl std::fmt::Display) {
        log::write(Level::Warn, &text.to_string());
    }

    /// Something happened.
    pub fn info(text: impl std::fmt::Display) {
        log::write(Level::Info, &text.to_string());
    }

    /// For the author alone.
    pub fn debug(text: impl std::fmt::Display) {
        log::write(Level::Debug, &text.to_string());
    }

    /// Adds to a counter; its name is of `a-z 0-9 _`.
    pub fn count(name: &str, by: u64) {
        log::count(name, by);
    }
}

/// The time, and chance.
pub mod clock {
    use super::wit::clock;

    /// Microseconds since 1970.
    #[must_use]
    pub fn now_us() -> i64 {
        clock::now_us()
    }

    /// Unpredictable bytes, at most 1,024.
    #[must_use]
    pub fn random(bytes: u32) -> Vec<u8> {
        clock::random(bytes)
    }
}

/// Small values that last. Right `kv`.
pub mod kv {
    use super::wit::kv;
    use crate::Failure;

    /// The value of a key.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn get(key: &str) -> Result<Option<Vec<u8>>, Failure> {
        kv::get(key)
    }

    /// The text of a key; what is no UTF-8 is not there.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn text(key: &str) -> Result<Option<String>, Failure> {
        Ok(get(key)?.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// Sets a key, for ever or for so many seconds.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn set(key: &str, value: impl AsRef<[u8]>, ttl_s: Option<u32>) -> Result<(), Failure> {
        kv::set(key, value.as_ref(), ttl_s)
    }

    /// Removes a key; answers whether it was there.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn delete(key: &str) -> Result<bool, Failure> {
        kv::delete(key)
    }

    /// Keys that begin with `prefix` and come after `after`, in order, at most 200.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn keys(prefix: &str, after: &str, limit: u32) -> Result<Vec<String>, Failure> {
        kv::keys(prefix, after, limit)
    }

    /// Adds to a number and answers the sum, all at once.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn add(key: &str, by: i64) -> Result<i64, Failure> {
        kv::add(key, by)
    }
}

/// HTTP to others. Right `network:HOST:PORT` for each place, or `network`.
pub mod http {
    pub use super::wit::http::{Answer, Outgoing};
    use crate::{Failure, Header};

    /// Sends a request; no redirect is followed.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn send(request: &Outgoing) -> Result<Answer, Failure> {
        super::wit::http::send(request)
    }

    /// Posts JSON.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn post_json(url: &str, body: &serde_json::Value) -> Result<Answer, Failure> {
        send(&Outgoing {
            method: "POST".into(),
            url: url.into(),
            headers: vec![Header { name: "content-type".into(), value: "application/json".into() }],
            body: body.to_string().into_bytes(),
            timeout_ms: 10_000,
        })
    }
}

/// What the operator keeps for the plugin. Right `secret:NAME` for each.
pub mod secrets {
    use crate::Failure;

    /// A secret; `None` where none is kept.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn get(name: &str) -> Result<Option<String>, Failure> {
        super::wit::secrets::get(name)
    }
}

/// The sessions of the server. Rights `sessions.read` and `sessions.write`.
pub mod sessions {
    use serde_json::Value;

    use super::wit::sessions;
    use crate::{Failure, Result};

    /// A page of sessions, newest first, as the HTTP API has it.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn list(offset: u32, limit: u32) -> Result<Value> {
        read(sessions::list_sessions(offset, limit))
    }

    /// One session.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn get(session: &str) -> Result<Value> {
        read(sessions::get(session))
    }

    /// A page of entities that have a component, or of all where it is empty.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn entities(session: &str, component: &str, offset: u32, limit: u32) -> Result<Value> {
        read(sessions::entities(session, component, offset, limit))
    }

    /// Says something to everybody in a session, or to one player.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn send(session: &str, player: Option<u32>, topic: &str, data: &Value) -> Result<(), Failure> {
        sessions::send(session, player, topic, &data.to_string())
    }

    /// Makes an entity of named components; answers its number.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn spawn(session: &str, components: &Value) -> Result<u32, Failure> {
        sessions::spawn(session, &components.to_string())
    }

    /// Sets components of an entity.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn update(session: &str, entity: u32, components: &Value) -> Result<(), Failure> {
        sessions::update(session, entity, &components.to_string())
    }

    /// Takes an entity away.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn despawn(session: &str, entity: u32) -> Result<(), Failure> {
        sessions::despawn(session, entity)
    }

    fn read(answer: Result<String, Failure>) -> Result<Value> {
        Ok(serde_json::from_str(&answer?)?)
    }
}

/// Work for later, which outlives the server's end.
pub mod jobs {
    use serde_json::Value;

    use crate::Failure;
    use crate::handlers::Job;

    /// Asks for one of the plugin's own jobs, as in `jobs::later::<post>(&json!({}), 0, None)`. Where one of this `key`
    /// waits already, that one stays alone.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn later<J: Job>(payload: &Value, delay_ms: u64, key: Option<&str>) -> Result<(), Failure> {
        super::wit::jobs::enqueue(J::NAME, &payload.to_string(), delay_ms, key)
    }
}

/// Other plugins. Right `call:NAMESPACE:NAME` for each.
pub mod plugins {
    use serde_json::Value;

    use crate::Result;

    /// Calls a function of another plugin.
    ///
    /// # Errors
    /// [`crate::Failure`].
    pub fn call(plugin: &str, function: &str, argument: &Value) -> Result<Value> {
        Ok(serde_json::from_str(&super::wit::plugins::call(plugin, function, &argument.to_string())?)?)
    }
}
