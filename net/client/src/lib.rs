//! What a native client or bot links: a session entered, mirrored, drawn between ticks and steered.
//!
//! A [`Client`] owns one connection and is driven by whoever awaits [`Client::next`]: it has no task, so hundreds of
//! them share one thread. How a ticket is got (`POST /api/sessions/{id}/join`) is the caller's business. Start with
//! [`client`], then [`endpoint`].

pub mod client;
pub mod endpoint;
pub mod limits;
pub mod stats;

pub use client::{Client, ClientError, ClientOptions, Event};
pub use endpoint::Endpoint;
pub use hd1_protocol::mirror::SampledTransform;
pub use hd1_protocol::{Pose, PoseVelocity};
pub use hd1_session::{Closing, Predicted, ServerEvent};
pub use hd1_transport::{Conditions, Connector, Trust};
pub use stats::ClientStats;
