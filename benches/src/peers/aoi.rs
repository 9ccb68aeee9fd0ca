//! Many clients that each see a small part of a large world: what does one cost, in time and in memory?
//!
//! Each client follows a body, so its view moves with every tick. Measured is the whole tick, capture and encoding of all
//! bodies included, divided by the clients.

use std::{fs, time::Instant};

use anyhow::{Context, ensure};
use hd1_core::{PlayerId, Tick};
use hd1_protocol::{Acks, Mirror};
use hd1_replication::{ClientKey, Outgoing, Viewer, view::PageView};
use hd1_scenario::{Figures, Run, SEED, Scene, Sent, Tally, median, views::View};

use super::world::World;
use crate::transforms::net_id;

/// Memory of one client, KiB: what the process grew by while the second half of them joined and followed for a while.
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
    let mut audience = Audience::default();
    // What the world itself keeps of what is seen is there before memory is weighed: half of the clients see nearly all.
    let half = scene.client_count / 2;
    (0..half).try_for_each(|client| audience.join(&mut world, &run, client))?;
    for _ in 0..HISTORY_TICKS {
        run.step();
        audience.acknowledge(&mut world);
        world.tick(&run)?;
        audience.assemble(&mut world)?;
        audience.apply(world.now())?;
    }
    let before_kib = resident_kib()?;
    (half..scene.client_count).try_for_each(|client| audience.join(&mut world, &run, client))?;
    let (mut updates, mut capture_us) = (0, Vec::new());
    for tick in 0..warm + measured + SETTLE_TICKS {
        let settles = tick >= warm + measured;
        if !settles {
            run.step();
        }
        let start = Instant::now();
        audience.acknowledge(&mut world);
        if settles {
            world.quiet_tick()?
        } else {
            world.tick(&run)?
        }
        let captured = start.elapsed();
        let sent = audience.assemble(&mut world)?;
        let took = start.elapsed();
        updates += audience.apply(world.now())?;
        if (warm..warm + measured).contains(&tick) {
            capture_us.push(captured.as_secs_f64() * 1e6);
            tally.tick(took, sent, run.changed().len(), scene.client_count);
        }
    }
    let client_kib = (resident_kib()? - before_kib) / (scene.client_count - half) as f64;
    for (client, mirror) in audience.mirrors.iter().enumerate() {
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

/// All clients; the first few have a mirror.
#[derive(Default)]
struct Audience {
    client_count: usize,
    mirrors: Vec<Mirror>,
    /// What those without one have: every tick.
    acks: Acks,
    /// Frames are handed on as they are made; those of clients with a mirror wait until the clock has stopped.
    kept: [Outgoing; MIRROR_COUNT],
    passing: Outgoing,
}

impl Audience {
    fn join(&mut self, world: &mut World, run: &Run, client: usize) -> anyhow::Result<()> {
        let avatar = Some(net_id(View::of(run, client).entity_idx));
        let viewer = Viewer { player: PlayerId(client as u32 + 1), avatar, at: None };
        let frames = world.replicator.add_client(ClientKey(client as u64), viewer)?;
        if client < MIRROR_COUNT {
            let mut mirror = Mirror::new(world.schemas.clone());
            frames.iter().try_for_each(|frame| mirror.apply_snapshot_chunk(frame).map(drop))?;
            self.mirrors.push(mirror);
        }
        self.acks.insert(world.now());
        self.client_count += 1;
        Ok(())
    }

    fn acknowledge(&self, world: &mut World) {
        for client in 0..self.client_count {
            let acks = self.mirrors.get(client).map_or(self.acks, Mirror::acks);
            world.replicator.ack(ClientKey(client as u64), acks);
        }
    }

    fn assemble(&mut self, world: &mut World) -> anyhow::Result<Sent> {
        let mut sent = Sent::default();
        for client in 0..self.client_count {
            let out = self.kept.get_mut(client).unwrap_or(&mut self.passing);
            out.clear();
            world.replicator.assemble(ClientKey(client as u64), 0, out)?;
            out.reliable.iter().chain(&out.state).for_each(|frame| sent.add(frame.len()));
        }
        Ok(sent)
    }

    /// The clients receive what was made for them in tick `now`; how many updates came to the mirrors.
    fn apply(&mut self, now: Tick) -> anyhow::Result<u64> {
        self.acks.insert(now);
        let mut updates = 0;
        for (mirror, out) in self.mirrors.iter_mut().zip(&self.kept) {
            let before = mirror.stats().updates;
            out.reliable.iter().try_for_each(|frame| mirror.apply_reliable(frame).map(drop))?;
            out.state.iter().try_for_each(|frame| mirror.apply_state(frame).map(drop))?;
            updates += mirror.stats().updates - before;
        }
        Ok(updates)
    }
}

/// Memory of this process, KiB.
fn resident_kib() -> anyhow::Result<f64> {
    let status = fs::read_to_string("/proc/self/status").context("this needs Linux")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
