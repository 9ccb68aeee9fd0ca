//! Variables and flags as sources of settings, each value remembering where it was written.

use anyhow::{Context as _, Result, bail, ensure};
use figment::value::{Dict, Map, Tag, Value};
use figment::{Metadata, Profile, Provider, Source};

use super::keys;

/// Variables of this program that are no settings: the file to read, whom `hd1 bots` calls, what tests pass on.
const OTHER_VARIABLES: &[&str] = &["HD1_CONFIG", "HD1_SERVER", "HD1_TOKEN", "HD1_URL", "HD1_TEST_"];

/// What plugins take, as JSON.
const PLUGINS_CONFIG: &str = "HD1_PLUGINS_CONFIG";

/// One value with the place where it was given.
pub(super) struct Given {
    key: String,
    value: Value,
    place: String,
}

impl Provider for Given {
    fn metadata(&self) -> Metadata {
        Metadata::from("setting", Source::Custom(self.place.clone()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let value = self.value.clone();
        let root = match self.key.split_once('.') {
            None => Dict::from([(self.key.clone(), value)]),
            Some((table, name)) => {
                let table_value = Value::Dict(Tag::Default, Dict::from([(name.to_owned(), value)]));
                Dict::from([(table.to_owned(), table_value)])
            }
        };
        Ok(Profile::Default.collect(root))
    }
}

/// Settings given on the command line.
#[derive(Default)]
pub struct Flags(pub(super) Vec<Given>);

impl Flags {
    /// Sets `key`, as `flag` asks.
    #[must_use]
    pub fn set(mut self, key: &str, flag: &str, value: impl Into<Value>) -> Self {
        let place = format!("the command line ({flag})");
        self.0.push(Given { key: key.to_owned(), value: value.into(), place });
        self
    }

    /// The same, if there is a value.
    #[must_use]
    pub fn set_some(self, key: &str, flag: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.set(key, flag, value),
            None => self,
        }
    }
}

/// Reads the `HD1_*` variables among all. `HD1_HTTP_ADDR` sets `http.addr`.
///
/// # Errors
/// One begins with `HD1_` and belongs to no setting.
pub(super) fn variables(all: &[(String, String)]) -> Result<Vec<Given>> {
    let known: Vec<(String, String)> = keys::known().into_iter().map(|key| (keys::variable(&key), key)).collect();
    let mut found = Vec::new();
    for (name, text) in all.iter().filter(|(name, _)| name.starts_with("HD1_")) {
        if OTHER_VARIABLES.iter().any(|other| name.starts_with(other)) {
            continue;
        }
        if name == PLUGINS_CONFIG {
            let json: serde_json::Value =
                serde_json::from_str(text).with_context(|| format!("the variable `{name}`"))?;
            ensure!(
                json.is_object(),
                "the variable `{name}` is to be JSON like {{\"acme:flocking\": {{\"strength\": 2}}}}"
            );
            let value = Value::serialize(&json).with_context(|| format!("the variable `{name}`"))?;
            found.push(Given { key: "plugins.config".into(), value, place: format!("the environment ({name})") });
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
        found.push(Given { key: key.clone(), value, place: format!("the environment ({name})") });
    }
    Ok(found)
}
