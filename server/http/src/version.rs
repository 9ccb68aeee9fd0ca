//! Optimistic concurrency (RFC 9110, section 13): answers carry their record's version as `ETag`, and a change that
//! names one in `If-Match` happens to that version or not at all.
//!
//! It stands alone because it is the only writer of the one and reader of the other.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use hd1_api::{ErrorCode, Session};
use hd1_control::Expected;

use crate::problem::Failure;

/// A session with its version as `ETag`.
pub struct Versioned(pub Session);

impl IntoResponse for Versioned {
    fn into_response(self) -> Response {
        ([(header::ETAG, format!("\"{}\"", self.0.version))], Json(self.0)).into_response()
    }
}

/// The versions that `If-Match` names; any without the header.
pub struct IfMatch(pub Expected);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let values: Vec<&str> =
            parts.headers.get_all(header::IF_MATCH).iter().map(|value| value.to_str().unwrap_or_default()).collect();
        if values.is_empty() || values == ["*"] {
            return Ok(Self(Expected::Any));
        }
        let mut versions = Vec::new();
        for tag in values.iter().flat_map(|value| value.split(',')) {
            // A proxy that compresses weakens tags on their way out; the version is the same.
            let tag = tag.trim();
            let quoted = tag.strip_prefix("W/").unwrap_or(tag);
            let text = quoted.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).ok_or_else(|| {
                Failure::new(ErrorCode::InvalidRequest, "send If-Match as the ETag came: the version in quotes, or *")
            })?;
            // Whatever else stands in quotes is a tag of nothing here, and matches nothing.
            versions.extend(text.parse::<u64>().ok());
        }
        Ok(Self(Expected::OneOf(versions)))
    }
}
