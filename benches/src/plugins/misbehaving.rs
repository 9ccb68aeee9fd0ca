//! What a plugin costs others that loops, that is loaded again and again, or that is one of a hundred at a start.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use hd1_host::{Host, Limits};
use hd1_scenario::median;
use hd1_sim::{Fault, TickInput};

use super::worlds::{Shelf, World, spec};
use crate::report::Row;

const STARTED: usize = 100;

pub(super) fn rows(wasm: &[u8], quick: bool) -> anyhow::Result<Vec<Row>> {
    Ok(vec![runaway(wasm, quick)?, reloads(wasm, if quick { 1_000 } else { 5_000 })?, start(wasm)?])
}

/// How long past its deadline an endless loop runs, with fuel that does not end it first.
fn runaway(wasm: &[u8], quick: bool) -> anyhow::Result<Row> {
    let host = host()?;
    let plan = serde_json::to_vec(&hd1_host::plan_of(wasm)?)?;
    let endless = with_plan(&wat::parse_str(ENDLESS)?, &plan)?;
    let limits = Limits { fuel: u64::MAX / 2, ..Limits::default() };
    let shelf = Shelf::one(Arc::new(host.pool(host.load(&endless)?, limits)));
    let mut world = World::new(&shelf, 100, 1)?;
    let mut past = Vec::new();
    for _ in 0..if quick { 20 } else { 100 } {
        let begun = Instant::now();
        let output = world.0.tick(&TickInput::default());
        past.push((begun.elapsed().saturating_sub(limits.time)).as_secs_f64() * 1e3);
        ensure!(
            matches!(output.plugin_faults.first().map(|fault| &fault.fault), Some(Fault::Time(_))),
            "it was not ended"
        );
    }
    Ok(Row::alone("runaway_ms", median(past), "ms past 5"))
}

/// What the process has grown by after so many new versions, each loaded, attached, run and let go.
fn reloads(wasm: &[u8], count: usize) -> anyhow::Result<Row> {
    let (host, folder) = (host()?, tempdir()?);
    let host = host.with_cache(&folder)?;
    let versions = [numbered(wasm, 0), numbered(wasm, 1)];
    let load = |i: usize| -> anyhow::Result<Shelf> {
        Ok(Shelf::one(Arc::new(host.pool(host.load(&versions[i % 2])?, Limits::default()))))
    };
    let mut world = World::new(&load(0)?, 100, 1)?;
    let mut cycle = |i: usize| -> anyhow::Result<()> {
        world.0.provide_modules(Arc::new(load(i)?));
        let mut plugin = spec(0);
        plugin.generation = i as u64;
        world.set(vec![plugin])?;
        world.tick()
    };
    // What grows once is not what grows each time.
    (1..200).try_for_each(&mut cycle)?;
    let before = resident_kib()?;
    let begun = Instant::now();
    (200..200 + count).try_for_each(&mut cycle)?;
    let each = begun.elapsed().as_secs_f64() * 1e6 / count as f64;
    let grown = resident_kib()? - before;
    eprintln!("reload_growth_kib: {count} reloads of {each:.0} us each");
    std::fs::remove_dir_all(folder)?;
    Ok(Row::alone("reload_growth_kib", grown, "KiB"))
}

/// A host that finds what an earlier one compiled: until a hundred plugins have run in a world.
fn start(wasm: &[u8]) -> anyhow::Result<Row> {
    let folder = tempdir()?;
    let modules: Vec<_> = (0..STARTED).map(|i| numbered(wasm, i)).collect();
    let begin = || -> anyhow::Result<f64> {
        let begun = Instant::now();
        let host = host()?.with_cache(&folder)?;
        let pools = modules.iter().map(|wasm| Ok(Arc::new(host.pool(host.load(wasm)?, Limits::default()))));
        let shelf = Shelf::of(pools.collect::<anyhow::Result<_>>()?);
        World::with_plugins(&shelf, 100, 1, STARTED)?.tick()?;
        Ok(begun.elapsed().as_secs_f64())
    };
    let first = begin()?;
    let again = median((0..3).map(|_| begin()).collect::<Result<_, _>>()?);
    eprintln!("start_100_s: {first:.2} s where nothing was compiled yet");
    std::fs::remove_dir_all(folder)?;
    Ok(Row::alone("start_100_s", again, "s"))
}

fn host() -> anyhow::Result<Host> {
    Host::new().map_err(|error| anyhow::anyhow!("{error:#}"))
}

fn tempdir() -> anyhow::Result<std::path::PathBuf> {
    let folder = std::env::temp_dir().join(format!("hd1-bench-plugins-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn resident_kib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

/// The same module in other bytes: a number in a section of its own.
fn numbered(wasm: &[u8], number: usize) -> Vec<u8> {
    [wasm, &section("bench", number.to_string().as_bytes())].concat()
}

/// A module with another plan, whatever it had.
pub(super) fn with_plan(wasm: &[u8], plan: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (header, mut rest) = wasm.split_at_checked(8).context("no module")?;
    let mut out = header.to_vec();
    while let [kind, after @ ..] = rest {
        let (len, body) = leb(after).context("a section without a length")?;
        let (body, next) = body.split_at_checked(len).context("a section that ends early")?;
        let name = leb(body).and_then(|(len, name)| name.get(..len));
        if *kind != 0 || name != Some(b"hd1.plan") {
            out.extend_from_slice(&rest[..rest.len() - next.len()]);
        }
        rest = next;
    }
    out.extend(section("hd1.plan", plan));
    Ok(out)
}

fn section(name: &str, bytes: &[u8]) -> Vec<u8> {
    let body = [&put_leb(name.len())[..], name.as_bytes(), bytes].concat();
    [&[0][..], &put_leb(body.len()), &body].concat()
}

fn put_leb(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 127 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn leb(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let end = bytes.iter().position(|byte| byte & 128 == 0)?;
    let value = bytes[..=end].iter().rev().fold(0, |value, byte| value << 7 | usize::from(byte & 127));
    Some((value, &bytes[end + 1..]))
}

const ENDLESS: &str = r#"(module
    (memory (export "memory") 16)
    (func (export "hd1_reserve") (param i32) (result i32) (i32.const 1024))
    (func (export "hd1_run") (param i32 i32) (result i32) (loop $on (br $on)) (i32.const 0)))"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_gets_another_plan() {
        let plan = br#"{"abi":1,"systems":[{"name":"a"}]}"#;
        let once = with_plan(&wat::parse_str(ENDLESS).unwrap(), plan).unwrap();
        let twice = with_plan(&numbered(&once, 7), plan).unwrap();
        assert_eq!(hd1_host::plan_of(&twice).unwrap().systems[0].name, "a");
    }
}
