//! World changes to per-client deltas; no sockets, no clock.
//!
//! Once a tick a [`Replicator`] is told what changed and then asked, client by client, for what to send. The expensive
//! part, encoding, is shared: clients that stand on the same base are given the same bytes. Read [`tracked`] for what
//! is remembered of the world and [`logged`] for how far back, then [`replicator`] for how it becomes frames. The mirror in `hd1-protocol` is the
//! other end; the property test in `tests/convergence.rs` holds the two together over a link that loses, repeats,
//! reorders and delays.

pub mod capture;
pub mod limits;
pub mod logged;
pub mod replicator;
pub mod tracked;

pub use capture::WorldCapture;
pub use replicator::{ClientKey, Outgoing, Replicator};
pub use tracked::Tracked;
