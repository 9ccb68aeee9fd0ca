//! Bounds of a client: how long and how often it tries.

use std::time::Duration;

/// Packets that are taken from a link at once: some ticks of a large world.
pub const PACKETS_AT_ONCE_MAX: usize = 1024;
/// Attempts to come back before a client gives up; with the waits below they outlast the default grace period.
pub const RECONNECT_ATTEMPTS_MAX: u32 = 10;
/// The wait before the second attempt; it doubles from there.
pub const RECONNECT_WAIT: Duration = Duration::from_millis(250);
/// The longest wait between attempts.
pub const RECONNECT_WAIT_MAX: Duration = Duration::from_secs(5);
/// Ticks of history that a drawing client keeps, by default.
pub const KEEP_TICKS: u64 = 16;
/// Events that arrive while an operation is awaited and are kept for [`crate::Client::next`].
pub const EVENTS_KEPT_MAX: usize = 4_096;
/// For an operation's result.
pub const OP_TIMEOUT: Duration = Duration::from_secs(10);
/// For the answer to a request, which the server waits for no longer than a minute.
pub const ASK_TIMEOUT: Duration = Duration::from_secs(70);
