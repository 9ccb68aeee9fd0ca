//! Modules that behave, and modules that do not.

use std::time::{Duration, Instant};

use hd1_abi::command::{self, Command};
use hd1_abi::plan::{Query, System};
use hd1_abi::{Gather, Guest, Layout, Line, LogLevel, NoGather, Rows, Step, SystemShape};

use super::*;

/// Time enough on a machine that does much else; what is to run out of time says so.
const ROOMY: Limits = Limits {
    memory_bytes: 256 * 1024 * 1024,
    fuel: 50_000_000,
    time: Duration::from_secs(60),
    hook_time: Duration::from_secs(60),
};
const STEP: Step = Step { tick: 7, seed: 1, dt: 0.5, hz: 2 };
/// One system: `x += v * dt` over all rows. The table: rows, entities, x, v.
const DRIFT: &str = r#"
    (local $table i32) (local $rows i32) (local $x i32) (local $v i32)
    (local.set $table (i32.add (local.get $batch) (i32.load offset=24 (local.get $batch))))
    (local.set $rows (i32.load (local.get $table)))
    (local.set $x (i32.add (local.get $batch) (i32.load offset=8 (local.get $table))))
    (local.set $v (i32.add (local.get $batch) (i32.load offset=12 (local.get $table))))
    (block $end (loop $row
        (br_if $end (i32.eqz (local.get $rows)))
        (f32.store (local.get $x) (f32.add (f32.load (local.get $x))
            (f32.mul (f32.load (local.get $v)) (f32.load offset=16 (local.get $batch)))))
        (local.set $x (i32.add (local.get $x) (i32.const 4)))
        (local.set $v (i32.add (local.get $v) (i32.const 4)))
        (local.set $rows (i32.sub (local.get $rows) (i32.const 1)))
        (br $row)))
    (i32.const 0)"#;
/// A buffer that grows with what is asked for.
const RESERVE: &str = r#"
    (local $pages i32)
    (local.set $pages (i32.shr_u (i32.add (local.get $bytes) (i32.const 66559)) (i32.const 16)))
    (if (i32.gt_u (local.get $pages) (memory.size)) (then
        (drop (memory.grow (i32.sub (local.get $pages) (memory.size))))))
    (i32.const 1024)"#;

fn plan() -> Plan {
    let query = Query { write: vec!["X".into()], read: vec!["V".into()], entities: true, ..Query::default() };
    let commands = vec!["X".into(), "test:toy/Mark".into()];
    let system = System { name: "drift".into(), queries: vec![query], commands, despawns: true, ..System::default() };
    Plan { abi: 1, components: vec![], config: vec![], systems: vec![system], hooks: vec![] }
}

/// A module with a plan, with more fields, a `reserve` and a `run`.
fn wasm_of(plan: &str, fields: &str, reserve: &str, run: &str) -> Vec<u8> {
    let plan = plan.replace('\\', "\\\\").replace('"', "\\\"");
    let text = format!(
        r#"(module
            (import "hd1_sim_1" "log" (func $log (param i32 i32 i32)))
            (memory (export "memory") 1)
            {fields}
            (func (export "hd1_reserve") (param $bytes i32) (result i32) {reserve})
            (func $run (export "hd1_run") (param $system i32) (param $batch i32) (result i32) {run})
            (@custom "hd1.plan" "{plan}"))"#
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn wasm(run: &str) -> Vec<u8> {
    wasm_of(&serde_json::to_string(&plan()).unwrap(), "", RESERVE, run)
}

fn instance(host: &Host, wasm: &[u8], limits: Limits) -> Instance {
    host.load(wasm).unwrap().instantiate(limits).unwrap()
}

/// A world of one query.
#[derive(Clone, Debug, PartialEq)]
struct World {
    x: Vec<f32>,
    v: Vec<f32>,
}

fn bytes_of(floats: &[f32]) -> Vec<u8> {
    floats.iter().flat_map(|float| float.to_le_bytes()).collect()
}

impl World {
    fn new(rows: usize) -> Self {
        let column = |of: f32| (0..rows).map(|row| row as f32 * of).collect::<Vec<_>>();
        World { x: column(1.0), v: column(0.5) }
    }

    /// A tick: copied in, run, and copied out where it went well. The fuel that it took, and the commands.
    fn tick(&mut self, instance: &mut Instance) -> Result<(u64, Vec<Command>), Fault> {
        let plan = plan();
        let mut layout = Layout::new(SystemShape::of(&plan.systems[0], 0, |_| Ok::<_, ()>(1)).unwrap().into());
        layout.lay(Rows { queries: &[self.x.len()], messages: &[] });
        let batch = instance.buffer(layout.bytes())?;
        layout.write_head(batch, STEP, &[]);
        batch[layout.entities(0)].fill(7);
        batch[layout.column(0, 0)].copy_from_slice(&bytes_of(&self.x));
        batch[layout.column(0, 1)].copy_from_slice(&bytes_of(&self.v));
        let ran = instance.run(0, &NoGather)?;
        let commands =
            layout.commands(instance.output()).and_then(|bytes| command::read(bytes, plan.systems[0].orders()));
        let commands = commands.inspect_err(|_| instance.break_down())?;
        for (x, four) in self.x.iter_mut().zip(instance.output()[layout.column(0, 0)].as_chunks().0) {
            *x = f32::from_le_bytes(*four);
        }
        Ok((ran.fuel, commands))
    }
}

#[test]
fn a_system_changes_what_it_may_write() {
    let host = Host::new().unwrap();
    let mut drift = instance(&host, &wasm(DRIFT), ROOMY);
    let mut world = World::new(1_000);
    let (fuel, commands) = world.tick(&mut drift).unwrap();
    for row in 0..1_000 {
        assert_eq!(world.x[row], row as f32 + row as f32 * 0.5 * STEP.dt);
    }
    assert!(fuel > 10_000 && commands.is_empty(), "{fuel} {commands:?}");
    // The same work takes the same fuel, in an instance that has run and in one that has not.
    let (mut again, mut anew) = (World::new(1_000), World::new(1_000));
    assert_eq!(again.tick(&mut drift).unwrap().0, fuel);
    assert_eq!(anew.tick(&mut instance(&host, &wasm(DRIFT), ROOMY)).unwrap().0, fuel);
    assert_eq!((&again, &anew), (&world, &world));
    // A larger world has room as well, and one without rows.
    World::new(50_000).tick(&mut drift).unwrap();
    World::new(0).tick(&mut drift).unwrap();
}

#[test]
fn whatever_a_module_does_the_world_is_as_it_was_and_others_go_on() {
    // Each first spoils the column that it may write.
    let spoil = "(memory.fill (local.get $batch) (i32.const 255) (i32.const 4096))";
    let endless = format!("{spoil} (loop $on (br $on)) (i32.const 0)");
    let long = Limits { fuel: u64::MAX / 2, ..Limits::default() };
    let cases = [
        ("a trap", format!("{spoil} unreachable"), ROOMY, "unreachable"),
        ("memory that is not its own", format!("{spoil} (i32.load (i32.const -4))"), ROOMY, "out of bounds"),
        ("a division by zero", format!("{spoil} (i32.div_u (i32.const 1) (i32.const 0))"), ROOMY, "divide by zero"),
        ("an endless loop", endless.clone(), ROOMY, "of fuel"),
        ("an endless loop with fuel without end", endless, long, "still running after 5ms"),
        ("endless depth", "(call $run (local.get 0) (local.get 1))".into(), ROOMY, "deeper than the stack"),
        ("giving up", format!("{spoil} (i32.const 3)"), ROOMY, "returned 3"),
        (
            "a flood of calls",
            "(loop $on (call $log (i32.const 0) (i32.const 0) (i32.const 1024)) (br $on)) (i32.const 0)".into(),
            long,
            "still running",
        ),
        (
            "logging what is not its own",
            "(call $log (i32.const 0) (i32.const -8) (i32.const 16)) (i32.const 0)".into(),
            ROOMY,
            "not all in its memory",
        ),
        (
            "more commands than there is room for",
            "(i32.store offset=40 (local.get $batch) (i32.const -4)) (i32.const 0)".into(),
            ROOMY,
            "no number of words that there is room for",
        ),
        (
            "commands that are none",
            "(i32.store offset=40 (local.get $batch) (i32.const 4)) (i32.const 0)".into(),
            ROOMY,
            "no command has this number",
        ),
    ];
    let host = Host::new().unwrap();
    let mut drift = instance(&host, &wasm(DRIFT), ROOMY);
    for (what, run, limits, says) in cases {
        let mut hostile = instance(&host, &wasm(&run), limits);
        let (mut world, before) = (World::new(100), World::new(100));
        let begin = Instant::now();
        let fault = world.tick(&mut hostile).expect_err(what);
        assert!(fault.to_string().contains(says), "{what}: {fault}");
        assert!(begin.elapsed() < Duration::from_secs(10), "{what} was not ended");
        assert_eq!(world, before, "{what}");
        assert!(hostile.is_broken());
        assert_eq!(world.tick(&mut hostile), Err(Fault::Broken), "{what}");
        world.tick(&mut drift).expect("another module goes on");
        assert_ne!(world, before);
    }
}

#[test]
fn time_passes_for_an_instance_whose_host_is_gone() {
    let endless = "(loop $on (br $on)) (i32.const 0)";
    let mut orphan =
        instance(&Host::new().unwrap(), &wasm(endless), Limits { fuel: u64::MAX / 2, ..Limits::default() });
    assert!(matches!(World::new(1).tick(&mut orphan), Err(Fault::Time(_))));
}

#[test]
fn a_module_has_as_much_memory_as_it_may_have() {
    let host = Host::new().unwrap();
    let limits = Limits { memory_bytes: 1024 * 1024, ..ROOMY };
    // It takes all that there is and more, and learns that there is no more.
    let bomb = "(loop $on (br_if $on (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        (i32.store offset=40 (local.get $batch) (i32.const 8))
        (i32.store (i32.add (local.get $batch) (i32.load offset=32 (local.get $batch))) (i32.const 1))
        (i32.store offset=4 (i32.add (local.get $batch) (i32.load offset=32 (local.get $batch))) (memory.size))
        (i32.const 0)";
    let (_, commands) = World::new(10).tick(&mut instance(&host, &wasm(bomb), limits)).unwrap();
    assert_eq!(commands, [Command::Despawn { entity: 16 }], "16 pages are a MiB");
    // One that has no room for its batch says so.
    let fault = World::new(1_000_000).tick(&mut instance(&host, &wasm(DRIFT), limits)).unwrap_err();
    assert!(matches!(fault, Fault::Buffer { .. }), "{fault}");
    // Who needs more than that to begin with does not begin.
    let plan = serde_json::to_string(&plan()).unwrap();
    let large = host.load(&wasm_of(&plan, "(data (i32.const 70000) \"x\")", RESERVE, DRIFT)).unwrap();
    assert!(large.instantiate(ROOMY).is_err(), "a page has 65,536 bytes");
    let table = |elements: u32| host.load(&wasm_of(&plan, &format!("(table {elements} funcref)"), RESERVE, DRIFT));
    table(100_000).unwrap().instantiate(limits).unwrap();
    assert!(table(100_001).unwrap_err().to_string().contains("exceeds the limit of 100000"));
    let small = Limits { memory_bytes: 65_535, ..ROOMY };
    assert!(table(1).unwrap().instantiate(small).is_err(), "its memory begins with a page");
}

#[test]
fn a_buffer_is_where_the_module_says_or_nowhere() {
    let host = Host::new().unwrap();
    let plan = serde_json::to_string(&plan()).unwrap();
    for reserve in ["(i32.const 0)", "(i32.const 1028)", "(i32.const -16)", "(i32.const 65520)"] {
        let mut lying = instance(&host, &wasm_of(&plan, "", reserve, DRIFT), ROOMY);
        let fault = World::new(100).tick(&mut lying).unwrap_err();
        assert!(matches!(fault, Fault::Buffer { .. }), "{reserve}: {fault}");
        assert_eq!(World::new(100).tick(&mut lying), Err(Fault::Broken));
    }
    let mut endless = instance(&host, &wasm_of(&plan, "", "(loop $on (br $on)) (i32.const 16)", DRIFT), ROOMY);
    assert!(matches!(World::new(1).tick(&mut endless), Err(Fault::Fuel(_) | Fault::Time(_))));
    // Code that runs before any system is bounded as well.
    let start = "(func $begin (loop $on (br $on))) (start $begin)";
    let module = host.load(&wasm_of(&plan, start, RESERVE, DRIFT)).unwrap();
    assert!(matches!(module.instantiate(ROOMY), Err(Fault::Fuel(_) | Fault::Time(_))));
}

#[test]
fn a_log_is_bounded_and_each_line_stays_one() {
    let run = r#"(local $i i32)
        (loop $on
            (call $log (i32.const 1) (i32.const 8) (i32.const 11))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $on (i32.lt_u (local.get $i) (i32.const 100))))
        (i32.const 0)"#;
    let host = Host::new().unwrap();
    let plan = serde_json::to_string(&plan()).unwrap();
    let talker = wasm_of(&plan, "(data (i32.const 8) \"one\\0atwo\\ffend\")", RESERVE, run);
    let mut talker = instance(&host, &talker, ROOMY);
    for _ in 0..2 {
        World::new(1).tick(&mut talker).unwrap();
        let (mut lines, mut dropped) = (Vec::new(), 0);
        talker.take_log(&mut |line| match line {
            Line::Said(level, text) => lines.push((level, text.to_owned())),
            Line::Dropped(count) => dropped += count,
        });
        assert_eq!((lines.len(), dropped), (16, 84), "each run begins anew");
        assert_eq!(lines[0], (LogLevel::Warn, "one two\u{fffd}end".to_owned()));
    }
}

#[test]
fn what_is_no_module_for_this_host_is_refused_before_it_runs() {
    let host = Host::new().unwrap();
    let good = serde_json::to_string(&plan()).unwrap();
    let refused = |wasm: &[u8]| host.load(wasm).expect_err("it was taken").to_string();
    let text = |text: &str| wat::parse_str(text).unwrap();
    assert!(refused(b"").contains("no module"), "{}", refused(b""));
    assert!(refused(b"(module)").contains("no module"), "text is not what was signed");
    assert!(refused(&text("(component)")).contains("plan"));
    assert!(refused(&text("(module)")).contains("there is none"));
    assert!(
        refused(&text(r#"(module (@custom "hd1.plan" "{}") (@custom "hd1.plan" "{}"))"#)).contains("there are two")
    );
    assert!(refused(&vec![0; limits::MODULE_BYTES_MAX + 1]).contains("bytes of a module"));
    assert!(refused(&wasm_of(&" ".repeat(70_000), "", RESERVE, DRIFT)).contains("at most 65536 bytes"));

    let with = |fields: &str| {
        let plan = good.replace('"', "\\\"");
        text(&format!("(module {fields} (@custom \"hd1.plan\" \"{plan}\"))"))
    };
    assert!(refused(&with("")).contains("export `memory`"));
    assert!(refused(&with("(memory (export \"memory\") 1)")).contains("export `hd1_reserve` as a function"));
    let wrong = r#"(memory (export "memory") 1) (func (export "hd1_reserve") (param i64) (result i32) (i32.const 0))"#;
    assert!(refused(&with(wrong)).contains("export `hd1_reserve`"));
    for import in ["\"wasi_snapshot_preview1\" \"clock_time_get\"", "\"hd1_sim_1\" \"random\"", "\"hd1_sim_2\" \"log\""]
    {
        let said = refused(&with(&format!("(import {import} (func (param i32 i32 i32)))")));
        assert!(said.contains("no clock"), "{said}");
    }
    assert!(refused(&with("(import \"hd1_sim_1\" \"log\" (func (param i64)))")).contains("no clock"));
    assert!(refused(&with("(import \"hd1_sim_1\" \"log\" (memory 1))")).contains("no clock"));
    assert!(refused(&with("(memory i64 1)")).contains("no module that runs here"));
    assert!(refused(&with("(memory 1 1 shared)")).contains("no module that runs here"));
}

#[test]
fn what_was_compiled_is_found_again_and_what_is_damaged_is_compiled_anew() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("code");
    let files = || {
        let entries = std::fs::read_dir(&cache).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    let drift = wasm(DRIFT);
    let run = || {
        let host = Host::new().unwrap().with_cache(&cache).unwrap();
        let mut instance = instance(&host, &drift, ROOMY);
        World::new(100).tick(&mut instance).unwrap()
    };
    let first = run();
    let [file] = &files()[..] else { panic!("{:?}", files()) };
    let code = std::fs::read(file).unwrap();
    assert_eq!(run(), first);
    assert_eq!(std::fs::read(file).unwrap(), code, "it was not compiled again");
    for damage in
        [code[..code.len() / 2].to_vec(), Vec::new(), [&code[..code.len() - 1], &[!code[code.len() - 1]]].concat()]
    {
        std::fs::write(file, &damage).unwrap();
        assert_eq!(run(), first);
        assert_eq!(std::fs::read(file).unwrap().len(), code.len(), "it is whole again");
    }
}

#[test]
fn a_pool_gives_what_works_again_and_counts() {
    let host = Host::new().unwrap();
    let pool = host.pool(host.load(&wasm(DRIFT)).unwrap(), ROOMY);
    pool.warm_up().unwrap();
    let take = || hd1_abi::Module::take(&pool).unwrap();
    let mut guest = take();
    guest.buffer(1 << 20).unwrap();
    let at = guest.output().as_ptr();
    hd1_abi::Module::give(&pool, guest);
    let mut guest = take();
    assert_eq!(guest.output().as_ptr(), at, "the same");
    guest.buffer(64).unwrap().fill(0);
    guest.run(0, &NoGather).unwrap();
    guest.break_down();
    hd1_abi::Module::give(&pool, guest);
    assert!(!take().is_broken(), "another");
    let fault = Fault::Stack;
    hd1_abi::Module::tell(&pool, 5, 0, hd1_abi::News::Fault(&fault));
    let figures = pool.meter().figures().remove(0);
    assert_eq!((figures.name.as_str(), figures.runs, figures.faults.get("stack")), ("drift", 1, Some(&1)));
    assert!(figures.fuel > 0 && figures.p99 >= figures.p50 && figures.p50 > Duration::ZERO);
    let lines = pool.meter().log(10);
    assert_eq!((lines.len(), lines[0].world, lines[0].level), (1, 5, LogLevel::Error));
}

#[test]
fn what_a_tick_has_is_for_all_its_runs_together() {
    let host = Host::new().unwrap();
    let fuel_of_one = World::new(1_000).tick(&mut instance(&host, &wasm(DRIFT), ROOMY)).unwrap().0;
    let limits = Limits { fuel: fuel_of_one * 5 / 2, ..ROOMY };
    let mut drift = instance(&host, &wasm(DRIFT), limits);
    // By itself each run has all of it.
    for _ in 0..5 {
        assert_eq!(World::new(1_000).tick(&mut drift).unwrap().0, fuel_of_one);
    }
    for _ in 0..3 {
        drift.begin_tick().unwrap();
        for _ in 0..2 {
            assert_eq!(World::new(1_000).tick(&mut drift).unwrap().0, fuel_of_one);
        }
    }
    assert_eq!(World::new(1_000).tick(&mut drift), Err(Fault::Fuel(limits.fuel)), "the third of a tick");
    assert_eq!(drift.begin_tick(), Err(Fault::Broken));
    // Time is one as well: two that each have enough of it have too little together.
    let busy = "(local $i i32) (loop $on (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $on (i32.lt_u (local.get $i) (i32.const 2000000)))) (i32.const 0)";
    let limits = Limits { fuel: u64::MAX / 2, time: Duration::from_millis(30), ..Limits::default() };
    let mut busy = instance(&host, &wasm(busy), limits);
    busy.begin_tick().unwrap();
    let begun = Instant::now();
    let fault = (0..100_000).find_map(|_| World::new(1).tick(&mut busy).err());
    assert_eq!(fault, Some(Fault::Time(limits.time)), "after {:?}", begun.elapsed());
}

/// Hooks that do what their number says: let pass, change, trap, loop, lie.
const HOOK: &str = r#"(func (export "hd1_hook") (param $hook i32) (param $at i32) (param $bytes i32) (result i32)
    (if (i32.eq (local.get $hook) (i32.const 1)) (then
        (i32.store8 (i32.add (local.get $at) (i32.load offset=32 (local.get $at))) (i32.const 65))
        (i32.store offset=40 (local.get $at) (i32.const 1))))
    (if (i32.eq (local.get $hook) (i32.const 2)) (then unreachable))
    (if (i32.eq (local.get $hook) (i32.const 3)) (then (loop $on (br $on))))
    (i32.and (local.get $hook) (i32.const 1)))"#;

fn hooked(count: usize) -> String {
    let mut plan = plan();
    let hook = |i: usize| hd1_abi::plan::Hook {
        name: format!("hook{i}"),
        point: "chat".into(),
        ..hd1_abi::plan::Hook::default()
    };
    plan.hooks = (0..count).map(hook).collect();
    serde_json::to_string(&plan).unwrap()
}

fn ask(guest: &mut dyn Guest, hook: usize) -> Result<String, Fault> {
    let told = [hd1_abi::Told::Word(1), hd1_abi::Told::Text("Ada"), hd1_abi::Told::Text("hello")];
    let payload = hd1_abi::Payload { point: hd1_abi::Point::Chat, told: &told, config: &[], has_commands: false };
    payload.write(guest.buffer(payload.bytes())?, STEP);
    let (_, returned) = guest.hook(hook, payload.bytes())?;
    payload.answer(returned, guest.output()).map(|answer| format!("{answer:?}"))
}

#[test]
fn hooks_are_called_counted_and_ended() {
    let host = Host::new().unwrap();
    let said = host.load(&wasm_of(&hooked(1), "", RESERVE, DRIFT)).expect_err("it has no hook").to_string();
    assert!(said.contains("export `hd1_hook` as a function (hook: i32, at: i32, bytes: i32) -> i32"), "{said}");
    let module = host.load(&wasm_of(&hooked(4), HOOK, RESERVE, DRIFT)).unwrap();
    let limits = Limits { fuel: u64::MAX / 2, hook_time: Duration::from_millis(20), ..ROOMY };
    let pool = host.pool(module, limits);
    let mut guest = hd1_abi::Module::take(&pool).unwrap();
    guest.begin_tick().unwrap();
    assert_eq!(ask(&mut *guest, 0), Ok("Pass".into()));
    assert_eq!(ask(&mut *guest, 1), Ok("Changed(\"A\")".into()));
    // It has time for a tick, and no more than its own for a hook.
    let begun = Instant::now();
    assert_eq!(ask(&mut *guest, 3), Err(Fault::Time(limits.hook_time)));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(ask(&mut *guest, 0), Err(Fault::Broken));
    hd1_abi::Module::give(&pool, guest);
    let mut guest = hd1_abi::Module::take(&pool).unwrap();
    assert!(matches!(ask(&mut *guest, 2), Err(Fault::Trap(_))));
    let figures = pool.meter().figures();
    let names: Vec<_> = figures.iter().map(|figures| (figures.name.as_str(), figures.runs)).collect();
    assert_eq!(names, [("drift", 0), ("hook0", 1), ("hook1", 1), ("hook2", 0), ("hook3", 0)]);
    assert!(figures[1].fuel > 0 && figures[1].p99 > Duration::ZERO);
}

#[test]
fn what_the_world_does_between_hooks_and_systems_is_not_the_plugins_time() {
    let host = Host::new().unwrap();
    let limits = Limits { time: Duration::from_millis(40), hook_time: Duration::from_millis(30), ..ROOMY };
    let mut guest = instance(&host, &wasm_of(&hooked(4), HOOK, RESERVE, DRIFT), limits);
    guest.begin_tick().unwrap();
    ask(&mut guest, 0).unwrap();
    // Longer than it may take in the whole tick.
    let begun = Instant::now();
    while begun.elapsed() < limits.time * 2 {}
    World::new(100).tick(&mut guest).unwrap();
    ask(&mut guest, 0).unwrap();
    // And what it takes is counted together: as many calls as fit into its time, and none more.
    let fault = (0..10_000_000).find_map(|_| ask(&mut guest, 0).err());
    assert!(matches!(fault, Some(Fault::Time(_))), "{fault:?}");
}

/// Entity `n` has two words of component 0, `10 n` and `10 n + 1`, where `n` is odd.
struct Odd;

impl Gather for Odd {
    fn words(&self, component: usize) -> Option<usize> {
        (component == 0).then_some(2)
    }

    fn copy(&self, _: usize, entity: u32, row: &mut [u8]) -> bool {
        if entity.is_multiple_of(2) {
            return false;
        }
        row[..4].copy_from_slice(&(entity * 10).to_le_bytes());
        row[4..].copy_from_slice(&(entity * 10 + 1).to_le_bytes());
        true
    }
}

#[test]
fn a_system_looks_up_what_it_may_and_nothing_beyond_its_memory() {
    let host = Host::new().unwrap();
    let plan = serde_json::to_string(&plan()).unwrap();
    let gather = "(import \"hd1_sim_1\" \"gather\" (func $gather (param i32 i32 i32 i32) (result i32)))";
    // `wasm_of` puts fields after the memory, where imports may not stand: the module is written out.
    let module = |run: &str| {
        let text = format!(
            r#"(module {gather}
                (memory (export "memory") 1)
                (func (export "hd1_reserve") (param i32) (result i32) (i32.const 1024))
                (func (export "hd1_run") (param $system i32) (param $batch i32) (result i32) {run})
                (@custom "hd1.plan" "{}"))"#,
            plan.replace('"', "\\\"")
        );
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    };
    // Asks for entities 3, 4 and 5 and returns 0 where all is as it should be.
    let good = module(
        "(i32.store (i32.const 2048) (i32.const 3)) (i32.store (i32.const 2052) (i32.const 4))
         (i32.store (i32.const 2056) (i32.const 5)) (i32.store (i32.const 4112) (i32.const -1))
         (i32.sub (call $gather (i32.const 0) (i32.const 2048) (i32.const 3) (i32.const 4096)) (i32.const 2))",
    );
    let mut guest = instance(&host, &good, ROOMY);
    guest.buffer(8192).unwrap().fill(0xee);
    let fuel = guest.run(0, &Odd).unwrap().fuel;
    assert!(fuel > 3 * 32, "the host's work is its own: {fuel}");
    let words: Vec<u32> =
        guest.output()[4096 - 1024..][..36].as_chunks().0.iter().map(|four| u32::from_le_bytes(*four)).collect();
    assert_eq!(words, [1, 30, 31, 0, 0, 0, 1, 50, 51]);
    assert!(matches!(guest.run(0, &NoGather), Err(Fault::Trap(said)) if said.contains("does not name")));
    for (call, says) in [
        ("(i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)", "component 1, which its plan does not name"),
        ("(i32.const -1) (i32.const 0) (i32.const 1) (i32.const 64)", "which its plan does not name"),
        ("(i32.const 0) (i32.const 65532) (i32.const 2) (i32.const 64)", "not all in its memory"),
        ("(i32.const 0) (i32.const 0) (i32.const 1) (i32.const 65528)", "not all in its memory"),
        ("(i32.const 0) (i32.const -4) (i32.const 1) (i32.const 64)", "not all in its memory"),
        ("(i32.const 0) (i32.const 0) (i32.const 16385) (i32.const 64)", "16384 is the most"),
        ("(i32.const 0) (i32.const 0) (i32.const -1) (i32.const 64)", "is the most"),
    ] {
        let mut guest = instance(&host, &module(&format!("(call $gather {call})")), ROOMY);
        guest.buffer(64).unwrap();
        let fault = guest.run(0, &Odd).unwrap_err();
        assert!(matches!(&fault, Fault::Trap(said) if said.contains(says)), "{call}: {fault}");
    }
    // Asking over and over ends with the fuel.
    let endless = module(
        "(loop $on (drop (call $gather (i32.const 0) (i32.const 2048) (i32.const 1000) (i32.const 8192))) (br $on))
         (i32.const 0)",
    );
    let mut guest = instance(&host, &endless, ROOMY);
    guest.buffer(64).unwrap();
    assert_eq!(guest.run(0, &Odd), Err(Fault::Fuel(ROOMY.fuel)));
}
