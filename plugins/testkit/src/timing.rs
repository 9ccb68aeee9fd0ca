//! What a system costs, beside what copying its columns costs whoever computes nothing.

use std::time::Instant;

use hd1_abi::Fault;
use hd1_host::Limits;
use serde::Serialize;

use crate::batch::{Batch, Wish};
use crate::kit::Kit;
use crate::limits::{TIMED_RUN_TIME_MAX, TIMED_RUNS_MAX, TIMING_BUDGET};
use crate::runner::Runner;

/// A system at a number of rows: medians of many runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timing {
    /// Its name.
    pub system: String,
    /// Rows of all its queries.
    pub rows: usize,
    /// Nanoseconds of a run.
    pub run_ns: f64,
    /// Nanoseconds of copying its columns into its memory, and those that it writes out again.
    pub copy_ns: f64,
    /// Fuel of a run.
    pub fuel: u64,
    /// How many runs were measured.
    pub runs: usize,
    /// Is it more than a server allows?
    pub is_over: bool,
    /// Why it could not be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl Timing {
    /// Nanoseconds of a row: the system's own.
    #[must_use]
    pub fn ns_per_row(&self) -> f64 {
        self.run_ns / self.rows.max(1) as f64
    }

    /// Nanoseconds of a row: copying.
    #[must_use]
    pub fn copy_ns_per_row(&self) -> f64 {
        self.copy_ns / self.rows.max(1) as f64
    }

    /// Fuel of a row.
    #[must_use]
    pub fn fuel_per_row(&self) -> f64 {
        self.fuel as f64 / self.rows.max(1) as f64
    }
}

pub(crate) fn measure(kit: &Kit, rows: &[usize]) -> Vec<Timing> {
    let mut timings = Vec::new();
    for i in 0..kit.plan().systems.len() {
        for rows in rows {
            timings.push(one(kit, i, *rows));
        }
    }
    timings
}

fn one(kit: &Kit, i: usize, rows: usize) -> Timing {
    let plan = &kit.plan().systems[i];
    // As many rows in all, however many queries there are; some entities are in several, so it is about.
    let batch = kit.batch(i, Wish::of(rows.div_ceil(plan.queries.len().max(1)), kit.seed));
    let mut timing = Timing {
        system: plan.name.clone(),
        rows: batch.queries.iter().map(|rows| rows.entities.len()).sum(),
        run_ns: 0.0,
        copy_ns: 0.0,
        fuel: 0,
        runs: 0,
        is_over: false,
        fault: None,
    };
    timing.fault = fill(kit, i, &batch, &mut timing).err().map(|fault| fault.to_string());
    timing
}

fn fill(kit: &Kit, i: usize, batch: &Batch, timing: &mut Timing) -> Result<(), Fault> {
    let plan = &kit.plan().systems[i];
    let limits = Limits { fuel: u64::MAX / 2, time: TIMED_RUN_TIME_MAX, ..kit.limits };
    let mut runner = Runner::new(kit, limits, 0)?;
    let columns: Vec<Vec<Vec<u8>>> =
        batch.queries.iter().map(|rows| rows.columns.iter().map(|column| bytes_of(&column.words)).collect()).collect();
    let (mut runs, mut copies, mut out) = (Vec::new(), Vec::new(), Vec::new());
    // Once to warm up.
    timing.fuel = runner.run(plan, i, batch)?.fuel;
    timing.is_over = timing.fuel > kit.limits.fuel;
    let begun = Instant::now();
    while runs.is_empty() || (begun.elapsed() < TIMING_BUDGET && runs.len() < TIMED_RUNS_MAX) {
        runner.lay(i, batch)?;
        runs.push(runner.call(i, batch)?.nanos as f64);
        let copy = Instant::now();
        runner.copy(i, plan, &columns, &mut out)?;
        copies.push(copy.elapsed().as_nanos() as f64);
    }
    timing.runs = runs.len();
    (timing.run_ns, timing.copy_ns) = (median(runs), median(copies));
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn bytes_of(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
