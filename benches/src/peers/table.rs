//! All engines' figures side by side: which of them make which row.

use std::collections::BTreeMap;

use anyhow::ensure;
use hd1_scenario::{
    Figures,
    figures::{BYTES_CLIENT_TICK, BYTES_PER_UPDATE, JOIN_BYTES, JOIN_US, SERVER_US_TICK},
    median,
};

use super::{
    ENGINE,
    aoi::{CLIENT_KIB, ENTITY_BYTES},
    browser::{self, BROWSER_US_TICK},
    cubes::{PLAY_KBIT, REST_KBIT},
    loss::{BYTES_LONG, BYTES_LOSSY, BYTES_PERFECT},
    websocket::WS_US_TICK,
};
use crate::report::Row;

const REPLICON: &str = "bevy_replicon";
const LIGHTYEAR: &str = "lightyear";
const COLYSEUS: &str = "Colyseus";

/// A row: one figure of a scene, and whose stands beside it.
struct Line {
    id: &'static str,
    scene: &'static str,
    figure: &'static str,
    /// From the figure's unit to the row's.
    factor: f64,
    unit: &'static str,
    opponent: Option<&'static str>,
}

const fn line(
    id: &'static str,
    (scene, figure): (&'static str, &'static str),
    (factor, unit): (f64, &'static str),
    opponent: Option<&'static str>,
) -> Line {
    Line { id, scene, figure, factor, unit, opponent }
}

const US: (f64, &str) = (1.0, "us/tick");
const MS: (f64, &str) = (1e-3, "ms");
const BYTES: (f64, &str) = (1.0, "B/update");
const JOIN: (f64, &str) = (1.0, "B");
const KBIT: (f64, &str) = (1.0, "kbit/s");

const LINES: &[Line] = &[
    line("s1_vs_replicon", ("s1", SERVER_US_TICK), US, Some(REPLICON)),
    line("s1_vs_lightyear", ("s1", SERVER_US_TICK), US, Some(LIGHTYEAR)),
    line("entity_ns", ("s1", SERVER_US_TICK), (1.0, "ns/entity"), Some(REPLICON)),
    line("s1_bytes", ("s1", BYTES_PER_UPDATE), BYTES, Some(REPLICON)),
    line("s2_vs_replicon", ("s2", SERVER_US_TICK), US, Some(REPLICON)),
    line("s2_vs_lightyear", ("s2", SERVER_US_TICK), US, Some(LIGHTYEAR)),
    line("s2_ns_pair", ("s2", SERVER_US_TICK), (0.01, "ns/pair"), Some(REPLICON)),
    line("s2_ws_vs_colyseus", ("s2", WS_US_TICK), US, Some(COLYSEUS)),
    line("s2_bytes", ("s2", BYTES_PER_UPDATE), BYTES, Some(REPLICON)),
    line("s2_bytes_vs_lightyear", ("s2", BYTES_PER_UPDATE), BYTES, Some(LIGHTYEAR)),
    line("s2_bytes_vs_colyseus", ("s2", BYTES_PER_UPDATE), BYTES, Some(COLYSEUS)),
    line("s3_vs_replicon", ("s3", SERVER_US_TICK), US, Some(REPLICON)),
    line("s3_vs_lightyear", ("s3", SERVER_US_TICK), US, Some(LIGHTYEAR)),
    line("s3_bytes", ("s3", BYTES_PER_UPDATE), BYTES, Some(REPLICON)),
    line("s3_bytes_vs_lightyear", ("s3", BYTES_PER_UPDATE), BYTES, Some(LIGHTYEAR)),
    line("s3_bytes_vs_colyseus", ("s3", BYTES_PER_UPDATE), BYTES, Some(COLYSEUS)),
    line("s4_tick_ms", ("s4", JOIN_US), MS, Some(REPLICON)),
    line("s4_tick_ms_vs_lightyear", ("s4", JOIN_US), MS, Some(LIGHTYEAR)),
    line("s4_bytes", ("s4", JOIN_BYTES), JOIN, Some(REPLICON)),
    line("s4_bytes_vs_lightyear", ("s4", JOIN_BYTES), JOIN, Some(LIGHTYEAR)),
    line("s4_bytes_vs_colyseus", ("s4", JOIN_BYTES), JOIN, Some(COLYSEUS)),
    line("asteroids_bytes", ("asteroids", BYTES_PER_UPDATE), BYTES, Some(REPLICON)),
    line("asteroids_bytes_vs_lightyear", ("asteroids", BYTES_PER_UPDATE), BYTES, Some(LIGHTYEAR)),
    line("asteroids_bytes_vs_colyseus", ("asteroids", BYTES_PER_UPDATE), BYTES, Some(COLYSEUS)),
    line("crowd_vs_replicon", ("crowd", SERVER_US_TICK), US, Some(REPLICON)),
    line("idle_ns_client", ("idle", SERVER_US_TICK), (1.0, "ns/client"), None),
    line("idle_bytes_client", ("idle", BYTES_CLIENT_TICK), (1.0, "B/client"), None),
    line("aoi_us_client", ("aoi", SERVER_US_TICK), (1e-3, "us/client"), None),
    line("aoi_bytes_client", ("aoi", BYTES_CLIENT_TICK), (1.0, "B/client"), None),
    line("client_kib", ("aoi", CLIENT_KIB), (1.0, "KiB"), None),
    line("entity_bytes", ("aoi", ENTITY_BYTES), (1.0, "B"), None),
    line("cubes_play_kbit", ("cubes", PLAY_KBIT), KBIT, None),
    line("browser_ms", (browser::SCENE, BROWSER_US_TICK), MS, None),
    line("cubes_rest_kbit", ("cubes", REST_KBIT), KBIT, None),
];

/// Every row for which there are figures; several runs of an engine count by their median.
///
/// # Errors
/// Figures that nobody has checked.
pub fn rows(figures: &[Figures]) -> anyhow::Result<Vec<Row>> {
    let mut runs: BTreeMap<(&str, &str, &str), Vec<f64>> = BTreeMap::new();
    for run in figures {
        ensure!(run.verified, "{} in {}: its clients were not compared with its server", run.engine, run.scene);
        for (name, value) in &run.values {
            runs.entry((&run.engine, &run.scene, name)).or_default().push(*value);
        }
    }
    let value = |engine, scene, name| runs.get(&(engine, scene, name)).cloned().map(median);
    let mut rows = Vec::new();
    for line in LINES {
        let Some(ours) = value(ENGINE, line.scene, line.figure) else { continue };
        let theirs = line.opponent.and_then(|engine| Some((engine, value(engine, line.scene, line.figure)?)));
        match (line.opponent, theirs) {
            (_, Some((engine, theirs))) => {
                rows.push(Row::against(line.id, ours * line.factor, line.unit, engine, theirs * line.factor));
            }
            // It says nothing without them.
            (Some(_), None) if line.id.contains("_vs_") => {}
            (_, None) => rows.push(Row::alone(line.id, ours * line.factor, line.unit)),
        }
    }
    for (id, base, name) in [
        ("loss_ratio", BYTES_LONG, "the same round trip without loss"),
        ("loss_ratio_perfect", BYTES_PERFECT, "no delay, no loss"),
    ] {
        let (Some(lossy), Some(base)) = (value(ENGINE, "loss", BYTES_LOSSY), value(ENGINE, "loss", base)) else {
            continue;
        };
        rows.push(Row { opponent: name.into(), opponent_value: Some(1.0), ..Row::alone(id, lossy / base, "x") });
    }
    for (id, scene) in [("aoi_growth", "aoi_around"), ("aoi_growth_spread", "aoi_large")] {
        let (Some(small), Some(large)) = (value(ENGINE, "aoi", SERVER_US_TICK), value(ENGINE, scene, SERVER_US_TICK))
        else {
            continue;
        };
        let world = "a world ten times smaller".into();
        rows.push(Row { opponent: world, opponent_value: Some(1.0), ..Row::alone(id, large / small, "x") });
    }
    Ok(rows)
}
