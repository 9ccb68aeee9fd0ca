//! Authority: who holds it of an entity drives it, and the server sees to it that it is driven as anything may move.
//!
//! A holder's newest pose is a place to go to, not a place to be: each tick the entity goes towards it, no faster than
//! the limits, so a leap becomes a way that others see and physics can push along. The server has the authority again
//! when the holder lets go, leaves, is overruled, or has said nothing of the entity for a while.

mod rules;

use std::collections::BTreeMap;

use bevy_app::App;
use bevy_ecs::change_detection::DetectChangesMut;
use bevy_ecs::entity::Entity;
use bevy_ecs::schedule::IntoScheduleConfigs;
use bevy_ecs::world::{EntityWorldMut, World};
use hd1_core::{NetId, PlayerId, Tick};
use hd1_protocol::limits::DRIVE_POSES_MAX;
use hd1_protocol::{Drive, Pose, PoseVelocity};
use hd1_scenes::settings::Bounds;
use hd1_world::components::{Authority, BodyKind, Parent, RigidBody, Transform, Velocity};
use hd1_world::entity_of;
use hd1_world::math::{self, Quat, Vec3};
use hd1_world::phases::Simulate;
use serde::{Deserialize, Serialize};

pub(crate) use rules::{hand, placed, release, take};

use crate::limits::{DRIVE_SILENCE_S_MAX, DRIVE_SPEED_M_S_MAX, DRIVE_TURN_RAD_S_MAX};
use crate::physics::PhysicsSystems;
use crate::players::Players;
use crate::scene_info::SceneInfo;
use crate::step::Step;

/// What a player last said of an entity that it drives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// Where it is to go, in metres.
    pub position: Vec3,
    /// How it is to be turned.
    pub rotation: Quat,
    /// Metres a second with which it goes on when it is let go.
    pub linear: Vec3,
    /// Radians a second with which it goes on.
    pub angular: Vec3,
    /// When that was said.
    pub heard: Tick,
}

/// Adds the feature.
pub(crate) fn plugin(app: &mut App) {
    app.add_systems(Simulate, (take_back_forsaken, go).chain().before(PhysicsSystems));
}

/// A player says where what it drives is. What is old, and what it does not hold (any more), is passed over.
pub(crate) fn drive(world: &mut World, player: PlayerId, drive: &Drive) {
    let step = *world.resource::<Step>();
    let bounds = world.resource::<SceneInfo>().settings.bounds;
    let mut players = world.resource_mut::<Players>();
    let Some(player) = players.here.get_mut(&player).filter(|player| drive.seq > player.drive_seq) else { return };
    player.drive_seq = drive.seq;
    for pose in drive.poses.iter().take(DRIVE_POSES_MAX) {
        if let Some(hold) = player.held.get_mut(&pose.entity) {
            hold.hear(pose, &step, &bounds);
        }
    }
}

/// Gives an entity to a player, whoever had it.
fn give(world: &mut World, id: NetId, entity: Entity, player: PlayerId) {
    let heard = world.resource::<Step>().tick;
    let Transform { position, rotation, .. } = world.get::<Transform>(entity).cloned().unwrap_or_default();
    forget(world, id, entity);
    let hold = Hold { position, rotation, linear: [0.0; 3], angular: [0.0; 3], heard };
    if let Some(player) = world.resource_mut::<Players>().here.get_mut(&player) {
        player.held.insert(id, hold);
    }
    match world.get_mut::<Authority>(entity) {
        Some(mut authority) => *authority = Authority { player },
        None => drop(world.entity_mut(entity).insert(Authority { player })),
    }
}

/// The server moves the entity again, as it moved last.
pub(crate) fn take_back(world: &mut World, id: NetId) {
    let Some(entity) = entity_of(world, id) else { return };
    let hold = forget(world, id, entity);
    let mut entity = world.entity_mut(entity);
    if entity.take::<Authority>().is_none() {
        return;
    }
    if let Some(hold) = hold {
        hold.put_velocity(&mut entity);
    }
    // A removal is no change: physics is told of the body, which it makes anew, by its speed.
    if let Some(mut velocity) = entity.get_mut::<Velocity>() {
        velocity.set_changed();
    }
}

/// The server has all again that a player held.
pub(crate) fn take_all_back(world: &mut World, player: PlayerId) {
    let held = world.resource::<Players>().here.get(&player).map(|player| player.held.clone()).unwrap_or_default();
    held.into_keys().for_each(|id| take_back(world, id));
}

/// Strikes an entity from its holder's list, where it has one.
pub(crate) fn forget(world: &mut World, id: NetId, entity: Entity) -> Option<Hold> {
    let holder = world.get::<Authority>(entity)?.player;
    world.resource_mut::<Players>().here.get_mut(&holder)?.held.remove(&id)
}

/// Of whom nothing was heard for too long holds nothing any more, and nobody holds what hangs on another entity.
fn take_back_forsaken(world: &mut World) {
    let Step { tick, rate, .. } = *world.resource::<Step>();
    let silence = DRIVE_SILENCE_S_MAX * u64::from(rate.hz());
    let hangs = |id| entity_of(world, id).and_then(|e| world.get::<Parent>(e)).is_some_and(|p| p.entity != NetId::NONE);
    let forsaken: Vec<NetId> =
        all_held(world).filter(|(id, hold)| tick.since(hold.heard) > silence || hangs(*id)).map(|(id, _)| id).collect();
    for id in forsaken {
        // It has stood still since: it does not fly off now.
        for hold in world.resource_mut::<Players>().here.values_mut().filter_map(|player| player.held.get_mut(&id)) {
            (hold.linear, hold.angular) = ([0.0; 3], [0.0; 3]);
        }
        take_back(world, id);
    }
}

/// Everything that is driven goes a tick's way. Each entity goes by itself, so the order does not matter.
fn go(world: &mut World) {
    let dt = world.resource::<Step>().dt;
    let held: Vec<(NetId, Hold)> = all_held(world).collect();
    for (id, hold) in held {
        let Some(entity) = entity_of(world, id) else { continue };
        let mut entity = world.entity_mut(entity);
        if let Some(mut transform) = entity.get_mut::<Transform>() {
            let position = towards(transform.position, hold.position, DRIVE_SPEED_M_S_MAX * dt);
            let rotation = turned_towards(transform.rotation, hold.rotation, DRIVE_TURN_RAD_S_MAX * dt);
            let scale = transform.scale;
            transform.set_if_neq(Transform { position, rotation, scale });
        }
        hold.put_velocity(&mut entity);
    }
}

/// In the order of players, then of entities.
fn all_held(world: &World) -> impl Iterator<Item = (NetId, Hold)> + '_ {
    let held: &BTreeMap<_, _> = &world.resource::<Players>().here;
    held.values().flat_map(|player| player.held.iter().map(|(id, hold)| (*id, *hold)))
}

impl Hold {
    /// Only physics takes it from here: what Motion moves goes on by the speed that it had.
    fn put_velocity(&self, entity: &mut EntityWorldMut) {
        if entity.get::<RigidBody>().is_some_and(|body| body.kind == BodyKind::Dynamic)
            && let Some(mut velocity) = entity.get_mut::<Velocity>()
        {
            velocity.set_if_neq(Velocity { linear: self.linear, angular: self.angular });
        }
    }

    fn hear(&mut self, pose: &Pose, step: &Step, bounds: &Bounds) {
        let Pose { position, rotation, velocity, .. } = *pose;
        if !position.iter().chain(&rotation).all(|v| v.is_finite()) {
            return;
        }
        let position = math::clamp(position, bounds.min, bounds.max);
        let PoseVelocity { linear, angular } = velocity.unwrap_or_else(|| {
            let passed_s = step.tick.since(self.heard).max(1) as f32 * step.dt;
            let linear = math::scale(math::sub(position, self.position), 1.0 / passed_s);
            PoseVelocity { linear, angular: [0.0; 3] }
        });
        *self = Hold {
            position,
            rotation: math::quat_normalise(rotation),
            linear: shortened(linear, DRIVE_SPEED_M_S_MAX),
            angular: shortened(angular, DRIVE_TURN_RAD_S_MAX),
            heard: step.tick,
        };
    }
}

/// Of a length of at most `max`; nothing where it is no vector.
fn shortened(v: Vec3, max: f32) -> Vec3 {
    let length = math::length(v);
    if !length.is_finite() {
        return [0.0; 3];
    }
    if length > max { math::scale(v, max / length) } else { v }
}

fn towards(from: Vec3, to: Vec3, way: f32) -> Vec3 {
    let rest = math::sub(to, from);
    if math::length(rest) > way { math::add(from, shortened(rest, way)) } else { to }
}

/// From one unit quaternion to another, by at most so many radians (spherical interpolation).
fn turned_towards(from: Quat, to: Quat, radians: f32) -> Quat {
    let dot: f32 = (0..4).map(|i| from[i] * to[i]).sum();
    let half = libm::acosf(dot.abs().min(1.0));
    if 2.0 * half <= radians {
        return to;
    }
    let share = radians / (2.0 * half);
    let (a, b) = (libm::sinf((1.0 - share) * half), libm::sinf(share * half));
    let b = if dot < 0.0 { -b } else { b };
    math::quat_normalise([0, 1, 2, 3].map(|i| from[i] * a + to[i] * b))
}
