//! HTTP payload types and the error-code table: what the server answers and what its clients may rely on.
//!
//! No rule lives here and nothing does I/O. Every request type refuses unknown fields, so that a misspelt
//! setting is an error and not a silence. Start with [`error`] for how failures look, then [`session`].

pub mod entity;
pub mod error;
pub mod message;
pub mod page;
pub mod participant;
pub mod plugin;
pub mod schemas;
pub mod session;
pub mod time;
pub mod token;
pub mod world;

pub use entity::{CreateEntity, Entity, EntityList, HandEntity, PatchEntity};
pub use error::{ErrorCode, FieldError, Problem};
pub use message::{MessageTo, NearPlace, SendMessage};
pub use page::Pagination;
pub use participant::{
    Endpoints, JoinRequest, JoinResponse, KickRequest, LeaveRequest, Participant, ParticipantList, ParticipantState,
};
pub use plugin::{
    AttachPlugin, InstallOutcome, InstalledPlugin, LogPagination, PastServiceState, PlacedPlugin, Plugin,
    PluginDependency, PluginHealth, PluginInSession, PluginJob, PluginJobList, PluginJobState, PluginList, PluginLog,
    PluginLogLevel, PluginLogLine, PluginPatch, PluginRight, PluginRoute, PluginSecret, PluginSecretList, PluginState,
    PluginStats, PluginSystemStats, ServiceHealth, ServiceState, SessionPlugin, SessionPluginList, SessionPluginPatch,
    SetPluginSecret, SetSessionPlugins, WorldPluginHealth,
};
pub use session::{
    CreateSession, PatchReplication, PatchSession, PatchSettings, ReplicationSettings, SceneSource, Session,
    SessionList, SessionSettings, SessionStatus, Visibility,
};
pub use time::Timestamp;
pub use token::{ApiRole, CreateToken, CreatedToken, Token, TokenId, TokenList};
pub use world::{SceneInfo, SceneList, SnapshotTaken, WorldStats};
