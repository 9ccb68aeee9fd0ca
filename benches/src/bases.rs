//! What is a delta coded against: the newest that each client has, or a few bases that many share?
//!
//! Shared bases are older, so a delta against them is larger; exact ones are many where clients lie at different
//! distances, and what is coded against each is coded for itself. Clients at round trips from 30 to 250 ms over links that
//! lose follow a scene. The ladder is made by holding acknowledgements back to the last multiple of so many ticks.

use std::time::Instant;

use anyhow::ensure;
use bytes::Bytes;
use hd1_core::{PlayerId, Tick};
use hd1_protocol::{Acks, Mirror};
use hd1_replication::{ClientKey, Outgoing, Viewer};
use hd1_scenario::{Run, SEED, Scene, loss::Link, median};

use crate::{peers::world::World, report::Row};

const CLIENTS: usize = 64;
const LOSS_PERMILLE: u32 = 20;
const RTT_MS: std::ops::RangeInclusive<f64> = 30.0..=250.0;
/// Ticks between the steps of the ladder; 1 is each client's own newest.
const LADDERS: [u64; 4] = [1, 4, 8, 16];
/// Quiet ticks in which all catch up.
const SETTLE_TICKS: usize = 90;

struct Follower {
    key: ClientKey,
    mirror: Mirror,
    down: Link<(bool, Bytes)>,
    up: Link<Acks>,
}

/// Of one ladder.
struct Cost {
    bytes_client_tick: f64,
    blobs_tick: f64,
    us_tick: f64,
}

/// Runs two scenes with each ladder.
///
/// # Errors
/// A client does not show what the server holds.
pub fn run(quick: bool) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for name in ["asteroids", "s2"] {
        let scene = Scene::named(name).ok_or_else(|| anyhow::anyhow!("no scene {name}"))?;
        let scene = Scene { client_count: CLIENTS, ..scene.clone() };
        let mut exact: Option<Cost> = None;
        for every in LADDERS {
            let cost = follow(&scene, every, if quick { 150 } else { 600 })?;
            let id = |what: &str| format!("{name}_every_{every}_{what}");
            rows.extend(match &exact {
                None => [
                    Row::alone(&id("bytes"), cost.bytes_client_tick, "B/client,tick"),
                    Row::alone(&id("blobs"), cost.blobs_tick, "per tick"),
                    Row::alone(&id("us"), cost.us_tick, "us/tick"),
                ],
                Some(exact) => [
                    Row::against(
                        &id("bytes"),
                        cost.bytes_client_tick,
                        "B/client,tick",
                        "exact",
                        exact.bytes_client_tick,
                    ),
                    Row::against(&id("blobs"), cost.blobs_tick, "per tick", "exact", exact.blobs_tick),
                    Row::against(&id("us"), cost.us_tick, "us/tick", "exact", exact.us_tick),
                ],
            });
            exact = exact.or(Some(cost));
        }
    }
    Ok(rows)
}

fn follow(scene: &Scene, every: u64, ticks: usize) -> anyhow::Result<Cost> {
    let mut run = Run::new(scene, SEED);
    let mut world = World::new(&run)?;
    let mut followers = (0..scene.client_count).map(|i| join(&mut world, scene, i)).collect::<Result<Vec<_>, _>>()?;
    let (mut bytes, mut blobs, mut us, mut out) = (0, 0, Vec::new(), Outgoing::default());
    for tick in 0..ticks + SETTLE_TICKS {
        let is_measured = tick < ticks;
        if is_measured {
            run.step();
        }
        for follower in &mut followers {
            while let Some((_, acks)) = follower.up.receive(tick as f64) {
                world.replicator.ack(follower.key, stepped(acks, every));
            }
        }
        let start = Instant::now();
        if is_measured {
            world.tick(&run)?
        } else {
            world.quiet_tick()?
        }
        let mut spent = start.elapsed();
        for follower in &mut followers {
            out.clear();
            let start = Instant::now();
            world.replicator.assemble(follower.key, 0, &mut out)?;
            spent += start.elapsed();
            bytes += if is_measured { out.state.iter().map(Bytes::len).sum() } else { 0 };
            let now = tick as f64;
            out.reliable.drain(..).for_each(|frame| follower.down.send_reliably(now, (true, frame)));
            out.state.drain(..).for_each(|frame| follower.down.send(now, (false, frame)));
            follower.receive(now)?;
        }
        if is_measured {
            blobs += world.replicator.blob_count();
            us.push(spent.as_secs_f64() * 1e6);
        }
    }
    let shows = |follower: &Follower| world.is_shown(&follower.mirror, &run);
    ensure!(followers.iter().all(shows), "{}, every {every}: a mirror differs", scene.name);
    Ok(Cost {
        bytes_client_tick: bytes as f64 / (ticks * scene.client_count) as f64,
        blobs_tick: blobs as f64 / ticks as f64,
        us_tick: median(us),
    })
}

fn join(world: &mut World, scene: &Scene, i: usize) -> anyhow::Result<Follower> {
    let key = ClientKey(i as u64);
    let mut mirror = Mirror::new(world.schemas.clone());
    for frame in world.replicator.add_client(key, Viewer { player: PlayerId(i as u32 + 1), ..Viewer::default() })? {
        mirror.apply_snapshot_chunk(&frame)?;
    }
    let share = i as f64 / (scene.client_count - 1) as f64;
    let rtt_ms = RTT_MS.start() + share * (RTT_MS.end() - RTT_MS.start());
    let one_way = rtt_ms / 2000.0 * f64::from(scene.hz);
    let link = |seed| (SEED + 2 * i as u64 + seed, LOSS_PERMILLE, one_way);
    let ((a, b, c), (d, e, f)) = (link(0), link(1));
    Ok(Follower { key, mirror, down: Link::new(a, b, c), up: Link::new(d, e, f) })
}

impl Follower {
    /// Takes in what arrives before the next tick.
    fn receive(&mut self, now: f64) -> anyhow::Result<()> {
        while let Some((at, (is_structure, frame))) = self.down.receive(now + 0.999) {
            if is_structure {
                self.mirror.apply_reliable(&frame)?;
            } else {
                self.mirror.apply_state(&frame)?;
            }
            self.up.send(at, self.mirror.acks());
        }
        Ok(())
    }
}

/// What is had up to the last multiple of `every` ticks.
fn stepped(acks: Acks, every: u64) -> Acks {
    let last = acks.newest().0 / every * every;
    let mut stepped = Acks::default();
    (last.saturating_sub(63)..=last)
        .map(Tick)
        .filter(|tick| acks.contains(*tick))
        .for_each(|tick| stepped.insert(tick));
    stepped
}
