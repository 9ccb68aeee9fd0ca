//! `/api/sessions/{id}/start` and its siblings: steps in a world's life. Each answers once its step is taken and
//! recorded.

use axum::Json as Answer;
use axum::extract::State;
use hd1_api::{Session, SnapshotTaken};
use hd1_control::Lifecycle;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authority::Auth;
use crate::extract::InSession;
use crate::problem::Failure;
use crate::state::HttpState;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(start))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(hibernate))
        .routes(routes!(wake))
        .routes(routes!(stop))
        .routes(routes!(restart))
        .routes(routes!(snapshot))
}

/// A handler per step: the document describes each for itself.
macro_rules! step {
    ($(#[doc = $doc:literal])+ $name:ident, $path:literal, $step:expr) => {
        $(#[doc = $doc])+
        #[utoipa::path(post, path = $path, tag = "lifecycle", security(("bearer" = [])),
            params(("id" = String, Path, description = "the session")), responses((status = 200, body = Session)))]
        async fn $name(
            State(state): State<HttpState>,
            Auth(authority): Auth,
            InSession(id): InSession,
        ) -> Result<Answer<Session>, Failure> {
            Ok(Answer(state.control().step(&authority, id, $step).await?))
        }
    };
}

step! {
    /// Starts a session that was created or stopped; a stopped one continues from its last snapshot.
    start, "/api/sessions/{id}/start", Lifecycle::Start
}

step! {
    /// Stops the ticks; clients stay connected.
    pause, "/api/sessions/{id}/pause", Lifecycle::Pause
}

step! {
    /// Ticks again after a pause.
    resume, "/api/sessions/{id}/resume", Lifecycle::Resume
}

step! {
    /// Puts the world on disk and frees its memory; joining or asking wakes it.
    hibernate, "/api/sessions/{id}/hibernate", Lifecycle::Hibernate
}

step! {
    /// Brings a hibernated world back.
    wake, "/api/sessions/{id}/wake", Lifecycle::Wake
}

step! {
    /// Ends the world with a last snapshot; only a start brings it back.
    stop, "/api/sessions/{id}/stop", Lifecycle::Stop
}

step! {
    /// Ends the world and runs it again from its newest snapshot; a crash loop is forgotten.
    restart, "/api/sessions/{id}/restart", Lifecycle::Restart
}

/// Takes a snapshot and answers once it is on disk.
#[utoipa::path(post, path = "/api/sessions/{id}/snapshot", tag = "lifecycle", security(("bearer" = [])),
    params(("id" = String, Path, description = "the session")), responses((status = 200, body = SnapshotTaken)))]
async fn snapshot(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
) -> Result<Answer<SnapshotTaken>, Failure> {
    Ok(Answer(state.control().snapshot(&authority, id).await?))
}
