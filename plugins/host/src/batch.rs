//! What a system is handed, and what it gives back.
//!
//! A batch lies in the module's own memory: a header, a table of chunks, then arrays. Numbers are little-endian and
//! offsets count bytes from the batch's begin. Everything is aligned to 16, so that it may be read 128 bits at a time.
//!
//! ```text
//! header   0 tick u64 · 8 seed u64 · 16 dt f32 · 20 hz u32 · 24 chunks u32 · 28 chunk table u32
//!          32 commands u32 · 36 bytes for them u32 · 40 bytes of them, written by the system u32 · 44 to 64: zero
//! chunk    query u32 · rows u32 · entities u32 (offset of u32s) · columns u32 · an offset (u32) for each column
//! ```

use crate::command::{self, Command};
use crate::fault::Fault;
use crate::imports::LogLevel;
use crate::instance::Instance;
use crate::limits::COMMAND_BYTES_MAX;
use crate::plan::System;

/// What everything in a batch is aligned to.
pub(crate) const ALIGN: usize = 16;
const HEADER_BYTES: usize = 64;
const COMMANDS_LEN_AT: usize = 40;
/// Room for commands where a system may leave any: for each row one of the shortest, and some.
const COMMAND_BYTES_MIN: usize = 4 * 1024;
const COMMAND_BYTES_PER_ROW: usize = 16;

/// When a run happens: all that a system knows of time and chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The tick being computed.
    pub tick: u64,
    /// Of whatever the system draws by chance.
    pub seed: u64,
    /// Seconds of a tick.
    pub dt: f32,
    /// Ticks a second.
    pub hz: u32,
}

/// So many rows of a query's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkShape<'a> {
    /// The query's index in its system.
    pub query: usize,
    /// Entities.
    pub rows: usize,
    /// Bytes of a row, for each of the query's columns.
    pub strides: &'a [usize],
}

/// Where everything lies in a batch. Kept from run to run, so that a run takes no memory.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    chunks: Vec<Chunk>,
    columns: Vec<Place>,
    /// The table of chunks, as the system reads it.
    table: Vec<u8>,
    table_at: usize,
    commands: Place,
    bytes: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    at: usize,
    bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Chunk {
    entities: Place,
    /// Its first of `columns`.
    first_column: usize,
    column_count: usize,
    written_count: usize,
}

impl Layout {
    pub(crate) fn lay(&mut self, system: &System, chunks: &[ChunkShape<'_>]) {
        self.chunks.clear();
        self.columns.clear();
        self.table.clear();
        self.bytes = HEADER_BYTES;
        let column_count: usize = chunks.iter().map(|chunk| chunk.strides.len()).sum();
        self.table_at = self.place(chunks.len() * 16 + column_count * 4).at;
        for shape in chunks {
            let query = &system.queries[shape.query];
            assert_eq!(query.column_count(), shape.strides.len(), "a stride for each column of the query");
            let entities = self.place(shape.rows * 4);
            let first_column = self.columns.len();
            for stride in shape.strides {
                let column = self.place(shape.rows * stride);
                self.columns.push(column);
            }
            let (query, column_count, written_count) = (shape.query, shape.strides.len(), query.write.len());
            self.chunks.push(Chunk { entities, first_column, column_count, written_count });
            let words = [query, shape.rows, entities.at, column_count];
            for word in words.into_iter().chain(self.columns[first_column..].iter().map(|column| column.at)) {
                self.table.extend_from_slice(&(word as u32).to_le_bytes());
            }
        }
        let rows: usize = chunks.iter().map(|chunk| chunk.rows).sum();
        let room = (COMMAND_BYTES_MIN + rows * COMMAND_BYTES_PER_ROW).min(COMMAND_BYTES_MAX);
        self.commands = self.place(room);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn place(&mut self, bytes: usize) -> Place {
        let at = self.bytes;
        self.bytes = (at + bytes).next_multiple_of(ALIGN);
        Place { at, bytes }
    }

    fn column(&self, chunk: usize, column: usize) -> Place {
        let chunk = &self.chunks[chunk];
        assert!(column < chunk.column_count, "the query has {} columns", chunk.column_count);
        self.columns[chunk.first_column + column]
    }
}

/// A run that is being filled. Columns that are not filled hold what a run before left there.
#[derive(Debug)]
pub struct Batch<'a> {
    instance: &'a mut Instance,
    system: usize,
    at: u32,
}

impl<'a> Batch<'a> {
    pub(crate) fn lay(instance: &'a mut Instance, system: usize, at: u32, step: Step) -> Self {
        let layout = instance.layout();
        let mut header = [0; HEADER_BYTES];
        let words = [layout.chunks.len(), layout.table_at, layout.commands.at, layout.commands.bytes];
        header[..8].copy_from_slice(&step.tick.to_le_bytes());
        header[8..16].copy_from_slice(&step.seed.to_le_bytes());
        header[16..20].copy_from_slice(&step.dt.to_le_bytes());
        header[20..24].copy_from_slice(&step.hz.to_le_bytes());
        for (i, word) in words.into_iter().enumerate() {
            header[24 + i * 4..28 + i * 4].copy_from_slice(&(word as u32).to_le_bytes());
        }
        let begin = at as usize;
        let (bytes, layout) = instance.bytes_and_layout();
        bytes[begin..begin + HEADER_BYTES].copy_from_slice(&header);
        bytes[begin + layout.table_at..][..layout.table.len()].copy_from_slice(&layout.table);
        Batch { instance, system, at }
    }

    /// The numbers of a chunk's entities, a little-endian `u32` for each row.
    ///
    /// # Panics
    /// There is no such chunk.
    pub fn entities(&mut self, chunk: usize) -> &mut [u8] {
        let place = self.instance.layout().chunks[chunk].entities;
        self.slice(place)
    }

    /// A column of a chunk: rows times stride bytes.
    ///
    /// # Panics
    /// There is no such chunk or column.
    pub fn column(&mut self, chunk: usize, column: usize) -> &mut [u8] {
        let place = self.instance.layout().column(chunk, column);
        self.slice(place)
    }

    fn slice(&mut self, place: Place) -> &mut [u8] {
        let begin = self.at as usize + place.at;
        &mut self.instance.bytes_mut()[begin..begin + place.bytes]
    }

    /// Calls the system, and reads the commands that it left.
    ///
    /// # Errors
    /// [`Fault`]: the run counts for nothing and the instance is broken.
    pub fn run(self) -> Result<Output<'a>, Fault> {
        let Batch { instance, system, at } = self;
        let fuel = instance.call(system, at)?;
        let commands = read_commands(instance, system, at);
        match commands {
            Ok(commands) => Ok(Output { instance, at, fuel, commands }),
            Err(fault) => {
                instance.break_down();
                Err(fault)
            }
        }
    }
}

fn read_commands(instance: &Instance, system: usize, at: u32) -> Result<Vec<Command>, Fault> {
    let (place, begin) = (instance.layout().commands, at as usize);
    let bytes = instance.bytes();
    let len_at = begin + COMMANDS_LEN_AT;
    let len = bytes[len_at..].first_chunk().map_or(0, |len| u32::from_le_bytes(*len)) as usize;
    if len > place.bytes || !len.is_multiple_of(4) {
        return Err(Fault::Commands { word: 0, reason: "their length is no number of words that there is room for" });
    }
    let words = bytes[begin + place.at..][..len].as_chunks().0.iter().map(|word| u32::from_le_bytes(*word));
    let words: Vec<u32> = words.collect();
    command::read(&words, instance.plan().systems[system].commands.len())
}

/// What a system made of a batch, after it has returned cleanly.
#[derive(Debug)]
pub struct Output<'a> {
    instance: &'a mut Instance,
    at: u32,
    fuel: u64,
    commands: Vec<Command>,
}

impl Output<'_> {
    /// A column that the system may write, as it left it.
    ///
    /// # Panics
    /// There is no such chunk, or the column is none that it may write.
    #[must_use]
    pub fn column(&self, chunk: usize, column: usize) -> &[u8] {
        let layout = self.instance.layout();
        assert!(column < layout.chunks[chunk].written_count, "the query writes its first columns alone");
        let place = layout.column(chunk, column);
        &self.instance.bytes()[self.at as usize + place.at..][..place.bytes]
    }

    /// What else it wants done, in its order.
    #[must_use]
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// The fuel that it took.
    #[must_use]
    pub fn fuel(&self) -> u64 {
        self.fuel
    }

    /// What it logged, and how many more lines it would have.
    pub fn log(&self) -> (impl Iterator<Item = (LogLevel, &str)>, u32) {
        let log = self.instance.log();
        (log.lines.iter().map(|(level, line)| (*level, line.as_str())), log.dropped)
    }
}
