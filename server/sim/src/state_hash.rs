//! One number for everything simulated: equal states have equal hashes, whatever order bevy keeps them in.
//!
//! Each component of each entity is hashed by itself and the hashes are summed, so a tick pays only for what it changed
//! and the order of tables does not matter. Ids, component numbers and bytes all enter each part.

use bevy_ecs::resource::Resource;
use bevy_ecs::world::World;
use hd1_core::NetId;
use hd1_world::{Event, NetIdMap, NetIds, Watch};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::players::Players;
use crate::plugins::Attached;
use crate::requests::Requests;
use crate::step::{Random, Step};

/// The sum so far and the parts it is made of.
#[derive(Resource, Default)]
pub(crate) struct StateHash {
    watch: Watch,
    /// Parts of each entity: (component's place in the catalogue, hash).
    parts: NetIdMap<Vec<(u8, u64)>>,
    sum: u64,
    bytes: Vec<u8>,
}

/// The hash of the world as it is now.
pub(crate) fn state_hash(world: &mut World) -> u64 {
    let content = content_hash(world);
    xxh3_64_with_seed(&content.to_le_bytes(), world.resource::<Step>().tick.0)
}

/// The same without the tick: it stays where nothing happens but time.
pub(crate) fn content_hash(world: &mut World) -> u64 {
    let mut hash = world.remove_resource::<StateHash>().unwrap_or_default();
    hash.update(world);
    let sum = hash.sum;
    world.insert_resource(hash);
    let mut rest = Vec::with_capacity(256);
    rest.extend_from_slice(&sum.to_le_bytes());
    rest.extend_from_slice(&world.resource::<NetIds>().next.to_le_bytes());
    rest.extend_from_slice(&world.resource::<Random>().0.get_word_pos().to_le_bytes());
    rest.extend_from_slice(&rmp_serde::to_vec(world.resource::<Players>()).unwrap_or_default());
    let requests = world.resource::<Requests>();
    if !requests.is_unused() {
        rest.extend_from_slice(&rmp_serde::to_vec(requests).unwrap_or_default());
    }
    let attached = world.resource::<Attached>().specs();
    if attached.len() > 0 {
        rest.extend_from_slice(&rmp_serde::to_vec_named(&attached.collect::<Vec<_>>()).unwrap_or_default());
    }
    xxh3_64(&rest)
}

impl StateHash {
    fn update(&mut self, world: &mut World) {
        let StateHash { watch, parts, sum, bytes } = self;
        watch.run(world, true, &mut |event| match event {
            Event::Spawned(id) => *sum = sum.wrapping_add(part_of_entity(id)),
            Event::Despawned(id) => {
                *sum = sum.wrapping_sub(part_of_entity(id));
                for (_, part) in parts.remove(&id).unwrap_or_default() {
                    *sum = sum.wrapping_sub(part);
                }
            }
            Event::Removed(id, entry) => {
                let Some(list) = parts.get_mut(&id) else { return };
                if let Some(at) = list.iter().position(|(index, _)| usize::from(*index) == entry.index) {
                    *sum = sum.wrapping_sub(list.swap_remove(at).1);
                }
            }
            Event::Changed(id, entry, cell) => {
                bytes.clear();
                cell.put_canonical(bytes);
                let part = xxh3_64_with_seed(bytes, u64::from(id.0) << 16 | u64::from(entry.id().0));
                let list = parts.entry(id).or_default();
                match list.iter_mut().find(|(index, _)| usize::from(*index) == entry.index) {
                    Some((_, old)) => *sum = sum.wrapping_sub(std::mem::replace(old, part)),
                    None => list.push((entry.index as u8, part)),
                }
                *sum = sum.wrapping_add(part);
            }
        });
    }
}

fn part_of_entity(id: NetId) -> u64 {
    xxh3_64_with_seed(&id.0.to_le_bytes(), u64::MAX)
}
