//! Bounds on modules and on what they use in a run.

use std::time::Duration;

/// Bytes of a module.
pub const MODULE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Elements of a module's table.
pub const TABLE_ELEMENTS_MAX: usize = 100_000;
/// Bytes of stack that a module's calls may fill.
pub const STACK_BYTES_MAX: usize = 512 * 1024;
/// Instances of one server, working and idle: as many as plugins times threads that tick. Each has 4 GiB of addresses of its
/// own and four maps of the kernel's 65,530 at most.
pub const INSTANCES_MAX: u32 = 2_000;
/// Compiled modules that are kept on disk.
pub const CACHE_FILES_MAX: usize = 1_000;
/// Lines that a plugin may log in a second, in all worlds together.
pub const LOG_LINES_PER_S_MAX: u32 = 100;
/// Lines of a plugin's log that are kept.
pub const LOG_LINES_KEPT_MAX: usize = 1_000;
/// Between two looks at whether a run is past its time.
pub const EPOCH: Duration = Duration::from_millis(1);

/// What an instance may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of its memory.
    pub memory_bytes: usize,
    /// Fuel of one tick's runs in one world, or of one run by itself: about one for each instruction. The same run of the
    /// same module takes the same.
    pub fuel: u64,
    /// Their time, to [`EPOCH`]. Fuel ends what computes too much; this ends what the machine is too slow for.
    pub time: Duration,
    /// The time of one call of a hook, of what is left of [`Limits::time`].
    pub hook_time: Duration,
}

impl Default for Limits {
    /// 256 MiB, 50 million instructions, 5 ms, 1 ms a hook.
    fn default() -> Self {
        Limits {
            memory_bytes: 256 * 1024 * 1024,
            fuel: 50_000_000,
            time: Duration::from_millis(5),
            hook_time: Duration::from_millis(1),
        }
    }
}
