//! Batches with what was made of them, to be run again: after a change that is to change nothing, on another machine.
//!
//! A recording is lines of JSON: `{"hd1_recording":1}`, then one batch in each line with its `output`.

use std::fmt::Write as _;

use hd1_abi::Fault;
use hd1_abi::plan::System;
use serde::{Deserialize, Serialize};

use crate::batch::{Batch, Output};
use crate::compare::{self, Difference};
use crate::kit::Kit;
use crate::limits::RECORDING_BYTES_MAX;
use crate::report::{Check, Finding, Place, Ran, Report, Severity};
use crate::runner::Runner;

/// The form that is told here.
const VERSION: u32 = 1;

/// See the module's words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// In the order in which they were recorded.
    pub entries: Vec<Entry>,
}

/// A batch and what was made of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What was handed over.
    pub batch: Batch,
    /// What came back.
    pub output: Output,
}

/// Why a text is no recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// Longer than a recording may be.
    #[error("a recording has at most {RECORDING_BYTES_MAX} bytes")]
    TooLong,
    /// Its first line says something else.
    #[error("it does not begin with {{\"hd1_recording\":{VERSION}}}")]
    Version,
    /// A line is no batch with its output.
    #[error("line {line}: {reason}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong.
        reason: serde_json::Error,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    hd1_recording: u32,
}

impl Recording {
    /// Reads one.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn parse(text: &str) -> Result<Self, RecordingError> {
        if text.len() > RECORDING_BYTES_MAX {
            return Err(RecordingError::TooLong);
        }
        let mut lines = text.lines().enumerate();
        let head = lines.next().and_then(|(_, line)| serde_json::from_str::<Head>(line).ok());
        if head.is_none_or(|head| head.hd1_recording != VERSION) {
            return Err(RecordingError::Version);
        }
        let entry =
            |(i, line)| serde_json::from_str(line).map_err(|reason| RecordingError::Line { line: i + 1, reason });
        let entries = lines.filter(|(_, line)| !line.is_empty()).map(entry).collect::<Result<_, _>>()?;
        Ok(Recording { entries })
    }

    /// Its text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{{\"hd1_recording\":{VERSION}}}\n");
        for entry in &self.entries {
            // Numbers, lists and names: there is nothing in it that JSON cannot hold.
            let _ = writeln!(text, "{}", serde_json::to_string(entry).unwrap_or_default());
        }
        text
    }
}

pub(crate) fn record(kit: &Kit, batches: impl IntoIterator<Item = Batch>) -> Result<Recording, (String, Fault)> {
    let run = |batch: Batch| match kit.run(&batch) {
        Ok(output) => Ok(Entry { batch, output }),
        Err(fault) => Err((batch.system, fault)),
    };
    Ok(Recording { entries: batches.into_iter().map(run).collect::<Result<_, _>>()? })
}

pub(crate) fn replay(kit: &Kit, recording: &Recording) -> Report {
    let mut report = Report { seed: kit.seed, ..Report::default() };
    for (number, entry) in recording.entries.iter().enumerate() {
        let name = &entry.batch.system;
        if let Err((place, message)) = replay_one(kit, entry) {
            let batch = format!("the recording, number {number}");
            let system = name.clone();
            let (severity, check) = (Severity::Error, Check::Replay);
            report.add(Finding { severity, check, system, place, message, batch, more: 0 });
        }
        match report.systems.iter_mut().find(|ran| ran.system == *name) {
            Some(ran) => ran.runs += 1,
            None => report.systems.push(Ran { system: name.clone(), runs: 1, fuel: Vec::new() }),
        }
    }
    report
}

fn replay_one(kit: &Kit, entry: &Entry) -> Result<(), (Option<Place>, String)> {
    let Entry { batch, output } = entry;
    let plan = kit.plan();
    let found = plan.systems.iter().enumerate().find(|(_, system)| system.name == batch.system);
    let (i, system) = found.ok_or_else(|| (None, "the plan has no such system any more".to_owned()))?;
    check_shape(kit, system, batch, output).map_err(|reason| (None, reason))?;
    let ran = Runner::new(kit, kit.limits, 0).and_then(|mut runner| runner.run(system, i, batch));
    let now = ran.map_err(|fault| (None, fault.to_string()))?.output;
    match compare::as_they_lie(&kit.columns, system, batch, output, &now) {
        Some(Difference { place, one, other }) => Err((place, format!("{other}, and it was {one}"))),
        None => Ok(()),
    }
}

/// Is it a batch of this system as it is now?
fn check_shape(kit: &Kit, system: &System, batch: &Batch, output: &Output) -> Result<(), String> {
    let other = |what: &str| Err(format!("it was recorded for another plan: {what} differ; record it anew"));
    if batch.hz == 0 || batch.config.len() != kit.plan().config_words() {
        return other("rate or config");
    }
    if batch.queries.len() != system.queries.len() || output.written.len() != system.queries.len() {
        return other("queries");
    }
    let each = system.messages.iter().filter_map(|name| hd1_abi::MessageKind::of_name(name));
    let whole = |(words, kind): (&Vec<u32>, hd1_abi::MessageKind)| words.len().is_multiple_of(kind.words());
    if batch.messages.len() != system.messages.len() || !batch.messages.iter().zip(each).all(whole) {
        return other("messages");
    }
    for (q, (query, rows)) in system.queries.iter().zip(&batch.queries).enumerate() {
        let names = rows.columns.iter().map(|column| &column.component);
        let fits = |column: &crate::batch::Column| {
            column.words.len() == rows.entities.len() * kit.columns.words(&column.component)
        };
        if !names.eq(query.columns()) || !rows.columns.iter().all(fits) {
            return other("columns");
        }
        let lens = output.written[q].iter().map(Vec::len);
        if !lens.eq(rows.columns.iter().take(query.write.len()).map(|column| column.words.len())) {
            return other("written columns");
        }
    }
    Ok(())
}
