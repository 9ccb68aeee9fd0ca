//! `hd1 plugin test` and `hd1 plugin bench`: a module on the test kit's bench.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use hd1_testkit::limits::TIMED_ROWS;
use hd1_testkit::{Kit, Recording, Report, Severity, Timing, Wish as BatchWish};
use serde_json::json;

use super::build::{Say, build, cargo, started};
use super::project::{Builder, Project};
use super::{Module, check};
use crate::plugin::print;

/// Where a project keeps recordings.
const RECORDINGS: &str = "recordings";
/// Rows of a recorded batch.
const RECORDED_ROWS: usize = 20;

/// How to test.
#[derive(Clone, Copy)]
pub(super) struct Wish<'a> {
    pub fuel: Option<u64>,
    pub rows: Option<usize>,
    pub seed: u64,
    pub beside: &'a [PathBuf],
    pub record: Option<&'a str>,
    pub json: bool,
}

/// The command `test`.
pub(super) fn test(folder: &Path, wish: Wish<'_>) -> Result<()> {
    let project = Project::open(folder)?;
    if project.builder() == Builder::Cargo {
        cargo_test(&project, wish.json)?;
    }
    let module = build(&project, Say::All)?;
    let wasm = fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    if check::is_component(&wasm) {
        return test_service(&project, &wasm, wish.json);
    }
    let mut kit = check::kit(&wasm, wish.beside).with_context(|| module.display().to_string())?.seed(wish.seed);
    if let Some(fuel) = wish.fuel {
        kit = kit.fuel_per_run_max(fuel);
    }
    if let Some(rows) = wish.rows {
        kit = kit.rows_max(rows);
    }
    let mut reports = vec![(String::new(), kit.check())];
    for file in recordings(&project.folder)? {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let recording = Recording::parse(&text).with_context(|| file.display().to_string())?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        reports.push((format!("{RECORDINGS}/{name}"), kit.replay(&recording)));
    }
    let errors: usize = reports.iter().map(|(_, report)| count(report, Severity::Error)).sum();
    if wish.json {
        let recordings: Vec<_> =
            reports[1..].iter().map(|(file, report)| json!({ "file": file, "report": report })).collect();
        print::json(&json!({ "ok": errors == 0, "report": reports[0].1, "recordings": recordings }))?;
    } else {
        reports.iter().try_for_each(|(file, report)| tell(file, report))?;
    }
    ensure!(errors == 0, "{}: {errors} of the checks failed", project.manifest.plugin.id);
    wish.record.map_or(Ok(()), |name| record(&project, &kit, name))
}

/// A service's own tests are all there is to run; what a server would refuse is found besides.
fn test_service(project: &Project, wasm: &[u8], json: bool) -> Result<()> {
    let plan = check::service_plan(wasm)?;
    if json {
        return print::json(&json!({ "ok": true, "plan": plan }));
    }
    print::say(&format!("{}: a service without fault, {} bytes", project.manifest.plugin.id, wasm.len()))
}

fn cargo_test(project: &Project, to_stderr: bool) -> Result<()> {
    let mut command = cargo(project);
    command.arg("test");
    if to_stderr {
        command.stdout(Stdio::from(std::io::stderr()));
    }
    if !started(command.status())?.success() {
        bail!("{}: its own tests fail", project.manifest.plugin.id);
    }
    Ok(())
}

fn tell(file: &str, report: &Report) -> Result<()> {
    for finding in &report.findings {
        finding.to_string().lines().try_for_each(print::say)?;
    }
    for ran in &report.systems {
        let fuel = ran.fuel.iter().max_by_key(|fuel| fuel.fuel);
        let fuel = fuel.map(|fuel| format!("; at most {} of fuel, for {} rows", fuel.fuel, fuel.rows));
        let file = if file.is_empty() { String::new() } else { format!("{file}: ") };
        print::say(&format!("{file}system {}: {} runs{}", ran.system, ran.runs, fuel.unwrap_or_default()))?;
    }
    let [errors, warnings] = [Severity::Error, Severity::Warning].map(|severity| count(report, severity));
    let what = if file.is_empty() { format!("seed {}", report.seed) } else { file.to_owned() };
    print::say(&format!("{what}: {errors} errors, {warnings} warnings"))
}

fn count(report: &Report, severity: Severity) -> usize {
    report.findings.iter().filter(|finding| finding.severity == severity).count()
}

fn recordings(folder: &Path) -> Result<Vec<PathBuf>> {
    let folder = folder.join(RECORDINGS);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let context = || format!("cannot read the folder {}", folder.display());
    let entries = fs::read_dir(&folder).with_context(context)?.collect::<Result<Vec<_>, _>>().with_context(context)?;
    let files = entries.into_iter().map(|entry| entry.path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|end| end == "jsonl")).collect();
    files.sort();
    Ok(files)
}

fn record(project: &Project, kit: &Kit, name: &str) -> Result<()> {
    let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    ensure!(is_plain && !name.is_empty(), "{name:?}: a recording's name is letters, digits, - and _");
    let batches = (0..kit.plan().systems.len()).map(|i| kit.batch(i, BatchWish::of(RECORDED_ROWS, 1)));
    let recording = kit.record(batches);
    let recording = recording.map_err(|(system, fault)| anyhow::anyhow!("system {system}: {fault}"))?;
    let folder = project.folder.join(RECORDINGS);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let file = folder.join(format!("{name}.jsonl"));
    fs::write(&file, recording.to_text()).with_context(|| format!("cannot write {}", file.display()))?;
    print::say(&format!("{RECORDINGS}/{name}.jsonl: a batch of each system; every test runs it again"))
}

/// The command `bench`.
pub(super) fn bench(module: &Module) -> Result<()> {
    let (kit, _) = check::load(module)?;
    let timings = kit.time(&TIMED_ROWS);
    if module.json {
        return print::json(&json!({ "timings": timings }));
    }
    let rows: Vec<_> = timings.iter().map(row).collect();
    print::table(["SYSTEM", "ROWS", "RUN US", "NS/ROW", "COPY NS/ROW", "FUEL/ROW", ""], &rows)
}

fn row(timing: &Timing) -> [String; 7] {
    let (system, rows) = (timing.system.clone(), timing.rows.to_string());
    if let Some(fault) = &timing.fault {
        return [system, rows, String::new(), String::new(), String::new(), String::new(), fault.clone()];
    }
    let over = if timing.is_over { "more fuel than a server allows a run" } else { "" };
    [
        system,
        rows,
        format!("{:.1}", timing.run_ns / 1e3),
        format!("{:.2}", timing.ns_per_row()),
        format!("{:.2}", timing.copy_ns_per_row()),
        format!("{:.1}", timing.fuel_per_row()),
        over.to_owned(),
    ]
}
