//! Whose simulation moves an entity. Who may change and remove it is another thing: see [`super::Owner`].

use hd1_core::PlayerId;
use hd1_schema::Range;

use crate::components;

components! {
    /// The player that drives the entity: it says each tick where the entity is, and the server checks, applies and shows
    /// it. Without one the server moves the entity. Given and taken by operations alone.
    pub struct Authority(18, Reliable, internal) {
        /// The player's number.
        player: PlayerId = PlayerId(0), whole(0, i32::MAX as u32);
    }

    /// Any participant who is near may take the authority of the entity, while nobody else has it.
    pub struct Grabbable(19, Reliable, writable) {
        /// How near the avatar of who takes it must be to its position; 0 is from anywhere.
        reach: f32 = 10.0, real(Range::new(0.0, 10_000.0)), step 0.01, unit "m";
    }
}
