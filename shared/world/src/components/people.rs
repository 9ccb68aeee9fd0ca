//! Who things belong to, what they are called, and where people look.

use hd1_core::PlayerId;
use hd1_schema::Range;

use crate::components;
use crate::limits::WORLD_HALF_EXTENT_M;
use crate::math::QUAT_IDENTITY;

components! {
    /// What an entity is called, unique or not; entities can be looked up by it.
    pub struct Name(6, Reliable, writable) {
        /// The name.
        text: String = String::new(), text(64);
    }

    /// The player that made an entity and may change it; without one it belongs to the world.
    pub struct Owner(8, Reliable, internal) {
        /// The player's number; 0 is the world.
        player: PlayerId = PlayerId(0), whole(0, i32::MAX as u32);
    }

    /// The body of a player in the world, and where it looks.
    pub struct Avatar(9, State, internal) {
        /// The player's number.
        player: PlayerId = PlayerId(0), whole(0, i32::MAX as u32);
        /// View direction about +Y; 0 looks along -Z.
        yaw: f32 = 0.0, real(Range::new(-3.2, 3.2)), step 0.001, unit "rad";
        /// View direction up (+) or down (-).
        pitch: f32 = 0.0, real(Range::new(-1.6, 1.6)), step 0.001, unit "rad";
    }

    /// Where a player's camera is, told by its client; sits on the avatar.
    pub struct CameraView(10, State, internal) {
        /// Position in the world.
        position: [f32; 3] = [0.0; 3], vec3(Range::new(-WORLD_HALF_EXTENT_M, WORLD_HALF_EXTENT_M)), step 0.01, unit "m";
        /// Rotation as a unit quaternion x, y, z, w.
        rotation: [f32; 4] = QUAT_IDENTITY, quat;
    }
}
