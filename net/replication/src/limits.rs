//! Bounds of the replication core.

/// Ticks of history for coding against; a client whose acknowledgement is older is sent absolute values.
pub const HISTORY_TICKS: u64 = 64;
/// Ticks between check sums of a page.
pub const HASH_EVERY_TICKS: u64 = 64;
/// Entities that one client is newly shown in a tick: what comes into view beyond them comes with the next ticks, the
/// nearest first.
pub const OPEN_ENTITIES_PER_TICK: usize = 4096;
/// Ticks that a newer one may overtake on its way before it counts as lost.
pub const REORDERED_TICKS_MAX: u64 = 2;
/// Ticks after which nothing is waited for any more.
pub const RESEND_TICKS_MAX: u64 = 56;
/// Ticks between looks for pages in which nobody has stood for long.
pub const SWEEP_EVERY_TICKS: u64 = 256;
/// Parents above an entity that are looked at to find where it belongs.
pub const PARENTS_MAX: usize = 16;
/// Cells from a viewer to the end of its view.
pub const VIEW_CELLS_MAX: f32 = 24.0;
/// Pages of one client's view, the rest is not shown: a page's number has 16 bits.
pub const VIEW_PAGES_MAX: usize = 65_535;
