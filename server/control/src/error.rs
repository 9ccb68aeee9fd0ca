//! What a rule can answer instead of its result, named for what the caller can do about it.

use hd1_api::{ErrorCode, FieldError, SessionStatus};
use hd1_store::StoreError;

use crate::worlds::WorldError;

/// A result of a rule.
pub type Result<T, E = ControlError> = std::result::Result<T, E>;

/// Why a rule did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No token where one is needed, or one that is unknown, expired or revoked.
    #[error("a valid token is required")]
    Unauthenticated,
    /// The caller is known and lacks the right.
    #[error("{0}")]
    Denied(&'static str),
    /// A plugin refuses it.
    #[error("{why} (refused by {plugin})")]
    Refused {
        /// Which.
        plugin: String,
        /// Its reason, for whoever wanted it.
        why: String,
    },
    /// There is none, or none that the caller may see.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Values that break rules.
    #[error("{} value(s) break a rule", .0.len())]
    Invalid(Vec<FieldError>),
    /// The state forbids it now.
    #[error("{0}")]
    Conflict(String),
    /// The change was meant for another version.
    #[error("the {what} is at version {version} now: read it again and decide anew")]
    Stale {
        /// Of what.
        what: &'static str,
        /// The version that it has.
        version: u64,
    },
    /// Every place is taken.
    #[error("every place in the session is taken")]
    SessionFull,
    /// The world does not run.
    #[error("the session is {}", .0.as_str())]
    NotRunning(SessionStatus),
    /// Not now; trying again soon may help.
    #[error("not available: {0}")]
    Unavailable(String),
    /// It took too long.
    #[error("the world did not answer in time")]
    TimedOut,
    /// A plugin that answers for it failed; the text is for the log.
    #[error("a plugin failed: {0}")]
    PluginFailed(String),
    /// A defect or a failing disk; the text is for the log.
    #[error("{0}")]
    Failed(String),
}

impl ControlError {
    /// One value that breaks a rule.
    #[must_use]
    pub fn invalid(path: impl Into<String>, message: impl Into<String>) -> Self {
        ControlError::Invalid(vec![FieldError { path: path.into(), message: message.into() }])
    }

    /// The code it is answered with.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            ControlError::Unauthenticated => ErrorCode::Unauthenticated,
            ControlError::Denied(_) | ControlError::Refused { .. } => ErrorCode::Denied,
            ControlError::NotFound(_) => ErrorCode::NotFound,
            ControlError::Invalid(_) => ErrorCode::Invalid,
            ControlError::Conflict(_) => ErrorCode::Conflict,
            ControlError::Stale { .. } => ErrorCode::PreconditionFailed,
            ControlError::SessionFull => ErrorCode::SessionFull,
            ControlError::NotRunning(_) => ErrorCode::SessionNotRunning,
            ControlError::Unavailable(_) => ErrorCode::Unavailable,
            ControlError::TimedOut => ErrorCode::TimedOut,
            ControlError::PluginFailed(_) => ErrorCode::PluginFailed,
            ControlError::Failed(_) => ErrorCode::Internal,
        }
    }
}

impl From<StoreError> for ControlError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => ControlError::Unavailable(error.to_string()),
            // What it referred to was there a moment ago: somebody deleted it meanwhile.
            StoreError::Dangling => ControlError::NotFound("session"),
            StoreError::Duplicate
            | StoreError::Corrupt { .. }
            | StoreError::Migrate(_)
            | StoreError::Address
            | StoreError::Claimed
            | StoreError::Failed(_) => ControlError::Failed(error.to_string()),
        }
    }
}

impl From<WorldError> for ControlError {
    fn from(error: WorldError) -> Self {
        match error {
            WorldError::NoSuchWorld => ControlError::NotFound("session"),
            WorldError::NoSuchEntity => ControlError::NotFound("entity"),
            WorldError::WrongState(what) => ControlError::Conflict(what),
            WorldError::Refused { path, message } => ControlError::invalid(path, message),
            WorldError::Busy => ControlError::Unavailable(error.to_string()),
            WorldError::TimedOut => ControlError::TimedOut,
            WorldError::Failed(what) => ControlError::Failed(what),
        }
    }
}
