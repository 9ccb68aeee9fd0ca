//! What goes wrong with strangers' code before it runs, and what wasmtime says of a run that went wrong.

use hd1_abi::{Fault, PlanError, ServicePlanError};
use wasmtime::Trap;

use crate::limits::Limits;

/// Why a module is not loaded. None of its code has run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// More than there may be.
    #[error("{what}: at most {max} are allowed")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How many.
        max: usize,
    },
    /// The bytes are no core module, or one that needs what is switched off.
    #[error("no module that runs here: {0}")]
    Malformed(String),
    /// The plan is missing, unreadable or against the rules.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The plan of a service is missing, unreadable or against the rules.
    #[error(transparent)]
    ServicePlan(#[from] ServicePlanError),
    /// A component asks for what services are not given.
    #[error("it imports `{name}`: a service is given the interfaces of `hd1:service@1` alone, no WASI")]
    Interface {
        /// Which.
        name: String,
    },
    /// It asks for a function that systems are not given.
    #[error("it imports `{module}.{name}`: systems have no clock, no chance and no I/O; only {allowed} is there")]
    Import {
        /// The import's module.
        module: String,
        /// The import's name.
        name: String,
        /// What there is.
        allowed: &'static str,
    },
    /// An export is missing or of another type.
    #[error("it has to export `{name}` as {wanted}")]
    Export {
        /// Which.
        name: &'static str,
        /// As what.
        wanted: &'static str,
    },
}

/// The fault of a call that did not return.
pub(crate) fn fault_of(error: &wasmtime::Error, limits: &Limits) -> Fault {
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => Fault::Fuel(limits.fuel),
        Some(Trap::Interrupt) => Fault::Time(limits.time),
        Some(Trap::StackOverflow) => Fault::Stack,
        Some(trap) => Fault::Trap(trap.to_string()),
        None => Fault::Trap(error.root_cause().to_string()),
    }
}
