//! What stands in a column, and what an operator sets.

#![allow(unsafe_code)]

use crate::schema::{FieldSchema, Schema};

/// What can be asked for by name: every component, built in or a plugin's.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no component",
    note = "components of a plugin are structs with #[derive(Component)] and #[repr(C)]"
)]
pub trait Named: 'static {
    /// Its name in the catalogue of a world.
    const NAME: &'static str;
}

/// A component whose rows are words, so that there are columns of it.
///
/// # Safety
/// It is `repr(C)` and made of the fields of its schema in their order, each a [`Field`](crate::schema::Field).
#[diagnostic::on_unimplemented(
    message = "there are no columns of `{Self}`",
    note = "components of a plugin are structs with #[derive(Component)] and #[repr(C)]",
    note = "built-in components that hold text, points or `bool` can be asked for in With and Without alone"
)]
pub unsafe trait Component: Named + Copy + Default {
    /// Its fields.
    const SCHEMA: Schema;
    /// Words of a row.
    const WORDS: usize = Self::SCHEMA.words();

    /// Its row.
    fn words(&self) -> &[u32] {
        // Without fields it is aligned to nothing.
        if Self::WORDS == 0 {
            return &[];
        }
        // SAFETY: the trait's contract: so many words without padding.
        unsafe { std::slice::from_raw_parts(std::ptr::from_ref(self).cast(), Self::WORDS) }
    }
}

/// What an operator sets for a plugin.
///
/// # Safety
/// As for a [`Component`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no config of a plugin",
    note = "a config is a struct with #[derive(Config)] and #[repr(C)], and is taken as `config: &MyConfig`"
)]
pub unsafe trait Config: Copy + Default + 'static {
    /// Its path: two parameters of one name are of one type.
    const ID: &'static str;
    /// Its fields.
    const FIELDS: &'static [FieldSchema];
}
