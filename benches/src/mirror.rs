//! What does a client pay to follow a world?
//!
//! Decoding state and applying it to the mirror, for one client alone (its world stays in the cache) and for many that
//! share a machine, as bots do: then what counts is the memory that an update touches. The opponent decodes the same
//! bodies with rmp-serde and puts them into a hash map, without history and so without deltas.

use std::{collections::HashMap, hint::black_box, time::Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use hd1_core::Tick;
use hd1_protocol::Mirror;
use hd1_replication::{ClientKey, Interest, Outgoing, Replicator, Viewer};
use hd1_scenario::{Run, SEED, Scene, median};

use crate::{
    report,
    transforms::{Transforms, net_id},
};

const CASES: &[(&str, usize)] = &[("mirror_alone", 1), ("mirror_200", 200), ("mirror_800", 800)];

type Pose = (u32, [f32; 3], [f32; 4]);

/// Runs all cases.
///
/// # Errors
/// Where a mirror differs from the server, or a frame is refused.
pub fn run(quick: bool) -> anyhow::Result<Vec<report::Row>> {
    let ticks = if quick { 40 } else { 200 };
    let mut rows = Vec::new();
    for (id, clients) in CASES {
        let (ours, msgpack) = measure(*clients, ticks)?;
        rows.push(report::Row::against(&format!("{id}_ns"), ours, "ns/update", "rmp-serde to a hash map", msgpack));
    }
    Ok(rows)
}

fn measure(clients: usize, ticks: u64) -> anyhow::Result<(f64, f64)> {
    let scene = Scene::named("s1").context("a scene is gone")?;
    let (schemas, transforms) = Transforms::of(scene);
    let mut world = Run::new(scene, SEED);
    let mut replicator = Replicator::new(schemas.clone(), Interest::EVERYTHING);
    let key = ClientKey(0);
    replicator.tick(Tick(1), |tracked| {
        for (i, body) in world.bodies().iter().enumerate() {
            tracked.spawned(net_id(i));
            tracked.set(net_id(i), transforms.id, &transforms.row(body));
        }
    })?;
    let snapshot = replicator.add_client(key, Viewer::default())?;
    let mut mirrors: Vec<Mirror> = (0..clients).map(|_| Mirror::new(schemas.clone())).collect();
    for mirror in &mut mirrors {
        snapshot.iter().try_for_each(|chunk| mirror.apply_snapshot_chunk(chunk).map(drop))?;
    }
    let mut maps: Vec<HashMap<u32, Pose>> = vec![HashMap::new(); clients];
    let (mut ours, mut msgpack) = (Vec::new(), Vec::new());
    for now in 2..2 + ticks {
        world.step();
        replicator.tick(Tick(now), |tracked| {
            for (i, body) in world.changed() {
                tracked.set(net_id(i), transforms.id, &transforms.row(body));
            }
        })?;
        replicator.ack(key, mirrors[0].acks());
        let mut out = Outgoing::default();
        replicator.assemble(key, 0, &mut out)?;
        let poses: Vec<Pose> = world.changed().map(|(i, body)| (i as u32, body.position, body.rotation)).collect();
        let packed = rmp_serde::to_vec(&poses)?;
        let per_update = 1.0e9 / (clients * world.changed().len()) as f64;
        ours.push(timed(&mut mirrors, |mirror| apply(mirror, &out.state))? * per_update);
        let unpack = |map: &mut HashMap<u32, Pose>| {
            let poses: Vec<Pose> = rmp_serde::from_slice(black_box(&packed))?;
            map.extend(poses.into_iter().map(|pose| (pose.0, pose)));
            Ok(())
        };
        msgpack.push(timed(&mut maps, unpack)? * per_update);
    }
    for mirror in &mirrors {
        ensure!(mirror.hash_at(mirror.acked()) == replicator.tracked().sum(), "a mirror differs");
    }
    Ok((median(ours), median(msgpack)))
}

fn apply(mirror: &mut Mirror, frames: &[Bytes]) -> anyhow::Result<()> {
    for frame in frames {
        black_box(mirror.apply_state(black_box(frame))?);
    }
    Ok(())
}

/// Seconds for all of them.
fn timed<T>(each: &mut [T], mut run: impl FnMut(&mut T) -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let start = Instant::now();
    each.iter_mut().try_for_each(&mut run)?;
    Ok(start.elapsed().as_secs_f64())
}
