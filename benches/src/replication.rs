//! What does it cost to show a world to many clients?
//!
//! Measured: quantise what moved, find what each client lacks, encode, and make every client's frames. The opponents do
//! the same job the way most servers do: `per_client` encodes with this codec but for each client by itself, `msgpack`
//! serialises each changed body for each client with rmp-serde. Client mirrors decode everything at the end and must
//! hold what the server holds.

use std::{hint::black_box, time::Instant};

use anyhow::ensure;
use hd1_core::{NetId, Tick};
use hd1_protocol::{
    Mirror,
    state::{Base, StateHeader, StateWriter},
};
use hd1_replication::{ClientKey, Outgoing, Replicator};
use hd1_schema::{ComponentSchema, Row};

use crate::{
    report::{self, median},
    scenario::{Body, Scenario},
};

/// Ticks that a client's acknowledgement lags behind: a round trip of 66 ms.
const ACK_LAG_TICKS: u64 = 2;

struct Case {
    id: &'static str,
    entities: usize,
    clients: usize,
    moving_permille: u32,
}

const CASES: &[Case] = &[
    Case { id: "s1_1000x1", entities: 1_000, clients: 1, moving_permille: 1000 },
    Case { id: "s2_1000x100", entities: 1_000, clients: 100, moving_permille: 1000 },
    Case { id: "s3_10000x100_1pct", entities: 10_000, clients: 100, moving_permille: 10 },
];

/// Runs all cases.
///
/// # Errors
/// Where a mirror differs from the server, or a frame is refused.
pub fn run(quick: bool) -> anyhow::Result<Vec<report::Row>> {
    // Beyond the second check sum, which comes every 64th tick.
    let (ticks, runs) = if quick { (140, 3) } else { (300, 5) };
    let mut rows = Vec::new();
    for case in CASES {
        let (mut ours, mut per_client, mut msgpack, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0.0);
        for run in 0..runs {
            let figures = measure(case, ticks, run)?;
            ours.push(figures.ours_us);
            per_client.push(figures.per_client_us);
            msgpack.push(figures.msgpack_us);
            bytes = figures.bytes_per_update;
        }
        let ours = median(ours);
        let id = |what: &str| format!("{}_{what}", case.id);
        rows.push(report::Row::against(&id("us_tick"), ours, "us/tick", "per-client encode", median(per_client)));
        rows.push(report::Row::against(&id("us_tick"), ours, "us/tick", "rmp-serde per client", median(msgpack)));
        rows.push(report::Row::against(&id("bytes"), bytes, "B/update", "f32 position + rotation", 28.0));
    }
    Ok(rows)
}

struct Figures {
    ours_us: f64,
    per_client_us: f64,
    msgpack_us: f64,
    bytes_per_update: f64,
}

fn measure(case: &Case, ticks: u64, seed: u64) -> anyhow::Result<Figures> {
    let schemas = hd1_world::builtin_schemas();
    let transform = schemas.iter().find(|s| s.name == "Transform").expect("the catalogue has transforms").id;
    let mut scenario = Scenario::new(seed + 1, case.entities, case.moving_permille);
    let mut replicator = Replicator::new(schemas.clone());
    replicator.tick(Tick(1), |tracked| {
        for (i, body) in scenario.bodies.iter().enumerate() {
            tracked.spawned(NetId(i as u32 + 1));
            tracked.set(NetId(i as u32 + 1), transform, &row(body));
        }
    })?;
    let mut mirror = watcher(&mut replicator, case.clients, &schemas)?;
    let (mut ours, mut per_client, mut msgpack) = (Vec::new(), Vec::new(), Vec::new());
    let (mut bytes, mut updates) = (0usize, 0usize);
    let mut out = Outgoing::default();
    for now in 2..2 + ticks {
        let moved = scenario.step();
        for client in 0..case.clients as u64 {
            replicator.ack(ClientKey(client), Tick((now - 1).saturating_sub(ACK_LAG_TICKS).max(1)));
        }
        let start = Instant::now();
        replicator.tick(Tick(now), |tracked| {
            for &i in &moved {
                tracked.set(NetId(i as u32 + 1), transform, &row(&scenario.bodies[i]));
            }
        })?;
        for client in 0..case.clients as u64 {
            out.clear();
            replicator.assemble(ClientKey(client), 0, &mut out);
            black_box(&out);
        }
        ours.push(start.elapsed().as_secs_f64() * 1.0e6);
        bytes += out.state.iter().map(bytes::Bytes::len).sum::<usize>();
        for frame in &out.state {
            mirror.apply_state(frame)?;
        }
        let behind = |ticks: u64| Tick((now - 1).saturating_sub(ticks).max(1));
        let base = Base { tick: behind(ACK_LAG_TICKS), before: behind(2 * ACK_LAG_TICKS + 1), whole: false };
        per_client.push(encode_for_each(&mut replicator, case.clients, base));
        updates += moved.len();
        msgpack.push(msgpack_for_each(&scenario, &moved, case.clients));
    }
    ensure!(mirror.hash_at(mirror.acked()) == replicator.tracked().sum(), "{}: the mirror differs", case.id);
    ensure!(mirror.stats().desyncs == 0 && mirror.stats().checks > 0, "{}: {:?}", case.id, mirror.stats());
    let bytes_per_update = bytes as f64 / updates as f64;
    Ok(Figures {
        ours_us: median(ours),
        per_client_us: median(per_client),
        msgpack_us: median(msgpack),
        bytes_per_update,
    })
}

/// Joins every client; the last one's mirror, which stands for all since they are sent the same.
fn watcher(replicator: &mut Replicator, clients: usize, schemas: &[ComponentSchema]) -> anyhow::Result<Mirror> {
    let mut mirror = Mirror::new(schemas.to_vec());
    for client in 0..clients as u64 {
        let frames = replicator.add_client(ClientKey(client))?;
        if client + 1 == clients as u64 {
            for frame in frames.iter() {
                mirror.apply_snapshot_chunk(frame)?;
            }
        }
    }
    Ok(mirror)
}

/// A body's transform as it travels.
pub(crate) fn row(body: &Body) -> Row {
    let mut row = Row::default();
    row.vec3(body.position, 0.001);
    row.quat(body.rotation);
    row.vec3([1.0; 3], 0.001);
    row
}

/// The same codec without sharing: each client's state encoded by itself.
fn encode_for_each(replicator: &mut Replicator, clients: usize, base: Base) -> f64 {
    let start = Instant::now();
    for _ in 0..clients {
        let mut writer = StateWriter::default();
        replicator.write_since(base, &mut writer);
        let header = StateHeader::new(replicator.tracked().tick(), base, 1);
        black_box(writer.finish(header));
    }
    start.elapsed().as_secs_f64() * 1.0e6
}

/// What a server without a codec does: full values of what moved this tick, serialised for each client.
fn msgpack_for_each(scenario: &Scenario, moved: &[usize], clients: usize) -> f64 {
    let start = Instant::now();
    for _ in 0..clients {
        let mut out = Vec::new();
        for &i in moved {
            let body = &scenario.bodies[i];
            // Serialising arrays of floats into memory has no failure.
            let _ = rmp_serde::encode::write(&mut out, &(i as u32, body.position, body.rotation));
        }
        black_box(out);
    }
    start.elapsed().as_secs_f64() * 1.0e6
}
