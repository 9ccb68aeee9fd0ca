//! What a world would do with what a run has left behind: rows that it takes, commands that it carries out.

use hd1_abi::{Command, Valued, command, value};

use super::Bench;
use crate::batch::{Batch, Output, Values, Wish};
use crate::report::{Check, Place, Severity};

pub(super) fn check(bench: &mut Bench<'_>, batch: &Batch, output: &Output, wish: Wish) {
    check_rows(bench, batch, output, wish);
    check_commands(bench, output, wish);
}

/// From the end of its range anything may move out of it; from the middle it is a mistake, and so is what is no number.
fn severity(wish: Wish) -> Severity {
    match wish.values {
        Values::Ordinary => Severity::Warning,
        Values::Ends => Severity::Note,
    }
}

fn check_rows(bench: &mut Bench<'_>, batch: &Batch, output: &Output, wish: Wish) {
    let (system, columns) = (bench.system, &bench.kit.columns);
    for (q, query) in system.queries.iter().enumerate() {
        for (c, name) in query.write.iter().enumerate() {
            let (known, words) = (columns.of_name(name), columns.words(name));
            if words == 0 {
                continue;
            }
            let (old, new) = (&batch.queries[q].columns[c].words, &output.written[q][c]);
            let rows = old.chunks_exact(words).zip(new.chunks_exact(words)).enumerate();
            let changed = rows.filter(|(_, (old, new))| old != new);
            let mut refused =
                changed.filter_map(|(row, (_, new))| Some((row, known.is_finite(new), known.refusal(new)?)));
            if let Some((row, is_finite, reason)) = refused.next() {
                let more = match refused.count() {
                    0 => String::new(),
                    more => format!(", nor {more} more"),
                };
                let entity = batch.queries[q].entities[row];
                let place = Place { query: q, column: name.clone(), row, entity };
                let message = format!("no world takes this row{more}; the entity keeps what it had: {reason}");
                let severity = if is_finite { severity(wish) } else { Severity::Warning };
                bench.find(severity, Check::Schema, Some(place), message, wish);
            }
        }
    }
}

fn check_commands(bench: &mut Bench<'_>, output: &Output, wish: Wish) {
    let bytes: Vec<u8> = output.commands.iter().flat_map(|word| word.to_le_bytes()).collect();
    // What is malformed was a fault of the run.
    let commands = command::read(&bytes, bench.system.orders()).unwrap_or_default();
    for (i, command) in commands.iter().enumerate() {
        if let Some(reason) = refusal(bench, command) {
            let message = format!("a world would pass over command {i}: {reason}");
            bench.find(severity(wish), Check::Commands, None, message, wish);
            return;
        }
    }
}

fn refusal(bench: &Bench<'_>, command: &Command) -> Option<String> {
    let valued = |value: &Valued| {
        let name = &bench.system.commands[value.component];
        value::record_of(&bench.kit.columns.of_name(name).schema, &value.words).err()
    };
    match command {
        Command::Despawn { .. } | Command::Remove { .. } => None,
        Command::Insert { value, .. } => valued(value),
        Command::Spawn { values } => values.iter().find_map(valued),
        Command::Say { json, .. } => {
            let error = serde_json::from_str::<serde::de::IgnoredAny>(json).err()?;
            Some(format!("what it says is not JSON: {error}"))
        }
    }
}
