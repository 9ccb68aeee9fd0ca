//! Failures on their way out: a handler says what went wrong, [`crate::edge`] writes the document.
//!
//! The document needs the request's id, which no handler knows; so a failure rides in the response until the edge.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hd1_api::{ErrorCode, FieldError, Problem};
use hd1_control::ControlError;

/// Why a request failed.
#[derive(Clone, Debug)]
pub struct Failure {
    code: ErrorCode,
    detail: Option<String>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    /// For the log alone.
    cause: Option<String>,
}

impl Failure {
    /// A failure of this code; `detail` is for people and is dropped from 5xx answers.
    #[must_use]
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: Some(detail.into()), errors: Vec::new(), retry_after: None, cause: None }
    }

    /// One more failure of a limiter.
    #[must_use]
    pub fn rate_limited(wait: Duration) -> Self {
        let failure = Self::new(ErrorCode::RateLimited, "too many attempts or connections from this address");
        Self { retry_after: Some(wait), ..failure }
    }

    /// A defect; `cause` goes to the log.
    #[must_use]
    pub fn internal(cause: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::Internal,
            detail: None,
            errors: Vec::new(),
            retry_after: None,
            cause: Some(cause.into()),
        }
    }

    /// A plugin that answered what cannot be sent; `cause` goes to the log.
    #[must_use]
    pub fn plugin(cause: impl Into<String>) -> Self {
        Self { code: ErrorCode::PluginFailed, ..Self::internal(cause) }
    }

    /// Its code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// The document, and the headers that go with it.
    pub(crate) fn answer(self, request_id: &str) -> Response {
        if self.code.status() >= 500 {
            let (code, cause) = (self.code.as_str(), self.cause.as_deref().or(self.detail.as_deref()));
            tracing::error!(request.id = request_id, error.code = code, cause, "a request failed");
        }
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let problem = Problem::new(self.code, self.detail, self.errors, request_id.to_owned());
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(wait) = self.retry_after.or((self.code == ErrorCode::Unavailable).then_some(Duration::from_secs(1)))
        {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs_f64().ceil() as u64));
        }
        if self.code == ErrorCode::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response =
            StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        let code = error.code();
        match error {
            ControlError::Invalid(errors) => {
                let detail = errors.first().map(|first| match first.path.as_str() {
                    "" => first.message.clone(),
                    path => format!("{path}: {}", first.message),
                });
                Self { code, detail, errors, retry_after: None, cause: None }
            }
            ControlError::Failed(cause) | ControlError::Unavailable(cause) | ControlError::PluginFailed(cause) => {
                Self { code, detail: None, errors: Vec::new(), retry_after: None, cause: Some(cause) }
            }
            told @ (ControlError::Unauthenticated
            | ControlError::Denied(_)
            | ControlError::Refused { .. }
            | ControlError::NotFound(_)
            | ControlError::Conflict(_)
            | ControlError::Stale { .. }
            | ControlError::SessionFull
            | ControlError::NotRunning(_)
            | ControlError::TimedOut) => Self::new(code, told.to_string()),
        }
    }
}
