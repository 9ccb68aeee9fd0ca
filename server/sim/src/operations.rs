//! The rules of client operations: who may do what to which entity, and what the values may be.
//!
//! Every rule is checked before anything is touched: what is refused changes nothing.

use std::sync::Arc;

use bevy_ecs::entity::Entity;
use bevy_ecs::world::World;
use hd1_abi::Point;
use hd1_core::{NetId, PlayerId, Role, Tick};
use hd1_protocol::Operation;
use hd1_protocol::limits::{CHAT_BYTES_MAX, OPERATION_COMPONENTS_MAX};
use hd1_protocol::message::{Components, OpError, OpErrorCode};
use hd1_scenes::{Refusal, Schemas, parse_component, patch_component};
use hd1_schema::{ComponentId, FieldKind, Record, Value};
use hd1_world::components::*;
use hd1_world::described::Described;
use hd1_world::math::Vec3;
use hd1_world::{Catalogue, ComponentEntry, NetIndex, entity_of};

use crate::limits::PICK_DISTANCE_M_MAX;
use crate::output::{Chat, OpDone, TickOutput};
use crate::players::Players;
use crate::plugins::hooks::{self, Happened};
use crate::rewind::{self, History};
use crate::scene_info::SceneInfo;
use crate::sim::Config;
use crate::{authority, entities, hierarchy, messages, requests};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// The control plane.
    Admin,
    /// A participant.
    Player(PlayerId, Role),
}

/// Components that only the server writes, whoever asks.
pub(crate) const SERVER_ONLY: [ComponentId; 4] = [Owner::ID, Avatar::ID, CameraView::ID, Authority::ID];
/// What a player may change on an avatar: how it looks, not where it is.
const AVATAR_LOOKS: [ComponentId; 4] = [Geometry::ID, Material::ID, Label::ID, Light::ID];

/// Does it, or says why not.
pub(crate) fn apply(world: &mut World, actor: Actor, op: &Operation) -> Result<OpDone, OpError> {
    check_role(actor, op)?;
    match op {
        Operation::Spawn { components } => spawn(world, actor, components),
        Operation::Update { entity, components } => update(world, actor, *entity, components),
        Operation::Despawn { entity } => despawn(world, actor, *entity),
        Operation::Chat { text } => chat(world, actor, text),
        Operation::View { position, rotation } => view(world, actor, *position, *rotation),
        Operation::Pick { origin, direction, tick } => pick(world, actor, *origin, *direction, *tick),
        Operation::Send { topic, to, data } => messages::send(world, actor, topic, to, data),
        Operation::Ask { .. } => Err(refuse(OpErrorCode::Denied, "only players ask players")),
        Operation::Answer { request, data, error } => {
            let asked = match actor {
                Actor::Player(player, _) => player,
                Actor::Admin => PlayerId::SERVER,
            };
            requests::answer(world, asked, *request, data, error.as_deref()).map(|()| OpDone::default())
        }
        Operation::Take { entity } => authority::take(world, actor, *entity),
        Operation::Release { entity } => authority::release(world, actor, *entity),
        Operation::Hand { entity, player } => authority::hand(world, actor, *entity, *player),
    }
}

/// Viewers look, and answer where they are asked; more they may not.
pub(crate) fn check_role(actor: Actor, op: &Operation) -> Result<(), OpError> {
    let is_harmless = matches!(op, Operation::View { .. } | Operation::Answer { .. });
    if matches!(actor, Actor::Player(_, Role::Viewer)) && !is_harmless {
        return Err(refuse(OpErrorCode::Denied, "viewers change nothing; ask for the participant role"));
    }
    Ok(())
}

/// A refusal without a place.
pub(crate) fn refuse(code: OpErrorCode, message: impl Into<String>) -> OpError {
    OpError { code, message: message.into(), path: None }
}

fn invalid(refusal: Refusal) -> OpError {
    OpError { code: OpErrorCode::Invalid, message: refusal.to_string(), path: Some(refusal.path) }
}

fn spawn(world: &mut World, actor: Actor, components: &Components) -> Result<OpDone, OpError> {
    has_room(world, actor)?;
    let changes = parse_changes(world, actor, None, components)?;
    if let Actor::Player(player, _) = actor {
        hooks::spawn(world, player, components)?;
    }
    Ok(fill(world, actor, changes))
}

/// Makes an entity of values that fit their schemas.
pub(crate) fn make(world: &mut World, actor: Actor, mut changes: Changes) -> Result<OpDone, OpError> {
    has_room(world, actor)?;
    check_changes(world, actor, None, &mut changes)?;
    Ok(fill(world, actor, changes))
}

fn has_room(world: &World, actor: Actor) -> Result<(), OpError> {
    let quotas = world.resource::<Config>().0.quotas;
    if world.resource::<NetIndex>().len() >= quotas.entities_per_world as usize {
        let message = format!("the world has its {} entities; remove some first", quotas.entities_per_world);
        return Err(refuse(OpErrorCode::QuotaExceeded, message));
    }
    if let Actor::Player(player, _) = actor {
        let owned = world.resource::<Players>().owned.get(&player).copied().unwrap_or(0);
        if owned >= quotas.entities_per_player {
            let message = format!("you own your {} entities; remove some first", quotas.entities_per_player);
            return Err(refuse(OpErrorCode::QuotaExceeded, message));
        }
    }
    Ok(())
}

fn fill(world: &mut World, actor: Actor, changes: Changes) -> OpDone {
    let parts: Vec<_> = changes.into_iter().filter_map(|(entry, record)| Some((entry.id(), record?))).collect();
    let owner = match actor {
        Actor::Player(player, _) => Some(player),
        Actor::Admin => None,
    };
    OpDone { entity: Some(entities::spawn(world, &parts, owner)) }
}

fn update(world: &mut World, actor: Actor, id: NetId, components: &Components) -> Result<OpDone, OpError> {
    let entity = may_change(world, actor, id)?;
    let changes = parse_changes(world, actor, Some(id), components)?;
    Ok(put(world, actor, id, entity, changes))
}

/// Changes an entity by values that fit their schemas, or takes components off.
pub(crate) fn change(world: &mut World, actor: Actor, id: NetId, mut changes: Changes) -> Result<OpDone, OpError> {
    let entity = may_change(world, actor, id)?;
    check_changes(world, actor, Some(id), &mut changes)?;
    Ok(put(world, actor, id, entity, changes))
}

fn put(world: &mut World, actor: Actor, id: NetId, entity: Entity, changes: Changes) -> OpDone {
    let is_placed = changes.iter().any(|(entry, _)| entry.id() == Transform::ID);
    let mut changed = world.entity_mut(entity);
    for (entry, record) in changes {
        match record {
            Some(record) => entry.insert(&mut changed, &record),
            None => entry.remove(&mut changed),
        }
    }
    if is_placed {
        authority::placed(world, actor, id, entity);
    }
    OpDone { entity: Some(id) }
}

fn despawn(world: &mut World, actor: Actor, id: NetId) -> Result<OpDone, OpError> {
    let entity = may_change(world, actor, id)?;
    if world.get::<Avatar>(entity).is_some() {
        return Err(refuse(OpErrorCode::Denied, "an avatar goes when its player leaves; kick the player instead"));
    }
    entities::despawn(world, id);
    Ok(OpDone { entity: Some(id) })
}

/// A line of chat without spaces at its ends, where it is one.
pub(crate) fn check_chat(text: &str) -> Result<&str, OpError> {
    let text = text.trim();
    if text.is_empty() || text.len() > CHAT_BYTES_MAX {
        return Err(invalid(Refusal::new("text", format!("must be 1 to {CHAT_BYTES_MAX} bytes, has {}", text.len()))));
    }
    // Bytes are looked at many at a time, letters one by one: most lines are plain.
    let is_plain = text.bytes().fold(true, |is_plain, byte| is_plain & (0x20..0x7f).contains(&byte));
    if !is_plain && text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(invalid(Refusal::new("text", "must have no control characters")));
    }
    Ok(text)
}

fn chat(world: &mut World, actor: Actor, text: &str) -> Result<OpDone, OpError> {
    let text = check_chat(text)?;
    let (player, name) = match actor {
        Actor::Admin => (PlayerId(0), "server".to_owned()),
        Actor::Player(player, _) => {
            (player, world.resource::<Players>().here.get(&player).map(|p| p.name.clone()).unwrap_or_default())
        }
    };
    let changed = match actor {
        Actor::Player(..) => hooks::chat(world, player, &name, text)?,
        Actor::Admin => None,
    };
    let text = match changed {
        Some(text) if text.trim().len() == text.len() => text,
        changed => changed.as_deref().unwrap_or(text).trim().to_owned(),
    };
    hooks::note(world, Point::ChatSaid, |_| Happened::ChatSaid { player, name: name.clone(), text: text.clone() });
    world.resource_mut::<TickOutput>().chats.push(Chat { player, name, text });
    Ok(OpDone::default())
}

/// Where a player's camera is: seen by others where it has an avatar to sit on, else known only to replication.
fn view(world: &mut World, actor: Actor, position: [f32; 3], rotation: [f32; 4]) -> Result<OpDone, OpError> {
    let Actor::Player(player, role) = actor else {
        return Err(refuse(OpErrorCode::Denied, "only players have a camera"));
    };
    let schema = CameraView::schema();
    let values = serde_json::json!({ "position": position, "rotation": rotation });
    let record = schema.parse_json(&values, "view").map_err(invalid)?;
    let next = CameraView::from_record(&record);
    if role == Role::Viewer {
        if let Some(viewer) = world.resource_mut::<Players>().here.get_mut(&player) {
            viewer.camera = Some(next.position);
        }
        return Ok(OpDone::default());
    }
    let avatar = world.resource::<Players>().here.get(&player).and_then(|p| p.avatar);
    let Some((id, entity)) = avatar.and_then(|id| Some((id, entity_of(world, id)?))) else {
        return Err(refuse(OpErrorCode::Denied, "only a player with an avatar has a camera"));
    };
    let mut entity = world.entity_mut(entity);
    if entity.get::<CameraView>() != Some(&next) {
        entity.insert(next);
    }
    Ok(OpDone { entity: Some(id) })
}

/// What a player aims at, as it stood when it was drawn; never at the own avatar.
fn pick(world: &mut World, actor: Actor, origin: Vec3, direction: Vec3, tick: Tick) -> Result<OpDone, OpError> {
    if direction == [0.0; 3] {
        return Err(invalid(Refusal::new("direction", "must not be of length 0")));
    }
    let shape_count = world.resource::<NetIndex>().len();
    if !world.resource_mut::<History>().take_ray(shape_count) {
        return Err(refuse(OpErrorCode::RateLimited, "too many rays in one tick of this world; try again"));
    }
    let own = match actor {
        Actor::Player(player, _) => world.resource::<Players>().here.get(&player).and_then(|p| p.avatar),
        Actor::Admin => None,
    };
    match rewind::rewind(world, tick).pick(origin, direction, PICK_DISTANCE_M_MAX, own) {
        Some(hit) => Ok(OpDone { entity: Some(hit.entity) }),
        None => Err(refuse(OpErrorCode::NotFound, format!("nothing within {PICK_DISTANCE_M_MAX} m"))),
    }
}

/// The bevy entity, where the actor may change it.
pub(crate) fn may_change(world: &World, actor: Actor, id: NetId) -> Result<Entity, OpError> {
    let Some(entity) = entity_of(world, id) else {
        return Err(refuse(OpErrorCode::NotFound, format!("no entity {id}")));
    };
    let Actor::Player(player, role) = actor else { return Ok(entity) };
    let owner = world.get::<Owner>(entity).map(|owner| owner.player);
    match owner {
        _ if role >= Role::Moderator => Ok(entity),
        Some(owner) if owner == player => Ok(entity),
        Some(owner) => Err(refuse(OpErrorCode::Denied, format!("entity {id} belongs to player {owner}"))),
        None => Err(refuse(OpErrorCode::Denied, format!("entity {id} belongs to the world; ask a moderator"))),
    }
}

/// Components with their next values; without one they are taken off.
pub(crate) type Changes = Vec<(ComponentEntry, Option<Record>)>;

/// Reads and checks every component; `entity` is the one being updated.
fn parse_changes(world: &World, actor: Actor, id: Option<NetId>, components: &Components) -> Result<Changes, OpError> {
    if components.len() > OPERATION_COMPONENTS_MAX {
        let reason = format!("must name at most {OPERATION_COMPONENTS_MAX} components, names {}", components.len());
        return Err(invalid(Refusal::new("components", reason)));
    }
    let catalogue = world.resource::<Catalogue>();
    let entity = id.and_then(|id| entity_of(world, id)).map(|entity| world.entity(entity));
    let mut changes = Vec::with_capacity(components.len());
    for (name, json) in components {
        let path = format!("components.{name}");
        let Some(entry) = catalogue.by_name(name) else {
            let known = Schemas::of(catalogue.entries().iter().map(|entry| Arc::clone(&entry.schema)));
            return Err(known.named(name, &path).map_or_else(invalid, |_| refuse(OpErrorCode::Invalid, path)));
        };
        check_writable(actor, entry, entity.is_some_and(|e| e.contains::<Avatar>()), &path)?;
        if json.is_null() {
            changes.push((entry.clone(), None));
            continue;
        }
        let record = match entity.and_then(|entity| entry.read(entity)) {
            None => parse_component(&entry.schema, json, &path).map_err(invalid)?,
            Some(mut record) => {
                patch_component(&entry.schema, &mut record, json, &path).map_err(invalid)?;
                record
            }
        };
        changes.push((entry.clone(), Some(record)));
    }
    check_changes(world, actor, id, &mut changes)?;
    Ok(changes)
}

/// The rules that take in more than one value; puts them in the order in which they are made.
fn check_changes(world: &World, actor: Actor, id: Option<NetId>, changes: &mut Changes) -> Result<(), OpError> {
    for (entry, record) in &*changes {
        let path = format!("components.{}", entry.schema.name);
        match record {
            Some(record) => check_references(world, actor, id, entry, record, &path)?,
            None if entry.id() == Transform::ID || id.is_none() => {
                return Err(invalid(Refusal::new(path, "cannot be null here; every entity has a Transform")));
            }
            None => {}
        }
    }
    let entity = id.and_then(|id| entity_of(world, id)).map(|entity| world.entity(entity));
    changes.sort_by_key(|(entry, _)| entry.id());
    check_together(world, entity.map(|e| (e.contains::<RigidBody>(), e.contains::<Parent>())), changes)
}

fn check_writable(actor: Actor, entry: &ComponentEntry, avatar: bool, path: &str) -> Result<(), OpError> {
    let denied = |message: &str| {
        Err(OpError { code: OpErrorCode::Denied, message: format!("{path}: {message}"), path: Some(path.to_owned()) })
    };
    if SERVER_ONLY.contains(&entry.id()) {
        return denied("only the server writes it");
    }
    let Actor::Player(_, role) = actor else { return Ok(()) };
    if !entry.schema.client_writable {
        return denied("clients do not write it");
    }
    if avatar && role < Role::Moderator && !AVATAR_LOOKS.contains(&entry.id()) {
        return denied("an avatar is moved by input; only its looks can be set");
    }
    Ok(())
}

/// References lead to entities that exist; parents are one's own or the world's and make no circle.
fn check_references(
    world: &World,
    actor: Actor,
    id: Option<NetId>,
    entry: &ComponentEntry,
    record: &Record,
    path: &str,
) -> Result<(), OpError> {
    for (field, value) in entry.schema.fields.iter().zip(record) {
        let (FieldKind::Entity, Value::Entity(target)) = (&field.kind, value) else { continue };
        let (target, at) = (NetId(*target), format!("{path}.{}", field.name));
        if target == NetId::NONE {
            continue;
        }
        let Some(found) = entity_of(world, target) else {
            let message = format!("{at}: no entity {target}");
            return Err(OpError { code: OpErrorCode::NotFound, message, path: Some(at) });
        };
        if entry.id() != Parent::ID {
            continue;
        }
        if world.get::<Owner>(found).is_some() {
            may_change(world, actor, target)?;
        }
        if hierarchy::makes_circle(world, id, target) {
            return Err(invalid(Refusal::new(at, "makes a circle or too deep a tree; choose another parent")));
        }
    }
    Ok(())
}

/// Bodies need physics, and a body has no parent.
fn check_together(world: &World, before: Option<(bool, bool)>, changes: &Changes) -> Result<(), OpError> {
    let (mut body, mut parent) = before.unwrap_or_default();
    let physics = world.resource::<SceneInfo>().settings.gravity.is_some();
    for (entry, record) in changes {
        let path = || format!("components.{}", entry.schema.name);
        if [RigidBody::ID, Collider::ID].contains(&entry.id()) && record.is_some() && !physics {
            return Err(invalid(Refusal::new(path(), "this world has no physics; move it by Motion instead")));
        }
        match entry.id() {
            RigidBody::ID => body = record.is_some(),
            Parent::ID => parent = record.is_some(),
            _ => {}
        }
    }
    if body && parent {
        return Err(invalid(Refusal::new("components", "an entity has a RigidBody or a Parent, not both")));
    }
    Ok(())
}
