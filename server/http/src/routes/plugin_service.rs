//! `/plugins/{id}/…`: what plugins' services answer, behind the same authority as the API.
//!
//! What a plugin sends back is a stranger's: of its headers only those pass that cannot do more than describe the body,
//! and a page of its is shown in a sandbox, without the origin of the server's own pages.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use hd1_api::ErrorCode;
use hd1_control::{Routed, ServiceRequest, ServiceResponse};

use crate::authority::Auth;
use crate::extract::{Octets, OfPlugin};
use crate::limits::{PLUGIN_BODY_BYTES_MAX, PLUGIN_HEADERS_MAX};
use crate::problem::Failure;
use crate::state::HttpState;

/// Headers that a plugin is shown. Those that prove who asks are not among them.
const SHOWN: [HeaderName; 8] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::ORIGIN,
    header::REFERER,
    header::USER_AGENT,
];
/// Headers that a plugin may answer with, beside those that begin with `x-`.
const ANSWERED: [HeaderName; 6] = [
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::ETAG,
    header::RETRY_AFTER,
];
/// What a plugin's page may: show and run what is in it, as nobody.
const SANDBOX: HeaderValue = HeaderValue::from_static(
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
     frame-ancestors 'self'",
);

/// Not in the OpenAPI document: each plugin's routes are told by `GET /api/plugins/{id}`.
pub(crate) fn routes() -> Router<HttpState> {
    Router::new().route("/plugins/{id}", any(ask)).route("/plugins/{id}/{*rest}", any(ask))
}

async fn ask(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    OfPlugin(plugin): OfPlugin,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let method = if parts.method == Method::HEAD { Method::GET } else { parts.method };
    // `/plugins/` and the id, which has no slash in it.
    let path = parts.uri.path().splitn(4, '/').nth(3).map_or_else(|| "/".to_owned(), |rest| format!("/{rest}"));
    let headers = parts.headers.iter().filter(|(name, _)| SHOWN.contains(name) || is_own(name));
    let headers = headers.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
    let request = ServiceRequest {
        method: method.to_string(),
        path: percent_decoded(&path)?,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers.take(PLUGIN_HEADERS_MAX).collect(),
        body: Octets::<PLUGIN_BODY_BYTES_MAX>::any(body).await?.to_vec(),
        ..ServiceRequest::default()
    };
    match state.control().ask_plugin(&authority, &plugin, request).await? {
        Routed::Answered(answer) => response_of(answer),
        Routed::OtherMethods(methods) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            let allow = HeaderValue::from_str(&methods.join(", ")).ok();
            response.headers_mut().extend(allow.map(|allow| (header::ALLOW, allow)));
            Ok(response)
        }
    }
}

/// A header that programs make up themselves.
fn is_own(name: &HeaderName) -> bool {
    name.as_str().starts_with("x-") && !name.as_str().starts_with("x-forwarded")
}

/// The parts of a path are handed over as they are meant. A slash that was written as `%2F` would be taken for one that
/// parts the path.
fn percent_decoded(path: &str) -> Result<String, Failure> {
    let bad = || Failure::new(ErrorCode::InvalidRequest, "the path is not valid UTF-8, or has a slash written as %2F");
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let (high, low) = (digit().ok_or_else(bad)?, digit().ok_or_else(bad)?);
        match (high * 16 + low) as u8 {
            b'/' | 0 => return Err(bad()),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

fn response_of(answer: ServiceResponse) -> Result<Response, Failure> {
    let status = StatusCode::from_u16(answer.status).ok().filter(|status| status.as_u16() >= 200);
    let status = status.ok_or_else(|| Failure::plugin(format!("it answered with status {}", answer.status)))?;
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in answer.headers.into_iter().take(PLUGIN_HEADERS_MAX) {
        let name = name.parse::<HeaderName>().ok().filter(|name| ANSWERED.contains(name) || is_own(name));
        let (Some(name), Ok(value)) = (name, HeaderValue::from_str(&value)) else { continue };
        // One that the edge has for itself.
        if name != crate::edge::REQUEST_ID {
            headers.insert(name, value);
        }
    }
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_what_was_meant() {
        let told = |path: &str| percent_decoded(path).ok();
        assert_eq!(told("/greet/J%C3%B6rg").as_deref(), Some("/greet/J\u{f6}rg"));
        for bad in ["/a%2Fb", "/a%00", "/%", "/%f", "/%zz", "/%ff"] {
            assert_eq!(told(bad), None, "{bad}");
        }
    }

    #[test]
    fn of_what_a_plugin_answers_only_what_is_harmless_goes_out() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = vec![
            header("content-type", "text/html"),
            header("set-cookie", "a=b"),
            header("content-security-policy", "default-src *"),
            header("x-request-id", "mine"),
            header("x-score", "7"),
            header("bad name", "x"),
            header("etag", "a\r\nset-cookie: b"),
        ];
        let response = response_of(ServiceResponse { status: 201, headers, body: b"x".to_vec() }).unwrap();
        let names: Vec<_> = response.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["content-type", "x-score", "content-security-policy"]);
        assert!(response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("sandbox"));
        for status in [0, 101, 1_000] {
            assert!(response_of(ServiceResponse { status, ..ServiceResponse::default() }).is_err(), "{status}");
        }
    }
}
