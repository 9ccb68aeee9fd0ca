//! Runs batches in an instance of the real host, as a world does.

use hd1_abi::plan::System;
use hd1_abi::{Fault, Guest, Layout, Line, Ran, Rows, Step, SystemShape, command};
use hd1_host::{Instance, Limits};

use crate::batch::{Batch, Output};
use crate::kit::Kit;

/// An instance, with the layouts of its systems' batches.
pub(crate) struct Runner {
    instance: Instance,
    layouts: Vec<Layout>,
    /// What the buffer holds before a batch is laid into it: a system must not look there.
    stale: u8,
    /// What the last run logged.
    pub log: Vec<String>,
}

/// A run that counts.
pub(crate) struct Done {
    pub output: Output,
    pub fuel: u64,
}

impl Runner {
    pub fn new(kit: &Kit, limits: Limits, stale: u8) -> Result<Self, Fault> {
        let plan = kit.plan();
        let shape = |system: &System| {
            let words = |name: &str| Ok::<_, std::convert::Infallible>(kit.columns.words(name));
            let Ok(shape) = SystemShape::of(system, plan.config_words(), words);
            Layout::new(shape.into())
        };
        let layouts = plan.systems.iter().map(shape).collect();
        Ok(Runner { instance: kit.module.instantiate(limits)?, layouts, stale, log: Vec::new() })
    }

    /// Lays a batch, runs the system, and reads what it left behind.
    pub fn run(&mut self, plan: &System, i: usize, batch: &Batch) -> Result<Done, Fault> {
        self.lay(i, batch)?;
        let ran = self.instance.run(i, batch);
        let log = &mut self.log;
        log.clear();
        self.instance.take_log(&mut |line| match line {
            Line::Said(_, text) => log.push(text.to_owned()),
            Line::Dropped(count) => log.push(format!("and {count} lines more")),
        });
        let ran = ran?;
        let layout = &self.layouts[i];
        let commands = layout.commands(self.instance.output())?;
        command::read(commands, plan.orders())?;
        let commands = words_of(commands);
        let written = plan.queries.iter().enumerate().map(|(q, query)| {
            (0..query.write.len()).map(|c| words_of(&self.instance.output()[layout.column(q, c)])).collect()
        });
        let written = written.collect();
        Ok(Done { output: Output { written, commands }, fuel: ran.fuel })
    }

    /// Copies a batch into the module's memory.
    pub fn lay(&mut self, i: usize, batch: &Batch) -> Result<(), Fault> {
        let layout = &mut self.layouts[i];
        let rows: Vec<usize> = batch.queries.iter().map(|rows| rows.entities.len()).collect();
        let messages: Vec<usize> =
            batch.messages.iter().zip(&layout.shape().messages).map(|(words, each)| words.len() / each).collect();
        layout.lay(Rows { queries: &rows, messages: &messages });
        let bytes = self.instance.buffer(layout.bytes())?;
        bytes.fill(self.stale);
        let step = Step { tick: batch.tick, seed: batch.seed, dt: 1.0 / batch.hz as f32, hz: batch.hz };
        layout.write_head(bytes, step, &batch.config);
        for (q, rows) in batch.queries.iter().enumerate() {
            if layout.shape().queries[q].entities {
                hd1_abi::layout::write_words(&mut bytes[layout.entities(q)], &rows.entities);
            }
            for (c, column) in rows.columns.iter().enumerate() {
                hd1_abi::layout::write_words(&mut bytes[layout.column(q, c)], &column.words);
            }
        }
        for (m, words) in batch.messages.iter().enumerate() {
            hd1_abi::layout::write_words(&mut bytes[layout.messages(m)], words);
        }
        Ok(())
    }

    /// Runs the system on what was laid.
    pub fn call(&mut self, i: usize, batch: &Batch) -> Result<Ran, Fault> {
        self.instance.run(i, batch)
    }

    /// Copies all columns in from `from`, and those of the first `written` of each query out again.
    pub fn copy(&mut self, i: usize, plan: &System, from: &[Vec<Vec<u8>>], out: &mut Vec<u8>) -> Result<(), Fault> {
        let layout = &self.layouts[i];
        let bytes = self.instance.buffer(layout.bytes())?;
        for (q, columns) in from.iter().enumerate() {
            for (c, column) in columns.iter().enumerate() {
                bytes[layout.column(q, c)].copy_from_slice(column);
            }
        }
        out.clear();
        for (q, query) in plan.queries.iter().enumerate() {
            for c in 0..query.write.len() {
                out.extend_from_slice(&self.instance.output()[layout.column(q, c)]);
            }
        }
        Ok(())
    }
}

pub(crate) fn words_of(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks().0.iter().map(|four| u32::from_le_bytes(*four)).collect()
}
