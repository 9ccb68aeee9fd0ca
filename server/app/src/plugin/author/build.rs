//! Builds a project and puts its module and its package where they belong: by cargo, or by make in any other language.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::project::{Builder, CARGO_TOML, Project};
use crate::plugin::package;

const TARGET: &str = "wasm32-unknown-unknown";

/// The command `build`.
pub(super) fn build_and_pack(folder: &Path, key: Option<&Path>) -> Result<()> {
    let project = Project::open(folder)?;
    build(&project, Say::All)?;
    package::pack(&project.folder, Some(&project.package()), key)
}

/// How much cargo or make prints.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Say {
    /// What it does.
    All,
    /// What is wrong.
    Faults,
}

/// Builds the module and puts it where the manifest names it.
pub(super) fn build(project: &Project, say: Say) -> Result<PathBuf> {
    let module = project.module()?;
    match project.builder() {
        Builder::Cargo => build_by_cargo(project, &module, say)?,
        Builder::Make => make(project, say)?,
        Builder::Author => {}
    }
    ensure!(
        module.is_file(),
        "{}: there is no such module: build it, or put a Makefile beside plugin.toml that does",
        module.display()
    );
    Ok(module)
}

fn build_by_cargo(project: &Project, module: &Path, say: Say) -> Result<()> {
    check_target()?;
    let built = compile(project, say)?;
    let mut bytes = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    if project.is_service() {
        bytes = component_of(&bytes).with_context(|| built.display().to_string())?;
    } else if project.manifest.service.is_some() {
        bail!("one crate makes a module or a component: put a Makefile in the place of Cargo.toml that makes both");
    }
    if let Some(folder) = module.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    package::write_whole(module, &bytes)
}

/// What cargo made as a component, by what the SDK wrote into it of its interface.
fn component_of(module: &[u8]) -> Result<Vec<u8>> {
    let encoder = wit_component::ComponentEncoder::default().validate(true).module(module);
    encoder
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| anyhow::anyhow!("it makes no component: {error:#}"))
}

/// Lets make bring the module up to date. It prints on stderr, since stdout is for what `hd1` says.
fn make(project: &Project, say: Say) -> Result<()> {
    let mut command = Command::new("make");
    command.current_dir(&project.folder).stdout(Stdio::from(std::io::stderr()));
    if say == Say::Faults {
        command.arg("--silent");
    }
    let status = command.status().context("cannot run make, which builds what has a Makefile: install it")?;
    ensure!(status.success(), "{} does not build; make has said above where", project.manifest.plugin.id);
    Ok(())
}

/// Cargo in the project's folder, where its own settings count.
pub(super) fn cargo(project: &Project) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(&project.folder);
    command
}

/// Runs cargo's command; whoever has no cargo is told where to get it.
pub(super) fn started<T>(result: std::io::Result<T>) -> Result<T> {
    result.context("cannot run cargo, which builds plugins in Rust: install it from https://rustup.rs")
}

fn check_target() -> Result<()> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let output = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let output = started(output)?;
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    ensure!(
        output.status.success() && folder.is_dir(),
        "this Rust cannot compile for {TARGET} yet: run `rustup target add {TARGET}`"
    );
    Ok(())
}

/// The file that cargo made.
fn compile(project: &Project, say: Say) -> Result<PathBuf> {
    let mut command = cargo(project);
    command.args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    if say == Say::Faults {
        command.arg("--quiet");
    }
    let mut child = started(command.stdout(Stdio::piped()).spawn())?;
    let mut built = None;
    if let Some(stdout) = child.stdout.take() {
        let manifest = project.folder.join(CARGO_TOML);
        for line in BufReader::new(stdout).lines() {
            built = module_in(&line.context("cargo broke off")?, &manifest).or(built);
        }
    }
    if !child.wait().context("cargo is gone")?.success() {
        bail!("{} does not build; cargo has said above where", project.manifest.plugin.id);
    }
    built.context("cargo made no module: Cargo.toml has to say [lib] crate-type = [\"cdylib\", \"rlib\"]")
}

/// The module that a line of cargo's tells of.
fn module_in(line: &str, manifest: &Path) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_own =
        message["reason"] == "compiler-artifact" && message["manifest_path"].as_str().map(Path::new) == Some(manifest);
    let files = message["filenames"].as_array().filter(|_| is_own)?;
    files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".wasm")).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_the_one_of_the_project() {
        let line =
            r#"{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","filenames":["/t/a.rlib","/t/a.wasm"]}"#;
        assert_eq!(module_in(line, Path::new("/p/Cargo.toml")), Some("/t/a.wasm".into()));
        assert_eq!(module_in(line, Path::new("/p/.hd1/sdk/Cargo.toml")), None);
        assert_eq!(module_in("warning", Path::new("/p/Cargo.toml")), None);
    }
}
