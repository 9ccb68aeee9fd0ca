//! The rules of the control plane: sessions, participants, tokens, tickets.
//!
//! Rules read and write through `hd1-store` and reach running worlds through the port [`worlds::Worlds`]; nothing
//! here knows of HTTP or of the simulation.

pub mod worlds;

pub use worlds::{
    EntityFilter, EntityPage, EntityRef, Lifecycle, PortFuture, WorldCommand, WorldError, WorldFuture, WorldSpec,
    WorldState, Worlds,
};
