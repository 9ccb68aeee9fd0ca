//! `hd1-scenario SCENE TICKS FILE`: a scene as a file, for engines that are not written in Rust.

use std::{fs::File, io::BufWriter};

use anyhow::Context;
use hd1_scenario::{SEED, Scene, frames};

fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let (Some(name), Some(ticks), Some(path)) = (words.next(), words.next(), words.next()) else {
        anyhow::bail!("usage: hd1-scenario SCENE TICKS FILE");
    };
    let scene = Scene::named(&name).with_context(|| format!("there is no scene {name}"))?;
    let ticks = ticks.parse().with_context(|| format!("{ticks} is no number of ticks"))?;
    let file = File::create(&path).with_context(|| format!("cannot write {path}"))?;
    frames::write(scene, SEED, ticks, BufWriter::new(file)).with_context(|| format!("cannot write {path}"))
}
