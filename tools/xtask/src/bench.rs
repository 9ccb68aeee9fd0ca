//! `cargo x bench`: the program `hd1-benches`, always optimised.

use std::path::Path;

use anyhow::Result;

use crate::repo;

/// Builds the benches in the release profile and runs the one named.
///
/// # Errors
/// The build or the bench fails.
pub fn run(name: Option<&str>, quick: bool, json: Option<&Path>, rest: &[String]) -> Result<()> {
    let mut cargo = repo::cargo();
    cargo.args(["run", "--quiet", "--release", "--package", "hd1-benches", "--"]);
    let Some(name) = name else {
        return repo::must(cargo.arg("--help"));
    };
    cargo.arg(name);
    if quick {
        cargo.arg("--quick");
    }
    if let Some(file) = json {
        // The bench runs in the workspace folder; the file is meant from where the command was typed.
        cargo.arg("--json").arg(std::path::absolute(file)?);
    }
    repo::must(cargo.args(rest))
}
