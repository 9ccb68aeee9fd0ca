//! The engines of `cargo x bench peers`: built, then run in turn, each in a process of its own on one core.
//!
//! An engine is a program that prints its figures in a scene as one JSON object; what they mean is for `hd1-benches`.
//! One that cannot be built, as without a network, is left out with a word about it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{repo, web};

/// Runs of each engine in each scene.
const RUNS: usize = 5;
const RUNS_QUICK: usize = 3;

/// An opponent.
struct Peer {
    name: &'static str,
    /// Below `benches/peers`.
    folder: &'static str,
    scenes: &'static [&'static str],
    build: fn(&Peer, &Path, bool) -> Result<Command>,
}

impl Peer {
    fn folder(&self) -> PathBuf {
        repo::root().join("benches/peers").join(self.folder)
    }
}

const PEERS: &[Peer] = &[
    Peer {
        name: "bevy_replicon",
        folder: "replicon",
        scenes: &["s1", "s2", "s3", "s4", "asteroids", "crowd"],
        build: build_with_cargo,
    },
    Peer {
        name: "lightyear",
        folder: "lightyear",
        scenes: &["s1", "s2", "s3", "s4", "asteroids"],
        build: build_with_cargo,
    },
    Peer {
        name: "Colyseus",
        folder: "colyseus",
        scenes: &["s1", "s2", "s3", "s4", "asteroids"],
        build: build_with_npm,
    },
];

/// HD1's own scenes, as `hd1-peer` knows them.
const SCENES: &[&str] =
    &["s1", "s2", "s2_ws", "s3", "s4", "asteroids", "crowd", "idle", "aoi", "aoi_around", "aoi_large", "loss", "cubes"];
/// Too long for a quick run.
const SLOW: &[(&str, &str)] = &[("bevy_replicon", "crowd")];

/// An engine that is ready to run.
struct Engine {
    name: &'static str,
    scenes: &'static [&'static str],
    program: Command,
}

/// Builds all engines and runs them; the file with their figures, a JSON object a line.
///
/// # Errors
/// HD1 itself cannot be built or measured.
pub fn measure(quick: bool) -> Result<PathBuf> {
    let folder = repo::target_dir().join("peers");
    fs::create_dir_all(&folder)?;
    let mut engines = vec![build_hd1()?];
    for peer in PEERS {
        repo::step(&format!("building {}", peer.name));
        match (peer.build)(peer, &folder, quick) {
            Ok(program) => engines.push(Engine { name: peer.name, scenes: peer.scenes, program }),
            Err(error) => eprintln!("{} is left out: {error:#}", peer.name),
        }
    }
    let mut lines = String::new();
    // Run by run, not engine by engine: a machine that is slow for a while is slow for all of them.
    for run in 1..=if quick { RUNS_QUICK } else { RUNS } {
        for scene in SCENES {
            let left_out = |name| quick && SLOW.contains(&(name, scene));
            for engine in engines.iter_mut().filter(|e| e.scenes.contains(scene) && !left_out(e.name)) {
                repo::step(&format!("run {run}: {scene}, {}", engine.name));
                match figures(&engine.program, scene, quick) {
                    Ok(line) => lines.push_str(&line),
                    Err(error) if engine.name != "HD1" => eprintln!("{} in {scene}: {error:#}", engine.name),
                    Err(error) => return Err(error),
                }
            }
        }
    }
    match build_browser(&folder, quick) {
        Ok(program) => {
            for run in 1..=if quick { RUNS_QUICK } else { RUNS } {
                repo::step(&format!("run {run}: the page's client core in Chromium"));
                lines.push_str(&repo::output(&mut pinned(&program))?);
            }
        }
        Err(error) => eprintln!("browser_ms is left out: {error:#}"),
    }
    let file = folder.join("figures.jsonl");
    fs::write(&file, lines).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// The workspaces of the peers in Rust, as absolute folders.
pub fn folders() -> impl Iterator<Item = PathBuf> {
    PEERS.iter().map(Peer::folder).filter(|folder| folder.join("Cargo.toml").is_file())
}

/// One run of an engine.
fn figures(program: &Command, scene: &str, quick: bool) -> Result<String> {
    let mut command = pinned(program);
    command.arg(scene).args(quick.then_some("--quick"));
    repo::output(&mut command)
}

/// The same program on one core, where there is a way to say so; not on the first, which serves interrupts.
fn pinned(program: &Command) -> Command {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut command = match repo::find_program(&["taskset"], &[]) {
        Some(taskset) if cores > 1 => {
            let mut command = Command::new(taskset);
            command.args(["-c", "1"]).arg(program.get_program());
            command
        }
        _ => Command::new(program.get_program()),
    };
    command.args(program.get_args()).current_dir(repo::root());
    command
}

fn build_hd1() -> Result<Engine> {
    repo::step("building hd1-benches");
    let build = ["build", "--quiet", "--release", "--package", "hd1-benches", "--package", "hd1-scenario"];
    repo::must(repo::cargo().args(build))?;
    Ok(Engine { name: "HD1", scenes: SCENES, program: Command::new(repo::target_dir().join("release/hd1-peer")) })
}

/// HD1's page in a browser: the client core as the page has it, and frames that the server's side has recorded.
fn build_browser(target: &Path, quick: bool) -> Result<Command> {
    repo::step("building the page's client core");
    let node = repo::find_program(&["node"], &[]).context("node is not in PATH (install Node 20)")?;
    let chromium = repo::find_chromium().context("Chromium is not in PATH")?;
    let playwright = repo::root().join("tests/browser");
    web::install_packages(&playwright)?;
    let core = web::core()?;
    let frames = target.join("browser.frames");
    let mut writer = repo::program(repo::target_dir().join("release/hd1-peer"), &repo::root());
    writer.arg("record-browser").arg(&frames).args(quick.then_some("--quick"));
    repo::must(&mut writer)?;
    let mut program = Command::new(node);
    program.arg(repo::root().join("benches/browser/browser.mjs")).args([frames, core, playwright, chromium]);
    Ok(program)
}

/// A peer in Rust: a workspace of its own, with a lock file and a target folder of its own.
fn build_with_cargo(peer: &Peer, target: &Path, _quick: bool) -> Result<Command> {
    let target = target.join(peer.folder);
    let manifest = peer.folder().join("Cargo.toml");
    let mut cargo = repo::cargo();
    // Its bevy asks for a newer compiler than it needs.
    cargo.args(["build", "--quiet", "--release", "--locked", "--ignore-rust-version", "--manifest-path"]).arg(manifest);
    repo::must(cargo.env("CARGO_TARGET_DIR", &target))?;
    Ok(Command::new(target.join("release").join(format!("hd1-peer-{}", peer.folder))))
}

/// A peer in JavaScript: its packages, and the scenes as files, so that it is fed the same bytes.
fn build_with_npm(peer: &Peer, target: &Path, quick: bool) -> Result<Command> {
    let node = repo::find_program(&["node"], &[]).context("node is not in PATH (install Node 20)")?;
    web::install_packages(&peer.folder())?;
    let frames = target.join("frames");
    fs::create_dir_all(&frames)?;
    for scene in peer.scenes {
        let mut writer = repo::program(repo::target_dir().join("release/hd1-scenario"), &repo::root());
        writer.arg(frames.join(format!("{scene}.frames"))).arg(scene).args(quick.then_some("--quick"));
        repo::must(&mut writer)?;
    }
    let mut program = Command::new(node);
    program.arg(peer.folder().join("peer.mjs")).arg(frames);
    Ok(program)
}
