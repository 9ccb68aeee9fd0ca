//! What a plugin's author does on their own machine: projects begun, built, checked, tested, measured and tried out.

mod build;
mod check;
mod describe;
mod dev;
mod new;
mod project;
mod sdk;
mod trial;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use hd1_core::SessionId;
use hd1_manifest::PluginId;

use super::args::Server;

/// The subcommands of `plugin` that authors use.
#[derive(Subcommand)]
pub enum Author {
    /// Begin a plugin: a project that builds and tests at once, with the SDK in it.
    New {
        /// The folder to make; its last part is the plugin's name.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// As in `acme:flocking` [default: dev and the folder's name].
        #[arg(long, value_name = "ID")]
        id: Option<PluginId>,
        /// One that works outside of the tick: routes, hooks, jobs; else it is systems in it.
        #[arg(long)]
        service: bool,
        /// Use the SDK in this folder, such as plugins/sdk of HD1's repository (plugins/service for a service), instead of
        /// one in the project.
        #[arg(long, value_name = "FOLDER")]
        sdk: Option<PathBuf>,
    },
    /// Build a plugin's module for WebAssembly, put it where plugin.toml names it, and pack it.
    ///
    /// Where there is a Cargo.toml cargo builds it; else, where there is a Makefile, make does, whose first target is the
    /// module; else it is taken as it lies there.
    Build {
        #[command(flatten)]
        project: Project,
        /// Sign the package with this key.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Load a module as a server does, and tell what it brings and what its systems touch.
    Check(Module),
    /// Test a plugin: `cargo test` where there is a Cargo.toml, then its systems in the real host, on batches that nobody
    /// wrote.
    ///
    /// Fails where a system faults on a valid batch, keeps anything from run to run, commands what it may not, or takes
    /// too much fuel; warns where it depends on the order of rows or writes what no world takes. What lies in
    /// recordings/*.jsonl is run again and has to give what it gave.
    Test {
        #[command(flatten)]
        project: Project,
        /// A run that takes more fuel than this fails [default: as much as a server allows].
        #[arg(long, value_name = "N")]
        fuel: Option<u64>,
        /// Make up no more entities of a kind than this, where no world has ten thousand of them.
        #[arg(long, value_name = "N")]
        rows: Option<usize>,
        /// Make other batches up.
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
        /// Plugins that it needs beside: modules, packages or folders whose module is built.
        #[arg(long, value_name = "FOLDER|FILE")]
        beside: Vec<PathBuf>,
        /// Write a batch of each system, and what it makes of it, to this file of recordings/.
        #[arg(long, value_name = "NAME")]
        record: Option<String>,
        /// Print what was found as JSON; what cargo prints goes to stderr.
        #[arg(long)]
        json: bool,
    },
    /// Measure a plugin's systems, beside what copying their columns costs.
    Bench(Module),
    /// Build a plugin, install it, attach it, and do so again whenever a file of it is saved, until Ctrl-C.
    ///
    /// Worlds go on meanwhile and keep what is in them. Where the build fails, the version that runs stays.
    Dev {
        #[command(flatten)]
        project: Project,
        /// Attach it to this session; may be given several times [default: every one that runs].
        #[arg(long, value_name = "SESSION")]
        session: Vec<SessionId>,
        #[command(flatten)]
        server: Server,
    },
}

/// A plugin's project.
#[derive(Args)]
pub struct Project {
    /// The folder with plugin.toml in it.
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
}

/// A project, which is built first where anything is there to build it with, or a module.
#[derive(Args)]
pub struct Module {
    /// The folder with plugin.toml in it, a package, or a module.
    #[arg(value_name = "FOLDER|FILE", default_value = ".")]
    pub path: PathBuf,
    /// Plugins that it needs beside: modules, packages or folders whose module is built.
    #[arg(long, value_name = "FOLDER|FILE")]
    pub beside: Vec<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Does what the command line says.
///
/// # Errors
/// A file cannot be read or written, cargo or make fails, or a plugin is at fault.
pub(super) fn run(command: &Author) -> Result<()> {
    match command {
        Author::New { folder, id, service, sdk } => new::begin(folder, id.as_ref(), sdk.as_deref(), *service),
        Author::Build { project, key } => build::build_and_pack(&project.folder, key.as_deref()),
        Author::Check(module) => check::check(module),
        Author::Test { project, fuel, rows, seed, beside, record, json } => {
            let (fuel, rows, seed, record, json) = (*fuel, *rows, *seed, record.as_deref(), *json);
            trial::test(&project.folder, trial::Wish { fuel, rows, seed, beside, record, json })
        }
        Author::Bench(module) => trial::bench(module),
        Author::Dev { project, session, server } => dev::follow(&project.folder, session, server),
    }
}
