//! `plugin.toml`: what a plugin says of itself.

use std::collections::BTreeMap;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use crate::limits::{
    DEPENDENCIES_MAX, DESCRIPTION_BYTES_MAX, MANIFEST_BYTES_MAX, NAME_BYTES_MAX, REASON_BYTES_MAX, RIGHTS_MAX,
};
use crate::{PackageError, PackagePath, PluginId, Right, Rights};

/// See the module's words. A key that is not known is an error: it would be a misspelt one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Who and what it is.
    pub plugin: About,
    /// Its systems in the tick.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sim: Option<Sim>,
    /// What it does outside of the tick.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// What its service asks to be let do, and why, for whoever decides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rights: BTreeMap<Right, String>,
    /// Plugins that must be there for it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dependencies: BTreeMap<PluginId, Dependency>,
    /// Plugins that it does not run beside.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub conflicts: BTreeMap<PluginId, VersionReq>,
}

/// Who and what a plugin is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// `namespace:name`, for ever.
    pub id: PluginId,
    /// Semantic version of this package.
    pub version: Version,
    /// Host interfaces that it was written for.
    pub api: VersionReq,
    /// As people read it.
    pub name: String,
    /// What it is for, in a sentence or two.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// SPDX expression.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub license: String,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
}

/// Systems in the tick.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sim {
    /// A core WebAssembly module.
    pub module: PackagePath,
}

/// Work outside of the tick.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// A WebAssembly component.
    pub component: PackagePath,
}

/// Which versions of another plugin will do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dependency {
    /// It must be there.
    Needed(VersionReq),
    /// With more to say.
    Detailed(DetailedDependency),
}

/// Which versions of another plugin will do, and whether one can do without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetailedDependency {
    /// Which will do.
    pub version: VersionReq,
    /// Does it run without, too?
    #[serde(default)]
    pub optional: bool,
}

impl Manifest {
    /// The manifest's path in a package.
    pub const PATH: &str = "plugin.toml";

    /// Reads and checks one.
    ///
    /// # Errors
    /// [`PackageError::Manifest`] with the line, where there is one.
    pub fn parse(text: &str) -> Result<Self, PackageError> {
        if text.len() > MANIFEST_BYTES_MAX {
            return Err(PackageError::TooMuch { what: "bytes of plugin.toml", max: MANIFEST_BYTES_MAX });
        }
        let manifest: Manifest =
            toml::from_str(text).map_err(|error| PackageError::Manifest(error.to_string().trim_end().to_owned()))?;
        match manifest.fault() {
            None => Ok(manifest),
            Some(fault) => Err(PackageError::Manifest(fault)),
        }
    }

    fn fault(&self) -> Option<String> {
        let About { id, name, description, .. } = &self.plugin;
        if name.trim().is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Some(format!("plugin.name: write 1 to {NAME_BYTES_MAX} bytes without control characters"));
        }
        if description.len() > DESCRIPTION_BYTES_MAX {
            return Some(format!("plugin.description: at most {DESCRIPTION_BYTES_MAX} bytes"));
        }
        if self.sim.is_none() && self.service.is_none() {
            return Some("it runs nothing: name a [sim] module, a [service] component, or both".into());
        }
        if self.rights.len() > RIGHTS_MAX {
            return Some(format!("rights: at most {RIGHTS_MAX}"));
        }
        if self.service.is_none() && !self.rights.is_empty() {
            return Some("rights: they are for a [service]; a [sim] module has none".into());
        }
        if let Some((right, _)) =
            self.rights.iter().find(|(_, why)| why.trim().is_empty() || why.len() > REASON_BYTES_MAX)
        {
            return Some(format!("rights.{right}: say why in 1 to {REASON_BYTES_MAX} bytes"));
        }
        if self.dependencies.len().max(self.conflicts.len()) > DEPENDENCIES_MAX {
            return Some(format!("dependencies and conflicts: at most {DEPENDENCIES_MAX} of each"));
        }
        if self.dependencies.contains_key(id) || self.conflicts.contains_key(id) {
            return Some(format!("{id} can neither depend on itself nor refuse itself"));
        }
        let both = self.dependencies.keys().find(|other| self.conflicts.contains_key(other));
        both.map(|other| format!("{other} is among the dependencies and among the conflicts; strike it from one"))
    }

    /// What it asks to be let do.
    #[must_use]
    pub fn asked(&self) -> Rights {
        self.rights.keys().cloned().collect()
    }

    /// The files that it names, each with the key that does.
    pub fn files(&self) -> impl Iterator<Item = (&PackagePath, &'static str)> {
        let sim = self.sim.as_ref().map(|sim| (&sim.module, "sim.module in plugin.toml"));
        let service = self.service.as_ref().map(|service| (&service.component, "service.component in plugin.toml"));
        sim.into_iter().chain(service)
    }
}

impl Dependency {
    /// Which versions will do.
    #[must_use]
    pub fn versions(&self) -> &VersionReq {
        match self {
            Dependency::Needed(versions) | Dependency::Detailed(DetailedDependency { version: versions, .. }) => {
                versions
            }
        }
    }

    /// Does the plugin run without, too?
    #[must_use]
    pub fn is_optional(&self) -> bool {
        matches!(self, Dependency::Detailed(DetailedDependency { optional: true, .. }))
    }
}
