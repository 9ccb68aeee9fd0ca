//! The port that takes over a WebSocket once its upgrade is answered.
//!
//! It stands alone because HTTP ends here: what flows afterwards are frames, which this crate never looks at.

use std::{net::SocketAddr, pin::Pin};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

/// The raw bytes of an upgraded connection: WebSocket frames in both directions, the handshake done.
pub trait RealtimeIo: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> RealtimeIo for T {}

/// What the frames carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subprotocol {
    /// `hd1.msgpack`: one binary message is one frame.
    MsgPack,
    /// `hd1.json`: text messages, readable JSON.
    Json,
}

impl Subprotocol {
    /// The name in `Sec-WebSocket-Protocol`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Subprotocol::MsgPack => "hd1.msgpack",
            Subprotocol::Json => "hd1.json",
        }
    }

    /// The inverse of [`Subprotocol::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Subprotocol::MsgPack, Subprotocol::Json].into_iter().find(|protocol| protocol.as_str() == text)
    }
}

/// An upgraded connection.
pub struct RealtimeSocket {
    /// Its bytes.
    pub io: Box<dyn RealtimeIo>,
    /// What was agreed on.
    pub subprotocol: Subprotocol,
    /// Who is at the other end.
    pub peer: SocketAddr,
    /// Cancelled when the server drains: close with a retry code and return.
    pub shutdown: CancellationToken,
}

/// What becomes of upgraded connections; the program implements it over transport and runtime.
pub trait RealtimeGate: Send + Sync + 'static {
    /// Speaks with the client until the connection ends. The connection counts against its address's cap until this
    /// returns; it is dropped unfinished only when draining takes longer than its deadline.
    fn serve(&self, socket: RealtimeSocket) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}
