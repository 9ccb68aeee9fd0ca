//! The closed table of error codes and the problem document (RFC 9457) they travel in.
//!
//! A new code does not compile until it has a status and a title, so no client ever meets one that is not in
//! the table.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:literal, $text:literal, $title:literal;)*) => {
        /// What went wrong, in a word that programs may match on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl ErrorCode {
            /// Every code, in the order of the table.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$name),*];

            /// The HTTP status it is answered with.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(ErrorCode::$name => $status),* }
            }

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$name => $text),* }
            }

            /// One line for people, the same for every occurrence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(ErrorCode::$name => $title),* }
            }
        }
    };
}

codes! {
    /// The request is not what the operation takes: bad JSON, an unknown field, a bad parameter.
    InvalidRequest = 400, "invalid_request", "the request is malformed";
    /// No token, or one that is unknown, expired or revoked.
    Unauthenticated = 401, "unauthenticated", "a valid token is required";
    /// The token is good, the right is missing.
    Denied = 403, "denied", "the caller may not do this";
    /// No such thing, or none that the caller may see.
    NotFound = 404, "not_found", "there is no such thing";
    /// The path exists, the method does not.
    MethodNotAllowed = 405, "method_not_allowed", "the method is not offered here";
    /// The state of the thing forbids it now.
    Conflict = 409, "conflict", "the current state does not allow this";
    /// All places of a session are taken.
    SessionFull = 409, "session_full", "every place in the session is taken";
    /// The world does not run and joining or asking does not wake it.
    SessionNotRunning = 409, "session_not_running", "the session is not running";
    /// `If-Match` names a version that is not the current one: somebody has changed the thing since it was read.
    PreconditionFailed = 412, "precondition_failed", "the thing has changed since it was read";
    /// The body is larger than the operation takes.
    PayloadTooLarge = 413, "payload_too_large", "the request body is too large";
    /// The body is not of the media type that the operation takes: `application/json` nearly everywhere.
    UnsupportedMediaType = 415, "unsupported_media_type", "the request body is of another media type";
    /// Well formed, and refused by a rule; `errors` says where.
    Invalid = 422, "invalid", "a value breaks a rule";
    /// A WebSocket endpoint was asked for something else.
    UpgradeRequired = 426, "upgrade_required", "this endpoint speaks WebSocket";
    /// Too many of these from this address or token; `Retry-After` says when to come back.
    RateLimited = 429, "rate_limited", "too many requests";
    /// A defect of the server; the request id finds it in the log.
    Internal = 500, "internal", "the server failed";
    /// A plugin that answers for this failed; its log says why.
    PluginFailed = 502, "plugin_failed", "the plugin that answers here failed";
    /// Not now: starting, draining, overloaded or a part is down.
    Unavailable = 503, "unavailable", "the server cannot do this now";
    /// The operation took longer than the server waits.
    TimedOut = 504, "timed_out", "the operation took too long";
}

/// A problem document, `application/problem+json`.
///
/// With a status of 500 and above only `type`, `title`, `status`, `code` and `request_id` are present: causes stay in
/// the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:hd1:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code's title.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What programs match on.
    pub code: ErrorCode,
    /// This occurrence, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Which values were refused and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Finds this request in the server's log.
    pub request_id: String,
}

/// One refused value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Where, as in `scene.entities[3].components.Geometry.radius`.
    pub path: String,
    /// Why.
    pub message: String,
}

impl Problem {
    /// A problem of this code; 5xx codes drop `detail` and `errors`.
    #[must_use]
    pub fn new(code: ErrorCode, detail: Option<String>, errors: Vec<FieldError>, request_id: String) -> Self {
        let (detail, errors) = if code.status() >= 500 { (None, Vec::new()) } else { (detail, errors) };
        let kind = format!("urn:hd1:problem:{}", code.as_str());
        Self { kind, title: code.title().to_owned(), status: code.status(), code, detail, errors, request_id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_closed_and_consistent() {
        let mut words = std::collections::BTreeSet::new();
        for code in ErrorCode::ALL {
            assert!(words.insert(code.as_str()), "{} twice", code.as_str());
            assert!((400..600).contains(&code.status()));
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert!(!code.title().ends_with('.'));
        }
    }

    #[test]
    fn a_server_failure_says_nothing_but_its_request_id() {
        let problem = Problem::new(ErrorCode::Internal, Some("SELECT".into()), vec![], "abc".into());
        assert_eq!(
            serde_json::to_value(problem).unwrap(),
            serde_json::json!({"type": "urn:hd1:problem:internal", "title": "the server failed", "status": 500,
                "code": "internal", "request_id": "abc"})
        );
    }
}
