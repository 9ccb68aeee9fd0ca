//! Bounds on what the kit makes up, and the sizes that it tries.

use std::time::Duration;

/// Rows of the batches that [`crate::Kit::check`] makes, for each set of components that a query asks for.
pub const ROWS: [usize; 5] = [0, 1, 3, 100, 10_000];
/// Rows of the batches that [`crate::Kit::time`] measures.
pub const TIMED_ROWS: [usize; 3] = [100, 10_000, 100_000];
/// Batches of up to this many rows are cheap: several of them are tried.
pub const SMALL_ROWS_MAX: usize = 100;
/// How many.
pub const SMALL_REPEATS: u64 = 4;
/// Calls of each hook.
pub const HOOK_CALLS: u64 = 32;
/// Messages of each kind in a batch.
pub const MESSAGES_MAX: usize = 64;
/// What a run may take here. Fuel is what ends a run on every machine alike; a world's 5 ms would make tests fail on
/// one that does much else.
pub const RUN_TIME_MAX: Duration = Duration::from_secs(60);
/// What a run that is measured may take.
pub const TIMED_RUN_TIME_MAX: Duration = Duration::from_secs(2);
/// One system at one size is measured for about so long.
pub const TIMING_BUDGET: Duration = Duration::from_millis(300);
/// Runs of which the median counts, at most.
pub const TIMED_RUNS_MAX: usize = 200;
/// Bytes of a recording.
pub const RECORDING_BYTES_MAX: usize = 256 * 1024 * 1024;
