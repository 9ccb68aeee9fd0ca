//! axum: routes per resource, extractors, problems, openapi, static web.

pub mod figures;
pub mod realtime;

pub use figures::{Figure, FigureSource, FigureValue};
pub use realtime::{RealtimeGate, RealtimeIo, RealtimeSocket, Subprotocol};
