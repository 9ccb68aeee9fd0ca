//! The mirror's entities: densely stored for whoever draws them, found by id for the codec.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use hd1_core::{NetId, Tick};
use hd1_schema::{ComponentId, Delivery, Row};
use smallvec::SmallVec;

use super::MirrorChange;
use crate::{hash, history::History, shapes::Shapes, structure::StructureOp, wire::DecodeError};

/// One entity as shown.
#[derive(Clone, Debug)]
pub struct Entity {
    id: NetId,
    components: SmallVec<[Held; 4]>,
}

/// One component of an entity.
#[derive(Clone, Debug)]
pub struct Held {
    /// Which.
    pub id: ComponentId,
    /// What is known of it.
    pub value: HeldValue,
}

/// A component's value by the way it travels.
#[derive(Clone, Debug)]
pub enum HeldValue {
    /// Values by tick.
    State(History),
    /// The value.
    Reliable(Row),
}

impl Held {
    /// The newest value.
    #[must_use]
    pub fn row(&self) -> Row {
        match &self.value {
            HeldValue::State(history) => Row { lanes: history.latest().lanes.clone(), bytes: Vec::new() },
            HeldValue::Reliable(row) => row.clone(),
        }
    }
}

impl Entity {
    /// Its name on the wire.
    #[must_use]
    pub fn id(&self) -> NetId {
        self.id
    }

    /// By ascending id.
    #[must_use]
    pub fn components(&self) -> &[Held] {
        &self.components
    }

    /// One component.
    #[must_use]
    pub fn held(&self, id: ComponentId) -> Option<&Held> {
        self.components.iter().find(|h| h.id == id)
    }
}

/// Multiplies by an odd constant: net ids are small, dense and ours, nobody can choose them to collide.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, v: u32) {
        self.0 = (self.0 ^ u64::from(v)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }
}

#[derive(Debug, Default)]
pub(super) struct Entities {
    dense: Vec<Entity>,
    index: HashMap<NetId, u32, BuildHasherDefault<IdHasher>>,
    /// Sum over presences and reliable components; state is added when a check asks.
    structure_sum: u64,
}

impl Entities {
    pub(super) fn all(&self) -> &[Entity] {
        &self.dense
    }

    pub(super) fn structure_sum(&self) -> u64 {
        self.structure_sum
    }

    pub(super) fn get(&self, id: NetId) -> Option<&Entity> {
        self.index.get(&id).map(|i| &self.dense[*i as usize])
    }

    pub(super) fn history_mut(&mut self, entity: NetId, component: ComponentId) -> Option<&mut History> {
        let slot = *self.index.get(&entity)?;
        let held = self.dense[slot as usize].components.iter_mut().find(|h| h.id == component)?;
        match &mut held.value {
            HeldValue::State(history) => Some(history),
            HeldValue::Reliable(_) => None,
        }
    }

    pub(super) fn apply(
        &mut self,
        op: StructureOp,
        tick: Tick,
        shapes: &Shapes,
        changes: &mut Option<Vec<MirrorChange>>,
    ) -> Result<(), DecodeError> {
        let change = match op {
            StructureOp::Spawn { entity, components } => {
                if self.index.contains_key(&entity) || entity == NetId::NONE {
                    return Err(DecodeError::Inconsistent("spawn of an entity that is there"));
                }
                self.index.insert(entity, self.dense.len() as u32);
                self.dense.push(Entity { id: entity, components: SmallVec::new() });
                self.structure_sum = self.structure_sum.wrapping_add(hash::presence(entity));
                for (component, row) in components {
                    self.set(entity, component, row, tick, shapes)?;
                }
                MirrorChange::Spawned(entity)
            }
            StructureOp::Despawn { entity } => {
                let slot = self.index.remove(&entity).ok_or(DecodeError::UnknownEntity(entity.0))? as usize;
                let gone = self.dense.swap_remove(slot);
                if let Some(moved) = self.dense.get(slot) {
                    self.index.insert(moved.id, slot as u32);
                }
                self.structure_sum = self.structure_sum.wrapping_sub(hash::presence(entity));
                for held in &gone.components {
                    self.structure_sum = self.structure_sum.wrapping_sub(part(entity, held));
                }
                MirrorChange::Despawned(entity)
            }
            StructureOp::Set { entity, component, row } => {
                self.set(entity, component, row, tick, shapes)?;
                MirrorChange::Set(entity, component)
            }
            StructureOp::Remove { entity, component } => {
                let components = &mut self.entity_mut(entity)?.components;
                let at = components.iter().position(|h| h.id == component);
                let at = at.ok_or(DecodeError::Inconsistent("removal of a component that is not there"))?;
                let gone = components.remove(at);
                self.structure_sum = self.structure_sum.wrapping_sub(part(entity, &gone));
                MirrorChange::Removed(entity, component)
            }
        };
        if let Some(changes) = changes {
            changes.push(change);
        }
        Ok(())
    }

    fn entity_mut(&mut self, id: NetId) -> Result<&mut Entity, DecodeError> {
        let slot = *self.index.get(&id).ok_or(DecodeError::UnknownEntity(id.0))?;
        Ok(&mut self.dense[slot as usize])
    }

    fn set(
        &mut self,
        entity: NetId,
        component: ComponentId,
        row: Row,
        tick: Tick,
        shapes: &Shapes,
    ) -> Result<(), DecodeError> {
        let value = match shapes.shape(component)?.delivery {
            Delivery::State => HeldValue::State(super::history_of(tick, row)),
            Delivery::Reliable => HeldValue::Reliable(row),
            Delivery::Hidden => return Err(DecodeError::Inconsistent("a hidden component was sent")),
        };
        let held = Held { id: component, value };
        let added = part(entity, &held);
        let components = &mut self.entity_mut(entity)?.components;
        let removed = match components.binary_search_by_key(&component, |h| h.id) {
            Ok(at) => part(entity, &std::mem::replace(&mut components[at], held)),
            Err(at) => {
                components.insert(at, held);
                0
            }
        };
        self.structure_sum = self.structure_sum.wrapping_add(added).wrapping_sub(removed);
        Ok(())
    }
}

/// A component's part of the structure sum: 0 for state.
fn part(entity: NetId, held: &Held) -> u64 {
    match &held.value {
        HeldValue::State(_) => 0,
        HeldValue::Reliable(row) => hash::component(entity, held.id, &row.lanes, &row.bytes),
    }
}
