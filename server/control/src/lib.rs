//! The rules of the control plane: who may make, run, join and change sessions, and what then holds.
//!
//! Rules read and write through `hd1-store`, reach running worlds through the port [`worlds::Worlds`] and what compiles
//! and keeps plugins through the port [`plugin_host::PluginHost`]; nothing here knows of HTTP or of the simulation. Every rule takes an [`Authority`]: one value that says who calls and what
//! they may. Start with [`control`], then [`sessions`].

pub mod authority;
pub mod control;
pub mod entities;
pub mod error;
pub mod keys;
pub mod lifecycle;
pub mod limits;
mod locks;
pub mod participants;
pub mod plugin_host;
pub mod plugins;
mod rules;
pub mod secret;
pub mod sessions;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tickets;
pub mod tokens;
pub mod worlds;

pub use authority::{Authority, Caller};
pub use control::{Control, Page};
pub use error::{ControlError, Result};
pub use hd1_manifest::limits::PACKAGE_BYTES_MAX;
pub use hd1_manifest::{PluginId, Rights, Trust};
pub use hd1_store::Db;
pub use keys::{AdminToken, SecretKey, TicketKey};
pub use lifecycle::Recovery;
pub use participants::{Join, Presence};
pub use plugin_host::{
    ChannelAsked, FilterVerdict, LogLine, PluginHost, RunningService, ServiceCaller, ServiceCallerKind, ServiceFault,
    ServiceRequest, ServiceResponse, ServiceSpec, ServiceStep, SystemStats, Vouched,
};
pub use plugins::Routed;
pub use sessions::{Expected, SessionQuery};
pub use tickets::{Admission, TicketRefused};
pub use worlds::{
    EntityFilter, EntityPage, EntityRef, Lifecycle, PortFuture, WorldCommand, WorldError, WorldFuture, WorldPlugin,
    WorldPluginState, WorldSpec, WorldState, Worlds,
};

/// Brings a database to the newest version; to be run before a [`Control`] uses it.
///
/// # Errors
/// When a migration fails.
pub async fn migrate(db: &Db) -> Result<()> {
    Ok(hd1_store::migrate::up(db).await?)
}
