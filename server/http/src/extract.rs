//! Extractors that answer with problems: bounded bodies, path ids, queries.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use hd1_api::{ErrorCode, FieldError};
use hd1_control::{ControlError, EntityRef, PluginId};
use hd1_core::SessionId;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::limits::{BODY_BYTES_MAX, JSON_DEPTH_MAX, NAME_CHARS_MAX};
use crate::problem::Failure;

/// A JSON body of at most `BYTES` bytes whose depth was checked before anything recursive looked at it.
pub struct Json<T, const BYTES: usize = BODY_BYTES_MAX>(pub T);

impl<T: DeserializeOwned, S: Sync, const BYTES: usize> FromRequest<S> for Json<T, BYTES> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        if !is_json(request.headers()) {
            return Err(Failure::new(ErrorCode::UnsupportedMediaType, "send Content-Type: application/json"));
        }
        parse(&read(request.into_body(), BYTES).await?).map(Json)
    }
}

/// The same where a body may be left out: an empty one is the default.
pub struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned + Default, S: Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let json = is_json(request.headers());
        let bytes = read(request.into_body(), BODY_BYTES_MAX).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        if !json {
            return Err(Failure::new(ErrorCode::UnsupportedMediaType, "send Content-Type: application/json"));
        }
        parse(&bytes).map(Self)
    }
}

/// A body of at most `BYTES` bytes as it is.
pub struct Octets<const BYTES: usize>(pub bytes::Bytes);

impl<S: Sync, const BYTES: usize> FromRequest<S> for Octets<BYTES> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        if !is_of(request.headers(), "application/octet-stream") {
            return Err(Failure::new(ErrorCode::UnsupportedMediaType, "send Content-Type: application/octet-stream"));
        }
        read(request.into_body(), BYTES).await.map(Self)
    }
}

impl<const BYTES: usize> Octets<BYTES> {
    /// A body of whatever type.
    pub async fn any(body: Body) -> Result<bytes::Bytes, Failure> {
        read(body, BYTES).await
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    is_of(headers, "application/json")
}

fn is_of(headers: &HeaderMap, wanted: &str) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted))
}

async fn read(body: Body, bytes_max: usize) -> Result<bytes::Bytes, Failure> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            Err(Failure::new(ErrorCode::PayloadTooLarge, format!("the body may have at most {bytes_max} bytes")))
        }
        Err(_) => Err(Failure::new(ErrorCode::InvalidRequest, "the body could not be read")),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    if depth(bytes) > JSON_DEPTH_MAX {
        let detail = format!("the body may nest at most {JSON_DEPTH_MAX} deep");
        return Err(Failure::new(ErrorCode::InvalidRequest, detail));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        if path == "." { ControlError::invalid("", message) } else { ControlError::invalid(path, message) }
    });
    let value = value.map_err(malformed)?;
    reader.end().map_err(|error| malformed(ControlError::invalid("", error.to_string())))?;
    Ok(value)
}

/// A body that is not what the operation takes is the request's fault as a whole, not a value that breaks a rule.
fn malformed(error: ControlError) -> Failure {
    let ControlError::Invalid(errors) = error else { return error.into() };
    let told: Vec<String> = errors
        .into_iter()
        .map(|FieldError { path, message }| if path.is_empty() { message } else { format!("{path}: {message}") })
        .collect();
    Failure::new(ErrorCode::InvalidRequest, told.join("; "))
}

/// How deep brackets nest outside strings. It need not know JSON: a text that is not JSON fails later.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for &byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The session named in the path. What is no id names no session: 404, as for an id of nobody's.
pub struct InSession(pub SessionId);

impl<S: Send + Sync> FromRequestParts<S> for InSession {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let text = path_value(parts, state, "id").await?;
        text.parse().map(Self).map_err(|_| ControlError::NotFound("session").into())
    }
}

/// The entity named in the path, by number or by name.
pub struct OfEntity(pub EntityRef);

impl<S: Send + Sync> FromRequestParts<S> for OfEntity {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let text = path_value(parts, state, "entity").await?;
        if text.chars().count() > NAME_CHARS_MAX {
            return Err(ControlError::NotFound("entity").into());
        }
        Ok(Self(EntityRef::parse(&text)))
    }
}

/// The plugin named in the path as `plugin`, or as `id` where the path is the plugin's own. What is no id names none.
pub struct OfPlugin(pub PluginId);

impl<S: Send + Sync> FromRequestParts<S> for OfPlugin {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let text = match path_value(parts, state, "plugin").await {
            Ok(text) => text,
            Err(_) => path_value(parts, state, "id").await?,
        };
        text.parse().map(Self).map_err(|_| ControlError::NotFound("plugin").into())
    }
}

/// What a plugin is to do, from a path. A text that is no id is the id of nothing.
pub struct OfJob(pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for OfJob {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        Ok(Self(path_value(parts, state, "job").await?.parse().unwrap_or_default()))
    }
}

/// The name of a secret in the path; the rules know which there are.
pub struct SecretName(pub String);

impl<S: Send + Sync> FromRequestParts<S> for SecretName {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        path_value(parts, state, "name").await.map(Self)
    }
}

async fn path_value<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Result<String, Failure> {
    let path = axum::extract::RawPathParams::from_request_parts(parts, state).await;
    let path = path.map_err(|_| Failure::new(ErrorCode::NotFound, "the path is not valid UTF-8"))?;
    let value = path.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    value.ok_or_else(|| Failure::internal(format!("no `{name}` in this route")))
}

/// The query, with unknown or malformed parameters refused.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(error) => Err(Failure::new(ErrorCode::InvalidRequest, error.body_text())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_strings() {
        assert_eq!(depth(br#"{"a": [1, {"b": "[[[[\"[["}]}"#), 3);
        assert_eq!(depth(&b"[".repeat(1_000_000)), 1_000_000);
        assert_eq!(depth(br#""\\" []"#), 1);
        assert_eq!(depth(b"]]]]["), 1);
    }

    #[test]
    fn a_body_says_where_it_is_wrong() {
        let parsed = parse::<hd1_api::CreateSession>(br#"{"name": "x", "max_participants": "many"}"#);
        let failure = parsed.err().unwrap();
        assert_eq!(failure.code(), ErrorCode::InvalidRequest);
        assert!(format!("{failure:?}").contains("max_participants: invalid type"), "{failure:?}");
        assert!(parse::<hd1_api::CreateSession>(br#"{"name": "x", "nmae": 1}"#).is_err());
        assert!(parse::<hd1_api::CreateSession>(br#"{"name": "x"} {}"#).is_err());
    }
}
