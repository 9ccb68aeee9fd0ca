//! Avatar movement, the same on both ends: the server steps by it, clients predict by it.
//!
//! It stands apart from the world's components so that it also builds for wasm32, without an ECS. It must stay pure: the
//! same state, intent and step give the same bits on every machine. Start with [`avatar::step_avatar`].

pub mod math;

pub mod avatar;

pub use avatar::{Intent, MoveMode, MoveRules, Mover, step_avatar};
