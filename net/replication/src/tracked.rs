//! The world as clients see it: quantised rows, with enough history to code against any base still in use ([`Logged`]).
//!
//! It compares quantised values, so a component that was touched but did not change by a step is no change. The check
//! sum is that of the last time and of what has changed since; nothing is ever summed over the whole world.

use hd1_core::{NetId, Tick};
use hd1_protocol::{
    shapes::Shapes,
    snapshot::Shown,
    state::{Base, StateWriter},
    structure::StructureOp,
    table::{Cursor, HeldValue, StateValues as _, Table},
};
use hd1_schema::{ComponentId, ComponentSchema, Delivery, Row};

use crate::logged::Logged;

/// See the module's words.
#[derive(Debug, Default)]
pub struct Tracked {
    shapes: Shapes,
    table: Table<Logged>,
    tick: Tick,
    /// Structure changes of this tick, in the order they came.
    ops: Vec<StructureOp>,
    /// Where the last change was: they come by ascending entity within a component.
    cursor: Cursor,
}

impl Tracked {
    /// An empty world with these components.
    pub fn new(schemas: impl IntoIterator<Item = ComponentSchema>) -> Self {
        Tracked { shapes: Shapes::new(schemas), ..Tracked::default() }
    }

    /// Learns a component registered at run time.
    pub fn register(&mut self, schema: ComponentSchema) {
        self.shapes.register(schema);
    }

    /// The components it knows.
    #[must_use]
    pub fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    /// The newest tick.
    #[must_use]
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// The check sum of everything shown at the newest tick.
    #[must_use]
    pub fn sum(&self) -> u64 {
        let state = self.table.state_columns().map(|(component, values)| values.sum(component));
        state.fold(self.table.structure_sum(), u64::wrapping_add)
    }

    /// As [`Tracked::sum`], and the next one is quicker: only what changes until then is looked at.
    pub fn sum_up(&mut self) -> u64 {
        let state: u64 = self
            .table
            .state_columns_mut()
            .map(|(component, values)| values.sum_up(component))
            .fold(0, u64::wrapping_add);
        self.table.structure_sum().wrapping_add(state)
    }

    /// Entities shown.
    #[must_use]
    pub fn entity_count(&self) -> usize {
        self.table.len()
    }

    /// Starts a tick. No base from now on is older than `oldest`.
    pub fn begin(&mut self, tick: Tick, oldest: Tick) {
        self.tick = tick;
        self.ops.clear();
        for (_, values) in self.table.state_columns_mut() {
            values.forget_before(oldest);
        }
    }

    /// An entity appeared. Its components follow by [`Tracked::set`] before another entity's. One that is there is not
    /// spawned again.
    pub fn spawned(&mut self, entity: NetId) {
        if self.table.spawn(entity).is_ok() {
            self.ops.push(StructureOp::Spawn { entity, components: Vec::new() });
        }
    }

    /// An entity is gone; unknown ones are ignored.
    pub fn despawned(&mut self, entity: NetId) {
        if self.table.despawn(entity).is_ok() {
            self.ops.push(StructureOp::Despawn { entity });
        }
    }

    /// A component was added or touched; hidden ones and unknown entities are ignored.
    pub fn set(&mut self, entity: NetId, component: ComponentId, row: &Row) {
        let Ok(shape) = self.shapes.shape(component) else { return };
        match shape.delivery {
            Delivery::Hidden => {}
            Delivery::State => self.set_state(entity, component, row),
            Delivery::Reliable => {
                let held = self.table.get(entity).and_then(|entity| entity.held(component));
                let same = held.is_some_and(|held| matches!(held.value, HeldValue::Reliable(old) if old == row));
                if !same {
                    self.set_by_structure(entity, component, row);
                }
            }
        }
    }

    fn set_state(&mut self, entity: NetId, component: ComponentId, row: &Row) {
        let Some((column, at)) = self.table.state_mut(&mut self.cursor, entity, component) else {
            return self.set_by_structure(entity, component, row);
        };
        let old = column.newest(at);
        if old == row.lanes.as_slice() || old.len() != row.lanes.len() {
            return;
        }
        if column.structure_tick(at) == self.tick {
            // Structure brings this tick's value: let it bring the last one.
            return self.set_by_structure(entity, component, row);
        }
        column.set(at, self.tick, &row.lanes);
    }

    /// As a change of structure, whole; of unknown entities none.
    fn set_by_structure(&mut self, entity: NetId, component: ComponentId, row: &Row) {
        if self.table.set(entity, component, row, self.tick, &self.shapes).is_err() {
            return;
        }
        self.note_set(entity, component, row);
    }

    /// A component is gone; what was not there is ignored.
    pub fn removed(&mut self, entity: NetId, component: ComponentId) {
        if self.table.remove(entity, component).is_ok() {
            self.ops.push(StructureOp::Remove { entity, component });
        }
    }

    /// This tick's structure changes.
    #[must_use]
    pub fn ops(&self) -> &[StructureOp] {
        &self.ops
    }

    /// Everything: a join snapshot's content.
    #[must_use]
    pub fn shown(&self) -> Shown<'_> {
        let mut shown = Shown::default();
        for entity in self.table.entities() {
            shown.entity(entity.id());
            for held in entity.components() {
                let (lanes, bytes) = held.parts();
                shown.component(held.id, lanes, bytes);
            }
        }
        shown
    }

    /// Writes every state component that changed after `base`. What structure brought is left out: it went with
    /// structure.
    pub fn write_since(&mut self, base: Base, writer: &mut StateWriter) {
        let (tick, shapes) = (self.tick, &self.shapes);
        for (component, values) in self.table.state_columns_mut() {
            match shapes.shape(component) {
                Ok(shape) if values.is_changed_since(base) => {
                    writer.section(component, shape);
                    values.write_since(base, tick, writer);
                }
                _ => {}
            }
        }
    }

    /// Into the spawn of the same tick, if it is the newest op; else as a change of its own.
    fn note_set(&mut self, entity: NetId, component: ComponentId, row: &Row) {
        match self.ops.last_mut() {
            Some(StructureOp::Spawn { entity: newest, components }) if *newest == entity => {
                match components.binary_search_by_key(&component, |(id, _)| *id) {
                    Ok(at) => components[at].1.clone_from(row),
                    Err(at) => components.insert(at, (component, row.clone())),
                }
            }
            _ => self.ops.push(StructureOp::Set { entity, component, row: row.clone() }),
        }
    }
}
