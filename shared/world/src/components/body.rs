//! Physics: bodies and what they collide with. Only worlds whose scene asks for physics admit them.

use hd1_schema::Range;

use crate::{choices, components};

choices! {
    /// What moves a [`RigidBody`].
    pub enum BodyKind {
        /// Forces.
        #[default]
        Dynamic = "dynamic",
        /// Its Transform alone; it pushes and is not pushed.
        Kinematic = "kinematic",
        /// Nothing.
        Fixed = "fixed",
    }
}

choices! {
    /// The form of a [`Collider`].
    pub enum ColliderShape {
        /// That of the entity's Geometry; a plane collides as a half space, an asset as a box of its size.
        #[default]
        Geometry = "geometry",
        /// `size`.
        Box = "box",
        /// `radius`.
        Sphere = "sphere",
        /// `radius` and `height`, along Y.
        Cylinder = "cylinder",
        /// `radius` and `height` (without its caps), along Y.
        Capsule = "capsule",
    }
}

components! {
    /// A body that physics moves.
    pub struct RigidBody(14, Hidden, writable, requires crate::components::Transform, crate::components::Velocity, crate::components::Collider) {
        /// What moves it.
        kind: BodyKind = BodyKind::Dynamic, choice(BodyKind::NAMES);
        /// How quickly it loses linear speed.
        linear_damping: f32 = 0.0, real(Range::new(0.0, 100.0)), step 0.001, unit "1/s";
        /// How quickly it loses angular speed.
        angular_damping: f32 = 0.05, real(Range::new(0.0, 100.0)), step 0.001, unit "1/s";
        /// Factor on the world's gravity.
        gravity_scale: f32 = 1.0, real(Range::new(-10.0, 10.0)), step 0.001;
        /// Does it look ahead so as not to pass through thin things at speed?
        ccd: bool = false, flag;
    }

    /// The form of a body for collisions; sizes are multiplied by the Transform's scale.
    pub struct Collider(15, Hidden, writable) {
        /// Which form.
        shape: ColliderShape = ColliderShape::Geometry, choice(ColliderShape::NAMES);
        /// Full extents of a box.
        size: [f32; 3] = [1.0; 3], vec3(Range::above(0.0, 10_000.0)), step 0.001, unit "m";
        /// Of a sphere, cylinder or capsule.
        radius: f32 = 0.5, real(Range::above(0.0, 10_000.0)), step 0.001, unit "m";
        /// Of a cylinder or capsule.
        height: f32 = 1.0, real(Range::above(0.0, 10_000.0)), step 0.001, unit "m";
        /// 0 is ice.
        friction: f32 = 0.6, real(Range::new(0.0, 10.0)), step 0.001;
        /// 0 is clay, 1 is rubber.
        restitution: f32 = 0.0, real(Range::new(0.0, 1.0)), step 0.001;
        /// Mass per volume.
        density: f32 = 1.0, real(Range::above(0.0, 100_000.0)), step 0.001, unit "kg/m3";
        /// Does it notice contacts without pushing?
        sensor: bool = false, flag;
        /// Are its contacts told to other systems?
        events: bool = false, flag;
    }
}
