//! Which Rapier body is which entity, and what passes between the two each tick.

use std::collections::{BTreeMap, BTreeSet};

use bevy_ecs::change_detection::DetectChangesMut;
use bevy_ecs::query::{Changed, Has, Or, With};
use bevy_ecs::system::{Query, Res, ResMut};
use hd1_core::NetId;
use hd1_world::components::{
    Authority, BodyKind, Collider, ColliderShape, Geometry, RigidBody, Shape, Transform, Velocity,
};
use hd1_world::described::Described;
use hd1_world::limits::WORLD_HALF_EXTENT_M;
use hd1_world::{NetIndex, Networked, Removals, math};
use rapier3d::prelude::{
    ActiveEvents, ColliderBuilder, PhysicsWorld, Pose, RigidBodyBuilder, RigidBodyHandle, Rotation, SharedShape, Vector,
};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::Physics;

/// Every body by the entity it moves.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Bodies {
    known: BTreeMap<NetId, Known>,
    /// Bodies awake before or after the last step: those whose state may have changed.
    #[serde(skip)]
    active: Vec<RigidBodyHandle>,
    /// How much of the removal log was read; a log begins anew with its world.
    #[serde(skip)]
    removals_seen: u64,
}

/// One body and what it was built from.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Known {
    handle: RigidBodyHandle,
    /// Hash of everything that makes a body: a change of it builds the body anew.
    built_from: u64,
}

type Parts = (
    &'static Networked,
    &'static Transform,
    &'static Velocity,
    &'static RigidBody,
    &'static Collider,
    Option<&'static Geometry>,
    Has<Authority>,
);
type Touched = Or<(
    Changed<Transform>,
    Changed<Velocity>,
    Changed<RigidBody>,
    Changed<Collider>,
    Changed<Geometry>,
    Changed<Authority>,
)>;

impl Bodies {
    pub(super) fn note_active(&mut self, rapier: &PhysicsWorld) {
        self.active.extend(rapier.islands.active_bodies());
    }
}

/// Takes bodies out whose entity is gone or is no longer a body.
pub(super) fn remove_gone(
    mut physics: ResMut<Physics>,
    removals: Res<Removals>,
    index: Res<NetIndex>,
    bodies: Query<(), (With<RigidBody>, With<Collider>)>,
) {
    let Physics { world: rapier, bodies: Bodies { known, removals_seen, .. } } = &mut *physics;
    if *removals_seen == removals.end() {
        return;
    }
    let candidates: BTreeSet<NetId> = match removals.since(*removals_seen) {
        Some(log) => log.map(|removal| removal.id).collect(),
        None => known.keys().copied().collect(),
    };
    *removals_seen = removals.end();
    for id in candidates {
        let lives = index.entity(id).is_some_and(|entity| bodies.contains(entity));
        if !lives && let Some(gone) = known.remove(&id) {
            rapier.remove_body(gone.handle);
        }
    }
}

/// Makes new bodies, rebuilds those that are made differently now, and moves those that something else moved.
pub(super) fn take_changes(mut physics: ResMut<Physics>, touched: Query<Parts, Touched>) {
    let mut list: Vec<_> = touched.iter().collect();
    list.sort_unstable_by_key(|(id, ..)| id.0);
    let Physics { world: rapier, bodies: Bodies { known, .. } } = &mut *physics;
    for (Networked(id), transform, velocity, body, collider, geometry, driven) in list {
        let body = &as_moved(body, driven);
        let built_from = fingerprint(transform, body, collider, geometry);
        match known.get(id) {
            Some(present) if present.built_from == built_from => {
                move_body(rapier, present.handle, transform, velocity);
            }
            before => {
                if let Some(before) = before {
                    rapier.remove_body(before.handle);
                }
                let (handle, _) = rapier.insert(
                    build_body(*id, transform, velocity, body),
                    build_collider(*id, transform, collider, geometry),
                );
                known.insert(*id, Known { handle, built_from });
            }
        }
    }
}

/// What a player drives is moved by its Transform alone, and pushes.
fn as_moved(body: &RigidBody, driven: bool) -> RigidBody {
    RigidBody { kind: if driven { BodyKind::Kinematic } else { body.kind }, ..body.clone() }
}

/// Components that physics wrote itself equal the body bit by bit, and are left alone.
fn move_body(rapier: &mut PhysicsWorld, handle: RigidBodyHandle, transform: &Transform, velocity: &Velocity) {
    let Some(body) = rapier.bodies.get_mut(handle) else { return };
    let target = pose(transform);
    if *body.position() != target {
        if body.is_kinematic() {
            body.set_next_kinematic_position(target);
        } else {
            body.set_position(target, true);
        }
    }
    if body.is_dynamic() {
        let (linear, angular) = (velocity.linear.into(), velocity.angular.into());
        if body.linvel() != linear {
            body.set_linvel(linear, true);
        }
        if body.angvel() != angular {
            body.set_angvel(angular, true);
        }
    }
}

/// Copies awake bodies into their components; one that left the world's extent is stopped at its edge.
pub(super) fn write_back(
    mut physics: ResMut<Physics>,
    index: Res<NetIndex>,
    mut entities: Query<(&mut Transform, &mut Velocity)>,
) {
    let Physics { world: rapier, bodies } = &mut *physics;
    let mut active = std::mem::take(&mut bodies.active);
    active.sort_unstable_by_key(|handle| handle.into_raw_parts());
    active.dedup();
    for handle in active.drain(..) {
        let Some(body) = rapier.bodies.get_mut(handle).filter(|body| body.is_dynamic()) else { continue };
        contain(body);
        let body = &*body;
        let entity = index.entity(NetId(body.user_data as u32));
        let Some(Ok((mut transform, mut velocity))) = entity.map(|entity| entities.get_mut(entity)) else { continue };
        let scale = transform.scale;
        let (position, rotation) = (body.translation().to_array(), body.rotation().to_array());
        transform.set_if_neq(Transform { position, rotation, scale });
        velocity.set_if_neq(Velocity { linear: body.linvel().to_array(), angular: body.angvel().to_array() });
    }
    bodies.active = active;
}

/// Greatest speed of a body, in m/s and rad/s: the range of Velocity.
const SPEED_MAX: f32 = 1000.0;

fn contain(body: &mut rapier3d::prelude::RigidBody) {
    let inside = |v: Vector, max: f32| v.to_array().into_iter().all(|x| x.abs() <= max);
    if !inside(body.translation(), WORLD_HALF_EXTENT_M) {
        let held = body.translation().to_array().map(|x| if x.is_finite() { x } else { 0.0 });
        let edge = math::clamp(held, [-WORLD_HALF_EXTENT_M; 3], [WORLD_HALF_EXTENT_M; 3]);
        body.set_translation(edge.into(), true);
        body.set_linvel(Vector::ZERO, true);
    }
    let held = |v: Vector| {
        Vector::from(v.to_array().map(|x| if x.is_finite() { x.clamp(-SPEED_MAX, SPEED_MAX) } else { 0.0 }))
    };
    if !inside(body.linvel(), SPEED_MAX) {
        body.set_linvel(held(body.linvel()), true);
    }
    if !inside(body.angvel(), SPEED_MAX) {
        body.set_angvel(held(body.angvel()), true);
    }
}

fn pose(transform: &Transform) -> Pose {
    Pose::from_parts(transform.position.into(), Rotation::from_array(transform.rotation))
}

fn fingerprint(transform: &Transform, body: &RigidBody, collider: &Collider, geometry: Option<&Geometry>) -> u64 {
    let mut bytes = Vec::with_capacity(128);
    body.put_canonical(&mut bytes);
    collider.put_canonical(&mut bytes);
    hd1_world::canonical::put_f32s(&mut bytes, &transform.scale);
    if collider.shape == ColliderShape::Geometry
        && let Some(geometry) = geometry
    {
        geometry.put_canonical(&mut bytes);
    }
    xxh3_64(&bytes)
}

fn build_body(id: NetId, transform: &Transform, velocity: &Velocity, body: &RigidBody) -> RigidBodyBuilder {
    let builder = match body.kind {
        BodyKind::Dynamic => RigidBodyBuilder::dynamic(),
        BodyKind::Kinematic => RigidBodyBuilder::kinematic_position_based(),
        BodyKind::Fixed => RigidBodyBuilder::fixed(),
    };
    let builder = builder
        .pose(pose(transform))
        .linear_damping(body.linear_damping)
        .angular_damping(body.angular_damping)
        .gravity_scale(body.gravity_scale)
        .ccd_enabled(body.ccd)
        .user_data(u128::from(id.0));
    match body.kind {
        BodyKind::Dynamic => builder.linvel(velocity.linear.into()).angvel(velocity.angular.into()),
        _ => builder,
    }
}

fn build_collider(
    id: NetId,
    transform: &Transform,
    collider: &Collider,
    geometry: Option<&Geometry>,
) -> ColliderBuilder {
    let s = transform.scale;
    // Round forms stay round: the greater of the two axes across counts.
    let (across, round) = (s[0].max(s[2]), s[0].max(s[1]).max(s[2]));
    let cuboid =
        |size: [f32; 3]| ColliderBuilder::cuboid(size[0] * s[0] * 0.5, size[1] * s[1] * 0.5, size[2] * s[2] * 0.5);
    let builder = match (collider.shape, geometry) {
        (ColliderShape::Box, _) | (ColliderShape::Geometry, None) => cuboid(collider.size),
        (ColliderShape::Sphere, _) => ColliderBuilder::ball(collider.radius * round),
        (ColliderShape::Cylinder, _) => {
            ColliderBuilder::cylinder(collider.height * s[1] * 0.5, collider.radius * across)
        }
        (ColliderShape::Capsule, _) => {
            ColliderBuilder::capsule_y(collider.height * s[1] * 0.5, collider.radius * across)
        }
        (ColliderShape::Geometry, Some(form)) => match form.shape {
            Shape::Box | Shape::Asset => cuboid(form.size),
            Shape::Sphere => ColliderBuilder::ball(form.radius * round),
            Shape::Cylinder => ColliderBuilder::cylinder(form.height * s[1] * 0.5, form.radius * across),
            Shape::Plane => ColliderBuilder::new(SharedShape::halfspace(Vector::Y)),
        },
    };
    let events = if collider.events { ActiveEvents::COLLISION_EVENTS } else { ActiveEvents::empty() };
    builder
        .friction(collider.friction)
        .restitution(collider.restitution)
        .density(collider.density)
        .sensor(collider.sensor)
        .active_events(events)
        .user_data(u128::from(id.0))
}
