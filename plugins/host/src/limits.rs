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

/// Bytes of a service component.
pub const COMPONENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Instances of all service components of a server.
pub const SERVICE_INSTANCES_MAX: u32 = 256;
/// Calls of one service that are under way at once; more of them wait.
pub const SERVICE_CALLS_MAX: usize = 32;
/// Instances of one service that are kept idle.
pub const SERVICE_IDLE_MAX: usize = 4;
/// Calls that one instance answers before it is dropped, whatever its memory has grown to.
pub const SERVICE_CALLS_PER_INSTANCE_MAX: u32 = 1_000;
/// Bytes of memory of a service's instance.
pub const SERVICE_MEMORY_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Elements of a service's tables.
pub const SERVICE_TABLE_ELEMENTS_MAX: usize = 100_000;
/// What a service may compute for each second that a call may take, about an instruction each: a fifth of a core. It is for
/// waiting on others; what computes all the time belongs elsewhere.
pub const SERVICE_FUEL_PER_S: u64 = 200_000_000;
/// A route, an action, a function for another plugin.
pub const SERVICE_HTTP_TIME: Duration = Duration::from_secs(5);
/// A filter: somebody waits who has not asked this plugin for anything.
pub const SERVICE_FILTER_TIME: Duration = Duration::from_millis(500);
/// Who asks.
pub const SERVICE_AUTH_TIME: Duration = Duration::from_secs(2);
/// A job.
pub const SERVICE_JOB_TIME: Duration = Duration::from_secs(60);
/// Requests to the host in one call.
pub const HOST_CALLS_MAX: u32 = 10_000;
/// Bytes that one call hands to the host.
pub const HOST_CALL_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Lines that a call may log; more are counted and dropped.
pub const SERVICE_LOG_LINES_MAX: u32 = 100;
/// Bytes of a logged line; a longer one is cut.
pub const SERVICE_LOG_BYTES_MAX: usize = 1_024;
/// Unpredictable bytes at a time.
pub const RANDOM_BYTES_MAX: u32 = 1_024;
/// Counters of its own that a plugin has in the server's metrics.
pub const COUNTERS_MAX: usize = 64;
/// Bytes of a counter's name.
pub const COUNTER_BYTES_MAX: usize = 64;
/// Plugins that call each other, one behind the other.
pub const CALL_DEPTH_MAX: u32 = 4;
