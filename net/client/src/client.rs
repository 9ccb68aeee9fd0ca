//! A client: one connection after another to the same session, seen as one.

mod reading;
mod words;

use std::{
    collections::VecDeque,
    future::{pending, poll_fn},
    pin::Pin,
    task::Poll,
    time::Duration,
};

use hd1_core::{NetId, PlayerId};
use hd1_protocol::{CloseCode, InputSample, Operation, PROTOCOL_VERSION, Packet, Pose, message::Hello, said::To};
use hd1_session::{ClientConfig, ClientConnection, Closing, ServerEvent, Transmit};
use hd1_transport::{ConnectError, Connector, Link, LinkEnd, LinkEvent};
use serde_json::Value as Json;
use tokio::{
    task::yield_now,
    time::{Instant, Sleep, sleep, timeout},
};

pub use words::{ClientError, ClientOptions, Event};

use crate::{
    limits,
    stats::{Arrivals, ClientStats},
};

type Dialing = Pin<Box<dyn Future<Output = Result<Link, ConnectError>> + Send>>;

enum Road {
    Linked(Box<Link>),
    Dialing(Dialing),
    Over,
}

/// See the module's words.
pub struct Client {
    options: ClientOptions,
    connector: Connector,
    road: Road,
    connection: ClientConnection,
    /// What the next connection begins with.
    resumption: Option<ClientConfig>,
    attempt: u32,
    started: Instant,
    timer: Pin<Box<Sleep>>,
    kept: VecDeque<Event>,
    /// What came at once.
    received: Vec<Packet>,
    /// When it came: before any of it was decoded.
    arrived_us: u64,
    arrivals: Arrivals,
    stats: ClientStats,
    /// Sums over the connections before this one.
    before: ClientStats,
}

impl Client {
    /// Enters a session: returns once the welcome and the whole join snapshot are here.
    ///
    /// # Errors
    /// [`ClientError::Connect`] or [`ClientError::Closed`].
    pub async fn connect(connector: &Connector, options: ClientOptions) -> Result<Self, ClientError> {
        let link = options.endpoint.clone().dial(connector.clone(), options.conditions).await?;
        Self::over(connector, link, options).await
    }

    /// As [`Client::connect`], over a link that stands already.
    ///
    /// # Errors
    /// [`ClientError::Closed`].
    pub async fn over(connector: &Connector, link: Link, options: ClientOptions) -> Result<Self, ClientError> {
        let hello = Hello {
            version: PROTOCOL_VERSION,
            client: options.client_type,
            capabilities: Vec::new(),
            ticket: Some(options.ticket.clone()),
            resume: None,
            catalogue: None,
        };
        let ClientOptions { keep_ticks, hold, record_changes, blind, .. } = options;
        let config = ClientConfig { hello, known: None, keep_ticks, hold, record_changes, blind };
        let started = Instant::now();
        let mut client = Client {
            options,
            connector: connector.clone(),
            road: Road::Linked(Box::new(link)),
            connection: ClientConnection::new(0, config),
            resumption: None,
            attempt: 0,
            started,
            timer: Box::pin(tokio::time::sleep_until(started)),
            kept: VecDeque::new(),
            received: Vec::new(),
            arrived_us: 0,
            arrivals: Arrivals::default(),
            stats: ClientStats::default(),
            before: ClientStats::default(),
        };
        loop {
            match client.next_inner().await? {
                Event::Server(ServerEvent::Ready { tick }) => {
                    client.keep(Event::Server(ServerEvent::Ready { tick }));
                    return Ok(client);
                }
                event => client.keep(event),
            }
        }
    }

    /// Drives the connection until something happens. It may be dropped at any await and called again.
    ///
    /// # Errors
    /// [`ClientError::Closed`] once the client is out for good.
    pub async fn next(&mut self) -> Result<Event, ClientError> {
        if let Some(event) = self.kept.pop_front() {
            return Ok(event);
        }
        self.next_inner().await
    }

    async fn next_inner(&mut self) -> Result<Event, ClientError> {
        loop {
            if let Some(event) = self.connection.poll_event() {
                self.note(&event);
                if let ServerEvent::Closed(closing) = &event {
                    return self.closed(closing.clone()).await.map(|()| Event::Server(event));
                }
                return Ok(Event::Server(event));
            }
            match &mut self.road {
                Road::Linked(_) => self.attend().await,
                Road::Dialing(dialing) => match dialing.await {
                    Ok(link) => self.begin_again(link),
                    Err(error) => {
                        self.road = Road::Over;
                        self.try_again().ok_or(error)?;
                    }
                },
                Road::Over => return Err(Closing::new(CloseCode::Bye, "the client has left").into()),
            }
            if let (Road::Dialing(_), Some(event)) = (&self.road, self.kept.pop_back()) {
                return Ok(event);
            }
        }
    }

    /// Sends what is due, then waits for one thing: a packet, a deadline, or the link's end.
    async fn attend(&mut self) {
        // What has come and was not looked at, because the wait below was dropped.
        if self.received.is_empty() && !self.wait().await {
            return;
        }
        self.take_in();
    }

    /// The first half of [`Client::attend`]; whether there is something to take in.
    async fn wait(&mut self) -> bool {
        let now = self.now_us();
        let Road::Linked(link) = &mut self.road else { return false };
        while let Some(transmit) = self.connection.poll_transmit(now, link.room()) {
            match transmit {
                Transmit::Packet(packet) => link.send(packet),
                Transmit::Close(closing) => {
                    if let Road::Linked(link) = std::mem::replace(&mut self.road, Road::Over) {
                        link.close(closing.code, &closing.reason).await;
                    }
                    return false;
                }
            }
        }
        let deadline = self.connection.next_timeout().map(|due| self.started + Duration::from_micros(due));
        if let Some(deadline) = deadline.filter(|deadline| *deadline != self.timer.deadline()) {
            self.timer.as_mut().reset(deadline);
        }
        let due = async {
            match deadline {
                Some(_) => self.timer.as_mut().await,
                None => pending().await,
            }
        };
        let arrival = tokio::select! {
            biased;
            arrival = receive(link, &mut self.received) => Some(arrival),
            () = due => None,
        };
        self.arrived_us = self.started.elapsed().as_micros() as u64;
        match arrival {
            Some(Ok(())) => {
                // Others of this thread note when theirs came before any of it is decoded.
                yield_now().await;
                true
            }
            Some(Err(end)) => {
                self.take_in();
                self.connection.handle_link_closed(closing_of(end));
                self.road = Road::Over;
                false
            }
            None => {
                self.connection.handle_timeout(self.arrived_us);
                false
            }
        }
    }

    fn take_in(&mut self) {
        let now = self.arrived_us;
        self.received.drain(..).for_each(|packet| self.connection.handle_packet(now, &packet));
    }

    async fn closed(&mut self, closing: Closing) -> Result<(), ClientError> {
        self.resumption = self.connection.resumption().or_else(|| self.resumption.take());
        // The link is told why before it goes.
        if let Road::Linked(link) = std::mem::replace(&mut self.road, Road::Over) {
            link.close(closing.code, &closing.reason).await;
        }
        let may_return = self.options.reconnect && closing.code.may_retry() && closing.code != CloseCode::BadResume;
        if may_return && self.try_again().is_some() { Ok(()) } else { Err(closing.into()) }
    }

    /// Begins the next attempt; `None` where there is nothing to come back with, or it was tried often enough.
    fn try_again(&mut self) -> Option<()> {
        self.resumption.as_ref()?;
        if self.attempt >= limits::RECONNECT_ATTEMPTS_MAX {
            return None;
        }
        // Clients of one server lose it together: each waits a little differently, by its own number.
        let player = self.connection.welcome().map_or(0, |welcome| welcome.player.0);
        let spread = Duration::from_millis(u64::from(player.wrapping_mul(37) % 100));
        let doubled = limits::RECONNECT_WAIT.saturating_mul(1 << self.attempt.min(16)).min(limits::RECONNECT_WAIT_MAX);
        let wait = if self.attempt == 0 { spread } else { doubled + spread };
        self.attempt += 1;
        self.keep(Event::Reconnecting { attempt: self.attempt, wait });
        let dial = self.options.endpoint.clone().dial(self.connector.clone(), self.options.conditions);
        self.road = Road::Dialing(Box::pin(async move {
            sleep(wait).await;
            dial.await
        }));
        Some(())
    }

    fn begin_again(&mut self, link: Link) {
        let Some(config) = self.resumption.clone() else {
            self.road = Road::Over;
            return;
        };
        self.before = ClientStats { reconnects: self.before.reconnects + 1, ..self.stats() };
        self.stats = ClientStats::default();
        self.arrivals.forget();
        // Of the connection before.
        self.received.clear();
        self.connection = ClientConnection::new(self.now_us(), config);
        self.road = Road::Linked(Box::new(link));
    }

    fn note(&mut self, event: &ServerEvent) {
        let now = self.now_us();
        match event {
            ServerEvent::Ready { .. } => self.attempt = 0,
            ServerEvent::Tick(_) => {
                self.stats.ticks_seen += 1;
                // In ticks between, nothing was to be sent.
                let ticks = u64::from(self.connection.quiet()) + 1;
                self.stats.tick_interval_us = self.arrivals.on_tick(self.arrived_us).map(|passed| passed / ticks);
            }
            ServerEvent::Complete(tick) => {
                self.stats.ticks_complete = self.connection.mirror().stats().ticks;
                self.stats.staleness_us = self.connection.clock().staleness_us(now, *tick);
            }
            _ => {}
        }
    }

    /// Asks for a change and drives the connection until its result is here; other events are kept for
    /// [`Client::next`]. Returns the entity made or changed.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the server's reason, or why there is no result.
    pub async fn op(&mut self, op: Operation) -> Result<Option<NetId>, ClientError> {
        self.result_of(op, limits::OP_TIMEOUT).await.map(|(entity, _)| entity)
    }

    /// Asks another player's program and drives the connection until that has answered, or has not in time; other
    /// events, requests among them, are kept for [`Client::next`]. `timeout_ticks` as in [`Operation::Ask`].
    ///
    /// # Errors
    /// [`ClientError::Refused`] with what became of it, or why there is no result.
    pub async fn ask(
        &mut self,
        to: PlayerId,
        topic: impl Into<String>,
        data: Json,
        timeout_ticks: Option<u32>,
    ) -> Result<Json, ClientError> {
        let ask = Operation::Ask { to, topic: topic.into(), data, timeout_ticks };
        self.result_of(ask, limits::ASK_TIMEOUT).await.map(|(_, data)| data)
    }

    /// Says something to others' programs.
    ///
    /// # Errors
    /// As [`Client::op`].
    pub async fn say(&mut self, topic: impl Into<String>, to: To, data: Json) -> Result<(), ClientError> {
        self.op(Operation::Send { topic: topic.into(), to, data }).await.map(|_| ())
    }

    async fn result_of(&mut self, op: Operation, patience: Duration) -> Result<(Option<NetId>, Json), ClientError> {
        let wanted = self.send_op(op)?;
        let result = async {
            loop {
                match self.next_inner().await? {
                    Event::Server(ServerEvent::OpResult { id, result, data, .. }) if id == wanted => {
                        return Ok((result?, data.unwrap_or_default()));
                    }
                    Event::Reconnecting { .. } => return Err(ClientError::NoResult),
                    event => self.keep(event),
                }
            }
        };
        timeout(patience, result).await.unwrap_or(Err(ClientError::NoResult))
    }

    /// Asks for a change without waiting: the result comes as an event with the id returned here.
    ///
    /// # Errors
    /// [`ClientError::NotSent`].
    pub fn send_op(&mut self, op: Operation) -> Result<u32, ClientError> {
        if let Operation::Release { entity } = op {
            self.connection.let_go(self.now_us(), entity);
        }
        self.connection.send_op(op).ok_or(ClientError::NotSent)
    }

    /// Says a line to everyone.
    ///
    /// # Errors
    /// As [`Client::op`].
    pub async fn chat(&mut self, text: impl Into<String>) -> Result<(), ClientError> {
        self.op(Operation::Chat { text: text.into() }).await.map(|_| ())
    }

    /// Sets the player's intent, to leave with the tick's acknowledgement, once a tick; a newer one takes its place until
    /// then, so it may be set as often as the program draws. Up to half the packets of [`Client::set_input`].
    pub fn steer(&mut self, sample: InputSample) -> u32 {
        self.connection.steer(self.now_us(), sample)
    }

    /// Sets the player's intent; best once per tick. It leaves at once, with the next [`Client::next`].
    pub fn set_input(&mut self, sample: InputSample) -> u32 {
        self.connection.set_input(sample)
    }

    /// Says where an entity is whose authority the client holds ([`Operation::Take`], [`Operation::Hand`]); best once per
    /// tick. It leaves with the next [`Client::next`], is repeated, and [`Client::sample`] shows it there at once. `false`
    /// where the client is not connected, a number is not finite, or it drives as much as one may. [`Operation::Release`]
    /// ends it.
    pub fn drive(&mut self, pose: Pose) -> bool {
        self.connection.drive(self.now_us(), pose)
    }

    /// Cuts the connection without a word, as a network does; [`Client::next`] then comes back. For tests and tools.
    pub fn cut(&mut self) {
        self.connection.handle_link_closed(closing_of(LinkEnd::Lost("cut on purpose".into())));
        self.road = Road::Over;
    }

    /// Leaves for good: the avatar goes at once.
    pub async fn leave(mut self) {
        self.connection.bye();
        while matches!(self.road, Road::Linked(_)) {
            self.attend().await;
        }
    }

    fn keep(&mut self, event: Event) {
        if self.kept.len() < limits::EVENTS_KEPT_MAX {
            self.kept.push_back(event);
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// Waits until something comes, and takes with it all that has come; what came before the link's end too.
async fn receive(link: &mut Link, packets: &mut Vec<Packet>) -> Result<(), LinkEnd> {
    poll_fn(|cx| {
        let mut room = false;
        while packets.len() < limits::PACKETS_AT_ONCE_MAX {
            match link.poll_next(cx) {
                Poll::Ready(Ok(LinkEvent::Packet(packet))) => packets.push(packet),
                Poll::Ready(Ok(LinkEvent::Room)) => room = true,
                Poll::Ready(Err(end)) => return Poll::Ready(Err(end)),
                Poll::Pending => break,
            }
        }
        if room || !packets.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}

fn closing_of(end: LinkEnd) -> Closing {
    match end {
        LinkEnd::Closed { code: Some(code), reason } => Closing::new(code, reason),
        LinkEnd::Violation { code, reason } => Closing::new(code, reason),
        // A lost link is what a silent one becomes in the end: the client may come back.
        LinkEnd::Closed { code: None, reason } => Closing::new(CloseCode::Idle, format!("connection closed: {reason}")),
        LinkEnd::Lost(reason) => Closing::new(CloseCode::Idle, format!("connection lost: {reason}")),
    }
}
