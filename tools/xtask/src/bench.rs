//! `cargo x bench`: the program `hd1-benches`, always optimised; for `peers` also the programs of the others,
//! for `clients` the server itself, for `plugins` the plugin that is measured.

mod peers;

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::{repo, run::build_hd1, web};
pub use peers::folders as peer_folders;

/// What was asked for.
#[derive(clap::Args)]
pub struct Arguments {
    /// The bench, for example `peers`.
    name: Option<String>,
    /// End within five minutes once built, with fewer runs.
    #[arg(long)]
    quick: bool,
    /// Also write the measurements there.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// For `peers`: also put the table into README.md.
    #[arg(long)]
    readme: bool,
    /// Passed on to the bench.
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Builds the benches in the release profile and runs the one named.
///
/// # Errors
/// The build or the bench fails.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut words = Vec::new();
    match arguments.name.as_deref() {
        Some("peers") => {
            let figures = peers::measure(arguments.quick)?;
            words.extend(["--figures".into(), figures.into_os_string()]);
            if arguments.readme {
                words.extend(["--readme".into(), repo::root().join("README.md").into_os_string()]);
            }
        }
        Some("plugins") => {
            repo::step("building the plugin that is measured");
            repo::must(repo::cargo().args(["plugin", "--package", "hd1-drift"]))?;
            let module = repo::target_dir().join("wasm32-unknown-unknown/wasm/hd1_drift.wasm");
            words.extend(["--module".into(), module.into_os_string()]);
        }
        Some("counts") => {
            let peer = ["build", "--release", "--package", "hd1-benches", "--bin", "hd1-peer"];
            repo::must(repo::cargo().args(peer))?;
        }
        Some("clients") => {
            web::build(false)?;
            repo::step("building hd1");
            repo::must(repo::cargo().args(build_hd1(true)))?;
            words.extend(["--program".into(), repo::target_dir().join("release/hd1").into_os_string()]);
        }
        _ if arguments.readme => bail!("only `peers` has a table in README.md"),
        _ => {}
    }
    let mut cargo = repo::cargo();
    cargo.args(["run", "--quiet", "--release", "--package", "hd1-benches", "--"]);
    let Some(name) = &arguments.name else {
        return repo::must(cargo.arg("--help"));
    };
    cargo.arg(name).args(words);
    if arguments.quick {
        cargo.arg("--quick");
    }
    if let Some(file) = &arguments.json {
        // The bench runs in the workspace folder; the file is meant from where the command was typed.
        cargo.arg("--json").arg(std::path::absolute(file)?);
    }
    repo::must(cargo.args(&arguments.rest))
}
