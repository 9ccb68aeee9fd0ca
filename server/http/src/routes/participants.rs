//! `/api/sessions/{id}/join` and what follows: participants of a session.

use std::time::Instant;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use hd1_api::{Endpoints, ErrorCode, JoinRequest, JoinResponse, KickRequest, LeaveRequest, ParticipantList};
use hd1_control::{Authority, Caller, Page};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authority::{Auth, FromAddress};
use crate::extract::{InSession, Json, OptionalJson, Query};
use crate::problem::Failure;
use crate::state::HttpState;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(join)).routes(routes!(leave)).routes(routes!(list)).routes(routes!(kick))
}

/// Takes a place in a session. Answers a ticket, good for one connection within a minute, and where to connect.
#[utoipa::path(post, path = "/api/sessions/{id}/join", tag = "participants", security((), ("bearer" = [])),
    params(("id" = String, Path, description = "the session")), request_body = JoinRequest,
    responses((status = 200, body = JoinResponse)))]
async fn join(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    FromAddress(address): FromAddress,
    InSession(id): InSession,
    headers: HeaderMap,
    OptionalJson(wish): OptionalJson<JoinRequest>,
) -> Result<Answer<JoinResponse>, Failure> {
    let limiter = match authority.caller() {
        Caller::Anonymous => &state.inner.guest_joins,
        Caller::Admin | Caller::Token { .. } | Caller::Vouched { .. } | Caller::Member { .. } => &state.inner.joins,
    };
    limiter.take(address, Instant::now()).map_err(Failure::rate_limited)?;
    let endpoints = endpoints(&state, &headers)?;
    let joined = state.control().join(&authority, id, wish).await?;
    // Whoever came back goes on with the token it came with.
    let participant_token = match &joined.participant_token {
        Some(secret) => secret.expose().to_owned(),
        None => own_token(&authority, &headers)?,
    };
    Ok(Answer(JoinResponse {
        ticket: joined.ticket,
        participant_id: joined.participant,
        session_id: id,
        participant_token,
        role: joined.role,
        endpoints,
        certificate_sha256: state.inner.doors.certificate_sha256(),
        expires_in_s: joined.expires_in_s,
    }))
}

fn own_token(authority: &Authority, headers: &HeaderMap) -> Result<String, Failure> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match (authority.caller(), value.and_then(|value| value.split_once(' '))) {
        (Caller::Member { .. }, Some((_, token))) => Ok(token.trim().to_owned()),
        _ => Err(Failure::internal("a join without a token of its own")),
    }
}

/// Where this client connects: the host it found this server under, at the ports that listen.
fn endpoints(state: &HttpState, headers: &HeaderMap) -> Result<Endpoints, Failure> {
    let (scheme, authority) = match &state.inner.settings.public_url {
        Some(url) => {
            let url = url.trim_end_matches('/');
            match url.strip_prefix("https://") {
                Some(authority) => ("wss", authority),
                None => ("ws", url.strip_prefix("http://").unwrap_or(url)),
            }
        }
        None => {
            let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
            if host.is_empty() || host.len() > 255 || !host.chars().all(plain) {
                return Err(Failure::new(ErrorCode::InvalidRequest, "the Host header names no host"));
            }
            ("ws", host)
        }
    };
    let host = host_of(authority);
    let port = state.inner.doors.quic_port();
    Ok(Endpoints {
        quic: format!("{host}:{port}"),
        webtransport: format!("https://{host}:{port}/realtime"),
        websocket: format!("{scheme}://{authority}/realtime"),
    })
}

/// `host` of `host:port`; an IPv6 address keeps its brackets.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.is_empty() => host,
        _ => authority,
    }
}

/// Ends a membership.
#[utoipa::path(post, path = "/api/sessions/{id}/leave", tag = "participants", security(("bearer" = [])),
    params(("id" = String, Path, description = "the session")), request_body = LeaveRequest,
    responses((status = 204, description = "left")))]
async fn leave(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
    OptionalJson(wish): OptionalJson<LeaveRequest>,
) -> Result<StatusCode, Failure> {
    state.control().leave(&authority, id, wish).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Those who left or were sent away as well. Default false.
    #[serde(default)]
    all: bool,
    /// Entries left out before the first. Default 0.
    offset: Option<u32>,
    /// Entries wanted, 1 to 200. Default 50.
    limit: Option<u32>,
}

/// The participants in the order they came.
#[utoipa::path(get, path = "/api/sessions/{id}/participants", tag = "participants", security((), ("bearer" = [])),
    params(("id" = String, Path, description = "the session"), ListQuery),
    responses((status = 200, body = ParticipantList)))]
async fn list(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
    Query(query): Query<ListQuery>,
) -> Result<Answer<ParticipantList>, Failure> {
    let page = Page::of(query.offset, query.limit)?;
    Ok(Answer(state.control().participants(&authority, id, query.all, page).await?))
}

/// Sends a participant away for good.
#[utoipa::path(post, path = "/api/sessions/{id}/kick", tag = "participants", security(("bearer" = [])),
    params(("id" = String, Path, description = "the session")), request_body = KickRequest,
    responses((status = 204, description = "sent away")))]
async fn kick(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
    Json(wish): Json<KickRequest>,
) -> Result<StatusCode, Failure> {
    state.control().kick(&authority, id, wish.participant_id, &wish.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn a_host_loses_its_port_and_nothing_else() {
        for (authority, host) in [
            ("127.0.0.1:80", "127.0.0.1"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("play.example.org", "play.example.org"),
        ] {
            assert_eq!(host_of(authority), host);
        }
    }
}
