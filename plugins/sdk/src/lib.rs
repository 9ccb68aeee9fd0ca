//! Writes sim plugins in Rust: a world's components as columns, systems that work through them, and what they leave
//! behind.
//!
//! A plugin is a `cdylib` for `wasm32-unknown-unknown`. It declares its own components with [`derive@Component`], what
//! an operator can set with [`derive@Config`], its systems with [`macro@system`], its hooks with [`macro@filter`] and
//! [`macro@action`], and all of it with [`plugin!`], which
//! writes the plan into the module. The interface below, told in `plugins/SIM.md`, is not seen. Nothing here keeps
//! anything from run to run, and neither may a plugin: what is to be kept is a component. Start with [`query`], then
//! [`commands`] and [`hook`]; `testing` runs systems in plain `cargo test`.
//!
//! ```
//! use hd1_sdk::prelude::*;
//!
//! /// What blows at an entity.
//! #[derive(Component)]
//! #[repr(C)]
//! #[component(delivery = "state")]
//! pub struct Wind {
//!     /// How strong.
//!     #[field(min = -50, max = 50, step = 0.01, unit = "m/s2")]
//!     pub force: [f32; 3],
//! }
//!
//! /// Pushes what moves.
//! #[system]
//! pub fn blow(step: &Step, mut blown: Query<(&mut Velocity, &Wind)>) {
//!     blown.for_each(|(velocity, wind)| velocity.linear = add(velocity.linear, scale(wind.force, step.dt)));
//! }
//!
//! plugin! { components: [Wind], systems: [blow] }
//! # fn main() {}
//! ```

// The macros say `::hd1_sdk`, here as well.
extern crate self as hd1_sdk;

pub mod schema;
pub mod words;

pub mod component;

pub mod builtin;
pub mod query;

pub mod commands;
pub mod gather;
pub mod message;
pub mod say;
pub mod step;

pub mod plan;
pub mod system;

pub mod hook;

pub mod entry;
pub mod log;
pub mod math;

#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use commands::{Commands, Despawn, Spawn};
pub use component::{Component, Config, Named};
pub use gather::{Found, Gather};
pub use hd1_sdk_macros::{Choice, Component, Config, Topic, action, filter, system};
pub use hook::{Chat, ChatSaid, Despawned, Hook, Joined, Left, Message, SpawnAsked, Spawned, Verdict};
pub use message::{ContactStarted, ContactStopped, Messages, PlayerInput};
pub use query::{Added, Changed, Ordered, Query, With, Without};
pub use say::{Say, Topic};
pub use step::{Rng, Step};
pub use system::{System, SystemParam};
pub use words::{Color, Entity, Flag, Player, Quat};

/// What a plugin needs as a rule.
pub mod prelude {
    pub use crate::builtin::*;
    pub use crate::math::{add, bound, cross, distance_squared, dot, larger, length, normalize, scale, smaller, sub};
    pub use crate::{
        Added, Changed, Chat, ChatSaid, Choice, Color, Commands, Component, Config, ContactStarted, ContactStopped,
        Despawn, Despawned, Entity, Flag, Found, Gather, Joined, Left, Message, Messages, Ordered, Player, PlayerInput,
        Quat, Query, Rng, Say, Spawn, SpawnAsked, Spawned, Step, Topic, Verdict, With, Without, action, filter, log,
        plugin, system,
    };
}
