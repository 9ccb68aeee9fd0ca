//! The world as clients see it: quantised rows, with enough history to code against any base still in use.
//!
//! It compares quantised values, so a component that was touched but did not change by a step is no change. The check
//! sum is kept up to date with every change; nothing is ever summed over the whole world.

use std::collections::VecDeque;

use hd1_core::{NetId, Tick};
use hd1_protocol::{
    column::{Column, RowId},
    hash,
    shapes::Shapes,
    structure::StructureOp,
    table::{Cursor, HeldValue, Table},
};
use hd1_schema::{ComponentId, ComponentSchema, Delivery, Row};

use crate::limits::HISTORY_TICKS;

/// A component of an entity.
type Key = (NetId, ComponentId);

/// See the module's words.
#[derive(Debug, Default)]
pub struct Tracked {
    shapes: Shapes,
    table: Table,
    tick: Tick,
    /// Structure changes of this tick, in the order they came.
    ops: Vec<StructureOp>,
    /// State changes by tick, oldest first; the last is this tick's.
    recent: VecDeque<(Tick, Vec<Key>)>,
    /// Lists of `recent` that are over, to be filled again.
    spare: Vec<Vec<Key>>,
    /// No base older than this is in use.
    oldest_base: Tick,
    /// The sum over state components; the rest is the table's.
    state_sum: u64,
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
        self.table.structure_sum().wrapping_add(self.state_sum)
    }

    /// Entities shown.
    #[must_use]
    pub fn entity_count(&self) -> usize {
        self.table.len()
    }

    /// Starts a tick. `oldest_base` is the oldest that any client may still be sent deltas against.
    pub fn begin(&mut self, tick: Tick, oldest_base: Tick) {
        self.tick = tick;
        self.ops.clear();
        self.oldest_base = oldest_base.max(Tick(tick.0.saturating_sub(HISTORY_TICKS)));
        while self.recent.front().is_some_and(|(t, _)| *t <= self.oldest_base) {
            self.spare.extend(self.recent.pop_front().map(|(_, keys)| keys));
        }
        let mut keys = self.spare.pop().unwrap_or_default();
        keys.clear();
        self.recent.push_back((tick, keys));
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
        let sum = &mut self.state_sum;
        let gone = self.table.despawn(entity, |component, lanes| {
            *sum = sum.wrapping_sub(hash::component(entity, component, lanes, &[]));
        });
        if gone.is_ok() {
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
        let old = column.latest(at).lanes;
        if old == row.lanes.as_slice() || old.len() != row.lanes.len() {
            return;
        }
        if column.structure_tick(at) == self.tick {
            // Structure brings this tick's value: let it bring the last one.
            return self.set_by_structure(entity, component, row);
        }
        let before = hash::component(entity, component, old, &[]);
        let after = hash::component(entity, component, &row.lanes, &[]);
        self.state_sum = self.state_sum.wrapping_sub(before).wrapping_add(after);
        // A value without a base is always taken.
        let _ = column.put(at, self.tick, self.tick, None, self.oldest_base, |lanes| lanes.copy_from_slice(&row.lanes));
        if let Some((_, keys)) = self.recent.back_mut() {
            keys.push((entity, component));
        }
    }

    /// As a change of structure, whole; of unknown entities none.
    fn set_by_structure(&mut self, entity: NetId, component: ComponentId, row: &Row) {
        let before = self.state_part(entity, component);
        if self.table.set(entity, component, row, self.tick, &self.shapes).is_err() {
            return;
        }
        let after = self.state_part(entity, component);
        self.state_sum = self.state_sum.wrapping_sub(before).wrapping_add(after);
        self.note_set(entity, component, row);
    }

    /// A component is gone; what was not there is ignored.
    pub fn removed(&mut self, entity: NetId, component: ComponentId) {
        let before = self.state_part(entity, component);
        if self.table.remove(entity, component).is_ok() {
            self.state_sum = self.state_sum.wrapping_sub(before);
            self.ops.push(StructureOp::Remove { entity, component });
        }
    }

    /// What a component adds to the sum over state; 0 for none and for reliable ones.
    fn state_part(&self, entity: NetId, component: ComponentId) -> u64 {
        let place = self.table.state(&mut Cursor::default(), entity, component);
        place.map_or(0, |(column, at)| hash::component(entity, component, column.latest(at).lanes, &[]))
    }

    /// This tick's structure changes.
    #[must_use]
    pub fn ops(&self) -> &[StructureOp] {
        &self.ops
    }

    /// Everything as spawns in ascending order: a join snapshot's content.
    #[must_use]
    pub fn spawns(&self) -> Vec<StructureOp> {
        let spawn = |entity: hd1_protocol::table::Entity<'_>| StructureOp::Spawn {
            entity: entity.id(),
            components: entity.components().map(|held| (held.id, held.row())).collect(),
        };
        self.table.entities().map(spawn).collect()
    }

    /// Calls `each` with every state component that changed after `base`, in ascending order, with its value at
    /// `base` where that is known. What structure brought is left out: it went with structure.
    pub fn changed_since(&self, base: Tick, mut each: impl FnMut(NetId, ComponentId, Option<&[i32]>, &[i32])) {
        let mut visit = |(entity, id): Key, column: &Column, at: RowId| {
            each(entity, id, column.at(at, base).map(|value| value.lanes), column.latest(at).lanes);
        };
        let mut cursor = Cursor::default();
        let remembered = self.recent.front().is_some_and(|(oldest, _)| oldest.0 <= base.0 + 1);
        if !remembered {
            for entity in self.table.entities() {
                for held in entity.components() {
                    let key = (entity.id(), held.id);
                    match self.table.state(&mut cursor, key.0, key.1) {
                        Some((column, at)) if moved_since(column, at, base) => visit(key, column, at),
                        _ => {}
                    }
                }
            }
            return;
        }
        let mut keys: Vec<Key> = Vec::new();
        for (tick, changed) in self.recent.iter().rev().take_while(|(tick, _)| *tick > base) {
            // A key stands in the list of each tick it changed in: only the newest counts.
            let newest = |(entity, id): &Key, cursor: &mut Cursor| {
                self.table.state(cursor, *entity, *id).is_some_and(|(column, at)| column.newest_tick(at) == *tick)
            };
            keys.extend(changed.iter().filter(|key| newest(key, &mut cursor)));
        }
        keys.sort_unstable();
        for key in keys {
            match self.table.state(&mut cursor, key.0, key.1) {
                Some((column, at)) if moved_since(column, at, base) => visit(key, column, at),
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

fn moved_since(column: &Column, at: RowId, base: Tick) -> bool {
    let newest = column.newest_tick(at);
    newest > base && newest > column.structure_tick(at)
}
