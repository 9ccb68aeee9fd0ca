//! A component whose schema changed: what its rows become, and when all stays as it was.

use super::*;

/// The lift with other fields.
fn lift_of(fields: Json) -> Json {
    let mut plan = lift_plan();
    plan["components"][0]["fields"] = fields;
    plan["systems"] = json!([{ "name": "rest" }]);
    plan
}

fn speed(min: f64, max: f64) -> Json {
    json!({ "name": "speed", "doc": "", "kind": { "type": "f32", "range": { "min": min, "max": max }, "step": 0.01 },
        "default": { "F32": min } })
}

fn mood(variants: Json) -> Json {
    json!({ "name": "mood", "doc": "", "kind": { "type": "enum", "variants": variants }, "default": { "Enum": 0 } })
}

fn flag(name: &str) -> Json {
    json!({ "name": name, "doc": "", "kind": { "type": "bool" }, "default": { "Bool": true } })
}

fn rest(_: usize, _: &mut Batch<'_>) -> Result<(), Fault> {
    Ok(())
}

fn lifted(shelf: &Shelf) -> Sim {
    let mut sim = world(shelf);
    attach(&mut sim, vec![spec("toy:lift", "lift")]).unwrap();
    admin(&mut sim, update(NetId(1), json!({ "Lift": { "speed": 3.0 } }))).unwrap();
    sim
}

#[test]
fn rows_are_carried_over_by_the_names_of_fields_and_back_again() {
    let shelf = shelf()
        .with("wide", lift_of(json!([flag("loud"), speed(-5.0, 20.0), mood(json!(["calm", "wild"]))])), rest)
        .with("moods", lift_of(json!([flag("loud"), speed(-5.0, 20.0), mood(json!(["odd", "wild", "calm"]))])), rest);
    let mut sim = lifted(&shelf);
    let output = tick(&mut sim, vec![Command::Plugins { request: 1, plugins: vec![spec("toy:lift", "wide")] }]);
    let [WorldEvent::Registered { schema }] = &output.events[..] else { panic!("{:?}", output.events) };
    assert_eq!((schema.name.as_str(), schema.id.0), ("Lift", 1001));
    assert_eq!(read(&sim, NetId(1), "Lift"), json!({ "loud": true, "speed": 3.0, "mood": "calm" }));
    assert_eq!(read(&sim, NetId(2), "Lift"), Json::Null);
    admin(&mut sim, update(NetId(1), json!({ "Lift": { "speed": -4.0, "mood": "wild", "loud": false } }))).unwrap();
    let exported = sim.scene_json();
    assert_eq!(exported["components"].as_array().unwrap().len(), 1, "{exported}");

    // A snapshot of it is a world that goes on in the same way, and may change once more.
    let mut copy = Sim::from_snapshot(&sim.snapshot()).unwrap();
    copy.provide_modules(Arc::new(shelf.clone()));
    assert_eq!((copy.missing_plugins().count(), copy.state_hash()), (0, sim.state_hash()));
    assert_eq!(copy.catalogue().hash(), sim.catalogue().hash());
    for world in [&mut sim, &mut copy] {
        attach(world, vec![spec("toy:lift", "moods")]).unwrap();
        assert_eq!(read(world, NetId(1), "Lift"), json!({ "loud": false, "speed": -4.0, "mood": "wild" }));
    }
    assert_eq!(copy.state_hash(), sim.state_hash());

    // Back to the version before: not as long as a row does not fit into it.
    let before = sim.content_hash();
    let refused = attach(&mut sim, vec![spec("toy:lift", "lift")]).unwrap_err();
    assert_eq!(refused.path.as_deref(), Some("toy:lift"));
    assert!(refused.message.contains("entity 1: Lift.speed: -4 is not from 0 to 9"), "{}", refused.message);
    assert_eq!((sim.content_hash(), sim.plugins().next().unwrap().module.as_str()), (before, "moods"));
    admin(&mut sim, update(NetId(1), json!({ "Lift": { "speed": 2.0 } }))).unwrap();
    attach(&mut sim, vec![spec("toy:lift", "lift")]).unwrap();
    run(&mut sim, 1);
    assert_eq!(read(&sim, NetId(1), "Lift"), json!({ "speed": 2.0, "age": 2 }));
}

#[test]
fn what_cannot_be_carried_over_leaves_all_as_it_was() {
    let vector = json!({ "name": "speed", "doc": "", "default": { "Vec3": [0, 0, 0] },
        "kind": { "type": "vec3", "range": { "min": -9, "max": 9 }, "step": 0.01 } });
    let age = lift_plan()["components"][0]["fields"][1].clone();
    let reader = json!({ "abi": 1, "systems": [{ "name": "look", "queries": [{ "read": ["Lift"] }] }] });
    let shelf = shelf()
        .with("slow", lift_of(json!([speed(0.0, 2.0)])), rest)
        .with("vector", lift_of(json!([vector])), rest)
        .with("wide", lift_of(json!([speed(0.0, 20.0)])), rest)
        .with("more", lift_of(json!([speed(0.0, 9.0), age, flag("loud")])), rest)
        .with("reader", reader, rest);
    let mut sim = lifted(&shelf);
    let (before, components) = (sim.content_hash(), sim.catalogue().entries().len());
    let lift = || spec("toy:lift", "lift");
    for (list, by, says) in [
        (vec![spec("toy:lift", "slow")], "toy:lift", "entity 1: Lift.speed: 3 is not from 0 to 2"),
        (vec![spec("toy:lift", "vector")], "toy:lift", "Lift.speed is of another kind than it was"),
        (vec![spec("toy:lift", "wide"), spec("a:a", "reader")], "toy:lift", "and a:a works on that one"),
        (vec![lift(), spec("a:a", "wide")], "a:a", "with fields that this one has not"),
        (vec![lift(), spec("a:a", "more")], "a:a", "and toy:lift works on that one"),
        (vec![spec("a:a", "wide")], "a:a", "with fields that this one has not"),
        (vec![spec("toy:lift", "wide"), spec("a:a", "absent")], "a:a", "absent is not here"),
    ] {
        let refused = sim.content_hash();
        assert_eq!(refused, before, "{says}");
        let output = Sim::from_snapshot(&sim.snapshot()).map(|mut copy| {
            copy.provide_modules(Arc::new(shelf.clone()));
            tick(&mut copy, vec![Command::Plugins { request: 9, plugins: list.clone() }])
        });
        let output = output.unwrap();
        let error = output.admin_results[0].1.clone().unwrap_err();
        assert!(error.message.contains(says), "{says}: {}", error.message);
        assert_eq!(error.path.as_deref(), Some(by), "{says}");
        assert!(output.events.is_empty(), "{says}: nobody is told of what is not there");
    }
    assert_eq!(sim.catalogue().entries().len(), components);
    // The same schema from another plugin, and a reader beside who is prepared anew.
    attach(&mut sim, vec![lift(), spec("a:a", "reader")]).unwrap();
    let refused = attach(&mut sim, vec![spec("toy:lift", "wide"), spec("a:a", "reader")]).unwrap_err();
    assert!(refused.message.contains("a:a works on that one"), "{}", refused.message);
    // Once nobody works on it, whoever brings all of its fields and more may have it.
    attach(&mut sim, vec![spec("a:b", "more")]).unwrap();
    assert_eq!(read(&sim, NetId(1), "Lift")["loud"], true);
    assert_eq!(read(&sim, NetId(1), "Lift")["speed"], 3.0);
}

#[test]
fn a_module_that_comes_back_does_not_take_its_component_back_without_its_rows() {
    let age = lift_plan()["components"][0]["fields"][1].clone();
    let more = lift_of(json!([speed(0.0, 9.0), age, flag("loud")]));
    let sim = lifted(&shelf()).snapshot();
    let mut sim = Sim::from_snapshot(&sim).unwrap();
    sim.provide_modules(Arc::new(Shelf::default().with("more", more.clone(), rest)));
    // Its module is away, and nobody knows what it works on.
    attach(&mut sim, vec![spec("toy:lift", "lift"), spec("a:b", "more")]).unwrap();
    let (lift, hash) = (read(&sim, NetId(1), "Lift"), sim.content_hash());
    assert_eq!((&lift["speed"], &lift["loud"]), (&json!(3.0), &json!(true)));
    sim.provide_modules(Arc::new(shelf().with("more", more, rest)));
    assert_eq!(sim.missing_plugins().collect::<Vec<_>>(), ["toy:lift"]);
    assert_eq!((read(&sim, NetId(1), "Lift"), sim.content_hash()), (lift, hash));
}
