//! A world's whole state as bytes, and back: the same hash, the same future.
//!
//! Layout: `HD1S`, version (u16), BLAKE3 of the rest (32 bytes), LZ4 with its size of a msgpack body. Each feature
//! writes a section of its own; entities go column by column with the schemas that wrote them, so that a later version
//! with more fields still reads them by name. Times of day and file names are the runtime's business.

use std::sync::Arc;

use bevy_ecs::world::World;
use hd1_core::{NetId, Tick};
use hd1_schema::{ComponentId, ComponentSchema, Record};
use hd1_world::canonical::{self, MalformedBytes};
use hd1_world::{Catalogue, ComponentEntry, NetIds, NetIndex, RegisterError};
use rapier3d::prelude::PhysicsWorld;
use serde::{Deserialize, Serialize};

use crate::limits::SNAPSHOT_BYTES_MAX;
use crate::physics::Physics;
use crate::players::Players;
use crate::plugins::{self, Attached};
use crate::requests::Requests;
use crate::scene_info::SceneInfo;
use crate::sim::{Config, Sim};
use crate::step::{Random, SimConfig, Step};
use crate::{entities, players};

const MAGIC: &[u8; 4] = b"HD1S";
const VERSION: u16 = 2;
const HEADER_BYTES: usize = 4 + 2 + 32;

/// Why bytes are no snapshot of ours.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Not a snapshot, or cut short.
    #[error("not a world snapshot: {0}")]
    Malformed(String),
    /// Made by a version that this one does not know.
    #[error("snapshot version {found}: this server reads version {VERSION}; use the server that wrote it")]
    Version {
        /// The version found.
        found: u16,
    },
    /// Its bytes are not those that were written.
    #[error("snapshot is damaged: its hash differs; use an older one")]
    Damaged,
    /// A component in it cannot be registered.
    #[error(transparent)]
    Register(#[from] RegisterError),
}

impl From<MalformedBytes> for SnapshotError {
    fn from(error: MalformedBytes) -> Self {
        SnapshotError::Malformed(error.to_string())
    }
}

impl From<rmp_serde::decode::Error> for SnapshotError {
    fn from(error: rmp_serde::decode::Error) -> Self {
        SnapshotError::Malformed(error.to_string())
    }
}

impl From<hd1_physics::Malformed> for SnapshotError {
    fn from(error: hd1_physics::Malformed) -> Self {
        SnapshotError::Malformed(error.to_string())
    }
}

/// What the compressed part holds; written with field names, because schemas leave empty ones out.
#[derive(Serialize, Deserialize)]
struct Body {
    config: SimConfig,
    scene: SceneInfo,
    tick: Tick,
    next_net_id: u32,
    generator: rand_chacha::ChaCha8Rng,
    entities: Vec<NetId>,
    columns: Vec<Column>,
    sections: Vec<Section>,
}

/// One component of every entity that has it.
#[derive(Serialize, Deserialize)]
struct Column {
    /// As it was when written.
    schema: ComponentSchema,
    /// Ascending.
    ids: Vec<NetId>,
    /// One after the other, see [`hd1_world::canonical`].
    #[serde(with = "byte_string")]
    bytes: Vec<u8>,
}

/// What one feature keeps outside components.
#[derive(Serialize, Deserialize)]
struct Section {
    name: String,
    #[serde(with = "byte_string")]
    bytes: Vec<u8>,
}

/// A world's whole state, copied but not yet packed.
pub struct StateCopy {
    body: Body,
    physics: Option<PhysicsWorld>,
}

impl StateCopy {
    /// The snapshot's bytes. This is the longer part of the work, and needs no world: do it on another thread.
    #[must_use]
    pub fn pack(mut self) -> Vec<u8> {
        if let Some(physics) = &self.physics {
            self.body.sections.push(Section { name: PHYSICS.into(), bytes: hd1_physics::to_bytes(physics) });
        }
        let packed = match rmp_serde::to_vec_named(&self.body) {
            Ok(plain) => lz4_flex::compress_prepend_size(&plain),
            Err(error) => unreachable!("a snapshot's types can all be written: {error}"),
        };
        let mut bytes = Vec::with_capacity(HEADER_BYTES + packed.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(blake3::hash(&packed).as_bytes());
        bytes.extend_from_slice(&packed);
        bytes
    }
}

impl Sim {
    /// The whole state at the tick computed last, as bytes.
    #[must_use]
    pub fn snapshot(&mut self) -> Vec<u8> {
        self.copy_state().pack()
    }

    /// The whole state at the tick computed last, to be packed elsewhere.
    #[must_use]
    pub fn copy_state(&mut self) -> StateCopy {
        let world = self.world_mut();
        let physics = world.get_resource::<Physics>().map(|physics| hd1_physics::copy(&physics.world));
        let body = Body {
            config: world.resource::<Config>().0.clone(),
            scene: world.resource::<SceneInfo>().clone(),
            tick: world.resource::<Step>().tick,
            next_net_id: world.resource::<NetIds>().next,
            generator: world.resource::<Random>().0.clone(),
            entities: world.resource::<NetIndex>().iter().map(|(id, _)| id).collect(),
            columns: columns(world),
            sections: sections(world),
        };
        StateCopy { body, physics }
    }

    /// The world of a snapshot.
    ///
    /// # Errors
    /// Where the bytes are no snapshot, are damaged, or were written by another version.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Sim, SnapshotError> {
        let body = unpack(bytes)?;
        let declared: Vec<_> =
            body.columns.iter().map(|column| &column.schema).filter(|schema| is_dynamic(schema)).cloned().collect();
        let mut sim = Sim::empty(body.config, body.scene, &declared)?;
        let world = sim.world_mut();
        for id in &body.entities {
            entities::place(world, *id);
        }
        for column in &body.columns {
            restore_column(world, column)?;
        }
        world.resource_mut::<NetIds>().next = body.next_net_id;
        world.resource_mut::<Step>().tick = body.tick;
        world.insert_resource(Random(body.generator));
        let (mut bodies, mut physics) = (None, None);
        for section in body.sections {
            match section.name.as_str() {
                PLAYERS => world.insert_resource(rmp_serde::from_slice::<Players>(&section.bytes)?),
                REQUESTS => world.insert_resource(rmp_serde::from_slice::<Requests>(&section.bytes)?),
                PLUGINS => plugins::restore(world, rmp_serde::from_slice(&section.bytes)?),
                BODIES => bodies = Some(rmp_serde::from_slice(&section.bytes)?),
                PHYSICS => physics = Some(hd1_physics::from_bytes(&section.bytes)?),
                name => return Err(SnapshotError::Malformed(format!("unknown section {name}"))),
            }
        }
        if let (Some(bodies), Some(physics)) = (bodies, physics) {
            world.insert_resource(Physics { world: physics, bodies });
        }
        players::count_owned(world);
        Ok(sim)
    }
}

const PLAYERS: &str = "players";
const REQUESTS: &str = "requests";
const PLUGINS: &str = "plugins";
const BODIES: &str = "bodies";
const PHYSICS: &str = "physics";

fn is_dynamic(schema: &ComponentSchema) -> bool {
    schema.id >= ComponentId::FIRST_DYNAMIC
}

fn sections(world: &World) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut add = |name: &str, bytes: Result<Vec<u8>, rmp_serde::encode::Error>| match bytes {
        Ok(bytes) => sections.push(Section { name: name.to_owned(), bytes }),
        Err(error) => unreachable!("a section's types can all be written: {error}"),
    };
    add(PLAYERS, rmp_serde::to_vec(world.resource::<Players>()));
    let requests = world.resource::<Requests>();
    if !requests.is_unused() {
        add(REQUESTS, rmp_serde::to_vec(requests));
    }
    let attached = world.resource::<Attached>().specs();
    if attached.len() > 0 {
        // With names: its config is a map of anything.
        add(PLUGINS, rmp_serde::to_vec_named(&attached.collect::<Vec<_>>()));
    }
    if let Some(physics) = world.get_resource::<Physics>() {
        add(BODIES, rmp_serde::to_vec(&physics.bodies));
    }
    sections
}

fn columns(world: &World) -> Vec<Column> {
    let catalogue = world.resource::<Catalogue>();
    let mut columns: Vec<(&ComponentEntry, Column)> = catalogue
        .by_ids()
        .map(|entry| (entry, Column { schema: (*entry.schema).clone(), ids: Vec::new(), bytes: Vec::new() }))
        .collect();
    for (id, entity) in world.resource::<NetIndex>().iter() {
        let entity = world.entity(entity);
        for (entry, column) in &mut columns {
            if entry.canonical(entity, &mut column.bytes) {
                column.ids.push(id);
            }
        }
    }
    // A declared component stays declared though nothing has it yet.
    columns.into_iter().map(|(_, column)| column).filter(|c| !c.ids.is_empty() || is_dynamic(&c.schema)).collect()
}

fn restore_column(world: &mut World, column: &Column) -> Result<(), SnapshotError> {
    let catalogue = world.resource::<Catalogue>().clone();
    let Some(entry) = catalogue.by_name(&column.schema.name) else {
        return Err(SnapshotError::Malformed(format!("unknown component {}", column.schema.name)));
    };
    let mut bytes = column.bytes.as_slice();
    for id in &column.ids {
        let record = canonical::take_record(&column.schema, &mut bytes)?;
        let record =
            if *entry.schema == column.schema { record } else { by_names(&column.schema, record, &entry.schema) };
        let Some(entity) = hd1_world::entity_of(world, *id) else {
            return Err(SnapshotError::Malformed(format!("no entity {id}")));
        };
        entry.insert(&mut world.entity_mut(entity), &record);
    }
    if bytes.is_empty() { Ok(()) } else { Err(SnapshotError::Malformed("bytes left over in a column".into())) }
}

/// A record of an older schema in the present one: fields by name, new ones by default.
fn by_names(old: &ComponentSchema, record: Record, new: &Arc<ComponentSchema>) -> Record {
    let mut next = new.default_record();
    for (field, value) in old.fields.iter().zip(record) {
        if let Some(i) = new.fields.iter().position(|f| f.name == field.name && f.kind == field.kind) {
            next[i] = value;
        }
    }
    next
}

fn unpack(bytes: &[u8]) -> Result<Body, SnapshotError> {
    let malformed = |reason: &str| SnapshotError::Malformed(reason.to_owned());
    let (header, packed) = bytes.split_at_checked(HEADER_BYTES).ok_or_else(|| malformed("too short"))?;
    if &header[..4] != MAGIC {
        return Err(malformed("does not begin with HD1S"));
    }
    let found = u16::from_le_bytes([header[4], header[5]]);
    if found != VERSION {
        return Err(SnapshotError::Version { found });
    }
    if blake3::hash(packed).as_bytes()[..] != header[6..] {
        return Err(SnapshotError::Damaged);
    }
    let (size, packed) = lz4_flex::block::uncompressed_size(packed).map_err(|error| malformed(&error.to_string()))?;
    if size > SNAPSHOT_BYTES_MAX {
        return Err(malformed("larger than any world"));
    }
    let plain = lz4_flex::decompress(packed, size).map_err(|error| malformed(&error.to_string()))?;
    Ok(rmp_serde::from_slice(&plain)?)
}

/// Bytes as one msgpack byte string; serde's own form is a list of numbers.
mod byte_string {
    use serde::{Deserializer, Serializer, de::Visitor};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, v: &[u8]) -> Result<Vec<u8>, E> {
                Ok(v.to_vec())
            }
            fn visit_byte_buf<E>(self, v: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(v)
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}
