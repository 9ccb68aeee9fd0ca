//! The door to bevy: what changed in a world, told to the replicator.

use bevy_ecs::world::World;
use hd1_core::Tick;
use hd1_protocol::DecodeError;
use hd1_schema::ComponentSchema;
use hd1_world::{CaptureState, Catalogue, Change, capture};

use crate::Replicator;

/// A replicator bound to one world: it remembers what it has seen of it.
#[derive(Default)]
pub struct WorldCapture {
    state: CaptureState,
    /// Catalogue entries that the replicator knows.
    known_components: usize,
}

impl WorldCapture {
    /// Tells `replicator` everything that changed in `world` since the last call, as tick `tick`; the first call tells
    /// the whole world. Returns the replicated components registered since: clients must be told of them before they
    /// are sent this tick's structure.
    ///
    /// # Errors
    /// As [`Replicator::tick`].
    pub fn capture(
        &mut self,
        world: &mut World,
        tick: Tick,
        replicator: &mut Replicator,
    ) -> Result<Vec<ComponentSchema>, DecodeError> {
        let entries = world.resource::<Catalogue>().entries();
        let fresh = entries[self.known_components..].iter().map(|entry| ComponentSchema::clone(&entry.schema));
        let fresh: Vec<_> = fresh.filter(|schema| schema.is_replicated()).collect();
        self.known_components = entries.len();
        for schema in &fresh {
            replicator.register(schema.clone());
        }
        replicator.tick(tick, |tracked| {
            capture(world, &mut self.state, &mut |change| match change {
                Change::Spawned(entity) => tracked.spawned(entity),
                Change::Despawned(entity) => tracked.despawned(entity),
                Change::Set(entity, component, row) => tracked.set(entity, component, row),
                Change::Removed(entity, component) => tracked.removed(entity, component),
            });
        })?;
        Ok(fresh)
    }
}
