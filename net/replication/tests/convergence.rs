//! Whatever the link does to datagrams, and however late streams are, a mirror becomes what its client is to see.
//!
//! A model world changes at random; clients join at random ticks; state frames and acknowledgements are lost,
//! repeated, reordered and delayed; structure and snapshots arrive whole but late. Afterwards the link heals and every
//! mirror must equal the world, with every check sum on the way right.

mod world;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use hd1_core::{NetId, PlayerId, Tick};
use hd1_protocol::{Mirror, Receipt, StateOutcome};
use hd1_replication::{
    Budget, ClientKey, Interest, Outgoing, Replicator, Viewer,
    place::{Audience, Place},
};
use hd1_schema::{ComponentId, Row};
use proptest::prelude::*;
use world::{AUDIENCE, CHANNELS, LABEL, LOOK, OWNER, PLACE, label, lanes, schemas};

#[derive(Clone, Debug)]
enum Edit {
    Spawn { look: bool, label: bool },
    Despawn(usize),
    Move(usize, i32),
    MoveAll(i32),
    Turn(usize, i32),
    Relabel(usize, u8),
    ToggleLook(usize),
    Jump(usize, i32, i32),
    Hide(usize, i32, i32),
    Show(usize),
    Tune(usize, i32),
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
        3 => (any::<usize>(), -9000..9000i32, -9000..9000i32).prop_map(|(i, x, z)| Edit::Jump(i, x, z)),
        1 => (any::<usize>(), 0..3i32, 0..8i32).prop_map(|(i, who, bits)| Edit::Hide(i, who, bits)),
        1 => any::<usize>().prop_map(Edit::Show),
        1 => (any::<usize>(), 0..8i32).prop_map(|(i, bits)| Edit::Tune(i, bits)),
    ]
}

/// The server's truth, as rows.
#[derive(Default)]
struct Model {
    entities: BTreeMap<NetId, BTreeMap<ComponentId, Row>>,
    next: u32,
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
                components.insert(OWNER, lanes(&[self.next as i32 % 5]));
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
            Edit::Jump(i, x, z) => {
                if let Some(id) = self.pick(*i) {
                    set(&mut self.entities, id, PLACE, lanes(&[*x, 5, *z]));
                }
            }
            Edit::Hide(i, who, bits) => {
                if let Some(id) = self.pick(*i) {
                    set(&mut self.entities, id, AUDIENCE, lanes(&[*who, *bits, i32::from(*bits == 7)]));
                }
            }
            Edit::Show(i) => {
                if let Some(id) = self.pick(*i).filter(|id| self.entities[id].contains_key(&AUDIENCE)) {
                    self.entities.get_mut(&id).unwrap().remove(&AUDIENCE);
                    feed.removed(id, AUDIENCE);
                }
            }
            Edit::Tune(i, bits) => {
                if let Some(id) = self.pick(*i) {
                    set(&mut self.entities, id, CHANNELS, lanes(&[*bits]));
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
    up: Vec<(u64, Receipt)>,
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
    viewer: Viewer,
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
            self.mirror.apply_reliable(&frame).unwrap();
        }
        let (ready, later): (Vec<_>, Vec<_>) = self.link.down.drain(..).partition(|(at, _)| *at <= now);
        self.link.down = later;
        for (_, frame) in ready {
            if let StateOutcome::Complete(header) = self.mirror.apply_state(&frame).unwrap() {
                assert!(self.mirror.acks().contains(header.tick));
            }
        }
        if self.mirror.is_ready() {
            let receipt = self.mirror.receipt();
            for at in self.link.fates(now) {
                self.link.up.push((at, receipt));
            }
        }
    }
}

type Shown = BTreeMap<NetId, BTreeMap<ComponentId, Row>>;

fn shown(mirror: &Mirror) -> Shown {
    mirror.entities().map(|e| (e.id(), e.components().map(|h| (h.id, h.row())).collect())).collect()
}

fn assert_same(model: &Model, mirror: &Mirror) {
    assert_eq!(shown(mirror), model.entities);
}

/// What a client must see by the model alone, and what it must not.
fn assert_sees(model: &Model, server: &Replicator, client: &Client, view_m: Option<f32>) {
    let sees = shown(&client.mirror);
    let avatar = client.viewer.avatar.and_then(|avatar| model.entities.get(&avatar));
    let at = avatar.map_or([0, 0, 0], |avatar| [0, 1, 2].map(|i| avatar[&PLACE].lanes[i]));
    let channels = avatar.and_then(|avatar| avatar.get(&CHANNELS)).map_or(0, |row| row.lanes[0] as u32);
    for (id, components) in &model.entities {
        let audience = components.get(&AUDIENCE).map_or([0; 3], |row| [0, 1, 2].map(|i| row.lanes[i]));
        let may_see = match audience[0] {
            1 => components[&OWNER].lanes[0] as u32 == client.viewer.player.0,
            2 => audience[1] as u32 & channels != 0,
            _ => true,
        };
        let place = &components[&PLACE].lanes;
        let far = (f64::from(place[0] - at[0])).hypot(f64::from(place[2] - at[2])) * 0.01;
        let is_near = audience[2] != 0 || view_m.is_none_or(|view| far <= f64::from(view));
        match sees.get(id) {
            Some(row) => {
                assert!(may_see, "{id} is hidden from {:?}", client.viewer);
                assert_eq!(row, components, "{id}");
            }
            None => assert!(!(may_see && is_near), "{id} is not shown to {:?}, {far} m away", client.viewer),
        }
    }
    assert!(sees.keys().all(|id| model.entities.contains_key(id)));
    // The sum of what it sees, page by page.
    let pages = server.client(client.key).unwrap().open_pages();
    let sum = pages.map(|(_, view)| server.tracked().places().page(view.page()).sum()).fold(0, u64::wrapping_add);
    assert_eq!(client.mirror.hash_at(client.mirror.acked()), sum);
    for (_, view) in server.client(client.key).unwrap().open_pages() {
        let key = server.tracked().places().page(view.page()).key();
        let hidden = matches!(key.audience, Audience::Owner(owner) if owner != client.viewer.player);
        assert!(!hidden && (view_m.is_some() || key.place == Place::Everywhere));
    }
}

/// How a run goes.
#[derive(Clone, Copy, Debug)]
struct Weather {
    loss: u64,
    stream_delay: u64,
    seed: u64,
    view_m: Option<f32>,
    bytes_per_tick: Option<u32>,
}

fn run(ticks: &[Vec<Edit>], weather: Weather) {
    let Weather { loss, stream_delay, seed, view_m, bytes_per_tick } = weather;
    let interest = Interest { view_m, cell_m: view_m.map(|view| view / 3.0) };
    let mut server = Replicator::new(schemas(), interest);
    let mut model = Model::default();
    let mut clients: Vec<Client> = Vec::new();
    let healing = stream_delay + 160;
    for now in 1..=(ticks.len() as u64 + healing) {
        let edits = ticks.get(now as usize - 1).cloned().unwrap_or_default();
        for client in &mut clients {
            let (ready, later): (Vec<_>, Vec<_>) = client.link.up.drain(..).partition(|(at, _)| *at <= now);
            client.link.up = later;
            for (_, receipt) in ready {
                server.ack(client.key, receipt);
            }
        }
        server.tick(Tick(now), |feed| edits.iter().for_each(|edit| model.apply(edit, feed))).unwrap();
        for client in &mut clients {
            if now > ticks.len() as u64 {
                client.link.healed = true;
            }
            let mut out = Outgoing::default();
            server.assemble(client.key, now as u32 / 3, &mut out).unwrap();
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
            let number = clients.len() as u32;
            let viewer =
                Viewer { player: PlayerId(number), avatar: (number > 0).then_some(NetId(number * 2)), at: None };
            let frames = server.add_client(key, viewer).unwrap();
            server.set_budget(key, bytes_per_tick.map(|bytes| Budget::new(bytes, 1)));
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
            clients.push(Client { key, viewer, mirror: Mirror::new(schemas()), link });
        }
    }
    for client in &clients {
        let stats = client.mirror.stats();
        assert_eq!(stats.desyncs, 0, "{stats:?}");
        // A page is summed up after it changed, if it is seen then and nothing of it gets lost.
        let must_check = view_m.is_none() && bytes_per_tick.is_none() && loss == 0 && !model.entities.is_empty();
        assert!(stats.checks > 0 || !must_check, "no check sum was ever compared: {stats:?}");
        assert_sees(&model, &server, client, view_m);
        let mut out = Outgoing::default();
        server.assemble(client.key, 0, &mut out).unwrap();
        assert!(out.state.is_empty() && out.reliable.is_empty(), "all is told, and nothing is left to say");
    }
}

fn weather() -> impl Strategy<Value = Weather> {
    let view = prop_oneof![1 => Just(None), 2 => (5.0f32..60.0).prop_map(Some)];
    let bytes = prop_oneof![3 => Just(None), 1 => (20u32..200).prop_map(Some)];
    (0u64..70, 0u64..9, any::<u64>(), view, bytes).prop_map(|(loss, stream_delay, seed, view_m, bytes_per_tick)| {
        Weather { loss, stream_delay, seed, view_m, bytes_per_tick }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn the_mirror_converges(
        ticks in prop::collection::vec(prop::collection::vec(edit(), 0..6), 20..80),
        weather in weather(),
    ) {
        run(&ticks, weather);
    }
}

const FAIR: Weather = Weather { loss: 30, stream_delay: 3, seed: 7, view_m: None, bytes_per_tick: None };

#[test]
fn many_entities_take_many_fragments() {
    let mut ticks = vec![vec![Edit::Spawn { look: true, label: true }; 600]];
    ticks.extend((0..40).map(|i| vec![Edit::MoveAll(i), Edit::Turn(i as usize * 7, i)]));
    run(&ticks, FAIR);
    run(&ticks, Weather { view_m: Some(30.0), ..FAIR });
}

#[test]
fn a_few_changes_in_many_pages() {
    let mut ticks = vec![vec![Edit::Spawn { look: true, label: false }; 6_000]];
    let few = |i: usize| (0..40).map(move |n| Edit::Move(i * 17 + n * 53, (n * i) as i32 % 300 - 150));
    ticks.extend((0..150).map(|i| few(i).chain([Edit::Turn(i * 7, i as i32)]).collect()));
    run(&ticks, Weather { loss: 0, stream_delay: 0, ..FAIR });
    run(&ticks, FAIR);
    run(&ticks, Weather { view_m: Some(30.0), ..FAIR });
}

/// A server whose only client hears everything at once.
struct Pair {
    server: Replicator,
    model: Model,
    mirror: Mirror,
    now: u64,
}

const ONLY: ClientKey = ClientKey(1);

impl Pair {
    fn new(edits: &[Edit]) -> Self {
        let mut server = Replicator::new(schemas(), Interest::EVERYTHING);
        let mut model = Model::default();
        server.tick(Tick(1), |feed| edits.iter().for_each(|edit| model.apply(edit, feed))).unwrap();
        let mut mirror = Mirror::new(schemas());
        for frame in server.add_client(ONLY, Viewer::default()).unwrap() {
            mirror.apply_snapshot_chunk(&frame).unwrap();
        }
        Pair { server, model, mirror, now: 1 }
    }

    /// A tick; what it sends.
    fn tick(&mut self, edits: &[Edit]) -> Outgoing {
        self.now += 1;
        let model = &mut self.model;
        self.server.tick(Tick(self.now), |feed| edits.iter().for_each(|edit| model.apply(edit, feed))).unwrap();
        let mut out = Outgoing::default();
        self.server.assemble(ONLY, 0, &mut out).unwrap();
        out
    }

    fn receive(&mut self, out: &Outgoing) {
        for frame in &out.reliable {
            self.mirror.apply_reliable(frame).unwrap();
        }
        for frame in &out.state {
            self.mirror.apply_state(frame).unwrap();
        }
    }

    fn ack(&mut self) {
        self.server.ack(ONLY, self.mirror.receipt());
    }
}

const SPAWN: Edit = Edit::Spawn { look: true, label: false };

#[test]
fn a_client_silent_beyond_the_history_is_brought_up_with_absolute_values() {
    let mut pair = Pair::new(&vec![SPAWN; 50]);
    for now in 0..3 * hd1_replication::limits::HISTORY_TICKS {
        pair.tick(&[Edit::Move(now as usize, 3)]);
    }
    let out = pair.tick(&[Edit::Move(0, 3)]);
    pair.receive(&out);
    // The last of what was lost is not known to be lost yet; soon it is.
    for _ in 0..70 {
        pair.ack();
        let out = pair.tick(&[]);
        pair.receive(&out);
    }
    assert_same(&pair.model, &pair.mirror);
}

#[test]
fn a_client_that_joins_before_the_first_tick_is_sent_state_without_asking() {
    let mut server = Replicator::new(schemas(), Interest::EVERYTHING);
    let mut model = Model::default();
    server.tick(Tick(0), |feed| model.apply(&SPAWN, feed)).unwrap();
    let snapshot = server.add_client(ONLY, Viewer::default()).unwrap();
    let mut mirror = Mirror::new(schemas());
    for now in 1..=3 {
        server.tick(Tick(now), |feed| model.apply(&Edit::Move(0, 5), feed)).unwrap();
        let mut out = Outgoing::default();
        server.assemble(ONLY, 0, &mut out).unwrap();
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
    let mut pair = Pair::new(&[SPAWN]);
    // There, back, and still; what the client says of it is lost, so that all ticks stand on the snapshot.
    for way in [5, -5, 0] {
        let out = pair.tick(&[Edit::Move(0, way)]);
        pair.receive(&out);
        assert_same(&pair.model, &pair.mirror);
    }
}

#[test]
fn what_changed_once_is_sent_once() {
    let mut pair = Pair::new(&vec![SPAWN; 50]);
    let out = pair.tick(&[Edit::Move(7, 5)]);
    assert_eq!(out.state.len(), 1);
    pair.receive(&out);
    // No acknowledgement has come yet: it is not sent again, and quiet ticks are not told.
    for _ in 0..4 {
        let out = pair.tick(&[]);
        assert!(out.state.is_empty() && out.reliable.is_empty());
    }
    pair.ack();
    let out = pair.tick(&[Edit::Move(8, 5)]);
    let (header, _) = hd1_protocol::state::read_header(&out.state[0]).unwrap();
    assert_eq!(header.quiet, 4);
    pair.receive(&out);
    assert_same(&pair.model, &pair.mirror);
    assert!((2..=pair.now).all(|tick| pair.mirror.acks().contains(Tick(tick))), "quiet ticks count as had");
}

#[test]
fn what_changes_while_state_is_held_back_is_told_at_once_in_the_end() {
    let mut pair = Pair::new(&vec![SPAWN; 50]);
    let step = |pair: &mut Pair, i: usize| {
        let out = pair.tick(&[Edit::Move(i, 40), Edit::Move(i + 1, 7)]);
        pair.receive(&out);
        pair.ack();
        out.state.iter().map(|frame| frame.len()).sum::<usize>()
    };
    let one = (0..3).map(|i| step(&mut pair, i)).max().unwrap();
    pair.server.hold(ONLY, true);
    for i in 0..6 {
        assert_eq!(step(&mut pair, i), 0);
    }
    // Structure is not held back.
    let out = pair.tick(&[SPAWN]);
    assert!(!out.reliable.is_empty() && out.state.is_empty());
    pair.receive(&out);
    pair.server.hold(ONLY, false);
    let all = step(&mut pair, 9);
    assert!(all > one && all < 4 * one, "{all} bytes for what took {one} each tick");
    let again = pair.tick(&[]);
    assert!(again.state.is_empty(), "nothing counts as lost");
}

#[test]
fn what_is_lost_is_sent_again_though_nothing_else_happens() {
    let mut pair = Pair::new(&vec![SPAWN; 50]);
    pair.tick(&[Edit::Move(7, 5)]);
    let sent_again = (0..60).position(|_| {
        let out = pair.tick(&[]);
        pair.receive(&out);
        !out.state.is_empty()
    });
    assert!(sent_again.is_some_and(|ticks| ticks < 12), "{sent_again:?}");
    assert_same(&pair.model, &pair.mirror);
}

/// All of 2,000 move in each of 40 ticks, of which `lost` says which frame does not arrive. Bytes of the last 30 ticks,
/// and how many of a thousand entities are shown as they are after each of those, on average.
fn of_many_frames(lost: impl Fn(u64, usize) -> Option<usize>) -> (usize, usize) {
    let mut pair = Pair::new(&vec![SPAWN; 2_000]);
    let (mut bytes, mut frames, mut current) = (0, 0, 0);
    let mut receipts = std::collections::VecDeque::new();
    for round in 0..40u64 {
        let noise = |i: usize| (i as u64 * 7_919 + round * 104_729).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
        let edits: Vec<Edit> = (0..2_000).map(|i| Edit::Move(i, noise(i) as i32 - 128)).collect();
        let mut out = pair.tick(&edits);
        let sent: usize = out.state.iter().map(|frame| frame.len()).sum();
        frames += out.state.len();
        if let Some(lost) = lost(round, out.state.len()) {
            out.state.remove(lost);
        }
        pair.receive(&out);
        if round >= 10 {
            bytes += sent;
            let shown = shown(&pair.mirror);
            current += pair.model.entities.iter().filter(|(id, row)| shown.get(id) == Some(row)).count();
        }
        // What the client says of it takes two ticks.
        receipts.push_back(pair.mirror.receipt());
        if receipts.len() > 2 {
            pair.server.ack(ONLY, receipts.pop_front().unwrap());
        }
    }
    assert!(frames > 40 * 4, "{frames} frames");
    for _ in 0..20 {
        pair.server.ack(ONLY, pair.mirror.receipt());
        let out = pair.tick(&[]);
        pair.receive(&out);
    }
    assert_same(&pair.model, &pair.mirror);
    (bytes, current / (30 * 2))
}

#[test]
fn a_tick_in_many_frames_counts_though_one_of_them_is_lost() {
    let (all, current) = of_many_frames(|_, _| None);
    assert_eq!(current, 1_000);
    // No tick ever arrives whole.
    let (some, current) = of_many_frames(|round, frames| Some(round as usize % frames));
    assert!(current > 700, "of a thousand {current} are shown as they are");
    assert!(some < all * 5 / 4, "{some} bytes where one of many frames is lost, {all} where none is");
}
