//! What a module is given besides its batch: one function to log with.

use wasmtime::{Caller, Extern, Linker, StoreLimits};

use crate::limits::{LOG_BYTES_MAX, LOG_LINES_MAX};

/// The import module of interface 1.
pub(crate) const IMPORTS: &str = "hd1_sim_1";
/// All that is in it.
pub(crate) const ALLOWED: &str = "`hd1_sim_1.log(level: i32, at: i32, bytes: i32)`";

/// What belongs to an instance beside its memory.
#[derive(Debug)]
pub(crate) struct State {
    pub limits: StoreLimits,
    pub log: Log,
}

/// What a run has logged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Log {
    pub lines: Vec<(LogLevel, String)>,
    /// Lines beyond the limit.
    pub dropped: u32,
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
    fn of(number: i32) -> Self {
        match number {
            0 => LogLevel::Error,
            1 => LogLevel::Warn,
            2 => LogLevel::Info,
            _ => LogLevel::Debug,
        }
    }
}

/// Links what there is.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(IMPORTS, "log", log)?;
    Ok(())
}

fn log(mut caller: Caller<'_, State>, level: i32, at: i32, bytes: i32) -> wasmtime::Result<()> {
    if caller.data().log.lines.len() >= LOG_LINES_MAX as usize {
        let dropped = &mut caller.data_mut().log.dropped;
        *dropped = dropped.saturating_add(1);
        return Ok(());
    }
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else { return Ok(()) };
    let (at, bytes) = (at as u32 as usize, (bytes as u32 as usize).min(LOG_BYTES_MAX));
    let end = at.saturating_add(bytes);
    let line = memory.data(&caller).get(at..end).ok_or_else(|| {
        wasmtime::Error::msg(format!("it logged {bytes} bytes at {at:#x}, which is not all in its memory"))
    })?;
    // A line of an operator's log stays a line.
    let line = String::from_utf8_lossy(line).replace(|c: char| c.is_control(), " ");
    caller.data_mut().log.lines.push((LogLevel::of(level), line));
    Ok(())
}
