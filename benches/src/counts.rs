//! How many instructions and allocations does a steady tick take? Counted by callgrind, not timed: the same on a busy
//! machine as on a quiet one, so a regression shows.
//!
//! Each scene runs twice, for fewer and for more ticks, and the difference is divided by theirs: what happens once, as
//! joining does, drops out. Counted is what happens within the replicator: a tick taken in, encoded and handed to each
//! client. `counts.json` holds what was last noted; a change that is meant writes it anew with `--note`.

use std::{collections::BTreeMap, env, fs, path::Path, process::Command};

use anyhow::{Context, ensure};
use hd1_scenario::Scene;

use crate::report::Row;

/// What is counted: all within these.
const COUNTED: [&str; 2] =
    ["hd1_replication::replicator::Replicator::assemble", "hd1_replication::replicator::Replicator::tick"];
/// Calls that take memory.
const ALLOCATORS: [&str; 6] = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign"];
/// The file with what was last noted, by id.
const NOTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/counts.json");

/// What a scene's instructions are divided by.
#[derive(Clone, Copy)]
enum Per {
    Entity,
    Pair,
    Client,
}

const SCENES: [(&str, Per); 4] = [("s1", Per::Entity), ("s2", Per::Pair), ("s3", Per::Client), ("aoi", Per::Client)];

/// Of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    instructions: u64,
    allocations: u64,
}

/// Runs the scenes under callgrind. `note` writes what was counted to the file that the next run compares with.
///
/// # Errors
/// There is no valgrind, or a run fails.
pub fn run(note: bool) -> anyhow::Result<Vec<Row>> {
    let noted: BTreeMap<String, f64> = match fs::read_to_string(NOTED) {
        Ok(text) => serde_json::from_str(&text).with_context(|| format!("{NOTED} is no list of counts"))?,
        Err(_) => BTreeMap::new(),
    };
    let mut counted = BTreeMap::new();
    let mut rows = Vec::new();
    for (name, per) in SCENES {
        let scene = Scene::named(name).context("a scene is gone")?;
        let (fewer, more) = (count(name, true)?, count(name, false)?);
        let ticks = (scene.ticks(false).1 - scene.ticks(true).1) as f64;
        let (divisor, unit) = match per {
            Per::Entity => (scene.entity_count, "per entity"),
            Per::Pair => (scene.entity_count * scene.client_count, "per pair"),
            Per::Client => (scene.client_count, "per client"),
        };
        let instructions = (more.instructions - fewer.instructions) as f64 / ticks / divisor as f64;
        let allocations = more.allocations.saturating_sub(fewer.allocations) as f64 / ticks;
        for (id, value, unit) in [
            (format!("{name}_instructions"), instructions, unit),
            (format!("{name}_allocations"), allocations, "per tick"),
        ] {
            let value = (value * 100.0).round() / 100.0;
            rows.push(match noted.get(&id) {
                Some(before) if *before > 0.0 => Row::against(&id, value, unit, "as last noted", *before),
                _ => Row::alone(&id, value, unit),
            });
            counted.insert(id, value);
        }
    }
    if note {
        fs::write(NOTED, serde_json::to_string_pretty(&counted)? + "\n")?;
    }
    Ok(rows)
}

/// One run of the program that stands beside this one.
fn count(scene: &str, quick: bool) -> anyhow::Result<Counts> {
    let program = env::current_exe()?.with_file_name("hd1-peer");
    let file = env::temp_dir().join(format!("hd1-counts-{}", std::process::id()));
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--collect-atstart=no"]);
    command.args(COUNTED.map(|function| format!("--toggle-collect={function}")));
    command.arg(format!("--callgrind-out-file={}", file.display())).arg(program).arg(scene);
    let output = command.args(quick.then_some("--quick")).output();
    let output = output.context("cannot run valgrind: install it, it is Debian's package of that name")?;
    ensure!(output.status.success(), "{scene} failed: {}", String::from_utf8_lossy(&output.stderr));
    let counts = read(&file);
    let _ = fs::remove_file(&file);
    let counts = counts?;
    ensure!(counts.instructions > 0, "{scene}: nothing was counted; are {COUNTED:?} still called so?");
    Ok(counts)
}

fn read(file: &Path) -> anyhow::Result<Counts> {
    parse(&fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?)
}

/// Reads callgrind's own format: names are told once, `cfn=(7) malloc`, then by number.
fn parse(text: &str) -> anyhow::Result<Counts> {
    let mut names = BTreeMap::new();
    let (mut instructions, mut allocations, mut callee) = (None, 0, "");
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("summary: ").or_else(|| line.strip_prefix("totals: ")) {
            instructions = Some(rest.trim().parse::<u64>()?);
        } else if let Some(named) = line.strip_prefix("cfn=").or_else(|| line.strip_prefix("fn=")) {
            let (number, name) = named.split_once(' ').unwrap_or((named, ""));
            let name = if name.is_empty() { names.get(number).copied().unwrap_or("") } else { name };
            names.insert(number, name);
            if line.starts_with('c') {
                callee = name;
            }
        } else if let Some(calls) = line.strip_prefix("calls=") {
            let count: u64 = calls.split(' ').next().unwrap_or(calls).parse()?;
            allocations += if ALLOCATORS.contains(&callee) { count } else { 0 };
        }
    }
    Ok(Counts { instructions: instructions.context("callgrind wrote no sum")?, allocations })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_told_by_name_and_then_by_number() {
        let text = "events: Ir\nfn=(1) main\n1 5\ncfn=(2) malloc\ncalls=3 0\n1 40\ncfn=(3) free\ncalls=9 0\n1 2\n\
                    fn=(2)\n7 40\nfn=(4) other\ncfn=(2)\ncalls=2 0\n1 1\ntotals: 88\n";
        assert_eq!(parse(text).unwrap(), Counts { instructions: 88, allocations: 5 });
        assert!(parse("events: Ir\n").is_err());
    }
}
