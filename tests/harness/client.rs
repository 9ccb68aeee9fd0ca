//! Realtime clients for stories: any transport, and waiting for what must come with a deadline.

use std::time::Duration;

use hd1_client::{Client, ClientError, ClientOptions, Conditions, Connector, Endpoint, Event, ServerEvent, Trust};
use hd1_core::{NetId, PlayerId};
use hd1_protocol::{CloseCode, Encoding, InputSample};
use hd1_transport::{Link, LinkEnd, LinkEvent};
use serde_json::{Value, json};

use crate::{Http, PATIENCE};

/// A story looks again so often while nothing happens.
const GLANCE: Duration = Duration::from_millis(50);

/// The three ways into a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// QUIC, ALPN `hd1/1`.
    Quic,
    /// WebTransport over HTTP/3.
    WebTransport,
    /// WebSocket, `hd1.msgpack`.
    WebSocket,
}

impl Transport {
    /// All of them.
    pub const ALL: [Transport; 3] = [Transport::Quic, Transport::WebTransport, Transport::WebSocket];

    /// The name in the flags of `hd1 bots`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Transport::Quic => "quic",
            Transport::WebTransport => "webtransport",
            Transport::WebSocket => "websocket",
        }
    }
}

/// What `/join` answered: the right to connect once.
#[derive(Clone, Debug)]
pub struct Pass {
    answer: Value,
}

impl Pass {
    /// Joins a session over HTTP.
    #[must_use]
    pub fn obtain(http: &Http, session: &str, name: &str) -> Self {
        let answer = http.post(&format!("/api/sessions/{session}/join"), &json!({ "name": name })).expect(200);
        Self { answer }
    }

    /// A field of the answer.
    ///
    /// # Panics
    /// It is no text.
    #[must_use]
    pub fn text(&self, pointer: &str) -> &str {
        let found = self.answer.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("no {pointer} in {}", self.answer))
    }

    /// The ticket.
    #[must_use]
    pub fn ticket(&self) -> &str {
        self.text("/ticket")
    }

    /// The way in, with the server's certificate pinned.
    #[must_use]
    pub fn endpoint(&self, transport: Transport) -> Endpoint {
        match transport {
            Transport::Quic => Endpoint::Quic(self.text("/endpoints/quic").to_owned(), self.trust()),
            Transport::WebTransport => {
                Endpoint::WebTransport(self.text("/endpoints/webtransport").to_owned(), self.trust())
            }
            Transport::WebSocket => Endpoint::WebSocket(self.text("/endpoints/websocket").to_owned()),
        }
    }

    fn trust(&self) -> Trust {
        let hex = self.text("/certificate_sha256");
        let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("it is hex");
        Trust::Pinned(vec![std::array::from_fn(byte)])
    }

    /// A link without any client on it: nothing has been said yet.
    ///
    /// # Panics
    /// It does not come to be.
    pub async fn bare_link(&self, connector: &Connector, transport: Transport) -> Link {
        let link = match self.endpoint(transport) {
            Endpoint::Quic(address, trust) => connector.quic(&address, &trust).await,
            Endpoint::WebTransport(url, trust) => connector.web_transport(&url, &trust).await,
            Endpoint::WebSocket(url) => hd1_transport::connect::web_socket(&url, Encoding::Binary).await,
        };
        link.unwrap_or_else(|error| panic!("no link over {transport:?}: {error}"))
    }

    /// A link that speaks readable JSON.
    ///
    /// # Panics
    /// It does not come to be.
    pub async fn json_link(&self) -> Link {
        let url = self.text("/endpoints/websocket");
        hd1_transport::connect::web_socket(url, Encoding::Json).await.expect("a WebSocket")
    }
}

/// A client in a session.
pub struct TestClient {
    /// The client, for all that is not said here.
    pub client: Client,
    // The client's UDP socket lives as long as this.
    _connector: Connector,
}

impl TestClient {
    /// Joins as a guest and enters.
    pub async fn enter(http: &Http, session: &str, name: &str, transport: Transport) -> Self {
        let (http, session, name) = (http.clone(), session.to_owned(), name.to_owned());
        let pass = tokio::task::spawn_blocking(move || Pass::obtain(&http, &session, &name)).await;
        Self::with_pass(&pass.expect("joining does not panic"), transport).await.expect("the session is entered")
    }

    /// Joins as a guest and enters over QUIC through a bad network.
    pub async fn far_away(http: &Http, session: &str, name: &str, conditions: Conditions) -> Self {
        let (http, session, name) = (http.clone(), session.to_owned(), name.to_owned());
        let pass = tokio::task::spawn_blocking(move || Pass::obtain(&http, &session, &name)).await;
        let pass = pass.expect("joining does not panic");
        let options = ClientOptions::new(pass.endpoint(Transport::Quic), pass.ticket());
        let options = ClientOptions { conditions: Some(conditions), ..options };
        Self::with_options(options).await.expect("the session is entered")
    }

    /// Enters with a pass.
    ///
    /// # Errors
    /// Why it is not let in.
    pub async fn with_pass(pass: &Pass, transport: Transport) -> Result<Self, ClientError> {
        Self::with_options(ClientOptions::new(pass.endpoint(transport), pass.ticket())).await
    }

    /// Enters as the options say.
    ///
    /// # Errors
    /// Why it is not let in.
    pub async fn with_options(options: ClientOptions) -> Result<Self, ClientError> {
        let connector = Connector::bind().expect("a UDP socket");
        Ok(Self { client: Client::connect(&connector, options).await?, _connector: connector })
    }

    /// Its player's number.
    ///
    /// # Panics
    /// It was never let in.
    #[must_use]
    pub fn player(&self) -> PlayerId {
        self.client.welcome().expect("it was let in").player
    }

    /// A component of an entity in readable form, as the mirror has it.
    #[must_use]
    pub fn component(&self, entity: NetId, name: &str) -> Option<Value> {
        let mirror = self.client.mirror();
        let schema = mirror.shapes().by_name(name)?;
        Some(schema.to_json(&mirror.record(entity, schema.id)?))
    }

    /// The entities that have a component, with its value.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<(NetId, Value)> {
        let ids = self.client.mirror().entities().map(hd1_protocol::mirror::Entity::id);
        let mut all: Vec<_> = ids.filter_map(|id| Some((id, self.component(id, name)?))).collect();
        all.sort_by_key(|(id, _)| *id);
        all
    }

    /// Its own avatar.
    #[must_use]
    pub fn avatar(&self) -> Option<NetId> {
        let player = self.player().0;
        self.all("Avatar").into_iter().find(|(_, avatar)| avatar["player"] == player).map(|(id, _)| id)
    }

    /// Where an entity is, metres.
    #[must_use]
    pub fn position(&self, entity: NetId) -> Option<[f64; 3]> {
        let transform = self.component(entity, "Transform")?;
        let axis = |i: usize| transform["position"][i].as_f64().unwrap_or(f64::NAN);
        Some([axis(0), axis(1), axis(2)])
    }

    /// Walks forward, in this direction.
    pub fn walk(&mut self, yaw: f32) {
        self.client.set_input(InputSample { forward: 1.0, yaw, ..InputSample::default() });
    }

    /// Lives on until `found` finds something; it is asked before the first event, after each, and now and then while none
    /// comes: a quiet world says nothing, but what is shown of it still moves.
    ///
    /// # Panics
    /// It does not in time, or the client is out for good.
    pub async fn until<T>(&mut self, what: &str, mut found: impl FnMut(&mut Self) -> Option<T>) -> T {
        let wait = async {
            loop {
                if let Some(found) = found(self) {
                    return found;
                }
                if let Ok(Err(error)) = tokio::time::timeout(GLANCE, self.client.next()).await {
                    panic!("waiting for {what}: {error}");
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waiting for {what}: it does not come"))
    }

    /// Lives on until an event is the one wanted.
    ///
    /// # Panics
    /// As [`TestClient::until`].
    pub async fn event<T>(&mut self, what: &str, mut wanted: impl FnMut(ServerEvent) -> Option<T>) -> T {
        let wait = async {
            loop {
                match self.client.next().await {
                    Ok(Event::Server(event)) => {
                        if let Some(found) = wanted(event) {
                            return found;
                        }
                    }
                    Ok(Event::Reconnecting { .. }) => {}
                    Err(error) => panic!("waiting for {what}: {error}"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waiting for {what}: it does not come"))
    }

    /// Lives on until the connection is closed, and answers by which code.
    ///
    /// # Panics
    /// It does not come in time, or not by a code.
    pub async fn closed(&mut self) -> CloseCode {
        let wait = async {
            loop {
                match self.client.next().await {
                    Ok(Event::Server(ServerEvent::Closed(closing))) => return closing.code,
                    Err(ClientError::Closed(closing)) => return closing.code,
                    Ok(_) => {}
                    Err(error) => panic!("not closed by a code: {error}"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("it is closed in time")
    }
}

/// Reads a bare link to its end and answers the code with which the server closed it.
///
/// # Panics
/// It does not end in time, or without a code.
pub async fn close_code(link: &mut Link) -> CloseCode {
    match tokio::time::timeout(PATIENCE, end_of(link)).await.expect("it ends in time") {
        LinkEnd::Closed { code: Some(code), .. } => code,
        other => panic!("not closed by a code: {other}"),
    }
}

async fn end_of(link: &mut Link) -> LinkEnd {
    loop {
        if let Err(end) = link.next().await {
            return end;
        }
    }
}

/// The next text of a JSON link whose `t` is `kind`.
///
/// # Panics
/// It does not come in time.
pub async fn json_message(link: &mut Link, kind: &str) -> Value {
    let wait = async {
        loop {
            match link.next().await {
                Ok(LinkEvent::Packet(packet)) => {
                    let value: Value = serde_json::from_slice(&packet.frame).expect("it is JSON");
                    if value["t"] == kind {
                        return value;
                    }
                }
                Ok(LinkEvent::Room) => {}
                Err(end) => panic!("waiting for {kind}: {end}"),
            }
        }
    };
    let deadline = Duration::from_secs(20);
    tokio::time::timeout(deadline, wait).await.unwrap_or_else(|_| panic!("waiting for {kind}: it does not come"))
}
