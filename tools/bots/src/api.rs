//! The few calls of the HTTP API that a load generator makes. They block: callers put them on a blocking thread.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// Attempts at a request that the server's own rate limit refuses.
const ATTEMPTS_MAX: u32 = 20;
/// For one answer: making a session may compile and load a large scene.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A server's API with a token, or as a guest.
#[derive(Clone)]
pub(crate) struct Api {
    agent: ureq::Agent,
    base: String,
    token: Option<String>,
}

/// What `/join` answers.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Admission {
    pub(crate) ticket: String,
    pub(crate) endpoints: Endpoints,
    #[serde(default)]
    pub(crate) certificate_sha256: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Endpoints {
    pub(crate) quic: String,
    pub(crate) webtransport: String,
    pub(crate) websocket: String,
}

impl Api {
    pub(crate) fn new(server: &str, token: Option<&str>) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false);
        let base = server.trim_end_matches('/').to_owned();
        Api { agent: config.build().into(), base, token: token.map(|token| token.trim().to_owned()) }
    }

    /// Makes a session and returns its id.
    pub(crate) fn create(
        &self,
        name: &str,
        scene: Option<&str>,
        tick_rate: Option<u32>,
        places: u32,
    ) -> Result<String> {
        let mut body = json!({ "name": name, "max_participants": places });
        if let Some(scene) = scene {
            body["scene"] = json!(scene);
        }
        if let Some(hz) = tick_rate {
            body["tick_rate"] = json!(hz);
        }
        let made = self.call("POST", "/api/sessions", Some(&body)).context("making a session")?;
        made["id"].as_str().map(str::to_owned).context("the answer to making a session has no id")
    }

    /// The sessions that a guest finds.
    pub(crate) fn public(&self) -> Result<Vec<String>> {
        let list = self.call("GET", "/api/sessions?visibility=public&limit=100", None).context("listing sessions")?;
        let sessions = list["sessions"].as_array().context("the list of sessions has no sessions")?;
        Ok(sessions.iter().filter_map(|session| session["id"].as_str().map(str::to_owned)).collect())
    }

    pub(crate) fn join(&self, session: &str, name: &str) -> Result<Admission> {
        let body = json!({ "name": name, "client_type": "bot" });
        let answer = self.call("POST", &format!("/api/sessions/{session}/join"), Some(&body)).context("joining")?;
        serde_json::from_value(answer).context("the answer to joining is not as documented")
    }

    pub(crate) fn delete(&self, session: &str) -> Result<()> {
        self.call("DELETE", &format!("/api/sessions/{session}"), None).context("deleting a session").map(|_| ())
    }

    fn call(&self, method: &str, path: &str, body: Option<&Json>) -> Result<Json> {
        for attempt in 1.. {
            let (status, wait_s, answer) = self.once(method, path, body)?;
            if (200..300).contains(&status) {
                return Ok(answer);
            }
            if status == 429 && attempt < ATTEMPTS_MAX {
                std::thread::sleep(Duration::from_secs_f64(wait_s.unwrap_or(0.5).clamp(0.1, 5.0)));
                continue;
            }
            // RFC 9457: `title` says what, `detail` why.
            let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
            bail!("{method} {path} answered {status} {} {}", text("title"), text("detail"));
        }
        bail!("{method} {path} was never tried")
    }

    fn once(&self, method: &str, path: &str, body: Option<&Json>) -> Result<(u16, Option<f64>, Json)> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let bytes = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                serde_json::to_vec(body)?
            }
            None => Vec::new(),
        };
        let mut response =
            self.agent.run(request.body(bytes)?).with_context(|| format!("{method} {}{path}", self.base))?;
        let wait_s = response.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse().ok());
        let text = response.body_mut().read_to_string().unwrap_or_default();
        Ok((response.status().as_u16(), wait_s, serde_json::from_str(&text).unwrap_or(Json::Null)))
    }
}
