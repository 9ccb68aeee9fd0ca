//! The world as clients see it: quantised rows, with enough history to code against any base still in use.
//!
//! It compares quantised values, so a component that was touched but did not change by a step is no change. The check
//! sum is kept up to date with every change; nothing is ever summed over the whole world.

use std::collections::{BTreeMap, VecDeque};

use hd1_core::{NetId, Tick};
use hd1_protocol::{hash, history::History, shapes::Shapes, structure::StructureOp};
use hd1_schema::{ComponentId, ComponentSchema, Delivery, Row};
use smallvec::SmallVec;

use crate::limits::HISTORY_TICKS;

#[derive(Debug)]
enum Value {
    State(History),
    Reliable(Row),
}

#[derive(Debug, Default)]
struct Entity {
    /// By ascending id.
    components: SmallVec<[(ComponentId, Value); 4]>,
}

/// A component of an entity.
type Key = (NetId, ComponentId);

/// See the module's words.
#[derive(Debug, Default)]
pub struct Tracked {
    shapes: Shapes,
    entities: BTreeMap<NetId, Entity>,
    tick: Tick,
    /// Structure changes of this tick, in the order they came.
    ops: Vec<StructureOp>,
    /// State changes by tick, oldest first; the last is this tick's.
    recent: VecDeque<(Tick, Vec<Key>)>,
    /// No base older than this is in use.
    oldest_base: Tick,
    sum: u64,
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
        self.sum
    }

    /// Entities shown.
    #[must_use]
    pub fn entity_count(&self) -> usize {
        self.entities.len()
    }

    /// Starts a tick. `oldest_base` is the oldest that any client may still be sent deltas against.
    pub fn begin(&mut self, tick: Tick, oldest_base: Tick) {
        self.tick = tick;
        self.ops.clear();
        self.oldest_base = oldest_base.max(Tick(tick.0.saturating_sub(HISTORY_TICKS)));
        while self.recent.front().is_some_and(|(t, _)| *t <= self.oldest_base) {
            self.recent.pop_front();
        }
        self.recent.push_back((tick, Vec::new()));
    }

    /// An entity appeared. Its components follow by [`Tracked::set`] before another entity's.
    pub fn spawned(&mut self, entity: NetId) {
        self.entities.insert(entity, Entity::default());
        self.sum = self.sum.wrapping_add(hash::presence(entity));
        self.ops.push(StructureOp::Spawn { entity, components: Vec::new() });
    }

    /// An entity is gone; unknown ones are ignored.
    pub fn despawned(&mut self, entity: NetId) {
        let Some(gone) = self.entities.remove(&entity) else { return };
        self.sum = self.sum.wrapping_sub(hash::presence(entity));
        for (id, value) in &gone.components {
            self.sum = self.sum.wrapping_sub(part(entity, *id, value));
        }
        self.ops.push(StructureOp::Despawn { entity });
    }

    /// A component was added or touched; hidden ones and unknown entities are ignored.
    pub fn set(&mut self, entity: NetId, component: ComponentId, row: &Row) {
        let Ok(shape) = self.shapes.shape(component) else { return };
        let Some(tracked) = self.entities.get_mut(&entity) else { return };
        let fresh = || match shape.delivery {
            Delivery::State => Some(Value::State(History::new(self.tick, row.lanes.clone()))),
            Delivery::Reliable => Some(Value::Reliable(row.clone())),
            Delivery::Hidden => None,
        };
        match tracked.components.binary_search_by_key(&component, |(id, _)| *id) {
            Err(at) => {
                let Some(value) = fresh() else { return };
                self.sum = self.sum.wrapping_add(part(entity, component, &value));
                tracked.components.insert(at, (component, value));
                self.note_set(entity, component, row);
            }
            Ok(at) => {
                let value = &mut tracked.components[at].1;
                let before = part(entity, component, value);
                match value {
                    Value::Reliable(old) if old == row => {}
                    Value::Reliable(old) => {
                        old.clone_from(row);
                        self.sum = self.sum.wrapping_sub(before).wrapping_add(part(entity, component, value));
                        self.note_set(entity, component, row);
                    }
                    Value::State(history) => {
                        if history.latest().lanes == row.lanes {
                            return;
                        }
                        if history.structure_tick() == self.tick {
                            // Structure brings this tick's value: let it bring the last one.
                            *history = History::new(self.tick, row.lanes.clone());
                            self.sum = self.sum.wrapping_sub(before).wrapping_add(part(entity, component, value));
                            self.note_set(entity, component, row);
                            return;
                        }
                        history.insert(self.tick, self.tick, row.lanes.clone());
                        history.prune(self.oldest_base);
                        self.sum = self.sum.wrapping_sub(before).wrapping_add(part(entity, component, value));
                        if let Some((_, keys)) = self.recent.back_mut() {
                            keys.push((entity, component));
                        }
                    }
                }
            }
        }
    }

    /// A component is gone; what was not there is ignored.
    pub fn removed(&mut self, entity: NetId, component: ComponentId) {
        let Some(tracked) = self.entities.get_mut(&entity) else { return };
        let Ok(at) = tracked.components.binary_search_by_key(&component, |(id, _)| *id) else { return };
        let (_, value) = tracked.components.remove(at);
        self.sum = self.sum.wrapping_sub(part(entity, component, &value));
        self.ops.push(StructureOp::Remove { entity, component });
    }

    /// This tick's structure changes.
    #[must_use]
    pub fn ops(&self) -> &[StructureOp] {
        &self.ops
    }

    /// Everything as spawns in ascending order: a join snapshot's content.
    #[must_use]
    pub fn spawns(&self) -> Vec<StructureOp> {
        let row = |value: &Value| match value {
            Value::State(history) => Row { lanes: history.latest().lanes.clone(), bytes: Vec::new() },
            Value::Reliable(row) => row.clone(),
        };
        let spawn = |(entity, tracked): (&NetId, &Entity)| StructureOp::Spawn {
            entity: *entity,
            components: tracked.components.iter().map(|(id, value)| (*id, row(value))).collect(),
        };
        self.entities.iter().map(spawn).collect()
    }

    /// Calls `each` with every state component that changed after `base`, in ascending order, with its value at
    /// `base` where that is known. What structure brought is left out: it went with structure.
    pub fn changed_since(&self, base: Tick, mut each: impl FnMut(NetId, ComponentId, Option<&[i32]>, &[i32])) {
        let mut visit = |entity: NetId, id: ComponentId, history: &History| {
            let old = history.at(base).map(|e| e.lanes.as_slice());
            each(entity, id, old, &history.latest().lanes);
        };
        let remembered = self.recent.front().is_some_and(|(oldest, _)| oldest.0 <= base.0 + 1);
        if !remembered {
            for (entity, tracked) in &self.entities {
                for (id, value) in &tracked.components {
                    if let Value::State(history) = value
                        && moved_since(history, base)
                    {
                        visit(*entity, *id, history);
                    }
                }
            }
            return;
        }
        let mut keys: Vec<Key> = Vec::new();
        for (tick, changed) in self.recent.iter().rev().take_while(|(tick, _)| *tick > base) {
            // A key stands in the list of each tick it changed in: only the newest counts.
            let newest = |key: &&Key| self.history(**key).is_some_and(|h| h.latest().tick == *tick);
            keys.extend(changed.iter().filter(newest));
        }
        keys.sort_unstable();
        for key in keys {
            if let Some(history) = self.history(key).filter(|h| moved_since(h, base)) {
                visit(key.0, key.1, history);
            }
        }
    }

    fn history(&self, (entity, component): Key) -> Option<&History> {
        let tracked = self.entities.get(&entity)?;
        match &tracked.components.iter().find(|(id, _)| *id == component)?.1 {
            Value::State(history) => Some(history),
            Value::Reliable(_) => None,
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

fn moved_since(history: &History, base: Tick) -> bool {
    let newest = history.latest().tick;
    newest > base && newest > history.structure_tick()
}

fn part(entity: NetId, id: ComponentId, value: &Value) -> u64 {
    match value {
        Value::State(history) => hash::component(entity, id, &history.latest().lanes, &[]),
        Value::Reliable(row) => hash::component(entity, id, &row.lanes, &row.bytes),
    }
}
