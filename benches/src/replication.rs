//! What does it cost to show a world to many clients?
//!
//! Measured: quantise what moved, find what each client lacks, encode, and make every client's frames. The opponents do
//! the same job the way most servers do: it serialises each changed body for each client with rmp-serde. Client mirrors
//! decode everything at the end and must hold what the server holds.

use std::{hint::black_box, time::Instant};

use anyhow::{Context, ensure};
use hd1_core::Tick;
use hd1_protocol::{Acks, Mirror};
use hd1_replication::{ClientKey, Interest, Outgoing, Replicator, Viewer};
use hd1_scenario::{Run, Scene, median};
use hd1_schema::{ComponentSchema, Row};

use crate::{
    report, threads,
    transforms::{Transforms, net_id},
};

/// Ticks that a client's acknowledgement lags behind: a round trip of 66 ms.
const ACK_LAG_TICKS: u64 = 2;

/// What each scene's rows are called.
const CASES: &[(&str, &str)] = &[("s1_1000x1", "s1"), ("s2_1000x100", "s2"), ("s3_10000x100_1pct", "s3")];

/// Runs all cases.
///
/// # Errors
/// Where a mirror differs from the server, or a frame is refused.
pub fn run(quick: bool) -> anyhow::Result<Vec<report::Row>> {
    // Beyond the second check sum, which comes every 64th tick.
    let (ticks, runs) = if quick { (140, 3) } else { (300, 5) };
    let mut rows = Vec::new();
    for (case, scene) in CASES {
        let scene = Scene::named(scene).context("a scene is gone")?;
        let (mut ours, mut msgpack, mut bytes) = (Vec::new(), Vec::new(), 0.0);
        for run in 0..runs {
            let figures = measure(scene, ticks, run)?;
            ours.push(figures.ours_us);
            msgpack.push(figures.msgpack_us);
            bytes = figures.bytes_per_update;
        }
        let ours = median(ours);
        let id = |what: &str| format!("{case}_{what}");
        rows.push(report::Row::against(&id("us_tick"), ours, "us/tick", "rmp-serde per client", median(msgpack)));
        rows.push(report::Row::against(&id("bytes"), bytes, "B/update", "f32 position + rotation", 28.0));
    }
    rows.push(threads::run(quick)?);
    Ok(rows)
}

struct Figures {
    ours_us: f64,
    msgpack_us: f64,
    bytes_per_update: f64,
}

fn measure(scene: &Scene, ticks: u64, seed: u64) -> anyhow::Result<Figures> {
    let (schemas, transforms) = Transforms::of(scene);
    let mut world = Run::new(scene, seed + 1);
    let mut replicator = Replicator::new(schemas.clone(), Interest::EVERYTHING);
    replicator.tick(Tick(1), |tracked| {
        for (i, body) in world.bodies().iter().enumerate() {
            tracked.spawned(net_id(i));
            tracked.set(net_id(i), transforms.id, &transforms.row(body));
        }
    })?;
    let clients = scene.client_count;
    let mut mirror = watcher(&mut replicator, clients, &schemas)?;
    let (mut ours, mut msgpack) = (Vec::new(), Vec::new());
    let (mut bytes, mut updates) = (0usize, 0usize);
    let (mut out, mut row) = (Outgoing::default(), Row::default());
    for now in 2..2 + ticks {
        world.step();
        for client in 0..clients as u64 {
            let mut acks = Acks::default();
            acks.insert_last(Tick((now - 1).saturating_sub(ACK_LAG_TICKS).max(1)), 64);
            replicator.ack(ClientKey(client), acks);
        }
        let start = Instant::now();
        replicator.tick(Tick(now), |tracked| {
            for (i, body) in world.changed() {
                transforms.put(body, &mut row);
                tracked.set(net_id(i), transforms.id, &row);
            }
        })?;
        for client in 0..clients as u64 {
            out.clear();
            replicator.assemble(ClientKey(client), 0, &mut out)?;
            black_box(&out);
        }
        ours.push(start.elapsed().as_secs_f64() * 1.0e6);
        bytes += out.state.iter().map(bytes::Bytes::len).sum::<usize>();
        // A large world comes over several ticks.
        for frame in &out.reliable {
            mirror.apply_reliable(frame)?;
        }
        for frame in &out.state {
            mirror.apply_state(frame)?;
        }
        updates += world.changed().count();
        msgpack.push(msgpack_for_each(&world, clients));
    }
    ensure!(mirror.hash_at(mirror.acked()) == replicator.tracked().sum(), "{}: the mirror differs", scene.name);
    ensure!(mirror.stats().desyncs == 0 && mirror.stats().checks > 0, "{}: {:?}", scene.name, mirror.stats());
    let bytes_per_update = bytes as f64 / updates as f64;
    Ok(Figures { ours_us: median(ours), msgpack_us: median(msgpack), bytes_per_update })
}

/// Joins every client; the last one's mirror, which stands for all since they are sent the same.
fn watcher(replicator: &mut Replicator, clients: usize, schemas: &[ComponentSchema]) -> anyhow::Result<Mirror> {
    let mut mirror = Mirror::new(schemas.to_vec());
    for client in 0..clients as u64 {
        let frames = replicator.add_client(ClientKey(client), Viewer::default())?;
        if client + 1 == clients as u64 {
            for frame in frames.iter() {
                mirror.apply_snapshot_chunk(frame)?;
            }
        }
    }
    Ok(mirror)
}

/// What a server without a codec does: full values of what moved this tick, serialised for each client.
fn msgpack_for_each(world: &Run, clients: usize) -> f64 {
    let start = Instant::now();
    for _ in 0..clients {
        let mut out = Vec::new();
        for (i, body) in world.changed() {
            // Serialising arrays of floats into memory has no failure.
            let _ = rmp_serde::encode::write(&mut out, &(i as u32, body.position, body.rotation));
        }
        black_box(out);
    }
    start.elapsed().as_secs_f64() * 1.0e6
}
