//! How a frame travels: the words that connections and links share, so that neither must know the other.

use bytes::Bytes;

/// Which way a frame takes. On a WebSocket all ways are the one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// The control stream: reliable, in order.
    Control,
    /// A stream of its own, opened by the server: reliable, in order within itself.
    Bulk,
    /// A datagram: at most [`crate::limits::DATAGRAM_BYTES_MAX`], may be lost, repeated or overtaken.
    Datagram,
}

/// One frame and its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The way.
    pub channel: Channel,
    /// Kind byte and body, or one JSON text.
    pub frame: Bytes,
    /// On [`Channel::Bulk`]: the stream ends after this frame.
    pub fin: bool,
}

impl Packet {
    /// A frame on the control stream.
    #[must_use]
    pub fn control(frame: impl Into<Bytes>) -> Self {
        Packet { channel: Channel::Control, frame: frame.into(), fin: false }
    }

    /// A frame on the bulk stream; `fin` ends it.
    #[must_use]
    pub fn bulk(frame: impl Into<Bytes>, fin: bool) -> Self {
        Packet { channel: Channel::Bulk, frame: frame.into(), fin }
    }

    /// A datagram.
    #[must_use]
    pub fn datagram(frame: impl Into<Bytes>) -> Self {
        Packet { channel: Channel::Datagram, frame: frame.into(), fin: false }
    }
}

/// How the messages of a connection are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Binary frames with a kind byte.
    #[default]
    Binary,
    /// JSON texts, one message each.
    Json,
}

/// What a link takes at this moment without queueing more than its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// A frame on the control stream.
    pub control: bool,
    /// A frame on the bulk stream.
    pub bulk: bool,
    /// A datagram.
    pub datagram: bool,
}

impl Room {
    /// Everything.
    pub const ALL: Room = Room { control: true, bulk: true, datagram: true };
    /// Nothing.
    pub const NONE: Room = Room { control: false, bulk: false, datagram: false };

    /// Is there room on this way?
    #[must_use]
    pub const fn on(self, channel: Channel) -> bool {
        match channel {
            Channel::Control => self.control,
            Channel::Bulk => self.bulk,
            Channel::Datagram => self.datagram,
        }
    }
}
