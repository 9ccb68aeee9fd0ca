//! The client's end of one connection: hello, mirror, clock, inputs and operations.
//!
//! The same code runs in native clients, bots and, as wasm32, in browsers. It speaks the binary encoding; the JSON one
//! is for programs that want no decoder at all. Times are microseconds of one clock that never runs back.

mod avatar;
mod driving;
mod event;
mod hearing;
mod held;

use std::collections::VecDeque;

use bytes::Bytes;
use hd1_protocol::{
    ClientMessage, CloseCode, DecodeError, Encoding, FrameKind, InputFrame, InputSample, Operation, Packet, Receipt,
    Room, decode_message, encode_message,
    limits::FRAME_OUT_BYTES_MAX,
    message::{Hello, Welcome},
    mirror::{Mirror, StateOutcome},
};
use hd1_schema::catalogue_hash;

pub use avatar::Predicted;
pub use driving::DrivenPose;
pub use event::{ClientConfig, ServerEvent};
pub use held::Hold;

use crate::{Closing, Prediction, ServerClock, Transmit, limits};
use avatar::OwnAvatar;
use driving::Driving;
use held::Held;

/// Bytes of the join snapshot that may arrive before the welcome does.
const EARLY_BYTES_MAX: usize = 8 * 1024 * 1024;

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// The hello is sent, the welcome is not here.
    Joining,
    /// In the session.
    Live,
    /// Over; the link is to be ended.
    Closing,
    /// Nothing more happens.
    Closed,
}

/// See the module's words.
#[derive(Debug)]
pub struct ClientConnection {
    phase: Phase,
    config: ClientConfig,
    out: VecDeque<Bytes>,
    events: VecDeque<ServerEvent>,
    held: Held,
    /// When the newest ping left that has come back.
    echoed_us: u64,
    closing: Option<Closing>,
    welcome: Option<Box<Welcome>>,
    mirror: Mirror,
    clock: ServerClock,
    avatar: Option<OwnAvatar>,
    driving: Driving,
    early: Vec<Bytes>,
    early_bytes: usize,
    heard_us: u64,
    ping_due_us: u64,
    /// When the newest ping left.
    pinged_us: u64,
    next_op: u32,
    ops_pending: usize,
    input_seq: u32,
    input: Option<InputSample>,
    /// When it leaves at the latest.
    input_due_us: Option<u64>,
    /// When the last one left.
    input_left_us: u64,
    input_ack: u32,
    quiet: u32,
    acked_sent: Receipt,
    ack_due_us: Option<u64>,
    is_ordered: bool,
    /// How long an acknowledgement waits for an input.
    ack_delay_us: u64,
    bytes_in: u64,
    bytes_out: u64,
}

impl ClientConnection {
    /// Says hello over a link that was just set up.
    #[must_use]
    pub fn new(now: u64, mut config: ClientConfig) -> Self {
        config.hello.catalogue = config.known.as_ref().map(catalogue_hash);
        if !config.hello.capabilities.iter().any(|name| name == crate::ORDERED) {
            config.hello.capabilities.push(crate::ORDERED.to_owned());
        }
        let hello = ClientMessage::Hello(config.hello.clone());
        ClientConnection {
            phase: Phase::Joining,
            held: Held::new(config.hold),
            echoed_us: 0,
            config,
            out: VecDeque::from([encode_message(Encoding::Binary, &hello)]),
            events: VecDeque::new(),
            closing: None,
            welcome: None,
            mirror: Mirror::new([]),
            clock: ServerClock::new(hd1_core::TickRate::DEFAULT),
            avatar: None,
            driving: Driving::default(),
            early: Vec::new(),
            early_bytes: 0,
            heard_us: now,
            ping_due_us: u64::MAX,
            pinged_us: 0,
            next_op: 1,
            ops_pending: 0,
            input_seq: 0,
            input: None,
            input_due_us: None,
            input_left_us: 0,
            input_ack: 0,
            quiet: 0,
            acked_sent: Receipt::default(),
            ack_due_us: None,
            is_ordered: false,
            ack_delay_us: limits::RIDE_US_MAX,
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// A packet came from the link.
    pub fn handle_packet(&mut self, now: u64, packet: &Packet) {
        if matches!(self.phase, Phase::Closing | Phase::Closed) {
            return;
        }
        self.heard_us = now;
        self.bytes_in += packet.frame.len() as u64;
        let before = self.mirror.receipt();
        if let Err(error) = self.frame(now, &packet.frame) {
            return self.end(error);
        }
        // Not only state completes a tick: structure may bring what waiting fragments stood on.
        let receipt = self.mirror.receipt();
        if receipt != before {
            self.ack_due_us.get_or_insert(now + self.ack_delay_us);
        }
        if receipt.whole.newest() > before.whole.newest() {
            self.event(ServerEvent::Complete(receipt.whole.newest()));
            if let Some(avatar) = &mut self.avatar {
                avatar.on_complete(now, &self.mirror, &self.clock, self.input_ack);
            }
        }
        self.tell_held(now);
        let moment = self.moment(now);
        for entity in self.driving.observe(now, &self.mirror, moment) {
            self.event(ServerEvent::TakenBack(entity));
        }
    }

    /// The link ended by itself, with the code and reason of the other end where it gave one.
    pub fn handle_link_closed(&mut self, closing: Closing) {
        if !matches!(self.phase, Phase::Closing | Phase::Closed) {
            self.tell_all_held();
            self.event(ServerEvent::Closed(closing));
        }
        self.phase = Phase::Closed;
    }

    /// Time passed; call it when [`ClientConnection::next_timeout`] is due.
    pub fn handle_timeout(&mut self, now: u64) {
        if matches!(self.phase, Phase::Closing | Phase::Closed) {
            return;
        }
        if now >= self.heard_us + self.silence_us() {
            return self.end(Closing::new(CloseCode::Idle, "nothing was heard from the server"));
        }
        if now >= self.ping_due_us {
            self.ping_due_us = now + limits::PING_INTERVAL_US;
            self.pinged_us = now;
            self.push(&ClientMessage::Ping { client_us: now });
        }
        self.tell_held(now);
    }

    /// When to call again: [`ClientConnection::handle_timeout`], then [`ClientConnection::poll_transmit`].
    #[must_use]
    pub fn next_timeout(&self) -> Option<u64> {
        if matches!(self.phase, Phase::Closing | Phase::Closed) {
            return None;
        }
        let silence = self.heard_us + self.silence_us();
        let others = [self.ack_due_us, self.input_due_us, self.held.due_us(), self.driving.next_due()];
        let others = others.into_iter().flatten();
        Some(others.fold(silence.min(self.ping_due_us), u64::min))
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        self.events.pop_front()
    }

    /// The next thing for the link. After [`Transmit::Close`] there is nothing more.
    pub fn poll_transmit(&mut self, now: u64, room: Room) -> Option<Transmit> {
        if self.phase == Phase::Closed {
            return None;
        }
        let packet = if room.control && !self.out.is_empty() {
            self.out.pop_front().map(Packet::control)
        } else if room.datagram && self.phase == Phase::Live {
            self.input_frame(now).map(Packet::datagram)
        } else {
            None
        };
        if let Some(packet) = packet {
            self.bytes_out += packet.frame.len() as u64;
            return Some(Transmit::Packet(packet));
        }
        let closing = self.closing.take()?;
        self.phase = Phase::Closed;
        Some(Transmit::Close(closing))
    }

    /// Asks for a change; the result comes as [`ServerEvent::OpResult`] with the id given back here. `None` where
    /// the client is not in the session, or too many operations await their result. Before one that releases an entity
    /// call [`ClientConnection::let_go`].
    pub fn send_op(&mut self, op: Operation) -> Option<u32> {
        if self.phase != Phase::Live || self.ops_pending >= limits::CLIENT_OPS_PENDING_MAX {
            return None;
        }
        let id = self.next_op;
        self.next_op = self.next_op.wrapping_add(1).max(1);
        if !self.push(&ClientMessage::Op { id, op }) {
            return None;
        }
        self.ops_pending += 1;
        Some(id)
    }

    /// Sets the player's intent, to leave with the next acknowledgement: one packet instead of two, and the network's own
    /// acknowledgements ride on it too. Where none is due it leaves half a tick from now, and not sooner after the last
    /// than a tick. A newer one takes its place, so it may be set as often as the program draws. Its `seq` is given here
    /// and returned.
    pub fn steer(&mut self, now: u64, sample: InputSample) -> u32 {
        // A little more than a tick: the next acknowledgement may come late.
        let next_us = self.input_left_us + (self.clock.period_us() * 1.25) as u64;
        let due = self.input_due_us.unwrap_or(next_us.max(now + self.ride_us()));
        let seq = self.set_input(sample);
        self.input_due_us = Some(due);
        seq
    }

    /// Sets the player's intent, to leave at the next [`ClientConnection::poll_transmit`]; its `seq` is given here
    /// and returned.
    pub fn set_input(&mut self, sample: InputSample) -> u32 {
        self.input_due_us = Some(0);
        self.input_seq += 1;
        self.input = Some(InputSample { seq: self.input_seq, ..sample });
        self.input_seq
    }

    /// Leaves for good: the avatar goes at once.
    pub fn bye(&mut self) {
        if matches!(self.phase, Phase::Joining | Phase::Live) {
            self.push(&ClientMessage::Bye);
            self.end(Closing::new(CloseCode::Bye, CloseCode::Bye.reason()));
        }
    }

    /// The world as shown; empty before the welcome.
    #[must_use]
    pub fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    /// To take its changes.
    pub fn mirror_mut(&mut self) -> &mut Mirror {
        &mut self.mirror
    }

    /// The server's clock and ticks.
    #[must_use]
    pub fn clock(&self) -> &ServerClock {
        &self.clock
    }

    /// The welcome, once it is here.
    #[must_use]
    pub fn welcome(&self) -> Option<&Welcome> {
        self.welcome.as_deref()
    }

    /// In the session, neither joining nor over?
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// Where to draw the own avatar at `now`: ahead of the mirror, where the server will have it once it has applied the
    /// inputs that are under way. `None` for who has no avatar, and before the first pong and whole tick.
    #[must_use]
    pub fn predicted(&self, now: u64) -> Option<Predicted> {
        self.avatar.as_ref()?.predicted(now)
    }

    /// How well prediction goes; `None` where the server does not say how avatars move.
    #[must_use]
    pub fn prediction(&self) -> Option<&Prediction> {
        self.avatar.as_ref().map(OwnAvatar::prediction)
    }

    /// The newest input that the server has applied.
    #[must_use]
    pub fn input_ack(&self) -> u32 {
        self.input_ack
    }

    /// Ticks just before the newest one in which the server had nothing to send.
    #[must_use]
    pub fn quiet(&self) -> u32 {
        self.quiet
    }

    /// Bytes of frames received and sent.
    #[must_use]
    pub fn bytes(&self) -> (u64, u64) {
        (self.bytes_in, self.bytes_out)
    }

    /// What to begin the next connection with: the resume token of the welcome and the schemas. `None` before one.
    #[must_use]
    pub fn resumption(&self) -> Option<ClientConfig> {
        let welcome = self.welcome.as_ref()?;
        let hello = Hello { ticket: None, resume: Some(welcome.resume_token.clone()), ..self.config.hello.clone() };
        Some(ClientConfig { hello, known: Some(self.mirror.shapes().schemas().cloned().collect()), ..self.config })
    }

    fn frame(&mut self, now: u64, frame: &Bytes) -> Result<(), Closing> {
        if frame.len() > FRAME_OUT_BYTES_MAX {
            return Err(Closing::new(CloseCode::TooLarge, "the server sent a frame beyond its limit"));
        }
        let live = self.phase == Phase::Live;
        match frame.first().and_then(|kind| FrameKind::of(*kind)) {
            Some(FrameKind::Message) => {
                let message = decode_message(Encoding::Binary, frame);
                let message = message.map_err(|e| Closing::new(CloseCode::Malformed, e.to_string()))?;
                self.message(now, message)
            }
            Some(FrameKind::SnapshotChunk | FrameKind::Structure) if live => self.reliable(frame),
            Some(FrameKind::SnapshotChunk) => self.keep_early(frame),
            // State that overtakes the welcome is lost, as any datagram may be.
            Some(FrameKind::State) if !live => Ok(()),
            Some(FrameKind::State) => self.state(now, frame),
            _ => Err(Closing::new(CloseCode::Malformed, "the server sent a frame of no known kind")),
        }
    }

    fn on_welcome(&mut self, now: u64, mut welcome: Box<Welcome>) -> Result<(), Closing> {
        if self.phase != Phase::Joining {
            return Err(Closing::new(CloseCode::Malformed, "the server said welcome twice"));
        }
        let schemas = welcome.catalogue.take().or_else(|| self.config.known.take());
        let schemas = schemas.ok_or_else(|| Closing::new(CloseCode::Malformed, "the welcome has no catalogue"))?;
        let mirror = Mirror::new(schemas).keeping_ticks(self.config.keep_ticks);
        let mirror = if self.config.blind { mirror.blind() } else { mirror };
        self.mirror = if self.config.record_changes { mirror.recording_changes() } else { mirror };
        self.clock = ServerClock::new(welcome.tick_rate);
        self.ack_delay_us = self.ride_us();
        self.is_ordered = welcome.capabilities.iter().any(|name| name == crate::ORDERED);
        self.avatar = OwnAvatar::of(&welcome);
        // A world hears one pose a tick. A little less than a tick: programs draw when they can.
        self.driving = Driving::new(welcome.player.0, welcome.tick_rate.period_ns() / 1_000 * 3 / 4);
        self.phase = Phase::Live;
        self.ping_due_us = now;
        self.event(ServerEvent::Welcome(welcome.clone()));
        self.welcome = Some(welcome);
        self.early_bytes = 0;
        std::mem::take(&mut self.early).iter().try_for_each(|chunk| self.reliable(chunk))
    }

    fn reliable(&mut self, frame: &[u8]) -> Result<(), Closing> {
        if self.mirror.apply_reliable(frame).map_err(undecodable)? {
            self.event(ServerEvent::Ready { tick: self.mirror.acked() });
        } else if self.mirror.is_ready() && self.events.back() != Some(&ServerEvent::Structure) {
            self.event(ServerEvent::Structure);
        }
        Ok(())
    }

    fn keep_early(&mut self, frame: &Bytes) -> Result<(), Closing> {
        self.early_bytes += frame.len();
        if self.early_bytes > EARLY_BYTES_MAX {
            return Err(Closing::new(CloseCode::TooLarge, "the snapshot came without a welcome"));
        }
        self.early.push(frame.clone());
        Ok(())
    }

    fn state(&mut self, now: u64, frame: &[u8]) -> Result<(), Closing> {
        if let Some(moment) = self.clock.render_tick(now) {
            self.mirror.drawn_from(moment);
        }
        let outcome = self.mirror.apply_state(frame).map_err(undecodable)?;
        let (StateOutcome::Applied(header)
        | StateOutcome::Complete(header)
        | StateOutcome::Deferred(header)
        | StateOutcome::Stale(header)) = outcome;
        if self.clock.newest().is_none_or(|newest| header.tick > newest) {
            self.clock.on_tick(now, header.tick);
            self.quiet = header.quiet;
            self.event(ServerEvent::Tick(header.tick));
        }
        self.input_ack = self.input_ack.max(header.input_ack);
        Ok(())
    }

    fn input_frame(&mut self, now: u64) -> Option<Bytes> {
        let acked = self.mirror.receipt();
        let ack_is_due = acked != self.acked_sent && self.ack_due_us.is_none_or(|due| now >= due);
        let leaves = self.input_due_us.is_some_and(|due| now >= due) || ack_is_due;
        let drive = self.driving.poses(now, leaves);
        if !leaves && drive.is_none() {
            return None;
        }
        self.ack_due_us = None;
        // The first is waited for. From then on a server over an ordered link knows by itself what has come.
        let is_presumed = self.is_ordered && acked.newest() > hd1_core::Tick(0);
        self.ack_delay_us = if is_presumed { limits::ORDERED_ACK_DELAY_US } else { self.ride_us() };
        self.acked_sent = acked;
        if self.input_due_us.take().is_some() {
            self.input_left_us = now;
        }
        let sample = self.input.take();
        if let (Some(avatar), Some(sample)) = (&mut self.avatar, &sample) {
            avatar.on_input(now, sample);
        }
        Some(InputFrame { acked, sample, drive }.encode())
    }

    /// How long an input and an acknowledgement wait for each other.
    fn ride_us(&self) -> u64 {
        ((self.clock.period_us() / 2.0) as u64).min(limits::RIDE_US_MAX)
    }

    fn push(&mut self, message: &ClientMessage) -> bool {
        let fits = self.out.len() < limits::CLIENT_OUT_FRAMES_MAX;
        if fits {
            self.out.push_back(encode_message(Encoding::Binary, message));
        }
        fits
    }

    fn end(&mut self, closing: Closing) {
        self.tell_all_held();
        self.event(ServerEvent::Closed(closing.clone()));
        self.closing = Some(closing);
        self.phase = Phase::Closing;
    }

    /// A program that does not fetch its events loses the oldest, so that they never grow without bound.
    fn event(&mut self, event: ServerEvent) {
        if self.events.len() == limits::CLIENT_EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn silence_us(&self) -> u64 {
        if self.phase == Phase::Joining { limits::ADMISSION_DEADLINE_US } else { limits::IDLE_TIMEOUT_US }
    }
}

fn undecodable(error: DecodeError) -> Closing {
    Closing::new(CloseCode::Malformed, format!("the world could not be decoded: {error}"))
}
