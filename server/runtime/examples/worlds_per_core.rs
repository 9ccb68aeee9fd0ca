//! How much of a core do many worlds take? `cargo run --example worlds_per_core -- SESSIONS ENTITIES HZ SECONDS [idle]`
//!
//! It stands alone because it needs the real clock, which tests do not use. `idle` hibernates the worlds first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hd1_core::{SessionId, TickRate};
use hd1_runtime::{NoObserver, Runtime, RuntimeConfig, WorldSource, WorldSpec, WorldStatus};
use hd1_scenes::Scene;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |n: usize, default: u32| args.get(n).map_or(Ok(default), |text| text.parse());
    let (sessions, entities, hz, seconds) = (number(0, 500)?, number(1, 20)?, number(2, 20)?, number(3, 10)?);
    let initial = if args.iter().any(|arg| arg == "idle") { WorldStatus::Hibernated } else { WorldStatus::Running };
    let dir = tempfile::tempdir()?;
    let mut config = RuntimeConfig::new(dir.path());
    config.hibernate_after = None;
    let runtime = Runtime::start(config, Arc::new(NoObserver))?;
    let scene = Arc::new(Scene::parse(&scene(entities))?);
    let began = Instant::now();
    for _ in 0..sessions {
        let spec = WorldSpec {
            source: WorldSource::Scene(Arc::clone(&scene)),
            tick_rate: TickRate::try_from(hz)?,
            seed: 1,
            quotas: hd1_sim::Quotas::default(),
            shown: hd1_runtime::Shown::default(),
            plugins: Vec::new(),
            initial,
        };
        runtime.create(SessionId::generate(), spec).await?;
    }
    println!("{sessions} sessions made in {:.2} s, {} MiB", began.elapsed().as_secs_f64(), resident_mib());
    let (before, cpu) = (runtime.metrics(), cpu_s());
    let began = Instant::now();
    tokio::time::sleep(Duration::from_secs(seconds.into())).await;
    let (after, cpu, took) = (runtime.metrics(), cpu_s() - cpu, began.elapsed().as_secs_f64());
    let ticks = after.tick_durations.count - before.tick_durations.count;
    let busy_us = after.tick_durations.sum_us - before.tick_durations.sum_us;
    println!("ticks            {ticks} of {:.0}", f64::from(sessions * hz) * took);
    println!("tick mean        {:.1} µs", busy_us as f64 / ticks.max(1) as f64);
    println!("overruns         {}", after.overruns - before.overruns);
    println!("skipped          {}", after.skipped_ticks - before.skipped_ticks);
    println!("late by µs       {:?}", after.tick_lateness.cumulative);
    println!("snapshots        {} ({} KiB)", after.snapshot_writes.count, after.snapshot_bytes / 1024);
    println!(
        "snapshot stall   {:.0} µs",
        after.snapshot_stalls.sum_us as f64 / after.snapshot_stalls.count.max(1) as f64
    );
    println!("of one core      {:.1} %", 100.0 * cpu / took);
    Ok(())
}

fn scene(entities: u32) -> String {
    let entity = |n| {
        format!(
            r#"{{ "components": {{ "Transform": {{ "position": [{n}, 1, 0] }}, "Motion": {{ "mode": "orbit", "radius": 3, "period": 20 }} }} }}"#
        )
    };
    let entities: Vec<_> = (0..entities).map(entity).collect();
    format!(r#"{{ "name": "Orbits", "entities": [{}] }}"#, entities.join(","))
}

/// Seconds of processor time that this process has used.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|text: &&str| text.parse::<f64>().ok()).unwrap_or(0.0);
    // Fields 14 and 15 of proc(5), counted from the third; the clock of that file ticks 100 times a second.
    (ticks(11) + ticks(12)) / 100.0
}

fn resident_mib() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096 / (1 << 20)
}
