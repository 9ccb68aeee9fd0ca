//! Sessions in JSON: the durable record of a world, and what may be asked of it.

use hd1_core::{Role, SessionId, TickRate};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{Pagination, Timestamp, schemas};

/// Where a world stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// Made, never started.
    Created,
    /// Ticking.
    Running,
    /// In memory, not ticking.
    Paused,
    /// On disk; joining or asking wakes it.
    Hibernated,
    /// Ended; starting it again continues from its last snapshot.
    Stopped,
    /// Its world failed; it is restarted after a pause.
    Crashed,
    /// Its world failed again and again; it stays down until somebody restarts it.
    CrashLoop,
}

impl SessionStatus {
    /// Every status.
    pub const ALL: [SessionStatus; 7] = [
        SessionStatus::Created,
        SessionStatus::Running,
        SessionStatus::Paused,
        SessionStatus::Hibernated,
        SessionStatus::Stopped,
        SessionStatus::Crashed,
        SessionStatus::CrashLoop,
    ];

    /// The word in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            SessionStatus::Created => "created",
            SessionStatus::Running => "running",
            SessionStatus::Paused => "paused",
            SessionStatus::Hibernated => "hibernated",
            SessionStatus::Stopped => "stopped",
            SessionStatus::Crashed => "crashed",
            SessionStatus::CrashLoop => "crash_loop",
        }
    }

    /// The inverse of [`SessionStatus::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// Who finds a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Its owner and administrators; to all others it does not exist.
    #[default]
    Private,
    /// Whoever knows its id.
    Unlisted,
    /// Everybody, in the list.
    Public,
}

impl Visibility {
    /// Every visibility.
    pub const ALL: [Visibility; 3] = [Visibility::Private, Visibility::Unlisted, Visibility::Public];

    /// The word in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Visibility::Private => "private",
            Visibility::Unlisted => "unlisted",
            Visibility::Public => "public",
        }
    }

    /// The inverse of [`Visibility::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|visibility| visibility.as_str() == text)
    }
}

/// What a session allows, and what its world is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SessionSettings {
    /// Whether people without a token may join (a private session stays hidden from them all the same). Default false.
    pub guests: bool,
    /// The role guests get: `viewer` or `participant`. Default `participant`.
    #[schema(schema_with = schemas::role)]
    pub guest_role: Role,
    /// Settings of the world itself (quotas, operation rates), checked by the simulation when the world is made.
    #[schema(schema_with = schemas::object)]
    pub world: Map<String, Value>,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self { guests: false, guest_role: Role::Participant, world: Map::new() }
    }
}

/// How much of its world each client of a session is sent. What is `null` is as the scene, or the server, says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReplicationSettings {
    /// Metres from a client's camera to what it is shown, 1 to 100,000. `null`: the scene's `view.distance`; where the
    /// scene has none, everything is shown.
    #[schema(minimum = 1, maximum = 100_000)]
    pub view_m: Option<f32>,
    /// Side in metres of the cells in which things come into view and leave it: at least 1 and a sixteenth of `view_m`,
    /// at most `view_m`. What is larger than two of them is shown from everywhere. `null`: a quarter of `view_m` where
    /// that is given, else the scene's `view.cell`.
    #[schema(minimum = 1, maximum = 100_000)]
    pub cell_m: Option<f32>,
    /// Thousands of bits of state that each client is sent in a second: what does not fit waits, the nearest and the
    /// longest waiting first. From 64 to the server's `worlds.client_kbit_s_max`. `null`: its `worlds.client_kbit_s`.
    #[schema(minimum = 64)]
    pub client_kbit_s: Option<u32>,
}

/// What a new world holds: a scene of the library by its name, or a scene file's JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum SceneSource {
    /// A scene of the library.
    Library(String),
    /// A whole scene.
    #[schema(value_type = Object)]
    Inline(Map<String, Value>),
}

/// A session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Its id.
    #[schema(schema_with = schemas::uuid)]
    pub id: SessionId,
    /// Its name, 1 to 80 characters.
    pub name: String,
    /// What it is about, up to 2,000 characters.
    pub description: String,
    /// Who made it: `admin`, or the id of an API token.
    pub owner: String,
    /// Where its world stands.
    pub status: SessionStatus,
    /// Why it is there, for a world that crashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// Who finds it.
    pub visibility: Visibility,
    /// Places, 1 to 10,000.
    pub max_participants: u32,
    /// Places taken now: connected, or holding a ticket that is still good.
    pub participant_count: u32,
    /// Ticks a second.
    #[schema(schema_with = schemas::tick_rate)]
    pub tick_rate: TickRate,
    /// The library scene it began with; absent when the scene was given inline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<String>,
    /// What it allows.
    pub settings: SessionSettings,
    /// How much of its world each client is sent.
    #[serde(default)]
    pub replication: ReplicationSettings,
    /// The owner's own data, never read by the server; at most 16 KiB.
    #[schema(schema_with = schemas::object)]
    pub metadata: Map<String, Value>,
    /// Counts the changes of what its owner sets, from 1; in quotes it is the record's `ETag`.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its record last changed.
    pub updated_at: Timestamp,
}

/// A page of sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionList {
    /// The page.
    pub sessions: Vec<Session>,
    /// Where it lies.
    pub pagination: Pagination,
}

/// A session to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSession {
    /// 1 to 80 characters.
    pub name: String,
    /// Up to 2,000 characters.
    #[serde(default)]
    pub description: String,
    /// Default `private`.
    #[serde(default)]
    pub visibility: Visibility,
    /// Places, 1 to 10,000. Default 100.
    #[serde(default = "default_max_participants")]
    pub max_participants: u32,
    /// Ticks a second. Default: the scene's, or 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::tick_rate)]
    pub tick_rate: Option<TickRate>,
    /// Default: the scene `lobby`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<SceneSource>,
    /// Seed of the world's generator, below 2^53. Default: a random one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What it allows.
    #[serde(default)]
    pub settings: SessionSettings,
    /// How much of its world each client is sent.
    #[serde(default)]
    pub replication: ReplicationSettings,
    /// The owner's own data, at most 16 KiB.
    #[serde(default)]
    #[schema(schema_with = schemas::object)]
    pub metadata: Map<String, Value>,
    /// Whether its world runs at once. Default true.
    #[serde(default = "default_true")]
    pub autostart: bool,
}

impl CreateSession {
    /// A private session of this name with every default.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: String::new(),
            visibility: Visibility::default(),
            max_participants: default_max_participants(),
            tick_rate: None,
            scene: None,
            seed: None,
            settings: SessionSettings::default(),
            replication: ReplicationSettings::default(),
            metadata: Map::new(),
            autostart: true,
        }
    }
}

const fn default_max_participants() -> u32 {
    100
}

const fn default_true() -> bool {
    true
}

/// Changes to what a session allows; what is absent stays. The world's own settings hold for the world's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PatchSettings {
    /// Whether guests may join; those inside stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guests: Option<bool>,
    /// The role guests get from now on: `viewer` or `participant`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::role)]
    pub guest_role: Option<Role>,
}

/// Changes to how much each client is sent; what is absent stays, what is `null` is as the scene or the server says.
///
/// `client_kbit_s` holds at once, `view_m` and `cell_m` from when the next client comes into a world without any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PatchReplication {
    /// As in `ReplicationSettings`.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f32>)]
    pub view_m: Option<Option<f32>>,
    /// As in `ReplicationSettings`.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f32>)]
    pub cell_m: Option<Option<f32>>,
    /// As in `ReplicationSettings`.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub client_kbit_s: Option<Option<u32>>,
}

impl PatchReplication {
    /// The settings with these changes.
    #[must_use]
    pub fn applied_to(self, settings: ReplicationSettings) -> ReplicationSettings {
        ReplicationSettings {
            view_m: self.view_m.unwrap_or(settings.view_m),
            cell_m: self.cell_m.unwrap_or(settings.cell_m),
            client_kbit_s: self.client_kbit_s.unwrap_or(settings.client_kbit_s),
        }
    }
}

/// A field that is there, be it `null`: one that is absent is not asked for its value.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Changes to a session; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PatchSession {
    /// 1 to 80 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Up to 2,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who finds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// Places; lowering it sends nobody away, it only keeps newcomers out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_participants: Option<u32>,
    /// What it allows.
    pub settings: PatchSettings,
    /// How much of its world each client is sent.
    pub replication: PatchReplication,
    /// Replaces the metadata whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::object)]
    pub metadata: Option<Map<String, Value>>,
}
