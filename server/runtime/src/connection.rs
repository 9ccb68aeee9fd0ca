//! One client's task: between its link, its sans-io connection and its world.
//!
//! It never waits for a tick and no tick waits for it: what the client wants goes into the world's mailbox, what the
//! world says comes out of the client's outbox. Whatever blocks is this client's alone.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hd1_core::ClientType;
use hd1_protocol::message::{OpError, OpErrorCode};
use hd1_protocol::{CloseCode, ServerMessage};
use hd1_session::{ClientEvent, Credential, Rates, ServerConnection, Transmit};
use hd1_transport::{Link, LinkEnd, LinkEvent};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::admission::{Hold, TicketGate};
use crate::client::{Admitted, ClientLine, Refusal};
use crate::context::Context;
use crate::error::RuntimeError;
use crate::mailbox::MailboxError;
use crate::metrics::add;
use crate::outbox::{Item, Taken};
use crate::request::Request;
use crate::roster::Entrant;
use crate::slot::Slot;
use crate::time::MS;
use crate::worlds::Worlds;

type Admitting = Pin<Box<dyn Future<Output = Result<Admitted, Refusal>> + Send>>;

/// What a connection needs of its runtime.
pub(crate) struct Door {
    pub context: Arc<Context>,
    pub worlds: Arc<Worlds>,
    pub gate: Arc<dyn TicketGate>,
    pub draining: CancellationToken,
}

struct Client {
    door: Door,
    connection: ServerConnection,
    line: Arc<ClientLine>,
    admitting: Option<Admitting>,
    hold: Option<Hold>,
    counted: (u64, u64),
}

/// Serves one link until it ends.
pub(crate) async fn serve(door: Door, mut link: Link) {
    let now = door.context.now_ns() / (MS / 1_000);
    let draining = door.draining.clone();
    let connection = ServerConnection::new(now, link.encoding(), Rates::default());
    let mut client = Client {
        connection: if link.is_ordered() { connection.ordered() } else { connection },
        line: Arc::default(),
        admitting: None,
        hold: None,
        counted: (0, 0),
        door,
    };
    let timer = sleep_until(client.wake_at());
    tokio::pin!(timer);
    loop {
        client.act();
        while let Some(transmit) = client.connection.poll_transmit(client.now_us(), link.room()) {
            match transmit {
                Transmit::Packet(packet) => link.send(packet),
                Transmit::Close(closing) => {
                    client.count_bytes();
                    if closing.code == CloseCode::TooSlow {
                        add(&client.door.context.counters.slow_clients, 1);
                    }
                    client.hold = None;
                    return link.close(closing.code, &closing.reason).await;
                }
            }
        }
        client.count_bytes();
        // Over an ordered link, what has left counts as received.
        client.act();
        client.line.note_state_waits(client.connection.state_waits());
        tokio::select! {
            event = link.next() => match event {
                Ok(LinkEvent::Packet(packet)) => {
                    client.connection.set_tick(client.line.tick());
                    client.connection.handle_packet(client.now_us(), &packet);
                }
                Ok(LinkEvent::Room) => {}
                Err(LinkEnd::Violation { code, reason }) => client.connection.close(client.now_us(), code, reason),
                Err(LinkEnd::Closed { code, .. }) => return client.ended(code),
                Err(LinkEnd::Lost(_)) => return client.ended(None),
            },
            taken = client.line.outbox.take(), if client.hold.is_some() => client.hand_on(taken),
            admitted = poll_some(&mut client.admitting) => client.admitted(admitted),
            () = draining.cancelled(), if client.hold.is_none() && !client.connection.is_closed() => {
                client.connection.close(client.now_us(), CloseCode::Draining, CloseCode::Draining.reason());
            }
            () = &mut timer => {
                client.connection.handle_timeout(client.now_us());
                timer.as_mut().reset(client.wake_at());
                continue;
            }
        }
        // Most deadlines move away as frames come; only one that came closer needs the timer touched.
        let wake_at = client.wake_at();
        if wake_at < timer.deadline() {
            timer.as_mut().reset(wake_at);
        }
    }
}

impl Client {
    fn now_us(&self) -> u64 {
        self.door.context.now_ns() / (MS / 1_000)
    }

    fn wake_at(&self) -> Instant {
        let at_us = self.connection.next_timeout().unwrap_or(u64::MAX);
        // At least a millisecond, so that a deadline just missed does not spin; at most a day, so that it is a time.
        let us = at_us.saturating_sub(self.now_us()).clamp(1_000, 86_400_000_000);
        Instant::now() + Duration::from_micros(us)
    }

    /// Acts on what the client wants.
    fn act(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            match event {
                ClientEvent::Hello { credential, client } => {
                    self.admitting = Some(Box::pin(admit(self.door.share(), credential, client, self.line.clone())));
                }
                ClientEvent::Op { id, op } => {
                    let Some(hold) = &self.hold else { continue };
                    if let Err(error) = hold.slot.mailbox.operation(hold.player, hold.key, id, op) {
                        add(&self.door.context.counters.operations_refused, 1);
                        let message = ServerMessage::refusal(id, refused(error));
                        self.connection.send_message(self.now_us(), &message);
                    }
                }
                ClientEvent::Input(sample) => {
                    let Some(hold) = &self.hold else { continue };
                    if hold.slot.mailbox.input(hold.player, hold.key, sample) == Ok(true) {
                        add(&self.door.context.counters.inputs_replaced, 1);
                    }
                }
                ClientEvent::Drive(drive) => {
                    let Some(hold) = &self.hold else { continue };
                    if hold.slot.mailbox.drive(hold.player, hold.key, drive) == Ok(true) {
                        add(&self.door.context.counters.inputs_replaced, 1);
                    }
                }
                ClientEvent::Acked(receipt) => self.line.note_received(&receipt),
                ClientEvent::Bye => self.for_good(),
            }
        }
    }

    fn admitted(&mut self, admitted: Result<Admitted, Refusal>) {
        self.admitting = None;
        let now = self.now_us();
        match admitted {
            Ok(Admitted { hold, welcome, catalogue, snapshot_tick, snapshot }) => {
                self.connection.accept(now, welcome, &catalogue);
                self.connection.send_snapshot(now, snapshot_tick, snapshot);
                self.hold = Some(hold);
            }
            Err(refusal) => self.connection.close(now, refusal.code, refusal.reason),
        }
    }

    /// Gives what the world said to the connection.
    fn hand_on(&mut self, taken: Taken) {
        let now = self.now_us();
        for item in taken.items {
            match item {
                Item::Message { message, .. } => self.connection.send_message(now, &message),
                Item::Structure(frame) => self.connection.send_structure(now, frame),
            }
        }
        if let Some((tick, frames)) = taken.state {
            self.connection.send_state(now, tick, frames);
        }
        if let Some((code, reason)) = taken.close {
            self.connection.close(now, code, reason);
        }
    }

    fn for_good(&mut self) {
        if let Some(hold) = &mut self.hold {
            hold.for_good = true;
        }
    }

    /// The other end closed the link, or it broke.
    fn ended(mut self, code: Option<CloseCode>) {
        self.count_bytes();
        if code == Some(CloseCode::Bye) {
            self.for_good();
        }
    }

    fn count_bytes(&mut self) {
        let stats = self.connection.stats();
        let (new_in, new_out) = (stats.bytes_in - self.counted.0, stats.bytes_out - self.counted.1);
        self.counted = (stats.bytes_in, stats.bytes_out);
        add(&self.door.context.counters.bytes_in, new_in);
        add(&self.door.context.counters.bytes_out, new_out);
        if let Some(hold) = &self.hold {
            add(&hold.slot.figures.bytes_in, new_in);
            add(&hold.slot.figures.bytes_out, new_out);
        }
    }
}

impl Door {
    fn share(&self) -> Door {
        Door {
            context: Arc::clone(&self.context),
            worlds: Arc::clone(&self.worlds),
            gate: Arc::clone(&self.gate),
            draining: self.draining.clone(),
        }
    }
}

async fn poll_some(future: &mut Option<Admitting>) -> Result<Admitted, Refusal> {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// From a credential to a place in a world, waking it where it sleeps.
async fn admit(
    door: Door,
    credential: Credential,
    client: ClientType,
    line: Arc<ClientLine>,
) -> Result<Admitted, Refusal> {
    if door.context.is_draining() {
        return Err(Refusal::of(CloseCode::Draining));
    }
    let (slot, entrant) = match credential {
        Credential::Ticket(ticket) => {
            let admission = door.gate.redeem(&ticket).await?;
            let Some(slot) = door.worlds.find(admission.session) else {
                return Err(Refusal::new(CloseCode::SessionEnded, "the session has no world here"));
            };
            let (participant, name, role) = (admission.participant, admission.name, admission.role);
            (slot, Entrant { participant, name, role, client })
        }
        Credential::Resume(token) => resume(&door.worlds, &token, client)?,
    };
    join(&slot, entrant, line).await
}

fn resume(worlds: &Worlds, token: &str, client: ClientType) -> Result<(Arc<Slot>, Entrant), Refusal> {
    let refusal = || Refusal::new(CloseCode::BadResume, "the time to come back is over: join again with a ticket");
    let (session, secret) = token.split_once('.').ok_or_else(refusal)?;
    let slot = session.parse().ok().and_then(|session| worlds.find(session)).ok_or_else(refusal)?;
    let entrant = slot.redeem(secret).ok_or_else(refusal)?;
    Ok((slot, Entrant { client, ..entrant }))
}

async fn join(slot: &Arc<Slot>, entrant: Entrant, line: Arc<ClientLine>) -> Result<Admitted, Refusal> {
    let (reply, answer) = oneshot::channel();
    slot.ask(Request::Join { entrant, line, reply }).map_err(|error| match error {
        RuntimeError::Busy => Refusal::new(CloseCode::Full, "too many are joining at once: try again"),
        _ => Refusal::of(CloseCode::SessionEnded),
    })?;
    answer.await.unwrap_or_else(|_| Err(Refusal::of(CloseCode::SessionEnded)))
}

fn refused(error: MailboxError) -> OpError {
    let code = match error {
        MailboxError::PlayerFull | MailboxError::Full => OpErrorCode::RateLimited,
        MailboxError::Closed => OpErrorCode::Unavailable,
    };
    OpError { code, message: format!("{error}: try again later"), path: None }
}
