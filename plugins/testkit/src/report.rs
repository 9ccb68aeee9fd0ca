//! What was found, as people and programs read it.

use std::fmt;

use serde::Serialize;

/// All that was found in a module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What the batches followed from.
    pub seed: u64,
    /// The worst first.
    pub findings: Vec<Finding>,
    /// In the order of the plan; hooks follow systems.
    pub systems: Vec<Ran>,
}

/// What a system's runs took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ran {
    /// Its name.
    pub system: String,
    /// How often it ran.
    pub runs: u64,
    /// Its most costly run at each number of rows.
    pub fuel: Vec<Fuel>,
}

/// The fuel of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Fuel {
    /// Rows of all its queries.
    pub rows: usize,
    /// About one for each instruction.
    pub fuel: u64,
}

impl Fuel {
    /// Of a row, where there are any.
    #[must_use]
    pub fn per_row(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.fuel as f64 / self.rows as f64)
    }
}

/// Something that is wrong. Of one kind and one system the first is told, and how many more there were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What was looked for.
    pub check: Check,
    /// In which system.
    pub system: String,
    /// Which value, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What is wrong, and what helps.
    pub message: String,
    /// The batch that showed it.
    pub batch: String,
    /// How many more like it.
    pub more: u64,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The plugin breaks a rule.
    Error,
    /// It is likely a mistake.
    Warning,
    /// It is as well to know.
    Note,
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Every valid batch is run without a fault.
    Fault,
    /// The same batch gives the same, whatever ran before.
    Determinism,
    /// The order of rows that nobody asked to be ordered does not matter.
    RowOrder,
    /// A world takes the rows that are written.
    Schema,
    /// Commands are well-formed, allowed, and of values that a world takes.
    Commands,
    /// A run takes no more fuel than it may.
    Fuel,
    /// A recorded batch gives what it gave.
    Replay,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The query's index in the plan.
    pub query: usize,
    /// `Component.field`.
    pub column: String,
    /// From 0.
    pub row: usize,
    /// Of which entity.
    pub entity: u32,
}

impl Report {
    /// Is there no error? Warnings may be.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Error)
    }

    /// Adds a finding, or counts it where one of its kind is there.
    pub(crate) fn add(&mut self, finding: Finding) {
        let key = |finding: &Finding| (finding.severity, finding.check, finding.system.clone());
        match self.findings.iter_mut().find(|other| key(other) == key(&finding)) {
            Some(other) => other.more += 1,
            None => self.findings.push(finding),
        }
    }

    pub(crate) fn sort(&mut self) {
        self.findings.sort_by_key(|finding| (finding.severity, finding.check));
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Check::Fault => "fault",
            Check::Determinism => "determinism",
            Check::RowOrder => "row order",
            Check::Schema => "schema",
            Check::Commands => "commands",
            Check::Fuel => "fuel",
            Check::Replay => "replay",
        })
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { severity, check, system, place, message, batch, more } = self;
        write!(f, "{severity}: {check}: system {system}: ")?;
        if let Some(Place { query, column, row, entity }) = place {
            write!(f, "{column}, row {row} (entity {entity}) of query {query}: ")?;
        }
        write!(f, "{message}\n  in a batch of {batch}")?;
        if *more > 0 { write!(f, "; {more} more like it") } else { Ok(()) }
    }
}
