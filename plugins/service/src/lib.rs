//! Service plugins in Rust: what a plugin does outside of the tick.
//!
//! A function is made a route, a hook, a job, an auth method, a channel for players' programs or a function for other plugins
//! by an attribute, and
//! [`service!`] lists them: it writes the plan into the component and calls what the host asks for. What the server lends a
//! plugin stands in [`kv`], [`http`], [`sessions`], [`jobs`], [`plugins`], [`secrets`], [`log`] and [`clock`], each behind a
//! right that `plugin.toml` asks for. The interface below is `plugins/wit/service.wit`.
//!
//! Nothing is kept in a `static` from call to call: there are several instances, and each may be gone at any time.

#[doc(hidden)]
pub mod bindings;
pub mod entry;
pub mod handlers;
pub mod host;
pub mod plan;
mod reply;

pub use hd1_sdk_macros::{
    Settings, auth, channel, function, job, route, service_action as action, service_filter as filter,
};
pub use host::{clock, config, http, jobs, kv, log, plugins, secrets, sessions};
pub use reply::{Reply, Request, Verdict};

pub use bindings::hd1::service::types::{Asked, Caller, CallerKind, Failure, Header, Heard, Identity, Response};

/// All that a plugin's `lib.rs` needs.
pub mod prelude {
    pub use crate::{
        Asked, Caller, CallerKind, Failure, Heard, Identity, Reply, Request, Settings, Verdict, action, auth, channel,
        clock, config, filter, function, http, job, jobs, kv, log, plugins, route, secrets, sessions,
    };
    pub use serde::{Deserialize, Serialize};
    pub use serde_json::{Value, json};
}

/// What a handler answers; the error is for the plugin's log.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a handler could not do it. Whatever can be shown becomes one by `?`.
#[derive(Debug)]
pub struct Error(String);

impl<E: std::fmt::Display> From<E> for Error {
    fn from(error: E) -> Self {
        Error(error.to_string())
    }
}

impl Error {
    /// What it says.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

#[doc(hidden)]
pub mod private {
    pub use crate::bindings;
    pub use crate::bindings::export_guest;
    pub use crate::bindings::exports::hd1::service::guest::Guest;
    pub use serde_json;
}
