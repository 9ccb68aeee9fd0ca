//! A batch in native memory.

#![allow(unsafe_code)]

use super::Bench;
use crate::Entity;
use crate::hook::Part;
use crate::plan::{Lists, ParamPlan, SystemPlan};

const HEADER_BYTES: usize = 64;
const COMMAND_BYTES_MIN: usize = 4 * 1024;
const COMMAND_BYTES_PER_ROW: usize = 16;
const COMMAND_BYTES_MAX: usize = 1024 * 1024;

/// What a system works on, laid as the interface says.
pub(super) struct Batch {
    /// In units to which every array is aligned.
    memory: Vec<u128>,
    /// Of each query, where each column lies, and the words of its rows.
    columns: Vec<Vec<(usize, usize)>>,
    room: (usize, usize),
}

impl Batch {
    pub(super) fn lay(bench: &Bench, plan: &SystemPlan, queries: &[Lists], rows: &[Vec<Entity>]) -> Self {
        let mut bytes = vec![0_u8; HEADER_BYTES];
        let messages = || {
            plan.params.iter().filter_map(|param| match param {
                ParamPlan::Messages(name) => Some(bench.messages.get(name).map_or(&[][..], Vec::as_slice)),
                _ => None,
            })
        };
        let entries = queries.iter().map(|lists| 2 + lists.write.len() + lists.read.len()).sum::<usize>();
        let table_at = bytes.len();
        let mut table = Vec::with_capacity(entries + 2 * messages().count());
        bytes.resize((table_at + table.capacity() * 4).next_multiple_of(16), 0);
        let mut place = |words: &mut dyn Iterator<Item = u32>| {
            let at = bytes.len();
            bytes.extend(words.flat_map(u32::to_le_bytes));
            bytes.resize(bytes.len().next_multiple_of(16), 0);
            at
        };
        let mut columns = Vec::new();
        for (lists, rows) in queries.iter().zip(rows) {
            table.push(rows.len());
            table.push(if lists.entities { place(&mut rows.iter().map(|entity| entity.0)) } else { 0 });
            let mut own = Vec::new();
            for name in lists.write.iter().chain(lists.read.iter()) {
                let held = |entity: &Entity| bench.entities[entity][name].words.iter().copied();
                let stride = rows.first().map_or(0, |entity| held(entity).count());
                own.push((place(&mut rows.iter().flat_map(held)), stride));
                table.push(own[own.len() - 1].0);
            }
            columns.push(own);
        }
        for messages in messages() {
            table.push(messages.len());
            table.push(place(&mut messages.iter().flatten().copied()));
        }
        let config_at = bench.config_for(plan).map_or(0, |words| place(&mut words.iter().copied()));
        let row_count: usize = rows.iter().map(Vec::len).sum();
        let room_bytes = (COMMAND_BYTES_MIN + row_count * COMMAND_BYTES_PER_ROW).min(COMMAND_BYTES_MAX);
        let room_at = place(&mut std::iter::repeat_n(0, room_bytes / 4));
        bench.write_header(&mut bytes, [table_at, config_at, room_at, room_bytes]);
        let table: Vec<u8> = table.iter().flat_map(|word| (*word as u32).to_le_bytes()).collect();
        bytes[table_at..table_at + table.len()].copy_from_slice(&table);
        let memory = bytes.as_chunks().0.iter().map(|chunk| u128::from_ne_bytes(*chunk)).collect();
        Batch { memory, columns, room: (room_at, room_bytes) }
    }

    /// What a hook is handed: words, texts, config and room.
    pub(super) fn lay_hook(bench: &Bench, plan: &SystemPlan, parts: &[Part<'_>], room_bytes: usize) -> Self {
        let fields: usize = parts.iter().map(|part| if matches!(part, Part::Text(_)) { 2 } else { 1 }).sum();
        let mut bytes = vec![0_u8; (HEADER_BYTES + fields * 4).next_multiple_of(16)];
        let place = |bytes: &mut Vec<u8>, more: &[u8]| {
            let at = bytes.len();
            bytes.extend(more);
            bytes.resize(bytes.len().next_multiple_of(16), 0);
            at
        };
        let mut words = Vec::with_capacity(fields);
        for part in parts {
            match part {
                Part::Word(word) => words.push(*word),
                Part::Text(text) => words.extend([place(&mut bytes, text.as_bytes()) as u32, text.len() as u32]),
            }
        }
        for (i, word) in words.iter().enumerate() {
            bytes[HEADER_BYTES + 4 * i..][..4].copy_from_slice(&word.to_le_bytes());
        }
        let config: Vec<u8> =
            bench.config_for(plan).into_iter().flatten().flat_map(|word| word.to_le_bytes()).collect();
        let config_at = place(&mut bytes, &config);
        let room_at = place(&mut bytes, &vec![0; room_bytes]);
        bench.write_header(&mut bytes, [HEADER_BYTES, config_at, room_at, room_bytes]);
        let memory = bytes.as_chunks().0.iter().map(|chunk| u128::from_ne_bytes(*chunk)).collect();
        Batch { memory, columns: Vec::new(), room: (room_at, room_bytes) }
    }

    /// The text that a filter has written.
    pub(super) fn text(&self) -> &str {
        let (at, used) = (self.room.0, self.words()[10] as usize);
        // SAFETY: all of it, in smaller units.
        let bytes = unsafe { std::slice::from_raw_parts(self.memory.as_ptr().cast::<u8>(), self.memory.len() * 16) };
        std::str::from_utf8(&bytes[at..at + used]).expect("a filter writes UTF-8")
    }

    pub(super) fn base(&mut self) -> *mut u8 {
        self.memory.as_mut_ptr().cast()
    }

    fn words(&self) -> &[u32] {
        // SAFETY: all of it, in smaller units.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().cast(), self.memory.len() * 4) }
    }

    pub(super) fn row(&self, query: usize, column: usize, row: usize) -> &[u32] {
        let (at, stride) = self.columns[query][column];
        &self.words()[at / 4 + row * stride..][..stride]
    }

    pub(super) fn commands(&self) -> &[u32] {
        let (at, bytes) = self.room;
        let used = self.words()[10] as usize;
        assert!(used <= bytes && used.is_multiple_of(4), "the bytes of commands are no number of words in the room");
        &self.words()[at / 4..][..used / 4]
    }
}

impl Bench {
    /// The config's words, where it has one that fits what is taken.
    fn config_for(&self, plan: &SystemPlan) -> Option<&[u32]> {
        let wanted = plan.params.iter().find_map(|param| match param {
            ParamPlan::Config(id) => Some(*id),
            _ => None,
        });
        let config = self.config.as_ref().filter(|(id, _)| wanted.is_none_or(|wanted| wanted == *id));
        assert!(config.is_some() || wanted.is_none(), "give the bench a config: it takes a {wanted:?}");
        config.map(|(_, words)| words.as_slice())
    }

    fn write_header(&self, bytes: &mut [u8], words: [usize; 4]) {
        let seed = self.seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ self.tick;
        let mut header = [self.tick.to_le_bytes(), seed.to_le_bytes()].concat();
        header.extend((1.0 / self.hz as f32).to_le_bytes());
        for word in [self.hz as usize].into_iter().chain(words) {
            header.extend((word as u32).to_le_bytes());
        }
        bytes[..header.len()].copy_from_slice(&header);
    }
}
