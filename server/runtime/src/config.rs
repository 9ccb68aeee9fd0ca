//! What a runtime is started with, and what a world is made from.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hd1_core::TickRate;
use hd1_scenes::Scene;
use hd1_sim::{Module, Modules, PluginSpec, Quotas};

use crate::WorldStatus;
use crate::limits::{CLIENT_STATE_BYTES_PER_S, CLIENT_STATE_BYTES_PER_S_MAX};
use crate::time::{MachineTime, Timeline};

/// Settings of one runtime.
#[derive(Clone)]
pub struct RuntimeConfig {
    /// Where worlds' files go: `data_dir/worlds/<session>/`.
    pub data_dir: PathBuf,
    /// Threads that tick worlds. With fewer than two, one slow world delays all others.
    pub threads: usize,
    /// Threads that load worlds.
    pub load_threads: usize,
    /// Threads that write files.
    pub disk_threads: usize,
    /// Time between snapshots of a world that changes: what a `kill -9` may cost at most.
    pub snapshot_interval: Duration,
    /// Time without clients after which a world hibernates; `None` keeps it running.
    pub hibernate_after: Option<Duration>,
    /// Time that a seat and its avatar wait for a connection to come back.
    pub resume_grace: Duration,
    /// Record every world?
    pub recording: bool,
    /// Bytes of state that one client is sent in a second where its session does not say.
    pub client_bytes_per_s: u32,
    /// The same at most, whatever a session says.
    pub client_bytes_per_s_max: u32,
    /// Monotonic time; tests move it by hand.
    pub time: Arc<dyn Timeline>,
    /// Where the modules of plugins come from.
    pub modules: Arc<dyn Modules>,
}

impl RuntimeConfig {
    /// The defaults: a thread per core but at least two, snapshots every 5 s, hibernation after a minute without
    /// clients, 30 s to come back, no recording.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        RuntimeConfig {
            data_dir: data_dir.into(),
            threads: cores.max(2),
            load_threads: 2,
            disk_threads: 2,
            snapshot_interval: Duration::from_secs(5),
            hibernate_after: Some(Duration::from_secs(60)),
            resume_grace: Duration::from_secs(30),
            recording: false,
            client_bytes_per_s: CLIENT_STATE_BYTES_PER_S,
            client_bytes_per_s_max: CLIENT_STATE_BYTES_PER_S_MAX,
            time: Arc::new(MachineTime::default()),
            modules: Arc::new(NoModules),
        }
    }
}

/// No plugin has a module here.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoModules;

impl Modules for NoModules {
    fn module(&self, _hash: &str) -> Option<Arc<dyn Module>> {
        None
    }
}

/// What a world is made from. Where a good snapshot lies on disk, the world continues from it instead.
#[derive(Clone)]
pub struct WorldSpec {
    /// How it begins.
    pub source: WorldSource,
    /// Ticks a second.
    pub tick_rate: TickRate,
    /// Seed of its generator.
    pub seed: u64,
    /// Quotas and rates.
    pub quotas: Quotas,
    /// How much of it each client is sent.
    pub shown: Shown,
    /// Its plugins in their order.
    pub plugins: Vec<PluginSpec>,
    /// What it is to be at first. [`WorldStatus::Running`] and [`WorldStatus::Paused`] load it, the others only make it
    /// known; `Crashed` and `CrashLoop` are taken as `Stopped`.
    pub initial: WorldStatus,
}

/// How much of a world each client is sent; `None` is as the scene, or the runtime's configuration, says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shown {
    /// Metres from a client's camera to what it is shown.
    pub view_m: Option<f32>,
    /// Side of a cell in metres.
    pub cell_m: Option<f32>,
    /// Bytes of state in a second.
    pub client_bytes_per_s: Option<u32>,
}

/// How a new world begins.
#[derive(Clone)]
pub enum WorldSource {
    /// From a scene; many worlds share one in memory.
    Scene(Arc<Scene>),
    /// From what `Sim::snapshot` gave.
    Snapshot(Arc<[u8]>),
}
