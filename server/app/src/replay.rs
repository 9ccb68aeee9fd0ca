//! `hd1 replay`: a recording re-run headless at full speed, every tick's hash compared.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

/// Prints the report as one JSON object.
///
/// # Errors
/// The file is no recording, or a tick came out differently.
pub fn run(file: &Path) -> Result<()> {
    let start = Instant::now();
    let report = hd1_runtime::replay(file).with_context(|| format!("cannot replay {}", file.display()))?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{}", serde_json::to_string_pretty(&report)?);
    eprintln!("{} ticks in {seconds:.2} s ({:.0} a second)", report.ticks, report.ticks as f64 / seconds.max(1e-9));
    match report.first_mismatch {
        Some(mismatch) => bail!("tick {} came out differently", mismatch.tick),
        None if !report.is_equal() => bail!("the recording is damaged after {} ticks", report.ticks),
        None => Ok(()),
    }
}
