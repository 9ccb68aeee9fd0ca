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
type Files = &'static [(&'static str, &'static str)];

const SIM: Files = &[
    ("Cargo.toml", include_str!("template/sim/project.toml")),
    (".cargo/config.toml", include_str!("template/sim/config.toml")),
    ("plugin.toml", include_str!("template/sim/plugin.toml")),
    ("README.md", include_str!("template/sim/readme.md")),
    (".gitignore", include_str!("template/gitignore")),
    ("src/lib.rs", include_str!("template/sim/lib.rs.txt")),
];
const SERVICE: Files = &[
    ("Cargo.toml", include_str!("template/service/project.toml")),
    ("plugin.toml", include_str!("template/service/plugin.toml")),
    ("README.md", include_str!("template/service/readme.md")),
    (".gitignore", include_str!("template/gitignore")),
    ("src/lib.rs", include_str!("template/service/lib.rs.txt")),
];

/// The command.
pub(super) fn begin(folder: &Path, id: Option<&PluginId>, sdk: Option<&Path>, is_service: bool) -> Result<()> {
    let is_empty = || folder.read_dir().is_ok_and(|mut entries| entries.next().is_none());
    ensure!(!folder.exists() || is_empty(), "{} is there already: choose another folder", folder.display());
    let id = id.map_or_else(|| id_of(folder), |id| Ok(id.clone()))?;
    let sdk_path = match sdk {
        Some(sdk) => whole_path_of(sdk)?,
        None if is_service => format!("{SDK_FOLDER}/service"),
        None => format!("{SDK_FOLDER}/sdk"),
    };
    let module = id.name().replace('-', "_");
    for (name, text) in if is_service { SERVICE } else { SIM } {
        let text = text.replace("{name}", id.name()).replace("{module}", &module).replace("{id}", &id.to_string());
        write_file(&folder.join(name), text.replace("{sdk}", &sdk_path).as_bytes())?;
    }
    if sdk.is_none() {
        sdk::write(&folder.join(SDK_FOLDER), is_service)?;
    }
    print::say(&format!("{}: {id}. Next:", folder.display()))?;
    let at = folder.display();
    let (test, dev) = match is_service {
        true => ("runs its tests, and says whether a server would take it", "runs it on a server on this machine"),
        false => ("runs its tests, here and in the real host", "runs it in the worlds of a server on this machine"),
    };
    for (command, what) in [
        ("test", test),
        ("check", "tells what it brings and touches"),
        ("dev", &format!("{dev}, and again whenever a file is saved")),
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
