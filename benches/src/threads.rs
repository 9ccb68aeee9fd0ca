//! What does a second thread bring a session of a thousand clients who each see about a hundred of ten thousand?

use std::{sync::Mutex, time::Instant};

use anyhow::{Context, ensure};
use hd1_core::PlayerId;
use hd1_protocol::{Acks, Mirror};
use hd1_replication::{ClientKey, Outgoing, Viewer};
use hd1_scenario::{Run, SEED, Scene, median, views::View};

use crate::{peers::world::World, report::Row, transforms::net_id};

const SCENE: &str = "aoi";

/// Runs it with one thread and with two.
///
/// # Errors
/// The client with a mirror does not show what it is to see.
pub fn run(quick: bool) -> anyhow::Result<Row> {
    let ticks = if quick { 60 } else { 200 };
    let (one, two) = (measure(1, ticks)?, measure(2, ticks)?);
    Ok(Row::against("aoi_two_threads_us_tick", two, "us/tick", "one thread", one))
}

/// Microseconds of a tick, the world taken in and every client's frames made.
fn measure(threads: usize, ticks: usize) -> anyhow::Result<f64> {
    let scene = Scene::named(SCENE).context("a scene is gone")?;
    let mut run = Run::new(scene, SEED);
    let mut world = World::new(&run)?;
    let mut mirror = Mirror::new(world.schemas.clone());
    for client in 0..scene.client_count {
        let avatar = Some(net_id(View::of(&run, client).entity_idx));
        let viewer = Viewer { player: PlayerId(client as u32 + 1), avatar, at: None };
        let frames = world.replicator.add_client(ClientKey(client as u64), viewer)?;
        if client == 0 {
            frames.iter().try_for_each(|frame| mirror.apply_snapshot_chunk(frame).map(drop))?;
        }
    }
    let mut acks = Acks::of(world.now());
    let (mut us, first) = (Vec::new(), Mutex::new(Outgoing::default()));
    // The last ones are quiet: what is under way arrives.
    for tick in 0..ticks + 12 {
        for client in 1..scene.client_count {
            world.replicator.ack(ClientKey(client as u64), acks);
        }
        world.replicator.ack(ClientKey(0), mirror.acks());
        let start = Instant::now();
        if tick < ticks {
            run.step();
        }
        let stepped = start.elapsed();
        if tick < ticks {
            world.tick(&run)?
        } else {
            world.quiet_tick()?
        }
        world.replicator.assemble_each(threads, |key, out| {
            if key == ClientKey(0) {
                first.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone_from(out);
            }
        })?;
        if tick < ticks {
            us.push((start.elapsed() - stepped).as_secs_f64() * 1e6);
        }
        acks.insert(world.now());
        let out = std::mem::take(&mut *first.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        out.reliable.iter().try_for_each(|frame| mirror.apply_reliable(frame).map(drop))?;
        out.state.iter().try_for_each(|frame| mirror.apply_state(frame).map(drop))?;
    }
    ensure!(world.shows_view(&mirror, &run, &View::of(&run, 0)), "{threads} threads: the mirror differs");
    Ok(median(us))
}
