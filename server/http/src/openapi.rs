//! `/openapi.json` and `/docs`: the interface described, and a page to read it that loads nothing from elsewhere.

use std::sync::OnceLock;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContactBuilder, InfoBuilder, OpenApi, RefOr, Response as ApiResponse, ResponsesBuilder,
};
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};

use crate::state::HttpState;

/// The page: its script reads `data-url` of the element before it, so nothing inline has to be allowed.
const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>HD1 API</title></head>
<body><script id="api-reference" data-url="/openapi.json" data-configuration='{"withDefaultFonts":false,"telemetry":false}'></script><script src="/docs/scalar.js"></script></body>
</html>
"#;

/// The reader builds its page at run time, with inline styles and compiled templates; it may load and ask this server
/// alone.
const PAGE_POLICY: &str = "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; \
                           img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; \
                           connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'";

/// Adds what the registrations do not say: title, security, and the problem that every operation may answer.
pub(crate) fn finish(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("HD1")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Sessions that tick: made, run, joined and changed. Errors are problem documents (RFC 9457) with a code \
             from a closed list. Realtime traffic does not go through here: `join` says where.",
        ))
        .contact(Some(ContactBuilder::new().name(Some("HD1")).build()))
        .build();
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme(
        "bearer",
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("the admin token, an API token, or a participant token"))
                .build(),
        ),
    );
    components.responses.insert("Problem".to_owned(), RefOr::T(problem()));
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.patch, &mut item.put, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let others = ResponsesBuilder::new().response("default", Ref::from_response_name("Problem")).build();
            operation.responses.responses.extend(others.responses);
        }
    }
    document
}

fn problem() -> ApiResponse {
    ResponseBuilder::new()
        .description("what went wrong")
        .content(
            "application/problem+json",
            ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build(),
        )
        .build()
}

pub(crate) fn router(document: OpenApi) -> Router<HttpState> {
    let json = document.to_json().unwrap_or_default();
    let json = bytes::Bytes::from(json);
    Router::new()
        .route("/openapi.json", get(move || async move { typed("application/json", json) }))
        .route("/docs", get(page))
        .route("/docs/scalar.js", get(script))
}

async fn page() -> Response {
    let mut response = Html(PAGE).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

async fn script() -> Response {
    // Kept once for all who ask: it has 5 MB, and the crate hands out a copy each time.
    static SCRIPT: OnceLock<bytes::Bytes> = OnceLock::new();
    let script = SCRIPT.get_or_init(|| scalar_api_reference::get_asset("scalar.js").unwrap_or_default().into());
    let mut response = typed("text/javascript", script.clone());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    response
}

fn typed(kind: &'static str, body: bytes::Bytes) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response()
}
