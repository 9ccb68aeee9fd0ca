//! What does a filter add to a line of chat?
//!
//! The same lines are said in two worlds, one of which has a filter that reads the line and gives it back with a letter
//! changed. The difference is all that it costs a world: who is asked, what it is handed, the metered call, the check of
//! what it answered, and the counting.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use hd1_core::{ClientType, PlayerId, Role, SessionId};
use hd1_host::{Host, Limits};
use hd1_protocol::Operation;
use hd1_scenario::median;
use hd1_scenes::Scene;
use hd1_sim::{Command, Quotas, Sim, SimConfig, TickInput};

use super::worlds::{Shelf, spec};
use crate::report::Row;

const LINES: usize = 1_000;
const BYTES: usize = 256;

pub(super) fn row(quick: bool) -> anyhow::Result<Row> {
    let host = Host::new().map_err(|error| anyhow::anyhow!("{error:#}"))?;
    let plan = r#"{\"abi\":1,\"hooks\":[{\"name\":\"star\",\"point\":\"chat\"}]}"#;
    let wasm = wat::parse_str(FILTER.replace("PLAN", plan))?;
    // The lines of a tick are more than a plugin may be asked about in one.
    let limits = Limits { time: std::time::Duration::from_secs(5), ..Limits::default() };
    let shelf = Shelf::one(Arc::new(host.pool(host.load(&wasm)?, limits)));
    let (mut with, mut without) = (world(&shelf, true)?, world(&shelf, false)?);
    let text = "a line of chat ".repeat(BYTES / 15 + 1)[..BYTES].trim_end().to_owned() + ".";
    let said = |id| Command::Op { player: PlayerId(1), id, op: Operation::Chat { text: text.clone() } };
    let input = TickInput { commands: (0..LINES as u32).map(said).collect() };
    let mut each = Vec::new();
    for round in 0..if quick { 100 } else { 500 } {
        let (a, b) = (timed(&mut with, &input, "* line")?, timed(&mut without, &input, "a line")?);
        if round >= 10 {
            each.push((a - b) / LINES as f64);
        }
    }
    Ok(Row::alone("hook_us", median(each), "us/filter of 256 bytes"))
}

fn world(shelf: &Shelf, has_filter: bool) -> anyhow::Result<Sim> {
    let quotas = Quotas { ops_per_second: 1_000_000, ops_burst: 1_000_000, ..Quotas::default() };
    let scene = Scene::parse(r#"{ "name": "Talk", "entities": [] }"#)?;
    let mut sim = Sim::from_scene(SimConfig { quotas, ..SimConfig::new(SessionId::generate()) }, &scene)?;
    sim.provide_modules(Arc::new(shelf.clone()));
    let plugins = if has_filter { vec![spec(0)] } else { Vec::new() };
    let (name, client_type) = ("Ada".to_owned(), ClientType::Bot);
    let join = Command::Join { player: PlayerId(1), name, role: Role::Participant, client_type };
    let output = sim.tick(&TickInput { commands: vec![Command::Plugins { request: 1, plugins }, join] });
    ensure!(matches!(output.admin_results[..], [(_, Ok(_))]), "the plugin is refused: {:?}", output.admin_results);
    Ok(sim)
}

/// Microseconds of a tick in which all lines were said, and begin like this.
fn timed(sim: &mut Sim, input: &TickInput, begin: &str) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let output = sim.tick(input);
    let us = begun.elapsed().as_secs_f64() * 1e6;
    ensure!(output.plugin_faults.is_empty(), "{:?}", output.plugin_faults);
    let last = output.chats.last().context("nothing was said")?;
    ensure!(
        output.chats.len() == LINES && last.text.starts_with(begin),
        "{} lines, {:?}",
        output.chats.len(),
        last.text
    );
    Ok(us)
}

/// Gives the line back with a star for its first letter.
const FILTER: &str = r#"(module
    (memory (export "memory") 4)
    (func (export "hd1_reserve") (param i32) (result i32) (i32.const 1024))
    (func (export "hd1_run") (param i32 i32) (result i32) (i32.const 0))
    (func (export "hd1_hook") (param $hook i32) (param $at i32) (param $bytes i32) (result i32)
        (local $fields i32) (local $room i32) (local $length i32)
        (local.set $fields (i32.add (local.get $at) (i32.load offset=24 (local.get $at))))
        (local.set $room (i32.add (local.get $at) (i32.load offset=32 (local.get $at))))
        (local.set $length (i32.load offset=16 (local.get $fields)))
        (memory.copy (local.get $room) (i32.add (local.get $at) (i32.load offset=12 (local.get $fields))) (local.get $length))
        (i32.store8 (local.get $room) (i32.const 42))
        (i32.store offset=40 (local.get $at) (local.get $length))
        (i32.const 1))
    (@custom "hd1.plan" "PLAN"))"#;
