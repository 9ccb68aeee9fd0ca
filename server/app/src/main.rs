//! The binary `hd1`: reads the settings, wires the parts together, serves, and ends in order.
//!
//! Nothing here decides anything about sessions or worlds; whoever looks for a rule finds it in `server/control`, for
//! the simulation in `server/sim`.

mod asked;
mod certificate;
mod cli;
mod config;
mod database;
mod demo;
mod figures;
mod files;
mod gates;
mod news;
mod plugin;
mod plugin_host;
mod quic;
mod replay;
mod scene;
mod serve;
mod services;
mod shutdown;
mod telemetry;
mod worlds;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use cli::{Command, CommandLine};
use config::Loaded;

fn main() -> ExitCode {
    match run(CommandLine::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hd1: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Serve(arguments) => {
            let config = load(&arguments)?.config;
            telemetry::start(&config.log)?;
            serve::run(config)?;
        }
        Command::Config(arguments) => {
            print!("{}", config::show(&load(&arguments)?));
        }
        Command::Bots(arguments) => return hd1_bots::run(&arguments),
        Command::Replay { file, data } => replay::run(&file, data.as_deref())?,
        Command::Scene { command: cli::Scene::Check { file } } => scene::check(&file)?,
        Command::Scene { command: cli::Scene::List } => scene::list()?,
        Command::Plugin { command } => plugin::run(&command)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn load(arguments: &cli::Serve) -> Result<Loaded> {
    let variables: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    config::load(arguments.config.as_deref(), &variables, arguments.flags())
}
