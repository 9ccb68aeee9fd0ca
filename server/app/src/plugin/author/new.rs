//! `hd1 plugin new`: a project that builds and tests at once.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use hd1_manifest::PluginId;
use hd1_manifest::id::is_part;

use super::sdk::{self, write_file};
use crate::plugin::print;

/// Where the SDK lies in a project.
const SDK_FOLDER: &str = ".hd1";
/// Files of a project, and what is in them; `{…}` is filled in. Rust's own files end otherwise here, so that nothing
/// takes them for a part of this repository.
const FILES: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("template/project.toml")),
    (".cargo/config.toml", include_str!("template/config.toml")),
    ("plugin.toml", include_str!("template/plugin.toml")),
    ("README.md", include_str!("template/readme.md")),
    (".gitignore", include_str!("template/gitignore")),
    ("src/lib.rs", include_str!("template/lib.rs.txt")),
];

/// The command.
pub(super) fn begin(folder: &Path, id: Option<&PluginId>, sdk: Option<&Path>) -> Result<()> {
    let is_empty = || folder.read_dir().is_ok_and(|mut entries| entries.next().is_none());
    ensure!(!folder.exists() || is_empty(), "{} is there already: choose another folder", folder.display());
    let id = id.map_or_else(|| id_of(folder), |id| Ok(id.clone()))?;
    let sdk_path = match sdk {
        Some(sdk) => whole_path_of(sdk)?,
        None => format!("{SDK_FOLDER}/sdk"),
    };
    let module = id.name().replace('-', "_");
    for (name, text) in FILES {
        let text = text.replace("{name}", id.name()).replace("{module}", &module).replace("{id}", &id.to_string());
        write_file(&folder.join(name), text.replace("{sdk}", &sdk_path).as_bytes())?;
    }
    if sdk.is_none() {
        sdk::write(&folder.join(SDK_FOLDER))?;
    }
    print::say(&format!("{}: {id}. Next:", folder.display()))?;
    let at = folder.display();
    for (command, what) in [
        ("test", "runs its tests, here and in the real host"),
        ("check", "tells what it brings and touches"),
        ("dev", "runs it in the worlds of a server on this machine, and again whenever a file is saved"),
    ] {
        print::say(&format!("  hd1 plugin {command:5} {at}    # {what}"))?;
    }
    Ok(())
}

fn id_of(folder: &Path) -> Result<PluginId> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase().replace('_', "-");
    ensure!(is_part(&name), "{name:?} is no plugin's name: give one by --id NAMESPACE:NAME");
    Ok(format!("dev:{name}").parse()?)
}

fn whole_path_of(sdk: &Path) -> Result<String> {
    let whole: PathBuf = sdk.canonicalize().with_context(|| format!("cannot find {}", sdk.display()))?;
    ensure!(whole.join("Cargo.toml").is_file(), "{} is no crate", sdk.display());
    let whole = whole.into_os_string().into_string();
    whole.ok().with_context(|| format!("{} is not UTF-8", sdk.display()))
}
