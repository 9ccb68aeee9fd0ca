//! What things do by themselves: motion without physics, and an end.

use hd1_schema::Range;

use crate::limits::WORLD_HALF_EXTENT_M;
use crate::{choices, components};

const PLACE: Range = Range::new(-WORLD_HALF_EXTENT_M, WORLD_HALF_EXTENT_M);

choices! {
    /// How a [`Motion`] moves its entity.
    pub enum MotionMode {
        /// By its Velocity.
        #[default]
        Linear = "linear",
        /// About `center` in the XZ plane; turns by its Velocity's angular part.
        Orbit = "orbit",
        /// Along `points` and back to the first, at `speed`.
        Waypoints = "waypoints",
        /// By its Velocity, thrown back at `min` and `max`.
        Bounce = "bounce",
    }
}

components! {
    /// Movement that the server computes each tick without physics.
    pub struct Motion(12, Hidden, writable, requires crate::components::Transform, crate::components::Velocity) {
        /// Which movement.
        mode: MotionMode = MotionMode::Linear, choice(MotionMode::NAMES);
        /// Of an orbit.
        center: [f32; 3] = [0.0; 3], vec3(PLACE), step 0.001, unit "m";
        /// Of an orbit.
        radius: f32 = 10.0, real(Range::above(0.0, 10_000.0)), step 0.001, unit "m";
        /// One round of an orbit; negative goes the other way.
        period: f32 = 10.0, real(Range::new(-86_400.0, 86_400.0)), step 0.001, unit "s";
        /// Where an orbit or a round of waypoints starts, in rounds.
        phase: f32 = 0.0, real(Range::new(0.0, 1.0)), step 0.0001;
        /// Along waypoints.
        speed: f32 = 1.0, real(Range::new(0.0, 1000.0)), step 0.001, unit "m/s";
        /// Waypoints in order.
        points: Vec<[f32; 3]> = Vec::new(), points(64, PLACE), step 0.001, unit "m";
        /// Least corner to bounce in.
        min: [f32; 3] = [-100.0; 3], vec3(PLACE), step 0.001, unit "m";
        /// Greatest corner to bounce in.
        max: [f32; 3] = [100.0; 3], vec3(PLACE), step 0.001, unit "m";
    }

    /// The entity and its children go when the time is up.
    pub struct Lifetime(13, Hidden, writable) {
        /// From the tick at which it is set.
        seconds: f32 = 10.0, real(Range::above(0.0, 86_400.0)), step 0.001, unit "s";
        /// The tick at which it ends; 0 until the server has reckoned it.
        until: u32 = 0, whole(0, i32::MAX as u32), unit "ticks";
    }
}
