//! HD1's replication beside its public peers, each fed with the scenes of `hd1-scenario`.
//!
//! This is HD1's side: the scenes through [`hd1_replication::Replicator`] in memory, with mirrors as checked clients.
//! Measured is what the peers' programs measure of theirs, the server's own tick: acknowledgements in, changes
//! gathered and encoded, frames handed to each client. [`table`] puts all engines' figures side by side.

mod aoi;
pub mod browser;
mod clients;
mod cubes;
mod join;
mod loss;
pub mod readme;
mod steady;
pub mod table;
pub mod websocket;
pub mod world;

use std::{fs, path::Path};

use anyhow::Context;
use hd1_scenario::{Figures, Scene};

use crate::report::Row;

/// Its name in the figures.
pub const ENGINE: &str = "HD1";
/// The scenes of [`measure`], the simulated one too. The one over WebSocket is `hd1-peer`'s alone, which is its own
/// clients' program as well.
pub const SCENES: &[&str] =
    &["s1", "s2", "s3", "s4", "asteroids", "crowd", "idle", "aoi", "aoi_around", "aoi_large", "loss", cubes::NAME];

/// The rows of all engines whose figures a file has, a JSON object a line; without it of HD1 alone, measured here.
///
/// # Errors
/// The file cannot be read, or as [`measure`].
pub fn run(quick: bool, file: Option<&Path>) -> anyhow::Result<Vec<Row>> {
    let figures: Vec<Figures> = match file {
        Some(file) => {
            let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            let parse = |line: &str| serde_json::from_str(line).with_context(|| format!("no figures: {line}"));
            text.lines().map(parse).collect::<anyhow::Result<_>>()?
        }
        None => SCENES.iter().map(|scene| measure(scene, quick)).collect::<anyhow::Result<_>>()?,
    };
    table::rows(&figures)
}

/// HD1's figures in a scene.
///
/// # Errors
/// There is no such scene, or a client does not show what the server holds.
pub fn measure(name: &str, quick: bool) -> anyhow::Result<Figures> {
    let figures = Figures::verified(ENGINE, name);
    match name {
        cubes::NAME => return cubes::measure(quick, figures),
        websocket::NAME => return websocket::measure(quick, figures),
        _ => {}
    }
    let scene = Scene::named(name).with_context(|| format!("there is no scene {name}"))?;
    match name {
        "loss" => loss::measure(scene, quick, figures),
        _ if scene.view_m.is_some() => aoi::measure(scene, quick, figures),
        _ if scene.join_count > 0 => join::measure(scene, figures),
        _ => steady::measure(scene, quick, figures),
    }
}
