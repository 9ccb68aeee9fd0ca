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
    let read = |words: &[u32]| crate::command::read(&bytes(words), system.orders());
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
        assert!(matches!(
            crate::command::read(&bytes(&words), harmless.orders()),
            Err(Fault::Commands { word: 0, .. })
        ));
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
        (systems(""), "neither systems nor hooks"),
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
        (systems(r#"{"name":"a","gather":["X","X"]}"#), "gather: X is there twice"),
        (systems(r#"{"name":"a","gather":["no name"]}"#), "gather: "),
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

#[test]
fn what_a_hook_is_handed_can_be_read_and_what_it_answers_is_checked() {
    let told = [Told::Word(7), Told::Text("Ada"), Told::Text("h\u{e9}llo there, this is longer than sixteen bytes")];
    let payload = Payload { point: Point::Chat, told: &told, config: &[5, 6], has_commands: false };
    let mut buffer = vec![0xee; payload.bytes()];
    payload.write(&mut buffer, Step { tick: 9, seed: 3, dt: 0.5, hz: 2 });
    let word = |buffer: &[u8], at: usize| u32::from_le_bytes(*buffer[at..].first_chunk().unwrap()) as usize;
    let (fields, config, room, room_bytes) =
        (word(&buffer, 24), word(&buffer, 28), word(&buffer, 32), word(&buffer, 36));
    assert_eq!((word(&buffer, 0), word(&buffer, 20), word(&buffer, 40), word(&buffer, 44)), (9, 2, 0, 1));
    assert_eq!((word(&buffer, config), word(&buffer, config + 4), word(&buffer, fields)), (5, 6, 7));
    for (i, text) in ["Ada", "h\u{e9}llo there, this is longer than sixteen bytes"].into_iter().enumerate() {
        let (at, bytes) = (word(&buffer, fields + 4 + 8 * i), word(&buffer, fields + 8 + 8 * i));
        assert_eq!(&buffer[at..at + bytes], text.as_bytes());
        assert!(at.is_multiple_of(16) && at + bytes <= room);
    }
    assert_eq!((room_bytes, room + room_bytes), (1024, buffer.len()));

    let mut answer = |text: &[u8], used: usize, returned: u32| {
        buffer[room..room + text.len()].copy_from_slice(text);
        buffer[40..44].copy_from_slice(&(used as u32).to_le_bytes());
        payload.answer(returned, &buffer).map(|answer| format!("{answer:?}")).map_err(|fault| fault.kind())
    };
    assert_eq!(answer(b"hi", 2, 0), Ok("Pass".into()));
    assert_eq!(answer(b"hi", 2, 1), Ok("Changed(\"hi\")".into()));
    assert_eq!(answer(b"hi", 2, 2), Ok("Refused(\"hi\")".into()));
    assert_eq!(answer(b"hi", 2, 3), Err("refused"));
    assert_eq!(answer(b"\xff", 1, 1), Err("answer"));
    assert_eq!(answer(b"", 1025, 1), Err("answer"));
    assert_eq!(answer(b"", usize::MAX, 1), Err("answer"));
    assert_eq!(answer(b"", 257, 2), Err("answer"), "a reason is shorter");

    let told = [Told::Word(1), Told::Word(0), Told::Text("{}")];
    let spawn = Payload { point: Point::Spawn, told: &told, config: &[], has_commands: false };
    let mut buffer = vec![0; spawn.bytes()];
    spawn.write(&mut buffer, Step { tick: 9, seed: 3, dt: 0.5, hz: 2 });
    assert!(spawn.answer(1, &buffer).is_err(), "nothing can be changed there");
    let action =
        Payload { point: Point::Spawned, told: &[Told::Word(1), Told::Word(0)], config: &[], has_commands: true };
    let mut buffer = vec![0; action.bytes()];
    action.write(&mut buffer, Step { tick: 9, seed: 3, dt: 0.5, hz: 2 });
    assert!(action.answer(2, &buffer).is_err() && action.answer(0, &buffer).is_ok());
    for (used, is_fit) in [(0_u32, true), (4096, true), (4097, false), (6, false), (u32::MAX - 3, false)] {
        buffer[40..44].copy_from_slice(&used.to_le_bytes());
        assert_eq!(action.commands(&buffer).is_ok(), is_fit, "{used}");
    }
}

#[test]
fn a_pattern_means_topics() {
    for (pattern, topic, is_meant) in [
        ("*", "", true),
        ("game.*", "game.move", true),
        ("game.*", "game", false),
        ("*.move", "game.a.move", true),
        ("g*m*", "game", true),
        ("g*m*", "ga", false),
        ("a*b*c", "abxbc", true),
        ("a", "ab", false),
        ("", "a", false),
    ] {
        assert_eq!(hook::is_about(pattern, topic), is_meant, "{pattern} {topic}");
    }
}

#[test]
fn the_points_are_told_to_authors() {
    let told = include_str!("../../../plugins/SIM.md");
    assert!(told.contains(&Point::table()), "plugins/SIM.md is to have this table:\n{}", Point::table());
    for point in Point::ALL {
        assert_eq!(Point::of_name(point.name()), Some(point));
        if let hook::HookKind::Filter { changes: Some((at, _)) } = point.kind() {
            assert!(point.fields()[at].is_text);
        }
    }
}

#[test]
fn hooks_that_no_world_takes_are_refused_before_any_code_runs() {
    let plan = |hook: serde_json::Value| {
        let plan = serde_json::json!({ "abi": 1, "systems": [{ "name": "move" }], "hooks": [{ "name": "a", "point": "joined" }, hook] });
        Plan::parse(plan.to_string().as_bytes()).map_err(|error| error.to_string())
    };
    let good =
        plan(serde_json::json!({ "name": "b", "point": "message", "about": ["game.*"], "priority": -3 })).unwrap();
    assert_eq!((good.hooks[0].priority, good.hooks[1].priority, good.number_of_hook(1)), (10, -3, 2));
    for (hook, says) in [
        (serde_json::json!({ "name": "b", "point": "chats" }), "\"chats\" is none of chat, message"),
        (serde_json::json!({ "name": "a", "point": "chat" }), "\"a\" is there twice"),
        (serde_json::json!({ "name": "move", "point": "chat" }), "\"move\" is there twice"),
        (serde_json::json!({ "name": "b", "point": "chat", "despawns": true }), "a filter leaves no commands"),
        (serde_json::json!({ "name": "b", "point": "chat", "about": ["x"] }), "use the point `message`"),
        (serde_json::json!({ "name": "b", "point": "message", "about": ["x y"] }), "about: "),
        (serde_json::json!({ "name": "b", "point": "joined", "commands": ["A", "A"] }), "A is there twice"),
        (serde_json::json!({ "name": "b", "point": "joined", "when": 1 }), "unknown field"),
    ] {
        let error = plan(hook).unwrap_err();
        assert!(error.contains(says), "{error}: {says}");
    }
    assert!(Plan::parse(br#"{"abi":1}"#).unwrap_err().to_string().contains("neither systems nor hooks"));
    assert!(Plan::parse(br#"{"abi":1,"hooks":[{"name":"a","point":"chat"}]}"#).is_ok());
}
