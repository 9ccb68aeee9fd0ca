//! Who may hold what: the operations `take`, `release` and `hand`, and changes of a place past its holder.

use bevy_ecs::entity::Entity;
use bevy_ecs::world::World;
use hd1_core::{NetId, PlayerId, Role};
use hd1_protocol::message::{OpError, OpErrorCode};
use hd1_world::components::{Authority, Avatar, Grabbable, Owner, Parent, Transform};
use hd1_world::{entity_of, math};

use super::{give, take_back};
use crate::limits::HELD_PER_PLAYER_MAX;
use crate::operations::{Actor, may_change, refuse};
use crate::output::OpDone;
use crate::players::Players;

/// A player takes the authority of an entity.
pub(crate) fn take(world: &mut World, actor: Actor, id: NetId) -> Result<OpDone, OpError> {
    let Actor::Player(player, role) = actor else {
        return Err(refuse(OpErrorCode::Denied, "only a player takes an entity; hand it to one"));
    };
    let entity = drivable(world, id)?;
    let done = OpDone { entity: Some(id) };
    let moderates = role >= Role::Moderator;
    match world.get::<Authority>(entity).map(|authority| authority.player) {
        Some(holder) if holder == player => return Ok(done),
        Some(holder) if !moderates => {
            let message = format!("player {holder} holds entity {id}; wait until they let go");
            return Err(refuse(OpErrorCode::Denied, message));
        }
        _ => {}
    }
    if !moderates {
        may_take(world, player, id, entity)?;
    }
    has_room(world, player)?;
    give(world, id, entity, player);
    Ok(done)
}

/// A player lets go; of what it does not hold it has let go already.
pub(crate) fn release(world: &mut World, actor: Actor, id: NetId) -> Result<OpDone, OpError> {
    let entity = found(world, id)?;
    let holder = world.get::<Authority>(entity).map(|authority| authority.player);
    if let Actor::Player(player, _) = actor
        && holder == Some(player)
    {
        take_back(world, id);
    }
    Ok(OpDone { entity: Some(id) })
}

/// Who may change an entity says who drives it.
pub(crate) fn hand(world: &mut World, actor: Actor, id: NetId, player: Option<PlayerId>) -> Result<OpDone, OpError> {
    may_change(world, actor, id)?;
    let done = OpDone { entity: Some(id) };
    let Some(player) = player else {
        take_back(world, id);
        return Ok(done);
    };
    let entity = drivable(world, id)?;
    if world.get::<Authority>(entity).is_some_and(|authority| authority.player == player) {
        return Ok(done);
    }
    if world.resource::<Players>().here.get(&player).is_none_or(|player| player.role == Role::Viewer) {
        let message = format!("player: {player} is not here, or only watches; name a participant of this world");
        return Err(OpError { code: OpErrorCode::Invalid, message, path: Some("player".into()) });
    }
    has_room(world, player)?;
    give(world, id, entity, player);
    Ok(done)
}

/// An entity's place was set by an operation: its holder goes on from there, anyone else has overruled the holder.
pub(crate) fn placed(world: &mut World, actor: Actor, id: NetId, entity: Entity) {
    let Some(holder) = world.get::<Authority>(entity).map(|authority| authority.player) else { return };
    match actor {
        Actor::Player(player, _) if player == holder => give(world, id, entity, player),
        _ => take_back(world, id),
    }
}

fn found(world: &World, id: NetId) -> Result<Entity, OpError> {
    entity_of(world, id).ok_or_else(|| refuse(OpErrorCode::NotFound, format!("no entity {id}")))
}

/// The entity, where it is one that can be driven at all.
fn drivable(world: &World, id: NetId) -> Result<Entity, OpError> {
    let entity = found(world, id)?;
    if world.get::<Avatar>(entity).is_some() {
        return Err(refuse(OpErrorCode::Denied, "an avatar is moved by its player's input alone"));
    }
    match world.get::<Parent>(entity).map(|parent| parent.entity).filter(|parent| *parent != NetId::NONE) {
        Some(parent) => {
            let message = format!("entity {id} hangs on entity {parent}, which moves it; take that one");
            Err(refuse(OpErrorCode::Denied, message))
        }
        None => Ok(entity),
    }
}

/// What is one's own, and what is there for anyone who is near.
fn may_take(world: &World, player: PlayerId, id: NetId, entity: Entity) -> Result<(), OpError> {
    let owner = world.get::<Owner>(entity).map(|owner| owner.player);
    if owner == Some(player) {
        return Ok(());
    }
    let denied = |message| Err(refuse(OpErrorCode::Denied, message));
    let Some(Grabbable { reach }) = world.get::<Grabbable>(entity) else {
        return denied(match owner {
            Some(owner) => format!("entity {id} belongs to player {owner} and is not Grabbable; ask them to hand it"),
            None => format!("entity {id} belongs to the world and is not Grabbable; ask a moderator to hand it"),
        });
    };
    let avatar = world.resource::<Players>().here.get(&player).and_then(|player| player.avatar);
    let place = |entity| world.get::<Transform>(entity).map(|transform| transform.position);
    let avatar = avatar.and_then(|avatar| place(entity_of(world, avatar)?));
    let distance = avatar.zip(place(entity)).map_or(f32::INFINITY, |(a, b)| math::length(math::sub(a, b)));
    if *reach > 0.0 && distance > *reach {
        return denied(format!("entity {id} is {distance:.1} m away and in reach from {reach} m; go nearer"));
    }
    Ok(())
}

fn has_room(world: &World, player: PlayerId) -> Result<(), OpError> {
    let held_count = world.resource::<Players>().here.get(&player).map_or(0, |player| player.held.len());
    if held_count < HELD_PER_PLAYER_MAX {
        return Ok(());
    }
    let message =
        format!("player {player} holds {HELD_PER_PLAYER_MAX} entities, which is all that one can; release some");
    Err(refuse(OpErrorCode::QuotaExceeded, message))
}
