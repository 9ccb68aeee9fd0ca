//! What changed in a world since someone last looked.
//!
//! Replication and the state hash each hold a state of their own here and pay for changes, not for the world: columns
//! are scanned by change tick, removals come from the log, and only what changed is turned into bytes.

use bevy_ecs::change_detection::{DetectChanges, Tick};
use bevy_ecs::query::QueryState;
use bevy_ecs::world::{Ref, World};
use hd1_core::NetId;
use hd1_schema::{ComponentId, Row};

use crate::catalogue::{Catalogue, Cell, ComponentEntry, Scanner};
use crate::net_id::{NetIdMap, NetIndex, Networked};
use crate::removals::Removals;

/// Change ticks after one look and up to the next.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    since: Option<Tick>,
    now: Tick,
}

impl Window {
    pub(crate) fn holds(self, tick: Tick) -> bool {
        self.since.is_none_or(|since| tick.is_newer_than(since, self.now))
    }
}

/// Change ticks wrap: who has not looked for this many compares everything.
const WINDOW_TICKS_MAX: u32 = 1 << 30;

/// One change, as a client needs to hear it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change<'a> {
    /// A new entity; its components follow.
    Spawned(NetId),
    /// It is gone with all its components.
    Despawned(NetId),
    /// A component was added or changed. The row is valid during the call.
    Set(NetId, ComponentId, &'a Row),
    /// A component was taken off an entity that lives on.
    Removed(NetId, ComponentId),
}

/// What one capturer has seen: caches, cursor and the set of components it knows of each entity.
#[derive(Default)]
pub struct CaptureState {
    watch: Watch,
    keys: Vec<(u64, u32)>,
    rows: Vec<Row>,
}

const SPAWNED: u64 = 0;
const REMOVED: u64 = 1;
const SET: u64 = 2;
const DESPAWNED: u64 = 3;

/// Tells everything replicated that changed since the last capture with this state, in ascending order of net ids; the
/// first capture tells the whole world. Cost grows with the changes, plus a scan of change ticks.
pub fn capture(world: &mut World, state: &mut CaptureState, emit: &mut dyn FnMut(Change)) {
    let CaptureState { watch, keys, rows } = state;
    keys.clear();
    let mut used = 0usize;
    watch.run(world, false, &mut |event| {
        let (id, rank, component, row) = match event {
            Event::Spawned(id) => (id, SPAWNED, 0, 0),
            Event::Despawned(id) => (id, DESPAWNED, 0, 0),
            Event::Removed(id, entry) => (id, REMOVED, entry.id().0, 0),
            Event::Changed(id, entry, cell) => {
                if used == rows.len() {
                    rows.push(Row::default());
                }
                rows[used].clear();
                cell.put_row(&mut rows[used]);
                used += 1;
                (id, SET, entry.id().0, used as u32 - 1)
            }
        };
        keys.push((u64::from(id.0) << 32 | rank << 16 | u64::from(component), row));
    });
    keys.sort_unstable_by_key(|(key, _)| *key);
    for &(key, row) in &*keys {
        let (id, component) = (NetId((key >> 32) as u32), ComponentId(key as u16));
        emit(match (key >> 16) & 0xffff {
            SPAWNED => Change::Spawned(id),
            DESPAWNED => Change::Despawned(id),
            REMOVED => Change::Removed(id, component),
            _ => Change::Set(id, component, &rows[row as usize]),
        });
    }
}

/// One change with the component still in place.
pub enum Event<'a> {
    /// A new entity.
    Spawned(NetId),
    /// A gone entity.
    Despawned(NetId),
    /// A component was added or changed.
    Changed(NetId, &'a ComponentEntry, &'a dyn Cell),
    /// A component was taken off.
    Removed(NetId, &'a ComponentEntry),
}

/// Changes in no particular order, replicated or all: what [`capture`] sorts and the state hash sums.
#[derive(Default)]
pub struct Watch {
    entities: Option<QueryState<Ref<'static, Networked>>>,
    /// One per catalogue entry; `None` for those not watched.
    scanners: Vec<Option<Box<dyn Scanner>>>,
    since: Option<Tick>,
    cursor: u64,
    /// Components that were told, as bits by catalogue index.
    known: NetIdMap<u128>,
}

impl Watch {
    /// Tells what changed since the last run; `hidden` also watches components that are never sent.
    pub fn run(&mut self, world: &mut World, hidden: bool, tell: &mut dyn FnMut(Event)) {
        let catalogue = world.resource::<Catalogue>().clone();
        for entry in &catalogue.entries()[self.scanners.len()..] {
            let watched = hidden || entry.schema.is_replicated();
            self.scanners.push(watched.then(|| entry.scanner(world)));
        }
        let now = world.increment_change_tick();
        if self.since.is_some_and(|since| now.get().wrapping_sub(since.get()) > WINDOW_TICKS_MAX) {
            self.since = None;
        }
        let window = Window { since: self.since, now };
        self.since = Some(now);
        let world: &World = world;
        self.removals(world, &catalogue, tell);
        self.spawns(world, window, tell);
        let Watch { scanners, known, .. } = self;
        for (entry, scanner) in catalogue.entries().iter().zip(scanners) {
            let Some(scanner) = scanner else { continue };
            scanner.scan(world, window, &mut |id, added, cell| {
                if added {
                    *known.entry(id).or_default() |= 1 << entry.index;
                }
                tell(Event::Changed(id, entry, cell));
            });
        }
    }

    fn spawns(&mut self, world: &World, window: Window, tell: &mut dyn FnMut(Event)) {
        let Some(query) = self.entities.as_mut() else {
            // The first run: the query needs no more than read access, but bevy builds it on a world's components.
            let Some(query) = QueryState::try_new(world) else { return };
            self.entities = Some(query);
            return self.spawns(world, window, tell);
        };
        query.update_archetypes(world);
        for networked in query.iter_manual(world) {
            let id = networked.0;
            if window.holds(networked.added()) && self.known.insert(id, 0).is_none() {
                tell(Event::Spawned(id));
            }
        }
    }

    fn removals(&mut self, world: &World, catalogue: &Catalogue, tell: &mut dyn FnMut(Event)) {
        let removals = world.resource::<Removals>();
        let cursor = std::mem::replace(&mut self.cursor, removals.end());
        match removals.since(cursor) {
            Some(log) => {
                for removal in log {
                    match removal.component {
                        None => {
                            if self.known.remove(&removal.id).is_some() {
                                tell(Event::Despawned(removal.id));
                            }
                        }
                        Some(component) => {
                            let Some(entry) = catalogue.by_bevy(component) else { continue };
                            self.forget(world, removal.id, entry, tell);
                        }
                    }
                }
            }
            None => self.compare_all(world, catalogue, tell),
        }
    }

    /// A component's removal counts where it was told and is not back by now, on an entity that lives on.
    fn forget(&mut self, world: &World, id: NetId, entry: &ComponentEntry, tell: &mut dyn FnMut(Event)) {
        let Some(entity) = world.resource::<NetIndex>().entity(id) else { return };
        let Some(bits) = self.known.get_mut(&id) else { return };
        let told = *bits & 1 << entry.index != 0;
        let back = world.get_entity(entity).is_ok_and(|e| e.contains_id(entry.bevy_id));
        if told && !back {
            *bits &= !(1 << entry.index);
            tell(Event::Removed(id, entry));
        }
    }

    fn compare_all(&mut self, world: &World, catalogue: &Catalogue, tell: &mut dyn FnMut(Event)) {
        let index = world.resource::<NetIndex>();
        let gone: Vec<NetId> = self.known.keys().copied().filter(|id| index.entity(*id).is_none()).collect();
        for id in gone {
            self.known.remove(&id);
            tell(Event::Despawned(id));
        }
        for (id, _) in index.iter() {
            for entry in catalogue.entries() {
                self.forget(world, id, entry, tell);
            }
        }
    }
}
