//! A component's imports: rights and bounds are looked at here, then a port is asked.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use hd1_abi::LogLevel;
use hd1_manifest::{PluginId, Right};
use wasmtime::{Result, StoreLimits, bail};

use super::bindings::hd1::service::{clock, config, http, jobs, kv, log, plugins, secrets, sessions, types};
use super::ports::{Ports, Who};
use super::{Failure, HttpAnswer, Outgoing};
use crate::limits::{CALL_DEPTH_MAX, HOST_CALLS_MAX, RANDOM_BYTES_MAX, SERVICE_LOG_BYTES_MAX, SERVICE_LOG_LINES_MAX};
use crate::meter::Meter;

/// What belongs to an instance beside its memory.
pub(super) struct State {
    pub limits: StoreLimits,
    pub who: Who,
    pub config: Arc<str>,
    pub ports: Arc<dyn Ports>,
    pub meter: Arc<Meter>,
    /// Of the call under way: its place among those that are counted, its requests to the host and its lines.
    pub call: usize,
    pub asked: u32,
    pub lines: u32,
}

impl State {
    /// A call begins.
    pub fn begin(&mut self, call: usize, depth: u32) {
        (self.call, self.asked, self.lines, self.who.depth) = (call, 0, 0, depth);
    }

    /// One more request to the host. Too many end the call: it does nothing else any more.
    fn ask(&mut self) -> Result<()> {
        self.asked += 1;
        if self.asked > HOST_CALLS_MAX {
            bail!("it asked the host more than {HOST_CALLS_MAX} times in one call");
        }
        Ok(())
    }

    /// The same where a right is needed.
    fn ask_with(&mut self, right: &Right) -> Result<std::result::Result<(), Failure>> {
        self.ask()?;
        Ok(if self.who.rights.contains(right) { Ok(()) } else { Err(denied(right)) })
    }
}

/// The failure of whoever asks for something that it has no right to.
#[must_use]
pub fn denied(right: &Right) -> Failure {
    lacking(format_args!("`{right}`"))
}

fn lacking(right: std::fmt::Arguments<'_>) -> Failure {
    Failure::Denied(format!(
        "the plugin has no right {right}: plugin.toml asks for it under [rights], and the operator grants it"
    ))
}

/// Asks a port, where the plugin has the right.
macro_rules! with {
    ($state:ident, $right:expr, $port:ident ( $($argument:expr),* )) => {{
        if let Err(denied) = $state.ask_with(&$right)? {
            return Ok(Err(denied));
        }
        Ok($state.ports.$port(&$state.who, $($argument),*).await)
    }};
}

impl types::Host for State {}

impl log::Host for State {
    async fn write(&mut self, level: log::Level, mut text: String) -> Result<()> {
        self.ask()?;
        self.lines += 1;
        if self.lines > SERVICE_LOG_LINES_MAX {
            return Ok(());
        }
        let mut end = SERVICE_LOG_BYTES_MAX.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        // A line of an operator's log stays a line.
        let text = text.replace(|c: char| c.is_control(), " ");
        let level = match level {
            log::Level::Error => LogLevel::Error,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Info => LogLevel::Info,
            log::Level::Debug => LogLevel::Debug,
        };
        self.meter.say(self.call, level, text);
        Ok(())
    }

    async fn count(&mut self, name: String, by: u64) -> Result<()> {
        self.ask()?;
        self.meter.count(&name, by);
        Ok(())
    }
}

impl clock::Host for State {
    async fn now_us(&mut self) -> Result<i64> {
        self.ask()?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    async fn random(&mut self, bytes: u32) -> Result<Vec<u8>> {
        self.ask()?;
        let mut random = vec![0; bytes.min(RANDOM_BYTES_MAX) as usize];
        getrandom::fill(&mut random).map_err(|error| wasmtime::Error::msg(error.to_string()))?;
        Ok(random)
    }
}

impl config::Host for State {
    async fn get(&mut self) -> Result<String> {
        self.ask()?;
        Ok(self.config.to_string())
    }
}

impl kv::Host for State {
    async fn get(&mut self, key: String) -> Result<std::result::Result<Option<Vec<u8>>, Failure>> {
        with!(self, Right::Kv, kv_get(key))
    }

    async fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        ttl_s: Option<u32>,
    ) -> Result<std::result::Result<(), Failure>> {
        with!(self, Right::Kv, kv_set(key, value, ttl_s))
    }

    async fn delete(&mut self, key: String) -> Result<std::result::Result<bool, Failure>> {
        with!(self, Right::Kv, kv_delete(key))
    }

    async fn keys(
        &mut self,
        prefix: String,
        after: String,
        limit: u32,
    ) -> Result<std::result::Result<Vec<String>, Failure>> {
        with!(self, Right::Kv, kv_keys(prefix, after, limit))
    }

    async fn add(&mut self, key: String, by: i64) -> Result<std::result::Result<i64, Failure>> {
        with!(self, Right::Kv, kv_add(key, by))
    }
}

impl http::Host for State {
    /// Where it goes is known only once the URL is read, so the port looks at the rights again.
    async fn send(&mut self, request: Outgoing) -> Result<std::result::Result<HttpAnswer, Failure>> {
        self.ask()?;
        let may = |right: &Right| matches!(right, Right::Network | Right::Place(_));
        if !self.who.rights.iter().any(may) {
            return Ok(Err(lacking(format_args!("`network:HOST:PORT` to any place"))));
        }
        Ok(self.ports.http(&self.who, request).await)
    }
}

impl secrets::Host for State {
    async fn get(&mut self, name: String) -> Result<std::result::Result<Option<String>, Failure>> {
        with!(self, Right::Secret(name.clone()), secret(name))
    }
}

impl sessions::Host for State {
    async fn list_sessions(&mut self, offset: u32, limit: u32) -> Result<std::result::Result<String, Failure>> {
        with!(self, Right::SessionsRead, sessions(offset, limit))
    }

    async fn get(&mut self, session: String) -> Result<std::result::Result<String, Failure>> {
        with!(self, Right::SessionsRead, session(session))
    }

    async fn entities(
        &mut self,
        session: String,
        component: String,
        offset: u32,
        limit: u32,
    ) -> Result<std::result::Result<String, Failure>> {
        with!(self, Right::SessionsRead, entities(session, component, offset, limit))
    }

    async fn send(
        &mut self,
        session: String,
        player: Option<u32>,
        topic: String,
        data: String,
    ) -> Result<std::result::Result<(), Failure>> {
        with!(self, Right::SessionsWrite, send(session, player, topic, data))
    }

    async fn spawn(&mut self, session: String, components: String) -> Result<std::result::Result<u32, Failure>> {
        with!(self, Right::SessionsWrite, spawn(session, components))
    }

    async fn update(
        &mut self,
        session: String,
        entity: u32,
        components: String,
    ) -> Result<std::result::Result<(), Failure>> {
        with!(self, Right::SessionsWrite, update(session, entity, components))
    }

    async fn despawn(&mut self, session: String, entity: u32) -> Result<std::result::Result<(), Failure>> {
        with!(self, Right::SessionsWrite, despawn(session, entity))
    }
}

impl jobs::Host for State {
    async fn enqueue(
        &mut self,
        job: String,
        payload: String,
        delay_ms: u64,
        key: Option<String>,
    ) -> Result<std::result::Result<(), Failure>> {
        self.ask()?;
        Ok(self.ports.enqueue(&self.who, job, payload, delay_ms, key).await)
    }
}

impl plugins::Host for State {
    async fn call(
        &mut self,
        plugin: String,
        function: String,
        argument: String,
    ) -> Result<std::result::Result<String, Failure>> {
        self.ask()?;
        let Ok(id) = plugin.parse::<PluginId>() else {
            return Ok(Err(Failure::Invalid(format!("{plugin:?} is no plugin's id"))));
        };
        if !self.who.rights.contains(&Right::Call(id.clone())) {
            return Ok(Err(denied(&Right::Call(id))));
        }
        if self.who.depth >= CALL_DEPTH_MAX {
            let why = format!("plugins call each other {CALL_DEPTH_MAX} deep already");
            return Ok(Err(Failure::Limit(why)));
        }
        Ok(self.ports.call(&self.who, plugin, function, argument).await)
    }
}
