//! The world as a mirror shows it: entities with their quantised components.
//!
//! Entities have slots that stay theirs. State components lie in [`Column`]s, reliable ones as rows of their own.

use hd1_core::{NetId, Tick};
use hd1_schema::{ComponentId, Delivery, Row};
use smallvec::SmallVec;

mod view;

pub use view::{Entity, Held, HeldValue, History};

use crate::{
    column::{Column, RowId},
    hash,
    index::Index,
    mirror::pace::Lag,
    shapes::Shapes,
    wire::DecodeError,
};

/// "No row": no column has so many.
const NO_ROW: u32 = u32::MAX;

/// See the module's words.
#[derive(Clone, Debug, Default)]
pub struct Table {
    index: Index,
    slots: Vec<Slot>,
    free: Vec<u32>,
    columns: Vec<StateColumn>,
    /// Indices into `columns` by the low component ids, which are all but a few.
    column_of: Vec<u16>,
}

#[derive(Clone, Debug)]
struct Slot {
    id: NetId,
    /// How it is drawn.
    lag: Lag,
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
struct StateColumn {
    id: ComponentId,
    values: Column,
    /// By slot.
    rows: Vec<u32>,
}

impl Table {
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
    pub fn entities(&self) -> impl Iterator<Item = Entity<'_>> {
        self.index.iter().map(|(_, slot)| Entity { table: self, slot })
    }

    /// One entity.
    #[must_use]
    pub fn get(&self, id: NetId) -> Option<Entity<'_>> {
        Some(Entity { table: self, slot: self.index.get(id)? })
    }

    /// The entity in a slot, where one is.
    #[must_use]
    pub fn at_slot(&self, slot: u32) -> Option<Entity<'_>> {
        self.slots.get(slot as usize).filter(|held| held.id != NetId::NONE)?;
        Some(Entity { table: self, slot })
    }

    /// Adds an entity without components; its slot.
    ///
    /// # Errors
    /// `Inconsistent` where it is there already, or is nobody.
    pub fn spawn(&mut self, id: NetId) -> Result<u32, DecodeError> {
        if id == NetId::NONE {
            return Err(DecodeError::Inconsistent("spawn of entity 0"));
        }
        let slot = self.free.last().copied().unwrap_or(self.slots.len() as u32);
        if !self.index.insert(id, slot) {
            return Err(DecodeError::Inconsistent("spawn of an entity that is there"));
        }
        let fresh = Slot { id, lag: Lag::default(), components: SmallVec::new() };
        match self.free.pop() {
            Some(slot) => self.slots[slot as usize] = fresh,
            None => self.slots.push(fresh),
        }
        Ok(slot)
    }

    /// Takes the entity of a slot away; nothing happens where there is none.
    pub fn despawn(&mut self, slot: u32) {
        let nobody = Slot { id: NetId::NONE, lag: Lag::default(), components: SmallVec::new() };
        let Some(place) = self.slots.get_mut(slot as usize).filter(|place| place.id != NetId::NONE) else { return };
        let gone = std::mem::replace(place, nobody);
        self.index.remove(gone.id);
        for (_, place) in gone.components {
            self.release(slot, &place);
        }
        self.free.push(slot);
    }

    /// Sets a component of the entity in `slot` as structure does: a state component has this value from `tick` on,
    /// whatever came before. Values before `oldest` are drawn by nobody.
    ///
    /// # Errors
    /// `UnknownComponent`, or `Inconsistent` for one that is never sent or does not fit its shape.
    pub fn set(
        &mut self,
        slot: u32,
        component: ComponentId,
        row: Row,
        (tick, oldest): (Tick, Tick),
        shapes: &Shapes,
    ) -> Result<(), DecodeError> {
        let shape = shapes.shape(component)?;
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
                    self.columns[usize::from(*column)].values.root(*place, tick, oldest, &row.lanes);
                }
                Place::Reliable(old) => **old = row,
            },
            Err(at) => {
                let place = match shape.delivery {
                    Delivery::State => {
                        let column = self.column_or_new(component, shape.lanes);
                        let row = self.columns[usize::from(column)].add(slot, tick, &row.lanes);
                        Place::State { column, row }
                    }
                    _ => Place::Reliable(Box::new(row)),
                };
                self.slots[slot as usize].components.insert(at, (component, place));
            }
        }
        Ok(())
    }

    /// Takes a component away; `false` where it is not there.
    pub fn remove(&mut self, slot: u32, component: ComponentId) -> bool {
        let components = &mut self.slots[slot as usize].components;
        let Some(at) = components.iter().position(|(other, _)| *other == component) else { return false };
        let (_, place) = components.remove(at);
        self.release(slot, &place);
        true
    }

    /// A state component's column and row, to put values in; `None` where the entity of the slot has no such component.
    #[inline]
    pub fn state_mut(&mut self, slot: u32, component: ComponentId) -> Option<(&mut Column, RowId)> {
        let column = self.column(component)?;
        let column = &mut self.columns[usize::from(column)];
        let row = column.row(slot)?;
        Some((&mut column.values, row))
    }

    /// The part of the check sum of the entity in a slot, as it was at `tick`; `None` where that is forgotten.
    #[must_use]
    pub fn sum_at(&self, slot: u32, tick: Tick) -> Option<u64> {
        let Slot { id, components, .. } = &self.slots[slot as usize];
        let mut sum = hash::presence(*id);
        for (component, place) in components {
            sum = sum.wrapping_add(match place {
                Place::State { column, row } => {
                    let value = self.columns[usize::from(*column)].values.at(*row, tick)?;
                    hash::component(*id, *component, value.lanes, &[])
                }
                Place::Reliable(row) => hash::component(*id, *component, &row.lanes, &row.bytes),
            });
        }
        Some(sum)
    }

    /// State of the entity in a slot came at `tick`, and comes so many ticks apart.
    #[inline]
    pub(crate) fn follow(&mut self, slot: u32, interval: u8, tick: Tick) {
        if let Some(slot) = self.slots.get_mut(slot as usize) {
            slot.lag.follow(interval, tick);
        }
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
        self.columns.push(StateColumn { id: component, values: Column::new(lanes), rows: Vec::new() });
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

    fn release(&mut self, slot: u32, place: &Place) {
        if let Place::State { column, row } = place {
            self.columns[usize::from(*column)].remove(slot, *row);
        }
    }
}

impl StateColumn {
    #[inline]
    fn row(&self, slot: u32) -> Option<RowId> {
        self.rows.get(slot as usize).filter(|row| **row != NO_ROW).map(|row| RowId::of(*row))
    }

    fn add(&mut self, slot: u32, tick: Tick, lanes: &[i32]) -> RowId {
        let row = self.values.add(tick, lanes);
        let at = slot as usize;
        if self.rows.len() <= at {
            self.rows.resize(at + 1, NO_ROW);
        }
        self.rows[at] = row.number();
        row
    }

    fn remove(&mut self, slot: u32, row: RowId) {
        self.rows[slot as usize] = NO_ROW;
        self.values.remove(row);
    }
}

#[cfg(test)]
mod tests;
