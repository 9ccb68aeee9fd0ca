//! Bounds on modules and on what they do in a run.

use std::time::Duration;

/// Bytes of a module.
pub const MODULE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a plan.
pub const PLAN_BYTES_MAX: usize = 64 * 1024;
/// Systems of a plan.
pub const SYSTEMS_MAX: usize = 256;
/// Queries of a system.
pub const QUERIES_MAX: usize = 8;
/// Components that a query names, in all of its lists.
pub const COMPONENTS_MAX: usize = 32;
/// Bytes of a system's name and of a component's.
pub const NAME_BYTES_MAX: usize = 96;
/// Bytes of commands that a run may leave behind.
pub const COMMAND_BYTES_MAX: usize = 1024 * 1024;
/// Elements of a module's table.
pub const TABLE_ELEMENTS_MAX: usize = 100_000;
/// Bytes of stack that a module's calls may fill.
pub const STACK_BYTES_MAX: usize = 512 * 1024;
/// Lines that a run may log; more are counted and dropped.
pub const LOG_LINES_MAX: u32 = 16;
/// Bytes of a logged line; a longer one is cut.
pub const LOG_BYTES_MAX: usize = 1024;
/// Between two looks at whether a run is past its time.
pub const EPOCH: Duration = Duration::from_millis(1);

/// What an instance may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of its memory.
    pub memory_bytes: usize,
    /// Fuel of one run: about one for each instruction. The same run of the same module takes the same.
    pub fuel: u64,
    /// Time of one run, to [`EPOCH`]. Fuel ends a run that computes too much; this ends one that the machine is too slow
    /// for.
    pub time: Duration,
}

impl Default for Limits {
    /// 256 MiB, 50 million instructions, 5 ms.
    fn default() -> Self {
        Limits { memory_bytes: 256 * 1024 * 1024, fuel: 50_000_000, time: Duration::from_millis(5) }
    }
}
