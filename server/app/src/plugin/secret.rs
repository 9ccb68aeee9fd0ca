//! Secrets that an operator keeps for a plugin: read from standard input or a file, never from the command line, and
//! shown by nobody.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use hd1_api::{PluginSecret, PluginSecretList, SetPluginSecret};

use super::args::{Named, Secret};
use super::package::read_text;
use super::print;
use super::remote::{Body, Remote};
use super::server::{done, path};

/// Bytes of a value and of the newline at its end; how long it may be the server says.
const VALUE_BYTES_MAX: usize = 16 * 1024;

pub(super) fn run(command: &Secret) -> Result<()> {
    match command {
        Secret::Set { id, name, from, server } => {
            let remote = Remote::of(server)?;
            let wish = SetPluginSecret { value: value(from.as_deref())? };
            let wish = serde_json::to_value(wish)?;
            remote.call("PUT", &secret(&path(id), name)?, Body::Json(wish))?;
            done(server, &format!("{name} is set for {id}"))
        }
        Secret::List(named) => list(named),
        Secret::Remove { id, name, server } => {
            Remote::of(server)?.call("DELETE", &secret(&path(id), name)?, Body::None)?;
            done(server, &format!("{name} is removed from {id}"))
        }
    }
}

fn list(named: &Named) -> Result<()> {
    let path = format!("{}/secrets", path(&named.id));
    let list: PluginSecretList = Remote::of(&named.server)?.ask("GET", &path, Body::None)?;
    if named.server.json {
        return print::json(&list);
    }
    let row = |PluginSecret { name, asked, set_at }: PluginSecret| {
        let state = match (set_at, asked) {
            (None, _) => "not set".to_owned(),
            (Some(at), true) => at.to_string(),
            (Some(at), false) => format!("{at}, and asked for no more"),
        };
        [name, state]
    };
    let rows: Vec<_> = list.secrets.into_iter().map(row).collect();
    print::table(["NAME", "SET"], &rows)
}

/// A name that has no form of one would name another path.
fn secret(plugin: &str, name: &str) -> Result<String> {
    let is_fit = format!("secret:{name}").parse::<hd1_manifest::Right>().is_ok() && !matches!(name, "." | "..");
    ensure!(is_fit, "{name:?} is no secret's name: letters, digits, `_`, `-` and `.`");
    Ok(format!("{plugin}/secrets/{name}"))
}

fn value(from: Option<&Path>) -> Result<String> {
    let text = match from {
        Some(file) => read_text(file, VALUE_BYTES_MAX)?,
        None => {
            if std::io::stdin().is_terminal() {
                eprintln!("type the value, then Enter and Ctrl-D");
            }
            let mut text = String::new();
            let read = std::io::stdin().take(VALUE_BYTES_MAX as u64 + 1).read_to_string(&mut text);
            read.context("cannot read the value from standard input")?;
            ensure!(
                text.len() <= VALUE_BYTES_MAX,
                "the value on standard input is longer than {VALUE_BYTES_MAX} bytes"
            );
            text
        }
    };
    let text = text.strip_suffix('\n').map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line));
    ensure!(!text.is_empty(), "the value is empty");
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_a_file_without_the_newline_at_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("value");
        for (text, expected) in
            [("a\n", Some("a")), ("a\r\n", Some("a")), ("a\n\n", Some("a\n")), (" a", Some(" a")), ("\n", None)]
        {
            std::fs::write(&file, text).unwrap();
            assert_eq!(value(Some(&file)).ok().as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_name_stays_in_its_place() {
        assert_eq!(secret("/api/plugins/acme:wind", "A_b-1.x").unwrap(), "/api/plugins/acme:wind/secrets/A_b-1.x");
        for name in ["", "..", ".", "a/b", "a?b", "a b"] {
            assert!(secret("/api/plugins/acme:wind", name).is_err(), "{name}");
        }
    }
}
