//! What a live world tells of itself over HTTP: figures, snapshots, and the scenes a new one may begin with.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Pagination, SessionStatus};

/// Figures of one world. Counters count from the start of the world in this process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorldStats {
    /// Where it stands.
    pub status: SessionStatus,
    /// The newest tick.
    pub tick: u64,
    /// Ticks a second, nominal.
    pub tick_rate: u32,
    /// Entities alive.
    pub entity_count: u64,
    /// Clients connected.
    pub client_count: u64,
    /// Milliseconds a tick takes, median of the recent ones.
    pub tick_ms_p50: f64,
    /// Milliseconds a tick takes, 99th percentile of the recent ones.
    pub tick_ms_p99: f64,
    /// Ticks that took longer than their period.
    pub tick_overruns: u64,
    /// Ticks left out to catch up.
    pub ticks_skipped: u64,
    /// Bytes received from clients.
    pub bytes_in: u64,
    /// Bytes sent to clients.
    pub bytes_out: u64,
    /// Requests waiting at the world's door.
    pub mailbox_depth: u64,
    /// The tick of the newest snapshot on disk, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_tick: Option<u64>,
}

/// A snapshot that now stands on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SnapshotTaken {
    /// The tick it holds.
    pub tick: u64,
    /// Its size.
    pub bytes: u64,
}

/// A scene of the library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SceneInfo {
    /// What `scene` takes when a session is made.
    pub name: String,
    /// What it shows.
    pub description: String,
    /// Entities it begins with.
    pub entity_count: u64,
    /// The tick rate it asks for.
    pub tick_rate: u32,
}

/// The library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SceneList {
    /// Its scenes, by name.
    pub scenes: Vec<SceneInfo>,
    /// Where the page lies.
    pub pagination: Pagination,
}
