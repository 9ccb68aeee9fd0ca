//! What a run is lent to look things up in, while it runs and no longer.
//!
//! A store's data has to outlive every borrow, and a world is borrowed for one run. So the store holds a pointer without a
//! lifetime, and this file alone can put one there: for as long as a closure runs, which borrows what is pointed to.

#![allow(unsafe_code)]

use std::ptr::NonNull;

use hd1_abi::Gather;
use wasmtime::Store;

use crate::imports::State;

/// The place for it in a store's data.
#[derive(Debug, Default)]
pub(crate) struct Lent(Option<NonNull<dyn Gather>>);

// SAFETY: outside of `lend` there is nothing in it, and what is lent is used by the thread alone that lends it: a store is
// borrowed mutably while its module runs.
unsafe impl Send for Lent {}
// SAFETY: the same; a shared borrow of a store's data cannot be had while its module runs.
unsafe impl Sync for Lent {}

impl Lent {
    /// What is lent now.
    pub fn get(&self) -> Option<&dyn Gather> {
        // SAFETY: `lend` has put it there, and what it borrows lives until it takes it out again.
        self.0.map(|lent| unsafe { lent.as_ref() })
    }
}

/// Lends it to the store while `run` runs.
pub(crate) fn lend<R>(store: &mut Store<State>, others: &dyn Gather, run: impl FnOnce(&mut Store<State>) -> R) -> R {
    /// Takes it out whatever happens: also a panic must not leave it there.
    struct TakeOut<'a>(&'a mut Store<State>);
    impl Drop for TakeOut<'_> {
        fn drop(&mut self) {
            self.0.data_mut().lent = Lent(None);
        }
    }
    let lent: NonNull<dyn Gather + '_> = NonNull::from(others);
    // SAFETY: only the lifetime differs, and `TakeOut` ends within it.
    let lent = unsafe { std::mem::transmute::<NonNull<dyn Gather + '_>, NonNull<dyn Gather + 'static>>(lent) };
    store.data_mut().lent = Lent(Some(lent));
    let lending = TakeOut(store);
    run(&mut *lending.0)
}
