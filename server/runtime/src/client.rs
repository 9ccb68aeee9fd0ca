//! A client as its world sees it: an outbox to fill and a few numbers that its connection keeps up to date.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hd1_core::{PlayerId, Tick};
use hd1_protocol::message::Welcome;
use hd1_protocol::{CloseCode, InputSample, Receipt};
use hd1_schema::ComponentSchema;

use crate::admission::Hold;
use crate::outbox::Outbox;
use crate::slot::lock;

/// Shared by a client's connection task and its world.
#[derive(Debug, Default)]
pub(crate) struct ClientLine {
    pub outbox: Outbox,
    received: Mutex<Receipt>,
    tick: AtomicU64,
    state_waits: AtomicBool,
}

impl ClientLine {
    /// The connection heard what state the client has.
    pub fn note_received(&self, receipt: &Receipt) {
        lock(&self.received).merge(receipt);
    }

    /// What state the client has.
    pub fn received(&self) -> Receipt {
        *lock(&self.received)
    }

    /// State waits in the connection, or none does.
    pub fn note_state_waits(&self, waits: bool) {
        self.state_waits.store(waits, Ordering::Relaxed);
    }

    /// Does state wait on its way to the link? More of it would only replace it.
    pub fn state_waits(&self) -> bool {
        self.state_waits.load(Ordering::Relaxed) || self.outbox.state_waits()
    }

    /// The world is at a tick, whether or not there is anything to send of it.
    pub fn note_tick(&self, tick: Tick) {
        self.tick.store(tick.0, Ordering::Relaxed);
    }

    /// The world's newest tick.
    pub fn tick(&self) -> Tick {
        Tick(self.tick.load(Ordering::Relaxed))
    }
}

/// One of a world's clients.
#[derive(Debug)]
pub(crate) struct Client {
    pub player: PlayerId,
    pub line: Arc<ClientLine>,
    /// The newest of its inputs that a tick has applied.
    pub input_ack: u32,
    /// Has what it was last sent of state not left yet?
    pub is_held: bool,
    /// Its newest input that a tick has applied.
    pub last_input: Option<InputSample>,
}

impl Client {
    /// One that was just let in.
    pub fn new(player: PlayerId, line: Arc<ClientLine>) -> Self {
        Client { player, line, input_ack: 0, is_held: false, last_input: None }
    }
}

/// What a connection needs to begin, all as of one tick.
pub(crate) struct Admitted {
    pub hold: Hold,
    pub welcome: Welcome,
    pub catalogue: Arc<[ComponentSchema]>,
    pub snapshot_tick: Tick,
    pub snapshot: Vec<Bytes>,
}

/// Why a connection may not begin, or must end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// For programs.
    pub code: CloseCode,
    /// For people.
    pub reason: String,
}

impl Refusal {
    /// With the code's own words.
    #[must_use]
    pub fn of(code: CloseCode) -> Self {
        Refusal { code, reason: code.reason().to_owned() }
    }

    /// With other words.
    #[must_use]
    pub fn new(code: CloseCode, reason: impl Into<String>) -> Self {
        Refusal { code, reason: reason.into() }
    }
}
