//! The few calls of the HTTP API that the commands make, and what helps where one fails. They block.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use hd1_api::Problem;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::args::Server;
use super::package::read_text;

/// For one answer: an installation compiles a module and waits for every world.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of an answer: a page of plugins with their schemas.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Bytes of a file with a token.
const TOKEN_BYTES_MAX: usize = 4 * 1024;

/// A server's API, with a token or without.
pub(super) struct Remote {
    agent: ureq::Agent,
    base: String,
    token: Option<String>,
}

/// What is sent along.
pub(super) enum Body<'a> {
    /// Nothing.
    None,
    /// JSON.
    Json(Value),
    /// Bytes as they are.
    Octets(&'a [u8]),
}

impl Remote {
    pub(super) fn of(server: &Server) -> Result<Self> {
        let token = match &server.token_file {
            Some(file) => Some(read_text(file, TOKEN_BYTES_MAX)?),
            None => server.token.clone(),
        };
        let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
        let base = server.url.trim_end_matches('/').to_owned();
        let parsed = url::Url::parse(&base).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        if parsed.is_none() {
            bail!("--url {base:?} is no server's address: write it like http://127.0.0.1:8080");
        }
        let config = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false);
        Ok(Self { agent: config.build().into(), base, token })
    }

    /// Asks, and reads the answer as what the API says that it is.
    pub(super) fn ask<T: DeserializeOwned>(&self, method: &str, path: &str, body: Body<'_>) -> Result<T> {
        let answer = self.call(method, path, body)?;
        serde_json::from_value(answer).with_context(|| format!("{} answers {method} {path} in another form", self.base))
    }

    /// Asks; an answer without content is `null`.
    pub(super) fn call(&self, method: &str, path: &str, body: Body<'_>) -> Result<Value> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let bytes = match body {
            Body::None => Vec::new(),
            Body::Json(value) => {
                request = request.header("content-type", "application/json");
                serde_json::to_vec(&value)?
            }
            Body::Octets(bytes) => {
                request = request.header("content-type", "application/octet-stream");
                bytes.to_owned()
            }
        };
        let request = request.body(bytes).context("the token is no text that a header can carry")?;
        let mut response = self.agent.run(request).with_context(|| {
            format!("cannot reach {}: is the server running? give its address by --url or HD1_URL", self.base)
        })?;
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let text = text.with_context(|| format!("{} broke off its answer to {method} {path}", self.base))?;
        if (200..300).contains(&status) {
            return if text.is_empty() {
                Ok(Value::Null)
            } else {
                serde_json::from_str(&text).with_context(|| format!("{} answers {method} {path} in no JSON", self.base))
            };
        }
        Err(self.failure(status, &text))
    }

    fn failure(&self, status: u16, text: &str) -> anyhow::Error {
        let Ok(problem) = serde_json::from_str::<Problem>(text) else {
            return anyhow!("{} answered {status}, and not as HD1 does: check --url", self.base);
        };
        let told = told(&problem);
        match (status, &self.token) {
            (401, None) => anyhow!("{told}: give one by --token-file DATA/admin-token, or as HD1_TOKEN"),
            (401, Some(_)) => anyhow!("{told}: the one given is unknown here, expired or revoked"),
            (403, _) => anyhow!("{told}: the token given may not do this"),
            (500.., _) => anyhow!("{told}: the server's log says why, under request {}", problem.request_id),
            _ => anyhow!(told),
        }
    }
}

/// Everything that a problem says, each refused value in a line of its own.
fn told(problem: &Problem) -> String {
    let lines: Vec<String> = problem
        .errors
        .iter()
        .map(|error| match error.path.as_str() {
            "" => error.message.clone(),
            path => format!("{path}: {}", error.message),
        })
        .collect();
    if lines.is_empty() {
        problem.detail.clone().unwrap_or_else(|| problem.title.clone())
    } else {
        lines.join("\n     ")
    }
}
