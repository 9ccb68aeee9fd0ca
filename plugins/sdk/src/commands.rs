//! What a system wants done besides its columns: entities that come and go, components that are put on and taken off.
//!
//! Commands are words in a room that the batch has for them; they are carried out after the system has run. A run that
//! wants more than there is room for (4 KiB and 16 bytes a row, at most 1 MiB) counts for nothing.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::marker::PhantomData;

use crate::plan::{self, Order, ParamPlan, Place};
use crate::system::{Run, SystemParam};
use crate::{Component, Entity, Named};

/// Lets a system make entities: `Commands<(Spawn, Boost)>`. Its queries are then ordered.
#[derive(Debug)]
pub enum Spawn {}

/// Lets a system take entities away: `Commands<Despawn>`.
#[derive(Debug)]
pub enum Despawn {}

/// What commands are about: a component, [`Spawn`] or [`Despawn`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that commands are about",
    note = "Commands<..> names components, Spawn and Despawn, in a tuple of up to 8"
)]
pub trait OrderItem {
    /// As the plan says it.
    const ORDER: Order;
}

impl<T: Named> OrderItem for T {
    const ORDER: Order = Order::Component(T::NAME);
}

impl OrderItem for Spawn {
    const ORDER: Order = Order::Spawn;
}

impl OrderItem for Despawn {
    const ORDER: Order = Order::Despawn;
}

/// One thing that commands are about, or a tuple of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that commands are about",
    note = "Commands<..> names components, Spawn and Despawn, in a tuple of up to 8"
)]
pub trait Orders {
    /// As the plan says them.
    const ORDERS: &'static [Order];
}

impl<T: OrderItem> Orders for T {
    const ORDERS: &'static [Order] = &[T::ORDER];
}

/// What a system commands, of the things that `O` names.
#[derive(Debug)]
pub struct Commands<'r, O: Orders> {
    room: &'r Room,
    marker: PhantomData<fn() -> O>,
}

// SAFETY: commands lie in the room, which only hands out words that nobody has.
unsafe impl<'r, O: Orders> SystemParam<'r> for Commands<'r, O> {
    const PLAN: ParamPlan = ParamPlan::Commands(O::ORDERS);

    unsafe fn get(run: &'r Run, _: Place) -> Self {
        Commands { room: run.room(), marker: PhantomData }
    }
}

impl<O: Orders> Commands<'_, O> {
    /// An entity goes, with its children.
    pub fn despawn(&mut self, entity: Entity) {
        const { assert!(plan::despawns(O::ORDERS), "to take entities away, name Despawn in Commands<..>") };
        self.room.put(&[1, entity.0], &[]);
    }

    /// An entity loses a component.
    pub fn remove<T: Named>(&mut self, entity: Entity) {
        self.room.put(&[2, entity.0, const { index_of::<O, T>() }], &[]);
    }

    /// An entity gets a component, or another value of the one that it has.
    pub fn insert<T: Component>(&mut self, entity: Entity, value: T) {
        self.room.put(&[3, entity.0, const { index_of::<O, T>() }, T::WORDS as u32], value.words());
    }

    /// An entity comes to be, with these components: one, or a tuple of up to 8.
    pub fn spawn<B: Bundle>(&mut self, bundle: B) {
        const { assert!(plan::spawns(O::ORDERS), "to make entities, name Spawn in Commands<..>") };
        self.room.put(&[4, B::COUNT], &[]);
        bundle.put::<O>(self.room);
    }

    /// Was more commanded than there is room for? Then the run counts for nothing.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.room.is_full()
    }
}

const fn index_of<O: Orders, T: Named>() -> u32 {
    match plan::components(O::ORDERS).find(T::NAME) {
        Some(index) => index as u32,
        None => panic!("Commands<..> does not name this component: add it there"),
    }
}

/// Components that an entity comes to be with.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that an entity can be made of",
    note = "spawn takes a component or a tuple of up to 8 of them"
)]
pub trait Bundle {
    /// How many.
    const COUNT: u32;
    /// Writes them.
    #[doc(hidden)]
    fn put<O: Orders>(self, room: &Room);
}

impl<T: Component> Bundle for T {
    const COUNT: u32 = 1;

    fn put<O: Orders>(self, room: &Room) {
        room.put(&[const { index_of::<O, T>() }, T::WORDS as u32], self.words());
    }
}

macro_rules! tuples {
    ($(($($name:ident $i:tt)+))*) => { $(
        impl<$($name: OrderItem,)+> Orders for ($($name,)+) {
            const ORDERS: &'static [Order] = &[$($name::ORDER,)+];
        }

        impl<$($name: Component,)+> Bundle for ($($name,)+) {
            const COUNT: u32 = [$($i),+].len() as u32;

            fn put<O: Orders>(self, room: &Room) {
                $(Bundle::put::<O>(self.$i, room);)+
            }
        }
    )* };
}

tuples! {
    (A 0) (A 0 B 1) (A 0 B 1 C 2) (A 0 B 1 C 2 D 3) (A 0 B 1 C 2 D 3 E 4) (A 0 B 1 C 2 D 3 E 4 F 5)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6) (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7)
}

/// The words that a batch has for commands. Several parameters write there in turn, so it counts in cells.
#[derive(Debug)]
pub struct Room {
    words: *mut u32,
    len: usize,
    used: Cell<usize>,
    is_full: Cell<bool>,
}

impl Room {
    /// # Safety
    /// So many words at the address are this room's alone.
    pub(crate) unsafe fn new(words: *mut u32, len: usize) -> Self {
        Room { words, len, used: Cell::new(0), is_full: Cell::new(false) }
    }

    pub(crate) fn used_words(&self) -> usize {
        self.used.get()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.is_full.get()
    }

    /// Appends a head and its value.
    pub(crate) fn put(&self, head: &[u32], value: &[u32]) {
        if let Some(at) = self.take(head.len() + value.len()) {
            // SAFETY: so many words from there on were just taken, and neither source lies in the room.
            unsafe {
                std::ptr::copy_nonoverlapping(head.as_ptr(), at, head.len());
                std::ptr::copy_nonoverlapping(value.as_ptr(), at.add(head.len()), value.len());
            }
        }
    }

    /// So many words, where there are so many.
    fn take(&self, words: usize) -> Option<*mut u32> {
        let used = self.used.get();
        if self.len - used < words || self.is_full.get() {
            self.is_full.set(true);
            return None;
        }
        self.used.set(used + words);
        // SAFETY: within the room.
        Some(unsafe { self.words.add(used) })
    }

    /// Lets `write` fill what is left with bytes, after a head whose last word is to be their number. It returns how
    /// many it wrote, or `None` where they were too many.
    pub(crate) fn put_bytes(&self, head: [u32; 3], write: impl FnOnce(&mut [u8]) -> Option<usize>) {
        let Some(at) = self.take(head.len() + 1) else { return };
        let used = self.used.get();
        // Until it has written there is no room: whoever it calls could otherwise be given the same words.
        self.used.set(self.len);
        // SAFETY: the rest of the room, which is nobody's and of which nothing can be taken meanwhile.
        let rest = unsafe { std::slice::from_raw_parts_mut(self.words.add(used).cast::<u8>(), (self.len - used) * 4) };
        match write(rest) {
            Some(bytes) => {
                let words = bytes.div_ceil(4);
                rest[bytes..words * 4].fill(0);
                self.used.set(used + words);
                // SAFETY: the head's words were just taken.
                unsafe {
                    std::ptr::copy_nonoverlapping(head.as_ptr(), at, head.len());
                    at.add(head.len()).write(bytes as u32);
                }
            }
            None => self.is_full.set(true),
        }
    }
}
