//! Bounds of one world.

/// Levels from an entity to its furthest ancestor.
pub const PARENT_DEPTH_MAX: usize = 32;
/// Uncompressed bytes of a snapshot.
pub const SNAPSHOT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Entities in one page of the JSON view.
pub const PAGE_ENTITIES_MAX: usize = 1000;
/// Contacts told in one tick; further ones are dropped.
pub const CONTACTS_PER_TICK_MAX: usize = 16_384;
