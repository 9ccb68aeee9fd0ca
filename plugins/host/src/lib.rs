//! Runs the sim modules of plugins: WebAssembly systems that work on columns of a world, inside its tick; and beside them
//! ([`service`]) the components that do everything with I/O.
//!
//! A module is strangers' code. It is handed copies and what it made of them is looked at only after it has returned
//! cleanly, so whatever happens to it, the world is as it was: a trap, an endless loop, too much memory, a lie about its
//! own output. What a module may touch stands in its [`Plan`], which is read and checked before any of its code runs.
//!
//! The way of a run: [`Host::load`] compiles and checks, [`Module::instantiate`] makes an [`Instance`], which is a
//! [`Guest`](hd1_abi::Guest): whoever has a world lays a batch into its buffer, runs it, and reads it again. A [`Pool`]
//! keeps a plugin's instances between the worlds that take turns with them. Nothing here knows a world. The interface as a module sees it is told in `plugins/SIM.md`.

pub mod fault;
pub mod limits;

mod cache;
mod host;
mod imports;
mod instance;
mod lent;
mod meter;
mod module;
mod pool;

pub mod service;

pub use fault::LoadError;
pub use hd1_abi::{Fault, Plan};
pub use host::Host;
pub use instance::Instance;
pub use limits::Limits;
pub use meter::{LogLine, Meter, SystemFigures};
pub use module::{Module, plan_of};
pub use pool::Pool;

#[cfg(test)]
mod tests;
