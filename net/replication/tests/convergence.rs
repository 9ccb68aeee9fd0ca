//! Whatever the link does to datagrams, and however late streams are, the mirror becomes what the server shows.
//!
//! A model world changes at random; clients join at random ticks; state frames and acknowledgements are lost,
//! repeated, reordered and delayed; structure and snapshots arrive whole but late. Afterwards the link heals and every
//! mirror must equal the world, with every check sum on the way right.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use hd1_core::{NetId, Tick};
use hd1_protocol::{Mirror, StateOutcome};
use hd1_replication::{ClientKey, Outgoing, Replicator};
use hd1_schema::{ComponentId, ComponentSchema, Delivery, FieldKind, FieldSchema, Range, Row, Value};
use proptest::prelude::*;

const PLACE: ComponentId = ComponentId(1);
const LOOK: ComponentId = ComponentId(2);
const LABEL: ComponentId = ComponentId(3);

fn schemas() -> Vec<ComponentSchema> {
    let field = |name: &str, kind: FieldKind, default: Value| FieldSchema {
        name: name.into(),
        doc: String::new(),
        kind,
        unit: String::new(),
        default,
    };
    let vec3 = FieldKind::Vec3 { range: Range::new(-1.0e4, 1.0e4), step: 0.01 };
    let schema = |id, name: &str, delivery, fields| ComponentSchema {
        id,
        name: name.into(),
        doc: String::new(),
        delivery,
        client_writable: true,
        fields,
    };
    vec![
        schema(PLACE, "Place", Delivery::State, vec![field("at", vec3, Value::Vec3([0.0; 3]))]),
        schema(
            LOOK,
            "Look",
            Delivery::State,
            vec![field("rotation", FieldKind::Quat, Value::Quat([0.0, 0.0, 0.0, 1.0]))],
        ),
        schema(
            LABEL,
            "Label",
            Delivery::Reliable,
            vec![field("text", FieldKind::Text { max_bytes: 32 }, Value::Text(String::new()))],
        ),
    ]
}

#[derive(Clone, Debug)]
enum Edit {
    Spawn { look: bool, label: bool },
    Despawn(usize),
    Move(usize, i32),
    MoveAll(i32),
    Turn(usize, i32),
    Relabel(usize, u8),
    ToggleLook(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        2 => (any::<bool>(), any::<bool>()).prop_map(|(look, label)| Edit::Spawn { look, label }),
        1 => any::<usize>().prop_map(Edit::Despawn),
        8 => (any::<usize>(), -5000..5000i32).prop_map(|(i, d)| Edit::Move(i, d)),
        1 => (-50..50i32).prop_map(Edit::MoveAll),
        3 => (any::<usize>(), 0..2000i32).prop_map(|(i, d)| Edit::Turn(i, d)),
        2 => (any::<usize>(), any::<u8>()).prop_map(|(i, v)| Edit::Relabel(i, v)),
        1 => any::<usize>().prop_map(Edit::ToggleLook),
    ]
}

/// The server's truth, as rows.
#[derive(Default)]
struct Model {
    entities: BTreeMap<NetId, BTreeMap<ComponentId, Row>>,
    next: u32,
}

fn lanes(values: &[i32]) -> Row {
    Row { lanes: values.iter().copied().collect(), bytes: Vec::new() }
}

fn label(v: u8) -> Row {
    let mut row = Row::default();
    row.text(&format!("label {v}"));
    row
}

impl Model {
    fn pick(&self, i: usize) -> Option<NetId> {
        self.entities.keys().nth(i % self.entities.len().max(1)).copied()
    }

    fn apply(&mut self, edit: &Edit, feed: &mut hd1_replication::Tracked) {
        let mut set =
            |entities: &mut BTreeMap<NetId, BTreeMap<ComponentId, Row>>, id: NetId, c: ComponentId, row: Row| {
                feed.set(id, c, &row);
                entities.get_mut(&id).unwrap().insert(c, row);
            };
        match edit {
            Edit::Spawn { look, label: labelled } => {
                self.next += 1;
                let id = NetId(self.next);
                feed.spawned(id);
                let mut components = BTreeMap::from([(PLACE, lanes(&[self.next as i32, 0, 0]))]);
                if *look {
                    components.insert(LOOK, lanes(&[3, 0, 0, 0]));
                }
                if *labelled {
                    components.insert(LABEL, label(0));
                }
                for (c, row) in &components {
                    feed.set(id, *c, row);
                }
                self.entities.insert(id, components);
            }
            Edit::Despawn(i) => {
                if let Some(id) = self.pick(*i) {
                    self.entities.remove(&id);
                    feed.despawned(id);
                }
            }
            Edit::Move(i, d) => {
                if let Some(id) = self.pick(*i) {
                    let old = self.entities[&id][&PLACE].lanes.clone();
                    set(&mut self.entities, id, PLACE, lanes(&[old[0] + d, old[1] - d, *d]));
                }
            }
            Edit::MoveAll(d) => {
                for id in self.entities.keys().copied().collect::<Vec<_>>() {
                    let old = self.entities[&id][&PLACE].lanes.clone();
                    set(&mut self.entities, id, PLACE, lanes(&[old[0] + d, old[1], old[2]]));
                }
            }
            Edit::Turn(i, d) => {
                if let Some(id) = self.pick(*i).filter(|id| self.entities[id].contains_key(&LOOK)) {
                    set(&mut self.entities, id, LOOK, lanes(&[3, *d, -d, 0]));
                }
            }
            Edit::Relabel(i, v) => {
                if let Some(id) = self.pick(*i) {
                    set(&mut self.entities, id, LABEL, label(*v));
                }
            }
            Edit::ToggleLook(i) => {
                if let Some(id) = self.pick(*i) {
                    if self.entities.get_mut(&id).unwrap().remove(&LOOK).is_some() {
                        feed.removed(id, LOOK);
                    } else {
                        set(&mut self.entities, id, LOOK, lanes(&[3, 1, 2, 3]));
                    }
                }
            }
        }
    }
}

/// A link in ticks: streams are whole and late, datagrams are anything.
struct Link {
    random: u64,
    loss: u64,
    healed: bool,
    stream_delay: u64,
    streams: VecDeque<(u64, Bytes)>,
    snapshot: VecDeque<(u64, Bytes)>,
    down: Vec<(u64, Bytes)>,
    up: Vec<(u64, Tick)>,
}

impl Link {
    fn roll(&mut self, n: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % n
    }

    /// When a datagram arrives: never, once or twice, up to five ticks late.
    fn fates(&mut self, now: u64) -> Vec<u64> {
        if self.healed {
            return vec![now];
        }
        let copies = if self.roll(100) < self.loss { 0 } else { 1 + u64::from(self.roll(10) == 0) };
        (0..copies).map(|_| now + self.roll(6)).collect()
    }
}

struct Client {
    key: ClientKey,
    mirror: Mirror,
    link: Link,
}

impl Client {
    fn receive(&mut self, now: u64) {
        while self.link.snapshot.front().is_some_and(|(at, _)| *at <= now) {
            let (_, frame) = self.link.snapshot.pop_front().unwrap();
            self.mirror.apply_snapshot_chunk(&frame).unwrap();
        }
        while self.link.streams.front().is_some_and(|(at, _)| *at <= now) {
            let (_, frame) = self.link.streams.pop_front().unwrap();
            self.mirror.apply_structure(&frame).unwrap();
        }
        let (ready, later): (Vec<_>, Vec<_>) = self.link.down.drain(..).partition(|(at, _)| *at <= now);
        self.link.down = later;
        for (_, frame) in ready {
            let before = self.mirror.acked();
            let outcome = self.mirror.apply_state(&frame).unwrap();
            if let StateOutcome::Complete(header) = outcome {
                assert!(header.tick > before);
            }
        }
        if self.mirror.is_ready() {
            let tick = self.mirror.acked();
            for at in self.link.fates(now) {
                self.link.up.push((at, tick));
            }
        }
    }
}

fn assert_same(model: &Model, mirror: &Mirror) {
    let shown: BTreeMap<NetId, BTreeMap<ComponentId, Row>> =
        mirror.entities().map(|e| (e.id(), e.components().map(|h| (h.id, h.row())).collect())).collect();
    assert_eq!(shown, model.entities);
}

fn run(ticks: &[Vec<Edit>], loss: u64, stream_delay: u64, seed: u64) {
    let mut server = Replicator::new(schemas());
    let mut model = Model::default();
    let mut clients: Vec<Client> = Vec::new();
    let healing = stream_delay + 80;
    for now in 1..=(ticks.len() as u64 + healing) {
        let edits = ticks.get(now as usize - 1).cloned().unwrap_or_default();
        for client in &mut clients {
            let (ready, later): (Vec<_>, Vec<_>) = client.link.up.drain(..).partition(|(at, _)| *at <= now);
            client.link.up = later;
            for (_, tick) in ready {
                server.ack(client.key, tick);
            }
        }
        server.tick(Tick(now), |feed| edits.iter().for_each(|edit| model.apply(edit, feed))).unwrap();
        for client in &mut clients {
            if now > ticks.len() as u64 {
                client.link.healed = true;
            }
            let mut out = Outgoing::default();
            server.assemble(client.key, now as u32, &mut out);
            let late = now + client.link.stream_delay;
            client.link.streams.extend(out.reliable.into_iter().map(|f| (late, f)));
            for frame in out.state {
                assert!(frame.len() <= hd1_protocol::limits::DATAGRAM_BYTES_MAX);
                for at in client.link.fates(now) {
                    client.link.down.push((at, frame.clone()));
                }
            }
            client.receive(now);
        }
        if now % 7 == 1 && clients.len() < 4 {
            let key = ClientKey(now);
            let frames = server.add_client(key).unwrap();
            let link = Link {
                random: seed ^ (now + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
                loss,
                healed: false,
                stream_delay,
                streams: VecDeque::new(),
                snapshot: frames.iter().map(|f| (now + stream_delay / 2, f.clone())).collect(),
                down: Vec::new(),
                up: Vec::new(),
            };
            clients.push(Client { key, mirror: Mirror::new(schemas()), link });
        }
    }
    for client in &clients {
        assert_same(&model, &client.mirror);
        let stats = client.mirror.stats();
        assert_eq!(stats.desyncs, 0, "{stats:?}");
        assert!(stats.checks > 0, "no check sum was ever compared: {stats:?}");
        assert_eq!(client.mirror.hash_at(client.mirror.acked()), server.tracked().sum());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn the_mirror_converges(
        ticks in prop::collection::vec(prop::collection::vec(edit(), 0..6), 20..80),
        loss in 0u64..70,
        stream_delay in 0u64..9,
        seed in any::<u64>(),
    ) {
        run(&ticks, loss, stream_delay, seed);
    }
}

#[test]
fn many_entities_take_many_fragments() {
    let mut ticks = vec![vec![Edit::Spawn { look: true, label: true }; 600]];
    ticks.extend((0..40).map(|i| vec![Edit::MoveAll(i), Edit::Turn(i as usize * 7, i)]));
    run(&ticks, 30, 3, 7);
}

#[test]
fn a_client_silent_beyond_the_history_is_brought_up_with_absolute_values() {
    let mut server = Replicator::new(schemas());
    let mut model = Model::default();
    let spawn = Edit::Spawn { look: true, label: false };
    server.tick(Tick(1), |feed| (0..50).for_each(|_| model.apply(&spawn, feed))).unwrap();
    let mut mirror = Mirror::new(schemas());
    for frame in server.add_client(ClientKey(1)).unwrap().iter() {
        mirror.apply_snapshot_chunk(frame).unwrap();
    }
    server.ack(ClientKey(1), mirror.acked());
    server.add_client(ClientKey(2)).unwrap();
    let last = 2 + 3 * hd1_replication::limits::HISTORY_TICKS;
    for now in 2..=last {
        server.ack(ClientKey(2), Tick(now - 1));
        server.tick(Tick(now), |feed| model.apply(&Edit::Move(now as usize, 3), feed)).unwrap();
    }
    let mut out = Outgoing::default();
    server.assemble(ClientKey(1), 0, &mut out);
    for frame in &out.state {
        mirror.apply_state(frame).unwrap();
    }
    assert_eq!(mirror.acked(), Tick(last));
    assert_same(&model, &mirror);
}

#[test]
fn a_client_that_joins_before_the_first_tick_is_sent_state_without_asking() {
    let mut server = Replicator::new(schemas());
    let mut model = Model::default();
    let spawn = Edit::Spawn { look: false, label: false };
    server.tick(Tick(0), |feed| model.apply(&spawn, feed)).unwrap();
    let snapshot = server.add_client(ClientKey(1)).unwrap();
    let mut mirror = Mirror::new(schemas());
    for now in 1..=3 {
        server.tick(Tick(now), |feed| model.apply(&Edit::Move(0, 5), feed)).unwrap();
        let mut out = Outgoing::default();
        server.assemble(ClientKey(1), 0, &mut out);
        for frame in &out.state {
            // Overtakes the snapshot: held back.
            assert!(matches!(mirror.apply_state(frame).unwrap(), StateOutcome::Deferred(_)));
        }
    }
    for frame in snapshot.iter() {
        mirror.apply_snapshot_chunk(frame).unwrap();
    }
    assert_eq!(mirror.acked(), Tick(3));
    assert_same(&model, &mirror);
}

#[test]
fn what_is_again_as_it_was_is_told_to_one_who_saw_it_in_between() {
    let mut server = Replicator::new(schemas());
    let mut model = Model::default();
    let spawn = Edit::Spawn { look: false, label: false };
    server.tick(Tick(1), |feed| model.apply(&spawn, feed)).unwrap();
    let mut mirror = Mirror::new(schemas());
    for frame in server.add_client(ClientKey(1)).unwrap().iter() {
        mirror.apply_snapshot_chunk(frame).unwrap();
    }
    // There, back, and still; what the client says of it is lost, so that all ticks stand on the snapshot.
    for (now, way) in [(2, 5), (3, -5), (4, 0)] {
        server.tick(Tick(now), |feed| model.apply(&Edit::Move(0, way), feed)).unwrap();
        let mut out = Outgoing::default();
        server.assemble(ClientKey(1), 0, &mut out);
        for frame in &out.state {
            mirror.apply_state(frame).unwrap();
        }
        assert_same(&model, &mirror);
    }
}
