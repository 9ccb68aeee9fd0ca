//! The last thing before a request reaches its handler and the first after: a request id, a time limit, containment of
//! panics, security headers, problem documents, the access log.
//!
//! Every request runs in a task of its own. A client that hangs up therefore never stops a change halfway, and a panic
//! ends one request.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hd1_api::ErrorCode;
use uuid::Uuid;

use crate::limits::REQUEST_TIMEOUT;
use crate::problem::Failure;
use crate::state::HttpState;

/// The header that carries the request's id back.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who is at the other end; put into every request by the accept loop.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The address that limits count by: the peer's, or that of the client for whom a trusted proxy speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    pub(crate) behind_proxy: bool,
}

pub(crate) async fn edge(State(state): State<HttpState>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    if let Some(Peer(peer)) = request.extensions().get::<Peer>().copied() {
        let proxies = &state.inner.settings.trusted_proxies;
        let address = proxies.client(peer.ip(), request.headers());
        request.extensions_mut().insert(Client { address, behind_proxy: proxies.trust(peer.ip()) });
    }
    let id = Uuid::now_v7().to_string();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let task = state.inner.tasks.spawn(tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)));
    let mut response = match task.await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => Failure::new(ErrorCode::TimedOut, "the request took too long").into_response(),
        Err(panic) => Failure::internal(panic.to_string()).into_response(),
    };
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        response = failure.answer(&id);
    } else if response.status().is_client_error() && !response.headers().contains_key(header::CONTENT_TYPE) {
        // axum's own refusals: the router's 405 is the only one that carries headers worth keeping.
        let allow = response.headers().get(header::ALLOW).cloned();
        let code = match response.status().as_u16() {
            405 => ErrorCode::MethodNotAllowed,
            404 => ErrorCode::NotFound,
            _ => ErrorCode::InvalidRequest,
        };
        response = Failure::new(code, code.title()).answer(&id);
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    dress(response.headers_mut(), &id);
    let (status, took) = (response.status(), started.elapsed());
    state.inner.metrics.request(status, took);
    tracing::debug!(
        request.id = id,
        http.method = %method,
        http.path = path,
        http.status = status.as_u16(),
        duration_ms = took.as_secs_f64() * 1e3,
        "request"
    );
    response
}

/// Headers of every answer. What an answer says for itself stays: pages have a policy of their own.
fn dress(headers: &mut HeaderMap, id: &str) {
    const EVERYWHERE: [(HeaderName, &str); 7] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in EVERYWHERE {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}
