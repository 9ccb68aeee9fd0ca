//! Many worlds: threads, pacing, mailboxes, hibernate and wake, record and replay.
//!
//! [`Runtime`] is the handle. Behind it every session has a slot: a door that others knock at and a body that one
//! thread at a time runs. A few threads tick all worlds off one deadline heap; what a world may become is one table in
//! `lifecycle`; files are written and worlds are loaded on other threads; every client has a tokio task that no tick
//! waits for. It knows no HTTP and no database: tickets are judged and news are heard through ports.
//!
//! Start with [`runtime`], then `body` for a world's life, `live` for its tick and `connection` for its clients.

pub mod limits;
pub mod time;

pub mod config;
pub mod error;
pub mod observer;
pub mod runtime;

mod context;
mod worlds;

mod backoff;
mod jobs;
pub mod lifecycle;
mod pacing;
mod scheduler;

mod body;
mod loading;
mod request;
mod slot;

mod live;
mod mailbox;
pub mod plugins;
mod query;
mod replication;
mod roster;

mod admission;
mod client;
mod connection;
mod outbox;
mod spoken;

mod files;
pub mod recording;
mod snapshot;

pub mod histogram;
pub mod metrics;

pub use admission::{Admission, Redeeming, TicketGate};
pub use client::Refusal;
pub use config::{NoModules, RuntimeConfig, Shown, WorldSource, WorldSpec};
pub use error::RuntimeError;
pub use lifecycle::{Request, WorldStatus};
pub use metrics::{RuntimeMetrics, WorldFigures};
pub use observer::{Asked, NoObserver, Presence, RuntimeObserver};
pub use plugins::{PluginState, PluginStatus};
pub use query::WorldQuery;
pub use recording::{ReplayReport, replay};
pub use request::SnapshotTaken;
pub use runtime::{Drained, Runtime};
