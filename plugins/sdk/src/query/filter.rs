//! Which entities a query is about.

use std::marker::PhantomData;

use crate::Named;
use crate::plan::Filter;

/// Entities that have `T`.
#[derive(Debug)]
pub struct With<T>(PhantomData<T>);

/// Entities that have no `T`.
#[derive(Debug)]
pub struct Without<T>(PhantomData<T>);

/// Entities that have `T` and for which it changed since the system ran last.
#[derive(Debug)]
pub struct Changed<T>(PhantomData<T>);

/// Entities to which `T` came since the system ran last.
#[derive(Debug)]
pub struct Added<T>(PhantomData<T>);

/// Rows in ascending order of their entities' numbers. Without it their order is the world's own affair: ask for it
/// where floats are added up over rows, or the first comes first.
#[derive(Debug)]
pub struct Ordered;

/// One condition.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no filter of a query",
    note = "filters are With<T>, Without<T>, Changed<T>, Added<T> and Ordered, and tuples of up to 8 of them"
)]
pub trait QueryFilterItem {
    /// As the plan says it.
    const FILTER: Filter;
}

/// What follows the data of a query: one condition, several, or none.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no filter of a query",
    note = "filters are With<T>, Without<T>, Changed<T>, Added<T> and Ordered, and tuples of up to 8 of them"
)]
pub trait QueryFilter {
    /// As the plan says them.
    const FILTERS: &'static [Filter];
}

macro_rules! items {
    ($($name:ident)*) => { $(
        impl<T: Named> QueryFilterItem for $name<T> {
            const FILTER: Filter = Filter::$name(T::NAME);
        }
    )* };
}

items!(With Without Changed Added);

impl QueryFilterItem for Ordered {
    const FILTER: Filter = Filter::Ordered;
}

impl<T: QueryFilterItem> QueryFilter for T {
    const FILTERS: &'static [Filter] = &[T::FILTER];
}

macro_rules! tuples {
    ($(($($name:ident)*))*) => { $(
        impl<$($name: QueryFilterItem,)*> QueryFilter for ($($name,)*) {
            const FILTERS: &'static [Filter] = &[$($name::FILTER,)*];
        }
    )* };
}

tuples! { () (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) }
