//! axum: routes per resource, extractors, problems, OpenAPI, the static web page.
//!
//! A handler extracts, calls a rule of `hd1-control` and converts; no rule lives here. [`server::serve`] runs the
//! accept loop, [`router::router`] puts the routes together, and every answer leaves through [`edge`], which gives it a
//! request id, security headers and, where it failed, its problem document. WebSockets leave HTTP through the port
//! [`realtime::RealtimeGate`].

pub mod addresses;
pub mod authority;
pub mod doors;
pub mod edge;
pub mod extract;
pub mod figures;
pub mod limits;
mod metrics;
mod middleware;
pub mod openapi;
pub mod problem;
pub mod proxies;
pub mod rate;
pub mod realtime;
pub mod router;
mod routes;
pub mod server;
mod stall;
pub mod state;
pub mod version;
mod web;

pub use doors::Doors;
pub use figures::{Figure, FigureSource, FigureValue};
pub use realtime::{RealtimeGate, RealtimeIo, RealtimeSocket, Subprotocol};
pub use router::router;
pub use server::serve;
pub use state::{HttpSettings, HttpState};
