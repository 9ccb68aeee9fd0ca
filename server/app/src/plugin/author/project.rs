//! A plugin's folder: its manifest, who makes its module, and where that belongs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use hd1_manifest::limits::{MANIFEST_BYTES_MAX, PACKAGE_BYTES_MAX};
use hd1_manifest::{Manifest, Package};

use crate::plugin::package;

/// By which a project in Rust is known.
pub(super) const CARGO_TOML: &str = "Cargo.toml";
/// By which one is known that `make` builds.
pub(super) const MAKEFILE: &str = "Makefile";

/// See the module's words.
pub(super) struct Project {
    /// Whole: what builds is run in it, and what that prints names files from there.
    pub folder: PathBuf,
    pub manifest: Manifest,
}

/// Who makes a project's module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Builder {
    /// There is a Cargo.toml.
    Cargo,
    /// There is a Makefile, whose first target is the module: C, or whatever else makes WebAssembly.
    Make,
    /// Neither: the module is there, by whatever means its author has.
    Author,
}

impl Project {
    pub fn open(folder: &Path) -> Result<Self> {
        let file = folder.join(Manifest::PATH);
        if !file.exists() {
            bail!("{} is no plugin's folder: there is no {} in it", folder.display(), Manifest::PATH);
        }
        let text = package::read_text(&file, MANIFEST_BYTES_MAX)?;
        let manifest = Manifest::parse(&text).with_context(|| file.display().to_string())?;
        let folder = folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))?;
        Ok(Project { folder, manifest })
    }

    /// Where what is built belongs: the sim module, or the component where it has a service alone.
    pub fn module(&self) -> Result<PathBuf> {
        let sim = self.manifest.sim.as_ref().map(|sim| &sim.module);
        let service = self.manifest.service.as_ref().map(|service| &service.component);
        let path = sim.or(service).context("plugin.toml names neither a [sim] module nor a [service] component")?;
        Ok(self.folder.join(path.as_str()))
    }

    /// Has it a service alone?
    pub fn is_service(&self) -> bool {
        self.manifest.sim.is_none()
    }

    /// Who makes it.
    pub fn builder(&self) -> Builder {
        if self.folder.join(CARGO_TOML).is_file() {
            Builder::Cargo
        } else if self.folder.join(MAKEFILE).is_file() {
            Builder::Make
        } else {
            Builder::Author
        }
    }

    /// Where its package belongs.
    pub fn package(&self) -> PathBuf {
        self.folder.join(package::file_name(&self.manifest.plugin))
    }
}

/// The module of a file: a package's, or what the file is.
pub(super) fn module_of(file: &Path) -> Result<Vec<u8>> {
    let bytes = package::read_bytes(file, PACKAGE_BYTES_MAX)?;
    if bytes.starts_with(b"\0asm") {
        return Ok(bytes);
    }
    let package = Package::read(&bytes).with_context(|| format!("{} is no module and no package", file.display()))?;
    let sim = package.manifest().sim.as_ref();
    let sim = sim.with_context(|| format!("{} has no sim module", file.display()))?;
    package.files().get(&sim.module).cloned().context("a package has all that its manifest names")
}

/// The module of a file, or the one that lies in a folder already.
pub(super) fn built_module_of(path: &Path) -> Result<Vec<u8>> {
    if !path.is_dir() {
        return module_of(path);
    }
    let module = Project::open(path)?.module()?;
    fs::read(&module).with_context(|| format!("{}: build it first, by hd1 plugin build", module.display()))
}
