//! What is wrong with a package, where, and what helps.

use crate::path::PackagePath;

/// See the module's words.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PackageError {
    /// The bytes are no package.
    #[error("no package: {0}; `hd1 plugin pack FOLDER` makes one")]
    Malformed(String),
    /// More than there may be.
    #[error("{what}: at most {max} are allowed")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How many.
        max: usize,
    },
    /// A path that may not be in a package.
    #[error("the path {path:?}: {reason}")]
    Path {
        /// As it is written, shortened.
        path: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// Two files by one path.
    #[error("{0}: it is there twice")]
    Twice(PackagePath),
    /// A file that has to be there is not.
    #[error("{path}: it is missing, and {wanted_by} names it")]
    Missing {
        /// Which.
        path: PackagePath,
        /// Who names it.
        wanted_by: &'static str,
    },
    /// A file that the statement does not name.
    #[error("{0}: the statement does not name it; pack and sign anew")]
    Unstated(PackagePath),
    /// A file is not what was stated.
    #[error("{0}: it was changed after the statement was made; pack and sign anew")]
    Changed(PackagePath),
    /// The manifest breaks a rule.
    #[error("plugin.toml: {0}")]
    Manifest(String),
    /// The statement is of another plugin or version than the manifest.
    #[error("statement.json is of {stated}, plugin.toml of {found}; pack anew")]
    OtherPlugin {
        /// What the statement says.
        stated: String,
        /// What the manifest says.
        found: String,
    },
    /// The signature is not of this statement by this key.
    #[error("signature.json: it is not the signature of this package by the key {0}")]
    Forged(String),
    /// A key or a signature that is none.
    #[error("{0}")]
    Key(String),
    /// A trust file breaks a rule.
    #[error("the trust file: {0}")]
    Trust(String),
}
