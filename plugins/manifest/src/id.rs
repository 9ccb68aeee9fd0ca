//! Who a plugin is: `namespace:name`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::ID_PART_BYTES_MAX;

/// `namespace:name`, each of a–z, 0–9 and single dashes between them, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PluginId(String);

/// Not an id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{0:?} is no plugin id: write `namespace:name` in a-z, 0-9 and single dashes, each at most 40 long and beginning with a letter"
)]
pub struct BadId(String);

impl PluginId {
    /// Who publishes it.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0.split_once(':').map_or("", |(namespace, _)| namespace)
    }

    /// What it is called there.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, name)| name)
    }
}

/// May it stand on one side of an id?
#[must_use]
pub fn is_part(text: &str) -> bool {
    let letter_first = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    let legal = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    letter_first && legal && text.len() <= ID_PART_BYTES_MAX && !text.ends_with('-') && !text.contains("--")
}

impl FromStr for PluginId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        match text.split_once(':') {
            Some((namespace, name)) if is_part(namespace) && is_part(name) => Ok(PluginId(text.to_owned())),
            _ => Err(BadId(text.chars().take(2 * ID_PART_BYTES_MAX).collect())),
        }
    }
}

impl TryFrom<String> for PluginId {
    type Error = BadId;

    fn try_from(text: String) -> Result<Self, BadId> {
        text.parse()
    }
}

impl From<PluginId> for String {
    fn from(id: PluginId) -> String {
        id.0
    }
}

impl fmt::Display for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
