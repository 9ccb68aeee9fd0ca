//! Entities with certain components, row by row.
//!
//! A query's rows are whole columns in the module's memory. What costs in a metered module is the way back to a loop's
//! head: 2.65 times the loop itself where there is one for each row. [`Query::for_each`], and everything of an iterator
//! that folds, works on blocks of [`BLOCK`] rows without a loop; a `for` loop goes row by row.

#![allow(unsafe_code)]

use std::marker::PhantomData;

mod data;
mod filter;
mod rows;

pub use data::{Element, QueryData};
pub use filter::{Added, Changed, Ordered, QueryFilter, QueryFilterItem, With, Without};
pub use rows::Rows;

use crate::Entity;
use crate::plan::{Lists, ParamPlan, Place};
use crate::system::{Run, SystemParam};

/// Rows of a straight block.
pub const BLOCK: usize = 16;

/// The rows of all entities that have what `D` asks for and that `F` lets through.
///
/// `D` is `&A`, `&mut A`, [`Entity`], or a tuple of up to 8 of them. `F` is one of [`With`], [`Without`], [`Changed`],
/// [`Added`] and [`Ordered`], or a tuple of them.
pub struct Query<'r, D: QueryData, F: QueryFilter = ()> {
    raw: D::Raw,
    rows: usize,
    /// Of the run, whose columns it may change.
    run: PhantomData<&'r mut ()>,
    filter: PhantomData<F>,
}

// SAFETY: a query takes the columns that its place in the table names, and no two places name the same.
unsafe impl<'r, D: QueryData, F: QueryFilter> SystemParam<'r> for Query<'r, D, F> {
    const PLAN: ParamPlan = ParamPlan::Query { terms: D::TERMS, filters: F::FILTERS };

    unsafe fn get(run: &'r Run, place: Place) -> Self {
        // SAFETY: the host lays the table as the plan says it, and this is the query's place in it.
        unsafe {
            let entry = run.table().add(place.table);
            let raw = D::raw(run.base(), entry);
            Query { raw, rows: entry.read() as usize, run: PhantomData, filter: PhantomData }
        }
    }
}

impl<'r, D: QueryData, F: QueryFilter> Query<'r, D, F> {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Are there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Does `each` with every row, in blocks: the fast way.
    #[inline]
    pub fn for_each<'a>(&'a mut self, mut each: impl FnMut(D::Item<'a>)) {
        // SAFETY: all rows, and `self` is held as long as what is handed out of them.
        unsafe { D::fold(self.raw, 0, self.rows, (), |(), item| each(item)) }
    }

    /// The rows one after the other.
    #[inline]
    pub fn iter(&mut self) -> Rows<'_, D> {
        // SAFETY: all rows, and `self` is held as long as what is handed out of them.
        unsafe { Rows::new(self.raw, self.rows) }
    }

    /// The columns themselves, each as a slice: for what looks at many rows at once, and for SIMD by hand.
    #[inline]
    pub fn slices(&mut self) -> D::Slices<'_> {
        // SAFETY: all rows, and `self` is held as long as what is handed out of them.
        unsafe { D::slices(self.raw, self.rows) }
    }

    /// A row by its place.
    #[inline]
    pub fn row(&mut self, row: usize) -> Option<D::Item<'_>> {
        // SAFETY: there is such a row, and `self` is held as long as what is handed out of it.
        (row < self.rows).then(|| unsafe { D::item(self.raw, row) })
    }

    /// The place of an entity's row. The query must ask for [`Entity`] and be [`Ordered`]: it is looked up by halves.
    #[must_use]
    pub fn find(&self, entity: Entity) -> Option<usize> {
        const {
            let lists = Lists::of(D::TERMS, F::FILTERS);
            assert!(lists.entities && lists.ordered, "to find an entity, ask for Entity and let the query be Ordered");
        }
        // SAFETY: the numbers are asked for, so there is one for each row, and nobody writes them.
        unsafe { D::entities(self.raw, self.rows) }.binary_search(&entity).ok()
    }

    /// The row of an entity; see [`Query::find`].
    pub fn get(&mut self, entity: Entity) -> Option<D::Item<'_>> {
        self.find(entity).and_then(|row| self.row(row))
    }
}

impl<'r, D: QueryData, F: QueryFilter> IntoIterator for Query<'r, D, F> {
    type Item = D::Item<'r>;
    type IntoIter = Rows<'r, D>;

    fn into_iter(self) -> Rows<'r, D> {
        // SAFETY: all rows, of which the query is given up.
        unsafe { Rows::new(self.raw, self.rows) }
    }
}

impl<'a, D: QueryData, F: QueryFilter> IntoIterator for &'a mut Query<'_, D, F> {
    type Item = D::Item<'a>;
    type IntoIter = Rows<'a, D>;

    fn into_iter(self) -> Rows<'a, D> {
        self.iter()
    }
}

impl<D: QueryData, F: QueryFilter> std::fmt::Debug for Query<'_, D, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Query").field("rows", &self.rows).finish_non_exhaustive()
    }
}
