//! The command line of `hd1 plugin`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hd1_core::SessionId;
use hd1_manifest::PluginId;

/// The subcommands of `plugin`.
#[derive(Subcommand)]
pub enum Plugin {
    /// What authors do on their own machine.
    #[command(flatten)]
    Author(super::author::Author),
    /// Make a key that signs packages; prints its public half, by which others know it.
    Key {
        /// Where to write it: PEM, readable by this account alone. Never overwrites.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Make a package of a plugin's folder: plugin.toml, what it names, README.md, CHANGELOG.md, LICENSE*, and the
    /// folders assets, config, migrations and ui. The same files give the same bytes.
    Pack {
        /// The folder with plugin.toml in it.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// Write it here [default: NAMESPACE-NAME-VERSION.hd1p].
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Sign it with this key.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Sign a package, in place of who signed it before.
    Sign {
        /// The package.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The key, as `hd1 plugin key` makes it.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// Check a package: every file's hash, the manifest, the signature, and how far its signer is believed.
    ///
    /// Fails where anything is at fault or revoked. Needs no server and no network, and runs nothing of it.
    Verify {
        /// The package.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Keys that are known, TOML; without it nobody is.
        #[arg(long, value_name = "FILE")]
        trust: Option<PathBuf>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Install a package on a server, in place of the version that is there: sessions that have the plugin have the new
    /// one at once, or, where one of their worlds refuses it, none of them.
    Install {
        /// A package, or the folder of a plugin, which is packed first.
        #[arg(value_name = "FILE|FOLDER")]
        path: PathBuf,
        /// Sign it with this key.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        #[command(flatten)]
        server: Server,
    },
    /// List what is installed, or what a session has in the order in which it runs.
    List {
        /// What this session has.
        #[arg(long, value_name = "SESSION")]
        session: Option<SessionId>,
        #[command(flatten)]
        server: Server,
    },
    /// Tell all about an installed plugin.
    Show(Named),
    /// Let a plugin run in the sessions that it is attached to.
    Enable(Named),
    /// Let a plugin run nowhere; it stays attached.
    Disable(Named),
    /// Start a plugin anew in every world, also where it was suspended.
    Restart(Named),
    /// Go back to the package that was there before; once more comes forward again.
    Rollback(Named),
    /// Uninstall a plugin and take it out of every session.
    Uninstall(Named),
    /// Attach a plugin to a session; those that it needs are attached before it.
    Attach {
        /// As in `acme:flocking`.
        #[arg(value_name = "ID")]
        id: PluginId,
        /// To which session.
        #[arg(long, value_name = "SESSION")]
        session: SessionId,
        /// Its place in the order, from 0 [default: the end].
        #[arg(long, value_name = "N")]
        position: Option<u32>,
        /// What the session sets for it.
        #[arg(value_name = "FIELD=VALUE")]
        values: Vec<String>,
        #[command(flatten)]
        server: Server,
    },
    /// Take a plugin out of a session.
    Detach {
        /// As in `acme:flocking`.
        #[arg(value_name = "ID")]
        id: PluginId,
        /// Out of which session.
        #[arg(long, value_name = "SESSION")]
        session: SessionId,
        #[command(flatten)]
        server: Server,
    },
    /// Set values of a plugin's config, for the whole server or for one session; they hold at once. Without values it
    /// prints those that hold.
    Config {
        /// As in `acme:flocking`.
        #[arg(value_name = "ID")]
        id: PluginId,
        /// Values as JSON, or as they are where they are no JSON; `null` takes what was set away.
        #[arg(value_name = "FIELD=VALUE")]
        values: Vec<String>,
        /// For this session alone.
        #[arg(long, value_name = "SESSION")]
        session: Option<SessionId>,
        #[command(flatten)]
        server: Server,
    },
    /// Say what a plugin's service may do, in place of what it might; without rights it prints what it asks for.
    Grant {
        /// As in `acme:flocking`.
        #[arg(value_name = "ID")]
        id: PluginId,
        /// Rights that it asks for, as in `kv` or `network:hooks.example.org:443`.
        #[arg(value_name = "RIGHT", conflicts_with = "none")]
        rights: Vec<String>,
        /// None at all.
        #[arg(long)]
        none: bool,
        #[command(flatten)]
        server: Server,
    },
    /// List what a plugin's service is to do and to be told, the next that is due first.
    Jobs {
        /// As in `acme:flocking`.
        #[arg(value_name = "ID")]
        id: PluginId,
        /// Only what failed.
        #[arg(long)]
        failed: bool,
        #[command(flatten)]
        server: Server,
    },
    /// Have something that failed tried again at once.
    Retry {
        /// As in `acme:flocking`.
        #[arg(value_name = "ID")]
        id: PluginId,
        /// What failed, as `hd1 plugin jobs --failed` lists it.
        #[arg(value_name = "JOB")]
        job: uuid::Uuid,
        #[command(flatten)]
        server: Server,
    },
    /// Keep secrets for a plugin's service: what it asks for as `secret:NAME`, and nobody is shown.
    Secret {
        /// What to do.
        #[command(subcommand)]
        command: Secret,
    },
    /// Print the newest lines that a plugin has logged.
    Logs {
        /// As in `acme:flocking`.
        #[arg(value_name = "ID")]
        id: PluginId,
        /// Go on with what comes, until Ctrl-C.
        #[arg(long)]
        follow: bool,
        /// So many lines.
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        lines: u32,
        #[command(flatten)]
        server: Server,
    },
    /// Print the figures of a plugin's systems over all worlds.
    Stats(Named),
    /// Print how a plugin fares in each session.
    Health(Named),
}

/// The subcommands of `plugin secret`.
#[derive(Subcommand)]
pub enum Secret {
    /// Set a secret; the plugin has it at once. Its value is read from standard input, without the newline at its end, so
    /// that it stands in no history of a shell.
    Set {
        /// As in `acme:flocking`.
        #[arg(value_name = "ID")]
        id: PluginId,
        /// As in the right `secret:NAME` that the plugin asks for.
        #[arg(value_name = "NAME")]
        name: String,
        /// Read the value from this file instead.
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        #[command(flatten)]
        server: Server,
    },
    /// List the secrets that a plugin asks for, and when each was set.
    List(Named),
    /// Remove a secret.
    Remove {
        /// As in `acme:flocking`.
        #[arg(value_name = "ID")]
        id: PluginId,
        /// As in the right `secret:NAME`.
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        server: Server,
    },
}

/// A plugin on a server.
#[derive(Args)]
pub struct Named {
    /// As in `acme:flocking`.
    #[arg(value_name = "ID")]
    pub id: PluginId,
    /// Where it is installed.
    #[command(flatten)]
    pub server: Server,
}

/// A server, and who asks it.
#[derive(Args)]
pub struct Server {
    /// The server's address.
    #[arg(long, value_name = "URL", env = "HD1_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// A bearer token, such as the one in DATA/admin-token; other accounts may see it here, so a file is better.
    #[arg(long, env = "HD1_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Read the token from this file, as from DATA/admin-token; it goes before --token.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Print what the server answers as JSON.
    #[arg(long)]
    pub json: bool,
}
