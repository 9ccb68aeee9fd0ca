//! A runtime under hand-moved time, a gate that trusts its tests, and a client over a link in memory.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hd1_core::{ClientType, ParticipantId, Role, SessionId, TickRate};
use hd1_protocol::message::Hello;
use hd1_protocol::{CloseCode, Encoding, PROTOCOL_VERSION};
use hd1_runtime::time::{ManualTime, Timeline};
use hd1_runtime::{
    Admission, Presence, Redeeming, Refusal, Runtime, RuntimeConfig, RuntimeObserver, TicketGate, WorldSource,
    WorldSpec, WorldStatus,
};
use hd1_scenes::Scene;
use hd1_session::{ClientConfig, ClientConnection, Closing, Hold, ServerEvent, Transmit};
use hd1_transport::{Link, LinkEnd, LinkEvent};

pub const PERIOD: Duration = Duration::from_millis(50);
pub const RATE_HZ: u32 = 20;

/// A runtime with its folder, its time and what its observer heard.
pub struct Rig {
    pub dir: Option<tempfile::TempDir>,
    pub time: Arc<ManualTime>,
    pub runtime: Runtime,
    pub heard: Arc<Heard>,
    pub gate: Arc<Gate>,
}

#[derive(Default)]
pub struct Heard {
    pub statuses: Mutex<Vec<(SessionId, WorldStatus)>>,
    pub presences: Mutex<Vec<(ParticipantId, Presence)>>,
}

impl RuntimeObserver for Heard {
    fn status_changed(&self, session: SessionId, status: WorldStatus, _reason: Option<&str>) {
        self.statuses.lock().unwrap().push((session, status));
    }

    fn participant_changed(&self, _session: SessionId, participant: ParticipantId, presence: Presence) {
        self.presences.lock().unwrap().push((participant, presence));
    }
}

/// Takes tickets of the form `session/participant/name`, each once.
#[derive(Default)]
pub struct Gate {
    used: Mutex<HashSet<String>>,
}

impl TicketGate for Gate {
    fn redeem<'a>(&'a self, ticket: &'a str) -> Redeeming<'a> {
        let first = self.used.lock().unwrap().insert(ticket.to_owned());
        Box::pin(async move {
            let parts: Vec<_> = ticket.split('/').collect();
            let [session, participant, name, _] = parts[..] else { return Err(Refusal::of(CloseCode::BadTicket)) };
            match (session.parse(), participant.parse(), first) {
                (Ok(session), Ok(participant), true) => {
                    Ok(Admission { session, participant, name: name.to_owned(), role: Role::Participant })
                }
                _ => Err(Refusal::of(CloseCode::BadTicket)),
            }
        })
    }
}

impl Rig {
    pub fn new(change: impl FnOnce(&mut RuntimeConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        Rig { dir: Some(dir), ..Rig::at(&path, change) }
    }

    /// On files that an earlier one left.
    pub fn at(path: &Path, change: impl FnOnce(&mut RuntimeConfig)) -> Self {
        let time = ManualTime::new();
        let mut config = RuntimeConfig::new(path);
        config.time = Arc::clone(&time) as Arc<dyn Timeline>;
        config.threads = 3;
        change(&mut config);
        let heard = Arc::<Heard>::default();
        let runtime = Runtime::start(config, Arc::clone(&heard) as Arc<dyn RuntimeObserver>).unwrap();
        Rig { dir: None, time, runtime, heard, gate: Arc::default() }
    }

    pub fn settle(&self) {
        tokio::task::block_in_place(|| self.runtime.settle());
    }

    /// Moves time on by whole periods, one at a time.
    pub fn step(&self, periods: u32) {
        for _ in 0..periods {
            self.time.advance(PERIOD);
            self.settle();
        }
    }

    pub fn status(&self, session: SessionId) -> WorldStatus {
        self.runtime.status(session).unwrap().0
    }

    pub fn tick(&self, session: SessionId) -> u64 {
        self.runtime.figures(session).unwrap().tick
    }

    pub async fn world(&self, scene: &Arc<Scene>) -> SessionId {
        let session = SessionId::generate();
        self.runtime.create(session, spec(scene, WorldStatus::Running)).await.unwrap();
        session
    }

    pub fn path(&self) -> &Path {
        self.dir.as_ref().unwrap().path()
    }

    /// The world's files of a kind, newest first.
    pub fn files(&self, session: SessionId, extension: &str) -> Vec<PathBuf> {
        files(self.path(), session, extension)
    }

    pub fn client(&self, session: SessionId, participant: ParticipantId, name: &str) -> TestClient {
        let ticket = ticket(session, participant, name);
        self.connect(hello(Some(ticket), None), None)
    }

    pub fn connect(&self, hello: Hello, known: Option<ClientConfig>) -> TestClient {
        let (ours, theirs) = Link::pair(Encoding::Binary, 64 * 1024);
        self.runtime.connect(theirs, Arc::clone(&self.gate) as Arc<dyn TicketGate>);
        let fresh =
            ClientConfig { hello, known: None, keep_ticks: 0, hold: Hold::Heard, record_changes: false, blind: false };
        let connection = ClientConnection::new(self.now_us(), known.unwrap_or(fresh));
        TestClient { link: Some(ours), connection, events: Vec::new(), closed: None }
    }

    pub fn now_us(&self) -> u64 {
        self.time.now_ns() / 1_000
    }

    /// Lets the world tick and the client speak until it is so.
    pub async fn until(&self, client: &mut TestClient, what: impl Fn(&TestClient) -> bool) {
        for _ in 0..4_000 {
            if what(client) {
                return;
            }
            self.step(1);
            client.pump(self.now_us()).await;
        }
        panic!("it never came: closed {:?}, events {:?}", client.closed, client.events);
    }
}

pub fn files(data: &Path, session: SessionId, extension: &str) -> Vec<PathBuf> {
    let folder = data.join("worlds").join(session.to_string());
    let tick = |path: &PathBuf| {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        stem.rsplit('-').next().unwrap().parse::<u64>().unwrap()
    };
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|found| found == extension));
    found.sort_by_key(|path| std::cmp::Reverse(tick(path)));
    found
}

pub fn ticket(session: SessionId, participant: ParticipantId, name: &str) -> String {
    format!("{session}/{participant}/{name}/{}", ParticipantId::generate())
}

pub fn hello(ticket: Option<String>, resume: Option<String>) -> Hello {
    Hello {
        version: PROTOCOL_VERSION,
        client: ClientType::Bot,
        capabilities: Vec::new(),
        ticket,
        resume,
        catalogue: None,
    }
}

pub fn spec(scene: &Arc<Scene>, initial: WorldStatus) -> WorldSpec {
    WorldSpec {
        source: WorldSource::Scene(Arc::clone(scene)),
        tick_rate: TickRate::try_from(RATE_HZ).unwrap(),
        seed: 7,
        quotas: hd1_sim::Quotas::default(),
        shown: hd1_runtime::Shown::default(),
        plugins: Vec::new(),
        initial,
    }
}

/// Twenty things in orbit.
pub fn moving() -> Arc<Scene> {
    let entity = |n: u32| {
        format!(
            r#"{{ "components": {{ "Transform": {{ "position": [{n}, 1, 0] }}, "Motion": {{ "mode": "orbit", "radius": 3, "period": 20 }} }} }}"#
        )
    };
    let entities: Vec<_> = (0..20).map(entity).collect();
    parse(&format!(r#"{{ "name": "Moving", "entities": [{}] }}"#, entities.join(",")))
}

/// Nothing moves.
pub fn still() -> Arc<Scene> {
    parse(r#"{ "name": "Still", "entities": [{ "components": { "Transform": {} } }] }"#)
}

/// Panics at a tick.
pub fn panicking(tick: u32) -> Arc<Scene> {
    parse(&hd1_sim::fault::PANICKING_SCENE.replace(r#""tick": 10 }"#, &format!(r#""tick": {tick} }}"#)))
}

pub fn parse(text: &str) -> Arc<Scene> {
    Arc::new(Scene::parse(text).unwrap())
}

/// A client at the other end of a link in memory.
pub struct TestClient {
    pub link: Option<Link>,
    pub connection: ClientConnection,
    pub events: Vec<ServerEvent>,
    pub closed: Option<Closing>,
}

impl TestClient {
    /// Moves what there is to move, waiting no longer than a moment for more.
    pub async fn pump(&mut self, now_us: u64) {
        self.connection.handle_timeout(now_us);
        let Some(mut link) = self.link.take() else { return };
        loop {
            while let Some(transmit) = self.connection.poll_transmit(now_us + 10_000, link.room()) {
                match transmit {
                    Transmit::Packet(packet) => link.send(packet),
                    Transmit::Close(closing) => return link.close(closing.code, &closing.reason).await,
                }
            }
            match tokio::time::timeout(Duration::from_millis(1), link.next()).await {
                Ok(Ok(LinkEvent::Packet(packet))) => self.connection.handle_packet(now_us, &packet),
                Ok(Ok(LinkEvent::Room)) => {}
                Ok(Err(end)) => {
                    self.end(end);
                    return self.note_events();
                }
                Err(_) => break,
            }
            self.note_events();
        }
        self.link = Some(link);
    }

    fn note_events(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            if let ServerEvent::Closed(closing) = &event {
                self.closed.get_or_insert(closing.clone());
            }
            self.events.push(event);
        }
    }

    fn end(&mut self, end: LinkEnd) {
        let closing = match end {
            LinkEnd::Closed { code, reason } => Closing::new(code.unwrap_or(CloseCode::Internal), reason),
            other => Closing::new(CloseCode::Internal, other.to_string()),
        };
        self.connection.handle_link_closed(closing);
    }

    pub fn is_ready(&self) -> bool {
        self.connection.is_live() && self.connection.mirror().is_ready()
    }
}
