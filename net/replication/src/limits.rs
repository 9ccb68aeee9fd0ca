//! Bounds of the replication core.

/// Ticks of history for coding against; a client whose acknowledgement is older is sent absolute values.
pub const HISTORY_TICKS: u64 = 128;
/// Acknowledged ticks of a client that it may be sent state against.
pub const ACKS_KEPT: usize = 16;
/// Structure bytes after which a tick's changes continue in another batch: well below the frame limit.
pub const BATCH_OPS_MAX: usize = 4096;
/// Ticks between check sums: a client sums up everything it shows, and all of a session do so at the same tick.
pub const HASH_EVERY_TICKS: u64 = 64;
