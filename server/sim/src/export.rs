//! A living world as a scene: what the scene loader reads, made from what is there now.

use std::collections::BTreeSet;

use bevy_ecs::entity::Entity;
use bevy_ecs::world::World;
use hd1_core::NetId;
use hd1_scenes::{Schemas, settings::Settings};
use hd1_schema::{ComponentId, ComponentSchema};
use hd1_world::components::{Authority, Avatar, CameraView, Lifetime, Owner, Parent};
use hd1_world::described::Described;
use hd1_world::{Catalogue, ComponentEntry, NetIndex, entity_of};
use serde_json::{Value as Json, json};

use crate::scene_info::SceneInfo;
use crate::step::Step;
use crate::view;

/// What belongs to players, not to scenes.
const OF_PLAYERS: [ComponentId; 4] = [Owner::ID, Avatar::ID, CameraView::ID, Authority::ID];

pub(crate) fn scene_json(world: &World) -> Json {
    let SceneInfo { name, description, settings } = world.resource::<SceneInfo>();
    let catalogue = world.resource::<Catalogue>();
    let current = catalogue.by_ids().filter(|entry| !catalogue.is_superseded(entry)).map(|entry| &*entry.schema);
    let declared: Vec<&ComponentSchema> = current.filter(|schema| schema.id >= ComponentId::FIRST_DYNAMIC).collect();
    let index = world.resource::<NetIndex>();
    let players: BTreeSet<NetId> =
        index.iter().filter(|(_, e)| belongs_to_player(world, *e)).map(|(id, _)| id).collect();
    let scene = index.iter().filter(|(id, _)| !players.contains(id));
    let entities = scene.map(|(id, entity)| entity_json(world, id, entity, &players));
    json!({
        "name": name,
        "description": description,
        "components": declared,
        "settings": settings_json(settings, catalogue),
        "entities": entities.collect::<Vec<_>>(),
    })
}

/// An avatar, or something that hangs on one.
fn belongs_to_player(world: &World, entity: Entity) -> bool {
    let mut at = Some(entity);
    while let Some(entity) = at {
        if view::is_avatar(world, entity) {
            return true;
        }
        at = world.get::<Parent>(entity).and_then(|parent| entity_of(world, parent.entity));
    }
    false
}

fn entity_json(world: &World, id: NetId, entity: Entity, players: &BTreeSet<NetId>) -> Json {
    let keep = |entry: &ComponentEntry| !OF_PLAYERS.contains(&entry.id());
    let mut components = view::components_json(world, entity, keep);
    if let Some(life) = world.get::<Lifetime>(entity) {
        let Step { tick, dt, .. } = *world.resource::<Step>();
        let left = u64::from(life.until).saturating_sub(tick.0).max(1) as f32 * dt;
        let seconds = if life.until == 0 { life.seconds } else { left };
        components.insert("Lifetime".into(), json!({ "seconds": seconds }));
    }
    // A reference to what is not exported would be refused at loading.
    for entry in world.resource::<Catalogue>().by_ids() {
        let Some(fields) = components.get_mut(&entry.schema.name).and_then(Json::as_object_mut) else { continue };
        for field in entry.schema.fields.iter().filter(|f| matches!(f.kind, hd1_schema::FieldKind::Entity)) {
            let target = fields.get(&field.name).and_then(Json::as_u64).map_or(0, |id| id as u32);
            if players.contains(&NetId(target)) || entity_of(world, NetId(target)).is_none() {
                fields.insert(field.name.clone(), json!(0));
            }
        }
    }
    json!({ "id": id, "components": components })
}

fn settings_json(settings: &Settings, catalogue: &Catalogue) -> Json {
    settings.to_json(&Schemas::of(catalogue.entries().iter().map(|entry| entry.schema.clone())))
}
