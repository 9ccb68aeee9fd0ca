//! The web page: files of `server/web/dist` that were there when this was compiled.
//!
//! Names under `assets/` carry a hash of their content and may be kept for ever; everything else is asked for again
//! with its ETag. A path that names no file shows the page itself, which finds its own way.

use std::borrow::Cow;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use hd1_api::ErrorCode;
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::problem::Failure;
use crate::state::HttpState;

#[derive(RustEmbed)]
#[folder = "../web/dist"]
struct Dist;

/// Shown by a server that was compiled without the page.
const UNBUILT: &str = include_str!("web/unbuilt.html");

pub(crate) fn router() -> Router<HttpState> {
    let page = axum::routing::any(file);
    Router::new().fallback(page).layer(tower_http::compression::CompressionLayer::new())
}

async fn file(State(state): State<HttpState>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path == "api" || path.starts_with("api/") || (method != Method::GET && method != Method::HEAD) {
        return Failure::new(ErrorCode::NotFound, "there is nothing at this path").into_response();
    }
    if !path.is_empty()
        && let Some(file) = Dist::get(path)
    {
        return answer(&state, path, &file, &headers);
    }
    let wants_page =
        path.is_empty() || (!path.rsplit('/').next().unwrap_or_default().contains('.') && accepts_html(&headers));
    match (wants_page, Dist::get("index.html")) {
        (true, Some(index)) => answer(&state, "index.html", &index, &headers),
        (true, None) if path.is_empty() => {
            let mut response = axum::response::Html(UNBUILT).into_response();
            set(&mut response, header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
            response
        }
        _ => Failure::new(ErrorCode::NotFound, "there is nothing at this path").into_response(),
    }
}

fn accepts_html(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains("text/html"))
}

fn answer(state: &HttpState, path: &str, file: &EmbeddedFile, headers: &HeaderMap) -> Response {
    let etag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16]));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    // Compression turns a strong tag into a weak one on its way out, so a weak one comes back.
    let fresh = known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag));
    let mut response = if fresh {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        // What is embedded is sent from where it lies: however many ask for it and do not read, it is there once.
        let data = match &file.data {
            Cow::Borrowed(data) => bytes::Bytes::from_static(data),
            Cow::Owned(data) => bytes::Bytes::copy_from_slice(data),
        };
        let mut response = data.into_response();
        let kind = mime_guess::from_path(path).first_or_octet_stream();
        let text = kind.type_() == mime_guess::mime::TEXT || kind.subtype() == mime_guess::mime::JAVASCRIPT;
        let kind = if text { format!("{kind}; charset=utf-8") } else { kind.to_string() };
        set(&mut response, header::CONTENT_TYPE, &kind);
        response
    };
    let keep = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    set(&mut response, header::CACHE_CONTROL, keep);
    set(&mut response, header::ETAG, &etag);
    set(&mut response, header::CONTENT_SECURITY_POLICY, &policy(state.inner.doors.quic_port()));
    response
}

/// What the page may do: run its own scripts and WebAssembly, show its own files, speak with this server, and with
/// whatever host it was told of at the QUIC port, which is another origin even on the same host. Nothing that a script
/// put together (`data:`, `blob:`) is loaded: the page makes its pictures and shapes without.
fn policy(quic_port: u16) -> String {
    format!(
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
         connect-src 'self' https://*:{quic_port}; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; \
         form-action 'self'"
    )
}

fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
