//! Why a run counts for nothing.

use std::time::Duration;

/// See the module's words. The guest is broken from then on: make another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It did what is not allowed, or gave up by itself.
    #[error("it trapped: {0}")]
    Trap(String),
    /// It computed too long.
    #[error("it used more than its {0} of fuel")]
    Fuel(u64),
    /// It took too long.
    #[error("it was still running after {0:?}")]
    Time(Duration),
    /// Its calls went too deep.
    #[error("its calls went deeper than the stack")]
    Stack,
    /// It has no room for what it is to work on.
    #[error("it gave no buffer of {bytes} bytes, but {given:#x}, in a memory of {memory} bytes")]
    Buffer {
        /// As many as it was asked for.
        bytes: usize,
        /// The address that it gave.
        given: u32,
        /// As large as its memory is.
        memory: usize,
    },
    /// It said itself that its run counts for nothing.
    #[error("it returned {0} instead of 0")]
    Refused(u32),
    /// What it left behind is no list of commands.
    #[error("its commands, at word {word}: {reason}")]
    Commands {
        /// Where.
        word: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// What it answered as a filter is no answer.
    #[error("its answer: {0}")]
    Answer(&'static str),
    /// An earlier fault broke it.
    #[error("it is broken since its last fault")]
    Broken,
}

impl Fault {
    /// The kind of fault, for counters.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Fault::Trap(_) => "trap",
            Fault::Fuel(_) => "fuel",
            Fault::Time(_) => "time",
            Fault::Stack => "stack",
            Fault::Buffer { .. } => "memory",
            Fault::Refused(_) => "refused",
            Fault::Commands { .. } => "commands",
            Fault::Answer(_) => "answer",
            Fault::Broken => "broken",
        }
    }
}
