//! Bounds on packages.

/// Bytes of a packed package.
pub const PACKAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of all its files together.
pub const CONTENT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Files in it, the statement and the signature included.
pub const FILES_MAX: usize = 1_000;
/// Bytes of a path in it.
pub const PATH_BYTES_MAX: usize = 100;
/// Folders above a file.
pub const PATH_DEPTH_MAX: usize = 8;
/// Bytes of a manifest.
pub const MANIFEST_BYTES_MAX: usize = 64 * 1024;
/// Bytes of either half of a plugin's id.
pub const ID_PART_BYTES_MAX: usize = 40;
/// Bytes of a plugin's name as people read it.
pub const NAME_BYTES_MAX: usize = 64;
/// Bytes of a description.
pub const DESCRIPTION_BYTES_MAX: usize = 1_024;
/// Plugins that one may depend on, and that one may refuse to run beside.
pub const DEPENDENCIES_MAX: usize = 64;
/// Bytes of a trust file.
pub const TRUST_BYTES_MAX: usize = 1024 * 1024;
/// Rights that a plugin may ask for.
pub const RIGHTS_MAX: usize = 64;
/// Bytes of a right's word.
pub const RIGHT_BYTES_MAX: usize = 200;
/// Bytes of the reason for a right.
pub const REASON_BYTES_MAX: usize = 200;
