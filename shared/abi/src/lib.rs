//! The sim interface of plugins, told in `plugins/SIM.md`: what a module declares, what it is handed, what it gives back.
//!
//! A world (`server/sim`) and whatever runs a module (`plugins/host`; a browser's own engine) meet here alone: the world
//! lays a [`Layout`] over the bytes of a [`Guest`], fills it, has it run, and reads it. No module is compiled and no world
//! is known here. Start with [`plan`], then [`layout`] for systems and [`hook`] for hooks. What a plugin does outside of
//! the tick is declared by [`service`].

pub mod limits;

pub mod plan;

pub mod command;
pub mod fault;
pub mod gather;
pub mod guest;
pub mod hook;
pub mod layout;
pub mod message;
pub mod module;
pub mod value;

pub mod points;
pub mod service;

pub use command::{Command, Valued};
pub use fault::Fault;
pub use gather::{Gather, NoGather};
pub use guest::{Guest, Line, LogLevel, Ran};
pub use hook::{Answer, Payload, Point, Told};
pub use layout::{Layout, QueryShape, Rows, Step, SystemShape};
pub use message::MessageKind;
pub use module::{Module, Modules, News};
pub use plan::{Plan, PlanError};
pub use service::{ServicePlan, ServicePlanError};

#[cfg(test)]
mod tests;
