//! Where things are and how they move: the components that nearly every entity has.

use hd1_core::NetId;
use hd1_schema::Range;

use crate::components;
use crate::limits::WORLD_HALF_EXTENT_M;
use crate::math::QUAT_IDENTITY;

components! {
    /// Where an entity is. Relative to the parent where there is one, else to the world; +Y is up, -Z is forward.
    pub struct Transform(1, State, writable) {
        /// Position, each axis within 100 km.
        position: [f32; 3] = [0.0; 3], vec3(Range::new(-WORLD_HALF_EXTENT_M, WORLD_HALF_EXTENT_M)), step 0.001, unit "m";
        /// Rotation as a unit quaternion x, y, z, w.
        rotation: [f32; 4] = QUAT_IDENTITY, quat;
        /// Size factor of each axis.
        scale: [f32; 3] = [1.0; 3], vec3(Range::new(0.001, 1000.0)), step 0.001;
    }

    /// How fast an entity moves and turns. Written by physics for bodies, read by Motion for the others.
    pub struct Velocity(2, Hidden, writable) {
        /// Linear velocity in world axes.
        linear: [f32; 3] = [0.0; 3], vec3(Range::new(-1000.0, 1000.0)), step 0.001, unit "m/s";
        /// Angular velocity about world axes.
        angular: [f32; 3] = [0.0; 3], vec3(Range::new(-1000.0, 1000.0)), step 0.001, unit "rad/s";
    }

    /// The entity that this one is attached to: its Transform counts from there, and it goes when the parent goes.
    pub struct Parent(7, Reliable, writable) {
        /// The parent.
        entity: NetId = NetId::NONE, entity;
    }
}
