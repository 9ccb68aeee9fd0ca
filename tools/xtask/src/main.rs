//! `cargo x`: everything a contributor does, by one program that needs nothing but Rust and Node.
//!
//! It stands alone so that no shell script has to be trusted to behave the same on every machine. Read the
//! subcommands below; each is a module of its own.

mod bench;
mod check;
mod fuzz;
mod repo;
mod run;
mod test;
mod tidy;
mod web;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Develop HD1: `cargo x run` serves the demo, `cargo x test` runs every test.
#[derive(Parser)]
#[command(name = "cargo x", bin_name = "cargo x", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build what is missing and serve the demo; the page's address is printed when it is ready.
    Run {
        /// Optimise fully: a slower build, a faster server.
        #[arg(long)]
        release: bool,
        /// Passed on to `hd1 serve`, for example `--scene cubes --http 127.0.0.1:9000`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        serve: Vec<String>,
    },
    /// Run every test: fuzz targets for a few seconds, browsers, then `cargo test`.
    Test {
        /// Run only the `cargo test` tests whose name contains this; skips fuzzing.
        filter: Option<String>,
        /// Seconds for each fuzz target.
        #[arg(long, default_value_t = 5)]
        fuzz_seconds: u64,
    },
    /// Format, clippy with warnings denied, tidy and documentation.
    Check,
    /// The repository's own rules: arrows, owners of heavy dependencies, `//!` lines, paths in READMEs.
    Tidy,
    /// Run the fuzz targets, coverage guided, on the stable compiler.
    Fuzz {
        /// Only the targets whose name contains this.
        target: Option<String>,
        /// Seconds for each target.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Keep what was found in the committed corpus, minimised.
        #[arg(long)]
        keep: bool,
    },
    /// Run a bench; without a name, list them.
    Bench(bench::Arguments),
    /// Build the browser app if its inputs have changed.
    Web {
        /// Build it even if they have not.
        #[arg(long)]
        force: bool,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Run { release, serve } => run::run(release, &serve),
        Command::Test { filter, fuzz_seconds } => test::run(filter.as_deref(), fuzz_seconds),
        Command::Check => check::run(),
        Command::Tidy => tidy::run(),
        Command::Fuzz { target, seconds, keep } => fuzz::run(target.as_deref(), seconds, keep),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Web { force } => web::build(force).map(|_| ()),
    }
}
