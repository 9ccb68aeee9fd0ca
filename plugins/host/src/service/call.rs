//! Kinds of calls with what each may use, and what goes wrong in one.

use std::time::Duration;

use hd1_abi::Fault;
use wasmtime::Trap;

use crate::limits::{SERVICE_AUTH_TIME, SERVICE_FILTER_TIME, SERVICE_FUEL_PER_S, SERVICE_HTTP_TIME, SERVICE_JOB_TIME};

/// What a component is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A route.
    Route,
    /// Something happened.
    Action,
    /// Something is about to happen, and waits.
    Filter,
    /// What a player's program asks.
    Channel,
    /// Who asks.
    Authenticate,
    /// Work for later.
    Job,
    /// Another plugin.
    Call,
    /// Whether it is well.
    Health,
}

impl Kind {
    /// In small letters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Route => "route",
            Kind::Action => "action",
            Kind::Filter => "filter",
            Kind::Channel => "channel",
            Kind::Authenticate => "authenticate",
            Kind::Job => "job",
            Kind::Call => "call",
            Kind::Health => "health",
        }
    }

    /// How long it may take, what it waits for included.
    #[must_use]
    pub const fn time(self) -> Duration {
        match self {
            Kind::Route | Kind::Action | Kind::Channel | Kind::Call | Kind::Health => SERVICE_HTTP_TIME,
            Kind::Filter => SERVICE_FILTER_TIME,
            Kind::Authenticate => SERVICE_AUTH_TIME,
            Kind::Job => SERVICE_JOB_TIME,
        }
    }

    /// How much it may compute.
    #[must_use]
    pub const fn fuel(self) -> u64 {
        self.time().as_millis() as u64 * (SERVICE_FUEL_PER_S / 1_000)
    }
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallFault {
    /// The component broke down, or was ended; its instance is gone.
    #[error(transparent)]
    Broken(#[from] Fault),
    /// It says itself that it could not do it.
    #[error("{0}")]
    Said(String),
    /// As many calls of it as may be are under way.
    #[error("too many calls of it are under way")]
    Busy,
}

impl CallFault {
    /// The kind, for counters.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            CallFault::Broken(fault) => fault.kind(),
            CallFault::Said(_) => "error",
            CallFault::Busy => "busy",
        }
    }
}

/// The fault of a call that did not return.
pub(super) fn fault_of(error: &wasmtime::Error, kind: Kind) -> Fault {
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => Fault::Fuel(kind.fuel()),
        Some(Trap::StackOverflow) => Fault::Stack,
        Some(trap) => Fault::Trap(trap.to_string()),
        None => Fault::Trap(error.root_cause().to_string()),
    }
}
