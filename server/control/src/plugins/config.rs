//! A plugin's config: what the operator sets, over it what a session sets, both checked against what the
//! plans declare.

use hd1_abi::service::config_schema;
use hd1_schema::json::parse_value;
use hd1_schema::schema::FieldSchema;
use serde_json::{Map, Value};

use crate::error::Result;
use crate::limits::PLUGIN_CONFIG_BYTES_MAX;
use crate::rules::Checks;

/// Values by the names of fields.
pub(super) type Config = Map<String, Value>;

/// Refuses what is none of the fields and what its field does not take, all of it at once, as `{at}.{field}`.
pub(super) fn check(fields: &[FieldSchema], config: &Config, at: &str) -> Result<()> {
    let mut checks = Checks::default();
    for (name, value) in config {
        let path = format!("{at}.{name}");
        let Some(field) = fields.iter().find(|field| field.name == *name) else {
            checks.refuse(&path, unknown(fields));
            continue;
        };
        if let Err(refusal) = parse_value(&field.kind, value, &path) {
            checks.refuse(&refusal.path, refusal.reason);
        }
    }
    checks.object(at, config, PLUGIN_CONFIG_BYTES_MAX);
    checks.done()
}

fn unknown(fields: &[FieldSchema]) -> String {
    let known: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    if known.is_empty() { "the plugin takes no config".to_owned() } else { format!("it takes {}", known.join(", ")) }
}

/// With some values changed; `null` takes one away, so that what lies below shows again.
pub(super) fn patched(config: &Config, patch: Config) -> Config {
    let mut next = config.clone();
    for (name, value) in patch {
        if value.is_null() {
            next.remove(&name);
        } else {
            next.insert(name, value);
        }
    }
    next
}

/// What is left of it under another plan, which may have fewer fields. Whether the rest fits [`check`] says.
pub(super) fn carried(fields: &[FieldSchema], config: &Config) -> Config {
    let known = |name: &String| fields.iter().any(|field| field.name == *name);
    config.iter().filter(|(name, _)| known(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Every field: the plan's defaults, over them the operator's values, over them the session's.
pub(super) fn merged(fields: &[FieldSchema], operator: &Config, session: Option<&Config>) -> Config {
    let schema = config_schema(fields.to_vec());
    let mut record = schema.default_record();
    for (field, slot) in fields.iter().zip(&mut record) {
        let set = session.and_then(|config| config.get(&field.name)).or_else(|| operator.get(&field.name));
        // What is kept was checked when it came; a default is better than a plugin that cannot run.
        if let Some(value) = set.and_then(|value| parse_value(&field.kind, value, "").ok()) {
            *slot = value;
        }
    }
    match schema.to_json(&record) {
        Value::Object(config) => config,
        _ => Config::new(),
    }
}
