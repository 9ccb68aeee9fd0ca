//! `/api/sessions/{id}/plugins`: which plugins a session has, in what order, and what it sets for them.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use hd1_api::{AttachPlugin, Problem, SessionPlugin, SessionPluginList, SessionPluginPatch, SetSessionPlugins};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authority::Auth;
use crate::extract::{InSession, Json, OfPlugin};
use crate::problem::Failure;
use crate::state::HttpState;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(list, attach, set)).routes(routes!(change, detach))
}

/// The plugins of a session in the order in which they run, all of them.
#[utoipa::path(get, path = "/api/sessions/{id}/plugins", tag = "plugins", security((), ("bearer" = [])),
    params(("id" = String, Path, description = "the session")), responses((status = 200, body = SessionPluginList)))]
async fn list(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
) -> Result<Answer<SessionPluginList>, Failure> {
    Ok(Answer(state.control().session_plugins(&authority, id).await?))
}

/// Attaches a plugin; it runs from the world's next tick on. Those that it needs are attached before it.
#[utoipa::path(post, path = "/api/sessions/{id}/plugins", tag = "plugins", security(("bearer" = [])),
    params(("id" = String, Path, description = "the session")), request_body = AttachPlugin,
    responses((status = 201, description = "attached", body = SessionPlugin),
        (status = 409, description = "it is there already, or not after what it needs", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "it is not installed, a value does not fit, or the world refuses it",
            body = Problem, content_type = "application/problem+json")))]
async fn attach(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
    Json(wish): Json<AttachPlugin>,
) -> Result<impl IntoResponse, Failure> {
    let attached = state.control().attach_plugin(&authority, id, wish).await?;
    let location = format!("/api/sessions/{id}/plugins/{}", attached.plugin);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Answer(attached)))
}

/// Gives a session exactly these plugins in this order, at once. Those that are not named are detached.
#[utoipa::path(put, path = "/api/sessions/{id}/plugins", tag = "plugins", security(("bearer" = [])),
    params(("id" = String, Path, description = "the session")), request_body = SetSessionPlugins,
    responses((status = 200, body = SessionPluginList),
        (status = 409, description = "one of them does not come after what it needs", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "one is not installed, a value does not fit, or the world refuses them",
            body = Problem, content_type = "application/problem+json")))]
async fn set(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
    Json(wish): Json<SetSessionPlugins>,
) -> Result<Answer<SessionPluginList>, Failure> {
    Ok(Answer(state.control().set_session_plugins(&authority, id, wish).await?))
}

/// Changes what a session sets for a plugin, whether it runs there, and where in the order; all of it at once.
#[utoipa::path(patch, path = "/api/sessions/{id}/plugins/{plugin}", tag = "plugins", security(("bearer" = [])),
    params(("id" = String, Path, description = "the session"),
        ("plugin" = String, Path, description = "the plugin, as in `acme:flocking`")),
    request_body = SessionPluginPatch, responses((status = 200, body = SessionPlugin)))]
async fn change(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
    OfPlugin(plugin): OfPlugin,
    Json(patch): Json<SessionPluginPatch>,
) -> Result<Answer<SessionPlugin>, Failure> {
    Ok(Answer(state.control().patch_session_plugin(&authority, id, &plugin, patch).await?))
}

/// Takes a plugin out of a session from its world's next tick on; refused while another one there needs it.
#[utoipa::path(delete, path = "/api/sessions/{id}/plugins/{plugin}", tag = "plugins", security(("bearer" = [])),
    params(("id" = String, Path, description = "the session"),
        ("plugin" = String, Path, description = "the plugin, as in `acme:flocking`")),
    responses((status = 204, description = "detached")))]
async fn detach(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
    OfPlugin(plugin): OfPlugin,
) -> Result<StatusCode, Failure> {
    state.control().detach_plugin(&authority, id, &plugin).await?;
    Ok(StatusCode::NO_CONTENT)
}
