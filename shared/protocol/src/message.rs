//! What clients and servers say to each other: the same types as msgpack and as readable JSON, tagged by `t`.

use std::collections::BTreeMap;

use hd1_core::{ClientType, NetId, ParticipantId, PlayerId, Role, SessionId, Tick, TickRate};
use hd1_movement::MoveRules;
use hd1_schema::{CatalogueHash, ComponentSchema};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value as Json;

use crate::drive::Drive;
use crate::said::To;

/// Components by name with their JSON form; `null` removes one in an update.
pub type Components = BTreeMap<String, Json>;

/// An operation's id of which nobody is told the result; clients number theirs from 1.
pub const NO_OP_ID: u32 = 0;

/// From client to server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum ClientMessage {
    /// The first message; nothing else is heard before it.
    Hello(Hello),
    /// Ask for a change; answered by [`ServerMessage::OpResult`] with the same id.
    Op {
        /// Chosen by the client, at least 1, echoed.
        id: u32,
        /// What to do.
        op: Operation,
    },
    /// Clock sync; answered by [`ServerMessage::Pong`].
    Ping {
        /// The client's clock in microseconds, echoed.
        client_us: u64,
    },
    /// An input sample, for transports without datagrams in JSON; binary clients send [`crate::FrameKind::Input`].
    Input(InputSample),
    /// Where this client's driven entities are, for transports without datagrams in JSON; binary clients put it into
    /// [`crate::FrameKind::Input`].
    Drive(Drive),
    /// Goodbye: the avatar leaves at once instead of after the grace period.
    Bye,
}

/// Who a client is and what it brings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// [`crate::PROTOCOL_VERSION`].
    pub version: u16,
    /// What kind of program it is.
    #[serde(default)]
    pub client: ClientType,
    /// Optional features it understands; unknown ones are ignored.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// The ticket from `/join`, on first connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The token from the last welcome, on reconnection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
    /// Hash of the catalogue it already knows; where it differs the welcome carries the schemas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<CatalogueHash>,
}

/// One sample of a player's intent, held until the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InputSample {
    /// Counts up by one from 1; older ones than the last applied are dropped.
    pub seq: u32,
    /// To the right (+) or left (−) of the view, −1 to 1.
    #[serde(default, deserialize_with = "finite")]
    pub strafe: f32,
    /// Forward (+) or back (−) along the view, −1 to 1.
    #[serde(default, deserialize_with = "finite")]
    pub forward: f32,
    /// View direction about +Y in radians; 0 looks along −Z.
    #[serde(default, deserialize_with = "finite")]
    pub yaw: f32,
    /// View direction up (+) or down (−) in radians, within ±π/2.
    #[serde(default, deserialize_with = "finite")]
    pub pitch: f32,
    /// Bit set: 1 jump, 2 sprint, 4 use.
    #[serde(default)]
    pub buttons: u16,
}

/// A change that a client or the control plane asks for. The server checks role, ownership, schema, ranges, rate and quotas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Operation {
    /// Make an entity with these components, owned by who asks.
    Spawn {
        /// By name; `Transform` may be left out.
        components: Components,
    },
    /// Set components (given fields only), or remove those given as `null`.
    Update {
        /// Which.
        entity: NetId,
        /// By name.
        components: Components,
    },
    /// Remove an entity and its children.
    Despawn {
        /// Which.
        entity: NetId,
    },
    /// Say a line to everyone.
    Chat {
        /// The line.
        text: String,
    },
    /// Where this client's camera is.
    View {
        /// Metres.
        #[serde(deserialize_with = "finite_all")]
        position: [f32; 3],
        /// Unit quaternion x, y, z, w.
        #[serde(deserialize_with = "finite_all")]
        rotation: [f32; 4],
    },
    /// What does a ray meet first? Changes nothing; the result names the entity. Others are taken as they stood at the
    /// tick that the client drew.
    Pick {
        /// Metres.
        #[serde(deserialize_with = "finite_all")]
        origin: [f32; 3],
        /// Of any length but 0.
        #[serde(deserialize_with = "finite_all")]
        direction: [f32; 3],
        /// The tick drawn; the server takes the nearest that it remembers.
        tick: Tick,
    },
    /// Say something to others' programs, which hear it as [`ServerMessage::Message`].
    Send {
        /// What it is about, as those who hear it know it.
        topic: String,
        /// Who hears it.
        #[serde(default)]
        to: To,
        /// What.
        #[serde(default)]
        data: Json,
    },
    /// Ask another player's program, which hears it as [`ServerMessage::Request`]; the result comes when that has
    /// answered, and carries its data.
    Ask {
        /// Who is asked.
        to: PlayerId,
        /// What it is about.
        topic: String,
        /// What.
        #[serde(default)]
        data: Json,
        /// Ticks to wait for the answer; ten seconds' worth where it is left out, a minute's at most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout_ticks: Option<u32>,
    },
    /// Answer a request; with `error` it is declined, in these words.
    Answer {
        /// The request's id.
        request: u32,
        /// What the one who asked is told.
        #[serde(default)]
        data: Json,
        /// Why there is no answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// Drive an entity from now on: say where it is by [`Drive`]. It must be one's own or have a `Grabbable`, be no avatar,
    /// hang on no other, and nobody else may hold it.
    Take {
        /// Which.
        entity: NetId,
    },
    /// Let go of an entity that one drives; of one that one does not drive, nothing happens.
    Release {
        /// Which.
        entity: NetId,
    },
    /// Say who drives an entity from now on, whoever does now: for its owner, moderators and the control plane.
    Hand {
        /// Which.
        entity: NetId,
        /// Who; nobody but the server where it is left out or null.
        #[serde(default)]
        player: Option<PlayerId>,
    },
}

/// From server to client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum ServerMessage {
    /// The answer to a good hello.
    Welcome(Box<Welcome>),
    /// How an operation went.
    OpResult {
        /// The operation's id.
        id: u32,
        /// Was it done?
        ok: bool,
        /// The tick that did it, or did not; left out where none was asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tick: Option<Tick>,
        /// The entity made, changed or met.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entity: Option<NetId>,
        /// What the one who was asked answered.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
        data: Option<Json>,
        /// Why not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<OpError>,
    },
    /// The answer to a ping.
    Pong {
        /// As sent.
        client_us: u64,
        /// The server's clock in microseconds.
        server_us: u64,
        /// The world's tick.
        tick: Tick,
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
    Joined {
        /// Since when.
        tick: Tick,
        /// Who.
        #[serde(flatten)]
        participant: Participant,
    },
    /// Someone left.
    Left {
        /// When.
        tick: Tick,
        /// Who.
        player: PlayerId,
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
        #[serde(default)]
        data: Json,
    },
    /// Another's program asks something; answered by [`Operation::Answer`] with the same id.
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
        #[serde(default)]
        data: Json,
        /// The last tick in which an answer counts.
        until: Tick,
    },
    /// A component was registered after the welcome.
    Registered {
        /// Its schema.
        schema: ComponentSchema,
    },
    /// The connection is about to end.
    Close {
        /// Why.
        code: crate::CloseCode,
        /// In words, with the remedy where there is one.
        reason: String,
    },
}

impl ServerMessage {
    /// An operation that no tick was asked to do.
    #[must_use]
    pub fn refusal(id: u32, error: OpError) -> Self {
        ServerMessage::OpResult { id, ok: false, tick: None, entity: None, data: None, error: Some(error) }
    }
}

/// What a client needs to know to begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// [`crate::PROTOCOL_VERSION`].
    pub version: u16,
    /// Optional features both ends understand.
    pub capabilities: Vec<String>,
    /// The session.
    pub session: SessionId,
    /// The participant that the ticket named.
    pub participant: ParticipantId,
    /// Its number in the world.
    pub player: PlayerId,
    /// Its rights.
    pub role: Role,
    /// The world's tick.
    pub tick: Tick,
    /// Ticks a second.
    pub tick_rate: TickRate,
    /// The server's clock in microseconds.
    pub server_us: u64,
    /// Shown once at the next reconnection; each welcome brings a new one.
    pub resume_token: String,
    /// Seconds that the avatar waits for a reconnection.
    pub resume_grace_s: u32,
    /// Hash of the schemas.
    pub catalogue_hash: CatalogueHash,
    /// The schemas, where the client's hash differed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<Vec<ComponentSchema>>,
    /// Who is here.
    pub participants: Vec<Participant>,
    /// How avatars move, so that a client can predict its own; a server of an earlier version leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub movement: Option<MoveRules>,
    /// Where a viewer looks from until it says otherwise, in metres; left out for who has an avatar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<[f32; 3]>,
}

/// Someone in the session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Participant {
    /// Number in the world.
    pub player: PlayerId,
    /// Shown name.
    pub name: String,
    /// Rights.
    pub role: Role,
    /// Kind of program.
    pub client: ClientType,
}

/// Why an operation was refused; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct OpError {
    /// For programs.
    pub code: OpErrorCode,
    /// For people: what is wrong and what would be right.
    pub message: String,
    /// Where in the operation, if anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Classes of refusal, named for what the client can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpErrorCode {
    /// The value is wrong: mend it.
    Invalid,
    /// The role or ownership does not allow it.
    Denied,
    /// No such entity.
    NotFound,
    /// A quota is used up: remove something first.
    QuotaExceeded,
    /// Too many operations: wait.
    RateLimited,
    /// The world is not running.
    Unavailable,
    /// The one who was asked left before it answered.
    Gone,
    /// The one who was asked did not answer in time.
    TimedOut,
    /// The one who was asked answered with an error; the message is theirs.
    Declined,
}

/// Refuses what is no number: JSON can name one beyond the range of `f32`, msgpack can hold NaN itself.
fn finite<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    let v = f32::deserialize(deserializer)?;
    if v.is_finite() { Ok(v) } else { Err(D::Error::custom("a number is not finite")) }
}

/// A field that is there, be it `null`.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

pub(crate) fn finite_all<'de, D: Deserializer<'de>, const N: usize>(deserializer: D) -> Result<[f32; N], D::Error>
where
    [f32; N]: Deserialize<'de>,
{
    let all = <[f32; N]>::deserialize(deserializer)?;
    if all.iter().all(|v| v.is_finite()) { Ok(all) } else { Err(D::Error::custom("a number is not finite")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_not_finite_are_refused() {
        let told = |text: &str| serde_json::from_str::<ClientMessage>(text).unwrap_err().to_string();
        assert!(told(r#"{"t":"input","seq":1,"yaw":1e300}"#).contains("not finite"));
        let view = r#"{"t":"op","id":1,"op":{"op":"view","position":[0,1e300,0],"rotation":[0,0,0,1]}}"#;
        assert!(told(view).contains("not finite"));
        let nan = ClientMessage::Input(InputSample { yaw: f32::NAN, ..InputSample::default() });
        let bytes = rmp_serde::to_vec_named(&nan).unwrap();
        assert!(rmp_serde::from_slice::<ClientMessage>(&bytes).unwrap_err().to_string().contains("not finite"));
    }
}
