//! Modules that keep to the rules, and modules that do not.

use hd1_abi::plan::{Declared, Query, System};
use hd1_abi::{Plan, plan};
use hd1_schema::schema::{FieldSchema, Range};
use hd1_schema::{Delivery, FieldKind, Value};

use crate::report::{Check, Place};
use crate::*;

/// `x += v * dt` over all rows; the batch of `plan()`.
const DRIFT: &str = r#"
    (call $begin (local.get $batch))
    (block $end (loop $row
        (br_if $end (i32.eqz (global.get $rows)))
        (f32.store (global.get $x) (f32.max (f32.const -100) (f32.min (f32.const 100) (f32.add
            (f32.load (global.get $x)) (f32.mul (f32.load (global.get $v)) (f32.load offset=16 (local.get $batch)))))))
        (call $next)
        (br $row)))
    (i32.const 0)"#;
/// Where the columns are, in globals: they are set anew in each run, so nothing is kept.
const FIELDS: &str = r#"
    (global $rows (mut i32) (i32.const 0)) (global $x (mut i32) (i32.const 0)) (global $v (mut i32) (i32.const 0))
    (global $count (mut i32) (i32.const 0)) (global $sum (mut f32) (f32.const 0))
    (func $begin (param $batch i32) (local $table i32)
        (local.set $table (i32.add (local.get $batch) (i32.load offset=24 (local.get $batch))))
        (global.set $rows (i32.load (local.get $table)))
        (global.set $x (i32.add (local.get $batch) (i32.load offset=8 (local.get $table))))
        (global.set $v (i32.add (local.get $batch) (i32.load offset=12 (local.get $table)))))
    (func $next
        (global.set $x (i32.add (global.get $x) (i32.const 4)))
        (global.set $v (i32.add (global.get $v) (i32.const 4)))
        (global.set $rows (i32.sub (global.get $rows) (i32.const 1))))
    (func $command (param $batch i32) (param $at i32) (param $word i32)
        (i32.store (i32.add (i32.add (local.get $batch) (i32.load offset=32 (local.get $batch))) (local.get $at))
            (local.get $word))
        (i32.store offset=40 (local.get $batch) (i32.add (local.get $at) (i32.const 4))))"#;

fn declared(name: &str, max: f32) -> Declared {
    let kind = FieldKind::F32 { range: Range::new(-100.0, max), step: 0.01 };
    let (doc, unit) = (String::new(), String::new());
    let field = FieldSchema { name: "value".into(), doc: doc.clone(), kind, unit, default: Value::F32(0.0) };
    Declared { name: name.into(), doc, delivery: Delivery::State, client_writable: false, fields: vec![field] }
}

fn plan() -> Plan {
    let query = Query { write: vec!["X".into()], read: vec!["V".into()], entities: true, ..Query::default() };
    let system = System { name: "drift".into(), queries: vec![query], commands: vec!["X".into()], ..System::default() };
    Plan {
        abi: 1,
        components: vec![declared("X", 100.0), declared("V", 10.0)],
        config: vec![],
        systems: vec![system],
        hooks: vec![],
    }
}

fn wasm_of(plan: &Plan, run: &str) -> Vec<u8> {
    let plan = serde_json::to_string(plan).unwrap().replace('\\', "\\\\").replace('"', "\\\"");
    let text = format!(
        r#"(module
            (import "hd1_sim_1" "log" (func $log (param i32 i32 i32)))
            (import "hd1_sim_1" "gather" (func $gather (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 400) {FIELDS}
            (data (i32.const 16) "too few")
            (func (export "hd1_reserve") (param $bytes i32) (result i32) (i32.const 1024))
            (func (export "hd1_run") (param $system i32) (param $batch i32) (result i32) {run})
            (@custom "{}" "{plan}"))"#,
        plan::SECTION
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn kit(run: &str) -> Kit {
    Kit::load(&wasm_of(&plan(), run)).unwrap()
}

/// The loop of `DRIFT` with another thing done for each row.
fn each(row: &str) -> String {
    format!(
        "(call $begin (local.get $batch))
        (block $end (loop $row (br_if $end (i32.eqz (global.get $rows))) {row} (call $next) (br $row))) (i32.const 0)"
    )
}

/// The only finding of a kind, and that there is no error of another.
fn found(report: &Report, check: Check) -> Finding {
    let errors = report.findings.iter().filter(|finding| finding.severity == Severity::Error);
    assert!(errors.clone().all(|finding| finding.check == check), "{:#?}", report.findings);
    let found = report.findings.iter().find(|finding| finding.check == check);
    found.unwrap_or_else(|| panic!("no {check} in {:#?}", report.findings)).clone()
}

#[test]
fn a_module_that_keeps_to_the_rules_has_no_findings() {
    let report = kit(DRIFT).check();
    assert_eq!(report.findings, []);
    assert!(report.is_ok());
    let [ran] = &report.systems[..] else { panic!("{report:?}") };
    assert!(ran.system == "drift" && ran.runs > 100, "{ran:?}");
    assert_eq!(ran.fuel.iter().map(|fuel| fuel.rows).collect::<Vec<_>>(), limits::ROWS);
    assert!(ran.fuel[4].per_row().unwrap() > 5.0 && ran.fuel[0].per_row().is_none());
    assert_eq!(kit(DRIFT).check(), report, "the same seed, the same report");
    assert_eq!(kit(DRIFT).seed(2).check().findings, []);
}

#[test]
fn what_is_kept_in_a_global_is_found() {
    let count = "(global.set $count (i32.add (global.get $count) (i32.const 1)))
        (f32.store (global.get $x) (f32.convert_i32_s (i32.rem_s (global.get $count) (i32.const 100))))";
    let report = kit(&each(count)).check();
    let finding = report.findings.iter().find(|finding| finding.check == Check::Determinism).unwrap();
    assert_eq!(finding.severity, Severity::Error);
    let place = Place { query: 0, column: "X.value".into(), row: 0, entity: finding.place.as_ref().unwrap().entity };
    assert_eq!(finding.place, Some(place));
    assert!(finding.message.starts_with("1.0 in a new instance, "), "{finding}");
    assert!(finding.message.contains("is a component") && finding.more > 10, "{finding}");
    // Kept, and seen only by the next world, in what it commands.
    let say = "(call $begin (local.get $batch))
        (if (i32.gt_u (global.get $count) (i32.const 1000)) (then
            (call $command (local.get $batch) (i32.const 0) (i32.const 2))
            (call $command (local.get $batch) (i32.const 4) (i32.const 7))
            (call $command (local.get $batch) (i32.const 8) (i32.const 0))))
        (global.set $count (i32.add (global.get $count) (global.get $rows))) (i32.const 0)";
    let finding = found(&kit(say).check(), Check::Determinism);
    assert!(finding.message.contains("commands") && finding.place.is_none(), "{finding}");
}

#[test]
fn what_lies_beside_the_batch_is_not_to_be_read() {
    // The third word after the last of a column is no column's.
    let beside = "(call $begin (local.get $batch))
        (if (i32.eq (global.get $rows) (i32.const 1)) (then
            (f32.store (global.get $x) (f32.convert_i32_u (i32.load8_u offset=12 (global.get $x))))))
        (i32.const 0)";
    let finding = found(&kit(beside).check(), Check::Determinism);
    assert!(finding.message.contains("rubbish"), "{finding}");
}

#[test]
fn a_system_that_depends_on_the_order_of_rows_is_told_of_ordered() {
    let sum = "(global.set $sum (f32.add (global.get $sum) (f32.load (global.get $v))))
        (f32.store (global.get $x) (f32.div (global.get $sum) (f32.const 100000)))";
    let sum = format!("(global.set $sum (f32.const 0)) {}", each(sum));
    let report = kit(&sum).check();
    assert!(report.is_ok(), "it is a warning: {:#?}", report.findings);
    let finding = found(&report, Check::RowOrder);
    assert!(finding.severity == Severity::Warning && finding.message.contains("`ordered`"), "{finding}");
    let mut ordered = plan();
    ordered.systems[0].queries[0].ordered = true;
    assert_eq!(Kit::load(&wasm_of(&ordered, &sum)).unwrap().check().findings, []);
    let mut spawns = plan();
    spawns.systems[0].spawns = true;
    assert_eq!(Kit::load(&wasm_of(&spawns, &sum)).unwrap().check().findings, []);
}

#[test]
fn rows_that_no_world_takes_are_warned_of() {
    let report = kit(&each("(f32.store (global.get $x) (f32.const nan))")).check();
    assert!(report.is_ok());
    let finding = found(&report, Check::Schema);
    assert!(finding.severity == Severity::Warning && finding.message.contains("value: NaN"), "{finding}");
    assert_eq!(finding.place.unwrap().column, "X");
    let ends = "(f32.store (global.get $x) (f32.sqrt (f32.add (f32.load (global.get $x)) (f32.const 99.99))))";
    assert_eq!(found(&kit(&each(ends)).check(), Check::Schema).severity, Severity::Warning, "it is no number");
    // Whoever starts at the end of a range may leave it.
    let up = "(f32.store (global.get $x) (f32.add (f32.load (global.get $x)) (f32.const 0.125)))";
    assert_eq!(found(&kit(&each(up)).check(), Check::Schema).severity, Severity::Note);
}

#[test]
fn a_trap_is_found_with_what_it_said() {
    let trap = "(call $begin (local.get $batch))
        (if (i32.eqz (global.get $rows)) (then
            (call $log (i32.const 0) (i32.const 16) (i32.const 7)) unreachable))
        (i32.const 0)";
    let finding = found(&kit(trap).check(), Check::Fault);
    assert!(finding.message.contains("unreachable") && finding.message.contains("it logged: too few"), "{finding}");
    assert!(finding.batch.starts_with("0 rows, ordinary values"), "{finding}");
    let text = finding.to_string();
    assert!(text.starts_with("error: fault: system drift: it trapped"), "{text}");
}

#[test]
fn commands_are_well_formed_allowed_and_of_values_that_a_world_takes() {
    let commands = |words: &[i64]| {
        let words = words.iter().enumerate();
        let words: String = words
            .map(|(i, word)| format!("(call $command (local.get $batch) (i32.const {}) (i32.const {word}))", 4 * i))
            .collect();
        kit(&format!("{words} (i32.const 0)")).check()
    };
    assert_eq!(commands(&[2, 5, 0]).findings, []);
    assert_eq!(commands(&[3, 5, 0, 1, i64::from(5.0f32.to_bits())]).findings, []);
    let malformed = found(&commands(&[9]), Check::Commands);
    assert!(malformed.severity == Severity::Error && malformed.message.contains("no command"), "{malformed}");
    let despawns = found(&commands(&[1, 5]), Check::Commands);
    assert!(despawns.message.contains("does not say that it despawns"), "{despawns}");
    let value = found(&commands(&[3, 5, 0, 1, i64::from(500.0f32.to_bits())]), Check::Commands);
    assert!(value.severity == Severity::Warning && value.message.contains("X.value: must be <= 100"), "{value}");
}

#[test]
fn a_run_has_a_budget() {
    let over = kit(DRIFT).fuel_per_run_max(10_000).check();
    let finding = found(&over, Check::Fuel);
    assert!(finding.severity == Severity::Error && finding.message.contains("at most 10000"), "{finding}");
    assert!(kit(DRIFT).fuel_per_run_max(1_000_000).check().is_ok());
    assert!(kit(DRIFT).fuel_per_run_max(10_000).rows_max(100).check().is_ok());
    let endless = found(&kit("(loop $on (br $on)) (i32.const 0)").check(), Check::Fuel);
    assert!(endless.message.contains("50000000 of fuel"), "{endless}");
}

#[test]
fn what_no_world_takes_is_not_loaded() {
    let refused = |change: fn(&mut Plan)| {
        let mut plan = plan();
        change(&mut plan);
        Kit::load(&wasm_of(&plan, DRIFT)).expect_err("it was taken").to_string()
    };
    for (change, says) in [
        ((|plan| plan.components.clear()) as fn(&mut Plan), "no world has a component X"),
        (|plan| plan.systems[0].queries[0].write = vec!["Avatar".into()], "cannot write Avatar"),
        (|plan| plan.systems[0].queries[0].write = vec!["Parent".into()], "insert it by a command"),
        (|plan| plan.systems[0].queries[0].read = vec!["Name".into()], "Name has no column"),
        (|plan| plan.systems[0].commands = vec!["Owner".into()], "cannot insert or remove Owner"),
        (|plan| plan.components[0].name = "Transform".into(), "component Transform"),
    ] {
        let said = refused(change);
        assert!(said.starts_with("no world takes it") && said.contains(says), "{said}");
    }
    assert!(matches!(Kit::load(b"(module)"), Err(KitError::Load(_))));
    // What another plugin brings is there where that is loaded beside.
    let mut mine = plan();
    mine.components.clear();
    let (mine, other) = (wasm_of(&mine, DRIFT), wasm_of(&plan(), DRIFT));
    assert!(Kit::load_beside(&mine, &[&other]).unwrap().check().is_ok());
}

#[test]
fn batches_are_valid_and_follow_from_their_wish() {
    let mut plan = plan();
    let query = |write: &str, without: &[&str]| Query {
        write: vec![write.into()],
        read: vec!["Material".into()],
        without: without.iter().map(|name| (*name).into()).collect(),
        ..Query::default()
    };
    plan.systems[0].queries = vec![query("Transform", &["Velocity"]), query("Velocity", &[])];
    plan.systems[0].messages = vec!["ContactStarted".into(), "PlayerInput".into()];
    let kit = Kit::load(&wasm_of(&plan, "(i32.const 0)")).unwrap();
    for wish in check::wishes(&kit.plan().systems[0], 7) {
        let batch = kit.batch(0, wish);
        assert_eq!(batch, kit.batch(0, wish));
        for rows in &batch.queries {
            assert!(rows.entities.is_sorted_by(|a, b| a < b), "{wish}");
            for column in &rows.columns {
                let (known, words) = (kit.columns.of_name(&column.component), kit.columns.words(&column.component));
                assert_eq!(column.words.len(), rows.entities.len() * words);
                for row in column.words.chunks_exact(words) {
                    assert_eq!(known.refusal(row), None, "{wish}: {row:?} of {}", column.component);
                }
            }
        }
        let [first, second] = [&batch.queries[0].entities, &batch.queries[1].entities];
        assert!(!first.iter().any(|entity| second.contains(entity)), "none has a Velocity and has it not");
        assert_eq!(first.len(), if wish.only == Some(1) { 0 } else { wish.rows });
        let contacts = batch.messages[0].as_chunks::<2>().0;
        assert!(contacts.len() == wish.messages && contacts.iter().all(|[a, b]| a < b), "{wish}");
    }
    assert!(kit.check().is_ok());
}

#[test]
fn a_recording_is_written_read_and_run_again() {
    let kit = kit(DRIFT);
    let batches = [0, 3].map(|rows| kit.batch(0, Wish::of(rows, 5)));
    let recording = kit.record(batches).unwrap();
    let text = recording.to_text();
    let read = Recording::parse(&text).unwrap();
    assert_eq!(read, recording);
    assert_eq!(kit.replay(&read).findings, []);
    let still = self::kit("(i32.const 0)").replay(&read);
    let finding = found(&still, Check::Replay);
    assert!(finding.place.is_some() && finding.batch.contains("number 1"), "{finding}");
    let mut other = plan();
    other.systems[0].queries[0].read.clear();
    let other = Kit::load(&wasm_of(&other, "(i32.const 0)")).unwrap().replay(&read);
    assert!(found(&other, Check::Replay).message.contains("record it anew"));
    for (text, says) in [
        ("", "does not begin"),
        ("{\"hd1_recording\":2}\n", "does not begin"),
        ("{\"hd1_recording\":1}\n{}\n", "line 2"),
    ] {
        let said = Recording::parse(text).unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn systems_are_measured_beside_the_copying() {
    let [small, large] = &kit(DRIFT).time(&[100, 10_000])[..] else { panic!("two sizes") };
    assert_eq!((small.rows, large.rows), (100, 10_000));
    assert!(small.fault.is_none() && !small.is_over && small.runs > 1);
    assert!(large.run_ns > 0.0 && large.copy_ns > 0.0 && large.fuel > 50_000, "{large:?}");
    assert!((large.fuel_per_row() - large.fuel as f64 / 1e4).abs() < 1e-9);
    let trap = &kit("unreachable").time(&[100])[0];
    assert!(trap.fault.as_ref().unwrap().contains("unreachable"));
}

#[test]
fn hooks_are_called_with_what_players_may_say() {
    let hooked = |hook: &str| {
        let mut plan = plan();
        plan.hooks = vec![plan::Hook { name: "hush".into(), point: "chat".into(), ..plan::Hook::default() }];
        let text = format!(
            r#"(module (memory (export "memory") 4) (global $count (mut i32) (i32.const 0))
                (func (export "hd1_reserve") (param i32) (result i32) (i32.const 1024))
                (func (export "hd1_run") (param i32 i32) (result i32) (i32.const 0))
                (func (export "hd1_hook") (param $hook i32) (param $at i32) (param $bytes i32) (result i32)
                    (local $fields i32) (local $length i32)
                    (local.set $fields (i32.add (local.get $at) (i32.load offset=24 (local.get $at))))
                    (local.set $length (i32.load offset=16 (local.get $fields)))
                    {hook})
                (@custom "hd1.plan" "{}"))"#,
            serde_json::to_string(&plan).unwrap().replace('\\', "\\\\").replace('"', "\\\"")
        );
        let report = Kit::load(&wat::parse_str(&text).unwrap()).unwrap().check();
        let ran = report.systems.iter().find(|ran| ran.system == "hush").unwrap();
        assert!(ran.runs > 30 || !report.findings.is_empty());
        let of_hook = report.findings.iter().filter(|finding| finding.system == "hush");
        of_hook.map(|finding| (finding.check, finding.message.clone())).collect::<Vec<_>>()
    };
    assert_eq!(hooked("(i32.const 0)"), []);
    // Traps on the longest line alone.
    let long = hooked("(if (i32.ge_u (local.get $length) (i32.const 1024)) (then unreachable)) (i32.const 0)");
    assert!(matches!(&long[..], [(Check::Fault, said)] if said.contains("trapped")), "{long:?}");
    // Says that it has changed the line to what is no UTF-8.
    let rubbish = hooked(
        "(i32.store8 (i32.add (local.get $at) (i32.load offset=32 (local.get $at))) (i32.const 255))
         (i32.store offset=40 (local.get $at) (i32.const 1)) (i32.const 1)",
    );
    assert!(matches!(&rubbish[..], [(Check::Fault, said)] if said.contains("not UTF-8")), "{rubbish:?}");
    // Lets every second line pass.
    let keeper = hooked(
        "(global.set $count (i32.add (global.get $count) (i32.const 1)))
         (if (result i32) (i32.and (global.get $count) (i32.const 1)) (then (i32.const 0)) (else (i32.const 2)))",
    );
    assert!(matches!(&keeper[..], [(Check::Determinism, _)]), "{keeper:?}");
}

#[test]
fn what_is_looked_up_is_what_queries_hand_over() {
    let mut plan = plan();
    plan.systems[0].gather = vec!["V".into()];
    // Traps where an entity's V is not found, or is another than the one in its row.
    let run = "(local $out i32) (local.set $out (i32.const 0x1000000)) (call $begin (local.get $batch))
        (if (i32.ne (global.get $rows) (call $gather (i32.const 0)
            (i32.add (local.get $batch) (i32.load offset=4 (i32.add (local.get $batch) (i32.load offset=24 (local.get $batch)))))
            (global.get $rows) (local.get $out))) (then unreachable))
        (block $end (loop $row (br_if $end (i32.eqz (global.get $rows)))
            (if (i32.ne (i32.load offset=4 (local.get $out)) (i32.load (global.get $v))) (then unreachable))
            (local.set $out (i32.add (local.get $out) (i32.const 8)))
            (call $next) (br $row))) (i32.const 0)";
    let kit = Kit::load(&wasm_of(&plan, run)).unwrap();
    assert_eq!(kit.check().findings, []);
    let batch = kit.batch(0, Wish::of(3, 1));
    let recording = kit.record([batch.clone()]).unwrap();
    assert_eq!(kit.replay(&recording).findings, []);
    let lost = Batch { gather: vec![batch::Gathered { words: 1, ..batch::Gathered::default() }], ..batch };
    assert!(kit.run(&lost).is_err(), "nobody has one");
    plan.systems[0].gather = vec!["Geometry".into()];
    assert!(Kit::load(&wasm_of(&plan, run)).unwrap_err().to_string().contains("cannot be looked up"));
}
