//! What leaves a tick besides the changed world.

use bevy_ecs::resource::Resource;
use hd1_core::{NetId, PlayerId, Tick};
use hd1_protocol::message::{OpError, Participant};
use hd1_schema::ComponentSchema;
use serde::{Deserialize, Serialize};

/// The answers and events of one tick, each in the order in which they came about.
#[derive(Resource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TickOutput {
    /// The tick that was computed.
    pub tick: Tick,
    /// Answers to clients' operations.
    pub op_results: Vec<OpResult>,
    /// Answers to the control plane, by request.
    pub admin_results: Vec<(u64, Result<OpDone, OpError>)>,
    /// Lines of chat.
    pub chats: Vec<Chat>,
    /// The newest input applied, of each player whose input arrived.
    pub input_acks: Vec<(PlayerId, u32)>,
    /// Avatars made, and those of players who joined again.
    pub avatars: Vec<(PlayerId, NetId)>,
    /// What else happened.
    pub events: Vec<WorldEvent>,
}

/// The answer to a client's operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpResult {
    /// Who asked.
    pub player: PlayerId,
    /// The operation's id.
    pub id: u32,
    /// What came of it; refused operations changed nothing.
    pub result: Result<OpDone, OpError>,
}

/// An operation that was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpDone {
    /// The entity made or changed.
    pub entity: Option<NetId>,
}

/// A line of chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// Who; 0 is the server.
    pub player: PlayerId,
    /// Their name.
    pub name: String,
    /// What.
    pub text: String,
}

/// Something that everyone is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum WorldEvent {
    /// Someone is here now.
    Joined(Participant),
    /// Someone left.
    Left {
        /// Who.
        player: PlayerId,
    },
    /// A component was registered.
    Registered {
        /// Its schema.
        schema: ComponentSchema,
    },
}
