//! What stands behind a handle: one connection, the player's wish, and what is drawn of the mirror.

use bytes::Bytes;
use hd1_core::{ClientType, NetId, Tick};
use hd1_protocol::{InputSample, Operation, PROTOCOL_VERSION, Packet, Pose, Room, ServerMessage, message::Hello};
use hd1_session::{ClientConfig, ClientConnection, Hold, Predicted, Prediction, ServerEvent, Transmit};
use serde::Deserialize;
use serde_json::json;

use crate::{drawing::Drawing, limits};

/// What the page says when it opens a connection.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientOptions {
    /// What kind of program it is.
    pub client: ClientType,
    /// The ticket of a first connection.
    pub ticket: Option<String>,
    /// The token of the last welcome, to come back.
    pub resume: Option<String>,
    /// When the page is told what was said of a tick: `heard`, `complete` or `drawn`.
    pub hold: Hold,
}

/// One connection as the page has it. Times are microseconds of the page's clock.
#[derive(Debug)]
pub struct Client {
    connection: ClientConnection,
    drawing: Drawing,
    wish: InputSample,
    sent: InputSample,
    sent_us: u64,
}

impl Client {
    /// Says hello; the frame is the first that [`Client::poll_frame`] gives.
    #[must_use]
    pub fn new(now: u64, options: ClientOptions) -> Self {
        let hello = Hello {
            version: PROTOCOL_VERSION,
            client: options.client,
            capabilities: Vec::new(),
            ticket: options.ticket,
            resume: options.resume,
            catalogue: None,
        };
        let keep_ticks = limits::KEEP_TICKS;
        let config =
            ClientConfig { hello, known: None, keep_ticks, hold: options.hold, record_changes: false, blind: false };
        Client {
            connection: ClientConnection::new(now, config),
            drawing: Drawing::default(),
            wish: InputSample::default(),
            sent: InputSample::default(),
            sent_us: 0,
        }
    }

    /// Takes a frame, whichever way it came: its first byte says what it is.
    pub fn receive(&mut self, now: u64, frame: Vec<u8>) {
        self.connection.handle_packet(now, &Packet::control(Bytes::from(frame)));
    }

    /// Lets time pass, and sends the player's wish while it is new or unconfirmed.
    pub fn advance(&mut self, now: u64) {
        self.connection.handle_timeout(now);
        if !self.connection.is_live() {
            return;
        }
        let changed = InputSample { seq: self.sent.seq, ..self.wish } != self.sent;
        let lost = self.connection.input_ack() < self.sent.seq && now >= self.sent_us + limits::INPUT_REPEAT_US;
        if lost || changed && now >= self.sent_us + self.input_interval_us() {
            let seq = self.connection.set_input(self.wish);
            self.sent = InputSample { seq, ..self.wish };
            self.sent_us = now;
        }
    }

    /// A world hears one input a tick. A little less than a tick: pages draw when they can.
    fn input_interval_us(&self) -> u64 {
        self.connection.welcome().map_or(0, |welcome| welcome.tick_rate.period_ns() / 1_000 * 3 / 4)
    }

    /// The next frame to send.
    pub fn poll_frame(&mut self, now: u64) -> Option<Bytes> {
        match self.connection.poll_transmit(now, Room::ALL)? {
            Transmit::Packet(packet) => Some(packet.frame),
            // The `close` event has told the page, and the page closes its link.
            Transmit::Close(_) => None,
        }
    }

    /// The next event as JSON: a message of the server, `ready` once the world can be drawn, or `taken_back` for an entity
    /// that the page drives no more.
    pub fn poll_event(&mut self) -> Option<String> {
        loop {
            let message = match self.connection.poll_event()? {
                ServerEvent::TakenBack(entity) => {
                    return Some(json!({ "t": "taken_back", "entity": entity }).to_string());
                }
                ServerEvent::Ready { .. } => return Some(json!({ "t": "ready" }).to_string()),
                ServerEvent::Structure
                | ServerEvent::Tick(_)
                | ServerEvent::Complete(_)
                | ServerEvent::Registered(_) => continue,
                ServerEvent::Welcome(welcome) => ServerMessage::Welcome(welcome),
                ServerEvent::OpResult { id, tick, result: Ok(entity), data } => {
                    ServerMessage::OpResult { id, ok: true, tick, entity, data, error: None }
                }
                ServerEvent::OpResult { id, tick, result: Err(error), data } => {
                    ServerMessage::OpResult { id, ok: false, tick, entity: None, data, error: Some(error) }
                }
                ServerEvent::Chat { tick, player, name, text } => ServerMessage::Chat { tick, player, name, text },
                ServerEvent::Message { tick, from, topic, data } => ServerMessage::Message { tick, from, topic, data },
                ServerEvent::Request { tick, id, from, topic, data, until } => {
                    ServerMessage::Request { tick, id, from, topic, data, until }
                }
                ServerEvent::Joined { tick, participant } => ServerMessage::Joined { tick, participant },
                ServerEvent::Left { tick, player } => ServerMessage::Left { tick, player },
                ServerEvent::Closed(closing) => ServerMessage::Close { code: closing.code, reason: closing.reason },
            };
            if let Ok(json) = serde_json::to_string(&message) {
                return Some(json);
            }
        }
    }

    /// Sets what the player wants; numbers that are none count as 0.
    pub fn set_input(&mut self, strafe: f32, forward: f32, yaw: f32, pitch: f32, buttons: u16) {
        let tame = |v: f32| if v.is_finite() { v } else { 0.0 };
        self.wish = InputSample {
            seq: 0,
            strafe: tame(strafe).clamp(-1.0, 1.0),
            forward: tame(forward).clamp(-1.0, 1.0),
            yaw: tame(yaw),
            pitch: tame(pitch),
            buttons,
        };
    }

    /// Queues an operation in its JSON form and returns its id.
    ///
    /// # Errors
    /// In words for the person: it is malformed, or cannot be sent now.
    pub fn op(&mut self, now: u64, json: &[u8]) -> Result<u32, String> {
        let op: Operation = serde_json::from_slice(json).map_err(|e| format!("the operation is malformed: {e}"))?;
        if let Operation::Release { entity } = op {
            self.connection.let_go(now, entity);
        }
        self.connection.send_op(op).ok_or_else(|| "not connected, or too many requests are unanswered".into())
    }

    /// Says where an entity is that the page holds; it is drawn there at once. `false` where that cannot be said now.
    pub fn drive(&mut self, now: u64, pose: Pose) -> bool {
        self.connection.drive(now, pose)
    }

    /// Leaves for good.
    pub fn bye(&mut self) {
        self.connection.bye();
    }

    /// Brings the columns up to `now` and returns the number of rows. The own avatar looks where the player does: its
    /// newest input may be a tick old.
    pub fn render(&mut self, now: u64) -> usize {
        let mirror = self.connection.mirror();
        let moment = self.connection.clock().render_tick(now).unwrap_or(mirror.acked().0 as f64);
        let own = self.connection.predicted(now);
        let own = own.map(|own| Predicted { yaw: own.yaw.map(|_| self.wish.yaw), ..own });
        self.drawing.render(mirror, moment, own, &self.connection.driven(now))
    }

    /// The columns of the last render.
    #[must_use]
    pub fn drawing(&self) -> &Drawing {
        &self.drawing
    }

    /// The newest tick that is whole.
    #[must_use]
    pub fn tick(&self) -> Tick {
        self.connection.mirror().acked()
    }

    /// An entity's components by name, at their newest; `None` where there is no such entity.
    #[must_use]
    pub fn entity_json(&self, id: u32) -> Option<String> {
        let mirror = self.connection.mirror();
        let entity = mirror.entity(NetId(id))?;
        let components = entity.components().filter_map(|held| {
            let schema = mirror.shapes().schema(held.id)?;
            let record = schema.dequantise(&held.row()).ok()?;
            Some((schema.name.clone(), schema.to_json(&record)))
        });
        Some(serde_json::Value::Object(components.collect()).to_string())
    }

    /// Tick, entities, round trip, staleness of the newest whole tick, the drawn moment, how far behind it is and why, how
    /// well the own avatar is predicted, checks and desyncs.
    #[must_use]
    pub fn stats_json(&self, now: u64) -> String {
        let (mirror, clock) = (self.connection.mirror(), self.connection.clock());
        let prediction = self.connection.prediction().map(Prediction::stats);
        let ms = |us: u64| us as f64 / 1_000.0;
        json!({
            "tick": mirror.acked().0,
            "entities": mirror.table().len(),
            "rtt_ms": Some(clock.rtt_us()).filter(|us| *us > 0).map(ms),
            "staleness_ms": clock.staleness_us(now, mirror.acked()).map(ms),
            "drawn_tick": clock.render_tick(now),
            "delay_ms": ms(clock.delay_us(now)),
            "jitter_ms": ms(clock.jitter_us()),
            "prediction_error_m": prediction.and_then(|stats| stats.error_m),
            "corrections": prediction.map_or(0, |stats| stats.corrections),
            "pending_inputs": prediction.map_or(0, |stats| stats.pending_inputs),
            "checks": mirror.stats().checks,
            "desyncs": mirror.stats().desyncs,
        })
        .to_string()
    }
}
