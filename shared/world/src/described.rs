//! What makes a Rust struct a component of the catalogue, and the macro that writes it down once.
//!
//! A component's schema, its JSON form, its quantised row and its exact bytes all come from one declaration, so they
//! cannot drift apart. `components!` and `choices!` are used by the files below [`mod@crate::components`] and by
//! crates that bring components of their own.

use bevy_ecs::component::{Component, Mutable};
use hd1_core::{NetId, PlayerId};
use hd1_schema::{ComponentId, ComponentSchema, FieldKind, Range, Record, Row, Value};

use crate::canonical;

/// A bevy component that is known to the catalogue.
pub trait Described: Component<Mutability = Mutable> + Clone + PartialEq + Default {
    /// Its number on the wire; never given to another component.
    const ID: ComponentId;

    /// Name, docs, fields, ranges and delivery.
    fn schema() -> ComponentSchema;

    /// Its values in schema order.
    fn to_record(&self) -> Record;

    /// The component of a record that was checked against [`Described::schema`]; a value of another kind is left at
    /// the default.
    fn from_record(record: &Record) -> Self;

    /// 32-bit words of it in its column, each field's in the order of the schema; `None` where it is not made of such.
    const WORDS: Option<usize>;

    /// Appends its quantised lanes and bytes.
    fn put_row(&self, row: &mut Row);

    /// Appends its exact bytes (see [`crate::canonical`]).
    fn put_canonical(&self, out: &mut Vec<u8>);
}

/// A Rust type that can be a component's field.
pub trait Field: Sized {
    /// 32-bit words that the type is made of, any of which may be read; `None` where it is not.
    const WORDS: Option<usize>;
    /// The value for a record.
    fn to_value(&self) -> Value;
    /// The inverse of [`Field::to_value`]; `None` for a value of another kind.
    fn of_value(value: &Value) -> Option<Self>;
    /// Appends lanes or bytes, numbers in units of `step`.
    fn put_row(&self, row: &mut Row, step: f32);
    /// Appends exact bytes.
    fn put_canonical(&self, out: &mut Vec<u8>);
}

macro_rules! field {
    ($type:ty, $variant:ident, $words:expr, |$me:ident| $to:expr, |$v:ident| $of:expr, |$row:ident, $step:ident| $put:expr, |$out:ident| $canonical:expr) => {
        impl Field for $type {
            const WORDS: Option<usize> = $words;
            fn to_value(&self) -> Value {
                let $me = self;
                Value::$variant($to)
            }
            fn of_value(value: &Value) -> Option<Self> {
                match value {
                    Value::$variant($v) => Some($of),
                    _ => None,
                }
            }
            fn put_row(&self, $row: &mut Row, $step: f32) {
                let $me = self;
                let _ = $step;
                $put;
            }
            fn put_canonical(&self, $out: &mut Vec<u8>) {
                let $me = self;
                $canonical;
            }
        }
    };
}

/// Words of a `repr(C)` type of so many bytes whose fields have these: `None` where one has none, or something lies between.
#[must_use]
pub const fn plain_words(bytes: usize, fields: &[Option<usize>]) -> Option<usize> {
    let (mut words, mut i) = (0, 0);
    while i < fields.len() {
        match fields[i] {
            Some(more) => words += more,
            None => return None,
        }
        i += 1;
    }
    if words * 4 == bytes { Some(words) } else { None }
}

/// Red, green and blue as screens show them (sRGB), each from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(transparent)]
pub struct Color(pub [f32; 3]);

field!(bool, Bool, None, |me| *me, |v| *v, |row, step| row.bool(*me), |out| out
    .extend_from_slice(&u32::from(*me).to_le_bytes()));
field!(u32, U32, Some(1), |me| *me, |v| *v, |row, step| row.int(*me as i32), |out| out
    .extend_from_slice(&me.to_le_bytes()));
field!(i32, I32, Some(1), |me| *me, |v| *v, |row, step| row.int(*me), |out| out.extend_from_slice(&me.to_le_bytes()));
field!(f32, F32, Some(1), |me| *me, |v| *v, |row, step| row.f32(*me, step), |out| canonical::put_f32s(out, &[*me]));
field!([f32; 3], Vec3, Some(3), |me| *me, |v| *v, |row, step| row.vec3(*me, step), |out| canonical::put_f32s(out, me));
field!([f32; 4], Quat, Some(4), |me| *me, |v| *v, |row, step| row.quat(*me), |out| canonical::put_f32s(out, me));
field!(Color, Color, Some(3), |me| me.0, |v| Color(*v), |row, step| row.color(me.0), |out| canonical::put_f32s(
    out, &me.0
));
field!(NetId, Entity, Some(1), |me| me.0, |v| NetId(*v), |row, step| row.int(me.0 as i32), |out| out
    .extend_from_slice(&me.0.to_le_bytes()));
field!(PlayerId, U32, Some(1), |me| me.0, |v| PlayerId(*v), |row, step| row.int(me.0 as i32), |out| out
    .extend_from_slice(&me.0.to_le_bytes()));
field!(String, Text, None, |me| me.clone(), |v| v.clone(), |row, step| row.text(me), |out| canonical::put_text(
    out, me
));
field!(Vec<[f32; 3]>, Points, None, |me| me.clone(), |v| v.clone(), |row, step| row.points(me, step), |out| {
    canonical::put_points(out, me)
});

/// A field kind from its range and step; used by `components!`.
pub mod kind {
    use super::{FieldKind, Range};

    /// Yes or no.
    #[must_use]
    pub fn flag(_step: f32) -> FieldKind {
        FieldKind::Bool
    }
    /// A whole number from `min` to `max`.
    pub fn whole(min: u32, max: u32) -> impl Fn(f32) -> FieldKind {
        move |_| FieldKind::U32 { min, max }
    }
    /// A real number.
    pub fn real(range: Range) -> impl Fn(f32) -> FieldKind {
        move |step| FieldKind::F32 { range, step }
    }
    /// Three real numbers.
    pub fn vec3(range: Range) -> impl Fn(f32) -> FieldKind {
        move |step| FieldKind::Vec3 { range, step }
    }
    /// A unit quaternion.
    #[must_use]
    pub fn quat(_step: f32) -> FieldKind {
        FieldKind::Quat
    }
    /// A colour, sRGB.
    #[must_use]
    pub fn color(_step: f32) -> FieldKind {
        FieldKind::Color
    }
    /// Another entity.
    #[must_use]
    pub fn entity(_step: f32) -> FieldKind {
        FieldKind::Entity
    }
    /// One of the names of a type made by `choices!`.
    pub fn choice(names: &'static [&'static str]) -> impl Fn(f32) -> FieldKind {
        move |_| FieldKind::Enum { variants: names.iter().map(|n| (*n).to_owned()).collect() }
    }
    /// UTF-8 of at most `max_bytes`.
    pub fn text(max_bytes: u32) -> impl Fn(f32) -> FieldKind {
        move |_| FieldKind::Text { max_bytes }
    }
    /// At most `max_len` points.
    pub fn points(max_len: u32, range: Range) -> impl Fn(f32) -> FieldKind {
        move |step| FieldKind::Points { max_len, range, step }
    }
}

/// Declares an enumeration that can be a field: variants with the names they have in JSON.
#[macro_export]
macro_rules! choices {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$variant_meta:meta])+ $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum $name { $($(#[$variant_meta])+ $variant,)+ }

        impl $name {
            /// Every variant in wire order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            /// Every name in wire order.
            pub const NAMES: &'static [&'static str] = &[$($text),+];
        }

        impl $crate::described::Field for $name {
            const WORDS: Option<usize> = Some(1);
            fn to_value(&self) -> $crate::schema::Value {
                $crate::schema::Value::Enum(*self as u32)
            }
            fn of_value(value: &$crate::schema::Value) -> Option<Self> {
                match value {
                    $crate::schema::Value::Enum(i) => $name::ALL.get(*i as usize).copied(),
                    _ => None,
                }
            }
            fn put_row(&self, row: &mut $crate::schema::Row, _step: f32) {
                row.int(*self as i32);
            }
            fn put_canonical(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&(*self as u32).to_le_bytes());
            }
        }
    };
}

/// Declares components: each field with its default, kind, step and unit.
///
/// `writable` says that clients may set it on what they own; `internal` that only the server does.
#[macro_export]
macro_rules! components {
    ($($(#[doc = $doc:literal])+ pub struct $name:ident($id:literal, $delivery:ident, $access:ident $(, requires $($required:ty),+)?) {
        $($(#[doc = $field_doc:literal])+ $field:ident: $type:ty = $default:expr, $kind:expr $(, step $step:expr)? $(, unit $unit:literal)?;)*
    })+) => { $(
        $(#[doc = $doc])+
        #[derive(bevy_ecs::component::Component, Clone, Debug, PartialEq)]
        $(#[require($($required),+)])?
        #[component(on_remove = $crate::removals::on_remove)]
        // As its column lies in memory is how plugins are handed it.
        #[repr(C)]
        pub struct $name { $($(#[doc = $field_doc])+ pub $field: $type,)* }

        impl Default for $name {
            fn default() -> Self {
                $name { $($field: $default,)* }
            }
        }

        impl $crate::described::Described for $name {
            const ID: $crate::schema::ComponentId = $crate::schema::ComponentId($id);
            const WORDS: Option<usize> = $crate::described::plain_words(
                std::mem::size_of::<$name>(),
                &[$(<$type as $crate::described::Field>::WORDS),*],
            );

            fn schema() -> $crate::schema::ComponentSchema {
                #[allow(unused_imports)]
                use $crate::described::kind::*;
                let default = $name::default();
                $crate::schema::ComponentSchema {
                    id: Self::ID,
                    name: stringify!($name).to_owned(),
                    doc: concat!($($doc),+).trim().to_owned(),
                    delivery: $crate::schema::Delivery::$delivery,
                    client_writable: $crate::components!(@access $access),
                    fields: vec![$($crate::schema::schema::FieldSchema {
                        name: stringify!($field).to_owned(),
                        doc: concat!($($field_doc),+).trim().to_owned(),
                        kind: ($kind)($crate::components!(@step $($step)?)),
                        unit: $crate::components!(@unit $($unit)?).to_owned(),
                        default: $crate::described::Field::to_value(&default.$field),
                    },)*],
                }
            }

            fn to_record(&self) -> $crate::schema::Record {
                vec![$($crate::described::Field::to_value(&self.$field),)*]
            }

            fn from_record(record: &$crate::schema::Record) -> Self {
                let mut values = record.iter();
                let mut component = $name::default();
                $(if let Some(value) = values.next().and_then($crate::described::Field::of_value) {
                    component.$field = value;
                })*
                component
            }

            fn put_row(&self, row: &mut $crate::schema::Row) {
                $($crate::described::Field::put_row(&self.$field, row, $crate::components!(@step $($step)?));)*
            }

            fn put_canonical(&self, out: &mut Vec<u8>) {
                $($crate::described::Field::put_canonical(&self.$field, out);)*
            }
        }
    )+ };
    (@access writable) => { true };
    (@access internal) => { false };
    (@step $step:expr) => { $step };
    (@step) => { 1.0 };
    (@unit $unit:literal) => { $unit };
    (@unit) => { "" };
}
