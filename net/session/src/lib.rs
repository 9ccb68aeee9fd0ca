//! One connection without its socket: bytes and time in, bytes and events out.
//!
//! [`ServerConnection`] and [`ClientConnection`] are the two ends. They check, count, time and queue; they never read
//! a clock, open a socket or touch a world, so two of them run through simulated time in a test and the client's end
//! also runs in a browser. Start with [`server`], then [`client`]; [`clock`] says which moment a client draws and
//! [`predict`] where its own avatar is. Every bound stands in [`limits`].

pub mod limits;

pub mod bucket;
pub mod client;
pub mod clock;
mod json;
mod outgoing;
mod playhead;
pub mod predict;
pub mod resume;
pub mod server;

use hd1_protocol::{CloseCode, Packet};

pub use client::{ClientConfig, ClientConnection, DrivenPose, Hold, Predicted, ServerEvent};
pub use clock::ServerClock;
pub use predict::{AvatarState, Prediction, PredictionStats};
pub use resume::ResumeBook;
pub use server::{ClientEvent, Credential, Rates, ServerConnection};

/// Optional features that this version understands; a welcome names those that the client offered too.
pub const CAPABILITIES: &[&str] = &[ORDERED];

/// Over a link that loses nothing and keeps the order, what has left counts as received: see [`ServerConnection::ordered`].
pub const ORDERED: &str = "ordered";

/// What a connection hands to its link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transmit {
    /// Send this.
    Packet(Packet),
    /// End the link with this code; nothing follows.
    Close(Closing),
}

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} ({}): {reason}", .code.reason(), u16::from(*.code))]
pub struct Closing {
    /// For programs.
    pub code: CloseCode,
    /// For people; at most [`limits::REASON_BYTES_MAX`] bytes.
    pub reason: String,
}

impl Closing {
    /// With its reason cut to what a link carries.
    pub fn new(code: CloseCode, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        let end = (0..=limits::REASON_BYTES_MAX.min(reason.len())).rev().find(|i| reason.is_char_boundary(*i));
        reason.truncate(end.unwrap_or(0));
        Closing { code, reason }
    }
}
