//! What do systems cost that come as WebAssembly, and what do those cost that misbehave?
//!
//! The opponent is the same system written for bevy, run in the same process: `position += velocity * dt` over two columns
//! of three floats each. Ours is measured in a world's own Plugins phase: columns copied out and in, checked against their
//! schemas, compared with what was there, metered by fuel and by epochs.

mod hooks;
mod misbehaving;
mod native;
mod worlds;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hd1_host::{Host, Limits, Pool};
use hd1_scenario::median;

use crate::report::Row;
use worlds::{Shelf, World};

const ENTITIES: usize = 100_000;
/// Entities, systems and worlds of the many small ones.
const FEW: usize = 100;
const SYSTEMS: usize = 100;
const WORLDS: usize = 1_000;
const HZ: f64 = 20.0;

/// Runs them all; `module` is `hd1-drift`, built by `cargo plugin`.
///
/// # Errors
/// A world refuses the plugin, or the worlds differ in the end.
pub fn run(quick: bool, module: Option<&Path>) -> anyhow::Result<Vec<Row>> {
    let module = module.context("--module names the drift module; `cargo x bench plugins` builds it")?;
    let wasm = std::fs::read(module).with_context(|| module.display().to_string())?;
    let host = Host::new().map_err(|error| anyhow::anyhow!("{error:#}"))?;
    let mut rows = Vec::new();
    for (tables, id) in [(1, "native_ratio_1"), (64, "native_ratio"), (1000, "native_ratio_1000")] {
        rows.push(against_native(&host, &wasm, tables, id, quick)?);
    }
    rows.push(run_overhead(&host, &wasm, quick)?);
    rows.push(sessions(&host, &wasm, if quick { WORLDS / 4 } else { WORLDS })?);
    rows.push(hooks::row(quick)?);
    rows.extend(misbehaving::rows(&wasm, quick)?);
    Ok(rows)
}

/// Both take turns, so that a noisy moment meets both; each pair gives a ratio, and the middle one counts.
fn against_native(host: &Host, wasm: &[u8], tables: usize, id: &str, quick: bool) -> anyhow::Result<Row> {
    // One of the module's systems is one plugin: the others would run over the same rows.
    let shelf = Shelf::one(pool(host, &one_system(wasm)?)?);
    let mut ours = World::new(&shelf, ENTITIES, tables)?;
    let mut theirs = native::World::new(ENTITIES, tables);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for round in 0..if quick { 60 } else { 300 } {
        let (mine, native) = (timed(|| ours.run_plugins()), timed(|| theirs.run()));
        if round >= 10 {
            a.push(mine);
            b.push(native);
        }
    }
    let (mine, native) = (ours.sum(), theirs.sum());
    ensure!((mine - native).abs() < 1e-3 * native.abs(), "{tables} tables: {mine} is not {native}");
    let ratio = median(a.iter().zip(&b).map(|(a, b)| a / b).collect());
    let least = |all: &[f64]| all.iter().copied().fold(f64::INFINITY, f64::min);
    eprintln!(
        "{id}: {:.0} us against {:.0} (least {:.0} and {:.0})",
        median(a.clone()),
        median(b.clone()),
        least(&a),
        least(&b)
    );
    Ok(Row { ratio: Some(1.0 / ratio), ..Row::against(id, ratio, "times native", "bevy_ecs 0.20, typed system", 1.0) })
}

fn run_overhead(host: &Host, wasm: &[u8], quick: bool) -> anyhow::Result<Row> {
    let mut world = World::with_plugins(&Shelf::one(pool(host, wasm)?), FEW, 1, SYSTEMS / 10)?;
    let rounds = if quick { 500 } else { 3_000 };
    let each: Vec<f64> = (0..rounds).map(|_| timed(|| world.run_plugins()) / SYSTEMS as f64).collect();
    Ok(Row::alone("run_overhead_us", median(each), "us/system run"))
}

/// Worlds take turns on one thread, each with its own columns and all with the same instances.
fn sessions(host: &Host, wasm: &[u8], count: usize) -> anyhow::Result<Row> {
    let shelf = Shelf::of((0..SYSTEMS / 10).map(|_| pool(host, wasm)).collect::<Result<_, _>>()?);
    let mut all =
        (0..count).map(|_| World::with_plugins(&shelf, FEW, 1, SYSTEMS / 10)).collect::<Result<Vec<_>, _>>()?;
    let mut ticks = Vec::new();
    for round in 0..12 {
        let us = timed(|| all.iter_mut().for_each(World::run_plugins)) / count as f64;
        if round >= 2 {
            ticks.push(us);
        }
    }
    let us = median(ticks);
    eprintln!("sessions_core: {us:.1} us a world and tick, {count} worlds");
    Ok(Row::alone("sessions_core", 1e6 / HZ / us, "sessions"))
}

fn pool(host: &Host, wasm: &[u8]) -> anyhow::Result<Arc<Pool>> {
    let limits = Limits { time: Duration::from_secs(5), ..Limits::default() };
    Ok(Arc::new(host.pool(host.load(wasm)?, limits)))
}

/// The module with a plan that says the first of its systems alone.
fn one_system(wasm: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut plan = hd1_host::plan_of(wasm)?;
    plan.systems.truncate(1);
    misbehaving::with_plan(wasm, &serde_json::to_vec(&plan)?)
}

/// Microseconds.
fn timed(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_secs_f64() * 1e6
}
