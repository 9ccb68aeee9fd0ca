//! A plain HTTP client that shows the whole answer when a story expected another one.

use serde_json::Value;
use ureq::http::{HeaderMap, Request};

use crate::PATIENCE;

/// Speaks to one server, with a bearer token or without.
#[derive(Clone)]
pub struct Http {
    agent: ureq::Agent,
    base: String,
    authorization: Option<String>,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// What was asked, for messages.
    pub request: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}

impl Http {
    /// For the server at `base`, as `http://127.0.0.1:8080`.
    #[must_use]
    pub fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        Self { agent: config.into(), base: base.to_owned(), authorization: None }
    }

    /// The same with a bearer token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        self.with_authorization(&format!("Bearer {token}"))
    }

    /// The same with what proves who asks in another way.
    #[must_use]
    pub fn with_authorization(&self, value: &str) -> Self {
        Self { authorization: Some(value.to_owned()), ..self.clone() }
    }

    /// The same without a token.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self { authorization: None, ..self.clone() }
    }

    /// `GET`.
    #[must_use]
    pub fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None)
    }

    /// `POST` of a JSON body.
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, Some(body.to_string()))
    }

    /// `PATCH` of a JSON body.
    #[must_use]
    pub fn patch(&self, path: &str, body: &Value) -> Reply {
        self.send("PATCH", path, Some(body.to_string()))
    }

    /// `DELETE`.
    #[must_use]
    pub fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, None)
    }

    /// Any request; `body` is sent as it stands, called JSON.
    ///
    /// # Panics
    /// There is no answer.
    #[must_use]
    pub fn send(&self, method: &str, path: &str, body: Option<String>) -> Reply {
        self.try_send(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// The same for a server that may be gone.
    ///
    /// # Errors
    /// There is no answer.
    pub fn try_send(&self, method: &str, path: &str, body: Option<String>) -> Result<Reply, ureq::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(value) = &self.authorization {
            request = request.header("authorization", value);
        }
        let mut response = match body {
            Some(body) => self.agent.run(request.header("content-type", "application/json").body(body)?)?,
            None => self.agent.run(request.body(())?)?,
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.body_mut().read_to_string()?;
        Ok(Reply { request: format!("{method} {path}"), status, headers, body })
    }
}

impl Reply {
    /// The body as JSON, if the status is the one expected.
    ///
    /// # Panics
    /// It is another, or the body is no JSON. An empty body is `null`.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.request, self.body);
        self.json()
    }

    /// The body as JSON; an empty one is `null`.
    ///
    /// # Panics
    /// It is no JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{}: {error}: {}", self.request, self.body))
    }

    /// Checks that the answer is a problem document (RFC 9457) with this status and code, and returns it.
    ///
    /// # Panics
    /// It is not.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        let kind = self.header("content-type").to_owned();
        let body = self.expect(status);
        assert!(kind.starts_with("application/problem+json"), "{kind}: {body}");
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["status"], status, "{body}");
        body
    }

    /// A header's value; empty when it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
