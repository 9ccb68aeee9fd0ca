//! The one extractor that says who calls.
//!
//! It stands alone because it is the only reader of the `Authorization` header. Tokens come in no other way: never in
//! a query, never in a cookie, so no page of another origin can spend them.

use std::net::IpAddr;
use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use hd1_api::ErrorCode;
use hd1_control::{Authority, ControlError};

use crate::edge::Client;
use crate::limits::BEARER_BYTES_MAX;
use crate::problem::Failure;
use crate::state::HttpState;

/// Who calls; anonymous without the header.
pub struct Auth(pub Authority);

impl FromRequestParts<HttpState> for Auth {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Failure> {
        let Some(value) = parts.headers.get(header::AUTHORIZATION) else {
            return Ok(Self(Authority::anonymous()));
        };
        let address = peer_address(parts)?;
        let failures = &state.inner.token_failures;
        failures.check(address, Instant::now()).map_err(Failure::rate_limited)?;
        let told = value.to_str().ok().and_then(|value| value.split_once(' '));
        let known = match told.map(|(scheme, credential)| (scheme, credential.trim())) {
            Some((_, credential)) if credential.len() > BEARER_BYTES_MAX => Err(ControlError::Unauthenticated),
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => state.control().authenticate(token).await,
            // Other schemes are those of plugins.
            Some((scheme, credential)) => state.control().authenticate_by(scheme, credential).await,
            None => Err(ControlError::Unauthenticated),
        };
        match known {
            Ok(authority) => Ok(Self(authority)),
            Err(error) => {
                if error.code() == ErrorCode::Unauthenticated {
                    // The answer is the same whether this was the last one or not: the next one is told to wait.
                    let _ = failures.take(address, Instant::now());
                }
                Err(error.into())
            }
        }
    }
}

/// The address that limits count by.
pub(crate) fn peer_address(parts: &Parts) -> Result<IpAddr, Failure> {
    let client = parts.extensions.get::<Client>();
    client.map(|client| client.address).ok_or_else(|| Failure::internal("a request came without its peer's address"))
}

/// The address that limits count by, as an extractor.
pub struct FromAddress(pub IpAddr);

impl FromRequestParts<HttpState> for FromAddress {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &HttpState) -> Result<Self, Failure> {
        peer_address(parts).map(Self)
    }
}
