//! What an entity of a bench comes to be with.

use super::Bench;
use crate::{Component, Entity};

/// A component, or a tuple of up to 8 of them.
pub trait Rows {
    /// Gives them to an entity.
    fn put(self, bench: &mut Bench, entity: Entity);
}

impl<T: Component> Rows for T {
    fn put(self, bench: &mut Bench, entity: Entity) {
        bench.insert(entity, self);
    }
}

macro_rules! tuples {
    ($(($($name:ident $i:tt)*))*) => { $(
        impl<$($name: Component,)*> Rows for ($($name,)*) {
            fn put(self, _bench: &mut Bench, _entity: Entity) {
                $(_bench.insert(_entity, self.$i);)*
            }
        }
    )* };
}

tuples! {
    () (A 0) (A 0 B 1) (A 0 B 1 C 2) (A 0 B 1 C 2 D 3) (A 0 B 1 C 2 D 3 E 4) (A 0 B 1 C 2 D 3 E 4 F 5)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6) (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7)
}
