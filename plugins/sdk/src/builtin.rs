//! The components that every world has.
//!
//! What is made of words can be read, and most of it written. [`Owner`], [`Authority`], [`Avatar`] and [`CameraView`]
//! are read alone. The last ones here hold text, points or `bool`s: queries can ask whether they are there. A test
//! holds all of them against the server's own, so that neither can change alone.

use crate::component::Named;
use crate::{Choice, Color, Component, Entity, Player, Quat};

/// Where an entity is. Relative to the parent where there is one, else to the world; +Y is up, -Z is forward.
#[derive(Component, Debug, PartialEq)]
#[component(builtin, delivery = "state", writable)]
#[repr(C)]
pub struct Transform {
    /// Position, each axis within 100 km.
    #[field(min = -100000, max = 100000, step = 0.001, unit = "m")]
    pub position: [f32; 3],
    /// Rotation as a unit quaternion x, y, z, w.
    pub rotation: Quat,
    /// Size factor of each axis.
    #[field(min = 0.001, max = 1000, step = 0.001, default = [1, 1, 1])]
    pub scale: [f32; 3],
}

/// How fast an entity moves and turns. Written by physics for bodies, read by Motion for the others.
#[derive(Component, Debug, PartialEq)]
#[component(builtin, writable)]
#[repr(C)]
pub struct Velocity {
    /// Linear velocity in world axes.
    #[field(min = -1000, max = 1000, step = 0.001, unit = "m/s")]
    pub linear: [f32; 3],
    /// Angular velocity about world axes.
    #[field(min = -1000, max = 1000, step = 0.001, unit = "rad/s")]
    pub angular: [f32; 3],
}

/// The entity that this one is attached to: its Transform counts from there, and it goes when the parent goes.
#[derive(Component, Debug, PartialEq)]
#[component(builtin, delivery = "reliable", writable)]
#[repr(C)]
pub struct Parent {
    /// The parent.
    pub entity: Entity,
}

/// How a [`Material`] is lit.
#[derive(Choice, Debug)]
#[repr(u32)]
pub enum MaterialKind {
    /// Colour alone, unlit.
    Basic,
    /// Lit with a highlight.
    Phong,
    /// Physically based.
    Standard,
}

/// The surface of an entity.
#[derive(Component, Debug, PartialEq)]
#[component(builtin, delivery = "reliable", writable)]
#[repr(C)]
pub struct Material {
    /// How it is lit.
    #[field(default = MaterialKind::Standard)]
    pub kind: MaterialKind,
    /// Base colour.
    #[field(default = [0.8, 0.8, 0.8])]
    pub color: Color,
    /// Light of its own.
    #[field(default = "#000000")]
    pub emissive: Color,
    /// 0 is invisible, 1 is solid.
    #[field(min = 0, max = 1, step = 0.005, default = 1)]
    pub opacity: f32,
    /// 0 is plastic, 1 is metal.
    #[field(min = 0, max = 1, step = 0.005)]
    pub metalness: f32,
    /// 0 is a mirror, 1 is chalk.
    #[field(min = 0, max = 1, step = 0.005, default = 0.8)]
    pub roughness: f32,
}

/// What a [`Light`] shines like.
#[derive(Choice, Debug)]
#[repr(u32)]
pub enum LightKind {
    /// From everywhere.
    Ambient,
    /// From far away along the entity's -Z.
    Directional,
    /// From the entity to all sides.
    Point,
    /// From the entity along its -Z within a cone.
    Spot,
}

/// A light at the entity.
#[derive(Component, Debug, PartialEq)]
#[component(builtin, delivery = "reliable", writable)]
#[repr(C)]
pub struct Light {
    /// What it shines like.
    #[field(default = LightKind::Point)]
    pub kind: LightKind,
    /// Its colour.
    pub color: Color,
    /// Its strength; 1 is ordinary.
    #[field(min = 0, max = 1000, step = 0.01, default = 1)]
    pub intensity: f32,
    /// How far it reaches; 0 is without end.
    #[field(min = 0, max = 10000, step = 0.01, unit = "m")]
    pub range: f32,
    /// Half angle of a spot's cone.
    #[field(min = 0.01, max = 1.57, step = 0.001, default = 0.5, unit = "rad")]
    pub cone: f32,
}

/// The player that made an entity and may change it; without one it belongs to the world.
#[derive(Component, Debug, PartialEq)]
#[component(builtin, delivery = "reliable")]
#[repr(C)]
pub struct Owner {
    /// The player's number; 0 is the world.
    #[field(min = 0, max = 2147483647)]
    pub player: Player,
}

/// The body of a player in the world, and where it looks.
#[derive(Component, Debug, PartialEq)]
#[component(builtin, delivery = "state")]
#[repr(C)]
pub struct Avatar {
    /// The player's number.
    #[field(min = 0, max = 2147483647)]
    pub player: Player,
    /// View direction about +Y; 0 looks along -Z.
    #[field(min = -3.2, max = 3.2, step = 0.001, unit = "rad")]
    pub yaw: f32,
    /// View direction up (+) or down (-).
    #[field(min = -1.6, max = 1.6, step = 0.001, unit = "rad")]
    pub pitch: f32,
}

/// Where a player's camera is, told by its client; sits on the avatar.
#[derive(Component, Debug, PartialEq)]
#[component(builtin, delivery = "state")]
#[repr(C)]
pub struct CameraView {
    /// Position in the world.
    #[field(min = -100000, max = 100000, step = 0.01, unit = "m")]
    pub position: [f32; 3],
    /// Rotation as a unit quaternion x, y, z, w.
    pub rotation: Quat,
}

/// The entity and its children go when the time is up.
#[derive(Component, Debug, PartialEq)]
#[component(builtin, writable)]
#[repr(C)]
pub struct Lifetime {
    /// From the tick at which it is set.
    #[field(above = 0, max = 86400, step = 0.001, default = 10, unit = "s")]
    pub seconds: f32,
    /// The tick at which it ends; 0 until the server has reckoned it.
    #[field(min = 0, max = 2147483647, unit = "ticks")]
    pub until: u32,
}

/// The channels that a player hears, on its avatar: a team, a squad, those who may see through walls.
#[derive(Component, Debug, PartialEq)]
#[component(builtin, delivery = "reliable")]
#[repr(C)]
pub struct Channels {
    /// Bits of channels.
    #[field(min = 0, max = 2147483647)]
    pub bits: u32,
}

/// The player that drives the entity: it says each tick where the entity is, and the server checks, applies and shows
/// it. Without one the server moves the entity. Given and taken by operations alone.
#[derive(Component, Debug, PartialEq)]
#[component(builtin, delivery = "reliable")]
#[repr(C)]
pub struct Authority {
    /// The player's number.
    #[field(min = 0, max = 2147483647)]
    pub player: Player,
}

/// Any participant who is near may take the authority of the entity, while nobody else has it.
#[derive(Component, Debug, PartialEq)]
#[component(builtin, delivery = "reliable", writable)]
#[repr(C)]
pub struct Grabbable {
    /// How near the avatar of who takes it must be to its position; 0 is from anywhere.
    #[field(min = 0, max = 10000, step = 0.01, default = 10, unit = "m")]
    pub reach: f32,
}

macro_rules! markers {
    ($($(#[doc = $doc:literal])+ $name:ident,)*) => { $(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        impl Named for $name {
            const NAME: &'static str = stringify!($name);
        }
    )* };
}

markers! {
    /// The form of an entity: for [`With`](crate::With) and [`Without`](crate::Without).
    Geometry,
    /// What an entity is called: for [`With`](crate::With) and [`Without`](crate::Without).
    Name,
    /// A caption: for [`With`](crate::With) and [`Without`](crate::Without).
    Label,
    /// Movement that the server computes: for [`With`](crate::With) and [`Without`](crate::Without).
    Motion,
    /// A body that physics moves: for [`With`](crate::With) and [`Without`](crate::Without).
    RigidBody,
    /// The form of a body for collisions: for [`With`](crate::With) and [`Without`](crate::Without).
    Collider,
    /// Who is shown an entity: for [`With`](crate::With) and [`Without`](crate::Without).
    Audience,
}

#[cfg(test)]
mod tests;
