//! What the commands print: tables with aligned columns, and names with their values.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// Prints one JSON value in a line.
pub(super) fn json<T: Serialize>(value: &T) -> Result<()> {
    say(&serde_json::to_string(value)?)
}

/// Prints a line.
pub(super) fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{}", printable(line)).context("cannot write to stdout")
}

/// Prints rows under their heads.
pub(super) fn table<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> Result<()> {
    for line in lines(heads, rows) {
        say(&line)?;
    }
    Ok(())
}

/// Prints names with their values; those without a value are left out.
pub(super) fn pairs(pairs: &[(&str, String)]) -> Result<()> {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        say(&format!("{name:width$}  {value}"))?;
    }
    Ok(())
}

fn lines<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> Vec<String> {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heads[column].len()]).max().unwrap_or_default()
    });
    let line = |cells: [&str; N]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rows = rows.iter().map(|row| line(row.each_ref().map(String::as_str)));
    [line(heads)].into_iter().chain(rows).collect()
}

/// A line as a terminal may be shown it: a plugin's author must not move its cursor.
fn printable(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = [["acme:wind".to_owned(), "1.0.0".to_owned()], ["ä:b".to_owned(), String::new()]];
        assert_eq!(lines(["ID", "VERSION"], &rows), ["ID         VERSION", "acme:wind  1.0.0", "ä:b"]);
    }

    #[test]
    fn nothing_that_is_printed_steers_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\rc"), "a\u{fffd}[2Jb\u{fffd}c");
    }
}
