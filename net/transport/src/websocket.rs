//! A link on WebSocket: one message is one frame, and all ways are the one socket.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use hd1_protocol::{
    CloseCode, Encoding, Packet, Room,
    limits::{FRAME_IN_BYTES_MAX, FRAME_OUT_BYTES_MAX},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message, Utf8Bytes,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode as WireCode},
    },
};

use crate::{
    limits,
    link::{Inner, Link, LinkEnd},
};

/// What an HTTP server hands over after it has answered an upgrade.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

pub(crate) struct WebSocketLink {
    socket: WebSocketStream<Box<dyn Io>>,
    encoding: Encoding,
    peer: SocketAddr,
    out: VecDeque<Bytes>,
    out_bytes: usize,
    unflushed: bool,
}

impl std::fmt::Debug for WebSocketLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebSocketLink").field("peer", &self.peer).field("encoding", &self.encoding).finish()
    }
}

/// The bounds of one end; the server takes small frames, the client large ones.
pub(crate) fn config(role: Role) -> WebSocketConfig {
    let frame_bytes_max = if role == Role::Server { FRAME_IN_BYTES_MAX } else { FRAME_OUT_BYTES_MAX };
    WebSocketConfig::default()
        .read_buffer_size(limits::WEBSOCKET_READ_BUFFER_BYTES)
        .write_buffer_size(limits::WEBSOCKET_WRITE_BUFFER_BYTES)
        .max_write_buffer_size(limits::WEBSOCKET_WRITE_MAX_BYTES)
        .max_message_size(Some(frame_bytes_max))
        .max_frame_size(Some(frame_bytes_max))
}

impl Link {
    /// The server's end on an upgraded connection; `encoding` is that of the subprotocol which the answer named.
    pub async fn websocket(io: Box<dyn Io>, encoding: Encoding, peer: SocketAddr) -> Link {
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config(Role::Server))).await;
        Link::served(Inner::WebSocket(Box::new(WebSocketLink::new(socket, encoding, peer))))
    }
}

impl WebSocketLink {
    pub(crate) fn new(socket: WebSocketStream<Box<dyn Io>>, encoding: Encoding, peer: SocketAddr) -> Self {
        WebSocketLink { socket, encoding, peer, out: VecDeque::new(), out_bytes: 0, unflushed: false }
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(crate) fn room(&self) -> Room {
        if self.out_bytes < limits::LINK_QUEUE_BYTES { Room::ALL } else { Room::NONE }
    }

    pub(crate) fn send(&mut self, packet: Packet) {
        self.out_bytes += packet.frame.len();
        self.out.push_back(packet.frame);
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Packet, LinkEnd>> {
        if let Poll::Ready(Err(error)) = self.poll_writes(cx) {
            return Poll::Ready(Err(end_of(error)));
        }
        loop {
            return Poll::Ready(match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(Message::Binary(frame))) if self.encoding == Encoding::Binary => Ok(Packet::control(frame)),
                Some(Ok(Message::Text(text))) if self.encoding == Encoding::Json => {
                    Ok(Packet::control(Bytes::from(text)))
                }
                Some(Ok(Message::Binary(_) | Message::Text(_))) => Err(LinkEnd::Violation {
                    code: CloseCode::Malformed,
                    reason: "hd1.json takes text messages, hd1.msgpack binary ones".into(),
                }),
                Some(Ok(Message::Close(frame))) => Err(closed(frame)),
                // tungstenite answers pings by itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Err(error)) => Err(end_of(error)),
                None => Err(LinkEnd::Lost("the socket ended without a close".into())),
            });
        }
    }

    fn poll_writes(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), tungstenite::Error>> {
        while !self.out.is_empty() {
            ready!(Pin::new(&mut self.socket).poll_ready(cx))?;
            let Some(frame) = self.out.pop_front() else { break };
            self.out_bytes -= frame.len();
            let message = match self.encoding {
                Encoding::Binary => Message::Binary(frame),
                // Always UTF-8: it is our own JSON.
                Encoding::Json => Message::Text(Utf8Bytes::try_from(frame).unwrap_or_default()),
            };
            Pin::new(&mut self.socket).start_send(message)?;
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) async fn close(&mut self, code: CloseCode, reason: &str) {
        let written = std::future::poll_fn(|cx| self.poll_writes(cx));
        // Whoever reads nothing gets no close frame either; the socket's end is all there is left to say.
        let _ = tokio::time::timeout(limits::LAST_WORDS_TIMEOUT, written).await;
        let frame = CloseFrame { code: WireCode::from(u16::from(code)), reason: reason.into() };
        if self.socket.close(Some(frame)).await.is_ok() {
            // Until the other end's answer: dropping the socket with bytes unread would reset it and lose the code.
            while let Some(Ok(_)) = std::future::poll_fn(|cx| Pin::new(&mut self.socket).poll_next(cx)).await {}
        }
    }
}

fn closed(frame: Option<CloseFrame>) -> LinkEnd {
    let reason = frame.as_ref().map(|f| f.reason.to_string()).unwrap_or_default();
    LinkEnd::Closed { code: frame.and_then(|f| CloseCode::of(u16::from(f.code))), reason }
}

fn end_of(error: tungstenite::Error) -> LinkEnd {
    match error {
        tungstenite::Error::Capacity(error) => {
            LinkEnd::Violation { code: CloseCode::TooLarge, reason: error.to_string() }
        }
        tungstenite::Error::Protocol(error)
            if error != tungstenite::error::ProtocolError::ResetWithoutClosingHandshake =>
        {
            LinkEnd::Violation { code: CloseCode::Malformed, reason: error.to_string() }
        }
        tungstenite::Error::Utf8(error) => LinkEnd::Violation { code: CloseCode::Malformed, reason: error },
        error => LinkEnd::Lost(error.to_string()),
    }
}
