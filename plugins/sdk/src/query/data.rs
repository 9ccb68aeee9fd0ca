//! What a query hands out of each row.

#![allow(unsafe_code)]

use super::BLOCK;
use crate::plan::Term;
use crate::{Component, Entity};

/// One thing of a row: `&A`, `&mut A` or [`Entity`].
///
/// # Safety
/// [`Element::TERM`] asks for the column that `Raw` points to.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a query hands out",
    note = "a query hands out `&A` and `&mut A` of components, Entity, and tuples of up to 8 of them"
)]
pub unsafe trait Element {
    /// As the plan says it.
    const TERM: Term;
    /// Of its column.
    type Row: Copy;
    /// Of one row.
    type Item<'a>;
    /// Of all rows.
    type Slice<'a>;
    /// Of [`BLOCK`] rows.
    type Block<'a>;

    /// # Safety
    /// There is such a row, and nobody else has it.
    unsafe fn item<'a>(column: *mut Self::Row, row: usize) -> Self::Item<'a>;
    /// # Safety
    /// There are so many rows, and nobody else has them.
    unsafe fn slice<'a>(column: *mut Self::Row, rows: usize) -> Self::Slice<'a>;
    /// # Safety
    /// There is a block of rows from this one, and nobody else has them.
    unsafe fn block<'a>(column: *mut Self::Row, row: usize) -> Self::Block<'a>;
    /// The first row of a block. What is reached from it is known to be the block's alone.
    fn first(block: Self::Block<'_>) -> *mut Self::Row;
}

// SAFETY: it asks for a column of `T` to read, and hands out what is only read.
unsafe impl<T: Component> Element for &T {
    const TERM: Term = {
        assert!(T::WORDS > 0, "a component without fields has no column: use With");
        Term::Read(T::NAME)
    };
    type Row = T;
    type Item<'a> = &'a T;
    type Slice<'a> = &'a [T];
    type Block<'a> = &'a [T; BLOCK];

    #[inline]
    unsafe fn item<'a>(column: *mut T, row: usize) -> &'a T {
        // SAFETY: the caller's.
        unsafe { &*column.add(row) }
    }

    #[inline]
    unsafe fn slice<'a>(column: *mut T, rows: usize) -> &'a [T] {
        // SAFETY: the caller's.
        unsafe { std::slice::from_raw_parts(column, rows) }
    }

    #[inline]
    unsafe fn block<'a>(column: *mut T, row: usize) -> &'a [T; BLOCK] {
        // SAFETY: the caller's.
        unsafe { &*column.add(row).cast() }
    }

    #[inline]
    fn first(block: &[T; BLOCK]) -> *mut T {
        block.as_ptr().cast_mut()
    }
}

// SAFETY: it asks for a column of `T` to write.
unsafe impl<T: Component> Element for &mut T {
    const TERM: Term = {
        assert!(T::WORDS > 0, "a component without fields has no column: use With");
        Term::Write(T::NAME)
    };
    type Row = T;
    type Item<'a> = &'a mut T;
    type Slice<'a> = &'a mut [T];
    type Block<'a> = &'a mut [T; BLOCK];

    #[inline]
    unsafe fn item<'a>(column: *mut T, row: usize) -> &'a mut T {
        // SAFETY: the caller's.
        unsafe { &mut *column.add(row) }
    }

    #[inline]
    unsafe fn slice<'a>(column: *mut T, rows: usize) -> &'a mut [T] {
        // SAFETY: the caller's.
        unsafe { std::slice::from_raw_parts_mut(column, rows) }
    }

    #[inline]
    unsafe fn block<'a>(column: *mut T, row: usize) -> &'a mut [T; BLOCK] {
        // SAFETY: the caller's.
        unsafe { &mut *column.add(row).cast() }
    }

    #[inline]
    fn first(block: &mut [T; BLOCK]) -> *mut T {
        block.as_mut_ptr()
    }
}

// SAFETY: it asks for the numbers of entities, which are only read.
unsafe impl Element for Entity {
    const TERM: Term = Term::Entity;
    type Row = Entity;
    type Item<'a> = Entity;
    type Slice<'a> = &'a [Entity];
    type Block<'a> = &'a [Entity; BLOCK];

    #[inline]
    unsafe fn item<'a>(column: *mut Entity, row: usize) -> Self::Item<'a> {
        // SAFETY: the caller's.
        unsafe { *column.add(row) }
    }

    #[inline]
    unsafe fn slice<'a>(column: *mut Entity, rows: usize) -> &'a [Entity] {
        // SAFETY: the caller's.
        unsafe { std::slice::from_raw_parts(column, rows) }
    }

    #[inline]
    unsafe fn block<'a>(column: *mut Entity, row: usize) -> &'a [Entity; BLOCK] {
        // SAFETY: the caller's.
        unsafe { &*column.add(row).cast() }
    }

    #[inline]
    fn first(block: &[Entity; BLOCK]) -> *mut Entity {
        block.as_ptr().cast_mut()
    }
}

/// What a query hands out: one [`Element`], or a tuple of them.
///
/// # Safety
/// [`QueryData::TERMS`] ask for the columns that `Raw` points to.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a query hands out",
    note = "a query hands out `&A` and `&mut A` of components, Entity, and tuples of up to 8 of them"
)]
pub unsafe trait QueryData {
    /// As the plan says them.
    const TERMS: &'static [Term];
    /// Where the columns lie.
    type Raw: Copy;
    /// Of one row.
    type Item<'a>;
    /// Of all rows.
    type Slices<'a>;

    /// # Safety
    /// `entry` is the query's place in the table of the batch at `base`.
    unsafe fn raw(base: *mut u8, entry: *const u32) -> Self::Raw;
    /// # Safety
    /// There is such a row, and nobody else has it.
    unsafe fn item<'a>(raw: Self::Raw, row: usize) -> Self::Item<'a>;
    /// # Safety
    /// There are so many rows, and nobody else has them.
    unsafe fn slices<'a>(raw: Self::Raw, rows: usize) -> Self::Slices<'a>;
    /// # Safety
    /// There are so many rows, their numbers are asked for, and the lifetime is the batch's.
    unsafe fn entities<'a>(raw: Self::Raw, rows: usize) -> &'a [Entity];
    /// Folds the rows from `row` to before `end`, by blocks.
    ///
    /// # Safety
    /// There are such rows, and nobody else has them.
    unsafe fn fold<'a, Acc, Fun>(raw: Self::Raw, row: usize, end: usize, acc: Acc, fun: Fun) -> Acc
    where
        Fun: FnMut(Acc, Self::Item<'a>) -> Acc;
}

/// The table's word, within a query's entry, of the column of the term `of`: written ones come first.
const fn word_of(terms: &[Term], of: usize) -> usize {
    let (mut before, mut i) = (0, 0);
    while i < terms.len() {
        before += match (terms[of], terms[i]) {
            (Term::Write(_), Term::Write(_)) | (Term::Read(_), Term::Read(_)) => i < of,
            (Term::Read(_), Term::Write(_)) => true,
            _ => false,
        } as usize;
        i += 1;
    }
    if matches!(terms[of], Term::Entity) { 1 } else { 2 + before }
}

/// Once for each row of a block, and no loop that an optimiser might leave one.
macro_rules! sixteen {
    (|$row:ident| $do:expr) => {
        sixteen!(|$row| $do; 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    (|$row:ident| $do:expr; $($i:literal)*) => { $({
        let $row = $i;
        $do
    })* };
}

macro_rules! data {
    (($($element:ident $i:tt)+) [$($generics:tt)+] $data:ty, $item:ty, $slices:ty, |$($v:ident)+| $make:expr) => {
        // SAFETY: each of them asks for its own column, and `word_of` finds it where the plan's lists put it.
        unsafe impl<$($generics)+> QueryData for $data {
            const TERMS: &'static [Term] = &[$($element::TERM),+];
            type Raw = ($(*mut $element::Row,)+);
            type Item<'a> = $item;
            type Slices<'a> = $slices;

            #[inline]
            unsafe fn raw(base: *mut u8, entry: *const u32) -> Self::Raw {
                // SAFETY: the caller's; the offsets are those of arrays within the batch.
                unsafe { ($(base.add(entry.add(const { word_of(Self::TERMS, $i) }).read() as usize).cast(),)+) }
            }

            #[inline]
            unsafe fn item<'a>(raw: Self::Raw, row: usize) -> $item {
                // SAFETY: the caller's.
                $(let $v = unsafe { $element::item(raw.$i, row) };)+
                $make
            }

            #[inline]
            unsafe fn slices<'a>(raw: Self::Raw, rows: usize) -> $slices {
                // SAFETY: the caller's.
                $(let $v = unsafe { $element::slice(raw.$i, rows) };)+
                $make
            }

            unsafe fn entities<'a>(raw: Self::Raw, rows: usize) -> &'a [Entity] {
                $(if matches!($element::TERM, Term::Entity) {
                    // SAFETY: the caller's; this one's column is that of the numbers.
                    return unsafe { std::slice::from_raw_parts(raw.$i.cast(), rows) };
                })+
                &[]
            }

            #[inline]
            unsafe fn fold<'a, Acc, Fun>(raw: Self::Raw, mut row: usize, end: usize, mut acc: Acc, mut fun: Fun) -> Acc
            where
                Fun: FnMut(Acc, $item) -> Acc,
            {
                // A function of its own, since only its parameters are known not to overlap: without that, the rows of
                // a block could not be worked on side by side.
                #[inline]
                #[allow(clippy::too_many_arguments)]
                fn block<'a, Acc, Fun: FnMut(Acc, $item) -> Acc, $($generics)+>(
                    mut acc: Acc,
                    fun: &mut Fun,
                    $($v: $element::Block<'a>,)+
                ) -> Acc {
                    let raw = ($($element::first($v),)+);
                    // SAFETY: rows of the block, each handed out once.
                    sixteen!(|row| acc = fun(acc, unsafe { <$data as QueryData>::item(raw, row) }));
                    acc
                }
                while end - row >= BLOCK {
                    // SAFETY: the caller's.
                    acc = unsafe { block::<_, _, $($element),+>(acc, &mut fun, $($element::block(raw.$i, row)),+) };
                    row += BLOCK;
                }
                while row < end {
                    // SAFETY: the caller's.
                    acc = fun(acc, unsafe { <Self as QueryData>::item(raw, row) });
                    row += 1;
                }
                acc
            }
        }
    };
}

data! { (E 0) [E: Element] E, E::Item<'a>, E::Slice<'a>, |e| e }

macro_rules! tuples {
    ($(($($element:ident $v:ident $i:tt)+))*) => { $(
        data! {
            ($($element $i)+) [$($element: Element),+] ($($element,)+),
            ($($element::Item<'a>,)+), ($($element::Slice<'a>,)+), |$($v)+| ($($v,)+)
        }
    )* };
}

tuples! {
    (A a 0) (A a 0 B b 1) (A a 0 B b 1 C c 2) (A a 0 B b 1 C c 2 D d 3) (A a 0 B b 1 C c 2 D d 3 E e 4)
    (A a 0 B b 1 C c 2 D d 3 E e 4 F f 5) (A a 0 B b 1 C c 2 D d 3 E e 4 F f 5 G g 6)
    (A a 0 B b 1 C c 2 D d 3 E e 4 F f 5 G g 6 H h 7)
}
