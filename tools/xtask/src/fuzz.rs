//! Coverage-guided fuzzing on the stable compiler, without `cargo-fuzz` installed.
//!
//! The targets are ordinary cargo-fuzz crates (`<crate>/fuzz`, one `[[bin]]` per target, `libfuzzer-sys`), so
//! `cargo +nightly fuzz run` with a sanitizer works on them too. Stable has LLVM's coverage pass but no sanitizers:
//! what is found here are panics, overflows (they are checked), hangs and runaway memory.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::repo;

/// What cargo-fuzz passes for `--sanitizer none`, plus the checks that make a wrong number a crash.
const RUSTFLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
    "-Coverflow-checks",
    "--cfg=fuzzing",
];

/// Longest input tried, in bytes: the largest frame a client may send.
const INPUT_BYTES_MAX: usize = 64 * 1024;
/// A decoder that wants more than this for one input is broken, in MiB.
const MEMORY_MIB_MAX: u32 = 1024;
/// An input that takes longer is a finding, in seconds.
const INPUT_TIMEOUT_S: u32 = 10;

/// Every fuzz crate of the repository, as absolute folders.
///
/// # Errors
/// Git cannot list the files.
pub fn folders() -> Result<Vec<PathBuf>> {
    let files = repo::files()?;
    Ok(files
        .iter()
        .filter(|file| file.ends_with("fuzz/Cargo.toml"))
        .map(|file| repo::root().join(file.parent().expect("a file lies in a folder")))
        .collect())
}

/// Builds the targets and runs each for `seconds`, starting from its committed corpus (`corpus/<target>`).
/// An input that fails is written to `artifacts/<target>` beside it and named in the output.
///
/// # Errors
/// A build fails, or a target finds something.
pub fn run(name: Option<&str>, seconds: u64, keep: bool) -> Result<()> {
    let mut failed = Vec::new();
    for folder in folders()? {
        let targets = targets(&folder)?;
        let wanted: Vec<&String> =
            targets.iter().filter(|target| name.is_none_or(|part| target.contains(part))).collect();
        if wanted.is_empty() {
            continue;
        }
        let programs = build(&folder)?;
        for target in wanted {
            repo::step(&format!("fuzzing {target} for {seconds} s"));
            if run_target(&folder, &programs, target, seconds, keep).is_err() {
                failed.push(format!("{} in {}", target, folder.join("artifacts").join(target).display()));
            }
        }
    }
    if !failed.is_empty() {
        bail!("fuzzing found something: {}", failed.join(", "));
    }
    Ok(())
}

/// The names of the `[[bin]]` sections.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let manifest = folder.join("Cargo.toml");
    let metadata = repo::output(
        repo::cargo().args(["metadata", "--no-deps", "--format-version=1", "--manifest-path"]).arg(&manifest),
    )?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let all = metadata["packages"].as_array().into_iter().flatten();
    let bins = all.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    let bins = bins.filter(|target| target["kind"][0] == "bin");
    Ok(bins.filter_map(|target| target["name"].as_str().map(str::to_owned)).collect())
}

/// Builds a fuzz crate and returns the folder of its programs.
fn build(folder: &Path) -> Result<PathBuf> {
    let target_dir = repo::target_dir().join("fuzz");
    let triple = host_triple()?;
    let mut cargo = repo::cargo();
    // Naming the target keeps the flags away from build scripts and procedural macros.
    cargo
        .args(["build", "--quiet", "--release", "--bins", "--target", &triple, "--manifest-path"])
        .arg(folder.join("Cargo.toml"));
    cargo.env("CARGO_TARGET_DIR", &target_dir).env("CARGO_ENCODED_RUSTFLAGS", RUSTFLAGS.join("\u{1f}"));
    cargo.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only");
    repo::step(&format!("building the fuzz targets of {}", folder.display()));
    repo::must(&mut cargo)?;
    Ok(target_dir.join(triple).join("release"))
}

fn host_triple() -> Result<String> {
    let version = repo::output(repo::program("rustc", &repo::root()).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV names no host")?;
    Ok(host.to_owned())
}

fn run_target(folder: &Path, programs: &Path, target: &str, seconds: u64, keep: bool) -> Result<()> {
    let committed = folder.join("corpus").join(target);
    let found = repo::target_dir().join("fuzz/corpus").join(target);
    let artifacts = folder.join("artifacts").join(target);
    for path in [&committed, &found, &artifacts] {
        fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    let mut fuzzer = repo::program(programs.join(target), folder);
    // The first corpus is where new inputs go: what is found does not dirty the repository.
    fuzzer.arg(&found).arg(&committed).args([
        format!("-max_total_time={seconds}"),
        format!("-max_len={INPUT_BYTES_MAX}"),
        format!("-rss_limit_mb={MEMORY_MIB_MAX}"),
        format!("-timeout={INPUT_TIMEOUT_S}"),
        format!("-artifact_prefix={}/", artifacts.display()),
        "-print_final_stats=1".to_owned(),
        "-verbosity=0".to_owned(),
    ]);
    repo::must(&mut fuzzer)?;
    // An empty folder of artifacts is a promise that is kept; leave none behind.
    let _ = fs::remove_dir(&artifacts);
    if keep {
        repo::must(
            repo::program(programs.join(target), folder).args(["-merge=1", "-verbosity=0"]).arg(&committed).arg(&found),
        )?;
    }
    Ok(())
}
