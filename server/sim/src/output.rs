//! What leaves a tick besides the changed world.

use crate::plugins::PluginFault;
use bevy_ecs::resource::Resource;
use hd1_core::{NetId, PlayerId, Tick};
use hd1_protocol::message::{OpError, Participant};
use hd1_schema::ComponentSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

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
    /// What programs say to each other.
    pub messages: Vec<Message>,
    /// What programs are asked.
    pub requests: Vec<Request>,
    /// What became of requests, for those who asked.
    pub answers: Vec<Answered>,
    /// Plugins whose systems faulted. Not written down: it may tell of time.
    #[serde(skip)]
    pub plugin_faults: Vec<PluginFault>,
    /// Plugins by id, and how many of their rows were not taken.
    #[serde(skip)]
    pub plugin_refusals: Vec<(String, u64)>,
}

/// Something said under a topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who hears it.
    pub to: Recipients,
    /// Who says it; 0 is the server.
    pub from: PlayerId,
    /// What it is about.
    pub topic: String,
    /// What.
    pub data: Json,
}

/// Who hears something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recipients {
    /// Whoever is here.
    Everyone,
    /// These, ascending.
    Players(Vec<PlayerId>),
}

/// A request to one player's program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Who is asked.
    pub to: PlayerId,
    /// Its number in the world.
    pub id: u32,
    /// Who asks.
    pub from: PlayerId,
    /// What it is about.
    pub topic: String,
    /// What.
    pub data: Json,
    /// The last tick in which an answer counts.
    pub until: Tick,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// Who asked.
    pub player: PlayerId,
    /// By which operation.
    pub id: u32,
    /// The answer, or why there is none.
    pub result: Result<Json, OpError>,
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
