//! The closed set of keys, and the error for any other.

use std::borrow::Cow;

use anyhow::{Result, bail};
use figment::providers::Serialized;
use figment::value::{Dict, Value};
use figment::{Figment, Profile, Provider as _};

use url::Url;

use super::Config;

/// What stands in a secret's place.
pub const HIDDEN: &str = "(hidden)";

/// Keys whose values are never printed.
const SECRET: &[&str] = &["tls.key"];

/// Keys whose values are addresses that may hold a password.
const ADDRESS: &[&str] = &["store.database"];

/// Below it stands what plugins take, which only they know.
const OPEN: &str = "plugins.config.";

/// Every key, dotted, in the order of the alphabet.
pub fn known() -> Vec<String> {
    let defaults = Serialized::defaults(Config::default()).data().unwrap_or_default();
    let mut keys = Vec::new();
    if let Some(dict) = defaults.get(&Profile::Default) {
        flatten("", dict, &mut |key, _| keys.push(key.to_owned()));
    }
    keys
}

/// Whether the value of `key` may be shown.
pub fn is_secret(key: &str) -> bool {
    SECRET.contains(&key)
}

/// Whether the value of `key` is shown by [`without_password`].
pub fn is_address(key: &str) -> bool {
    ADDRESS.contains(&key)
}

/// The address of a PostgreSQL database as it may be shown; `None` for what is no such address.
#[must_use]
pub fn without_password(address: &str) -> Option<String> {
    let mut url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "postgres" | "postgresql"))?;
    if url.password().is_some() {
        url.set_password(Some(HIDDEN)).ok()?;
    }
    // libpq's form knows a second place for it.
    if url.query_pairs().any(|(name, _)| name == "password") {
        let shown = |(name, value): (Cow<'_, str>, Cow<'_, str>)| {
            let value = if name == "password" { HIDDEN.to_owned() } else { value.into_owned() };
            (name.into_owned(), value)
        };
        let pairs: Vec<(String, String)> = url.query_pairs().map(shown).collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    Some(url.into())
}

/// The variable that sets `key`.
pub fn variable(key: &str) -> String {
    format!("HD1_{}", key.replace('.', "_").to_uppercase())
}

/// Whichever of `known` is written most like `wrong`.
pub fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known.max_by(|a, b| strsim::jaro_winkler(wrong, a).total_cmp(&strsim::jaro_winkler(wrong, b)))
}

/// Calls `visit` with each leaf and its dotted key.
pub fn flatten(prefix: &str, dict: &Dict, visit: &mut impl FnMut(&str, &Value)) {
    for (name, value) in dict {
        let is_bare = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        let name = if is_bare { name.clone() } else { format!("{name:?}") };
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value {
            Value::Dict(_, inner) => flatten(&key, inner, visit),
            leaf => visit(&key, leaf),
        }
    }
}

/// An error for the first key that no setting has.
///
/// # Errors
/// There is one.
pub fn refuse_unknown(figment: &Figment) -> Result<()> {
    let known = known();
    let merged = figment.data().map_err(super::one_line)?;
    let mut unknown = None;
    for dict in merged.values() {
        flatten("", dict, &mut |key, value| {
            if unknown.is_none() && !key.starts_with(OPEN) && !known.iter().any(|name| name == key) {
                unknown = Some((key.to_owned(), figment.get_metadata(value.tag()).cloned()));
            }
        });
    }
    let Some((key, metadata)) = unknown else { return Ok(()) };
    let place = metadata.and_then(|metadata| metadata.source).map(|source| format!("{source}: ")).unwrap_or_default();
    match nearest(&key, known.iter().map(String::as_str)) {
        Some(nearest) => bail!("{place}unknown key `{key}`: did you mean `{nearest}`?"),
        None => bail!("{place}unknown key `{key}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_settings_are_known_too() {
        let known = known();
        for key in ["data", "http.addr", "http.public_url", "tls.key", "demo.guests", "log.format"] {
            assert!(known.iter().any(|name| name == key), "{key} is missing from {known:?}");
        }
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        let shown = |address| without_password(address).unwrap();
        assert_eq!(shown("postgres://hd1@db:5433/hd1?sslmode=require"), "postgres://hd1@db:5433/hd1?sslmode=require");
        assert_eq!(shown("postgresql://hd1:p%40ss@db/hd1"), "postgresql://hd1:(hidden)@db/hd1");
        let second = shown("postgres://db/hd1?user=hd1&password=pass&sslmode=require");
        assert!(!second.contains("pass&") && second.ends_with("&sslmode=require"), "{second}");
        assert_eq!(without_password("mysql://hd1:pass@db/hd1"), None);
    }

    #[test]
    fn no_two_keys_share_a_variable() {
        let mut variables: Vec<String> = known().iter().map(|key| variable(key)).collect();
        variables.sort();
        let count = variables.len();
        variables.dedup();
        assert_eq!(variables.len(), count);
    }
}
