//! A plugin's config: what the operator sets, over it what a session sets, both checked against what the plan declares.

use hd1_abi::Plan;
use hd1_schema::json::parse_value;
use serde_json::{Map, Value};

use crate::error::Result;
use crate::limits::PLUGIN_CONFIG_BYTES_MAX;
use crate::rules::Checks;

/// Values by the names of fields.
pub(super) type Config = Map<String, Value>;

/// Refuses what is no field of the plan and what its field does not take, all of it at once, as `{at}.{field}`.
pub(super) fn check(plan: &Plan, config: &Config, at: &str) -> Result<()> {
    let mut checks = Checks::default();
    for (name, value) in config {
        let path = format!("{at}.{name}");
        let Some(field) = plan.config.iter().find(|field| field.name == *name) else {
            checks.refuse(&path, unknown(plan));
            continue;
        };
        if let Err(refusal) = parse_value(&field.kind, value, &path) {
            checks.refuse(&refusal.path, refusal.reason);
        }
    }
    checks.object(at, config, PLUGIN_CONFIG_BYTES_MAX);
    checks.done()
}

fn unknown(plan: &Plan) -> String {
    let known: Vec<_> = plan.config.iter().map(|field| field.name.as_str()).collect();
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
pub(super) fn carried(plan: &Plan, config: &Config) -> Config {
    let known = |name: &String| plan.config.iter().any(|field| field.name == *name);
    config.iter().filter(|(name, _)| known(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Every field: the plan's defaults, over them the operator's values, over them the session's.
pub(super) fn merged(plan: &Plan, operator: &Config, session: Option<&Config>) -> Config {
    let schema = plan.config_schema();
    let mut record = schema.default_record();
    for (field, slot) in plan.config.iter().zip(&mut record) {
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
