//! One world: `tick(input) -> output`.
//!
//! A [`Sim`] holds one bevy world with its features, each a file of its own. It reads no clock, does no I/O and iterates
//! in order: the same scene, seed and inputs give the same states, on every machine. Who sends what when is the
//! runtime's business. Start with [`sim`], then `ingress.rs` and one feature, e.g. `lifetime.rs`.

pub mod limits;

pub mod input;
pub mod output;
pub mod quotas;
pub mod scene_info;
pub mod step;

pub mod sim;

pub mod players;

mod entities;
mod ingress;
mod messages;
mod operations;
mod requests;

pub mod authority;
mod avatar;
mod hierarchy;
mod lifetime;
mod motion;
pub mod physics;

pub mod plugins;

pub mod rewind;

mod state_hash;

pub mod snapshot;

mod export;
pub mod view;

#[cfg(any(test, feature = "fault-injection"))]
pub mod fault;

pub use hd1_abi::{Fault, Module, Modules};
pub use input::{Command, TickInput};
pub use output::{Answered, Chat, Message, OpDone, OpResult, Recipients, Request, TickOutput, WorldEvent};
pub use players::{Player, Players};
pub use plugins::{PluginFault, PluginSpec};
pub use quotas::Quotas;
pub use rewind::{Hit, Rewound};
pub use scene_info::SceneInfo;
pub use sim::{Sim, SimError};
pub use snapshot::{SnapshotError, StateCopy};
pub use step::{SimConfig, Step};
pub use view::{EntityKey, EntityPage, EntityQuery};

#[cfg(test)]
mod tests;
