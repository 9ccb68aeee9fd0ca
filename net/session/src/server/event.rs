//! What the owner of a connection is told of it.

use hd1_core::ClientType;
use hd1_protocol::{Drive, InputSample, Operation, Receipt};

/// What a client wants, after every check that needs no world.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientEvent {
    /// It said hello: admit it with [`super::ServerConnection::accept`] or refuse it with [`super::ServerConnection::close`].
    Hello {
        /// By what right it comes.
        credential: Credential,
        /// What kind of program it is.
        client: ClientType,
    },
    /// It asks for a change; answer with [`hd1_protocol::ServerMessage::OpResult`].
    Op {
        /// The operation's id.
        id: u32,
        /// The change.
        op: Operation,
    },
    /// Its newest intent; later than any before it, within its ranges.
    Input(InputSample),
    /// Where what it drives is; later than any before it, finite and within ranges.
    Drive(Drive),
    /// It has these ticks, or frames of them; none that was not sent.
    Acked(Receipt),
    /// It said goodbye; the connection is closing.
    Bye,
}

/// By what right a client comes.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A ticket from `/join`.
    Ticket(String),
    /// The token of its last welcome.
    Resume(String),
}

impl std::fmt::Debug for Credential {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Credential::Ticket(_) => "Ticket(…)",
            Credential::Resume(_) => "Resume(…)",
        })
    }
}

/// Counters of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerConnectionStats {
    /// Bytes of frames received.
    pub bytes_in: u64,
    /// Bytes of frames handed to the link.
    pub bytes_out: u64,
    /// Frames refused for their rate.
    pub rate_limited: u64,
    /// Ticks that newer ones replaced before they left.
    pub states_dropped: u64,
    /// Bytes waiting on the reliable ways.
    pub reliable_bytes: usize,
}
