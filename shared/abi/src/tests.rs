//! Plans that are refused, commands that are lies, and where things lie in a batch.

use crate::plan::System;
use crate::*;

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn everything_in_a_batch_has_a_place_of_its_own() {
    let shape = SystemShape {
        queries: vec![
            QueryShape { entities: true, columns: vec![3, 1] },
            QueryShape { entities: false, columns: vec![10] },
        ],
        messages: vec![2],
        config: 3,
        has_commands: true,
    };
    let mut layout = Layout::new(std::sync::Arc::new(shape));
    for (first, second, told) in [(0, 0, 0), (5, 3, 1), (1000, 17, 9), (5, 3, 1)] {
        layout.lay(Rows { queries: &[first, second], messages: &[told] });
        let places =
            [layout.entities(0), layout.column(0, 0), layout.column(0, 1), layout.column(1, 0), layout.messages(0)];
        let words = [first, 3 * first, first, 10 * second, 2 * told];
        assert_eq!(places.clone().map(|place| place.len() / 4), words);
        assert!(layout.entities(1).is_empty());
        let mut batch = vec![0xff; layout.bytes()];
        let step = Step { tick: 9, seed: 1 << 40, dt: 0.5, hz: 2 };
        layout.write_head(&mut batch, step, &[7, 8, 9]);
        let word = |at: usize| u32::from_le_bytes(*batch[at..].first_chunk().unwrap()) as usize;
        assert_eq!((word(0), word(12), word(16), word(20)), (9, 1 << 8, 0.5f32.to_bits() as usize, 2));
        let (table, config, commands, room) = (word(24), word(28), word(32), word(36));
        assert_eq!((word(config), word(config + 8), word(40), word(60)), (7, 9, 0, 0));
        let told_at = [first, places[0].start, places[1].start, places[2].start, second, 0, places[3].start, told];
        let read: Vec<_> = (0..9).map(|i| word(table + 4 * i)).collect();
        assert_eq!(read[..8], told_at);
        assert_eq!(read[8], places[4].start);
        // Aligned, in order, and none upon another.
        let mut ends = 64;
        let all = [table..table + 36, config..config + 12]
            .into_iter()
            .chain(places)
            .chain(std::iter::once(commands..commands + room));
        for place in all {
            assert!(place.start >= ends && place.start.is_multiple_of(16), "{place:?} after {ends}");
            ends = place.end;
        }
        assert!(ends <= layout.bytes());
        assert_eq!(layout.commands(&batch), Ok(&[][..]));
        batch[40..44].copy_from_slice(&(room as u32 + 4).to_le_bytes());
        assert!(layout.commands(&batch).is_err());
    }
}

#[test]
fn values_come_out_as_they_went_in_and_nothing_else_does() {
    let schema: hd1_schema::ComponentSchema = serde_json::from_value(serde_json::json!({
        "id": 1000, "name": "All", "doc": "", "delivery": "reliable", "fields": [
            { "name": "on", "doc": "", "kind": { "type": "bool" }, "default": { "Bool": true } },
            { "name": "at", "doc": "", "kind": { "type": "vec3", "range": { "min": -9.0, "max": 9.0 }, "step": 0.1 },
              "default": { "Vec3": [1.0, 2.0, 3.0] } },
            { "name": "text", "doc": "", "kind": { "type": "text", "max_bytes": 16 }, "default": { "Text": "h\u{e9}llo" } },
            { "name": "way", "doc": "", "kind": { "type": "points", "max_len": 4, "range": { "min": 0.0, "max": 1.0 },
              "step": 0.1 }, "default": { "Points": [[0.0, 0.5, 1.0], [1.0, 1.0, 1.0]] } },
            { "name": "mood", "doc": "", "kind": { "type": "enum", "variants": ["calm", "wild"] }, "default": { "Enum": 1 } },
        ],
    }))
    .unwrap();
    let record = schema.default_record();
    let words = value::words_of(&record);
    assert_eq!(words.len(), 1 + 3 + 3 + 7 + 1);
    assert_eq!(value::record_of(&schema, &words), Ok(record));
    for len in 0..words.len() {
        assert!(value::record_of(&schema, &words[..len]).is_err(), "{len} words");
    }
    let refused = |at: usize, word: u32| {
        let mut words = words.clone();
        words[at] = word;
        value::record_of(&schema, &words).expect_err("it was taken")
    };
    assert!(refused(1, f32::NAN.to_bits()).contains("All.at: "));
    assert!(refused(4, u32::MAX).contains("All.text: its words end early"));
    assert!(refused(7, u32::MAX).contains("All.way: its words end early"));
    assert!(refused(14, 2).contains("All.mood: must be one of calm, wild"));
    let long = [&words[..], &[0]].concat();
    assert_eq!(value::record_of(&schema, &long), Err("All: it has 1 words too many".into()));
}

#[test]
fn commands_are_read_whole_or_not_at_all() {
    let system = System {
        name: "a".into(),
        commands: vec!["X".into(), "Mark".into()],
        spawns: true,
        despawns: true,
        topics: vec!["gust".into()],
        ..System::default()
    };
    let read = |words: &[u32]| crate::command::read(&bytes(words), &system);
    let mark = || Valued { component: 1, words: vec![8, 9] };
    let all = [1, 5, 2, 6, 0, 3, 7, 1, 2, 8, 9, 4, 1, 1, 2, 8, 9, 4, 0, 5, 3, 0, 5, 0x3332_315b, 0x5d];
    let expected = vec![
        Command::Despawn { entity: 5 },
        Command::Remove { entity: 6, component: 0 },
        Command::Insert { entity: 7, value: mark() },
        Command::Spawn { values: vec![mark()] },
        Command::Spawn { values: vec![] },
        Command::Say { player: 3, topic: 0, json: "[123]".into() },
    ];
    assert_eq!(read(&all), Ok(expected));
    let refused = |words: &[u32]| match read(words) {
        Err(Fault::Commands { word, reason }) => (word, reason),
        other => panic!("{words:?} was taken for {other:?}"),
    };
    assert_eq!(refused(&[1]).0, 1);
    assert_eq!(refused(&[1, 5, 9]), (2, "no command has this number"));
    assert_eq!(refused(&[2, 6, 2]), (2, "the plan does not name this component"));
    assert_eq!(refused(&[3, 7, 1, 513]), (3, "more words than any component has"));
    assert_eq!(refused(&[4, 33]), (1, "more components than an entity may be given"));
    assert_eq!(refused(&[4, 2, 1, 0, 1, 0]).1, "a component is given twice");
    assert_eq!(refused(&[5, 0, 1, 0]), (2, "the plan does not name this topic"));
    assert_eq!(refused(&[5, 0, 0, 20_000]), (3, "a longer message than there may be"));
    assert_eq!(refused(&[5, 0, 0, 1, 0xff]).1, "a message that is not UTF-8");
    let harmless = System { commands: vec!["X".into()], ..System::default() };
    for words in [[1, 5], [4, 0]] {
        assert!(matches!(crate::command::read(&bytes(&words), &harmless), Err(Fault::Commands { word: 0, .. })));
    }
    // Every end that comes too soon is seen.
    let whole = [2, 5, 11, 17, 19];
    for len in 1..all.len() {
        assert_eq!(read(&all[..len]).is_ok(), whole.contains(&len), "{len} words");
    }
}

#[test]
fn a_plan_that_breaks_a_rule_names_the_place() {
    let refused = |json: &str| Plan::parse(json.as_bytes()).expect_err(json).to_string();
    let systems = |systems: &str| format!(r#"{{"abi":1,"systems":[{systems}]}}"#);
    let query = |query: &str| systems(&format!(r#"{{"name":"a","queries":[{query}]}}"#));
    let declared = |all: &str| format!(r#"{{"abi":1,"components":[{all}],"systems":[{{"name":"a"}}]}}"#);
    const TEXT: &str = r#"{"name":"A","delivery":"hidden","fields":[{"name":"t","doc":"","default":{"Text":""},"kind":{"type":"text","max_bytes":9}}]}"#;
    for (json, says) in [
        ("{".into(), "line 1"),
        (r#"{"abi":2,"systems":[{"name":"a"}]}"#.into(), "interface 2"),
        (systems(""), "systems: 1 to 256"),
        (systems(r#"{"name":"a"},{"name":"a"}"#), r#"systems[1].name: "a" is there twice"#),
        (systems(r#"{"name":"a b"}"#), "systems[0].name"),
        (systems(r#"{"name":"a","querys":[]}"#), "querys"),
        (systems(r#"{"name":"a","commands":["\n"]}"#), "systems[0] (a): commands"),
        (query("{}"), "queries[0]: it names no component"),
        (query(r#"{"without":["X"]}"#), "queries[0]: it names no component"),
        (query(r#"{"write":["X"],"read":["X"]}"#), "X is there twice"),
        (query(r#"{"write":["X"],"without":["X"]}"#), "X is there twice"),
        (query(r#"{"write":["X"]},{"read":["X"]}"#), "queries[1]: it shares X"),
        (query(r#"{"read":["X"]},{"write":["X"]}"#), "queries[1]: it shares X"),
        (query(r#"{"read":["X"],"changed":["Y"]}"#), "changed: Y has to be in"),
        (query(r#"{"read":["X"],"without":["Y"],"added":["Y"]}"#), "added: Y has to be in"),
        (systems(r#"{"name":"a","messages":["Rain"]}"#), "Rain is none of ContactStarted"),
        (systems(r#"{"name":"a","topics":["t","t"]}"#), "topics: t is there twice"),
        (declared(r#"{"name":"lower","delivery":"state"}"#), "components[0]: schema lower"),
        (declared(r#"{"name":"A","delivery":"hidden"},{"name":"A","delivery":"hidden"}"#), "A is there twice"),
        (declared(TEXT), "components[0]: A.t: text and points"),
    ] {
        let said = refused(&json);
        assert!(said.contains(says), "{json}: {said}");
    }
    let apart = query(r#"{"write":["X"],"with":["A"]},{"read":["X"],"without":["A"]}"#);
    Plan::parse(apart.as_bytes()).expect("no entity is in both");
    Plan::parse(query(r#"{"read":["X"]},{"read":["X"]}"#).as_bytes()).expect("both read");
    let many = [r#"{"read":["X"]}"#; 9].join(",");
    assert!(refused(&query(&many)).contains("queries: at most 8"));
}
