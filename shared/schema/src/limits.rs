//! Bounds on schemas and on the values they admit.

/// Fields in one component.
pub const FIELDS_MAX: usize = 16;
/// Fixed lanes in one component; a change mask fits a `u32`.
pub const LANES_MAX: usize = 32;
/// Bytes of a component's or field's name.
pub const NAME_BYTES_MAX: usize = 64;
/// Bytes of one text field, whatever its schema says.
pub const TEXT_BYTES_MAX: usize = 1024;
/// Points in one points field, whatever its schema says.
pub const POINTS_MAX: usize = 256;
/// Variants of one enumeration.
pub const VARIANTS_MAX: usize = 64;
