//! What a client program hands in and is told.

use hd1_core::{PlayerId, Tick};
use hd1_protocol::message::{Hello, OpError, Participant, Welcome};
use hd1_schema::ComponentSchema;

use crate::Closing;

/// What a client brings to a connection.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The first message; its catalogue hash is filled in from `known`.
    pub hello: Hello,
    /// The schemas of an earlier connection to the same session, so that they need not be sent again.
    pub known: Option<Vec<ComponentSchema>>,
    /// Ticks of history kept for drawing between ticks; 0 where nothing is drawn.
    pub keep_ticks: u64,
    /// Does the mirror collect changes for [`Mirror::take_changes`](hd1_protocol::Mirror::take_changes)?
    pub record_changes: bool,
}

/// What a client program is told. The world itself is read from the [`Mirror`](hd1_protocol::Mirror).
#[derive(Clone, Debug, PartialEq)]
pub enum ServerEvent {
    /// The server let the client in.
    Welcome(Box<Welcome>),
    /// The join snapshot is whole: the mirror can be read.
    Ready {
        /// The tick it shows.
        tick: Tick,
    },
    /// Entities or components came or went, or what travels reliably changed.
    Structure,
    /// The first fragment of a tick newer than all before came.
    Tick(Tick),
    /// A tick's state is whole.
    Complete(Tick),
    /// How an operation went.
    OpResult {
        /// The operation's id.
        id: u32,
        /// The entity made or changed, or why nothing was.
        result: Result<Option<hd1_core::NetId>, OpError>,
    },
    /// A line of chat.
    Chat {
        /// When.
        tick: Tick,
        /// Who; 0 is the server.
        player: PlayerId,
        /// Their name.
        name: String,
        /// What.
        text: String,
    },
    /// Someone is here now.
    Joined(Participant),
    /// Someone left.
    Left(PlayerId),
    /// A component was registered after the welcome; the mirror knows it already.
    Registered(ComponentSchema),
    /// An entity that the client drove is driven by it no more, though it did not let go.
    TakenBack(hd1_core::NetId),
    /// The connection is over.
    Closed(Closing),
}
