//! The component catalogue as bevy components, and the phases of a tick.
//!
//! Everything that a world can hold is a component of the [`Catalogue`]: built in (see [`mod@components`]) or registered at
//! run time from a schema. The simulation changes them, [`capture()`] tells replication what changed, and [`movement`]
//! holds the rules by which things move. It knows no sockets, no clock and no rules of who may do what. Start with
//! [`described`], then [`catalogue`].

pub mod limits;

pub mod canonical;
pub mod described;

pub mod components;

pub mod net_id;
pub mod removals;

pub mod catalogue;
mod dynamic;

pub mod columns;
mod guard;

pub mod capture;

pub mod movement;
pub mod phases;

/// Vectors and quaternions, the same bits on every machine.
pub use hd1_movement::math;
/// The data language, for the macros of this crate.
pub use hd1_schema as schema;

pub use capture::{CaptureState, Change, Event, Watch, capture};
pub use catalogue::{Catalogue, ComponentEntry, RegisterError, builtin_schemas};
pub use columns::{ColumnError, ColumnQuery, Refused, Terms};
pub use described::{Color, Described};
pub use guard::Guard;
pub use net_id::{NetIdMap, NetIds, NetIndex, Networked, entity_of, spawn};
pub use removals::Removals;

#[cfg(test)]
mod tests;
