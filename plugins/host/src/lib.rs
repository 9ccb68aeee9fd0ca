//! Runs the sim modules of plugins: WebAssembly systems that work on columns of a world, inside its tick.
//!
//! A module is strangers' code. It is handed copies and what it made of them is looked at only after it has returned
//! cleanly, so whatever happens to it, the world is as it was: a trap, an endless loop, too much memory, a lie about its
//! own output. What a module may touch stands in its [`plan`], which is read and checked before any of its code runs.
//!
//! The way of a run: [`Host::load`] compiles and checks, [`Module::instantiate`] makes an [`Instance`], of which a thread
//! has one for each plugin; [`Instance::begin`] lays out a [`Batch`], the caller fills its columns, [`Batch::run`] calls
//! the module, and [`Output`] holds what it wrote. Nothing here knows a world: whoever does copies its columns in and out.
//! The interface as a module sees it is told in `plugins/SIM.md`.

pub mod batch;
pub mod command;
pub mod fault;
pub mod limits;
pub mod plan;

mod host;
mod imports;
mod instance;
mod module;

pub use batch::{Batch, ChunkShape, Output, Step};
pub use command::Command;
pub use fault::{Fault, LoadError};
pub use host::Host;
pub use imports::LogLevel;
pub use instance::Instance;
pub use limits::Limits;
pub use module::Module;
pub use plan::Plan;

#[cfg(test)]
mod tests;
