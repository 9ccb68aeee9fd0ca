//! `hd1 config`: every effective value as a line of TOML with its source, secrets hidden.

use figment::value::Value;
use figment::{Profile, Provider as _};

use super::{Loaded, keys};

/// The settings as text.
#[must_use]
pub fn show(loaded: &Loaded) -> String {
    let merged = loaded.figment.data().unwrap_or_default();
    let mut lines = Vec::new();
    if let Some(dict) = merged.get(&Profile::Default) {
        keys::flatten("", dict, &mut |key, value| lines.push((key.to_owned(), line(loaded, key, value))));
    }
    // TOML wants plain keys before tables; dotted keys avoid the question.
    lines.sort();
    lines.into_iter().map(|(_, line)| line + "\n").collect()
}

fn line(loaded: &Loaded, key: &str, value: &Value) -> String {
    let metadata = loaded.figment.get_metadata(value.tag());
    let source = match metadata.and_then(|metadata| metadata.source.as_ref()) {
        Some(source) if metadata.is_some_and(|metadata| !metadata.name.contains("Config")) => source.to_string(),
        _ => "default".to_owned(),
    };
    match value {
        Value::Empty(..) => format!("# {key} is not set"),
        _ if keys::is_secret(key) => format!("{key} = {:?}  # {source}", keys::HIDDEN),
        Value::String(_, address) if keys::is_address(key) => {
            let shown = keys::without_password(address).unwrap_or_default();
            format!("{key} = {shown:?}  # {source}")
        }
        value => format!("{key} = {}  # {source}", literal(value)),
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Bool(_, truth) => truth.to_string(),
        Value::Num(_, number) => number
            .to_i128()
            .map(|n| n.to_string())
            .or(number.to_u128().map(|n| n.to_string()))
            .or(number.to_f64().map(|n| n.to_string()))
            .unwrap_or_default(),
        // TOML's basic strings escape as Rust's do, for all that stands in a path or an address.
        Value::String(_, text) => format!("{text:?}"),
        Value::Char(_, letter) => format!("{:?}", letter.to_string()),
        Value::Array(_, values) => format!("[{}]", values.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Dict(..) | Value::Empty(..) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Flags, load, show};

    #[test]
    fn each_value_is_shown_with_its_source() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hd1.toml");
        std::fs::write(&file, "[tls]\ncertificate = \"a.pem\"\nkey = \"secret.pem\"").unwrap();
        let variables = [("HD1_WORLDS_RECORDING", "true"), ("HD1_STORE_DATABASE", "postgres://hd1:secret@db/hd1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let loaded = load(Some(&file), &variables, Flags::default().set("data", "--data", "/srv/hd1")).unwrap();
        let text = show(&loaded);
        let line = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap().to_owned();

        assert_eq!(line("http.addr"), "http.addr = \"127.0.0.1:8080\"  # default");
        assert_eq!(line("data"), "data = \"/srv/hd1\"  # the command line (--data)");
        assert_eq!(line("worlds.recording"), "worlds.recording = true  # the environment (HD1_WORLDS_RECORDING)");
        assert!(line("tls.certificate").contains("a.pem") && line("tls.certificate").contains("hd1.toml"));
        assert!(
            line("store.database").starts_with("store.database = \"postgres://hd1:(hidden)@db/hd1\"  # "),
            "{text}"
        );
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains("# http.public_url is not set"), "{text}");
    }
}
