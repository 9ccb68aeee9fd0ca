//! What goes wrong with strangers' code, where, and what helps.

use std::time::Duration;

use wasmtime::Trap;

use crate::limits::Limits;

/// Why a module is not loaded. None of its code has run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// More than there may be.
    #[error("{what}: at most {max} are allowed")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How many.
        max: usize,
    },
    /// The bytes are no core module, or one that needs what is switched off.
    #[error("no module that runs here: {0}")]
    Malformed(String),
    /// The plan is missing, unreadable or against the rules.
    #[error("the plan (custom section `hd1.plan`): {0}")]
    Plan(String),
    /// It asks for a function that systems are not given.
    #[error("it imports `{module}.{name}`: systems have no clock, no chance and no I/O; only {allowed} is there")]
    Import {
        /// The import's module.
        module: String,
        /// The import's name.
        name: String,
        /// What there is.
        allowed: &'static str,
    },
    /// An export is missing or of another type.
    #[error("it has to export `{name}` as {wanted}")]
    Export {
        /// Which.
        name: &'static str,
        /// As what.
        wanted: &'static str,
    },
}

/// Why a run counts for nothing. The instance is broken from then on: make another.
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
    /// An earlier fault broke it.
    #[error("it is broken since its last fault")]
    Broken,
}

impl Fault {
    /// What wasmtime says of a call that did not return.
    pub(crate) fn of(error: &wasmtime::Error, limits: &Limits) -> Self {
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => Fault::Fuel(limits.fuel),
            Some(Trap::Interrupt) => Fault::Time(limits.time),
            Some(Trap::StackOverflow) => Fault::Stack,
            Some(trap) => Fault::Trap(trap.to_string()),
            None => Fault::Trap(error.root_cause().to_string()),
        }
    }
}
