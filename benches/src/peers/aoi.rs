//! Many clients that each see a small part of a large world: what does one cost, in time and in memory?
//!
//! Each client follows a body, so its view moves with every tick. Measured is the whole tick, capture and encoding of all
//! bodies included, divided by the clients.

use std::{fs, time::Instant};

use anyhow::{Context, ensure};
use hd1_core::PlayerId;
use hd1_protocol::{Acks, Mirror};
use hd1_replication::{ClientKey, Outgoing, Viewer, view::PageView};
use hd1_scenario::{Figures, Run, SEED, Scene, Tally, median, views::View};

use super::world::World;
use crate::transforms::net_id;

/// Memory of one client, KiB: what the process grew by while all but the first joined and followed for a while.
pub const CLIENT_KIB: &str = "client_kib";
/// Bytes that a client's entity takes in its view: those of the pages it has open.
pub const ENTITY_BYTES: &str = "entity_bytes";

/// Clients with a mirror that is checked at the end.
const MIRROR_COUNT: usize = 4;
/// Ticks after which the world remembers as much as it ever does.
const HISTORY_TICKS: usize = 40;
/// Quiet ticks in which all that is under way arrives, the seldom sent too.
const SETTLE_TICKS: usize = 12;

/// Runs it.
///
/// # Errors
/// A mirror does not show all that its client is to see.
pub fn measure(scene: &Scene, quick: bool, figures: Figures) -> anyhow::Result<Figures> {
    let mut run = Run::new(scene, SEED);
    let mut world = World::new(&run)?;
    let (warm, measured) = scene.ticks(quick);
    let mut tally = Tally::default();
    let mut mirrors = Vec::new();
    join(&mut world, &run, 0, &mut mirrors)?;
    // What the world itself needs is there before the others are: a history too, since one looks on.
    for _ in 0..HISTORY_TICKS {
        run.step();
        world.tick(&run)?;
        let mut out = Outgoing::default();
        world.replicator.assemble(ClientKey(0), 0, &mut out)?;
        out.reliable.iter().try_for_each(|frame| mirrors[0].apply_reliable(frame).map(drop))?;
        out.state.iter().try_for_each(|frame| mirrors[0].apply_state(frame).map(drop))?;
        world.replicator.ack(ClientKey(0), mirrors[0].acks());
    }
    let before_kib = resident_kib()?;
    for client in 1..scene.client_count {
        join(&mut world, &run, client, &mut mirrors)?;
    }
    let mut acks = Acks::of(world.now());
    // Frames are handed on as they are made; those of clients with a mirror wait until the clock has stopped.
    let (mut kept, mut passing) = (vec![Outgoing::default(); MIRROR_COUNT], Outgoing::default());
    let (mut updates, mut capture_us) = (0, Vec::new());
    for tick in 0..warm + measured + SETTLE_TICKS {
        let settles = tick >= warm + measured;
        if !settles {
            run.step();
        }
        let start = Instant::now();
        for client in 0..scene.client_count {
            let acks = mirrors.get(client).map_or(acks, Mirror::acks);
            world.replicator.ack(ClientKey(client as u64), acks);
        }
        if settles {
            world.quiet_tick()?
        } else {
            world.tick(&run)?
        }
        let captured = start.elapsed();
        let mut sent = hd1_scenario::Sent::default();
        for client in 0..scene.client_count {
            let out = kept.get_mut(client).unwrap_or(&mut passing);
            out.clear();
            world.replicator.assemble(ClientKey(client as u64), 0, out)?;
            out.reliable.iter().chain(&out.state).for_each(|frame| sent.add(frame.len()));
        }
        let took = start.elapsed();
        acks.insert(world.now());
        for (mirror, out) in mirrors.iter_mut().zip(&kept) {
            let before = mirror.stats().updates;
            out.reliable.iter().try_for_each(|frame| mirror.apply_reliable(frame).map(drop))?;
            out.state.iter().try_for_each(|frame| mirror.apply_state(frame).map(drop))?;
            updates += mirror.stats().updates - before;
        }
        if (warm..warm + measured).contains(&tick) {
            capture_us.push(captured.as_secs_f64() * 1e6);
            tally.tick(took, sent, run.changed().len(), scene.client_count);
        }
    }
    let client_kib = (resident_kib()? - before_kib) / (scene.client_count - 1) as f64;
    for (client, mirror) in mirrors.iter().enumerate() {
        let view = View::of(&run, client);
        ensure!(world.shows_view(mirror, &run, &view), "{}: client {client} lacks something it is to see", scene.name);
    }
    let (mut pages, mut known) = (0, 0);
    for client in 0..scene.client_count {
        let client = world.replicator.client(ClientKey(client as u64)).context("a client is gone")?;
        for (_, view) in client.open_pages() {
            pages += 1;
            known += world.replicator.tracked().places().page(view.page()).len();
        }
    }
    let clients = scene.client_count as f64;
    Ok(tally
        .figures(figures)
        .with(CLIENT_KIB, client_kib)
        .with(ENTITY_BYTES, (pages * size_of::<PageView>()) as f64 / known as f64)
        .with("capture_us_tick", median(capture_us))
        .with("pages_client", pages as f64 / clients)
        .with("entities_client", known as f64 / clients)
        .with("updates_client_tick", updates as f64 / (MIRROR_COUNT * (warm + measured)) as f64))
}

/// A client joins; the first few have a mirror.
fn join(world: &mut World, run: &Run, client: usize, mirrors: &mut Vec<Mirror>) -> anyhow::Result<()> {
    let avatar = Some(net_id(View::of(run, client).entity_idx));
    let viewer = Viewer { player: PlayerId(client as u32 + 1), avatar, at: None };
    let frames = world.replicator.add_client(ClientKey(client as u64), viewer)?;
    if client < MIRROR_COUNT {
        let mut mirror = Mirror::new(world.schemas.clone());
        frames.iter().try_for_each(|frame| mirror.apply_snapshot_chunk(frame).map(drop))?;
        mirrors.push(mirror);
    }
    Ok(())
}

/// Memory of this process, KiB.
fn resident_kib() -> anyhow::Result<f64> {
    let status = fs::read_to_string("/proc/self/status").context("this needs Linux")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
