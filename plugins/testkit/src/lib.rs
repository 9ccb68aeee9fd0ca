//! Runs a plugin's systems in the real host on batches that nobody wrote, and says what is wrong with them.
//!
//! A world is not needed: whatever its plan allows may be handed to a system, so a generator makes it up from the
//! schemas. [`Kit::load`] refuses what a world would refuse when the plugin is attached; [`Kit::check`] looks for
//! faults, for what is kept where nothing may be kept, for dependence on the order of rows, and for rows and commands
//! that no world takes; [`Kit::time`] measures; a [`Recording`] holds batches with what was made of them. Nothing here
//! reads files or knows packages. Start with [`kit`], then [`mod@check`].

pub mod limits;

pub mod batch;
pub mod kit;
pub mod report;

pub mod check;
pub mod recording;
pub mod timing;

mod chance;
mod columns;
mod compare;
mod generate;
mod runner;

pub use batch::{Batch, Output, Values, Wish};
pub use kit::{Kit, KitError};
pub use recording::Recording;
pub use report::{Finding, Report, Severity};
pub use timing::Timing;

#[cfg(test)]
mod tests;
