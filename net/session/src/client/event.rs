//! What a client program hands in and is told.

use hd1_core::{PlayerId, Tick};
use hd1_protocol::message::{Hello, OpError, Participant, Welcome};
use hd1_schema::ComponentSchema;
use serde_json::Value as Json;

use super::Hold;
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
    /// When is the program told what was said of a tick?
    pub hold: Hold,
    /// Does the mirror collect changes for [`Mirror::take_changes`](hd1_protocol::Mirror::take_changes)?
    pub record_changes: bool,
    /// Does it show nothing, and acknowledges all the same? For load that is to cost its makers little.
    pub blind: bool,
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
        /// The tick that did it, or did not; `None` where none was asked.
        tick: Option<Tick>,
        /// The entity made or changed, or why nothing was.
        result: Result<Option<hd1_core::NetId>, OpError>,
        /// What the one who was asked answered.
        data: Option<Json>,
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
    /// Another's program says something.
    Message {
        /// When.
        tick: Tick,
        /// Who; 0 is the server.
        from: PlayerId,
        /// What it is about.
        topic: String,
        /// What.
        data: Json,
    },
    /// Another's program asks something; answer with [`Operation::Answer`](hd1_protocol::Operation::Answer).
    Request {
        /// When.
        tick: Tick,
        /// The request.
        id: u32,
        /// Who asks.
        from: PlayerId,
        /// What it is about.
        topic: String,
        /// What.
        data: Json,
        /// The last tick in which an answer counts.
        until: Tick,
    },
    /// Someone is here now.
    Joined {
        /// Since when.
        tick: Tick,
        /// Who.
        participant: Participant,
    },
    /// Someone left.
    Left {
        /// When.
        tick: Tick,
        /// Who.
        player: PlayerId,
    },
    /// A component was registered after the welcome; the mirror knows it already.
    Registered(ComponentSchema),
    /// An entity that the client drove is driven by it no more, though it did not let go.
    TakenBack(hd1_core::NetId),
    /// The connection is over.
    Closed(Closing),
}
