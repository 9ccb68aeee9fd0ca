//! Bounds on what the page may hand over and hold.

/// Bytes of one buffer handed in: the largest frame of the server.
pub const INBOX_BYTES_MAX: usize = hd1_protocol::limits::FRAME_OUT_BYTES_MAX;
/// Connections at once: the one that is drawn, and the one that replaces it.
pub const CLIENTS_MAX: usize = 8;
/// Ticks of history kept for drawing between ticks; the clock never draws farther behind than about eight.
pub const KEEP_TICKS: u64 = 16;
/// Microseconds after which an input that the server has not confirmed is sent again.
pub const INPUT_REPEAT_US: u64 = 30_000;
/// Parents above an entity that are followed.
pub const PARENT_DEPTH_MAX: usize = 16;
