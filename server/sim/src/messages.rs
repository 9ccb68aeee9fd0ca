//! What is said under a topic: who hears it is decided here, what it means is the business of those who hear it.
//!
//! Nothing of it is state. How much each player is told in a tick is bounded, whoever says it.

use std::collections::BTreeMap;

use bevy_ecs::resource::Resource;
use bevy_ecs::world::World;
use hd1_core::{NetId, PlayerId, Role, Tick};
use hd1_protocol::Operation;
use hd1_protocol::message::{OpError, OpErrorCode};
use hd1_protocol::said::{self, Broken, Near, To};
use hd1_world::components::{Parent, Transform};
use hd1_world::entity_of;
use hd1_world::math::{self, Vec3};
use serde_json::Value as Json;

use crate::limits::{
    NEAR_LOOKS_PER_TICK_MAX, PARENT_DEPTH_MAX, SAID_BYTES_PER_OPERATION, SAID_BYTES_PER_TICK_MAX, SAID_OVERHEAD_BYTES,
};
use crate::operations::{Actor, refuse};
use crate::output::{Message, OpDone, Recipients, TickOutput};
use crate::players::Players;
use crate::plugins::hooks;
use crate::step::Step;

/// What was said so far in this tick.
#[derive(Resource, Debug, Default)]
pub(crate) struct Load {
    tick: Tick,
    /// Bytes to everybody.
    everyone: usize,
    /// Bytes to each, besides.
    each: BTreeMap<PlayerId, usize>,
    /// The most that one of them has.
    most: usize,
    /// Players whose place was looked at.
    looks: usize,
}

impl Load {
    fn at(&mut self, tick: Tick) -> &mut Self {
        if self.tick != tick {
            *self = Load { tick, ..Load::default() };
        }
        self
    }

    /// Takes in so many bytes, unless they are too many for one of those who would hear them.
    pub(crate) fn take(&mut self, to: &Recipients, bytes: usize) -> bool {
        let before = match to {
            Recipients::Everyone => self.most,
            Recipients::Players(players) => {
                players.iter().map(|player| self.each.get(player).copied().unwrap_or(0)).max().unwrap_or(0)
            }
        };
        if self.everyone + before + bytes > SAID_BYTES_PER_TICK_MAX {
            return false;
        }
        match to {
            Recipients::Everyone => self.everyone += bytes,
            Recipients::Players(players) => {
                for player in players {
                    let each = self.each.entry(*player).or_default();
                    *each += bytes;
                    self.most = self.most.max(*each);
                }
            }
        }
        true
    }
}

/// Refuses what breaks a rule.
pub(crate) fn invalid(Broken { path, rule }: Broken) -> OpError {
    OpError { code: OpErrorCode::Invalid, message: format!("{path}: {rule}"), path: Some(path.to_owned()) }
}

/// Operations that one counts as: data costs, a kilobyte as much as an operation.
pub(crate) fn cost(op: &Operation) -> u32 {
    let bytes = match op {
        Operation::Send { data, .. } | Operation::Ask { data, .. } | Operation::Answer { data, .. } => {
            said::data_bytes(data)
        }
        _ => 0,
    };
    1 + u32::try_from(bytes / SAID_BYTES_PER_OPERATION).unwrap_or(u32::MAX - 1)
}

/// Counts what somebody is told in this tick.
pub(crate) fn charge(world: &mut World, to: &Recipients, topic: &str, data: &Json) -> Result<(), OpError> {
    let tick = world.resource::<Step>().tick;
    let bytes = said::data_bytes(data) + topic.len() + SAID_OVERHEAD_BYTES;
    if world.resource_mut::<Load>().at(tick).take(to, bytes) {
        return Ok(());
    }
    Err(refuse(OpErrorCode::RateLimited, "too much is said in one tick; try again"))
}

/// Says something to those whom it is for.
pub(crate) fn send(world: &mut World, actor: Actor, topic: &str, to: &To, data: &Json) -> Result<OpDone, OpError> {
    said::check(topic, data).map_err(invalid)?;
    let changed = match actor {
        Actor::Player(player, _) => hooks::message(world, player, false, topic, data)?,
        Actor::Admin => None,
    };
    let data = changed.as_ref().unwrap_or(data);
    let to = recipients(world, to)?;
    let from = match actor {
        Actor::Player(player, _) => {
            charge(world, &to, topic, data)?;
            player
        }
        Actor::Admin => PlayerId(0),
    };
    if to != Recipients::Players(Vec::new()) {
        let message = Message { to, from, topic: topic.to_owned(), data: data.clone() };
        world.resource_mut::<TickOutput>().messages.push(message);
    }
    Ok(OpDone::default())
}

/// The same for the world's own systems, bounded like a player's.
pub(crate) fn send_bounded(world: &mut World, topic: &str, to: &To, data: &Json) -> Result<(), OpError> {
    said::check(topic, data).map_err(invalid)?;
    let recipients = recipients(world, to)?;
    charge(world, &recipients, topic, data)?;
    send(world, Actor::Admin, topic, to, data).map(drop)
}

fn recipients(world: &mut World, to: &To) -> Result<Recipients, OpError> {
    let here = &world.resource::<Players>().here;
    match to {
        To::Everyone => Ok(Recipients::Everyone),
        To::Moderators => {
            let moderators = here.iter().filter(|(_, player)| player.role >= Role::Moderator);
            Ok(Recipients::Players(moderators.map(|(id, _)| *id).collect()))
        }
        To::Player(player) if here.contains_key(player) => Ok(Recipients::Players(vec![*player])),
        To::Player(player) => Err(nobody(*player)),
        To::Near(near) => near_by(world, near),
    }
}

/// A player who is not here.
pub(crate) fn nobody(player: PlayerId) -> OpError {
    let message = format!("to: no player {player} is here");
    OpError { code: OpErrorCode::NotFound, message, path: Some("to".to_owned()) }
}

/// Those near a place, as they stand when it is said.
fn near_by(world: &mut World, near: &Near) -> Result<Recipients, OpError> {
    near.check().map_err(invalid)?;
    let center = match (near.entity, near.position) {
        (Some(entity), _) => place(world, entity).ok_or_else(|| no_entity(entity))?,
        (None, position) => position.unwrap_or_default(),
    };
    let (tick, count) = (world.resource::<Step>().tick, world.resource::<Players>().here.len());
    let mut load = world.resource_mut::<Load>();
    let load = load.at(tick);
    load.looks += count;
    if load.looks > NEAR_LOOKS_PER_TICK_MAX {
        return Err(refuse(OpErrorCode::RateLimited, "too many look for who is near in one tick; try again"));
    }
    let is_near = |at: Vec3| math::length(math::sub(at, center)) <= near.radius;
    let players = world.resource::<Players>().here.iter().filter(|(_, player)| {
        let at = player.avatar.and_then(|avatar| place(world, avatar)).or(player.camera);
        at.is_some_and(is_near)
    });
    Ok(Recipients::Players(players.map(|(id, _)| *id).collect()))
}

fn no_entity(entity: NetId) -> OpError {
    let path = "to.near.entity";
    OpError { code: OpErrorCode::NotFound, message: format!("{path}: no entity {entity}"), path: Some(path.to_owned()) }
}

/// Where an entity is in the world, its parents' places included.
fn place(world: &World, id: NetId) -> Option<Vec3> {
    let mut entity = entity_of(world, id)?;
    let mut at = world.get::<Transform>(entity)?.position;
    for _ in 0..PARENT_DEPTH_MAX {
        let parent = world.get::<Parent>(entity).map(|parent| parent.entity).filter(|id| *id != NetId::NONE);
        let Some(parent) = parent.and_then(|id| entity_of(world, id)) else { break };
        let over = world.get::<Transform>(parent)?;
        let reach = [0, 1, 2].map(|i| at[i] * over.scale[i]);
        at = math::add(over.position, math::quat_rotate(over.rotation, reach));
        entity = parent;
    }
    Some(at)
}
