//! Other entities' components, looked up by their numbers.
//!
//! A query hands over whole columns; a system that needs a few rows of many, such as the place of what each entity
//! follows, takes a [`Gather`]. What is looked up is as it was when the run began, also where the system writes it.

#![allow(unsafe_code)]

use std::marker::PhantomData;

use crate::plan::{ParamPlan, Place};
use crate::system::{Run, SystemParam};
use crate::{Component, Entity};

/// Looks the component `T` up.
#[derive(Debug)]
pub struct Gather<'r, T: Component> {
    index: u32,
    run: PhantomData<&'r Run>,
    component: PhantomData<fn() -> T>,
}

/// What was found of an entity.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub struct Found<T> {
    is_there: u32,
    value: T,
}

impl<T> Found<T> {
    /// Its component, where it has one.
    pub fn value(&self) -> Option<&T> {
        (self.is_there != 0).then_some(&self.value)
    }
}

// SAFETY: it has nothing of the batch.
unsafe impl<'r, T: Component> SystemParam<'r> for Gather<'r, T> {
    const PLAN: ParamPlan = ParamPlan::Gather(T::NAME);

    unsafe fn get(_: &'r Run, place: Place) -> Self {
        Gather { index: place.index, run: PhantomData, component: PhantomData }
    }
}

impl<T: Component> Gather<'_, T> {
    /// Of one entity. Each call costs about as much as fifty rows of a query.
    #[must_use]
    pub fn of(&self, entity: Entity) -> Option<T> {
        let mut found = [Found::default()];
        self.all(&[entity], &mut found);
        found[0].value().copied()
    }

    /// Of each of these entities, in their order; of as many as both slices have. How many have the component.
    pub fn all(&self, entities: &[Entity], found: &mut [Found<T>]) -> usize {
        const { assert!(size_of::<Found<T>>() == 4 + 4 * T::WORDS, "a row is words") };
        let mut count = 0;
        for (entities, found) in entities.chunks(CALL_MAX).zip(found.chunks_mut(CALL_MAX)) {
            let both = entities.len().min(found.len());
            // SAFETY: so many entities lie there, and there is room for so many rows, each of which is a word and those
            // of a `T`; rows of a column are values of `T`, and without one its words are 0, which every field can be.
            count += unsafe { gather(self.index, &entities[..both], found.as_mut_ptr().cast(), T::WORDS) };
        }
        count
    }
}

/// Entities of one call.
const CALL_MAX: usize = 16_384;

/// # Safety
/// At `out` is room for so many rows, each a word longer than the component's.
#[cfg(target_arch = "wasm32")]
unsafe fn gather(component: u32, entities: &[Entity], out: *mut u32, _words: usize) -> usize {
    #[link(wasm_import_module = "hd1_sim_1")]
    unsafe extern "C" {
        fn gather(component: u32, entities: *const Entity, count: usize, out: *mut u32) -> usize;
    }
    // SAFETY: the caller's, and a slice.
    unsafe { gather(component, entities.as_ptr(), entities.len(), out) }
}

/// # Safety
/// At `out` is room for so many rows, each a word longer than the component's.
#[cfg(not(target_arch = "wasm32"))]
unsafe fn gather(component: u32, entities: &[Entity], out: *mut u32, words: usize) -> usize {
    // SAFETY: the caller's; the rows were values before.
    let out = unsafe { std::slice::from_raw_parts_mut(out, entities.len() * (words + 1)) };
    let mut found = 0;
    for (entity, out) in entities.iter().zip(out.chunks_exact_mut(words + 1)) {
        out.fill(0);
        if let Some(row) = crate::testing::gathered(component, *entity) {
            (out[0], found) = (1, found + 1);
            out[1..].copy_from_slice(&row);
        }
    }
    found
}
