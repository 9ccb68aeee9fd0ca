//! What an engine says of a scene: one JSON object a line, in the same words for every engine.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

/// Median of the server's own tick, microseconds: acknowledgements in, messages handed to each client.
pub const SERVER_US_TICK: &str = "server_us_tick";
/// Bytes of messages per changed body and client.
pub const BYTES_PER_UPDATE: &str = "bytes_per_update";
/// Bytes of messages per client and tick.
pub const BYTES_CLIENT_TICK: &str = "bytes_client_tick";
/// Messages per client and tick.
pub const PACKETS_CLIENT_TICK: &str = "packets_client_tick";
/// Bytes that a newcomer is sent until it has the world.
pub const JOIN_BYTES: &str = "join_bytes";
/// The longest tick from a newcomer's arrival until it has the world, median over newcomers, microseconds.
pub const JOIN_US: &str = "join_us";

/// An engine's figures in one scene.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// Who.
    pub engine: String,
    /// Where.
    pub scene: String,
    /// Clients of that engine ended with the server's state.
    pub verified: bool,
    /// By name; units end the names.
    #[serde(flatten)]
    pub values: BTreeMap<String, f64>,
}

impl Figures {
    /// None yet. Only for an engine whose clients were compared with the server.
    #[must_use]
    pub fn verified(engine: &str, scene: &str) -> Self {
        Figures { engine: engine.into(), scene: scene.into(), verified: true, values: BTreeMap::new() }
    }

    /// With one more.
    #[must_use]
    pub fn with(mut self, name: &str, value: f64) -> Self {
        self.values.insert(name.into(), value);
        self
    }

    /// On a line of its own on stdout.
    ///
    /// # Errors
    /// A figure is not a number.
    pub fn print(&self) -> anyhow::Result<()> {
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }
}

/// Sums over the measured ticks of a run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    tick_us: Vec<f64>,
    bytes: u64,
    packets: u64,
    /// Changed bodies × clients.
    updates: u64,
    /// Ticks × clients.
    client_ticks: u64,
}

impl Tally {
    /// One tick: how long the server took, what it sent to all its clients, what that stood for.
    pub fn tick(&mut self, server: Duration, sent: Sent, changed_count: usize, client_count: usize) {
        self.tick_us.push(server.as_secs_f64() * 1e6);
        self.bytes += sent.bytes;
        self.packets += sent.packets;
        self.updates += (changed_count * client_count) as u64;
        self.client_ticks += client_count as u64;
    }

    /// As figures. A scene in which nothing changes has no bytes per update.
    #[must_use]
    pub fn figures(self, figures: Figures) -> Figures {
        let per_client_tick = |count: u64| count as f64 / self.client_ticks.max(1) as f64;
        let figures = figures
            .with(PACKETS_CLIENT_TICK, per_client_tick(self.packets))
            .with(BYTES_CLIENT_TICK, per_client_tick(self.bytes))
            .with(SERVER_US_TICK, median(self.tick_us));
        if self.updates == 0 {
            return figures;
        }
        figures.with(BYTES_PER_UPDATE, self.bytes as f64 / self.updates as f64)
    }
}

/// What a tick sent, to all clients together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Of messages, before any backend's framing.
    pub bytes: u64,
    /// Messages.
    pub packets: u64,
}

impl Sent {
    /// One more message.
    pub fn add(&mut self, message_bytes: usize) {
        self.bytes += message_bytes as u64;
        self.packets += 1;
    }
}

/// The middle one.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
