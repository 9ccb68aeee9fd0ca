//! Recordings: a starting snapshot, then what entered every tick and the state hash that came out.
//!
//! Layout, little-endian: `HD1R`, version u16, session 16 bytes, tick u64, length of the state u64, state, BLAKE3 of all
//! before it. Then records: length u32, body, 8 bytes of a BLAKE3 chained over all records so far. A body is tick u64,
//! `1` and the hash u64, or `0` and zeros where the tick panicked, then the tick's `TickInput` in msgpack.
//!
//! A process that is killed leaves a last record cut short: the reader tells it from one that was changed, because only
//! the end of the file can be short. A world that comes back begins a new recording from the snapshot it came back with.
//!
//! `file` holds the format, `writer` the part that a ticking world feeds, `replay` the part that runs it again.

pub(crate) mod file;
pub(crate) mod replay;
pub(crate) mod writer;

pub use file::RecordingFault;
pub use replay::{Ending, Mismatch, ReplayReport, replay};
