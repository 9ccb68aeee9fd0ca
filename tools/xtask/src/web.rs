//! The browser app, built when its inputs have changed: npm packages, the wasm client core, then Vite.
//!
//! The server embeds `server/web/dist`, so this runs before any build of the binary.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::Hasher;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::repo;

/// What the client core is built for.
const CORE_TARGET: &str = "wasm32-unknown-unknown";

/// What `build` found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Web {
    /// `server/web/dist` is up to date.
    Built,
    /// There is no Node, so there is no page; the server says so where the page would be.
    Missing,
}

/// Where Vite expects the client core.
const CORE: &str = "src/generated/hd1_client.wasm";

/// Builds `server/web/dist` unless nothing it is made of has changed.
///
/// # Errors
/// Node 20 is missing under `CI=true`, or a step fails.
pub fn build(force: bool) -> Result<Web> {
    let web = repo::root().join("server/web");
    if !web.join("package.json").is_file() {
        return missing("server/web has no package.json");
    }
    if repo::find_program(&["node"], &[]).is_none() || repo::find_program(&["npm"], &[]).is_none() {
        return missing("node and npm are not in PATH (install Node 20)");
    }
    build_core(&web)?;
    install_packages(&web)?;

    let inputs = hash_of_inputs()?;
    let stamp = web.join("node_modules/.hd1-inputs");
    let built = web.join("dist/index.html").is_file() && fs::read_to_string(&stamp).is_ok_and(|old| old == inputs);
    if force || !built {
        repo::step("building server/web");
        repo::must(npm(&web).args(["run", "--silent", "build"]))?;
        // The first build may have generated files that count as inputs from now on.
        fs::write(&stamp, hash_of_inputs()?)?;
    }
    Ok(Web::Built)
}

fn missing(why: &str) -> Result<Web> {
    if repo::in_ci() {
        bail!("the browser app cannot be built: {why}");
    }
    eprintln!("the browser app is left out: {why}");
    // Embedding wants the folder to exist.
    fs::create_dir_all(repo::root().join("server/web/dist"))?;
    Ok(Web::Missing)
}

/// Puts the client core where Vite expects it.
fn build_core(web: &Path) -> Result<()> {
    let from = core()?;
    let bytes = fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
    let to = web.join(CORE);
    if fs::read(&to).ok().as_deref() != Some(&bytes) {
        fs::create_dir_all(to.parent().expect("it lies in a folder"))?;
        fs::write(&to, bytes).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(())
}

/// `hd1-client-wasm` for the browser; where it lies. Cargo itself knows when it is stale.
///
/// # Errors
/// The target is missing, or the build fails.
pub fn core() -> Result<PathBuf> {
    repo::ensure_target(CORE_TARGET)?;
    repo::must(repo::cargo().args(["build", "--quiet", "--package", "hd1-client-wasm"]).args([
        "--target",
        CORE_TARGET,
        "--profile",
        "wasm",
    ]))?;
    Ok(repo::target_dir().join(CORE_TARGET).join("wasm/hd1_client_wasm.wasm"))
}

/// npm in `folder`, talking on stderr: stdout belongs to the server's ready line.
fn npm(folder: &Path) -> Command {
    let mut command = repo::program("npm", folder);
    command.stdout(std::io::stderr());
    command
}

/// `npm ci` in `folder`, when its lock file is not the one that was installed.
///
/// # Errors
/// There is no lock file, or npm fails.
pub fn install_packages(folder: &Path) -> Result<()> {
    let lock = folder.join("package-lock.json");
    let lock = fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let stamp = folder.join("node_modules/.hd1-lock");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    repo::step(&format!("installing the packages of {}", folder.display()));
    repo::must(npm(folder).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]))?;
    fs::write(stamp, lock)?;
    Ok(())
}

/// A hash of the names and contents of all that git sees in `server/web`, and of the client core.
fn hash_of_inputs() -> Result<String> {
    let root = repo::root();
    let mut inputs: Vec<PathBuf> = repo::files()?.into_iter().filter(|file| file.starts_with("server/web")).collect();
    inputs.push(Path::new("server/web").join(CORE));
    let mut hasher = DefaultHasher::new();
    for file in inputs {
        hasher.write(file.as_os_str().as_encoded_bytes());
        hasher.write_u8(0);
        let bytes = fs::read(root.join(&file)).with_context(|| format!("cannot read {}", file.display()))?;
        hasher.write_usize(bytes.len());
        hasher.write(&bytes);
    }
    Ok(format!("{:016x}", hasher.finish()))
}
