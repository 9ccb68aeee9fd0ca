//! Two ends in simulated time, and a world just large enough to be shown.
#![allow(dead_code, reason = "each test binary uses its part")]

use bytes::Bytes;
use hd1_core::{ClientType, NetId, ParticipantId, PlayerId, Role, SessionId, Tick, TickRate};
use hd1_protocol::{
    Encoding, Packet, Room, ServerMessage, hash,
    limits::PAGE_SLOTS,
    message::{Hello, Welcome},
    predict::Onward,
    shapes::Shapes,
    snapshot::{self, ChunkPlace, OpenPage, Shown, Spawned},
    state::{Base, BlobHead, BlobWriter, Entry, StateHeader, TickCodes},
    structure::{self, Block, StructureBatch, StructureOp},
};
use hd1_schema::{
    CatalogueHash, ComponentId, ComponentSchema, Delivery, FieldKind, FieldSchema, Range, Row, Value, catalogue_hash,
};
use hd1_session::{
    ClientConfig, ClientConnection, ClientEvent, Closing, Hold, Rates, ServerConnection, ServerEvent, Transmit,
};
use hd1_transport::{Conditions, LossyQueue};

pub const PLACE: ComponentId = ComponentId(1);
pub const LABEL: ComponentId = ComponentId(3);
pub const HZ: u32 = 50;
pub const PERIOD_US: u64 = 20_000;

pub fn schemas() -> Vec<ComponentSchema> {
    let schema = |id, name: &str, delivery, field: &str, kind, default| ComponentSchema {
        id,
        name: name.into(),
        doc: String::new(),
        delivery,
        client_writable: true,
        fields: vec![FieldSchema { name: field.into(), doc: String::new(), kind, unit: String::new(), default }],
    };
    let vec3 = FieldKind::Vec3 { range: Range::new(-1.0e4, 1.0e4), step: 0.01 };
    let text = FieldKind::Text { max_bytes: 32 };
    vec![
        schema(PLACE, "Place", Delivery::State, "at", vec3, Value::Vec3([0.0; 3])),
        schema(LABEL, "Label", Delivery::Reliable, "text", text, Value::Text(String::new())),
    ]
}

pub fn hello() -> Hello {
    Hello {
        version: 1,
        client: ClientType::Bot,
        capabilities: Vec::new(),
        ticket: Some("ticket".into()),
        resume: None,
        catalogue: None,
    }
}

pub fn welcome(tick: Tick) -> Welcome {
    Welcome {
        version: 0,
        capabilities: Vec::new(),
        session: SessionId("01234567-89ab-7cde-8f01-23456789abcd".parse().unwrap()),
        participant: ParticipantId("01234567-89ab-7cde-8f01-23456789abce".parse().unwrap()),
        player: PlayerId(1),
        role: Role::Participant,
        tick,
        tick_rate: TickRate::try_from(HZ).unwrap(),
        server_us: 0,
        resume_token: "resume me".into(),
        resume_grace_s: 30,
        catalogue_hash: catalogue_hash(&schemas()),
        catalogue: None,
        participants: Vec::new(),
        movement: None,
        camera: None,
    }
}

/// So many entities that move each tick.
pub struct World {
    pub tick: Tick,
    pub version: u64,
    pub places: Vec<[i32; 3]>,
    shapes: Shapes,
}

impl World {
    pub fn new(entities: usize) -> Self {
        World { tick: Tick(100), version: 0, places: vec![[0; 3]; entities], shapes: Shapes::new(schemas()) }
    }

    /// All entities by their numbers, 256 to a page.
    pub fn snapshot(&self) -> Vec<Bytes> {
        let spawned = |(i, place): (usize, &[i32; 3])| Spawned {
            slot: (i % PAGE_SLOTS) as u8,
            entity: NetId(i as u32 + 1),
            components: vec![(PLACE, Row { lanes: place.to_vec(), bytes: Vec::new() })],
        };
        let spawns: Vec<_> = self.places.iter().enumerate().map(spawned).collect();
        let mut shown = Shown::default();
        for page in spawns.chunks(PAGE_SLOTS) {
            shown.page();
            page.iter().for_each(|spawned| shown.spawned(spawned));
        }
        let bodies = snapshot::encode(&self.shapes, &shown).unwrap();
        let frame = |(i, body): (usize, &snapshot::ChunkBody)| {
            let is_last = i + 1 == bodies.len();
            let place = ChunkPlace { ends_stream: is_last, completes_view: is_last, with_structure: false };
            let open = |(page, entities): &(usize, u32)| {
                let version = if *page == 0 { self.version } else { 0 };
                OpenPage { page: *page as u16, version, entities: *entities }
            };
            let pages: Vec<_> = body.pages.iter().map(open).collect();
            snapshot::frame(self.tick, place, &pages, &body.bytes).into()
        };
        bodies.iter().enumerate().map(frame).collect()
    }

    pub fn step(&mut self) {
        self.tick = self.tick.next();
        for (i, place) in self.places.iter_mut().enumerate() {
            place[i % 3] += (self.tick.0 % 7) as i32 - 2;
        }
    }

    /// A label on an entity of the first page, with the next tick: this one's state may have been sent.
    pub fn label(&mut self, entity: NetId, text: &str) -> Bytes {
        self.version += 1;
        let mut row = Row::default();
        row.text(text);
        let ops = vec![StructureOp::Set { slot: entity.0 as u8 - 1, component: LABEL, row }];
        let blocks = vec![Block::Changed { page: 0, version: self.version, ops }];
        structure::encode(&self.shapes, &StructureBatch { tick: self.tick.next(), blocks }).unwrap().into()
    }

    /// One more entity, in the first page and with this tick.
    pub fn spawn(&mut self) -> (NetId, Bytes) {
        self.version += 1;
        let (slot, entity) = (self.places.len() as u8, NetId(self.places.len() as u32 + 1));
        self.places.push([0; 3]);
        let components = vec![(PLACE, Row { lanes: [0; 3].into_iter().collect(), bytes: Vec::new() })];
        let ops = vec![StructureOp::Spawn { slot, entity, components }];
        let blocks = vec![Block::Changed { page: 0, version: self.version, ops }];
        let batch = StructureBatch { tick: self.tick, blocks };
        (entity, structure::encode(&self.shapes, &batch).unwrap().into())
    }

    /// The whole state, a frame for each piece; check sums only where there are no labels.
    pub fn state(&self, base: Tick, input_ack: u32) -> Vec<Bytes> {
        let (mut writer, mut bytes, codes) = (BlobWriter::default(), Vec::new(), TickCodes::default());
        let base = Base::alone(base);
        let mut pieces = Vec::new();
        for (page, places) in self.places.chunks(PAGE_SLOTS).enumerate() {
            let id = |slot: usize| NetId((page * PAGE_SLOTS + slot) as u32 + 1);
            let part = |(slot, place): (usize, &[i32; 3])| {
                hash::presence(id(slot)).wrapping_add(hash::component(id(slot), PLACE, place, &[]))
            };
            let sum = places.iter().enumerate().map(part).fold(0, u64::wrapping_add);
            let hash = (self.version == 0).then_some(sum as u32);
            let version = if page == 0 { self.version } else { 0 };
            writer.begin(BlobHead { whole: true, version: Some(version), moved_for: 1, hash });
            writer.section(PLACE, self.shapes.shape(PLACE).unwrap(), &codes, &mut bytes);
            for (slot, place) in places.iter().enumerate() {
                writer.row(slot as u8, place, None, Onward::NONE);
            }
            pieces.extend(writer.end(&codes, &mut bytes).ranges.into_iter().map(|range| (page as u16, range)));
        }
        let count = pieces.len() as u32;
        let frame = |(index, (page, range)): (usize, &(u16, std::ops::Range<u32>))| {
            let header = StateHeader { input_ack, tick: self.tick, quiet: 0, base, index: index as u32, count };
            let mut frame = Vec::new();
            header.encode(&mut frame);
            codes.encode(0, &mut frame);
            Entry { page: *page, base, opened: None }.encode(&header, None, &mut frame);
            frame.extend_from_slice(&bytes[range.start as usize..range.end as usize]);
            frame.into()
        };
        pieces.iter().enumerate().map(frame).collect()
    }
}

/// Something that the server said of an entity that it made in the same tick.
#[derive(Clone, Copy, Debug)]
pub struct Said {
    pub tick: Tick,
    pub entity: NetId,
    pub sent_us: u64,
}

/// How far a client was when it was told something.
#[derive(Clone, Copy, Debug)]
pub struct ToldAt {
    pub now: u64,
    pub whole: Tick,
    pub drawn: Option<f64>,
    /// Entities of the mirror: they are numbered from 1.
    pub entities: usize,
}

/// Both ends, the network between them, and the world behind the server.
pub struct Pair {
    pub now: u64,
    pub client: ClientConnection,
    pub server: ServerConnection,
    pub world: World,
    pub room: Room,
    pub client_events: Vec<ServerEvent>,
    /// When each of them was told, and what the client had then.
    pub told_at: Vec<ToldAt>,
    pub server_events: Vec<ClientEvent>,
    pub client_closed: Option<Closing>,
    pub server_closed: Option<Closing>,
    up: LossyQueue,
    down: LossyQueue,
    /// What the server said of entities that it made.
    pub said: Vec<Said>,
    to_say: u32,
    acked: Tick,
    input_seq: u32,
    next_tick_us: Option<u64>,
}

/// A client that draws.
pub fn config(hold: Hold) -> ClientConfig {
    ClientConfig { hello: hello(), known: None, keep_ticks: 8, hold, record_changes: false, blind: false }
}

impl Pair {
    pub fn new(conditions: Conditions) -> Self {
        Self::holding(conditions, Hold::Heard)
    }

    /// With a client that is told what was said of a tick at such a moment.
    pub fn holding(conditions: Conditions, hold: Hold) -> Self {
        Pair {
            now: 0,
            client: ClientConnection::new(0, config(hold)),
            server: ServerConnection::new(0, Encoding::Binary, Rates::default()),
            world: World::new(40),
            room: Room::ALL,
            client_events: Vec::new(),
            told_at: Vec::new(),
            server_events: Vec::new(),
            client_closed: None,
            server_closed: None,
            up: LossyQueue::new(conditions),
            down: LossyQueue::new(Conditions { seed: conditions.seed + 1, ..conditions }),
            said: Vec::new(),
            to_say: 0,
            acked: Tick(0),
            input_seq: 0,
            next_tick_us: None,
        }
    }

    /// Runs to a moment: packets, timeouts and ticks in the order of their times.
    pub fn run_until(&mut self, end: u64) {
        loop {
            self.exchange();
            let times = [
                self.up.next_due(),
                self.down.next_due(),
                self.client.next_timeout(),
                self.server.next_timeout(),
                self.next_tick_us,
            ];
            let next = times.into_iter().flatten().min().filter(|next| *next <= end);
            let Some(next) = next else { break };
            // A due timeout that changes nothing must not stop time.
            self.now = next.max(self.now + 1);
            while let Some(packet) = self.up.pop(self.now) {
                self.server.handle_packet(self.now, &packet);
            }
            while let Some(packet) = self.down.pop(self.now) {
                self.client.handle_packet(self.now, &packet);
            }
            if self.client.next_timeout().is_some_and(|due| self.now >= due) {
                self.client.handle_timeout(self.now);
            }
            if self.server.next_timeout().is_some_and(|due| self.now >= due) {
                self.server.handle_timeout(self.now);
            }
            self.tick();
        }
        self.now = end;
    }

    /// With the next tick an entity is made, and spoken of: how it went, and a message.
    pub fn say(&mut self) {
        self.to_say += 1;
    }

    fn say_now(&mut self) {
        let tick = self.world.tick;
        for _ in 0..std::mem::take(&mut self.to_say) {
            let (entity, structure) = self.world.spawn();
            self.server.send_structure(self.now, structure);
            let (id, tick, entity) = (entity.0, Some(tick), Some(entity));
            let done = ServerMessage::OpResult { id, ok: true, tick, entity, data: None, error: None };
            self.server.send_message(self.now, &done);
            self.said.push(Said { tick: self.world.tick, entity: NetId(id), sent_us: self.now });
            let (tick, from, topic, data) = (self.world.tick, PlayerId(2), "made".into(), id.into());
            self.server.send_message(self.now, &ServerMessage::Message { tick, from, topic, data });
        }
    }

    /// The world goes on without changes: no state is sent any more.
    pub fn stand_still(&mut self) {
        self.next_tick_us = None;
    }

    fn tick(&mut self) {
        if self.next_tick_us.is_none_or(|due| self.now < due) {
            return;
        }
        self.next_tick_us = self.next_tick_us.map(|due| due + PERIOD_US);
        self.world.step();
        self.say_now();
        let frames = self.world.state(self.acked, self.input_seq);
        self.server.send_state(self.now, self.world.tick, frames);
    }

    fn exchange(&mut self) {
        while let Some(transmit) = self.client.poll_transmit(self.now, Room::ALL) {
            match transmit {
                Transmit::Packet(packet) => self.up.push(self.now, packet),
                Transmit::Close(closing) => self.client_closed = Some(closing),
            }
        }
        while let Some(event) = self.server.poll_event() {
            match &event {
                ClientEvent::Hello { .. } => {
                    self.server.accept(self.now, welcome(self.world.tick), &schemas());
                    self.server.send_snapshot(self.now, self.world.tick, self.world.snapshot());
                    self.acked = self.world.tick;
                    self.next_tick_us = Some(self.now + PERIOD_US);
                }
                ClientEvent::Acked(receipt) => self.acked = receipt.whole.newest(),
                ClientEvent::Input(sample) => self.input_seq = sample.seq,
                _ => {}
            }
            self.server_events.push(event);
        }
        while let Some(transmit) = self.server.poll_transmit(self.now, self.room) {
            match transmit {
                Transmit::Packet(packet) => self.down.push(self.now, packet),
                Transmit::Close(closing) => self.server_closed = Some(closing),
            }
        }
        while let Some(event) = self.client.poll_event() {
            let mirror = self.client.mirror();
            self.told_at.push(ToldAt {
                now: self.now,
                whole: mirror.acks().newest(),
                drawn: self.client.clock().render_tick(self.now),
                entities: mirror.entities().count(),
            });
            self.client_events.push(event);
        }
    }

    /// What the client holds of an entity's place, in lanes.
    pub fn shown(&self, entity: usize) -> Option<Vec<i32>> {
        Some(self.client.mirror().row(NetId(entity as u32 + 1), PLACE)?.lanes.to_vec())
    }
}

/// A server's end alone, past its welcome.
pub fn live_server(encoding: Encoding) -> ServerConnection {
    let mut server = ServerConnection::new(0, encoding, Rates::default());
    let hello = hd1_protocol::encode_message(encoding, &hd1_protocol::ClientMessage::Hello(hello()));
    server.handle_packet(0, &Packet::control(hello));
    assert!(matches!(server.poll_event(), Some(ClientEvent::Hello { .. })));
    server.accept(0, welcome(Tick(100)), &schemas());
    server
}

/// Everything a server has to send, then how it closed, if it did.
pub fn drain(server: &mut ServerConnection, now: u64) -> (Vec<Packet>, Option<Closing>) {
    let (mut packets, mut closed) = (Vec::new(), None);
    while let Some(transmit) = server.poll_transmit(now, Room::ALL) {
        match transmit {
            Transmit::Packet(packet) => packets.push(packet),
            Transmit::Close(closing) => closed = Some(closing),
        }
    }
    (packets, closed)
}

pub fn known_hash() -> CatalogueHash {
    catalogue_hash(&schemas())
}
