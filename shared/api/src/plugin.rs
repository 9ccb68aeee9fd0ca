//! Plugins in JSON: what is installed, what it may be told, and how it fares.

use std::collections::BTreeMap;

use hd1_core::SessionId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{Pagination, Timestamp, schemas};

/// An installed plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Plugin {
    /// `namespace:name`.
    pub id: String,
    /// As people read it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The version that is installed.
    pub version: String,
    /// Its package's hash, 64 hex digits.
    pub package: String,
    /// Its package's size.
    pub package_bytes: u64,
    /// SPDX expression; empty where the package says none.
    pub license: String,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// How far it is believed: `dev`, `private`, `community`, `verified` or `core`.
    pub trust: String,
    /// The key that signed it; absent for one that is unsigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// Whose key that is, where the server knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Why it runs nowhere any more, whatever else is said here: it was called back since it was installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<String>,
    /// May it run in sessions? One that may not stays attached.
    pub enabled: bool,
    /// What the operator has set; the rest is as the plugin says.
    #[schema(schema_with = schemas::object)]
    pub config: Map<String, Value>,
    /// What the server's own settings fix of it, over what was set.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(schema_with = schemas::object)]
    pub fixed_config: Map<String, Value>,
    /// The JSON Schema of its config, with every default.
    #[schema(schema_with = schemas::object)]
    pub config_schema: Map<String, Value>,
    /// Names of its systems in the order in which they run.
    pub systems: Vec<String>,
    /// Names of the components that it brings.
    pub components: Vec<String>,
    /// What its service asks to be let do, and what it is let do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rights: Vec<PluginRight>,
    /// HTTP operations below `/plugins/{id}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<PluginRoute>,
    /// How its service fares; absent where it has none, or none that may run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceHealth>,
    /// Plugins that it needs, or orders itself after, by id.
    pub dependencies: BTreeMap<String, PluginDependency>,
    /// Versions of other plugins that it does not run beside, by id.
    pub conflicts: BTreeMap<String, String>,
    /// The version that a roll-back leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_version: Option<String>,
    /// Sessions that it is attached to.
    pub session_count: u64,
    /// Counts its restarts.
    pub generation: u64,
    /// When it was first installed.
    pub installed_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a plugin needs of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginDependency {
    /// The versions that will do.
    pub version: String,
    /// Does it run without, too?
    pub optional: bool,
}

/// Something that a plugin's service asks to be let do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginRight {
    /// Its word, as in `kv` or `network:hooks.example.org:443`.
    pub right: String,
    /// What the plugin says it is for.
    pub why: String,
    /// Did the operator grant it?
    pub granted: bool,
    /// Does it hold? It does where it is granted and the package is believed far enough.
    pub holds: bool,
}

/// An HTTP operation of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginRoute {
    /// GET, POST, PUT, PATCH or DELETE.
    pub method: String,
    /// From the server's root.
    pub path: String,
    /// Who may: `anyone`, `token` or `admin`.
    pub access: String,
    /// What it does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
}

/// How a plugin's service fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    /// It answers.
    Started,
    /// It answers, and some of its calls failed lately.
    Degraded,
    /// It failed again and again, and is tried again after a pause.
    Restarting,
    /// It failed too often; it stays out until somebody restarts it.
    Suspended,
}

impl ServiceState {
    /// In small letters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ServiceState::Started => "started",
            ServiceState::Degraded => "degraded",
            ServiceState::Restarting => "restarting",
            ServiceState::Suspended => "suspended",
        }
    }
}

/// How a plugin's service fares, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceHealth {
    /// Its state.
    pub state: ServiceState,
    /// Since when.
    pub since: Timestamp,
    /// Why, where there is something to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it stood before, the newest first, at most 15.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<PastServiceState>,
}

/// Where a plugin's service stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PastServiceState {
    /// Its state.
    pub state: ServiceState,
    /// Since when.
    pub since: Timestamp,
    /// Why, where there was something to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A page of plugins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PluginList {
    /// The page.
    pub plugins: Vec<Plugin>,
    /// Where it lies.
    pub pagination: Pagination,
}

/// What an installation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstallOutcome {
    /// It is new here.
    Installed,
    /// It took the place of another package, in every session that has it.
    Replaced,
    /// The very same package was there already.
    Unchanged,
}

/// A plugin that was just installed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InstalledPlugin {
    /// The plugin.
    #[serde(flatten)]
    pub plugin: Plugin,
    /// What the installation came to.
    pub outcome: InstallOutcome,
}

/// Changes to a plugin; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PluginPatch {
    /// Values by field; a `null` gives the field its default again. They hold at once, in every session.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(schema_with = schemas::object)]
    pub config: Map<String, Value>,
    /// May it run in sessions?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// What its service may do from now on, in place of what it might: rights that it asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rights: Option<Vec<String>>,
}

/// A secret of a plugin without what is in it, which is never shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginSecret {
    /// As in the right `secret:NAME`.
    pub name: String,
    /// Does the version that is installed ask for it?
    pub asked: bool,
    /// When it was last set; absent where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_at: Option<Timestamp>,
}

/// The secrets that a plugin asks for, and those that were set for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginSecretList {
    /// All of them, by name.
    pub secrets: Vec<PluginSecret>,
}

/// A secret to be kept for a plugin. Never printed by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPluginSecret {
    /// 1 to 8,192 bytes.
    pub value: String,
}

impl std::fmt::Debug for SetPluginSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetPluginSecret").finish_non_exhaustive()
    }
}

/// How a plugin fares in one world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PluginState {
    /// It is about to run.
    Starting,
    /// Its systems run.
    Running,
    /// Its systems run, and some of their runs count for nothing.
    Degraded,
    /// It failed and is made anew after a pause.
    Restarting,
    /// It failed again and again; it stays out until somebody restarts it.
    Suspended,
    /// Its package cannot be read.
    Missing,
}

impl PluginState {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            PluginState::Starting => "starting",
            PluginState::Running => "running",
            PluginState::Degraded => "degraded",
            PluginState::Restarting => "restarting",
            PluginState::Suspended => "suspended",
            PluginState::Missing => "missing",
        }
    }
}

/// A plugin of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionPlugin {
    /// The plugin's id.
    pub plugin: String,
    /// The version that is installed.
    pub version: String,
    /// Its place in the order in which the session's plugins run, from 0.
    pub position: u32,
    /// Does the session want it to run?
    pub enabled: bool,
    /// Does it count: wanted here, and not disabled for the whole server?
    pub active: bool,
    /// What the session sets in place of what the operator set; absent where it sets nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::object)]
    pub config: Option<Map<String, Value>>,
    /// Every field as the plugin is told it.
    #[schema(schema_with = schemas::object)]
    pub effective_config: Map<String, Value>,
    /// How it fares in the session's world; absent where the world is not in memory or the plugin is not active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<WorldPluginHealth>,
}

/// The plugins of a session in the order in which they run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionPluginList {
    /// All of them.
    pub plugins: Vec<SessionPlugin>,
    /// Where the page lies; it is always whole.
    pub pagination: Pagination,
}

/// How a plugin fares in one world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorldPluginHealth {
    /// The version that the world has.
    pub version: String,
    /// Where it stands.
    pub state: PluginState,
    /// Since when.
    pub since: Timestamp,
    /// Why, where it does not simply run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Runs that counted for nothing.
    pub faults: u64,
    /// Rows that their schemas refused.
    pub refused_rows: u64,
}

/// A plugin to be attached to a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachPlugin {
    /// The plugin's id.
    pub plugin: String,
    /// What the session sets in place of what the operator set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::object)]
    pub config: Option<Map<String, Value>>,
    /// Its place in the order, from 0; the end where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// Does it run? Default true.
    #[serde(default = "default_true")]
    pub enabled: bool,
}

const fn default_true() -> bool {
    true
}

/// A plugin's place in a session's whole list. What is absent stays as it is for one that is attached already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlacedPlugin {
    /// The plugin's id.
    pub plugin: String,
    /// What the session sets in place of what the operator set, whole: `{}` sets nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::object)]
    pub config: Option<Map<String, Value>>,
    /// Does it run? True for one that is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// All plugins that a session is to have, in their order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetSessionPlugins {
    /// Those that are not here are detached.
    pub plugins: Vec<PlacedPlugin>,
}

/// Changes to a plugin of a session; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SessionPluginPatch {
    /// Values by field; a `null` gives the field the operator's value again.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(schema_with = schemas::object)]
    pub config: Map<String, Value>,
    /// Does it run?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Its place in the order, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
}

/// How a plugin fares in the worlds that have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginHealth {
    /// The plugin's id.
    pub plugin: String,
    /// May it run at all?
    pub enabled: bool,
    /// The worst that it does in the sessions of this page; absent where it runs in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<PluginState>,
    /// Sessions that have it and that the caller finds, newest first.
    pub sessions: Vec<PluginInSession>,
    /// Where the page lies.
    pub pagination: Pagination,
}

/// How a plugin fares in a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginInSession {
    /// The session.
    #[schema(schema_with = schemas::uuid)]
    pub session_id: SessionId,
    /// Does the session want it to run?
    pub enabled: bool,
    /// How it fares; absent where the world is not in memory or the plugin does not run in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<WorldPluginHealth>,
}

/// Figures of a plugin over all its worlds, from the start of the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PluginStats {
    /// The plugin's id.
    pub plugin: String,
    /// Sessions that it is attached to.
    pub session_count: u64,
    /// Its systems in the order in which they run; those that never ran are not here.
    pub systems: Vec<PluginSystemStats>,
    /// What its service was called for, in the order of its plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<PluginSystemStats>,
    /// What its service counts itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<String, u64>,
}

/// Figures of one system, or of one thing that a service is called for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PluginSystemStats {
    /// Its name.
    pub system: String,
    /// How often it ran.
    pub runs: u64,
    /// Microseconds a run takes, median of the recent ones.
    pub run_us_p50: f64,
    /// Microseconds a run takes, 99th percentile of the recent ones.
    pub run_us_p99: f64,
    /// Units of fuel that its runs used.
    pub fuel: u64,
    /// Runs that counted for nothing, by the kind of fault.
    pub faults: BTreeMap<String, u64>,
    /// Rows that their schemas refused.
    pub refused_rows: u64,
    /// Commands that were passed over.
    pub refused_commands: u64,
    /// Bytes of columns handed to it.
    pub bytes_in: u64,
    /// Bytes of columns and commands taken back.
    pub bytes_out: u64,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PluginLogLevel {
    /// Something is broken.
    Error,
    /// Something is odd.
    Warn,
    /// Something happened.
    Info,
    /// For the author alone.
    Debug,
}

/// A line that a plugin, or the server about it, has logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginLogLine {
    /// Counts the plugin's lines from 1, from the start of the server.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// How much it matters.
    pub level: PluginLogLevel,
    /// In which session; absent for what is about all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::uuid)]
    pub session_id: Option<SessionId>,
    /// Which system; empty for what is about the whole plugin.
    pub system: String,
    /// What it says.
    pub text: String,
}

/// The newest lines of a plugin, the oldest of them first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginLog {
    /// The lines.
    pub lines: Vec<PluginLogLine>,
    /// Where to go on.
    pub pagination: LogPagination,
}

/// Where the lines of a log lie. How many there were in all nobody keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogPagination {
    /// The most lines answered, as asked for.
    pub limit: u64,
    /// What `after` takes so that only newer lines are answered.
    pub next_cursor: u64,
}

/// Where something stands that a plugin is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PluginJobState {
    /// It is done when it is due.
    Waiting,
    /// It was begun.
    Running,
    /// It failed too often, and is kept for a week.
    Failed,
}

/// Something that a plugin is to do or to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginJob {
    /// Its id.
    pub id: uuid::Uuid,
    /// Is it something that happened, rather than a job?
    pub is_action: bool,
    /// Is it due by a schedule?
    pub scheduled: bool,
    /// A job's name, or the point at which something happened.
    pub name: String,
    /// Where it stands.
    pub state: PluginJobState,
    /// How often it has failed.
    pub attempts: u32,
    /// Why, the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it is to be done.
    pub due_at: Timestamp,
    /// When it was wished for.
    pub created_at: Timestamp,
}

/// A page of them, the next that is due first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginJobList {
    /// The jobs.
    pub jobs: Vec<PluginJob>,
    /// Where the page lies.
    pub pagination: Pagination,
}
