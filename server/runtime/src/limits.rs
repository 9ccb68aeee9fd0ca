//! Bounds on many worlds: queues, files, retries and patience, each with its unit in the name.

/// Client operations that wait for one world's next tick.
pub const MAILBOX_COMMANDS_MAX: usize = 8_192;
/// Operations of one player that wait for the next tick; the rest of the world's mailbox stays free for others.
pub const MAILBOX_COMMANDS_PER_PLAYER_MAX: usize = 256;
/// Control-plane operations that wait for one world's next tick.
pub const MAILBOX_ADMIN_MAX: usize = 1_024;
/// Requests (lifecycle, join, query) that wait for one world's boundary.
pub const REQUESTS_MAX: usize = 2_048;
/// Worlds of one runtime, hibernated ones included.
pub const WORLDS_MAX: usize = 100_000;
/// Clients of one world.
pub const CLIENTS_PER_WORLD_MAX: usize = 4_096;

/// Bytes of state that one client is sent in a second unless its session or the configuration says otherwise: 2,048
/// kbit/s. What does not fit waits, the nearest and the longest waiting first.
pub const CLIENT_STATE_BYTES_PER_S: u32 = 256_000;
/// The same at most unless the configuration says otherwise: 16,384 kbit/s.
pub const CLIENT_STATE_BYTES_PER_S_MAX: u32 = 2_048_000;
/// Cells from a viewer to the end of its view, where cell and view are given apart.
pub const VIEW_CELLS_MAX: f32 = 16.0;

/// Bytes on their way to one client's connection, the join snapshot included; beyond it the client is too slow.
pub const OUTBOX_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Reliable frames and messages on their way to one client's connection.
pub const OUTBOX_ITEMS_MAX: usize = 16_384;
/// Milliseconds in which a client takes nothing of what waits for it before it is dropped as too slow.
pub const SLOW_CLIENT_MS_MAX: u64 = 10_000;

/// Snapshots kept per world: the newest and the one to fall back to.
pub const SNAPSHOTS_KEPT: usize = 2;
/// Bytes of one snapshot file that the loader reads.
pub const SNAPSHOT_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Periodic snapshots that wait for the disk; beyond it a world tries again one interval later.
pub const DISK_QUEUE_MAX: usize = 256;

/// Bytes of one recording before the next one is begun.
pub const RECORDING_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Recordings kept per world.
pub const RECORDINGS_KEPT: usize = 4;
/// Bytes of one tick's record.
pub const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of records that gather before they go to the disk.
pub const RECORDING_BATCH_BYTES: usize = 64 * 1024;
/// Bytes of records that wait for a slow disk before the recording is given up and begun anew.
pub const RECORDING_BACKLOG_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Crashes within [`CRASH_WINDOW_MS`] after which a world is left alone.
pub const CRASHES_MAX: usize = 5;
/// Milliseconds over which crashes are counted.
pub const CRASH_WINDOW_MS: u64 = 300_000;
/// Milliseconds before the first restart; doubles with each crash in the window.
pub const RESTART_BACKOFF_MS_MIN: u64 = 500;
/// Milliseconds before a restart at most.
pub const RESTART_BACKOFF_MS_MAX: u64 = 30_000;

/// Faults of a plugin in one world within [`PLUGIN_FAULT_WINDOW_NS`] after which it is held back.
pub const PLUGIN_FAULTS_MAX: usize = 3;
/// Nanoseconds over which faults are counted, and without one after which a plugin is well again: a minute.
pub const PLUGIN_FAULT_WINDOW_NS: u64 = 60_000_000_000;
/// Nanoseconds that a plugin is held back the first time: a second. Doubles with each time in the window.
pub const PLUGIN_BACKOFF_NS: u64 = 1_000_000_000;
/// Nanoseconds that it is held back at most: a minute.
pub const PLUGIN_BACKOFF_NS_MAX: u64 = 60_000_000_000;
/// Times that a plugin is held back within [`PLUGIN_RESTART_WINDOW_NS`] before that is for good.
pub const PLUGIN_RESTARTS_MAX: usize = 5;
/// Nanoseconds over which these times are counted: ten minutes.
pub const PLUGIN_RESTART_WINDOW_NS: u64 = 600_000_000_000;

/// Threads on which the frames of one crowded world are made, at most.
pub const ASSEMBLY_THREADS_MAX: usize = 8;

/// Ticks over which a world's percentiles are taken.
pub const STATS_WINDOW_TICKS: usize = 256;
/// Bytes of a crash reason that are kept.
pub const REASON_BYTES_MAX: usize = 512;
