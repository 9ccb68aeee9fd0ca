//! The binary `hd1`: reads the settings, wires the parts together, serves, and ends in order.
//!
//! Nothing here decides anything about sessions or worlds; whoever looks for a rule finds it in `server/control`, for
//! the simulation in `server/sim`.

mod certificate;
mod cli;
mod config;
mod files;
mod telemetry;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use cli::{Command, CommandLine};
use config::Loaded;

fn main() -> ExitCode {
    match run(CommandLine::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hd1: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Serve(_) => Ok(()),
        Command::Config(arguments) => {
            print!("{}", config::show(&load(&arguments)?));
            Ok(())
        }
    }
}

fn load(arguments: &cli::Serve) -> Result<Loaded> {
    let variables: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    config::load(arguments.config.as_deref(), &variables, arguments.flags())
}
