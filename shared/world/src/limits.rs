//! Bounds of the component catalogue.

/// Components of one world, built in and registered at run time: a set of them fits a `u128`.
pub const COMPONENTS_MAX: usize = 128;
/// Components registered at run time in one world.
pub const DYNAMIC_COMPONENTS_MAX: usize = 64;
/// Removals kept for those who capture changes; who falls further behind compares everything once.
pub const REMOVALS_KEPT_MAX: usize = 65_536;
/// Distance from the origin along each axis, in metres.
pub const WORLD_HALF_EXTENT_M: f32 = 100_000.0;
