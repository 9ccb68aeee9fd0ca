//! Variables and flags as sources of settings, each value remembering where it was written.

use anyhow::{Result, bail};
use figment::value::{Dict, Map, Tag, Value};
use figment::{Metadata, Profile, Provider, Source};

use super::keys;

/// Variables of this program that are no settings: the file to read, whom `hd1 bots` calls, what tests pass on.
const OTHER_VARIABLES: &[&str] = &["HD1_CONFIG", "HD1_SERVER", "HD1_TOKEN", "HD1_TEST_"];

/// Settings given on the command line.
#[derive(Default)]
pub struct Flags(Vec<(&'static str, &'static str, Value)>);

impl Flags {
    /// Sets `key`, as `flag` asks.
    #[must_use]
    pub fn set(mut self, key: &'static str, flag: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((key, flag, value.into()));
        self
    }

    /// The same, if there is a value.
    #[must_use]
    pub fn set_some(self, key: &'static str, flag: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.set(key, flag, value),
            None => self,
        }
    }
}

impl Provider for Flags {
    fn metadata(&self) -> Metadata {
        let flags: Vec<&str> = self.0.iter().map(|(_, flag, _)| *flag).collect();
        Metadata::from("command line", Source::Custom(format!("the command line ({})", flags.join(", "))))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(nested(self.0.iter().map(|(key, _, value)| (*key, value.clone()))))
    }
}

/// The `HD1_*` variables that are set.
struct Variables(Vec<(String, Value)>);

impl Provider for Variables {
    fn metadata(&self) -> Metadata {
        let names: Vec<String> = self.0.iter().map(|(key, _)| keys::variable(key)).collect();
        Metadata::from("environment", Source::Custom(format!("the environment ({})", names.join(", "))))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(nested(self.0.iter().map(|(key, value)| (key.as_str(), value.clone()))))
    }
}

/// Reads the `HD1_*` variables among all. `HD1_HTTP_ADDR` sets `http.addr`.
///
/// # Errors
/// One begins with `HD1_` and belongs to no setting.
pub fn variables(all: &[(String, String)]) -> Result<impl Provider + use<>> {
    let known: Vec<(String, String)> = keys::known().into_iter().map(|key| (keys::variable(&key), key)).collect();
    let mut found = Vec::new();
    for (name, text) in all.iter().filter(|(name, _)| name.starts_with("HD1_")) {
        if OTHER_VARIABLES.iter().any(|other| name.starts_with(other)) {
            continue;
        }
        let Some((_, key)) = known.iter().find(|(variable, _)| variable == name) else {
            match keys::nearest(name, known.iter().map(|(variable, _)| variable.as_str())) {
                Some(nearest) => bail!("the variable `{name}` belongs to no setting: did you mean `{nearest}`?"),
                None => bail!("the variable `{name}` belongs to no setting"),
            }
        };
        // Parsed as figment's own `Env` does: a number or a truth value where it reads as one, a text otherwise.
        let value: Value = text.parse().unwrap_or_else(|never: std::convert::Infallible| match never {});
        found.push((key.clone(), value));
    }
    Ok(Variables(found))
}

/// Dotted keys as nested tables.
fn nested<'a>(values: impl Iterator<Item = (&'a str, Value)>) -> Map<Profile, Dict> {
    let mut root = Dict::new();
    for (key, value) in values {
        match key.split_once('.') {
            None => {
                root.insert(key.to_owned(), value);
            }
            Some((table, name)) => {
                let table = root.entry(table.to_owned()).or_insert_with(|| Value::Dict(Tag::Default, Dict::new()));
                if let Value::Dict(_, inner) = table {
                    inner.insert(name.to_owned(), value);
                }
            }
        }
    }
    Profile::Default.collect(root)
}
