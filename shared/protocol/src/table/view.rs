//! Reading a table: one entity, its components, their values.

use hd1_core::{NetId, Tick};
use hd1_schema::{ComponentId, Row};

use super::{Place, Table};
use crate::column::{Column, RowId, Value};

/// One entity as shown.
#[derive(Clone, Copy, Debug)]
pub struct Entity<'a> {
    pub(super) table: &'a Table,
    pub(super) slot: u32,
}

/// One component of an entity.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// Which.
    pub id: ComponentId,
    /// What is known of it.
    pub value: HeldValue<'a>,
}

/// A component's value by the way it travels.
#[derive(Clone, Copy, Debug)]
pub enum HeldValue<'a> {
    /// Values by tick.
    State(History<'a>),
    /// The value.
    Reliable(&'a Row),
}

/// The recent values of one state component of one entity.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    column: &'a Column,
    row: RowId,
}

impl<'a> History<'a> {
    /// The newest value.
    #[must_use]
    pub fn latest(self) -> Value<'a> {
        self.column.latest(self.row)
    }

    /// As [`Column::at`].
    #[must_use]
    pub fn at(self, tick: Tick) -> Option<Value<'a>> {
        self.column.at(self.row, tick)
    }

    /// As [`Column::around`].
    #[must_use]
    pub fn around(self, moment: f64) -> (Value<'a>, Value<'a>, f32) {
        self.column.around(self.row, moment)
    }
}

impl<'a> Held<'a> {
    /// The newest value's lanes and bytes.
    #[must_use]
    pub fn parts(self) -> (&'a [i32], &'a [u8]) {
        match self.value {
            HeldValue::State(History { column, row }) => (column.latest(row).lanes, &[]),
            HeldValue::Reliable(row) => (&row.lanes, &row.bytes),
        }
    }

    /// The newest value.
    #[must_use]
    pub fn row(&self) -> Row {
        match self.value {
            HeldValue::State(History { column, row }) => {
                Row { lanes: column.latest(row).lanes.into(), bytes: Vec::new() }
            }
            HeldValue::Reliable(row) => row.clone(),
        }
    }
}

impl<'a> Entity<'a> {
    /// Its name on the wire.
    #[must_use]
    pub fn id(self) -> NetId {
        self.table.slots[self.slot as usize].id
    }

    /// Its place in the table, which stays the same while it is there: see [`Table::at_slot`].
    #[must_use]
    pub fn slot(self) -> u32 {
        self.slot
    }

    /// By how many ticks later than `moment` says it is to be drawn there: what comes seldom would jump else.
    #[must_use]
    pub fn lag_ticks(self, moment: f64) -> f64 {
        self.table.slots[self.slot as usize].lag.at(moment)
    }

    /// By ascending id.
    pub fn components(self) -> impl Iterator<Item = Held<'a>> {
        let slot = &self.table.slots[self.slot as usize];
        slot.components.iter().map(move |(id, place)| held(self.table, *id, place))
    }

    /// One component.
    #[must_use]
    pub fn held(self, id: ComponentId) -> Option<Held<'a>> {
        let components = &self.table.slots[self.slot as usize].components;
        let (id, place) = components.iter().find(|(other, _)| *other == id)?;
        Some(held(self.table, *id, place))
    }
}

fn held<'a>(table: &'a Table, id: ComponentId, place: &'a Place) -> Held<'a> {
    let value = match place {
        Place::State { column, row } => {
            HeldValue::State(History { column: &table.columns[usize::from(*column)].values, row: *row })
        }
        Place::Reliable(row) => HeldValue::Reliable(row),
    };
    Held { id, value }
}
