//! How a client enters, what it tells, and why it is not in.

use std::time::Duration;

use hd1_core::ClientType;
use hd1_protocol::message::OpError;
use hd1_session::{Closing, Hold, ServerEvent};
use hd1_transport::{Conditions, ConnectError};

use crate::{Endpoint, limits};

/// How a client enters.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Where.
    pub endpoint: Endpoint,
    /// By which right; good once and for a minute.
    pub ticket: String,
    /// What kind of program it says it is.
    pub client_type: ClientType,
    /// Ticks of history kept for [`super::Client::sample`]; 0 where nothing is drawn.
    pub keep_ticks: u64,
    /// When is it told what was said of a tick?
    pub hold: Hold,
    /// Does the mirror collect changes for [`hd1_protocol::Mirror::take_changes`]?
    pub record_changes: bool,
    /// Does it show nothing, and acknowledges all the same? For load that is to cost its makers little.
    pub blind: bool,
    /// A simulated network in front of the real one.
    pub conditions: Option<Conditions>,
    /// Does it come back by itself after a lost connection?
    pub reconnect: bool,
}

impl ClientOptions {
    /// A desktop client that draws and comes back.
    #[must_use]
    pub fn new(endpoint: Endpoint, ticket: impl Into<String>) -> Self {
        ClientOptions {
            endpoint,
            ticket: ticket.into(),
            client_type: ClientType::Desktop,
            keep_ticks: limits::KEEP_TICKS,
            hold: Hold::Heard,
            record_changes: false,
            blind: false,
            conditions: None,
            reconnect: true,
        }
    }
}

/// Why a client is not, or no longer, in its session.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No link came to be.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The session was closed to it.
    #[error(transparent)]
    Closed(#[from] Closing),
    /// Too much waits already, or nothing can be asked for at this moment.
    #[error("operation not sent: the client is not connected, or too many await their result")]
    NotSent,
    /// No result came.
    #[error("no result of the operation within {} s", limits::OP_TIMEOUT.as_secs())]
    NoResult,
    /// The server refused the operation.
    #[error("operation refused: {0}")]
    Refused(#[from] OpError),
}

/// What [`super::Client::next`] tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// From the server; a `Closed` among them is not the end where the client comes back.
    Server(ServerEvent),
    /// The connection is gone; an attempt to come back begins after a wait.
    Reconnecting {
        /// Counted from 1.
        attempt: u32,
        /// The wait.
        wait: Duration,
    },
}
