//! The server's end of one connection: hello, limits, acknowledgements and what waits to be sent.
//!
//! It knows no socket, world or database: whoever owns them feeds packets and time in, acts on [`ClientEvent`]s, hands
//! in frames to send and moves [`Transmit`]s to the link. Times are microseconds of one clock that never runs back.

mod event;
mod gate;

use std::collections::VecDeque;

use bytes::Bytes;
use hd1_core::Tick;

use hd1_protocol::{
    Acks, ClientMessage, CloseCode, DecodeError, Encoding, FrameKind, InputFrame, MessageError, Operation,
    PROTOCOL_VERSION, Packet, Receipt, Room, ServerMessage, decode_message, encode_message,
    limits::{DATAGRAM_BYTES_MAX, DRIVE_POSES_MAX, FRAME_IN_BYTES_MAX},
    message::{Hello, NO_OP_ID, OpError, OpErrorCode, Welcome},
    packet::Channel,
};
use hd1_schema::{CatalogueHash, ComponentSchema};

pub use event::{ClientEvent, Credential, ServerConnectionStats};
pub use gate::Rates;

use crate::{Closing, Transmit, json::JsonView, limits, outgoing::Outgoing};
use gate::Gate;

#[derive(Debug)]
enum Phase {
    /// Waiting for the hello.
    Hello,
    /// The hello is being judged.
    Admission { known: Option<CatalogueHash>, offered: Vec<String> },
    /// In the session.
    Live,
    /// The close is on its way out.
    Closing,
    /// Nothing more happens.
    Closed,
}

/// See the module's words.
#[derive(Debug)]
pub struct ServerConnection {
    encoding: Encoding,
    phase: Phase,
    deadline_us: u64,
    heard_us: u64,
    gate: Gate,
    out: Outgoing,
    json: Option<JsonView>,
    events: VecDeque<ClientEvent>,
    closing: Option<Closing>,
    newest: Tick,
    acked: Receipt,
    /// Does the link keep the order and lose nothing?
    is_ordered: bool,
    /// Does what has left count as received?
    presumes: bool,
    input_seq: u32,
    drive_seq: u32,
    stats: ServerConnectionStats,
}

impl ServerConnection {
    /// A connection whose link was just set up.
    #[must_use]
    pub fn new(now: u64, encoding: Encoding, rates: Rates) -> Self {
        ServerConnection {
            encoding,
            phase: Phase::Hello,
            deadline_us: now + limits::HELLO_DEADLINE_US,
            heard_us: now,
            gate: Gate::new(now, rates),
            out: Outgoing::default(),
            json: None,
            events: VecDeque::new(),
            closing: None,
            newest: Tick(0),
            acked: Receipt::default(),
            is_ordered: false,
            presumes: false,
            input_seq: 0,
            drive_seq: 0,
            stats: ServerConnectionStats::default(),
        }
    }

    /// The same over a link that loses nothing and keeps the order. Once a client that has [`crate::ORDERED`] has
    /// acknowledged its first tick, each tick counts as received when it has left: the client need not say so, and the next
    /// tick stands on it without waiting for a round trip.
    #[must_use]
    pub fn ordered(mut self) -> Self {
        self.is_ordered = true;
        self
    }

    /// A packet came from the link.
    pub fn handle_packet(&mut self, now: u64, packet: &Packet) {
        if matches!(self.phase, Phase::Closing | Phase::Closed) {
            return;
        }
        self.heard_us = now;
        self.stats.bytes_in += packet.frame.len() as u64;
        let limit = if packet.channel == Channel::Datagram { DATAGRAM_BYTES_MAX } else { FRAME_IN_BYTES_MAX };
        if packet.frame.len() > limit {
            return self.close(now, CloseCode::TooLarge, format!("a frame is at most {limit} bytes"));
        }
        let in_rate = self.gate.message(now);
        let result = match (self.encoding, packet.frame.first().and_then(|kind| FrameKind::of(*kind))) {
            (Encoding::Json, _) | (Encoding::Binary, Some(FrameKind::Message)) => self.message(now, packet, in_rate),
            (Encoding::Binary, Some(FrameKind::Input)) => self.input_frame(now, &packet.frame, in_rate),
            (Encoding::Binary, _) => Err(Closing::new(CloseCode::Malformed, "clients send frames 0x01 and 0x05")),
        };
        if let Err(closing) = result {
            self.close(now, closing.code, closing.reason);
        }
    }

    /// Time passed; call it when [`ServerConnection::next_timeout`] is due.
    pub fn handle_timeout(&mut self, now: u64) {
        match self.phase {
            Phase::Closing | Phase::Closed => return,
            Phase::Hello if now >= self.deadline_us => {
                return self.close(now, CloseCode::HelloTimeout, "send a hello with a ticket within 3 s");
            }
            Phase::Admission { .. } if now >= self.deadline_us => {
                return self.close(now, CloseCode::Internal, "the session did not answer in time");
            }
            _ => {}
        }
        if now >= self.heard_us + limits::IDLE_TIMEOUT_US {
            self.close(now, CloseCode::Idle, "nothing was heard for 10 s: send a ping each second");
        } else if self.out.stalls_at().is_some_and(|at| now >= at) {
            self.close(now, CloseCode::TooSlow, "nothing was read for 10 s");
        }
    }

    /// When [`ServerConnection::handle_timeout`] is due.
    #[must_use]
    pub fn next_timeout(&self) -> Option<u64> {
        if matches!(self.phase, Phase::Closing | Phase::Closed) {
            return None;
        }
        let idle = self.heard_us + limits::IDLE_TIMEOUT_US;
        let hello = matches!(self.phase, Phase::Hello | Phase::Admission { .. }).then_some(self.deadline_us);
        [Some(idle), hello, self.out.stalls_at()].into_iter().flatten().min()
    }

    /// The next thing the client wants.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// The next thing for the link. After [`Transmit::Close`] there is nothing more.
    pub fn poll_transmit(&mut self, now: u64, room: Room) -> Option<Transmit> {
        if matches!(self.phase, Phase::Closed) {
            return None;
        }
        if let Some(packet) = self.next_packet(now, room) {
            self.presume();
            self.stats.bytes_out += packet.frame.len() as u64;
            return Some(Transmit::Packet(packet));
        }
        // What could not leave with a close is of no use any more: the code itself travels with the link's end.
        let closing = self.closing.take()?;
        self.phase = Phase::Closed;
        self.out.clear();
        Some(Transmit::Close(closing))
    }

    fn next_packet(&mut self, now: u64, room: Room) -> Option<Packet> {
        if let Some(packet) = self.out.pop(now, room) {
            return Some(packet);
        }
        let view = self.json.as_mut().filter(|_| room.control && self.out.is_empty())?;
        if matches!(self.phase, Phase::Closing) { None } else { view.take_state().map(Packet::control) }
    }

    /// Admits the client. Versions, capabilities, times and the catalogue are put in here: it is left out where the
    /// client's hash shows that it has it.
    pub fn accept(&mut self, now: u64, mut welcome: Welcome, catalogue: &[ComponentSchema]) {
        let Phase::Admission { known, offered } = &mut self.phase else { return };
        let understood =
            |name: &String| crate::CAPABILITIES.contains(&name.as_str()) && (self.is_ordered || name != crate::ORDERED);
        welcome.version = PROTOCOL_VERSION;
        welcome.capabilities = std::mem::take(offered).into_iter().filter(understood).collect();
        welcome.server_us = now;
        welcome.catalogue = (known.as_ref() != Some(&welcome.catalogue_hash)).then(|| catalogue.to_vec());
        self.newest = welcome.tick;
        self.presumes = welcome.capabilities.iter().any(|name| name == crate::ORDERED);
        self.phase = Phase::Live;
        if self.encoding == Encoding::Json {
            self.json = Some(JsonView::new(catalogue.iter().cloned()));
        }
        self.send_message(now, &ServerMessage::Welcome(Box::new(welcome)));
    }

    /// Queues a message.
    pub fn send_message(&mut self, now: u64, message: &ServerMessage) {
        if let (ServerMessage::Registered { schema }, Some(view)) = (message, &mut self.json) {
            view.register(schema.clone());
        }
        let frame = encode_message(self.encoding, message);
        match message {
            ServerMessage::Welcome(_) | ServerMessage::Pong { .. } | ServerMessage::Registered { .. } => {
                self.say(now, frame);
            }
            _ => self.send_encoded(now, frame),
        }
    }

    /// Queues a message that [`encode_message`] wrote in this connection's encoding, once for many connections.
    pub fn send_encoded(&mut self, now: u64, frame: Bytes) {
        match self.json.as_mut().filter(|view| !view.is_told()) {
            None => self.say(now, frame),
            Some(view) => {
                if !view.keep(frame) {
                    self.close(now, CloseCode::TooSlow, "too much was said before the world was there");
                }
            }
        }
    }

    fn say(&mut self, now: u64, frame: Bytes) {
        if !matches!(self.phase, Phase::Closing | Phase::Closed) {
            self.out.control(now, frame);
            self.check_queue(now);
        }
    }

    /// Queues the join snapshot, which shows `tick`.
    pub fn send_snapshot(&mut self, now: u64, tick: Tick, chunks: impl IntoIterator<Item = Bytes>) {
        if !matches!(self.phase, Phase::Live) {
            return;
        }
        self.newest = self.newest.max(tick);
        let mut chunks = chunks.into_iter().peekable();
        while let Some(chunk) = chunks.next() {
            match &mut self.json {
                None => self.out.bulk(now, chunk, chunks.peek().is_none()),
                Some(view) => {
                    let texts = view.snapshot(&chunk);
                    self.texts(now, texts);
                }
            }
        }
        self.after_json(now);
    }

    /// Queues a frame of structure, or of pages that come into view.
    pub fn send_structure(&mut self, now: u64, frame: Bytes) {
        if !matches!(self.phase, Phase::Live) {
            return;
        }
        match &mut self.json {
            None => self.out.control(now, frame),
            Some(view) => {
                let texts = view.structure(&frame);
                self.texts(now, texts);
            }
        }
        self.after_json(now);
    }

    /// Queues all fragments of one tick's state. They replace those of an earlier tick that have not begun to leave.
    pub fn send_state(&mut self, now: u64, tick: Tick, frames: impl IntoIterator<Item = Bytes>) {
        if !matches!(self.phase, Phase::Live) {
            return;
        }
        self.newest = self.newest.max(tick);
        match &mut self.json {
            None => self.out.state(now, tick, frames),
            Some(view) => {
                let result = frames.into_iter().try_for_each(|frame| view.state(&frame));
                self.texts(now, result.map(|()| Vec::new()));
            }
        }
        self.after_json(now);
    }

    /// Does a tick's state wait that [`ServerConnection::send_state`] would replace? Better send none until it has left.
    #[must_use]
    pub fn state_waits(&self) -> bool {
        self.out.state_waits()
    }

    /// The world's tick, for pongs, where no state was sent with it.
    pub fn set_tick(&mut self, tick: Tick) {
        self.newest = self.newest.max(tick);
    }

    /// Ends the connection: a close message where the link has room for it, then the code.
    pub fn close(&mut self, now: u64, code: CloseCode, reason: impl Into<String>) {
        if matches!(self.phase, Phase::Closing | Phase::Closed) {
            return;
        }
        let closing = Closing::new(code, reason);
        self.phase = Phase::Closing;
        self.out.clear();
        let message = ServerMessage::Close { code, reason: closing.reason.clone() };
        self.out.control(now, encode_message(self.encoding, &message));
        self.closing = Some(closing);
    }

    /// Is it over, but for what [`ServerConnection::poll_transmit`] still has?
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closing | Phase::Closed)
    }

    /// How this connection's messages are written.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> ServerConnectionStats {
        let (states_dropped, reliable_bytes) = (self.out.dropped_states(), self.out.reliable_bytes());
        ServerConnectionStats { states_dropped, reliable_bytes, ..self.stats }
    }

    fn message(&mut self, now: u64, packet: &Packet, in_rate: bool) -> Result<(), Closing> {
        if packet.channel != Channel::Control {
            return Err(Closing::new(CloseCode::Malformed, "messages belong on the control stream"));
        }
        let message = decode_message(self.encoding, &packet.frame).map_err(refused_message)?;
        match (&self.phase, message) {
            (Phase::Hello, ClientMessage::Hello(hello)) => self.hello(now, hello),
            (Phase::Hello, _) => Err(Closing::new(CloseCode::Malformed, "the first message is a hello")),
            (_, ClientMessage::Hello(_)) => Err(Closing::new(CloseCode::Malformed, "hello is said once")),
            (_, ClientMessage::Op { id, op }) => self.op(now, id, op, in_rate),
            (_, ClientMessage::Ping { client_us }) if in_rate => {
                self.send_message(now, &ServerMessage::Pong { client_us, server_us: now, tick: self.newest });
                Ok(())
            }
            (_, ClientMessage::Input(sample)) => {
                self.input(now, InputFrame { sample: Some(sample), ..InputFrame::default() }, in_rate)
            }
            (_, ClientMessage::Drive(drive)) if drive.poses.len() > DRIVE_POSES_MAX => {
                let reason = format!("at most {DRIVE_POSES_MAX} poses are said at once");
                Err(Closing::new(CloseCode::TooLarge, reason))
            }
            (_, ClientMessage::Drive(drive)) => {
                self.input(now, InputFrame { drive: Some(drive), ..InputFrame::default() }, in_rate)
            }
            (_, ClientMessage::Bye) => {
                self.events.push_back(ClientEvent::Bye);
                Err(Closing::new(CloseCode::Bye, CloseCode::Bye.reason()))
            }
            (_, ClientMessage::Ping { .. }) => self.strike(now),
        }
    }

    fn hello(&mut self, now: u64, hello: Hello) -> Result<(), Closing> {
        let credential = gate::check_hello(&hello)?;
        self.phase = Phase::Admission { known: hello.catalogue, offered: hello.capabilities };
        self.deadline_us = now + limits::ADMISSION_DEADLINE_US;
        self.events.push_back(ClientEvent::Hello { credential, client: hello.client });
        Ok(())
    }

    fn op(&mut self, now: u64, id: u32, op: Operation, in_rate: bool) -> Result<(), Closing> {
        let refusal = if !(in_rate & self.gate.op(now)) {
            self.strike(now)?;
            OpError { code: OpErrorCode::RateLimited, message: "too many operations: wait a second".into(), path: None }
        } else if !matches!(self.phase, Phase::Live) {
            OpError { code: OpErrorCode::Unavailable, message: "wait for the welcome".into(), path: None }
        } else if id == NO_OP_ID {
            let message = "id: 0 is none; number operations from 1".into();
            OpError { code: OpErrorCode::Invalid, message, path: Some("id".into()) }
        } else if let Some(refusal) = gate::check_operation(&op) {
            refusal
        } else {
            self.events.push_back(ClientEvent::Op { id, op });
            return Ok(());
        };
        self.send_message(now, &ServerMessage::refusal(id, refusal));
        Ok(())
    }

    fn input_frame(&mut self, now: u64, frame: &[u8], in_rate: bool) -> Result<(), Closing> {
        if matches!(self.phase, Phase::Hello) {
            // Datagrams may overtake the hello; those that do are lost as any datagram may be.
            return Ok(());
        }
        let input = InputFrame::decode(frame).map_err(refused_frame)?;
        self.input(now, input, in_rate)
    }

    fn input(&mut self, now: u64, input: InputFrame, in_rate: bool) -> Result<(), Closing> {
        if !(in_rate & self.gate.input(now)) {
            return self.strike(now);
        }
        if !matches!(self.phase, Phase::Live) {
            return Ok(());
        }
        if input.acked.newest() > self.newest {
            return Err(Closing::new(CloseCode::Malformed, "acknowledged a tick that was never sent"));
        }
        self.note_ack(&input.acked);
        if let Some(sample) = input.sample.filter(|sample| sample.seq > self.input_seq) {
            self.input_seq = sample.seq;
            self.events.push_back(ClientEvent::Input(sample.quantised()));
        }
        if let Some(drive) = input.drive.filter(|drive| drive.seq > self.drive_seq) {
            self.drive_seq = drive.seq;
            self.events.push_back(ClientEvent::Drive(drive.quantised()));
        }
        Ok(())
    }

    fn note_ack(&mut self, receipt: &Receipt) {
        // Tick 0 stands for none: who joins before the first tick is taken to have it.
        if receipt.newest() == Tick(0) {
            return;
        }
        let before = self.acked;
        self.acked.merge(receipt);
        if self.acked != before {
            self.events.push_back(ClientEvent::Acked(self.acked));
        }
    }

    /// What has left has arrived, as good as: nothing overtakes it, and nothing is lost but with the link.
    fn presume(&mut self) {
        let left = self.out.left();
        // Before its first own word a client may still be taking in the snapshot, and drop what comes meanwhile.
        if self.presumes && self.acked.newest() > Tick(0) && left > self.acked.newest() {
            self.note_ack(&Acks::of(left).into());
        }
    }

    fn strike(&mut self, now: u64) -> Result<(), Closing> {
        self.stats.rate_limited += 1;
        if self.gate.strike(now) {
            return Ok(());
        }
        Err(Closing::new(CloseCode::RateLimited, "far more frames than allowed, for too long"))
    }

    fn texts(&mut self, now: u64, texts: Result<Vec<Bytes>, DecodeError>) {
        match texts {
            Ok(texts) => texts.into_iter().for_each(|text| self.out.control(now, text)),
            Err(error) => self.close(now, CloseCode::Internal, format!("the world could not be shown: {error}")),
        }
    }

    fn after_json(&mut self, now: u64) {
        if let Some(acks) = self.json.as_ref().map(JsonView::acks) {
            self.note_ack(&acks.into());
        }
        self.check_queue(now);
    }

    fn check_queue(&mut self, now: u64) {
        if self.out.is_over() {
            self.close(now, CloseCode::TooSlow, "too much is waiting to be read");
        }
    }
}

fn refused_message(error: MessageError) -> Closing {
    let code = if error == MessageError::TooDeep { CloseCode::TooLarge } else { CloseCode::Malformed };
    Closing::new(code, error.to_string())
}

fn refused_frame(error: DecodeError) -> Closing {
    let code = if matches!(error, DecodeError::Limit(_)) { CloseCode::TooLarge } else { CloseCode::Malformed };
    Closing::new(code, error.to_string())
}
