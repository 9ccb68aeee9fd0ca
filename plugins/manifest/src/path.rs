//! Paths in a package: they stay within it on every system, and no two of them are one file on any.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::PackageError;
use crate::limits::{PATH_BYTES_MAX, PATH_DEPTH_MAX};

/// Names between slashes, of A–Z, a–z, 0–9, `.`, `_` and `-`; none is empty, begins or ends with a dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackagePath(String);

impl PackagePath {
    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is one file where case does not count.
    #[must_use]
    pub(crate) fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

fn fault(text: &str) -> Option<&'static str> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/');
    if text.len() > PATH_BYTES_MAX {
        return Some("it is longer than 100 bytes");
    }
    if text.starts_with('/') {
        return Some("it begins at the root; write it from the package's own folder");
    }
    if !text.bytes().all(legal) {
        return Some("use A-Z, a-z, 0-9, '.', '_', '-' and '/' alone");
    }
    if text.split('/').any(|name| name.is_empty() || name.starts_with('.') || name.ends_with('.')) {
        return Some("a name in it is empty, or begins or ends with a dot");
    }
    (text.split('/').count() > PATH_DEPTH_MAX + 1).then_some("it is more than 8 folders deep")
}

impl FromStr for PackagePath {
    type Err = PackageError;

    fn from_str(text: &str) -> Result<Self, PackageError> {
        match fault(text) {
            None => Ok(PackagePath(text.to_owned())),
            Some(reason) => Err(PackageError::Path { path: text.chars().take(PATH_BYTES_MAX).collect(), reason }),
        }
    }
}

impl TryFrom<String> for PackagePath {
    type Error = PackageError;

    fn try_from(text: String) -> Result<Self, PackageError> {
        text.parse()
    }
}

impl From<PackagePath> for String {
    fn from(path: PackagePath) -> String {
        path.0
    }
}

impl fmt::Display for PackagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
