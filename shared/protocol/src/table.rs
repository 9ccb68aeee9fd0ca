//! The world as it is shown: entities with their quantised components, on the server and in the mirror alike.
//!
//! Entities have slots that stay theirs; an index sorted by id finds them, for those who come in ascending order (as
//! all codecs here do) in a step or two. State components lie in [`Column`]s, reliable ones as rows of their own.

use hd1_core::{NetId, Tick};
use hd1_schema::{ComponentId, Delivery, Row};
use smallvec::SmallVec;

mod view;

pub use view::{Entity, Held, HeldValue, History};

use crate::{
    column::{Column, RowId},
    hash,
    shapes::Shapes,
    wire::DecodeError,
};

/// "No row": no column has so many.
const NO_ROW: u32 = u32::MAX;

/// One state component's values: [`Column`] in the mirror, which decodes; the server keeps them in another form.
pub trait StateValues {
    /// None yet, of a component with so many lanes.
    fn new(lanes: usize) -> Self;
    /// Numbers of a value.
    fn lanes(&self) -> usize;
    /// Adds a row with the value that a spawn, an insert or a snapshot brought at `tick`.
    fn add(&mut self, entity: NetId, tick: Tick, lanes: &[i32]) -> RowId;
    /// Begins a row anew, as if just added.
    fn reset(&mut self, row: RowId, tick: Tick, lanes: &[i32]);
    /// Frees a row.
    fn remove(&mut self, row: RowId);
    /// The newest value.
    fn newest(&self, row: RowId) -> &[i32];
}

/// See the module's words.
#[derive(Clone, Debug)]
pub struct Table<V = Column> {
    /// By ascending id.
    index: Vec<(NetId, u32)>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    columns: Vec<StateColumn<V>>,
    /// Indices into `columns` by the low component ids, which are all but a few.
    column_of: Vec<u16>,
    structure_sum: u64,
}

#[derive(Clone, Debug)]
struct Slot {
    id: NetId,
    /// By ascending id.
    components: SmallVec<[(ComponentId, Place); 6]>,
}

/// Where a component's value lies.
#[derive(Clone, Debug)]
enum Place {
    State { column: u16, row: RowId },
    Reliable(Box<Row>),
}

#[derive(Clone, Debug)]
struct StateColumn<V> {
    id: ComponentId,
    values: V,
    /// By slot.
    rows: Vec<u32>,
}

/// A place in the index from which the next id is looked for: ids that ascend are found in a step or two.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor(usize);

impl<V> Default for Table<V> {
    fn default() -> Self {
        Table {
            index: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            columns: Vec::new(),
            column_of: Vec::new(),
            structure_sum: 0,
        }
    }
}

impl Table {
    /// The check sum of everything as it was at `tick`.
    #[must_use]
    pub fn sum_at(&self, tick: Tick) -> u64 {
        let mut sum = self.structure_sum;
        for column in &self.columns {
            for (id, slot) in &self.index {
                if let Some(row) = column.row(*slot) {
                    let value = column.values.at(row, tick).unwrap_or_else(|| column.values.latest(row));
                    sum = sum.wrapping_add(hash::component(*id, column.id, value.lanes, &[]));
                }
            }
        }
        sum
    }
}

impl<V: StateValues> Table<V> {
    /// How many entities there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Is nobody there?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// All entities, by ascending id.
    pub fn entities(&self) -> impl Iterator<Item = Entity<'_, V>> {
        self.index.iter().map(|(_, slot)| Entity { table: self, slot: *slot })
    }

    /// One entity.
    #[must_use]
    pub fn get(&self, id: NetId) -> Option<Entity<'_, V>> {
        Some(Entity { table: self, slot: self.slot_of(id)? })
    }

    /// The entity in a slot, where one is.
    #[must_use]
    pub fn at_slot(&self, slot: u32) -> Option<Entity<'_, V>> {
        let held = self.slots.get(slot as usize).filter(|held| held.id != NetId::NONE)?;
        debug_assert!(self.slot_of(held.id) == Some(slot));
        Some(Entity { table: self, slot })
    }

    /// The sum over presences and reliable components: [`hash`] of all but state.
    #[must_use]
    pub fn structure_sum(&self) -> u64 {
        self.structure_sum
    }

    /// Adds an entity without components.
    ///
    /// # Errors
    /// `Inconsistent` where it is there already, or is nobody.
    pub fn spawn(&mut self, id: NetId) -> Result<(), DecodeError> {
        let Err(at) = self.position(id) else {
            return Err(DecodeError::Inconsistent("spawn of an entity that is there"));
        };
        if id == NetId::NONE {
            return Err(DecodeError::Inconsistent("spawn of entity 0"));
        }
        let components = SmallVec::new();
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Slot { id, components };
                slot
            }
            None => {
                self.slots.push(Slot { id, components });
                self.slots.len() as u32 - 1
            }
        };
        self.index.insert(at, (id, slot));
        self.structure_sum = self.structure_sum.wrapping_add(hash::presence(id));
        Ok(())
    }

    /// Takes an entity away.
    ///
    /// # Errors
    /// `UnknownEntity`.
    pub fn despawn(&mut self, id: NetId) -> Result<(), DecodeError> {
        let at = self.position(id).map_err(|_| DecodeError::UnknownEntity(id.0))?;
        let (_, slot) = self.index.remove(at);
        self.structure_sum = self.structure_sum.wrapping_sub(hash::presence(id));
        let gone =
            std::mem::replace(&mut self.slots[slot as usize], Slot { id: NetId::NONE, components: SmallVec::new() });
        for (component, place) in gone.components {
            self.release(id, slot, component, &place);
        }
        self.free.push(slot);
        Ok(())
    }

    /// Sets a component as structure does: a state component begins anew with this value at `tick`.
    ///
    /// # Errors
    /// `UnknownEntity`, `UnknownComponent`, or `Inconsistent` for one that is never sent or does not fit its shape.
    pub fn set(
        &mut self,
        id: NetId,
        component: ComponentId,
        row: &Row,
        tick: Tick,
        shapes: &Shapes,
    ) -> Result<(), DecodeError> {
        let shape = shapes.shape(component)?;
        let slot = self.slot_of(id).ok_or(DecodeError::UnknownEntity(id.0))?;
        match shape.delivery {
            Delivery::Hidden => return Err(DecodeError::Inconsistent("a hidden component was sent")),
            Delivery::State if row.lanes.len() != shape.lanes => {
                return Err(DecodeError::Inconsistent("a row that does not fill its shape"));
            }
            Delivery::State | Delivery::Reliable => {}
        }
        let known = self.column(component).map(|column| self.columns[usize::from(column)].values.lanes());
        if known.is_some_and(|lanes| lanes != row.lanes.len()) {
            return Err(DecodeError::Inconsistent("a component changed its shape"));
        }
        let components = &mut self.slots[slot as usize].components;
        match components.binary_search_by_key(&component, |(other, _)| *other) {
            Ok(at) => match &mut components[at].1 {
                Place::State { column, row: place } => {
                    self.columns[usize::from(*column)].values.reset(*place, tick, &row.lanes);
                }
                Place::Reliable(old) => {
                    let before = hash::component(id, component, &old.lanes, &old.bytes);
                    old.as_mut().clone_from(row);
                    let after = hash::component(id, component, &row.lanes, &row.bytes);
                    self.structure_sum = self.structure_sum.wrapping_sub(before).wrapping_add(after);
                }
            },
            Err(at) => {
                let place = match shape.delivery {
                    Delivery::State => {
                        let column = self.column_or_new(component, shape.lanes);
                        let row = self.columns[usize::from(column)].add(id, slot, tick, &row.lanes);
                        Place::State { column, row }
                    }
                    _ => {
                        let sum = hash::component(id, component, &row.lanes, &row.bytes);
                        self.structure_sum = self.structure_sum.wrapping_add(sum);
                        Place::Reliable(Box::new(row.clone()))
                    }
                };
                self.slots[slot as usize].components.insert(at, (component, place));
            }
        }
        Ok(())
    }

    /// Takes a component away.
    ///
    /// # Errors
    /// `UnknownEntity`, or `Inconsistent` where it is not there.
    pub fn remove(&mut self, id: NetId, component: ComponentId) -> Result<(), DecodeError> {
        let slot = self.slot_of(id).ok_or(DecodeError::UnknownEntity(id.0))?;
        let components = &mut self.slots[slot as usize].components;
        let at = components.iter().position(|(other, _)| *other == component);
        let at = at.ok_or(DecodeError::Inconsistent("removal of a component that is not there"))?;
        let (_, place) = components.remove(at);
        self.release(id, slot, component, &place);
        Ok(())
    }

    /// All values of state components, in the order in which components came.
    pub fn state_columns(&self) -> impl Iterator<Item = (ComponentId, &V)> {
        self.columns.iter().map(|column| (column.id, &column.values))
    }

    /// As [`Table::state_columns`], to change.
    pub fn state_columns_mut(&mut self) -> impl Iterator<Item = (ComponentId, &mut V)> {
        self.columns.iter_mut().map(|column| (column.id, &mut column.values))
    }

    /// A state component's column and row, to put values in; `None` where the entity has no such component. Ids that
    /// ascend from call to call are found quickest.
    #[inline]
    pub fn state_mut(&mut self, cursor: &mut Cursor, id: NetId, component: ComponentId) -> Option<(&mut V, RowId)> {
        let slot = self.seek(cursor, id)?;
        let column = self.column(component)?;
        let column = &mut self.columns[usize::from(column)];
        let row = column.row(slot)?;
        Some((&mut column.values, row))
    }

    /// As [`Table::state_mut`], to read.
    #[inline]
    #[must_use]
    pub fn state(&self, cursor: &mut Cursor, id: NetId, component: ComponentId) -> Option<(&V, RowId)> {
        let slot = self.seek(cursor, id)?;
        let column = &self.columns[usize::from(self.column(component)?)];
        Some((&column.values, column.row(slot)?))
    }

    /// Where an id is in the index, or would be. New ids are mostly the greatest.
    fn position(&self, id: NetId) -> Result<usize, usize> {
        match self.index.last() {
            Some((last, _)) if *last < id => Err(self.index.len()),
            _ => self.index.binary_search_by_key(&id, |(other, _)| *other),
        }
    }

    fn slot_of(&self, id: NetId) -> Option<u32> {
        self.position(id).ok().map(|at| self.index[at].1)
    }

    /// Looks from the cursor on in growing strides, then by halves.
    #[inline]
    fn seek(&self, cursor: &mut Cursor, id: NetId) -> Option<u32> {
        let rest = match self.index.get(cursor.0) {
            Some((here, slot)) if *here == id => return Some(*slot),
            Some((here, _)) if *here < id => &self.index[cursor.0..],
            _ => {
                cursor.0 = 0;
                &self.index[..]
            }
        };
        let mut stride = 1;
        while rest.get(stride).is_some_and(|(other, _)| *other < id) {
            stride *= 2;
        }
        let (from, to) = (stride / 2, rest.len().min(stride + 1));
        cursor.0 += from + rest[from..to].partition_point(|(other, _)| *other < id);
        self.index.get(cursor.0).filter(|(other, _)| *other == id).map(|(_, slot)| *slot)
    }

    #[inline]
    fn column(&self, component: ComponentId) -> Option<u16> {
        match self.column_of.get(usize::from(component.0)) {
            Some(column) => (*column != u16::MAX).then_some(*column),
            None => self.columns.iter().position(|column| column.id == component).map(|at| at as u16),
        }
    }

    fn column_or_new(&mut self, component: ComponentId, lanes: usize) -> u16 {
        if let Some(column) = self.column(component) {
            return column;
        }
        let column = self.columns.len() as u16;
        self.columns.push(StateColumn { id: component, values: V::new(lanes), rows: Vec::new() });
        if component < ComponentId::FIRST_DYNAMIC {
            let at = usize::from(component.0);
            if self.column_of.len() <= at {
                self.column_of.resize(at + 1, u16::MAX);
                // Those registered at run time may have come before: they stay where the search finds them.
            }
            self.column_of[at] = column;
        }
        column
    }

    fn release(&mut self, id: NetId, slot: u32, component: ComponentId, place: &Place) {
        match place {
            Place::State { column, row } => self.columns[usize::from(*column)].remove(slot, *row),
            Place::Reliable(row) => {
                let sum = hash::component(id, component, &row.lanes, &row.bytes);
                self.structure_sum = self.structure_sum.wrapping_sub(sum);
            }
        }
    }
}

impl<V> StateColumn<V> {
    #[inline]
    fn row(&self, slot: u32) -> Option<RowId> {
        self.rows.get(slot as usize).filter(|row| **row != NO_ROW).map(|row| RowId::of(*row))
    }

    fn add(&mut self, id: NetId, slot: u32, tick: Tick, lanes: &[i32]) -> RowId
    where
        V: StateValues,
    {
        let row = self.values.add(id, tick, lanes);
        let at = slot as usize;
        if self.rows.len() <= at {
            self.rows.resize(at + 1, NO_ROW);
        }
        self.rows[at] = row.number();
        row
    }

    fn remove(&mut self, slot: u32, row: RowId)
    where
        V: StateValues,
    {
        self.rows[slot as usize] = NO_ROW;
        self.values.remove(row);
    }
}

#[cfg(test)]
mod tests;
