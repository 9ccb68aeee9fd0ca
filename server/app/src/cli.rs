//! The command line of `hd1`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::Flags;

/// HD1 runs living 3D worlds: an authoritative simulation server with an HTTP API, a page, and clients over QUIC,
/// WebTransport and WebSocket.
#[derive(Parser)]
#[command(name = "hd1", version, max_term_width = 100, arg_required_else_help = true)]
pub struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Subcommand)]
pub enum Command {
    /// Serve until SIGTERM or Ctrl-C.
    ///
    /// Prints one JSON line on stdout when it is ready; everything else goes to stderr. Listens on this machine alone
    /// unless told otherwise. The first start writes an admin token to DATA/admin-token.
    Serve(Serve),
    /// Print the effective settings, each with where it comes from.
    ///
    /// Defaults come first, then hd1.toml, then HD1_* variables, then flags. The output is itself a config file.
    Config(Serve),
    /// Let many bots play, and print what they measured as one JSON object.
    ///
    /// With --sessions the bots get sessions of their own, removed at the end; that needs --token.
    Bots(hd1_bots::Args),
    /// Re-run a recording headless at full speed and compare every tick's hash.
    ///
    /// Recordings are written to DATA/worlds/SESSION/ while worlds.recording is true.
    Replay {
        /// A file recording-TICK.hd1r.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The data folder with the packages of its plugins, where it has any.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Check scene files, list the library.
    Scene {
        /// What to do.
        #[command(subcommand)]
        command: Scene,
    },
    /// Write, test and measure plugins; make, sign and verify packages; install them on a server and tend them there.
    Plugin {
        /// What to do.
        #[command(subcommand)]
        command: crate::plugin::args::Plugin,
    },
}

/// The subcommands of `scene`.
#[derive(Subcommand)]
pub enum Scene {
    /// Check a scene file; the first fault is told with its place.
    Check {
        /// The file, JSON.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// List the scenes that come with the server.
    List,
}

/// Flags of `serve`; each overrides the setting named beside it.
#[derive(Args)]
pub struct Serve {
    /// Read settings from this file instead of ./hd1.toml.
    #[arg(long, value_name = "FILE", env = "HD1_CONFIG")]
    pub config: Option<PathBuf>,
    /// Keep everything that must survive here [data, default: hd1-data].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Keep sessions, participants and tokens in this PostgreSQL database, as postgres://USER@HOST/NAME; one with a
    /// password is better given as HD1_STORE_DATABASE, where other accounts do not see it [store.database, default:
    /// SQLite in DATA].
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// Listen here for API, pages and WebSocket; port 0 takes a free one [http.addr, default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    pub http: Option<SocketAddr>,
    /// Listen here (UDP) for QUIC and WebTransport; port 0 takes a free one [quic.addr, default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    pub quic: Option<SocketAddr>,
    /// Let the demo session hold this scene of the library [demo.scene, default: lobby].
    #[arg(long, value_name = "NAME")]
    pub scene: Option<String>,
    /// What to log, as `info` or `warn,hd1_runtime=debug` [log.filter, default: info, less
    /// what is told of ordinary closes].
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
}

impl Serve {
    /// The flags as a source of settings.
    #[must_use]
    pub fn flags(&self) -> Flags {
        Flags::default()
            .set_some("data", "--data", self.data.as_ref().map(|path| path.to_string_lossy().into_owned()))
            .set_some("store.database", "--database", self.database.clone())
            .set_some("http.addr", "--http", self.http.map(|addr| addr.to_string()))
            .set_some("quic.addr", "--quic", self.quic.map(|addr| addr.to_string()))
            .set_some("demo.scene", "--scene", self.scene.clone())
            .set_some("log.filter", "--log", self.log.clone())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::CommandLine;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
