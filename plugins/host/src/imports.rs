//! What a module is given besides its batch: a function to log with, and one to look other entities up.

use hd1_abi::LogLevel;
use hd1_abi::limits::{GATHERED_MAX, LOG_BYTES_MAX, LOG_LINES_MAX};
use wasmtime::{Caller, Extern, Linker, Memory, StoreLimits, Trap};

use crate::lent::Lent;

/// The import module of interface 1.
pub(crate) const IMPORTS: &str = "hd1_sim_1";
/// All that is in it: name, parameters, results.
pub(crate) const FUNCTIONS: [(&str, usize, usize); 2] = [("log", 3, 0), ("gather", 4, 1)];
/// As it is told to authors.
pub(crate) const ALLOWED: &str = "`hd1_sim_1.log(level: i32, at: i32, bytes: i32)` and \
     `hd1_sim_1.gather(component: i32, entities: i32, count: i32, out: i32) -> i32`";
/// Fuel of looking up an entity, and of each word of its row: about as many instructions.
const FUEL_PER_ENTITY: u64 = 32;

/// What belongs to an instance beside its memory.
#[derive(Debug)]
pub(crate) struct State {
    pub limits: StoreLimits,
    pub log: Log,
    /// Its memory, as soon as it has one.
    pub memory: Option<Memory>,
    pub lent: Lent,
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
    linker.func_wrap(IMPORTS, "gather", gather)?;
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

/// For each entity a word that says whether it has the component, and its row: nothing where it has none.
fn gather(mut caller: Caller<'_, State>, component: i32, entities: i32, count: i32, out: i32) -> wasmtime::Result<i32> {
    let wrong = |what: String| wasmtime::Error::msg(format!("it gathered {what}"));
    let Some(memory) = caller.data().memory else { return Err(wrong("before it had a memory".into())) };
    let words = caller.data().lent.get().and_then(|others| others.words(component as u32 as usize));
    let words = words.ok_or_else(|| wrong(format!("component {component}, which its plan does not name")))?;
    let (entities, count, out) = (entities as u32 as usize, count as u32 as usize, out as u32 as usize);
    if count > GATHERED_MAX {
        return Err(wrong(format!("{count} entities at once; {GATHERED_MAX} is the most")));
    }
    // What the host does for it is its own work.
    let cost = count as u64 * (FUEL_PER_ENTITY + words as u64);
    let left = caller.get_fuel()?.checked_sub(cost).ok_or(Trap::OutOfFuel)?;
    caller.set_fuel(left)?;
    let row_bytes = 4 + 4 * words;
    let (bytes, state) = memory.data_and_store_mut(&mut caller);
    let is_inside = |at: usize, len: usize| at.checked_add(len).is_some_and(|end| end <= bytes.len());
    if !is_inside(entities, 4 * count) || !is_inside(out, row_bytes * count) {
        return Err(wrong(format!("{count} entities at {entities:#x} to {out:#x}, which is not all in its memory")));
    }
    let Some(others) = state.lent.get() else { return Ok(0) };
    let mut found = 0;
    for i in 0..count {
        let id = bytes[entities + 4 * i..].first_chunk().map_or(0, |id| u32::from_le_bytes(*id));
        let (there, row) = bytes[out + row_bytes * i..][..row_bytes].split_at_mut(4);
        let has = others.copy(component as u32 as usize, id, row);
        there.copy_from_slice(&u32::from(has).to_le_bytes());
        if has {
            found += 1;
        } else {
            row.fill(0);
        }
    }
    Ok(found)
}
