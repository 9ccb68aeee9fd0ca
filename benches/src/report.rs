//! One row per figure: on the terminal as a table, in a file as JSON.

use std::{fs, path::Path};

use anyhow::Context;
use serde::Serialize;

/// A figure beside its opponent's.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Stable name.
    pub id: String,
    /// What was measured.
    pub value: f64,
    /// Of `value`.
    pub unit: String,
    /// Who else did the same work in the same run; empty where nobody did.
    pub opponent: String,
    /// Their figure, in the same unit.
    pub opponent_value: Option<f64>,
    /// Theirs over ours: above 1 is ahead.
    pub ratio: Option<f64>,
}

impl Row {
    /// A figure with an opponent; less is better.
    #[must_use]
    pub fn against(id: &str, value: f64, unit: &str, opponent: &str, opponent_value: f64) -> Self {
        Row {
            id: id.into(),
            value,
            unit: unit.into(),
            opponent: opponent.into(),
            opponent_value: Some(opponent_value),
            ratio: Some(opponent_value / value),
        }
    }

    /// A figure that stands alone.
    #[must_use]
    pub fn alone(id: &str, value: f64, unit: &str) -> Self {
        Row { id: id.into(), value, unit: unit.into(), opponent: String::new(), opponent_value: None, ratio: None }
    }
}

/// Prints the table.
pub fn print(rows: &[Row]) {
    println!("{:<34} {:>12} {:<14} {:>12} {:>8}  opponent", "id", "value", "unit", "theirs", "ratio");
    for row in rows {
        let theirs = row.opponent_value.map_or_else(String::new, |v| format!("{v:.3}"));
        let ratio = row.ratio.map_or_else(String::new, |v| format!("{v:.1}x"));
        println!("{:<34} {:>12.3} {:<14} {theirs:>12} {ratio:>8}  {}", row.id, row.value, row.unit, row.opponent);
    }
}

/// Writes the rows as a JSON array.
///
/// # Errors
/// Where the file cannot be written.
pub fn write(rows: &[Row], file: &Path) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(rows)?;
    fs::write(file, text + "\n").with_context(|| format!("writing {}", file.display()))
}
