//! `/api/sessions`: make, list, read, change, remove.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use hd1_api::{CreateSession, PatchSession, Problem, Session, SessionList, SessionStatus, Visibility};
use hd1_control::{Page, SessionQuery};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authority::Auth;
use crate::extract::{InSession, Json, Query};
use crate::limits::SCENE_BODY_BYTES_MAX;
use crate::problem::Failure;
use crate::state::HttpState;
use crate::version::{IfMatch, Versioned};

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(read, change, remove))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Only sessions in this status.
    status: Option<SessionStatus>,
    /// Only sessions of this visibility.
    visibility: Option<Visibility>,
    /// Entries left out before the first. Default 0.
    offset: Option<u32>,
    /// Entries wanted, 1 to 200. Default 50.
    limit: Option<u32>,
}

/// Makes a session and its world.
#[utoipa::path(post, path = "/api/sessions", tag = "sessions", security(("bearer" = [])),
    request_body = CreateSession,
    responses((status = 201, body = Session, headers(("ETag" = String, description = "its version"))), (status = 422, description = "a value or the scene breaks a rule",
        body = Problem, content_type = "application/problem+json")))]
async fn create(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    Json(wish): Json<CreateSession, SCENE_BODY_BYTES_MAX>,
) -> Result<impl IntoResponse, Failure> {
    let session = state.control().create_session(&authority, wish).await?;
    let location = format!("/api/sessions/{}", session.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Versioned(session)))
}

/// The sessions that the caller finds, newest first. Without a token: those that are public.
#[utoipa::path(get, path = "/api/sessions", tag = "sessions", security((), ("bearer" = [])), params(ListQuery),
    responses((status = 200, body = SessionList)))]
async fn list(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    Query(query): Query<ListQuery>,
) -> Result<Answer<SessionList>, Failure> {
    let page = Page::of(query.offset, query.limit)?;
    let query = SessionQuery { status: query.status, visibility: query.visibility, page };
    Ok(Answer(state.control().list_sessions(&authority, &query).await?))
}

/// A session.
#[utoipa::path(get, path = "/api/sessions/{id}", tag = "sessions", security((), ("bearer" = [])),
    params(("id" = String, Path, description = "the session")),
    responses((status = 200, body = Session, headers(("ETag" = String, description = "its version")))))]
async fn read(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
) -> Result<Versioned, Failure> {
    Ok(Versioned(state.control().session(&authority, id).await?))
}

/// Changes a session's record; with `If-Match` only the version that was read.
#[utoipa::path(patch, path = "/api/sessions/{id}", tag = "sessions", security(("bearer" = [])),
    params(("id" = String, Path, description = "the session"),
        ("If-Match" = Option<String>, Header, description = "the `ETag` of the version that the change is meant for")),
    request_body = PatchSession,
    responses((status = 200, body = Session, headers(("ETag" = String, description = "its version"))),
        (status = 412, description = "it has changed since", body = Problem,
            content_type = "application/problem+json")))]
async fn change(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
    IfMatch(expected): IfMatch,
    Json(patch): Json<PatchSession>,
) -> Result<Versioned, Failure> {
    Ok(Versioned(state.control().patch_session(&authority, id, &expected, patch).await?))
}

/// Ends a session's world and removes everything of it; with `If-Match` only the version that was read.
#[utoipa::path(delete, path = "/api/sessions/{id}", tag = "sessions", security(("bearer" = [])),
    params(("id" = String, Path, description = "the session"),
        ("If-Match" = Option<String>, Header, description = "the `ETag` of the version that is to go")),
    responses((status = 204, description = "removed"),
        (status = 412, description = "it has changed since", body = Problem,
            content_type = "application/problem+json")))]
async fn remove(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Failure> {
    state.control().delete_session(&authority, id, &expected).await?;
    Ok(StatusCode::NO_CONTENT)
}
