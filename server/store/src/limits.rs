//! The store's limits: connections, waits, page sizes.

use std::time::Duration;

/// Read-only connections to a SQLite file.
pub const SQLITE_READERS_MAX: u32 = 4;

/// How long a request waits for a connection before it is told to come back later.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the database may take to say that it is there.
pub const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a start waits for the server before it to let go of the database: a killed one's lock goes when PostgreSQL
/// sees its connection end.
pub const CLAIM_TIMEOUT: Duration = Duration::from_secs(5);

/// How long SQLite waits for a lock that another process holds (a backup, a shell).
pub const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Rows a list answers at most.
pub const PAGE_ROWS_MAX: u32 = 200;

/// Installed plugins that are read at a time: more than the rules let in.
pub const PLUGIN_ROWS_MAX: u32 = 1_000;

/// Rows a housekeeping statement removes at most, so that it never holds the one writer for long.
pub const SWEEP_ROWS_MAX: i64 = 1_000;
