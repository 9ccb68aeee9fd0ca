//! `hd1-scenario FILE SCENE [--quick]`: a scene as a file, for engines that are not written in Rust.

use std::{fs::File, io::BufWriter};

use anyhow::Context;
use hd1_scenario::{SEED, command, frames};

fn main() -> anyhow::Result<()> {
    let path = std::env::args_os().nth(1).context("usage: hd1-scenario FILE SCENE [--quick]")?;
    let (scene, quick) = command::scene_after(1)?;
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    frames::write(scene, SEED, quick, BufWriter::new(file)).with_context(|| format!("cannot write {}", path.display()))
}
