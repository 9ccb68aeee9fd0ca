//! What a module is given besides its batch: one function to log with.

use hd1_abi::LogLevel;
use hd1_abi::limits::{LOG_BYTES_MAX, LOG_LINES_MAX};
use wasmtime::{Caller, Extern, Linker, StoreLimits};

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

impl Log {
    pub fn clear(&mut self) {
        self.lines.clear();
        self.dropped = 0;
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
