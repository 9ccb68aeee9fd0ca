//! World changes to per-client deltas; no sockets, no clock.
//!
//! Once a tick a [`Replicator`] is told what changed and then asked, client by client, for what to send. The expensive
//! part, encoding, is shared: entities stand in pages by where they are and who may see them, and what is encoded of a
//! page serves all who see it. Read in this order:
//! - [`place`], [`page`], [`world`]: where entities stand, and what is remembered of them ([`logged`]);
//! - [`client`], [`view`], `sight`: what a client sees, what it was sent and what it has;
//! - [`blobs`], `due`, `walk`, [`mod@assemble`], `layout`, `frames`, `workers`, [`replicator`]: how that becomes frames.
//!
//! The mirror in `hd1-protocol` is the other end; the property test in `tests/convergence.rs` holds the two together
//! over a link that loses, repeats, reorders and delays.

pub mod assemble;
pub mod blobs;
pub mod capture;
pub mod client;
mod due;
mod frames;
mod layout;
pub mod limits;
pub mod logged;
pub mod page;
pub mod place;
pub mod replicator;
mod sight;
pub mod view;
mod walk;
mod workers;
pub mod world;

pub use assemble::Outgoing;
pub use capture::WorldCapture;
pub use client::Budget;
pub use place::Interest;
pub use replicator::{ClientKey, Replicator};
pub use view::Viewer;
pub use world::Tracked;
