//! Columns of entities as plain 32-bit words, copied out whole and taken back row by row: what plugins work on.
//!
//! A [`ColumnQuery`] finds the entities that have certain components, whatever tables they lie in, and lays their rows one
//! after the other. What is written back is checked against the schema first: a row that it refuses is not taken, so no
//! value can be in a world that could not have come in by any other door. Rows that stay as they were stay unchanged for
//! replication, too.
//!
//! bevy hands out untyped pointers for this, hence `unsafe`: see `Plain` for why it holds.

#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ops::Range;
use std::sync::Arc;

use bevy_ecs::change_detection::Tick;
use bevy_ecs::component::ComponentId as BevyId;
use bevy_ecs::storage::{Column, Table, TableId, TableRow};
use bevy_ecs::world::World;
use hd1_core::NetId;
use nonmax::NonMaxU32;

use crate::catalogue::{Catalogue, ComponentEntry};
use crate::guard::{BLOCK_ROWS, Guard};
use crate::net_id::{Networked, entity_of};

/// Words lie in a column as they lie in a batch.
const _: () = assert!(cfg!(target_endian = "little"), "columns are copied byte by byte");

/// Which entities, and which of their columns. Components by name; each in one of the first four lists at most.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms<'a> {
    /// Columns that are copied out and taken back.
    pub write: &'a [String],
    /// Columns that are copied out only.
    pub read: &'a [String],
    /// Components that the entities have besides.
    pub with: &'a [String],
    /// Components that they have not.
    pub without: &'a [String],
    /// Components of the first three lists that changed since the last look.
    pub changed: &'a [String],
    /// Components of the first three lists that came since the last look.
    pub added: &'a [String],
    /// Are rows to be in the order of the entities' ids?
    pub ordered: bool,
}

/// Why there is no such query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// The world has no component of this name.
    #[error("this world has no component {0}")]
    Unknown(String),
    /// Its values have no fixed number of words.
    #[error("{0} has text, points or a built-in yes-or-no: it has no column, but it can be in `with` and `without`")]
    NotPlain(String),
}

/// A component's column of words.
///
/// For every entity that has the component, `words` initialised `u32` lie one after the other, aligned to 4. Of a component
/// registered at run time [`crate::dynamic`] sees to that; of a built-in one its `repr(C)` and the sum of its fields' words,
/// which is compared with its size (see [`crate::described::plain_words`]). Built-in enumerations may hold none but their
/// own numbers: the guard lets no other in.
#[derive(Clone)]
struct Plain {
    bevy_id: BevyId,
    words: usize,
    guard: Arc<Guard>,
}

/// Rows of a table, all of them or one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    table: TableId,
    first: u32,
    rows: u32,
}

/// Finds entities and copies their columns. For one world: another has other tables.
pub struct ColumnQuery {
    columns: Vec<Plain>,
    write_count: usize,
    present: Vec<BevyId>,
    without: Vec<BevyId>,
    changed: Vec<BevyId>,
    added: Vec<BevyId>,
    ordered: bool,
    networked: BevyId,
    /// Tables that fit, and how many tables were looked at so far.
    tables: Vec<TableId>,
    seen: usize,
    /// The rows of the last selection, in their order.
    segments: Vec<Segment>,
    rows: usize,
    /// Room for putting rows in order.
    order: Vec<(NetId, Segment)>,
}

/// Finds rows of any entity by its id. For one world: another has other components.
pub struct Lookup {
    columns: Vec<Plain>,
}

impl Lookup {
    /// Prepares to look these components up.
    ///
    /// # Errors
    /// A component that the world does not know, or that has no column of words.
    pub fn new(world: &World, names: &[String]) -> Result<Self, ColumnError> {
        let catalogue = world.resource::<Catalogue>();
        let entry = |name: &String| catalogue.by_name(name).ok_or_else(|| ColumnError::Unknown(name.clone()));
        let columns = names.iter().map(|name| Plain::of(entry(name)?)).collect::<Result<_, _>>()?;
        Ok(Lookup { columns })
    }

    /// Words of a row of a component.
    #[must_use]
    pub fn words(&self, component: usize) -> Option<usize> {
        self.columns.get(component).map(|column| column.words)
    }

    /// Copies an entity's row of a component; `false` where it has none.
    ///
    /// # Panics
    /// There is no such component, or `row` has other bytes than its words.
    pub fn copy(&self, world: &World, component: usize, id: NetId, row: &mut [u8]) -> bool {
        let Plain { bevy_id, words, .. } = &self.columns[component];
        assert_eq!(row.len(), words * 4, "a row of the component");
        let place = entity_of(world, id).and_then(|entity| world.get_entity(entity).ok());
        let Some(place) = place.map(|entity| entity.location()) else { return false };
        let Some(table) = world.storages().tables.get(place.table_id) else { return false };
        let Some(column) = table.get_column(*bevy_id) else { return false };
        assert!(place.table_row.index() < table.entity_count() as usize, "an entity is in its table");
        // SAFETY: the row is one of the table's, and its column has `[u32; words]` there, initialised (see `Plain`). The
        // world is borrowed, so nobody writes it meanwhile.
        row.copy_from_slice(unsafe {
            let data = column.get_data_unchecked(place.table_row).as_ptr();
            std::slice::from_raw_parts(data.cast::<u8>(), words * 4)
        });
        true
    }
}

/// Rows that were not taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// How many.
    pub rows: u32,
    /// The first: its entity, and what was wrong.
    pub first: Option<(NetId, String)>,
}

impl ColumnQuery {
    /// Prepares a query.
    ///
    /// # Errors
    /// A component that the world does not know, or that has no column of words.
    pub fn new(world: &mut World, terms: Terms<'_>) -> Result<Self, ColumnError> {
        let networked = world.register_component::<Networked>();
        let catalogue = world.resource::<Catalogue>();
        let entry = |name: &String| catalogue.by_name(name).ok_or_else(|| ColumnError::Unknown(name.clone()));
        let ids = |names: &[String]| -> Result<Vec<BevyId>, ColumnError> {
            names.iter().map(|name| entry(name).map(|entry| entry.bevy_id)).collect()
        };
        let columns = terms.write.iter().chain(terms.read).map(|name| Plain::of(entry(name)?));
        let columns: Vec<Plain> = columns.collect::<Result<_, _>>()?;
        let mut present: Vec<_> = columns.iter().map(|column| column.bevy_id).collect();
        present.extend(ids(terms.with)?);
        present.push(networked);
        Ok(ColumnQuery {
            columns,
            write_count: terms.write.len(),
            present,
            without: ids(terms.without)?,
            changed: ids(terms.changed)?,
            added: ids(terms.added)?,
            ordered: terms.ordered,
            networked,
            tables: Vec::new(),
            seen: 0,
            segments: Vec::new(),
            rows: 0,
            order: Vec::new(),
        })
    }

    /// Selects the rows as they are now, and gives their number. `since` is the change tick of the last look; without one
    /// everything counts as changed and as added. Copies refer to this selection: entities may not come, go or get other
    /// components before the last of them.
    pub fn select(&mut self, world: &World, since: Option<Tick>, now: Tick) -> usize {
        let tables = &world.storages().tables;
        for table in tables.iter().skip(self.seen) {
            let fits = self.present.iter().all(|id| table.has_column(*id))
                && !self.without.iter().any(|id| table.has_column(*id));
            if fits {
                self.tables.push(table_id(self.seen));
            }
            self.seen += 1;
        }
        let window = since.filter(|_| !self.changed.is_empty() || !self.added.is_empty()).map(|since| (since, now));
        let mut segments = std::mem::take(&mut self.segments);
        segments.clear();
        for id in &self.tables {
            let Some(table) = tables.get(*id).filter(|table| !table.is_empty()) else { continue };
            match window {
                None => segments.push(Segment { table: *id, first: 0, rows: table.entity_count() }),
                Some(window) => {
                    let news = (0..table.entity_count()).filter(|row| self.is_news(table, *row, window));
                    segments.extend(news.map(|row| Segment { table: *id, first: row, rows: 1 }));
                }
            }
        }
        if self.ordered {
            self.put_in_order(world, &mut segments);
        }
        self.rows = segments.iter().map(|segment| segment.rows as usize).sum();
        self.segments = segments;
        self.rows
    }

    /// Bytes of a row of each column, the written ones first.
    pub fn strides(&self) -> impl Iterator<Item = usize> + '_ {
        self.columns.iter().map(|column| column.words * 4)
    }

    /// Copies the ids of the selected entities, a little-endian `u32` each.
    ///
    /// # Panics
    /// `out` has another length, or the world has changed since the selection.
    pub fn copy_ids(&self, world: &World, out: &mut [u8]) {
        self.copy(world, self.networked, 1, out);
    }

    /// Copies a column of the selected entities: rows of words, little-endian.
    ///
    /// # Panics
    /// `out` has another length, or the world has changed since the selection.
    pub fn copy_column(&self, world: &World, column: usize, out: &mut [u8]) {
        let Plain { bevy_id, words, .. } = &self.columns[column];
        self.copy(world, *bevy_id, *words, out);
    }

    /// Takes a column of the selected entities back. Rows that differ from what is there are changed now; rows that the
    /// schema refuses stay as they were.
    ///
    /// # Panics
    /// `column` is none of those that are written, `new` has another length, or the world has changed since the selection.
    pub fn write_column(&self, world: &mut World, column: usize, new: &[u8], now: Tick, refused: &mut Refused) {
        assert!(column < self.write_count, "the column is handed out only");
        let Plain { bevy_id, words, guard } = &self.columns[column];
        let stride = words * 4;
        assert_eq!(new.len(), self.rows * stride, "a row for each of the selection");
        let mut rest = new;
        for segment in &self.segments {
            let (mut rows, after) = rest.split_at(segment.rows as usize * stride);
            rest = after;
            let (data, ticks) = self.rows_of(world, *segment, *bevy_id);
            // SAFETY: the world is borrowed mutably, so nobody else reads or writes the column meanwhile; `rows_of` checked
            // that it has these rows, and the layout of each is `[u32; words]` (see `Plain`).
            let present =
                unsafe { std::slice::from_raw_parts_mut(data.cast_mut().cast::<u8>(), segment.rows as usize * stride) };
            let mut at = 0;
            while !rows.is_empty() {
                let count = (rows.len() / stride.max(1)).min(BLOCK_ROWS);
                let (block, after) = rows.split_at(count * stride);
                let old = &mut present[at * stride..][..count * stride];
                let touched = |rows: Range<usize>| {
                    for tick in &ticks[at + rows.start..at + rows.end] {
                        // SAFETY: as above: the ticks belong to the same column of the same world.
                        unsafe { *tick.get() = now };
                    }
                };
                guard.take(block, old, stride, touched, |row, what| {
                    refused.rows = refused.rows.saturating_add(1);
                    if refused.first.is_none() {
                        refused.first = Some((self.id_of(world, *segment, at + row), what));
                    }
                });
                at += count;
                rows = after;
            }
        }
    }

    fn copy(&self, world: &World, id: BevyId, words: usize, mut out: &mut [u8]) {
        assert_eq!(out.len(), self.rows * words * 4, "a row for each of the selection");
        for segment in &self.segments {
            let bytes = segment.rows as usize * words * 4;
            let (data, _) = self.rows_of(world, *segment, id);
            let (to, rest) = out.split_at_mut(bytes);
            // SAFETY: `rows_of` checked that the column has these rows, and each is `[u32; words]`, initialised (see
            // `Plain`; `Networked` is one transparent `u32`). The world is borrowed, so nobody writes it meanwhile.
            to.copy_from_slice(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), bytes) });
            out = rest;
        }
    }

    /// Where a segment's rows of a column begin, and their change ticks.
    fn rows_of<'w>(&self, world: &'w World, segment: Segment, id: BevyId) -> (*const u32, &'w [UnsafeCell<Tick>]) {
        let table = table_of(world, segment);
        let column = column_of(table, id);
        let all = table.entity_count() as usize;
        // SAFETY: `table_of` checked that the first row of the segment is in the table, and all its columns have as many
        // rows as it has entities.
        let (data, ticks) = unsafe {
            (column.get_data_unchecked(table_row(segment.first)).as_ptr(), column.get_changed_ticks_slice(all))
        };
        (data.cast(), &ticks[segment.first as usize..][..segment.rows as usize])
    }

    fn id_of(&self, world: &World, segment: Segment, row: usize) -> NetId {
        let (ids, _) = self.rows_of(world, segment, self.networked);
        assert!(row < segment.rows as usize, "a row of the segment");
        // SAFETY: `Networked` is one transparent `u32`, and the segment has so many of them.
        NetId(unsafe { *ids.add(row) })
    }

    fn is_news(&self, table: &Table, row: u32, (since, now): (Tick, Tick)) -> bool {
        let all = table.entity_count() as usize;
        let is_newer = |ticks: &[UnsafeCell<Tick>]| {
            // SAFETY: the caller holds the world, so nobody writes ticks meanwhile.
            unsafe { *ticks[row as usize].get() }.is_newer_than(since, now)
        };
        // SAFETY: a column has as many ticks as its table has entities.
        let changed = |id: &BevyId| is_newer(unsafe { column_of(table, *id).get_changed_ticks_slice(all) });
        // SAFETY: the same.
        let added = |id: &BevyId| is_newer(unsafe { column_of(table, *id).get_added_ticks_slice(all) });
        self.changed.iter().all(changed) && self.added.iter().all(added)
    }

    /// Splits segments into rows where that is needed to have ids ascend.
    fn put_in_order(&mut self, world: &World, segments: &mut Vec<Segment>) {
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        for segment in &*segments {
            for row in 0..segment.rows {
                let id = self.id_of(world, *segment, row as usize);
                order.push((id, Segment { table: segment.table, first: segment.first + row, rows: 1 }));
            }
        }
        if !order.is_sorted_by_key(|(id, _)| *id) {
            order.sort_unstable_by_key(|(id, _)| *id);
            segments.clear();
            for (_, row) in &order {
                match segments.last_mut() {
                    Some(last) if last.table == row.table && last.first + last.rows == row.first => last.rows += 1,
                    _ => segments.push(*row),
                }
            }
        }
        self.order = order;
    }
}

impl Plain {
    fn of(entry: &ComponentEntry) -> Result<Self, ColumnError> {
        let words = entry.words.ok_or_else(|| ColumnError::NotPlain(entry.schema.name.clone()))?;
        Ok(Plain { bevy_id: entry.bevy_id, words, guard: Arc::clone(&entry.guard) })
    }
}

fn table_of(world: &World, segment: Segment) -> &Table {
    let table = world.storages().tables.get(segment.table);
    match table.filter(|table| table.entity_count() >= segment.first + segment.rows && segment.rows > 0) {
        Some(table) => table,
        None => panic!("the world has changed since its rows were selected"),
    }
}

fn column_of(table: &Table, id: BevyId) -> &Column {
    match table.get_column(id) {
        Some(column) => column,
        None => unreachable!("a table was chosen for having this column"),
    }
}

fn table_id(index: usize) -> TableId {
    TableId::from_usize(index)
}

fn table_row(index: u32) -> TableRow {
    match NonMaxU32::new(index) {
        Some(index) => TableRow::new(index),
        None => unreachable!("a table has fewer rows"),
    }
}
