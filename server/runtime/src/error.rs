//! Why the runtime did not do what it was asked, named for what the caller can do about it.

use hd1_protocol::message::OpError;

use crate::lifecycle::{Request, WorldStatus};

/// See the module's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// No world of this session is known here: create it first.
    #[error("this session has no world here")]
    NotFound,
    /// A world of this session is known already.
    #[error("this session has a world already")]
    Exists,
    /// The world's status does not allow it.
    #[error("a {status} world cannot {}", verb(*request))]
    Conflict {
        /// What it is.
        status: WorldStatus,
        /// What was asked.
        request: Request,
    },
    /// Only a world in memory can answer this: wake or start it.
    #[error("the world is {0}: it must run for this")]
    NotLive(WorldStatus),
    /// Too much waits at the world's door: try again soon.
    #[error("too many requests wait for this world")]
    Busy,
    /// The simulation refused an operation.
    #[error(transparent)]
    Refused(OpError),
    /// The scene or the snapshot cannot be made into a world.
    #[error("the world cannot be loaded: {0}")]
    LoadFailed(String),
    /// The disk refused; the world goes on as it was.
    #[error("the world cannot be written to disk: {0}")]
    DiskFailed(String),
    /// The world crashed while it was at it.
    #[error("the world crashed: {0}")]
    Crashed(String),
    /// The runtime is shutting down.
    #[error("the server is shutting down")]
    Draining,
    /// More worlds than [`crate::limits::WORLDS_MAX`].
    #[error("this server holds as many worlds as it may")]
    TooManyWorlds,
}

const fn verb(request: Request) -> &'static str {
    match request {
        Request::Start => "be started",
        Request::Pause => "be paused",
        Request::Resume => "be resumed",
        Request::Hibernate => "be hibernated",
        Request::Wake => "be woken: start it instead",
        Request::Stop => "be stopped",
        Request::Restart => "be restarted",
        Request::Delete => "be deleted",
        Request::Join => "be joined",
    }
}
