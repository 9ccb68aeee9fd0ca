//! What does one tick of each library scene cost, and how many bytes does a client that watches it?
//!
//! The real simulation with eight players who walk in circles, captured and encoded for one watching client, whose
//! mirror must agree at the end. The opponent is the time there is: a tick's period at the scene's rate.

use std::time::Instant;

use anyhow::{Context, ensure};
use hd1_core::{ClientType, PlayerId, Role, SessionId, TickRate};
use hd1_protocol::{InputSample, Mirror};
use hd1_replication::{ClientKey, Interest, Outgoing, Replicator, Viewer, WorldCapture};
use hd1_scenario::median;
use hd1_sim::{Command, Sim, SimConfig, TickInput};

use crate::report;

const SCENES: &[&str] = &["lobby", "asteroids", "cubes", "city"];
const PLAYERS: u32 = 8;

/// Runs every library scene.
///
/// # Errors
/// Where a scene does not load, or the mirror differs.
pub fn run(quick: bool) -> anyhow::Result<Vec<report::Row>> {
    let ticks = if quick { 150 } else { 900 };
    let mut rows = Vec::new();
    for scene in SCENES {
        let figures = measure(scene, ticks).with_context(|| format!("scene {scene}"))?;
        let period_us = TickRate::DEFAULT.period_ns() as f64 / 1000.0;
        let id = |what: &str| format!("{scene}_{what}");
        rows.push(report::Row::against(&id("tick_us"), figures.tick_us, "us/tick", "period at 30 Hz", period_us));
        rows.push(report::Row::against(&id("show_us"), figures.show_us, "us/tick", "period at 30 Hz", period_us));
        rows.push(report::Row::alone(&id("join_kb"), figures.join_bytes / 1000.0, "kB"));
        rows.push(report::Row::alone(&id("watch_kbit_s"), figures.kbit_per_s, "kbit/s"));
    }
    Ok(rows)
}

struct Figures {
    /// One simulation step, median.
    tick_us: f64,
    /// Capture and encoding for one client, median.
    show_us: f64,
    join_bytes: f64,
    kbit_per_s: f64,
}

fn measure(name: &str, ticks: u64) -> anyhow::Result<Figures> {
    let scene = hd1_scenes::library::load(name)?;
    let mut sim = Sim::from_scene(SimConfig::new(SessionId::generate()), &scene)?;
    let mut replicator = Replicator::new([], Interest::EVERYTHING);
    let mut capture = WorldCapture::default();
    let join = (1..=PLAYERS).map(|n| Command::Join {
        player: PlayerId(n),
        name: format!("player {n}"),
        role: Role::Participant,
        client_type: ClientType::Bot,
    });
    let output = sim.tick(&TickInput { commands: join.collect() });
    let schemas = capture.capture(sim.world_mut(), output.tick, &mut replicator)?;
    let mut mirror = Mirror::new(schemas);
    let frames = replicator.add_client(ClientKey(1), Viewer::default())?;
    for frame in frames.iter() {
        mirror.apply_snapshot_chunk(frame)?;
    }
    let (mut tick_us, mut show_us, mut bytes) = (Vec::new(), Vec::new(), 0usize);
    let mut out = Outgoing::default();
    for now in 1..=ticks {
        let input = TickInput { commands: (1..=PLAYERS).map(|n| walk(n, now)).collect() };
        let start = Instant::now();
        let output = sim.tick(&input);
        let stepped = Instant::now();
        replicator.ack(ClientKey(1), mirror.acks());
        capture.capture(sim.world_mut(), output.tick, &mut replicator)?;
        out.clear();
        replicator.assemble(ClientKey(1), 0, &mut out)?;
        show_us.push(stepped.elapsed().as_secs_f64() * 1.0e6);
        tick_us.push((stepped - start).as_secs_f64() * 1.0e6);
        for frame in &out.reliable {
            mirror.apply_reliable(frame)?;
        }
        for frame in &out.state {
            mirror.apply_state(frame)?;
        }
        bytes += out.reliable.iter().chain(&out.state).map(bytes::Bytes::len).sum::<usize>();
    }
    ensure!(mirror.hash_at(mirror.acked()) == replicator.tracked().sum(), "the mirror differs");
    let seconds = ticks as f64 / f64::from(sim.config().tick_rate.hz());
    Ok(Figures {
        tick_us: median(tick_us),
        show_us: median(show_us),
        join_bytes: frames.iter().map(bytes::Bytes::len).sum::<usize>() as f64,
        kbit_per_s: bytes as f64 * 8.0 / 1000.0 / seconds,
    })
}

fn walk(player: u32, now: u64) -> Command {
    let yaw = (now as f32 * 0.02 + player as f32) % std::f32::consts::TAU;
    let sample = InputSample { seq: now as u32, forward: 1.0, yaw, ..InputSample::default() };
    Command::Input { player: PlayerId(player), sample }
}
