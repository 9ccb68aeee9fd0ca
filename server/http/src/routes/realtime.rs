//! `/realtime`: the WebSocket upgrade. The ticket comes in the first frame, never in the URL.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use hd1_api::ErrorCode;
use hyper_util::rt::TokioIo;
use sha1::{Digest, Sha1};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::addresses::Permit;
use crate::edge::{Client, Peer};
use crate::problem::Failure;
use crate::realtime::{RealtimeSocket, Subprotocol};
use crate::state::HttpState;

/// When to come back for an address that has its share of connections.
const SHARE_WAIT: Duration = Duration::from_secs(5);

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(upgrade))
}

/// Opens a WebSocket of subprotocol `hd1.msgpack` or `hd1.json`.
#[utoipa::path(get, path = "/realtime", tag = "realtime",
    params(("Sec-WebSocket-Protocol" = String, Header, description = "`hd1.msgpack` or `hd1.json`")),
    responses((status = 101, description = "switching to WebSocket"),
        (status = 426, description = "not a WebSocket handshake")))]
async fn upgrade(State(state): State<HttpState>, mut request: Request) -> Result<Response, Failure> {
    let headers = request.headers();
    let key = handshake_key(headers)?;
    check_origin(headers, &state.inner.settings.allowed_origins)?;
    let subprotocol = choose(headers)?;
    if state.inner.draining.is_cancelled() {
        return Err(Failure::new(ErrorCode::Unavailable, "the server drains"));
    }
    let accept = accept_key(&key);
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let peer = peer.ok_or_else(|| Failure::internal("a request came without its peer's address"))?;
    // The permit goes where the connection goes, so that its address's cap counts it to its end.
    let permit = request.extensions().get::<Arc<Permit>>().cloned();
    let (peer, share) = behind_proxy(&state, &request, peer)?;
    let upgraded = hyper::upgrade::on(&mut request);
    let inner = Arc::clone(&state.inner);
    state.inner.tasks.spawn(async move {
        let _permits = (permit, share);
        match upgraded.await {
            Ok(io) => {
                let shutdown = inner.draining.clone();
                let socket = RealtimeSocket { io: Box::new(TokioIo::new(io)), subprotocol, peer, shutdown };
                inner.realtime.serve(socket).await;
            }
            Err(error) => tracing::debug!(error = %error, "a connection ended during its upgrade"),
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol.as_str()));
    Ok(response.into_response())
}

/// The client's own address, where a trusted proxy speaks for it, and its share of connections, which the proxy's
/// connection does not count to.
fn behind_proxy(
    state: &HttpState,
    request: &Request,
    peer: SocketAddr,
) -> Result<(SocketAddr, Option<Permit>), Failure> {
    match request.extensions().get::<Client>() {
        Some(client) if client.behind_proxy => {
            let share = state.inner.connections.admit_behind_proxy(client.address);
            let share = share.ok_or_else(|| Failure::rate_limited(SHARE_WAIT))?;
            // The port is the proxy's own matter.
            Ok((SocketAddr::new(client.address, 0), Some(share)))
        }
        _ => Ok((peer, None)),
    }
}

/// The client's key, of a request that is a WebSocket handshake of version 13 (RFC 6455, section 4.2.1).
fn handshake_key(headers: &HeaderMap) -> Result<String, Failure> {
    let not_one = |detail| Failure::new(ErrorCode::UpgradeRequired, detail);
    if !has_token(headers, header::CONNECTION, "upgrade") || !has_token(headers, header::UPGRADE, "websocket") {
        return Err(not_one("open this with a WebSocket"));
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(not_one("only WebSocket version 13 is spoken here"));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok()).unwrap_or_default();
    let bytes = base64::engine::general_purpose::STANDARD.decode(key);
    match bytes {
        Ok(bytes) if bytes.len() == 16 => Ok(key.to_owned()),
        _ => Err(Failure::new(ErrorCode::InvalidRequest, "Sec-WebSocket-Key must be 16 bytes in base64")),
    }
}

/// Pages of this server may connect, and pages of origins that the operator listed. Programs that are not browsers
/// send no origin. `null`, which sandboxed pages send, is nobody's.
fn check_origin(headers: &HeaderMap, allowed: &[String]) -> Result<(), Failure> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let own = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    let same = own.is_some_and(|own| !host.is_empty() && own.eq_ignore_ascii_case(host));
    if same || allowed.iter().any(|allowed| allowed.trim_end_matches('/').eq_ignore_ascii_case(origin)) {
        return Ok(());
    }
    Err(Failure::new(ErrorCode::Denied, "pages of this origin may not connect"))
}

/// The first subprotocol that the client offers and this server speaks.
fn choose(headers: &HeaderMap) -> Result<Subprotocol, Failure> {
    let offers = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let mut names = offers.flat_map(|value| value.split(',')).map(str::trim);
    names
        .find_map(Subprotocol::parse)
        .ok_or_else(|| Failure::new(ErrorCode::InvalidRequest, "offer subprotocol hd1.msgpack or hd1.json"))
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

/// What proves that this server understood the handshake (RFC 6455, section 4.2.2).
fn accept_key(key: &str) -> HeaderValue {
    let digest = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    let text = base64::engine::general_purpose::STANDARD.encode(digest);
    HeaderValue::from_str(&text).expect("base64 is a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::HOST, "game.test:81".parse().unwrap()), (name, value.parse().unwrap())])
    }

    #[test]
    fn the_key_is_the_one_of_the_rfc() {
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn origins_are_our_own_or_listed() {
        let allowed = ["https://play.example.org/".to_owned()];
        for (origin, good) in [
            ("http://game.test:81", true),
            ("https://GAME.test:81", true),
            ("https://play.example.org", true),
            ("http://game.test", false),
            ("http://evil.test", false),
            ("null", false),
            ("http://game.test:81.evil.test", false),
        ] {
            assert_eq!(check_origin(&with(header::ORIGIN, origin), &allowed).is_ok(), good, "{origin}");
        }
        assert!(check_origin(&HeaderMap::new(), &[]).is_ok(), "not a browser");
    }

    #[test]
    fn the_first_offer_that_is_spoken_wins() {
        let offered = |value| choose(&with(header::SEC_WEBSOCKET_PROTOCOL, value));
        assert_eq!(offered("chat, hd1.json, hd1.msgpack").unwrap(), Subprotocol::Json);
        assert!(offered("chat").is_err());
    }
}
