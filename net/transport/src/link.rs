//! One connection's way to carry frames, whatever is underneath.
//!
//! A link has no tasks of its own: [`Link::next`] both reads and writes, and losing a wait (as in `select!`) loses
//! nothing. Sending only queues; the queue is bounded by asking [`Link::room`] first.

use std::{
    future::poll_fn,
    net::SocketAddr,
    task::{Context, Poll},
};

use hd1_protocol::{CloseCode, Encoding, Packet, Room};

use crate::{
    gather::Counted,
    impair::{Conditions, Impair},
    limits,
    memory::{self, MemoryLink},
    quic::QuicLink,
    websocket::WebSocketLink,
};

/// What a link runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportKind {
    /// QUIC, ALPN `hd1/1`.
    Quic,
    /// WebTransport over HTTP/3.
    WebTransport,
    /// WebSocket.
    WebSocket,
    /// Two ends in one process, for tests.
    Memory,
}

impl TransportKind {
    /// The name in flags and figures.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            TransportKind::Quic => "quic",
            TransportKind::WebTransport => "webtransport",
            TransportKind::WebSocket => "websocket",
            TransportKind::Memory => "memory",
        }
    }
}

/// What [`Link::next`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// A frame came.
    Packet(Packet),
    /// There is room again after there was none.
    Room,
}

/// How a link ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkEnd {
    /// The other end closed it with a code of the table, or with none.
    #[error("closed by the other end{}: {reason}", .code.map(|c| format!(" ({})", u16::from(c))).unwrap_or_default())]
    Closed {
        /// Its code.
        code: Option<CloseCode>,
        /// Its reason.
        reason: String,
    },
    /// What came is no frame of this protocol: close the link with this code.
    #[error("{reason}")]
    Violation {
        /// The code to close with.
        code: CloseCode,
        /// What was wrong.
        reason: String,
    },
    /// The network let go.
    #[error("connection lost: {0}")]
    Lost(String),
}

/// See the module's words.
#[derive(Debug)]
pub struct Link {
    inner: Inner,
    impair: Option<Box<Impair>>,
    full: bool,
    _counted: Option<Counted>,
}

#[derive(Debug)]
pub(crate) enum Inner {
    Quic(Box<QuicLink>),
    WebSocket(Box<WebSocketLink>),
    Memory(MemoryLink),
}

impl Link {
    pub(crate) fn of(inner: Inner) -> Self {
        Link { inner, impair: None, full: false, _counted: None }
    }

    /// The same for a server's end.
    pub(crate) fn served(inner: Inner) -> Self {
        Link { _counted: Some(Counted::new()), ..Link::of(inner) }
    }

    /// Two ends joined in memory, which take `queue_bytes` each way before they are full.
    #[must_use]
    pub fn pair(encoding: Encoding, queue_bytes: usize) -> (Link, Link) {
        let (a, b) = memory::pair(encoding, queue_bytes);
        (Link::of(Inner::Memory(a)), Link::of(Inner::Memory(b)))
    }

    /// Puts a simulated network in front of this end: both ways are delayed, datagrams also lost, repeated and
    /// reordered. A WebSocket's messages are delayed alone, since TCP hides the rest.
    #[must_use]
    pub fn with_conditions(mut self, conditions: Conditions) -> Self {
        self.impair = Some(Box::new(Impair::new(conditions)));
        self
    }

    /// What it runs on.
    #[must_use]
    pub fn kind(&self) -> TransportKind {
        match &self.inner {
            Inner::Quic(link) => link.kind(),
            Inner::WebSocket(_) => TransportKind::WebSocket,
            Inner::Memory(_) => TransportKind::Memory,
        }
    }

    /// Does it lose nothing and keep the order, of all that is sent?
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        matches!(self.inner, Inner::WebSocket(_))
    }

    /// How its messages are written: JSON on a WebSocket with subprotocol `hd1.json`, else binary.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        match &self.inner {
            Inner::Quic(_) => Encoding::Binary,
            Inner::WebSocket(link) => link.encoding(),
            Inner::Memory(link) => link.encoding(),
        }
    }

    /// The other end's address.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        match &self.inner {
            Inner::Quic(link) => link.peer(),
            Inner::WebSocket(link) => link.peer(),
            Inner::Memory(_) => SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }

    /// What may be sent now.
    #[must_use]
    pub fn room(&self) -> Room {
        match &self.inner {
            Inner::Quic(link) => link.room(),
            Inner::WebSocket(link) => link.room(),
            Inner::Memory(link) => link.room(),
        }
    }

    /// Queues a packet. Ask [`Link::room`] first: nothing is refused here, so that nothing is lost between.
    /// Datagrams leave at the next [`Link::next`] too, several at once, for the socket to batch.
    pub fn send(&mut self, packet: Packet) {
        match &mut self.impair {
            Some(impair) => impair.push_out(packet, self.inner.is_stream_only()),
            None => self.inner.send(packet),
        }
        // A sender that has just filled the link is told when there is room again.
        self.full |= self.room() != Room::ALL;
    }

    /// Writes what is queued and waits for a packet, for room after there was none, or for the end. It may be dropped
    /// at any await and called again.
    ///
    /// # Errors
    /// How the link ended; then nothing more comes.
    pub async fn next(&mut self) -> Result<LinkEvent, LinkEnd> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`Link::next`] as a poll.
    ///
    /// # Errors
    /// As there.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<LinkEvent, LinkEnd>> {
        let Some(impair) = &mut self.impair else { return self.poll_inner(cx) };
        let stream_only = self.inner.is_stream_only();
        impair.tick();
        while let Some(packet) = impair.pop_out() {
            self.inner.send(packet);
        }
        while let Poll::Ready(event) = self.poll_inner(cx) {
            match (event, &mut self.impair) {
                (Ok(LinkEvent::Packet(packet)), Some(impair)) => impair.push_in(packet, stream_only),
                (other, _) => return Poll::Ready(other),
            }
        }
        match &mut self.impair {
            Some(impair) => impair.poll_in(cx).map(|packet| Ok(LinkEvent::Packet(packet))),
            None => Poll::Pending,
        }
    }

    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Result<LinkEvent, LinkEnd>> {
        let polled = match &mut self.inner {
            Inner::Quic(link) => link.poll_next(cx),
            Inner::WebSocket(link) => link.poll_next(cx),
            Inner::Memory(link) => link.poll_next(cx),
        };
        if self.full && polled.is_pending() && self.room() == Room::ALL {
            self.full = false;
            return Poll::Ready(Ok(LinkEvent::Room));
        }
        polled.map_ok(LinkEvent::Packet)
    }

    /// Ends the link with a code and a reason (at most 123 bytes), after what is queued was read, or two seconds.
    pub async fn close(mut self, code: CloseCode, reason: &str) {
        if let Some(impair) = &mut self.impair {
            while let Some(packet) = impair.pop_out_early() {
                self.inner.send(packet);
            }
        }
        let close = async {
            match &mut self.inner {
                Inner::Quic(link) => link.close(code, reason).await,
                Inner::WebSocket(link) => link.close(code, reason).await,
                Inner::Memory(link) => link.close(code, reason),
            }
        };
        // Whoever does not take the close by then is not waited for.
        let _ = tokio::time::timeout(limits::CLOSE_TIMEOUT, close).await;
    }
}

impl Inner {
    fn is_stream_only(&self) -> bool {
        matches!(self, Inner::WebSocket(_))
    }

    fn send(&mut self, packet: Packet) {
        match self {
            Inner::Quic(link) => link.send(packet),
            Inner::WebSocket(link) => link.send(packet),
            Inner::Memory(link) => link.send(packet),
        }
    }
}
