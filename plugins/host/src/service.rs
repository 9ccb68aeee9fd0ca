//! Runs the service components of plugins: what they do outside of the tick, with I/O through ports alone.
//!
//! A component is strangers' code like a sim module. It is given nothing but the interface `hd1:service@1`
//! (`plugins/wit/service.wit`): no WASI, no files, no sockets. Each import looks at the plugin's rights before it asks a
//! port; each call has fuel, time, memory and a number of requests to the host, and one that is over them is ended and its
//! instance dropped. What a call answers is looked at only after it has returned.
//!
//! The way of a call: [`ServiceHost::load`] compiles and checks, [`Loaded::start`] makes a [`Service`] with its rights and
//! config, and its calls take an instance from those that are idle, or make one. Nothing here knows what is behind a port.

mod bindings;
mod call;
mod engine;
mod imports;
mod ports;
mod running;

pub use bindings::hd1::service::http::{Answer as HttpAnswer, Outgoing};
pub use bindings::hd1::service::types::{
    Asked, Caller, CallerKind, Failure, Header, Heard, Identity, Request, Response, Verdict,
};
pub use call::{CallFault, Kind};
pub use engine::{Loaded, ServiceHost};
pub use imports::denied;
pub use ports::{PortFuture, Ports, Who};
pub use running::Service;
