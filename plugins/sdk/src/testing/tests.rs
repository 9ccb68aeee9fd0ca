//! Systems of every sort on a bench.

use super::*;
use crate::prelude::*;

/// What counts.
#[derive(Component, Debug, PartialEq)]
#[repr(C)]
#[component(delivery = "state", writable)]
struct Count {
    /// How often.
    #[field(max = 100)]
    times: u32,
    /// A "quoted" word.
    #[field(default = Mood::Calm)]
    mood: Mood,
    /// Yes or no.
    #[field(default = true)]
    loud: Flag,
    /// How fast.
    #[field(above = 0, max = 9.5, step = 0.5, default = 2, unit = "m/s")]
    speed: f32,
}

/// A mood.
#[derive(Choice, Debug)]
#[repr(u32)]
enum Mood {
    /// First.
    Wild,
    /// Second.
    Calm,
}

/// No more.
#[derive(Component)]
struct Frozen;

/// What is set.
#[derive(Config)]
#[repr(C)]
struct Knobs {
    /// How many more.
    #[field(min = 1, max = 10)]
    by: u32,
}

#[derive(Topic)]
struct ManyThings;

type Counted<'a> = (&'a mut Count, Entity);

#[system]
fn tally(step: &Step, mut counted: Query<Counted<'_>, (Without<Frozen>, Ordered)>, knobs: &Knobs) {
    assert_eq!(step.hz, 60);
    counted.for_each(|(count, _)| count.times += knobs.by);
}

#[system]
fn rule(
    touched: Messages<ContactStarted>,
    mut say: Say<ManyThings>,
    mut commands: Commands<(Frozen, Count, Spawn, Despawn)>,
    counts: Query<(Entity, &Count), Without<Frozen>>,
    inputs: Messages<PlayerInput>,
) {
    for contact in touched {
        commands.insert(contact.first, Frozen);
        commands.remove::<Count>(contact.second);
    }
    for (entity, count) in counts {
        if count.times > 90 {
            commands.despawn(entity);
        }
    }
    for input in inputs {
        commands.spawn((Count { times: input.buttons, ..Count::default() }, Frozen));
        say.to(input.player, format_args!("{{\"x\":{}}}", input.strafe));
    }
    log::info!("{} there", 5);
}

#[system]
fn news(mut changed: Query<(Entity, &Count), Changed<Count>>, mut added: Query<Entity, Added<Frozen>>) {
    log::debug!("{} {}", changed.iter().count(), added.iter().count());
}

#[system(name = "flood:all")]
fn flood(mut commands: Commands<Despawn>) {
    for _ in 0..1_000 {
        commands.despawn(Entity(1));
    }
}

#[system]
fn refuse(mut counts: Query<&mut Count>) -> Result<(), &'static str> {
    counts.for_each(|count| count.times = 7);
    Err("no")
}

#[system]
fn overdo(mut counts: Query<&mut Count>) {
    counts.for_each(|count| count.times += 60);
}

plugin! { components: [Count, Frozen], config: Knobs, systems: [tally, rule, news, flood, refuse, overdo] }

fn line(ran: &Ran) -> &str {
    &ran.lines[0].1
}

#[test]
fn rows_are_all_worked_on_whatever_their_number() {
    for rows in [0, 1, 15, 16, 17, 31, 32, 100] {
        let mut bench = Bench::new().config(Knobs { by: 3 }).reversed();
        let all: Vec<_> = (0..rows).map(|i| bench.spawn(Count { times: i % 10, ..Count::default() })).collect();
        assert_eq!(bench.run::<tally>().unwrap(), Ran::default());
        for (i, entity) in all.into_iter().enumerate() {
            assert_eq!(bench.of::<Count>(entity).times, i as u32 % 10 + 3);
        }
    }
}

#[test]
fn messages_and_commands_find_their_places() {
    let mut bench = Bench::new();
    let [a, b, c] = [1, 2, 99].map(|times| bench.spawn(Count { times, ..Count::default() }));
    bench.tell(ContactStarted { first: a, second: b });
    bench.tell(PlayerInput { player: Player(4), buttons: 6, strafe: 0.5, ..PlayerInput::default() });
    let ran = bench.run::<rule>().unwrap();
    assert!(bench.has::<Frozen>(a) && !bench.has::<Count>(b) && bench.entities().all(|entity| entity != c));
    assert_eq!(bench.of::<Count>(ran.spawned[0]), Count { times: 6, ..Count::default() });
    assert_eq!(ran.said, [("many_things".to_owned(), 4, "{\"x\":0.5}".to_owned())]);
    assert_eq!(ran.lines, [(Level::Info, "5 there".to_owned())]);
    assert_eq!(ran.commands[0], Command::Insert(a, "Frozen", Vec::new()));
    assert_eq!((ran.commands.len(), ran.refused), (4, 0));
}

#[test]
fn what_changed_and_what_came_is_told_once() {
    let mut bench = Bench::new().config(Knobs::default());
    let first = bench.spawn((Count::default(), Frozen));
    bench.spawn(Count::default());
    assert_eq!(line(&bench.run::<news>().unwrap()), "2 1");
    assert_eq!(line(&bench.run::<news>().unwrap()), "0 0");
    // The first is frozen, so only the second is counted on.
    bench.run::<tally>().unwrap();
    assert_eq!(line(&bench.run::<news>().unwrap()), "1 0");
    bench.remove::<Frozen>(first);
    bench.insert(first, Frozen);
    assert_eq!(line(&bench.run::<news>().unwrap()), "0 1");
}

#[test]
fn a_run_that_fails_counts_for_nothing() {
    let mut bench = Bench::new();
    let entity = bench.spawn(Count::default());
    assert_eq!(bench.run::<refuse>(), Err("no".to_owned()));
    assert_eq!(bench.of::<Count>(entity), Count::default());
    assert_eq!(bench.run::<flood>(), Err("its commands are more than there is room for".to_owned()));
    assert!(bench.has::<Count>(entity));
}

#[test]
fn a_row_that_its_schema_refuses_is_not_taken() {
    let mut bench = Bench::new();
    let [low, high] = [10, 50].map(|times| bench.spawn(Count { times, ..Count::default() }));
    assert_eq!(bench.run::<overdo>().unwrap().refused, 1);
    assert_eq!((bench.of::<Count>(low).times, bench.of::<Count>(high).times), (70, 50));
}

#[test]
fn defaults_are_those_that_the_plan_says() {
    let count = Count::default();
    assert_eq!((count.times, count.mood, count.loud, count.speed), (0, Mood::Calm, Flag::YES, 2.0));
    assert_eq!(Knobs::default().by, 1);
}

#[test]
fn the_plan_says_what_the_types_say() {
    let plan: serde_json::Value = serde_json::from_str(PLAN).unwrap();
    let count: hd1_schema::ComponentSchema = {
        let mut schema = plan["components"][0].clone();
        schema["id"] = 1000.into();
        serde_json::from_value(schema).unwrap()
    };
    count.check().unwrap();
    assert_eq!(count.fields[1].doc, "A \"quoted\" word.");
    assert_eq!(count.fields[0].kind, hd1_schema::FieldKind::U32 { min: 0, max: 100 });
    assert!(count.client_writable);
    let by: Vec<hd1_schema::schema::FieldSchema> = serde_json::from_value(plan["config"].clone()).unwrap();
    assert_eq!(by[0].default, hd1_schema::Value::U32(1));
    let expected = serde_json::json!([
        {
            "name": "tally",
            "queries": [{ "write": ["Count"], "without": ["Frozen"], "entities": true, "ordered": true }],
        },
        {
            "name": "rule",
            "queries": [{ "read": ["Count"], "without": ["Frozen"], "entities": true, "ordered": true }],
            "messages": ["ContactStarted", "PlayerInput"],
            "commands": ["Frozen", "Count"], "spawns": true, "despawns": true,
            "topics": ["many_things"],
        },
        {
            "name": "news",
            "queries": [
                { "read": ["Count"], "changed": ["Count"], "entities": true },
                { "with": ["Frozen"], "added": ["Frozen"], "entities": true },
            ],
        },
        { "name": "flood:all", "despawns": true },
        { "name": "refuse", "queries": [{ "write": ["Count"] }] },
        { "name": "overdo", "queries": [{ "write": ["Count"] }] },
    ]);
    assert_eq!(plan["systems"], expected);
}

#[test]
fn chance_is_the_seeds() {
    let step = Step { tick: 1, seed: 5, dt: 0.1, hz: 10 };
    assert_eq!(step.rng().u64(), Rng::new(5).u64());
    assert_ne!(step.rng_of(Entity(1)).u64(), step.rng_of(Entity(2)).u64());
    let mut rng = step.rng();
    let mean = (0..10_000).map(|_| rng.between(-1.0, 3.0)).sum::<f32>() / 10_000.0;
    assert!((0.95..1.05).contains(&mean), "{mean}");
    assert!((0..1_000).all(|_| rng.below(7) < 7));
}

/// Follows another.
#[derive(Component)]
#[repr(C)]
struct Follows {
    whom: Entity,
}

#[system]
fn follow(mut all: Query<(&mut Transform, &Follows)>, places: Gather<Transform>, counts: Gather<Count>) {
    all.for_each(|(place, follows)| {
        match places.of(follows.whom) {
            Some(other) => place.position = other.position,
            None => place.position = [-1.0; 3],
        }
        let mut found = [Found::default(); 3];
        let there = counts.all(&[follows.whom, Entity(1), Entity(99)], &mut found);
        assert_eq!(there, found.iter().filter(|found| found.value().is_some()).count());
        place.scale[0] += there as f32;
    });
}

#[test]
fn other_entities_are_looked_up_as_they_were() {
    let mut bench = Bench::new();
    let at = |x: f32| Transform { position: [x, 0.0, 0.0], ..Transform::default() };
    let first = bench.spawn((at(1.0), Follows { whom: Entity(2) }));
    let second = bench.spawn((at(2.0), Follows { whom: first }, Count::default()));
    let lost = bench.spawn((at(3.0), Follows { whom: Entity(99) }));
    bench.run::<follow>().unwrap();
    let of = |entity| bench.of::<Transform>(entity);
    // Both change places: each sees the other as it was.
    assert_eq!((of(first).position[0], of(second).position[0], of(lost).position[0]), (2.0, 1.0, -1.0));
    assert_eq!((of(first).scale[0], of(second).scale[0], of(lost).scale[0]), (2.0, 1.0, 1.0));
    let plan = crate::plan::PluginPlan { components: &[], config: None, systems: &[follow::PLAN], hooks: &[] };
    let (json, len) = crate::plan::render::<8192>(&plan);
    assert!(std::str::from_utf8(&json[..len]).unwrap().contains(r#""gather":["Transform","Count"]"#));
}
