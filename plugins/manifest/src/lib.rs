//! Plugin packages: what one says of itself, what it holds, who signed it, and whether that is believed.
//!
//! Nothing here runs anything, and nothing here reads a disk or a clock: a package is bytes, and so is all that is made of
//! it. Start with [`Package::read`] and [`Trust::judge`].

pub mod archive;
pub mod id;
pub mod keys;
pub mod limits;
pub mod manifest;
pub mod package;
pub mod path;
pub mod right;
pub mod statement;
pub mod trust;

mod error;

pub use error::PackageError;
pub use id::PluginId;
pub use keys::{PublicKey, SigningKey};
pub use manifest::Manifest;
pub use package::Package;
pub use path::PackagePath;
pub use right::{Right, Rights};
pub use trust::{Level, Refused, Trust, Verdict};

#[cfg(test)]
mod tests;
