//! A query's rows as an iterator.

#![allow(unsafe_code)]

use std::iter::FusedIterator;
use std::marker::PhantomData;

use super::QueryData;

/// Rows one after the other. What folds, as `for_each` and `sum` do, works on blocks of them.
pub struct Rows<'a, D: QueryData> {
    raw: D::Raw,
    next: usize,
    end: usize,
    marker: PhantomData<&'a mut ()>,
}

impl<D: QueryData> Rows<'_, D> {
    /// # Safety
    /// There are so many rows, and nobody else has them for the lifetime.
    pub(super) unsafe fn new(raw: D::Raw, rows: usize) -> Self {
        Rows { raw, next: 0, end: rows, marker: PhantomData }
    }
}

impl<'a, D: QueryData> Iterator for Rows<'a, D> {
    type Item = D::Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<D::Item<'a>> {
        if self.next == self.end {
            return None;
        }
        let row = self.next;
        self.next += 1;
        // SAFETY: a row that there is, and it is handed out once.
        Some(unsafe { D::item(self.raw, row) })
    }

    #[inline]
    fn nth(&mut self, n: usize) -> Option<D::Item<'a>> {
        self.next = self.next.saturating_add(n).min(self.end);
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.next, Some(self.end - self.next))
    }

    #[inline]
    fn fold<Acc, Fun: FnMut(Acc, D::Item<'a>) -> Acc>(self, first: Acc, fun: Fun) -> Acc {
        // SAFETY: rows that there are, and that have not been handed out.
        unsafe { D::fold(self.raw, self.next, self.end, first, fun) }
    }
}

impl<D: QueryData> ExactSizeIterator for Rows<'_, D> {}
impl<D: QueryData> FusedIterator for Rows<'_, D> {}

impl<D: QueryData> std::fmt::Debug for Rows<'_, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("next", &self.next).field("end", &self.end).finish_non_exhaustive()
    }
}
