//! The commands of `plugins/GUIDE.md` that need no server, run as they stand there, by the real binary.
//!
//! A block that begins with three backticks and `sh` is run; one with `sh server` is for a story with a server.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const HD1: &str = env!("CARGO_BIN_EXE_hd1");

/// A shell, or the program itself, as an author has it: only what cargo told this test is taken away again.
fn command(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var("PATH").unwrap();
    let bin = Path::new(HD1).parent().unwrap().display();
    command.current_dir(folder).env("PATH", format!("{bin}:{path}"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_") && name != "CARGO_HOME") {
        command.env_remove(name);
    }
    // The crates that the SDK needs were fetched with those that this repository needs.
    command.env("CARGO_NET_OFFLINE", "true");
    command
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn hd1(folder: &Path, line: &str) -> Result<String, String> {
    let output = command(HD1, folder).args(line.split_whitespace()).output().unwrap();
    if output.status.success() { Ok(text(&output)) } else { Err(text(&output)) }
}

/// What stands in the guide between three backticks with `sh` and three others.
fn local_blocks(guide: &str) -> Vec<&str> {
    guide.split("```sh\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0)).collect()
}

#[test]
fn what_the_guide_says_works() {
    let guide = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/GUIDE.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let blocks = local_blocks(&guide);
    assert!(blocks.len() >= 4, "{blocks:?}");
    let mut told = String::new();
    for block in blocks {
        let output = command("sh", folder.path()).args(["-ec", block]).output().unwrap();
        let said = text(&output);
        assert!(output.status.success(), "{block}\n{said}");
        told += &said;
    }
    println!("{told}");
    for part in [
        "test tests::it_turns_to_the_left ... ok",
        "component Spin: every change is sent, clients may write it",
        "  writes Transform; reads Spin",
        "seed 2: 0 errors, 0 warnings",
        "recordings/before.jsonl: 0 errors",
        "FUEL/ROW",
        "acme:turntable 0.1.0, 3 files, no fault",
        "test tests::it_says_how_many_and_since_when ... ok",
        "acme:tally: a service without fault",
        "GET /count",
        "session.created",
    ] {
        assert!(told.contains(part), "no {part:?} in\n{told}");
    }
    assert!(!told.contains("warning: "), "what a beginner sees first is clean\n{told}");
    mistakes_are_told(folder.path());
}

/// In the project that the guide has made.
fn mistakes_are_told(folder: &Path) {
    let source = folder.join("turntable/src/lib.rs");
    let good = fs::read_to_string(&source).unwrap();
    let with = |from: &str, to: &str| {
        assert!(good.contains(from));
        fs::write(&source, good.replace(from, to)).unwrap();
    };
    let failed = |line: &str| hd1(folder, line).expect_err(line);
    // Too little for the unit test to see.
    with("spin.speed * config.factor", "spin.speed * 1.001 * config.factor");
    let said = failed("plugin test turntable");
    assert!(said.contains("error: replay: system spin: Transform.rotation"), "{said}");
    fs::remove_dir_all(folder.join("turntable/recordings")).unwrap();
    // A counter in a global, which no unit test of one run sees.
    with(
        "    spinning.for_each(",
        "    static RUNS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let runs = RUNS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    if runs > 20 { return; }
    spinning.for_each(",
    );
    let said = failed("plugin test turntable");
    assert!(said.contains("error: determinism: system spin: Transform.rotation"), "{said}");
    assert!(said.contains("acme:turntable: 1 of the checks failed"), "{said}");
    with("step.dt);", "step.dt)");
    let said = failed("plugin build turntable");
    assert!(said.contains("src/lib.rs:") && said.contains("acme:turntable does not build"), "{said}");
    with("systems: [spin]", "systems: [spin, spin]");
    let said = failed("plugin check turntable");
    assert!(said.contains("turntable") && said.contains("spin"), "{said}");
    fs::write(&source, &good).unwrap();
    let said = failed("plugin test turntable --fuel 100 --json");
    assert!(said.contains(r#""check":"fuel""#) && said.contains(r#""ok":false"#), "{said}");
    assert!(failed("plugin new turntable").contains("is there already"));
    assert!(failed("plugin new Turn+table").contains("give one by --id"));
    assert!(failed("plugin build recordings").contains("is no plugin's folder"));
    let sdk = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/sdk");
    hd1(folder, &format!("plugin new other --sdk {sdk}")).unwrap();
    let manifest = fs::read_to_string(folder.join("other/Cargo.toml")).unwrap();
    assert!(manifest.contains("plugins/sdk\"") && !folder.join("other/.hd1").exists(), "{manifest}");
    hd1(folder, "plugin check turntable/acme-turntable-0.1.0.hd1p --json").unwrap();
}
