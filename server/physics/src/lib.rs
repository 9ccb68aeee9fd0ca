//! Rapier's world as bytes, and as a copy to make them of on another thread.
//!
//! A crate of its own because a compiler takes minutes over the engine's whole state as msgpack, and nothing here ever
//! changes: the simulation beside it is compiled again in seconds.

use rapier3d::prelude::PhysicsWorld;

/// Bytes that [`to_bytes`] did not write, or not for this version of the engine.
#[derive(Debug)]
pub struct Malformed(pub String);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "physics: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// A world that goes on exactly as `world` would. What is only scratch space is not copied.
#[must_use]
pub fn copy(world: &PhysicsWorld) -> PhysicsWorld {
    PhysicsWorld {
        gravity: world.gravity,
        integration_parameters: world.integration_parameters,
        islands: world.islands.clone(),
        broad_phase: world.broad_phase.clone(),
        narrow_phase: world.narrow_phase.clone(),
        bodies: world.bodies.clone(),
        colliders: world.colliders.clone(),
        impulse_joints: world.impulse_joints.clone(),
        multibody_joints: world.multibody_joints.clone(),
        soft_bodies: world.soft_bodies.clone(),
        ..PhysicsWorld::default()
    }
}

/// The whole state. The same world gives the same bytes.
#[must_use]
pub fn to_bytes(world: &PhysicsWorld) -> Vec<u8> {
    match rmp_serde::to_vec(world) {
        Ok(bytes) => bytes,
        Err(error) => unreachable!("the engine's types can all be written: {error}"),
    }
}

/// The world of [`to_bytes`].
///
/// # Errors
/// [`Malformed`].
pub fn from_bytes(bytes: &[u8]) -> Result<PhysicsWorld, Malformed> {
    rmp_serde::from_slice(bytes).map_err(|error| Malformed(error.to_string()))
}
