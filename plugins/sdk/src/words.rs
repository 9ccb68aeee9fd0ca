//! The types that fields are made of, besides Rust's own.

#![allow(unsafe_code)]

use crate::schema::{Field, Kind};

/// An entity's number in this world; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Entity(pub u32);

impl Entity {
    /// No entity.
    pub const NONE: Entity = Entity(0);

    /// Is it one at all?
    #[must_use]
    pub const fn is_some(self) -> bool {
        self.0 != 0
    }
}

/// A player's number in this session; 0 is the world, or everyone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Player(pub u32);

impl Player {
    /// To whom a message goes that is for all.
    pub const EVERYONE: Player = Player(0);
}

/// Yes or no in a word: what `bool` is in a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Flag(u32);

impl Flag {
    /// Yes.
    pub const YES: Flag = Flag(1);
    /// No.
    pub const NO: Flag = Flag(0);

    /// Is it yes?
    #[must_use]
    pub const fn is_yes(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for Flag {
    fn from(flag: bool) -> Self {
        Flag(u32::from(flag))
    }
}

impl From<Flag> for bool {
    fn from(flag: Flag) -> Self {
        flag.is_yes()
    }
}

/// Red, green and blue as screens show them (sRGB), each from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(transparent)]
pub struct Color(pub [f32; 3]);

impl Color {
    /// All of it.
    pub const WHITE: Color = Color([1.0; 3]);
    /// Nothing of it.
    pub const BLACK: Color = Color([0.0; 3]);
}

impl Default for Color {
    fn default() -> Self {
        Color::WHITE
    }
}

/// A rotation: a unit quaternion. What is done with them is in [`crate::math`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct Quat {
    /// Of the axis.
    pub x: f32,
    /// Of the axis.
    pub y: f32,
    /// Of the axis.
    pub z: f32,
    /// Of the angle.
    pub w: f32,
}

impl Quat {
    /// No rotation.
    pub const IDENTITY: Quat = Quat { x: 0.0, y: 0.0, z: 0.0, w: 1.0 };
}

impl Default for Quat {
    fn default() -> Self {
        Quat::IDENTITY
    }
}

impl From<[f32; 4]> for Quat {
    fn from([x, y, z, w]: [f32; 4]) -> Self {
        Quat { x, y, z, w }
    }
}

impl From<Quat> for [f32; 4] {
    fn from(q: Quat) -> Self {
        [q.x, q.y, q.z, q.w]
    }
}

macro_rules! field {
    ($($type:ty: $kind:ident, $initial:expr, |$numbers:ident| $of:expr;)*) => { $(
        // SAFETY: as many words as the kind says, without padding, and any word is a value.
        unsafe impl Field for $type {
            const KIND: Kind = Kind::$kind;
            const INITIAL: Self = $initial;
            fn of_numbers($numbers: &[f64]) -> Self {
                $of
            }
        }
    )* };
}

/// The number at `i`; one that stands for all is given once.
fn at(numbers: &[f64], i: usize) -> f32 {
    numbers.get(i).or(numbers.first()).map_or(0.0, |number| *number as f32)
}

fn first(numbers: &[f64]) -> f64 {
    numbers.first().copied().unwrap_or_default()
}

field! {
    u32: U32, 0, |numbers| first(numbers) as u32;
    i32: I32, 0, |numbers| first(numbers) as i32;
    f32: F32, 0.0, |numbers| at(numbers, 0);
    [f32; 3]: Vec3, [0.0; 3], |numbers| [at(numbers, 0), at(numbers, 1), at(numbers, 2)];
    Flag: Flag, Flag::NO, |numbers| Flag::from(first(numbers) != 0.0);
    Quat: Quat, Quat::IDENTITY, |numbers| Quat::from([0, 1, 2, 3].map(|i| at(numbers, i)));
    Color: Color, Color::WHITE, |numbers| Color([0, 1, 2].map(|i| at(numbers, i)));
    Entity: Entity, Entity::NONE, |_numbers| Entity::NONE;
    Player: U32, Player(0), |numbers| Player(first(numbers) as u32);
}
