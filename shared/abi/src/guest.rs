//! A module at work, as a world sees it: a buffer, and systems that run on it.

use crate::fault::Fault;
use crate::gather::Gather;

/// Runs a module's systems and hooks. What a run leaves in the buffer may be anything: whoever reads it checks what it reads.
pub trait Guest: Send {
    /// A tick begins: what it may use is for all runs of this tick together. Without it each run has all of it.
    ///
    /// # Errors
    /// It is broken.
    fn begin_tick(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    /// A buffer of at least so many bytes, aligned to 16. It holds anything at first.
    ///
    /// # Errors
    /// The module has no room, is broken, or faults while it makes some.
    fn buffer(&mut self, bytes: usize) -> Result<&mut [u8], Fault>;

    /// Runs a system, its index in the plan, on the buffer; what it looks up it finds in `others`.
    ///
    /// # Errors
    /// The run counts for nothing, and the guest is broken.
    fn run(&mut self, system: usize, others: &dyn Gather) -> Result<Ran, Fault>;

    /// Calls a hook, its index in the plan, with the first `bytes` of the buffer: what it took, and what it returned.
    ///
    /// # Errors
    /// The call counts for nothing, and the guest is broken.
    fn hook(&mut self, hook: usize, bytes: usize) -> Result<(Ran, u32), Fault>;

    /// The buffer as the run has left it.
    fn output(&self) -> &[u8];

    /// What the last run logged; emptied by being taken.
    fn take_log(&mut self, line: &mut dyn FnMut(Line<'_>));

    /// Says that it ran for nothing after all: what it left behind is against the rules.
    fn break_down(&mut self);

    /// Has it faulted? Then its memory may be in any state, and it runs no more.
    fn is_broken(&self) -> bool;
}

/// What a run took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Fuel: about one for each instruction, the same wherever it runs; 0 where nobody counts.
    pub fuel: u64,
    /// Nanoseconds; 0 where nobody measures. For people alone: no world looks at it.
    pub nanos: u64,
}

/// Something logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A line without control characters.
    Said(LogLevel, &'a str),
    /// So many more than a run may log.
    Dropped(u32),
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something is broken.
    Error,
    /// Something is odd.
    Warn,
    /// Something happened.
    Info,
    /// For the author alone.
    Debug,
}

impl LogLevel {
    /// The level of a number of the interface.
    #[must_use]
    pub const fn of(number: i32) -> Self {
        match number {
            0 => LogLevel::Error,
            1 => LogLevel::Warn,
            2 => LogLevel::Info,
            _ => LogLevel::Debug,
        }
    }

    /// In small letters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
        }
    }
}
