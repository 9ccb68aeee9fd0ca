//! The rows as the README's table: no figure in it is written by hand.

use std::{fs, path::Path};

use anyhow::Context;

use crate::report::Row;

const BEGIN: &str = "<!-- bench peers: made by `cargo x bench peers --readme` -->\n";
const END: &str = "<!-- bench peers: end -->\n";

/// What each line says, and the rows that it is made of: HD1's figure is the same in all of them.
const LINES: &[(&str, &[&str])] = &[
    ("S1: 1,000 entities, all change, 1 client: server's tick", &["s1_vs_replicon", "s1_vs_lightyear"]),
    ("S2: the same with 100 clients: server's tick", &["s2_vs_replicon", "s2_vs_lightyear"]),
    ("S2 per entity and client", &["s2_ns_pair"]),
    ("S2 per update", &["s2_bytes", "s2_bytes_vs_lightyear", "s2_bytes_vs_colyseus"]),
    ("S2 over real WebSocket: server's CPU", &["s2_ws_vs_colyseus"]),
    ("S3: 10,000 entities, 1 % change, 100 clients: server's tick", &["s3_vs_replicon", "s3_vs_lightyear"]),
    ("S3 per update", &["s3_bytes", "s3_bytes_vs_lightyear", "s3_bytes_vs_colyseus"]),
    ("S4: one more joins 10,000 entities beside 100 clients: longest tick", &["s4_tick_ms", "s4_tick_ms_vs_lightyear"]),
    ("S4: what it is sent", &["s4_bytes", "s4_bytes_vs_lightyear", "s4_bytes_vs_colyseus"]),
    (
        "asteroids: 250 tumbling bodies at 30 Hz, 0.01 m",
        &["asteroids_bytes", "asteroids_bytes_vs_lightyear", "asteroids_bytes_vs_colyseus"],
    ),
    ("crowd: 1,000 clients see 1,000 entities, all change: server's tick", &["crowd_vs_replicon"]),
    ("idle: 100,000 entities, 1,000 clients, nothing changes", &["idle_ns_client"]),
    ("10,000 entities, 1,000 clients that see about 100 each: server's tick per client", &["aoi_us_client"]),
    ("memory of one more client there", &["client_kib"]),
    ("and of an entity that it knows", &["entity_bytes"]),
    ("the same with ten times the world around them: how many times that", &["aoi_growth"]),
    ("the same spread over ten times the world, of which they see six times as much", &["aoi_growth_spread"]),
    ("cubes: 901 cubes at 60 Hz, an avatar pushes them about", &["cubes_play_kbit"]),
    ("cubes at rest", &["cubes_rest_kbit"]),
    ("a tick of 1,000 updates in Chromium: decoded and applied by the page", &["browser_ms"]),
    ("5 % loss at 150 ms, 1 % of 10,000 change: bytes over those without loss", &["loss_ratio"]),
    ("the same over those without loss and without delay", &["loss_ratio_perfect"]),
];

/// Puts the table between its two marks.
///
/// # Errors
/// The file cannot be read or written, or lacks the marks.
pub fn write(rows: &[Row], file: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let marks = || format!("{} lacks the marks of the table", file.display());
    let (before, rest) = text.split_once(BEGIN).with_context(marks)?;
    let (_, after) = rest.split_once(END).with_context(marks)?;
    let text = format!("{before}{BEGIN}{}{END}{after}", table(rows));
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from("| | HD1 | beside it |\n|---|---|---|\n");
    for (what, ids) in LINES {
        let found: Vec<&Row> = ids.iter().filter_map(|id| rows.iter().find(|row| row.id == *id)).collect();
        let Some(first) = found.first() else { continue };
        let beside: Vec<String> = found.iter().filter_map(|row| opponent(row)).collect();
        text += &format!("| {what} | {} {} | {} |\n", rounded(first.value), first.unit, beside.join(", "));
    }
    text
}

fn opponent(row: &Row) -> Option<String> {
    let theirs = rounded(row.opponent_value?);
    let ratio = row.ratio.map_or_else(String::new, |ratio| format!(" ({}×)", rounded(ratio)));
    Some(format!("{} {theirs}{ratio}", row.opponent))
}

/// Three digits are all that a shared machine can vouch for.
fn rounded(value: f64) -> String {
    let digits = (2 - value.abs().max(1e-9).log10().floor() as i32).clamp(0, 2) as usize;
    let text = format!("{value:.digits$}");
    let whole = text.split('.').next().unwrap_or_default().len();
    let mut grouped = String::new();
    for (i, letter) in text.chars().enumerate() {
        if i > 0 && i < whole && (whole - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(letter);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(rounded(0.0), "0.00");
        assert_eq!(rounded(1.754), "1.75");
        assert_eq!(rounded(33.14), "33.1");
        assert_eq!(rounded(331_880.0), "331,880");
    }

    #[test]
    fn a_line_names_every_opponent_that_was_measured() {
        let rows = [
            Row::against("s2_bytes", 10.6, "B/update", "one", 33.1),
            Row::against("s2_bytes_vs_colyseus", 10.6, "B/update", "other", 38.6),
            Row::alone("idle_ns_client", 60.0, "ns/client"),
        ];
        let table = table(&rows);
        assert!(table.contains("| S2 per update | 10.6 B/update | one 33.1 (3.12×), other 38.6 (3.64×) |"), "{table}");
        assert!(table.contains("nothing changes | 60.0 ns/client |  |"), "{table}");
        assert_eq!(table.lines().count(), 4);
    }
}
