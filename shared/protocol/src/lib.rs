//! Realtime messages, the state codec and the client's mirror.
//!
//! `net/PROTOCOL.md` says the same for strangers. Every frame's first byte is its [`FrameKind`]; [`message`] holds what
//! is said in msgpack or JSON, [`structure`] and [`state`] the binary batches that carry the world, [`mirror`] what a
//! client keeps of it. Bytes in, values out: no sockets, no clock, and it also builds for wasm32.

pub mod acks;
pub mod bits;
pub mod close;
pub mod codec;
pub mod column;
pub mod drive;
pub mod guard;
pub mod hash;
pub mod index;
pub mod input;
pub mod limits;
pub mod message;
pub mod mirror;
pub mod packet;
pub mod predict;
pub mod receipt;
pub mod residual;
pub mod said;
pub mod shapes;
pub mod snapshot;
pub mod state;
pub mod structure;
pub mod table;
pub mod wire;

pub use acks::Acks;
pub use close::CloseCode;
pub use codec::{MessageError, decode_message, encode_message};
pub use drive::{Drive, Pose, PoseVelocity};
pub use input::InputFrame;
pub use message::{ClientMessage, InputSample, Operation, ServerMessage};
pub use mirror::{Mirror, MirrorChange, StateOutcome};
pub use packet::{Channel, Encoding, Packet, Room};
pub use receipt::{Part, Receipt};
pub use wire::DecodeError;

/// The version of the protocol that this crate speaks.
pub const PROTOCOL_VERSION: u16 = 1;
/// ALPN of native QUIC clients.
pub const ALPN: &[u8] = b"hd1/1";
/// WebSocket subprotocol with binary frames.
pub const SUBPROTOCOL_MSGPACK: &str = "hd1.msgpack";
/// WebSocket subprotocol in readable JSON.
pub const SUBPROTOCOL_JSON: &str = "hd1.json";

/// The first byte of every binary frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// A [`ClientMessage`] or [`ServerMessage`] in msgpack.
    Message = 0x01,
    /// One tick's changes of structure; reliable and ordered.
    Structure = 0x02,
    /// A fragment of one tick's state; unreliable.
    State = 0x03,
    /// Pages that come into view; reliable and ordered.
    SnapshotChunk = 0x04,
    /// A client's input and acknowledgement; unreliable.
    Input = 0x05,
}

impl FrameKind {
    /// The kind of a frame, by its first byte.
    #[must_use]
    pub const fn of(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Message),
            0x02 => Some(Self::Structure),
            0x03 => Some(Self::State),
            0x04 => Some(Self::SnapshotChunk),
            0x05 => Some(Self::Input),
            _ => None,
        }
    }
}
