//! A link on QUIC, raw or under WebTransport: from the handshake on both are the same session type.
//!
//! The client opens the control stream, the server opens one stream per bulk transfer. All of it is polled by the one
//! task that owns the link; quinn's driver gathers several datagrams of a tick into one system call.
//!
//! What a tick of one client costs a server's connections, with 500 of them at 20 Hz on one core: 35 us (`perf`, by
//! call stack). Nearly three fifths are quinn's driver of the connection: a fifth of all the one `sendmsg`, a sixth the
//! packet and its keys, an eighth what has come, the rest its timers and queues. A quarter is the client's own task, a
//! twelfth the endpoint's reading. Segmentation offload has nothing to gather where a tick is one packet, `sendmmsg`
//! saves the entry into the kernel alone, which is not what a send costs, and sockets or threads of their own share out
//! no work that one core must do anyway. The whole program optimised as one piece (`lto = "fat"`, one codegen unit) was
//! no faster. What pays is being woken seldom ([`crate::gather`]), looking only where there is something (`source`),
//! and few packets: at 20 Hz a packet that is not answered within 25 ms is acknowledged by one of its own, and quinn
//! lets that be asked for no later, or not before a round trip where that is longer. So an input leaves half a tick
//! after its tick and carries the acknowledgement; with 500 clients that makes 2.6 packets a client and tick of 3.0, at
//! best 2.

use std::{
    collections::VecDeque,
    mem::MaybeUninit,
    net::SocketAddr,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, Bytes};
use hd1_protocol::{
    CloseCode, Packet, Room,
    limits::{DATAGRAM_BYTES_MAX, FRAME_IN_BYTES_MAX, FRAME_OUT_BYTES_MAX},
    packet::Channel,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use web_transport_quinn::{
    RecvStream, SendStream, Session, SessionError, WebTransportError, generic::poll::Session as _,
};

use crate::{
    framing::{FrameReader, prefix},
    limits,
    link::{LinkEnd, TransportKind},
    server::AddressSlot,
    source::Source,
};

/// Bytes queued for one stream.
#[derive(Debug, Default)]
struct WriteQueue {
    pieces: VecDeque<Bytes>,
    bytes: usize,
}

impl WriteQueue {
    fn push(&mut self, frame: Bytes) {
        let prefix = prefix(&frame);
        self.bytes += prefix.len() + frame.len();
        self.pieces.extend([prefix, frame]);
    }

    /// Writes as much as the stream takes; ready when nothing is left.
    fn poll_write(&mut self, cx: &mut Context<'_>, stream: &mut SendStream) -> Poll<std::io::Result<()>> {
        while let Some(piece) = self.pieces.front_mut() {
            if piece.has_remaining() {
                let written = ready!(Pin::new(&mut *stream).poll_write(cx, piece))?;
                piece.advance(written);
                self.bytes -= written;
            }
            if !piece.has_remaining() {
                self.pieces.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// A bulk transfer on its way out.
#[derive(Debug, Default)]
struct BulkOut {
    stream: Option<SendStream>,
    queue: WriteQueue,
    fin: bool,
}

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Opens the control stream, reads bulk streams.
    Client,
    /// Accepts the control stream, opens bulk streams.
    Server,
}

#[derive(Debug)]
pub(crate) struct QuicLink {
    session: Pollable,
    side: Side,
    control: Option<(SendStream, RecvStream)>,
    control_out: WriteQueue,
    control_in: FrameReader,
    control_ended: bool,
    bulk_out: VecDeque<BulkOut>,
    bulk_in: Option<(RecvStream, FrameReader)>,
    datagrams_out: VecDeque<Bytes>,
    /// Bytes that quinn takes while none wait in it.
    datagram_space: usize,
    /// Datagrams were handed to quinn since it was last seen without any. It is asked often, and each time takes the
    /// connection's lock.
    handed: AtomicBool,
    datagrams: Source,
    streams: Source,
    streams_turn: bool,
    _slot: Option<AddressSlot>,
}

/// A session, which has no `Debug` of its own.
struct Pollable(Session);

impl std::fmt::Debug for Pollable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Session").field(&self.0.remote_address()).finish()
    }
}

impl QuicLink {
    /// The server's end; the control stream is accepted when it comes, within the hello's deadline.
    pub(crate) fn server(session: Session, slot: AddressSlot) -> Self {
        Self::new(session, Side::Server, None, Some(slot))
    }

    /// The client's end, with its control stream.
    pub(crate) fn client(session: Session, control: (SendStream, RecvStream)) -> Self {
        Self::new(session, Side::Client, Some(control), None)
    }

    fn new(session: Session, side: Side, control: Option<(SendStream, RecvStream)>, slot: Option<AddressSlot>) -> Self {
        let frame_bytes_max = if side == Side::Server { FRAME_IN_BYTES_MAX } else { FRAME_OUT_BYTES_MAX };
        QuicLink {
            datagram_space: session.datagram_send_buffer_space(),
            session: Pollable(session),
            side,
            control,
            control_out: WriteQueue::default(),
            control_in: FrameReader::new(frame_bytes_max),
            control_ended: false,
            bulk_out: VecDeque::new(),
            bulk_in: None,
            datagrams_out: VecDeque::new(),
            handed: AtomicBool::new(false),
            datagrams: Source::new(),
            streams: Source::new(),
            streams_turn: false,
            _slot: slot,
        }
    }

    pub(crate) fn kind(&self) -> TransportKind {
        if self.session.0.request().is_some() { TransportKind::WebTransport } else { TransportKind::Quic }
    }

    pub(crate) fn peer(&self) -> SocketAddr {
        self.session.0.remote_address()
    }

    pub(crate) fn room(&self) -> Room {
        let bulk: usize = self.bulk_out.iter().map(|bulk| bulk.queue.bytes).sum();
        Room {
            control: self.control_out.bytes < limits::LINK_QUEUE_BYTES,
            bulk: bulk < limits::LINK_QUEUE_BYTES,
            // The next tick waits, and gives way to a newer one, until the one before has left: behind a congested
            // path the age of state is then one tick, not a buffer's worth of ticks.
            datagram: !self.datagrams_wait(),
        }
    }

    /// Has quinn datagrams that have not left? Those of the tick at hand are not among them: they are handed on
    /// together, at the next poll.
    fn datagrams_wait(&self) -> bool {
        if !self.handed.load(Ordering::Relaxed) {
            return false;
        }
        let wait = self.session.0.datagram_send_buffer_space() < self.datagram_space;
        self.handed.store(wait, Ordering::Relaxed);
        wait
    }

    pub(crate) fn send(&mut self, packet: Packet) {
        match packet.channel {
            Channel::Control => self.control_out.push(packet.frame),
            Channel::Datagram => self.datagrams_out.push_back(packet.frame),
            Channel::Bulk => {
                if self.bulk_out.back().is_none_or(|bulk| bulk.fin) {
                    self.bulk_out.push_back(BulkOut::default());
                }
                if let Some(bulk) = self.bulk_out.back_mut() {
                    bulk.queue.push(packet.frame);
                    bulk.fin = packet.fin;
                }
            }
        }
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Packet, LinkEnd>> {
        if let Err(end) = self.poll_writes(cx) {
            return Poll::Ready(Err(end));
        }
        // Datagrams and streams take turns, so that a flood of one does not silence the other.
        self.streams_turn = !self.streams_turn;
        if self.streams_turn {
            if let Poll::Ready(packet) = self.look_at_streams(cx) {
                return Poll::Ready(packet);
            }
            self.look_at_datagrams(cx)
        } else {
            if let Poll::Ready(packet) = self.look_at_datagrams(cx) {
                return Poll::Ready(packet);
            }
            self.look_at_streams(cx)
        }
    }

    fn look_at_streams(&mut self, cx: &Context<'_>) -> Poll<Result<Packet, LinkEnd>> {
        let Some(waker) = self.streams.called(cx) else { return Poll::Pending };
        let found = self.poll_streams(&mut Context::from_waker(&waker));
        self.streams.found(found)
    }

    fn look_at_datagrams(&mut self, cx: &Context<'_>) -> Poll<Result<Packet, LinkEnd>> {
        let Some(waker) = self.datagrams.called(cx) else { return Poll::Pending };
        let found = self.poll_datagram(&mut Context::from_waker(&waker));
        self.datagrams.found(found)
    }

    fn poll_writes(&mut self, cx: &mut Context<'_>) -> Result<(), LinkEnd> {
        // No awaits between a tick's datagrams: quinn's driver finds them all at once and sends them in batches.
        while let Some(datagram) = self.datagrams_out.pop_front() {
            self.handed.store(true, Ordering::Relaxed);
            match self.session.0.send_datagram(datagram) {
                // Too large for a path whose limit fell: lost, as any datagram may be.
                Ok(()) | Err(SessionError::SendDatagramError(quinn::SendDatagramError::TooLarge)) => {}
                Err(_) => return Err(self.end()),
            }
        }
        if let Some((stream, _)) = &mut self.control
            && let Poll::Ready(Err(_)) = self.control_out.poll_write(cx, stream)
        {
            return Err(self.end());
        }
        if let Poll::Ready(Err(())) = self.poll_bulk_out(cx) {
            return Err(self.end());
        }
        Ok(())
    }

    fn poll_bulk_out(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        while let Some(bulk) = self.bulk_out.front_mut() {
            let stream = match &mut bulk.stream {
                Some(stream) => stream,
                slot => slot.insert(ready!(self.session.0.poll_open_uni(cx)).map_err(|_| ())?),
            };
            ready!(bulk.queue.poll_write(cx, stream)).map_err(|_| ())?;
            if !bulk.fin {
                return Poll::Ready(Ok(()));
            }
            stream.finish().map_err(|_| ())?;
            self.bulk_out.pop_front();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_datagram(&mut self, cx: &mut Context<'_>) -> Poll<Result<Packet, LinkEnd>> {
        loop {
            match ready!(self.session.0.poll_recv_datagram(cx)) {
                Ok(frame) if frame.len() <= DATAGRAM_BYTES_MAX => return Poll::Ready(Ok(Packet::datagram(frame))),
                Ok(frame) => {
                    let reason =
                        format!("a datagram is at most {DATAGRAM_BYTES_MAX} bytes, this one has {}", frame.len());
                    return Poll::Ready(Err(LinkEnd::Violation { code: CloseCode::TooLarge, reason }));
                }
                // One for another session of the same connection: none of ours.
                Err(SessionError::WebTransportError(WebTransportError::UnknownSession)) => {}
                // What the peer said before it went is heard first.
                Err(_) if !self.control_ended && self.control.is_some() => match self.poll_streams(cx) {
                    Poll::Ready(packet) => return Poll::Ready(packet),
                    Poll::Pending => return Poll::Ready(Err(self.end())),
                },
                Err(_) => return Poll::Ready(Err(self.end())),
            }
        }
    }

    fn poll_streams(&mut self, cx: &mut Context<'_>) -> Poll<Result<Packet, LinkEnd>> {
        if self.control.is_none() {
            match ready!(self.session.0.poll_accept_bi(cx)) {
                Ok(streams) => self.control = Some(streams),
                Err(_) => return Poll::Ready(Err(self.end())),
            }
        }
        if !self.control_ended
            && let Some((_, stream)) = &mut self.control
        {
            match poll_frame(cx, stream, &mut self.control_in) {
                Poll::Ready(Ok(Some(frame))) => return Poll::Ready(Ok(Packet::control(frame))),
                // The peer has said its last; it may still be listening.
                Poll::Ready(Ok(None)) => self.control_ended = true,
                Poll::Ready(Err(end)) => return Poll::Ready(Err(self.ended_by(end))),
                Poll::Pending => {}
            }
        }
        if self.side == Side::Client { self.poll_bulk_in(cx) } else { Poll::Pending }
    }

    fn poll_bulk_in(&mut self, cx: &mut Context<'_>) -> Poll<Result<Packet, LinkEnd>> {
        loop {
            let Some((stream, reader)) = &mut self.bulk_in else {
                match ready!(self.session.0.poll_accept_uni(cx)) {
                    Ok(stream) => self.bulk_in = Some((stream, FrameReader::new(FRAME_OUT_BYTES_MAX))),
                    Err(_) => return Poll::Ready(Err(self.end())),
                }
                continue;
            };
            match ready!(poll_frame(cx, stream, reader)) {
                Ok(Some(frame)) => return Poll::Ready(Ok(Packet::bulk(frame, false))),
                Ok(None) => self.bulk_in = None,
                Err(end) => return Poll::Ready(Err(self.ended_by(end))),
            }
        }
    }

    /// Ends the session once the last words have arrived, and where they could still be lost then, were read.
    ///
    /// An acknowledged byte may lie in the peer's buffers, and a browser that learns of the end first throws it away.
    /// So after its last words the server waits until the client's own control stream has ended: a client ends it when
    /// it has read them. Whoever does not play along gets the code alone.
    pub(crate) async fn close(&mut self, code: CloseCode, reason: &str) {
        let said = async {
            std::future::poll_fn(|cx| {
                // What comes in meanwhile is read and dropped: an unread stream would hold the window shut.
                while let Poll::Ready(Ok(_)) = self.poll_next(cx) {}
                let over = self.control_out.bytes == 0 || self.session.0.close_reason().is_some();
                if over { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            let finished = self.control.as_mut().is_some_and(|(stream, _)| stream.finish().is_ok());
            if finished && self.side == Side::Server && self.kind() == TransportKind::WebTransport {
                self.hung_up().await;
            } else if finished && let Some((stream, _)) = &mut self.control {
                // Raw QUIC reads on after the end; what a closing connection has not delivered it throws away.
                let _ = stream.stopped().await;
            }
        };
        let _ = tokio::time::timeout(limits::LAST_WORDS_TIMEOUT, said).await;
        self.session.0.close(u32::from(u16::from(code)), reason.as_bytes());
    }

    /// The peer has ended its control stream, or the session.
    async fn hung_up(&mut self) {
        std::future::poll_fn(|cx| {
            while let Poll::Ready(Ok(_)) = self.poll_next(cx) {}
            let over = self.control_ended || self.session.0.close_reason().is_some();
            if over { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// A violation found in a stream, or else why the session is over.
    fn ended_by(&self, end: LinkEnd) -> LinkEnd {
        if matches!(end, LinkEnd::Violation { .. }) { end } else { self.end() }
    }

    fn end(&self) -> LinkEnd {
        match self.session.0.close_reason() {
            Some(SessionError::WebTransportError(WebTransportError::Closed(code, reason))) => {
                LinkEnd::Closed { code: u16::try_from(code).ok().and_then(CloseCode::of), reason }
            }
            Some(error) => LinkEnd::Lost(error.to_string()),
            None => LinkEnd::Lost("a stream was reset".into()),
        }
    }
}

/// The next frame of a stream; `None` at its end.
fn poll_frame(
    cx: &mut Context<'_>,
    stream: &mut RecvStream,
    reader: &mut FrameReader,
) -> Poll<Result<Option<Bytes>, LinkEnd>> {
    loop {
        if let Some(frame) = reader.next()? {
            return Poll::Ready(Ok(Some(frame)));
        }
        // Not zeroed: this runs at every wake-up, and mostly finds nothing.
        let mut chunk = [MaybeUninit::uninit(); limits::READ_CHUNK_BYTES];
        let mut buffer = ReadBuf::uninit(&mut chunk);
        match ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer)) {
            Ok(()) if buffer.filled().is_empty() => {
                if reader.buffer.is_empty() {
                    return Poll::Ready(Ok(None));
                }
                let reason = "a stream ended within a frame".to_owned();
                return Poll::Ready(Err(LinkEnd::Violation { code: CloseCode::Malformed, reason }));
            }
            Ok(()) => reader.buffer.put_slice(buffer.filled()),
            Err(error) => return Poll::Ready(Err(LinkEnd::Lost(error.to_string()))),
        }
    }
}
