//! `cargo x run`: the demo.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{repo, web};

/// Builds the page and the server, then becomes `hd1 serve`, so that signals reach it.
///
/// # Errors
/// A build fails, or the program cannot be started.
pub fn run(release: bool, serve: &[String]) -> Result<()> {
    web::build(false)?;
    repo::step("building hd1");
    repo::must(repo::cargo().args(build_hd1(release)))?;
    let binary = repo::target_dir().join(if release { "release/hd1" } else { "debug/hd1" });
    let error = Command::new(&binary).arg("serve").args(serve).exec();
    Err(error).with_context(|| format!("cannot start {}", binary.display()))
}

/// The arguments that build the binary. The whole workspace is selected, so that features are resolved alike whoever
/// asks; what tests alone switch on is still compiled beside it.
pub fn build_hd1(release: bool) -> Vec<&'static str> {
    let mut arguments = vec!["build", "--workspace", "--bin", "hd1"];
    if release {
        arguments.push("--release");
    }
    arguments
}
