//! Which crate may import which, and which crate alone may import what is heavy.
//!
//! The tables are the design's; a new line in one of them is a decision and deserves its own commit.

use anyhow::{Context, Result};
use serde_json::Value;

/// Who may import whom, by folder prefix. The first line whose folder is a prefix of the importer counts.
const ARROWS: &[(&str, &[&str])] = &[
    ("shared/core", &[]),
    ("shared/schema", &["shared/core"]),
    ("shared/movement", &[]),
    ("shared/protocol", &["shared/core", "shared/schema", "shared/movement"]),
    ("shared/world", &["shared/core", "shared/schema", "shared/movement"]),
    ("shared/abi", &["shared/schema"]),
    ("shared/api", &["shared/core", "shared/schema"]),
    ("net", &["shared", "net"]),
    ("plugins", &["shared", "plugins"]),
    ("scenes", &["shared"]),
    ("server/physics", &[]),
    ("server/sim", &["shared", "scenes", "server/physics"]),
    ("server/runtime", &["shared", "scenes", "net", "server/sim", "plugins/host"]),
    ("server/store", &["shared"]),
    ("server/control", &["shared", "server/store", "plugins/manifest"]),
    ("server/jobs", &["shared", "server/control"]),
    ("server/http", &["shared", "server/control"]),
    ("server/app", &["shared", "scenes", "net", "server", "plugins", "tools/bots"]),
    ("tools/xtask", &[]),
    ("tools", &["shared", "net", "plugins/manifest", "scenes"]),
    ("tests", &["shared", "net", "scenes"]),
    ("benches/scenario", &[]),
    ("benches", &["shared", "net", "scenes", "server", "plugins", "tools", "benches/scenario"]),
];

/// Who alone may import a heavy dependency. `benches` may import anything: the opponents live there.
const OWNERS: &[(&str, &[&str])] = &[
    ("sqlx", &["server/store"]),
    ("axum", &["server/http"]),
    ("utoipa-axum", &["server/http"]),
    ("tower-http", &["server/http"]),
    ("wasmtime", &["plugins/host"]),
    ("quinn", &["net/transport"]),
    ("web-transport-quinn", &["net/transport"]),
    ("tokio-tungstenite", &["net/transport"]),
    ("rapier3d", &["server/sim", "server/physics"]),
    ("bevy_app", &["server/sim", "shared/world", "net/replication"]),
    ("bevy_ecs", &["server/sim", "shared/world", "net/replication", "server/runtime"]),
    ("clap", &["server/app", "tools", "benches"]),
    ("figment", &["server/app"]),
    ("rcgen", &["server/app", "net/transport"]),
];

/// One crate of the workspace.
#[derive(Debug)]
pub struct Package {
    name: String,
    /// Relative to the root, with `/`.
    folder: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug)]
struct Dependency {
    name: String,
    /// The folder, where it is one of ours.
    folder: Option<String>,
    /// Only for tests.
    dev: bool,
}

/// Reads `cargo metadata --no-deps`.
///
/// # Errors
/// Cargo has changed its format.
pub fn packages(metadata: &Value) -> Result<Vec<Package>> {
    let root = metadata["workspace_root"].as_str().context("cargo metadata names no workspace_root")?;
    let relative = |path: &str| path.strip_prefix(root).unwrap_or(path).trim_matches('/').to_owned();
    let listed = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    listed
        .iter()
        .map(|package| {
            let manifest = package["manifest_path"].as_str().context("a package has no manifest_path")?;
            let dependencies = package["dependencies"].as_array().context("a package has no dependencies")?;
            Ok(Package {
                name: text(package, "name")?,
                folder: relative(manifest.trim_end_matches("Cargo.toml")),
                dependencies: dependencies
                    .iter()
                    .map(|dependency| {
                        Ok(Dependency {
                            name: text(dependency, "name")?,
                            folder: dependency["path"].as_str().map(relative),
                            dev: dependency["kind"] == "dev",
                        })
                    })
                    .collect::<Result<_>>()?,
            })
        })
        .collect()
}

fn text(value: &Value, key: &str) -> Result<String> {
    Ok(value[key].as_str().with_context(|| format!("cargo metadata: no `{key}`"))?.to_owned())
}

fn below(folder: &str, prefix: &str) -> bool {
    folder == prefix || folder.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
}

/// Imports that point up or sideways. What only tests import may point anywhere.
pub fn wrong_arrows(packages: &[Package]) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in packages {
        let Some((_, allowed)) = ARROWS.iter().find(|(prefix, _)| below(&package.folder, prefix)) else {
            wrong.push(format!("{}: no line in the table of arrows", package.folder));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| !dependency.dev) {
            let Some(folder) = &dependency.folder else { continue };
            if !allowed.iter().any(|prefix| below(folder, prefix)) {
                wrong.push(format!("{} imports {folder}: the arrows do not allow it", package.folder));
            }
        }
    }
    wrong
}

/// Heavy dependencies outside their owners.
pub fn wrong_owners(packages: &[Package]) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in packages.iter().filter(|package| !below(&package.folder, "benches")) {
        for dependency in package.dependencies.iter().filter(|dependency| !dependency.dev) {
            let Some((_, owners)) = OWNERS.iter().find(|(name, _)| *name == dependency.name) else { continue };
            if !owners.iter().any(|owner| below(&package.folder, owner)) {
                wrong.push(format!("{} imports {}: only {} may", package.folder, dependency.name, owners.join(", ")));
            }
        }
    }
    wrong
}

/// Packages that are not named after their folder.
pub fn wrong_names(packages: &[Package]) -> Vec<String> {
    let wrong = packages.iter().filter(|package| {
        let last = package.folder.rsplit('/').next().unwrap_or_default();
        package.name != format!("hd1-{last}")
    });
    wrong.map(|package| format!("{} is called {}: the folder is the crate", package.folder, package.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(folder: &str, imports: &[(&str, Option<&str>)]) -> Package {
        let dependencies = imports.iter().map(|(name, folder)| Dependency {
            name: (*name).to_owned(),
            folder: folder.map(str::to_owned),
            dev: false,
        });
        let last = folder.rsplit('/').next().unwrap();
        Package { name: format!("hd1-{last}"), folder: folder.to_owned(), dependencies: dependencies.collect() }
    }

    #[test]
    fn an_arrow_that_points_up_is_wrong() {
        let up = package("shared/world", &[("hd1-sim", Some("server/sim"))]);
        assert_eq!(wrong_arrows(&[up]).len(), 1);
        let down = package("server/sim", &[("hd1-world", Some("shared/world"))]);
        assert_eq!(wrong_arrows(&[down]), Vec::<String>::new());
    }

    #[test]
    fn sim_and_control_never_meet() {
        let meeting = package("server/control", &[("hd1-sim", Some("server/sim"))]);
        assert_eq!(wrong_arrows(&[meeting]).len(), 1);
    }

    #[test]
    fn a_folder_without_a_line_is_wrong() {
        assert_eq!(wrong_arrows(&[package("elsewhere", &[])]).len(), 1);
        assert_eq!(wrong_arrows(&[package("nets", &[])]).len(), 1, "a prefix ends at a slash");
    }

    #[test]
    fn a_heavy_dependency_has_one_owner() {
        assert_eq!(wrong_owners(&[package("server/http", &[("sqlx", None)])]).len(), 1);
        assert_eq!(wrong_owners(&[package("server/store", &[("sqlx", None)])]), Vec::<String>::new());
        assert_eq!(wrong_owners(&[package("benches", &[("quinn", None)])]), Vec::<String>::new());
    }
}
