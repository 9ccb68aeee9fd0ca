//! `cargo x test`: everything, with the summary of `cargo test` last.

use anyhow::Result;

use crate::{fuzz, repo, services, web};

/// Builds the page, fuzzes for a moment, then runs all tests of the workspace, browsers included.
///
/// # Errors
/// Anything fails; or, under `CI=true`, a program that a test needs is not installed.
pub fn run(filter: Option<&str>, fuzz_seconds: u64) -> Result<()> {
    let page = web::build(false)?;
    if filter.is_none() && fuzz_seconds > 0 {
        fuzz::run(None, fuzz_seconds, false)?;
    }

    let services = services::start()?;
    let with_services = |arguments: &[&str]| {
        let mut cargo = repo::cargo();
        cargo.args(arguments).envs(services.environment());
        if page == web::Web::Missing {
            cargo.env("HD1_TEST_NO_PAGE", "1");
        }
        cargo
    };

    repo::step("building hd1 and the tests");
    // One selection for the binary and the tests, so that both resolve the same features.
    repo::must(&mut with_services(&["build", "--workspace", "--bin", "hd1", "--tests"]))?;
    let binary = repo::target_dir().join("debug/hd1");

    let filter: Vec<&str> = filter.into_iter().collect();
    if filter.is_empty() {
        repo::step("testing the examples in the documentation");
        repo::must(&mut with_services(&["test", "--quiet", "--workspace", "--doc"]))?;
    }
    repo::step("testing");
    repo::must(
        with_services(&["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"])
            .args(&filter)
            .env("HD1_TEST_BIN", binary),
    )
}
