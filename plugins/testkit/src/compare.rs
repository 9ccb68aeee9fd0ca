//! The first difference between two outputs of a batch.

use std::collections::BTreeMap;

use hd1_abi::plan::System;

use crate::batch::{Batch, Output};
use crate::columns::Columns;
use crate::report::Place;

/// Where they differ, and the two values.
pub(crate) struct Difference {
    /// Of a column; nowhere where commands differ.
    pub place: Option<Place>,
    pub one: String,
    pub other: String,
}

/// Compares word by word, row by row as they lie.
pub(crate) fn as_they_lie(
    columns: &Columns,
    system: &System,
    batch: &Batch,
    one: &Output,
    other: &Output,
) -> Option<Difference> {
    let column_pairs = |q: usize| one.written[q].iter().zip(&other.written[q]).enumerate();
    for q in 0..system.queries.len() {
        for (c, (a, b)) in column_pairs(q) {
            if let Some(at) = (0..a.len()).find(|at| a[*at] != b[*at]) {
                return Some(at_word(columns, system, batch, (q, c, at), [a[at], b[at]]));
            }
        }
    }
    commands(&one.commands, &other.commands)
}

/// Compares entity by entity: `other` is of a batch with other orders of rows.
pub(crate) fn by_entity(
    columns: &Columns,
    system: &System,
    batches: [&Batch; 2],
    one: &Output,
    other: &Output,
) -> Option<Difference> {
    let [batch, shuffled] = batches;
    for (q, query) in system.queries.iter().enumerate() {
        let rows = shuffled.queries[q].entities.iter().enumerate();
        let at: BTreeMap<u32, usize> = rows.map(|(row, entity)| (*entity, row)).collect();
        for (c, name) in query.write.iter().enumerate() {
            let words = columns.words(name);
            let (a, b) = (&one.written[q][c], &other.written[q][c]);
            for (row, entity) in batch.queries[q].entities.iter().enumerate() {
                for word in 0..words {
                    let pair = [a[row * words + word], b[at[entity] * words + word]];
                    if pair[0] != pair[1] {
                        return Some(at_word(columns, system, batch, (q, c, row * words + word), pair));
                    }
                }
            }
        }
    }
    None
}

fn at_word(
    columns: &Columns,
    system: &System,
    batch: &Batch,
    (q, c, at): (usize, usize, usize),
    pair: [u32; 2],
) -> Difference {
    let name = &system.queries[q].write[c];
    let (known, words) = (columns.of_name(name), columns.words(name));
    let row = at / words;
    let [(column, one), (_, other)] = pair.map(|value| known.read(at % words, value));
    let place = Place { query: q, column, row, entity: batch.queries[q].entities[row] };
    Difference { place: Some(place), one, other }
}

fn commands(one: &[u32], other: &[u32]) -> Option<Difference> {
    if one == other {
        return None;
    }
    let word = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let say = |words: &[u32]| match words.get(word) {
        Some(value) => format!("{value:#x} as word {word} of its commands"),
        None => format!("commands that end at word {word}"),
    };
    Some(Difference { place: None, one: say(one), other: say(other) })
}
