//! The built-in components, in the order of their ids.
//!
//! Ids are stable: a new component takes the next free number, a dropped one leaves its number unused.

pub mod authority;
pub mod behaviour;
pub mod body;
pub mod interest;
pub mod look;
pub mod people;
pub mod spatial;

pub use authority::{Authority, Grabbable};
pub use behaviour::{Lifetime, Motion, MotionMode};
pub use body::{BodyKind, Collider, ColliderShape, RigidBody};
pub use interest::{Audience, Channels, Watchers};
pub use look::{Geometry, Label, Light, LightKind, Material, MaterialKind, Shape};
pub use people::{Avatar, CameraView, Name, Owner};
pub use spatial::{Parent, Transform, Velocity};
