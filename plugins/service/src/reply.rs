//! Requests as they come in and what goes out, with what every handler would write again.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::hd1::service::types;
use crate::{Header, Response, Result};

pub use types::Request;
pub use types::Verdict;

impl Request {
    /// The value of a name in the route's path.
    #[must_use]
    pub fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// A header by its name in small letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.name == name).map(|header| header.value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is none, or not of this type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// Makes answers.
pub struct Reply;

impl Reply {
    /// JSON, with status 200.
    ///
    /// # Errors
    /// The value cannot be written.
    pub fn json(value: &impl Serialize) -> Result<Response> {
        Ok(Self::of(200, "application/json", serde_json::to_vec(value)?))
    }

    /// Plain text.
    #[must_use]
    pub fn text(status: u16, text: impl Into<String>) -> Response {
        Self::of(status, "text/plain; charset=utf-8", text.into().into_bytes())
    }

    /// A page. It is shown in a sandbox: it cannot speak to the server as the person who looks at it.
    #[must_use]
    pub fn html(text: impl Into<String>) -> Response {
        Self::of(200, "text/html; charset=utf-8", text.into().into_bytes())
    }

    /// Anything.
    #[must_use]
    pub fn of(status: u16, content_type: &str, body: Vec<u8>) -> Response {
        let headers = vec![Header { name: "content-type".into(), value: content_type.into() }];
        Response { status, headers, body }
    }
}
