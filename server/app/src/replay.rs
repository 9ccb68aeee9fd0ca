//! `hd1 replay`: a recording re-run headless at full speed, every tick's hash compared.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use hd1_runtime::NoModules;

use crate::config::Config;
use crate::plugin_host::Plugins;

/// Prints the report as one JSON object.
///
/// # Errors
/// The file is no recording, or a tick came out differently.
pub fn run(file: &Path, data: Option<&Path>) -> Result<()> {
    let modules = match data {
        Some(data) => Plugins::open(data, &Config::default().plugins)?.on_demand(),
        None => Arc::new(NoModules),
    };
    let start = Instant::now();
    let report = hd1_runtime::replay(file, modules).with_context(|| format!("cannot replay {}", file.display()))?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{}", serde_json::to_string_pretty(&report)?);
    eprintln!("{} ticks in {seconds:.2} s ({:.0} a second)", report.ticks, report.ticks as f64 / seconds.max(1e-9));
    match report.first_mismatch {
        Some(mismatch) => bail!("tick {} came out differently", mismatch.tick),
        None if !report.is_equal() => bail!("the recording is damaged after {} ticks", report.ticks),
        None => Ok(()),
    }
}
