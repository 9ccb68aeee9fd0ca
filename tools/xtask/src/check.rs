//! `cargo x check`: what must hold before a change is shown to anyone.

use anyhow::Result;

use crate::{bench, fuzz, repo, tidy};

/// Formatting, lints, the repository's own rules and documentation, cheapest first.
///
/// # Errors
/// The first of them that fails.
pub fn run() -> Result<()> {
    repo::step("tidy");
    tidy::run()?;
    repo::step("format");
    repo::must(repo::cargo().args(["fmt", "--all", "--", "--check"]))?;
    for folder in fuzz::folders()?.into_iter().chain(bench::peer_folders()) {
        repo::must(
            repo::cargo().args(["fmt", "--manifest-path"]).arg(folder.join("Cargo.toml")).args(["--", "--check"]),
        )?;
    }
    // The server embeds this folder; its contents do not matter here.
    std::fs::create_dir_all(repo::root().join("server/web/dist"))?;
    repo::step("clippy");
    repo::must(repo::cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    repo::step("documentation");
    repo::must(
        repo::cargo()
            .args(["doc", "--workspace", "--no-deps", "--document-private-items"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}
