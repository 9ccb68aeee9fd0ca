//! Where everything lies in a batch.
//!
//! A batch lies in the module's own memory: a header, a table, then arrays, as `plugins/SIM.md` tells. Numbers are
//! little-endian and offsets count bytes from the batch's begin. Everything is aligned to 16, so that it may be read 128
//! bits at a time.

use std::ops::Range;
use std::sync::Arc;

use crate::fault::Fault;
use crate::limits::COMMAND_BYTES_MAX;
use crate::message::MessageKind;
use crate::plan::System;

/// What everything in a batch is aligned to.
pub const ALIGN: usize = 16;
/// Bytes of the header.
pub const HEADER_BYTES: usize = 64;
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

/// What a system's batches have in common, in words of 32 bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemShape {
    /// In the order of the plan.
    pub queries: Vec<QueryShape>,
    /// Words of a message, for each kind that it is told of.
    pub messages: Vec<usize>,
    /// Words of the plugin's config.
    pub config: usize,
    /// May it leave commands?
    pub has_commands: bool,
}

/// The columns of a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryShape {
    /// Are the numbers of its entities wanted?
    pub entities: bool,
    /// Words of a row, for each column; the written ones come first.
    pub columns: Vec<usize>,
}

impl SystemShape {
    /// The shape of a system of a plan, where `words` says how many a component's column has.
    ///
    /// # Errors
    /// What `words` says of a component that has no column.
    pub fn of<E>(
        system: &System,
        config_words: usize,
        mut words: impl FnMut(&str) -> Result<usize, E>,
    ) -> Result<Self, E> {
        let mut queries = Vec::with_capacity(system.queries.len());
        for query in &system.queries {
            let columns = query.columns().map(|name| words(name)).collect::<Result<_, _>>()?;
            queries.push(QueryShape { entities: query.entities, columns });
        }
        let messages = system.messages.iter().filter_map(|name| MessageKind::of_name(name)).map(MessageKind::words);
        Ok(SystemShape {
            queries,
            messages: messages.collect(),
            config: config_words,
            has_commands: system.may_command(),
        })
    }
}

impl SystemShape {
    fn table_words(&self) -> usize {
        self.word_of(self.queries.len()) + 2 * self.messages.len()
    }

    /// Where a query begins in the table; the messages begin where one more would.
    fn word_of(&self, query: usize) -> usize {
        self.queries[..query].iter().map(|query| 2 + query.columns.len()).sum()
    }

    /// Where the numbers of rows and of messages stand in the table.
    fn count_words(&self) -> impl Iterator<Item = usize> + '_ {
        let mut next = 0;
        let queries = self.queries.iter().map(|query| 2 + query.columns.len());
        queries.chain(self.messages.iter().map(|_| 2)).map(move |words| {
            let at = next;
            next += words;
            at
        })
    }
}

/// How much there is of everything in one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows<'a> {
    /// Rows of each query.
    pub queries: &'a [usize],
    /// Messages of each kind.
    pub messages: &'a [usize],
}

/// Where everything of one system's batch lies. Kept from run to run: it takes memory only when it grows, and little of
/// that, since a server keeps one for each system of each world.
#[derive(Clone, Debug)]
pub struct Layout {
    shape: Arc<SystemShape>,
    /// As the system reads it: numbers of rows, and where everything lies.
    table: Vec<u32>,
    config_at: usize,
    commands_at: usize,
    commands_bytes: usize,
    bytes: usize,
}

/// Where the table begins.
const TABLE_AT: usize = HEADER_BYTES;

impl Layout {
    /// For the batches of one system.
    #[must_use]
    pub fn new(shape: Arc<SystemShape>) -> Self {
        Layout { shape, table: Vec::new(), config_at: 0, commands_at: 0, commands_bytes: 0, bytes: 0 }
    }

    /// The system's shape.
    #[must_use]
    pub fn shape(&self) -> &SystemShape {
        &self.shape
    }

    /// Lays out a batch; as many rows as last time cost nothing.
    ///
    /// # Panics
    /// The rows are not those of the shape.
    pub fn lay(&mut self, rows: Rows<'_>) {
        assert_eq!(rows.queries.len(), self.shape.queries.len(), "a number of rows for each query");
        assert_eq!(rows.messages.len(), self.shape.messages.len(), "a number for each kind of message");
        if self.has(rows) {
            return;
        }
        let shape = Arc::clone(&self.shape);
        self.table.clear();
        self.bytes = TABLE_AT;
        self.place(4 * shape.table_words());
        self.config_at = self.place(4 * shape.config);
        for (query, count) in shape.queries.iter().zip(rows.queries) {
            self.table.push(*count as u32);
            let entities = if query.entities { self.place(4 * count) } else { 0 };
            self.table.push(entities as u32);
            for words in &query.columns {
                let column = self.place(4 * words * count);
                self.table.push(column as u32);
            }
        }
        for (words, count) in shape.messages.iter().zip(rows.messages) {
            let messages = self.place(4 * words * count);
            self.table.extend([*count as u32, messages as u32]);
        }
        let row_count: usize = rows.queries.iter().sum();
        let room = (COMMAND_BYTES_MIN + row_count * COMMAND_BYTES_PER_ROW).min(COMMAND_BYTES_MAX);
        self.commands_bytes = if shape.has_commands { room } else { 0 };
        self.commands_at = self.place(self.commands_bytes);
    }

    /// Is just that laid out?
    fn has(&self, rows: Rows<'_>) -> bool {
        let counts = rows.queries.iter().chain(rows.messages);
        !self.table.is_empty()
            && counts.zip(self.shape.count_words()).all(|(count, at)| self.table[at] as usize == *count)
    }

    /// Bytes of the batch.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes header, table and config.
    ///
    /// # Panics
    /// `batch` has fewer than [`Layout::bytes`], or `config` other words than the shape says.
    pub fn write_head(&self, batch: &mut [u8], step: Step, config: &[u32]) {
        let config_at = if self.shape.config == 0 { 0 } else { self.config_at };
        write_header(batch, step, [TABLE_AT, config_at, self.commands_at, self.commands_bytes]);
        write_words(&mut batch[TABLE_AT..][..4 * self.table.len()], &self.table);
        write_words(&mut batch[self.config_at..][..4 * self.shape.config], config);
    }

    /// Where the numbers of a query's entities lie, a u32 for each row; nowhere where they are not wanted.
    ///
    /// # Panics
    /// There is no such query.
    #[must_use]
    pub fn entities(&self, query: usize) -> Range<usize> {
        let at = self.shape.word_of(query);
        let count = if self.shape.queries[query].entities { self.table[at] } else { 0 };
        self.range(at + 1, 4 * count as usize)
    }

    /// Where a column of a query lies.
    ///
    /// # Panics
    /// There is no such column.
    #[must_use]
    pub fn column(&self, query: usize, column: usize) -> Range<usize> {
        let words = self.shape.queries[query].columns[column];
        let at = self.shape.word_of(query);
        self.range(at + 2 + column, 4 * words * self.table[at] as usize)
    }

    /// Where the messages of a kind lie.
    ///
    /// # Panics
    /// There is no such kind in the shape.
    #[must_use]
    pub fn messages(&self, kind: usize) -> Range<usize> {
        let at = self.shape.word_of(self.shape.queries.len()) + 2 * kind;
        self.range(at + 1, 4 * self.shape.messages[kind] * self.table[at] as usize)
    }

    /// The commands that a run has left: whole words.
    ///
    /// # Errors
    /// [`Fault::Commands`] where it says that they are more than there was room for.
    pub fn commands<'a>(&self, batch: &'a [u8]) -> Result<&'a [u8], Fault> {
        let len = batch[COMMANDS_LEN_AT..].first_chunk().map_or(0, |len| u32::from_le_bytes(*len)) as usize;
        if len > self.commands_bytes || !len.is_multiple_of(4) {
            return Err(Fault::Commands {
                word: 0,
                reason: "their length is no number of words that there is room for",
            });
        }
        Ok(&batch[self.commands_at..][..len])
    }

    fn range(&self, word: usize, bytes: usize) -> Range<usize> {
        let at = self.table[word] as usize;
        at..at + bytes
    }

    fn place(&mut self, bytes: usize) -> usize {
        let at = self.bytes;
        self.bytes = align(at + bytes);
        at
    }
}

/// Writes a header, with where the table, the config and the room lie, and the bytes of the room.
pub(crate) fn write_header(buffer: &mut [u8], step: Step, words: [usize; 4]) {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&step.tick.to_le_bytes());
    header[8..16].copy_from_slice(&step.seed.to_le_bytes());
    header[16..20].copy_from_slice(&step.dt.to_le_bytes());
    header[20..24].copy_from_slice(&step.hz.to_le_bytes());
    for (i, word) in words.into_iter().enumerate() {
        header[24 + i * 4..28 + i * 4].copy_from_slice(&(word as u32).to_le_bytes());
    }
    buffer[..HEADER_BYTES].copy_from_slice(&header);
}

/// So many bytes with what fills them up.
pub(crate) const fn align(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGN)
}

/// Writes words as a batch holds them.
///
/// # Panics
/// There are not as many as fit.
pub fn write_words(bytes: &mut [u8], words: &[u32]) {
    assert_eq!(bytes.len(), 4 * words.len(), "as many words as fit");
    for (four, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *four = word.to_le_bytes();
    }
}
