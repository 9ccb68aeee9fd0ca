//! Bounds on plans and on what a run leaves behind.

/// Bytes of a plan.
pub const PLAN_BYTES_MAX: usize = 64 * 1024;
/// Systems of a plan.
pub const SYSTEMS_MAX: usize = 256;
/// Hooks of a plan.
pub const HOOKS_MAX: usize = 64;
/// Patterns of topics that a hook is asked about.
pub const PATTERNS_MAX: usize = 32;
/// Bytes of the reason why a filter refuses something.
pub const REASON_BYTES_MAX: usize = 256;
/// Bytes of commands that an action may leave behind.
pub const HOOK_COMMAND_BYTES: usize = 4 * 1024;
/// Queries of a system.
pub const QUERIES_MAX: usize = 8;
/// Components that a query names, in all of its lists.
pub const COMPONENTS_MAX: usize = 32;
/// Entities that one call of `gather` may ask for.
pub const GATHERED_MAX: usize = 16_384;
/// Topics of a system.
pub const TOPICS_MAX: usize = 32;
/// Bytes of a system's name and of a component's.
pub const NAME_BYTES_MAX: usize = 96;
/// Bytes of commands that a run may leave behind.
pub const COMMAND_BYTES_MAX: usize = 1024 * 1024;
/// Words of a component's value in a command.
pub const VALUE_WORDS_MAX: u32 = 512;
/// Bytes of a message's JSON in a command.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// Lines that a run may log; more are counted and dropped.
pub const LOG_LINES_MAX: u32 = 16;
/// Bytes of a logged line; a longer one is cut.
pub const LOG_BYTES_MAX: usize = 1024;
/// Routes of a service plan.
pub const ROUTES_MAX: usize = 128;
/// Bytes of a route's path.
pub const ROUTE_BYTES_MAX: usize = 256;
/// Jobs of a service plan.
pub const JOBS_MAX: usize = 64;
/// Bytes of a job's schedule.
pub const SCHEDULE_BYTES_MAX: usize = 64;
/// Auth methods of a service plan.
pub const METHODS_MAX: usize = 8;
/// Functions of a service plan.
pub const FUNCTIONS_MAX: usize = 64;
/// Channels of a service plan.
pub const CHANNELS_MAX: usize = 64;
