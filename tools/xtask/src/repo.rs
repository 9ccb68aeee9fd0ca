//! Where things are, and how a command is run: shown, checked, and failing with the command in the message.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The folder of the workspace.
pub fn root() -> PathBuf {
    // As cargo says it now, not as it was said to the compiler: a second checkout may share the target folder, and then
    // this program.
    let folder = std::env::var_os("CARGO_MANIFEST_DIR");
    let folder = folder.as_deref().unwrap_or(OsStr::new(env!("CARGO_MANIFEST_DIR")));
    Path::new(folder).join("../..").canonicalize().expect("the workspace exists")
}

/// Where cargo puts what it builds; `CARGO_TARGET_DIR` is honoured.
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// Whether a missing tool is an error (`CI=true`) or a step left out with a word about it.
pub fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

/// The cargo that runs us.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // Set for us by `cargo run`; a nested cargo must not take them for the packages it builds.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text.starts_with("CARGO_BIN_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Makes sure that the compiler has a standard library for `target`.
///
/// `rust-toolchain.toml` names the targets, but rustup brings them only where it installs the toolchain itself: not
/// where the channel was there before, nor with `RUSTUP_AUTO_INSTALL=0`.
///
/// # Errors
/// It is missing and rustup cannot bring it.
pub fn ensure_target(target: &str) -> Result<()> {
    let folder = output(program("rustc", &root()).args(["--print", "target-libdir", "--target", target]))?;
    if Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    step(&format!("installing the target {target}"));
    must(program("rustup", &root()).args(["target", "add", target]))
        .with_context(|| format!("the compiler has no standard library for {target}: install it by hand"))
}

/// Any other program, run in `folder`.
pub fn program(name: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(name);
    command.current_dir(folder);
    command
}

/// Says on stderr what is about to happen.
pub fn step(what: &str) {
    eprintln!("\x1b[1;36m▸ {what}\x1b[0m");
}

/// Runs a command to its end; a status other than 0 is an error that shows the command.
pub fn must(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed with {status}", shown(command));
    }
    Ok(())
}

/// Runs a command and returns what it wrote on stdout.
pub fn output(command: &mut Command) -> Result<String> {
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !output.status.success() {
        bail!("`{}` failed with {}", shown(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` wrote something that is not UTF-8", shown(command)))
}

/// The first of `names` that is an executable file in `PATH` or in one of `folders`.
pub fn find_program(names: &[&str], folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let searched: Vec<PathBuf> = folders.iter().cloned().chain(std::env::split_paths(&path)).collect();
    names.iter().flat_map(|name| searched.iter().map(move |folder| folder.join(name))).find(|file| file.is_file())
}

/// The browser of tests and benches.
pub fn find_chromium() -> Option<PathBuf> {
    find_program(&["chromium", "chromium-browser", "google-chrome"], &[])
}

/// Every file that git tracks or would track, relative to the root.
pub fn files() -> Result<Vec<PathBuf>> {
    let listed =
        output(program("git", &root()).args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]))?;
    let mut files: Vec<PathBuf> = listed.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
    files.retain(|file| root().join(file).is_file());
    files.sort();
    files.dedup();
    Ok(files)
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
