//! The port to what compiles plugins, keeps their packages and counts what they do; the program implements it.
//!
//! It stands alone for the reason that [`crate::worlds`] does: the rules know plugins by what they declare and run none.

use std::collections::BTreeMap;

use hd1_abi::{LogLevel, Plan};
use hd1_core::{Micros, SessionId};
use hd1_manifest::Trust;

use crate::worlds::PortFuture;

/// What compiles, keeps and observes plugins on this server.
pub trait PluginHost: Send + Sync + 'static {
    /// Compiles and checks a sim module, away from the threads that answer requests, and answers what it declares.
    /// The error says what is wrong with the module, for its author.
    fn inspect<'a>(&'a self, module: &'a [u8]) -> PortFuture<'a, Result<Plan, String>>;

    /// Puts a package on disk under its hash, in place of one that is there, and answers once it lasts. The error is
    /// for the log.
    fn keep<'a>(&'a self, hash: &'a str, package: &'a [u8]) -> PortFuture<'a, Result<(), String>>;

    /// Removes a package from disk. Success where there is none.
    fn drop_package<'a>(&'a self, hash: &'a str) -> PortFuture<'a, Result<(), String>>;

    /// Whom the operator believes.
    fn trust(&self) -> &Trust;

    /// Figures of a plugin's systems over all worlds, in the order in which they run. Must not block.
    fn stats(&self, plugin: &str) -> Vec<SystemStats>;

    /// The newest lines of a plugin, at most so many, the oldest of them first. Must not block.
    fn log(&self, plugin: &str, limit: usize) -> Vec<LogLine>;
}

/// Figures of one system from the start of the server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SystemStats {
    /// Its name.
    pub system: String,
    /// How often it ran.
    pub runs: u64,
    /// Microseconds a run takes, median of the recent ones.
    pub run_us_p50: f64,
    /// Microseconds a run takes, 99th percentile of the recent ones.
    pub run_us_p99: f64,
    /// Units of fuel that its runs used.
    pub fuel: u64,
    /// Runs that counted for nothing, by [`hd1_abi::Fault::kind`].
    pub faults: BTreeMap<String, u64>,
    /// Rows that their schemas refused.
    pub refused_rows: u64,
    /// Commands that were passed over.
    pub refused_commands: u64,
    /// Bytes of columns handed to it.
    pub bytes_in: u64,
    /// Bytes of columns and commands taken back.
    pub bytes_out: u64,
}

/// A line that a plugin, or the server about it, has logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Counts the plugin's lines from 1, from the start of the server.
    pub number: u64,
    /// When.
    pub at: Micros,
    /// How much it matters.
    pub level: LogLevel,
    /// In which session; `None` for what is about all of them.
    pub session: Option<SessionId>,
    /// Which system; empty for what is about the whole plugin.
    pub system: String,
    /// What it says.
    pub text: String,
}
