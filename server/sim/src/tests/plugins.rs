//! Plugins in a world: what they may change, what they may not, and that the same comes of the same.
//!
//! The modules here are Rust functions on the very batches that WebAssembly gets; `plugins/host` has its own stories.

use std::sync::{Arc, Mutex};

use hd1_abi::plan::Plan;
use hd1_abi::{Fault, Gather, Guest, Line, LogLevel, Module, Modules, News, Ran};
use hd1_protocol::message::OpErrorCode;

use super::*;
use crate::{PluginSpec, Recipients, WorldEvent};

/// A batch as a module reads it.
struct Batch<'a>(&'a mut [u8]);

impl Batch<'_> {
    fn word(&self, at: usize) -> usize {
        u32::from_le_bytes(*self.0[at..].first_chunk().unwrap()) as usize
    }

    fn put(&mut self, at: usize, word: u32) {
        self.0[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }

    fn real(&self, at: usize) -> f32 {
        f32::from_bits(self.word(at) as u32)
    }

    /// A word of the table.
    fn table(&self, i: usize) -> usize {
        self.word(self.word(24) + 4 * i)
    }

    /// A text among what a hook is told: the word where its place stands.
    fn text(&self, word: usize) -> String {
        let (at, bytes) = (self.table(word), self.table(word + 1));
        String::from_utf8(self.0[at..at + bytes].to_vec()).unwrap()
    }

    /// What a filter answers.
    fn answer(&mut self, text: &str) {
        let at = self.word(32);
        self.0[at..at + text.len()].copy_from_slice(text.as_bytes());
        self.put(40, text.len() as u32);
    }

    fn tick(&self) -> usize {
        self.word(0)
    }

    fn command(&mut self, words: &[u32]) {
        let (at, len) = (self.word(32), self.word(40));
        assert!(len + 4 * words.len() <= self.word(36), "there is room");
        for (i, word) in words.iter().enumerate() {
            self.put(at + len + 4 * i, *word);
        }
        self.put(40, (len + 4 * words.len()) as u32);
    }
}

type Run = fn(usize, &mut Batch<'_>) -> Result<(), Fault>;
type Hook = fn(usize, &mut Batch<'_>) -> Result<u32, Fault>;

/// What was told: of which system, and what.
type Told = Arc<Mutex<Vec<(usize, String)>>>;

#[derive(Clone)]
struct Toy {
    plan: Arc<Plan>,
    run: Run,
    hook: Hook,
    told: Told,
}

impl Module for Toy {
    fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }
    fn take(&self) -> Result<Box<dyn Guest>, Fault> {
        Ok(Box::new(ToyGuest { run: self.run, hook: self.hook, bytes: Vec::new(), is_broken: false }))
    }
    fn give(&self, _: Box<dyn Guest>) {}
    fn tell(&self, _: u128, system: usize, news: News<'_>) {
        if matches!(news, News::Moved { .. }) {
            return;
        }
        self.told.lock().unwrap().push((system, format!("{news:?}")));
    }
}

thread_local! {
    /// The first word of component 0 of entities 1 to 9, as the run under way may look them up.
    static GATHERED: std::cell::RefCell<Vec<Option<u32>>> = const { std::cell::RefCell::new(Vec::new()) };
}

fn gathered(others: &dyn Gather) -> Vec<Option<u32>> {
    let Some(words) = others.words(0) else { return Vec::new() };
    let look = |entity| {
        let mut row = vec![0; words * 4];
        others.copy(0, entity, &mut row).then(|| u32::from_le_bytes(*row.first_chunk().unwrap()))
    };
    (1..10).map(look).collect()
}

struct ToyGuest {
    run: Run,
    hook: Hook,
    bytes: Vec<u8>,
    is_broken: bool,
}

impl Guest for ToyGuest {
    fn buffer(&mut self, bytes: usize) -> Result<&mut [u8], Fault> {
        self.bytes.resize(self.bytes.len().max(bytes), 0xee);
        Ok(&mut self.bytes)
    }
    fn run(&mut self, system: usize, others: &dyn Gather) -> Result<Ran, Fault> {
        GATHERED.set(gathered(others));
        (self.run)(system, &mut Batch(&mut self.bytes)).map(|()| Ran::default())
    }
    fn hook(&mut self, hook: usize, _: usize) -> Result<(Ran, u32), Fault> {
        (self.hook)(hook, &mut Batch(&mut self.bytes)).map(|returned| (Ran::default(), returned))
    }
    fn output(&self) -> &[u8] {
        &self.bytes
    }
    fn take_log(&mut self, line: &mut dyn FnMut(Line<'_>)) {
        if self.bytes.first() == Some(&3) {
            line(Line::Said(LogLevel::Info, "the third tick"));
        }
    }
    fn break_down(&mut self) {
        self.is_broken = true;
    }
    fn is_broken(&self) -> bool {
        self.is_broken
    }
}

#[derive(Clone, Default)]
struct Shelf(BTreeMap<String, Toy>);

impl Modules for Shelf {
    fn module(&self, hash: &str) -> Option<Arc<dyn Module>> {
        self.0.get(hash).map(|toy| Arc::new(toy.clone()) as Arc<dyn Module>)
    }
}

impl Shelf {
    fn with(self, hash: &str, plan: Json, run: Run) -> Self {
        self.put(hash, plan, run, |_, _| Ok(0))
    }

    /// A module of hooks.
    fn hooked(self, hash: &str, hooks: Json, hook: Hook) -> Self {
        self.put(hash, json!({ "abi": 1, "hooks": hooks }), |_, _| Ok(()), hook)
    }

    fn put(mut self, hash: &str, plan: Json, run: Run, hook: Hook) -> Self {
        let plan = Arc::new(Plan::parse(plan.to_string().as_bytes()).unwrap());
        self.0.insert(hash.into(), Toy { plan, run, hook, told: Told::default() });
        self
    }

    fn told(&self, hash: &str) -> Vec<(usize, String)> {
        std::mem::take(&mut *self.0[hash].told.lock().unwrap())
    }
}

fn spec(id: &str, module: &str) -> PluginSpec {
    PluginSpec {
        id: id.into(),
        version: "1.0.0".into(),
        module: module.into(),
        generation: 0,
        config: serde_json::Map::new(),
        runs: true,
    }
}

fn attach(sim: &mut Sim, plugins: Vec<PluginSpec>) -> Result<OpDone, OpError> {
    tick(sim, vec![Command::Plugins { request: 9, plugins }]).admin_results.remove(0).1
}

/// `up`: what has a Lift rises by its speed times the config's factor, and ages by a tick.
fn lift_plan() -> Json {
    json!({
        "abi": 1,
        "components": [{
            "name": "Lift", "doc": "Goes up.", "delivery": "state", "client_writable": true,
            "fields": [
                { "name": "speed", "doc": "", "kind": { "type": "f32", "range": { "min": 0, "max": 9 }, "step": 0.01 }, "default": { "F32": 1 } },
                { "name": "age", "doc": "", "kind": { "type": "u32", "min": 0, "max": 1000 }, "default": { "U32": 0 } },
            ],
        }],
        "config": [{ "name": "factor", "doc": "", "kind": { "type": "f32", "range": { "min": 0, "max": 10 }, "step": 0.1 }, "default": { "F32": 1 } }],
        "systems": [{ "name": "up", "queries": [{ "write": ["Transform", "Lift"], "entities": true }] }],
    })
}

fn lift(_: usize, batch: &mut Batch<'_>) -> Result<(), Fault> {
    let (rows, transforms, lifts) = (batch.table(0), batch.table(2), batch.table(3));
    let (dt, factor) = (batch.real(16), batch.real(batch.word(28)));
    for row in 0..rows {
        let (y, lift) = (transforms + row * 40 + 4, lifts + row * 8);
        let up = batch.real(y) + batch.real(lift) * factor * dt;
        batch.put(y, up.to_bits());
        batch.put(lift + 4, batch.word(lift + 4) as u32 + 1);
    }
    Ok(())
}

fn shelf() -> Shelf {
    Shelf::default().with("lift", lift_plan(), lift)
}

fn world(shelf: &Shelf) -> Sim {
    let mut sim = sim_of(json!({ "name": "Toys", "entities": [
        { "components": { "Transform": {}, "Name": { "text": "one" } } },
        { "components": { "Transform": { "position": [5, 0, 0] } } },
    ] }));
    sim.provide_modules(Arc::new(shelf.clone()));
    sim
}

fn height(sim: &Sim, id: u32) -> f64 {
    read(sim, NetId(id), "Transform")["position"][1].as_f64().unwrap()
}

#[test]
fn a_plugin_brings_components_and_moves_what_has_them() {
    let mut sim = world(&shelf());
    let output = tick(&mut sim, vec![Command::Plugins { request: 3, plugins: vec![spec("toy:lift", "lift")] }]);
    assert_eq!(output.admin_results, [(3, Ok(OpDone::default()))]);
    let [WorldEvent::Registered { schema }] = &output.events[..] else { panic!("{:?}", output.events) };
    assert_eq!((schema.name.as_str(), schema.id.0), ("Lift", 1000));
    admin(&mut sim, update(NetId(1), json!({ "Lift": { "speed": 3.0 } }))).unwrap();
    run(&mut sim, 29);
    assert!((height(&sim, 1) - 3.0).abs() < 1e-3, "{}", height(&sim, 1));
    assert_eq!(height(&sim, 2), 0.0);
    assert_eq!(read(&sim, NetId(1), "Lift"), json!({ "speed": 3.0, "age": 30 }));
    // Another config is another list, and counts from the next tick on.
    let mut faster = spec("toy:lift", "lift");
    faster.config.insert("factor".into(), json!(2));
    attach(&mut sim, vec![faster]).unwrap();
    run(&mut sim, 29);
    assert!((height(&sim, 1) - 9.0).abs() < 1e-3, "{}", height(&sim, 1));
    // Gone, it leaves what it made, and does no more.
    attach(&mut sim, vec![]).unwrap();
    run(&mut sim, 30);
    assert!((height(&sim, 1) - 9.0).abs() < 1e-3);
    assert_eq!(read(&sim, NetId(1), "Lift")["age"], 60);
}

#[test]
fn a_list_that_is_refused_leaves_the_old_one_at_work() {
    let mut other = lift_plan();
    other["components"][0]["fields"][0]["kind"]["range"]["max"] = json!(8);
    let system = |system: Json| json!({ "abi": 1, "systems": [system] });
    let query = |query: Json| system(json!({ "name": "a", "queries": [query] }));
    let shelf = shelf()
        .with("other", other, lift)
        .with("unknown", query(json!({ "read": ["Nothing"] })), lift)
        .with("text", query(json!({ "read": ["Geometry"] })), lift)
        .with("owner", query(json!({ "write": ["Owner"] })), lift)
        .with("parent", query(json!({ "write": ["Parent"] })), lift)
        .with("seize", system(json!({ "name": "a", "commands": ["Authority"] })), lift);
    let mut sim = world(&shelf);
    attach(&mut sim, vec![spec("toy:lift", "lift")]).unwrap();
    admin(&mut sim, update(NetId(1), json!({ "Lift": {} }))).unwrap();
    let mut config = spec("toy:lift", "lift");
    config.config.insert("factor".into(), json!(11));
    let mut misspelt = spec("toy:lift", "lift");
    misspelt.config.insert("faktor".into(), json!(1));
    let bad = |hash| vec![spec("toy:lift", "lift"), spec("bad:one", hash)];
    for (list, code, says) in [
        (bad("absent"), OpErrorCode::NotFound, "bad:one 1.0.0: its module absent is not here"),
        (bad("other"), OpErrorCode::Invalid, "bad:one: component Lift: the world has another component"),
        (bad("unknown"), OpErrorCode::Invalid, "bad:one, system a: this world has no component Nothing"),
        (bad("text"), OpErrorCode::Invalid, "Geometry has no column"),
        (bad("owner"), OpErrorCode::Invalid, "a system cannot write Owner: the server alone does"),
        (bad("parent"), OpErrorCode::Invalid, "a system cannot write Parent; insert it by a command"),
        (bad("seize"), OpErrorCode::Invalid, "a plugin cannot insert or remove Authority"),
        (vec![spec("a:a", "lift"), spec("a:a", "lift")], OpErrorCode::Invalid, "a:a is there twice"),
        (vec![config], OpErrorCode::Invalid, "config.factor: must be <= 10"),
        (vec![misspelt], OpErrorCode::Invalid, "config.faktor: unknown field"),
        ((0..257).map(|i| spec(&format!("a:{i}"), "lift")).collect(), OpErrorCode::Invalid, "at most 256"),
    ] {
        let refused = attach(&mut sim, list).expect_err(says);
        assert_eq!(refused.code, code, "{says}");
        assert!(refused.message.contains(says), "{}: {says}", refused.message);
        let before = height(&sim, 1);
        run(&mut sim, 1);
        assert!(height(&sim, 1) > before, "{says}: the old one goes on");
    }
}

#[test]
fn a_run_that_faults_counts_for_nothing_and_the_others_go_on() {
    let mut plan = lift_plan();
    plan["systems"][0]["name"] = json!("first");
    plan["systems"].as_array_mut().unwrap().push(json!({ "name": "second", "queries": [{ "write": ["Transform"] }] }));
    // The second system spoils everything that it was handed, and faults in every other tick.
    let shelf = shelf().with("half", plan, |system, batch| {
        if system == 0 {
            return lift(0, batch);
        }
        let (at, rows) = (batch.table(2), batch.table(0));
        if batch.tick().is_multiple_of(2) {
            batch.0[at..at + rows * 40].fill(0x3f);
            return Err(Fault::Trap("told to".into()));
        }
        Ok(())
    });
    let mut sim = world(&shelf);
    attach(&mut sim, vec![spec("toy:half", "half"), spec("toy:lift", "lift")]).unwrap();
    admin(&mut sim, update(NetId(1), json!({ "Lift": { "speed": 3.0 } }))).unwrap();
    let mut faults = 0;
    for _ in 0..10 {
        let output = tick(&mut sim, vec![]);
        if output.tick.0.is_multiple_of(2) {
            let [fault] = &output.plugin_faults[..] else { panic!("{:?}", output.plugin_faults) };
            assert_eq!((fault.plugin.as_str(), fault.system.as_deref()), ("toy:half", Some("second")));
            faults += 1;
        } else {
            assert!(output.plugin_faults.is_empty());
        }
    }
    assert_eq!(faults, 5);
    // Both lifted in each of eleven ticks.
    assert!((height(&sim, 1) - 11.0 * 2.0 * 3.0 / 30.0).abs() < 1e-3, "{}", height(&sim, 1));
    assert_eq!(read(&sim, NetId(2), "Transform")["position"], json!([5.0, 0.0, 0.0]));
    let told = shelf.told("half");
    assert_eq!(told.iter().filter(|(system, news)| *system == 1 && news.contains("told to")).count(), 6);
    assert!(told.iter().any(|(_, news)| news.contains("the third tick")), "{told:?}");
    // One that is held does not run, and stays attached.
    let held = PluginSpec { runs: false, ..spec("toy:half", "half") };
    attach(&mut sim, vec![held, spec("toy:lift", "lift")]).unwrap();
    assert!(tick(&mut sim, vec![]).plugin_faults.is_empty() && tick(&mut sim, vec![]).plugin_faults.is_empty());
    assert_eq!(sim.plugins().map(|spec| spec.runs).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn commands_keep_to_the_rules_of_operations() {
    let plan = json!({ "abi": 1, "systems": [{
        "name": "do", "queries": [{ "read": ["Transform"], "without": ["Avatar"], "entities": true }],
        "messages": ["PlayerInput"],
        "commands": ["Transform", "Label", "Parent", "Velocity"], "spawns": true, "despawns": true, "topics": ["hello"],
    }] });
    let shelf = Shelf::default().with("do", plan, |_, batch| {
        let avatar = batch.word(batch.table(4) + 4) as u32;
        match batch.tick() {
            3 => {
                // An entity with a Label that says "hi!", and one without anything.
                let white = [1.0f32.to_bits(); 3];
                let label = [1, 6, 3, u32::from_le_bytes(*b"hi!\0"), white[0], white[1], white[2], 0];
                let label: Vec<u32> = [&[4, 1, 1, 7], &label[2..], &[0.5f32.to_bits()]].concat();
                batch.command(&label);
                batch.command(&[4, 0]);
                batch.command(&[5, 0, 0, 3, u32::from_le_bytes(*b"[1]\0")]);
                batch.command(&[5, 1, 0, 4, u32::from_le_bytes(*b"\"hm\"")]);
            }
            4 => {
                batch.command(&[3, 1, 3, 6, 1.0f32.to_bits(), 0, 0, 0, 0, 0]);
                batch.command(&[1, 2]);
            }
            5 => {
                // Nine that are passed over, and one between that is not.
                batch.command(&[1, 777]);
                batch.command(&[1, avatar]);
                batch.command(&[2, 1, 0]);
                batch.command(&[3, 1, 2, 1, 1]);
                batch.command(&[3, 1, 2, 1, 555]);
                batch.command(&[3, 1, 3, 6, f32::NAN.to_bits(), 0, 0, 0, 0, 0]);
                batch.command(&[2, 1, 3]);
                batch.command(&[3, 1, 3, 1, 0]);
                batch.command(&[5, 9, 0, 1, u32::from_le_bytes(*b"1\0\0\0")]);
                batch.command(&[5, 0, 0, 1, u32::from_le_bytes(*b"{\0\0\0")]);
            }
            _ => {}
        }
        Ok(())
    });
    let mut sim = world(&shelf);
    attach(&mut sim, vec![spec("toy:do", "do")]).unwrap();
    tick(&mut sim, vec![join(1)]);
    let said = tick(&mut sim, vec![]).messages;
    assert_eq!(
        said.iter().map(|m| (&m.to, m.data.to_string())).collect::<Vec<_>>(),
        [(&Recipients::Everyone, "[1]".to_owned()), (&Recipients::Players(vec![PlayerId(1)]), "\"hm\"".to_owned()),]
    );
    assert!(said.iter().all(|message| message.topic == "hello" && message.from == PlayerId(0)));
    let me = avatar(&sim, 1);
    let labelled = NetId(me.0 + 1);
    assert_eq!(read(&sim, labelled, "Label")["text"], "hi!");
    assert!(exists(&sim, NetId(me.0 + 2)) && !exists(&sim, NetId(me.0 + 3)));
    assert_eq!(shelf.told("do"), [(0, "Said(Info, \"the third tick\")".to_owned())]);
    tick(&mut sim, vec![]);
    assert_eq!(read(&sim, NetId(1), "Velocity")["linear"], json!([1.0, 0.0, 0.0]));
    assert!(!exists(&sim, NetId(2)));
    tick(&mut sim, vec![]);
    let told = shelf.told("do");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].1.starts_with("Commands(9, \"no entity 777"), "{told:?}");
    assert!(exists(&sim, me));
    assert_eq!(read(&sim, NetId(1), "Velocity"), Json::Null, "the one between was carried out");
    assert_eq!(read(&sim, NetId(1), "Parent"), Json::Null);
}

#[test]
fn rows_that_the_schema_refuses_stay_and_are_told() {
    let shelf = shelf().with("mad", lift_plan(), |_, batch| {
        let (rows, lifts) = (batch.table(0), batch.table(3));
        for row in 0..rows {
            let speed = if row == 0 { f32::NAN } else { 2.0 };
            batch.put(lifts + row * 8, speed.to_bits());
        }
        Ok(())
    });
    let mut sim = world(&shelf);
    attach(&mut sim, vec![spec("toy:mad", "mad")]).unwrap();
    for id in [1, 2] {
        admin(&mut sim, update(NetId(id), json!({ "Lift": {} }))).unwrap();
    }
    shelf.told("mad");
    let output = tick(&mut sim, vec![]);
    assert!(output.plugin_faults.is_empty());
    assert_eq!(output.plugin_refusals, [("toy:mad".to_owned(), 1)]);
    assert_eq!(read(&sim, NetId(1), "Lift")["speed"], 1.0);
    assert_eq!(read(&sim, NetId(2), "Lift")["speed"], 2.0);
    let told = shelf.told("mad");
    assert!(told[0].1.contains("Rows(1, \"entity 1: speed: NaN is not from 0 to 9"), "{told:?}");
}

#[test]
fn a_world_that_was_put_away_goes_on_with_its_plugins() {
    let shelf = shelf();
    let mut a = world(&shelf);
    attach(&mut a, vec![spec("toy:lift", "lift")]).unwrap();
    let none = a.content_hash();
    admin(&mut a, update(NetId(1), json!({ "Lift": { "speed": 3.0 } }))).unwrap();
    run(&mut a, 10);
    let bytes = a.snapshot();
    let mut b = Sim::from_snapshot(&bytes).unwrap();
    assert_eq!(b.missing_plugins().collect::<Vec<_>>(), ["toy:lift"]);
    let mut without = Sim::from_snapshot(&bytes).unwrap();
    b.provide_modules(Arc::new(shelf.clone()));
    assert_eq!(b.missing_plugins().count(), 0);
    assert_eq!(a.state_hash(), b.state_hash());
    for _ in 0..20 {
        run(&mut a, 1);
        run(&mut b, 1);
        assert_eq!(a.state_hash(), b.state_hash());
    }
    // Without its module it waits, attached, and the world goes on.
    run(&mut without, 20);
    assert_eq!(read(&without, NetId(1), "Lift")["age"], 11);
    assert_eq!(without.plugins().len(), 1);
    attach(&mut a, vec![]).unwrap();
    assert_ne!(a.content_hash(), none);
}

#[test]
fn systems_are_told_of_players_and_contacts_and_draw_by_their_seed() {
    let plan = json!({ "abi": 1, "systems": [{
        "name": "note", "messages": ["ContactStarted", "PlayerInput"], "topics": ["noted"],
    }] });
    // Says how many contacts and players there are, the first player's forward, and its seed.
    let shelf = Shelf::default().with("note", plan, |_, batch| {
        let forward = if batch.table(2) > 0 { batch.real(batch.table(3) + 16) } else { 0.0 };
        let text = format!("[{:3},{:3},{forward:4},{:12}]", batch.table(0), batch.table(2), batch.word(8));
        let text: String = format!("{text:<60}");
        let words: Vec<u32> = text.as_bytes().as_chunks::<4>().0.iter().map(|four| u32::from_le_bytes(*four)).collect();
        batch.command(&[&[5, 0, 0, 60], &words[..]].concat());
        Ok(())
    });
    let scene = json!({ "name": "Fall", "settings": { "physics": {} }, "entities": [
        { "components": { "Transform": { "position": [0, 1, 0] }, "Geometry": {}, "RigidBody": {}, "Collider": { "events": true } } },
        { "components": { "Transform": {}, "Geometry": { "shape": "plane" }, "RigidBody": { "kind": "fixed" }, "Collider": {} } },
    ] });
    let (mut contacts, mut seeds) = (0, std::collections::BTreeSet::new());
    let mut sim = sim_of(scene);
    sim.provide_modules(Arc::new(shelf));
    attach(&mut sim, vec![spec("toy:note", "note")]).unwrap();
    tick(&mut sim, vec![join(1)]);
    tick(&mut sim, vec![move_input(1, 1, 1.0, 0.0)]);
    for _ in 0..30 {
        let said = tick(&mut sim, vec![]).messages.remove(0).data;
        contacts += said[0].as_u64().unwrap();
        assert_eq!((said[1].as_u64(), said[2].as_f64()), (Some(1), Some(1.0)));
        seeds.insert(said[3].as_u64().unwrap());
    }
    assert_eq!(contacts, 1);
    assert_eq!(seeds.len(), 30, "each tick has a seed of its own");
}

#[test]
fn a_system_looks_up_what_other_entities_were_when_its_run_began() {
    let mut plan = lift_plan();
    plan["systems"][0]["gather"] = json!(["Lift"]);
    plan["systems"].as_array_mut().unwrap().push(json!({ "name": "look", "queries": [{ "read": ["Transform"] }] }));
    let shelf = Shelf::default()
        .with("look", plan, |system, batch| {
            let seen = GATHERED.take();
            if system == 1 {
                assert!(seen.is_empty(), "its plan names nothing");
                return Ok(());
            }
            let speed = (batch.tick() > 3).then_some(3.0_f32.to_bits());
            assert_eq!(seen, [speed, None, None, None, None, None, None, None, None]);
            Ok(())
        })
        .with("text", json!({ "abi": 1, "systems": [{ "name": "a", "gather": ["Geometry"] }] }), lift)
        .with("unknown", json!({ "abi": 1, "systems": [{ "name": "a", "gather": ["Nothing"] }] }), lift);
    let mut sim = world(&shelf);
    attach(&mut sim, vec![spec("toy:look", "look")]).unwrap();
    tick(&mut sim, vec![]);
    tick(&mut sim, vec![]);
    admin(&mut sim, update(NetId(1), json!({ "Lift": { "speed": 3.0 } }))).unwrap();
    assert!(tick(&mut sim, vec![]).plugin_faults.is_empty());
    for (hash, says) in [("text", "Geometry has text, points"), ("unknown", "no component Nothing")] {
        let refused = attach(&mut sim, vec![spec("a:a", hash)]).unwrap_err();
        assert!(refused.message.contains(says), "{}", refused.message);
    }
}

mod hooks;
mod migration;
