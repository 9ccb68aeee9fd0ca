//! What a system is handed and what it makes of it, as words that can be made up, compared, written down and read.

use std::fmt;

use serde::{Deserialize, Serialize};

/// All that one run of a system is handed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The system's name in the plan.
    pub system: String,
    /// The tick being computed.
    pub tick: u64,
    /// Of whatever the system draws by chance.
    pub seed: u64,
    /// Ticks a second.
    pub hz: u32,
    /// The config's words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<u32>,
    /// In the order of the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<Rows>,
    /// Of each component that it may look up, who has it and their rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gather: Vec<Gathered>,
    /// Of each kind that the plan names, the words of all messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Vec<u32>>,
}

/// Rows that may be looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gathered {
    /// Words of a row.
    pub words: usize,
    /// By entity.
    pub rows: std::collections::BTreeMap<u32, Vec<u32>>,
}

impl hd1_abi::Gather for Batch {
    fn words(&self, component: usize) -> Option<usize> {
        self.gather.get(component).map(|gathered| gathered.words)
    }

    fn copy(&self, component: usize, entity: u32, row: &mut [u8]) -> bool {
        let Some(words) = self.gather[component].rows.get(&entity) else { return false };
        hd1_abi::layout::write_words(row, words);
        true
    }
}

/// The rows of a query.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// The entity of each row, also where the system is not told of it.
    pub entities: Vec<u32>,
    /// Written ones first, in the order of the plan.
    pub columns: Vec<Column>,
}

/// A column of a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The component.
    pub component: String,
    /// Row after row.
    pub words: Vec<u32>,
}

/// What a run has left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The words of each written column, for each query.
    #[serde(default)]
    pub written: Vec<Vec<Vec<u32>>>,
    /// The words of its commands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<u32>,
}

/// What sort of batch is to be made up. The same wish gives the same batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Entities for each set of components that a query asks for; an entity may be in several queries.
    pub rows: usize,
    /// Entities for this query alone.
    pub only: Option<usize>,
    /// Messages of each kind.
    pub messages: usize,
    /// Which values.
    pub values: Values,
    /// Everything follows from it.
    pub seed: u64,
}

/// Where values are taken from; all of them are within their ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Such as worlds mostly hold; the config is the default one.
    Ordinary,
    /// Many at the ends of their ranges; the config is any.
    Ends,
}

impl Wish {
    /// Ordinary values, and as many messages as rows, within bounds.
    #[must_use]
    pub fn of(rows: usize, seed: u64) -> Self {
        Wish { rows, only: None, messages: rows.min(crate::limits::MESSAGES_MAX), values: Values::Ordinary, seed }
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows", self.rows)?;
        if let Some(query) = self.only {
            write!(f, " of query {query} alone")?;
        }
        if self.messages > 0 {
            write!(f, ", {} messages", self.messages)?;
        }
        match self.values {
            Values::Ordinary => write!(f, ", ordinary values")?,
            Values::Ends => write!(f, ", values at the ends of their ranges")?,
        }
        write!(f, ", seed {}", self.seed)
    }
}
