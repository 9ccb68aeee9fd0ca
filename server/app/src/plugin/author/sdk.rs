//! The SDKs that this binary was built with, as projects get them: sources, and manifests that stand alone.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../plugins/sdk/src"]
struct Sdk;

#[derive(RustEmbed)]
#[folder = "../../plugins/sdk-macros/src"]
struct Macros;

#[derive(RustEmbed)]
#[folder = "../../plugins/service/src"]
struct Service;

/// What the service SDK is made of besides.
const INTERFACE: &str = include_str!("../../../../../plugins/wit/service.wit");
/// Manifests of all three; in the repository they inherit from its workspace.
const SERVICE_MANIFEST: &str = include_str!("template/service.toml");
const SDK_MANIFEST: &str = include_str!("template/sdk.toml");
const MACROS_MANIFEST: &str = include_str!("template/sdk-macros.toml");

/// Writes an SDK and its macros into a folder: `sdk` or `service`, and `sdk-macros`.
pub(super) fn write(folder: &Path, is_service: bool) -> Result<()> {
    if is_service {
        write_file(&folder.join("wit/service.wit"), INTERFACE.as_bytes())?;
        write_crate(&folder.join("service"), SERVICE_MANIFEST, Service::iter(), Service::get)?;
    } else {
        write_crate(&folder.join("sdk"), SDK_MANIFEST, Sdk::iter(), Sdk::get)?;
    }
    write_crate(&folder.join("sdk-macros"), MACROS_MANIFEST, Macros::iter(), Macros::get)
}

fn write_crate(
    folder: &Path,
    manifest: &str,
    files: impl Iterator<Item = std::borrow::Cow<'static, str>>,
    read: impl Fn(&str) -> Option<rust_embed::EmbeddedFile>,
) -> Result<()> {
    write_file(&folder.join("Cargo.toml"), manifest.replace("{version}", env!("CARGO_PKG_VERSION")).as_bytes())?;
    for name in files {
        if let Some(file) = read(&name) {
            write_file(&folder.join("src").join(&*name), &file.data)?;
        }
    }
    Ok(())
}

pub(super) fn write_file(file: &Path, bytes: &[u8]) -> Result<()> {
    let context = || format!("cannot write {}", file.display());
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(context)?;
    }
    fs::write(file, bytes).with_context(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifests_ask_for_what_the_workspace_asks_for() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let read = |path: &str| -> toml::Table { fs::read_to_string(root.join(path)).unwrap().parse().unwrap() };
        let (workspace, macros) = (read("Cargo.toml"), read("plugins/sdk-macros/Cargo.toml"));
        let workspace = &workspace["workspace"];
        let written: toml::Table = MACROS_MANIFEST.parse().unwrap();
        let wanted = macros["dependencies"].as_table().unwrap();
        assert_eq!(written["dependencies"].as_table().unwrap().len(), wanted.len());
        for name in wanted.keys() {
            assert_eq!(written["dependencies"][name], workspace["dependencies"][name], "{name}");
        }
        let (service, written) = (read("plugins/service/Cargo.toml"), SERVICE_MANIFEST.parse::<toml::Table>().unwrap());
        for name in service["dependencies"].as_table().unwrap().keys().filter(|name| *name != "hd1-sdk-macros") {
            assert_eq!(written["dependencies"][name], workspace["dependencies"][name], "{name}");
        }
        let (sdk, written) = (read("plugins/sdk/Cargo.toml"), SDK_MANIFEST.parse::<toml::Table>().unwrap());
        assert_eq!(written["features"], sdk["features"]);
        let names = |table: &toml::Table| table["dependencies"].as_table().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&written), names(&sdk));
        assert_eq!(written["package"]["edition"], workspace["package"]["edition"]);
        assert_eq!(written["package"]["rust-version"], workspace["package"]["rust-version"]);
    }
}
