//! `cargo x test`: everything, with the summary of `cargo test` last.

use anyhow::{Result, bail};

use crate::{fuzz, repo, web};

/// Builds the page, fuzzes for a moment, then runs all tests of the workspace, browsers included.
///
/// Tests that need PostgreSQL start it themselves; those that need a browser are told where it is.
///
/// # Errors
/// Anything fails; or, under `CI=true`, a program that a test needs is not installed.
pub fn run(filter: Option<&str>, fuzz_seconds: u64) -> Result<()> {
    let page = web::build(false)?;
    if filter.is_none() && fuzz_seconds > 0 {
        fuzz::run(None, fuzz_seconds, false)?;
    }

    repo::step("building hd1 and the tests");
    // One selection for the binary and the tests, so that both resolve the same features.
    repo::must(repo::cargo().args(["build", "--workspace", "--bin", "hd1", "--tests"]))?;

    if filter.is_none() {
        repo::step("testing the examples in the documentation");
        repo::must(repo::cargo().args(["test", "--quiet", "--workspace", "--doc"]))?;
    }
    repo::step("testing");
    let mut tests = repo::cargo();
    tests.args(["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]).args(filter);
    tests.env("HD1_TEST_BIN", repo::target_dir().join("debug/hd1"));
    match repo::find_chromium() {
        Some(chromium) if page == web::Web::Built => {
            web::install_packages(&repo::root().join("tests/browser"))?;
            tests.env("HD1_TEST_CHROMIUM", chromium);
        }
        None if repo::in_ci() => bail!("the browser tests need Chromium under CI=true: it is not in PATH"),
        _ => eprintln!("the browser tests are left out: they need Node 20 and Chromium in PATH"),
    }
    repo::must(&mut tests)
}
