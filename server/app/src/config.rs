//! The settings of the server: defaults, then `hd1.toml`, then `HD1_*` variables, then flags; later ones win.
//!
//! It stands alone so that every other part is handed plain values. The keys are a closed set: one that is unknown is
//! an error that names the nearest known one, wherever it was written.

mod keys;
mod show;
mod sources;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use figment::Figment;
use figment::providers::{Format as _, Serialized, Toml};
use hd1_http::proxies::{Network, Proxies};
use serde::{Deserialize, Serialize};

pub use keys::without_password;
pub use show::show;
pub use sources::Flags;

/// The file that is read when it stands in the working folder and no other is named.
pub const FILE: &str = "hd1.toml";

/// What `worlds.client_kbit_s_max` may be.
const CLIENT_KBIT_S_MAX: std::ops::RangeInclusive<u32> = 64..=1_000_000;

/// What is logged unless something else is asked for. web-transport-quinn warns of each client that closes its
/// connection without having closed its session first, as a page does that is left.
const LOG_FILTER: &str = "info,web_transport_quinn=error";

/// Every setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where everything that must survive is kept.
    pub data: PathBuf,
    /// The database.
    pub store: Store,
    /// API, pages and WebSocket.
    pub http: Http,
    /// QUIC and WebTransport.
    pub quic: Quic,
    /// The certificate of the QUIC port.
    pub tls: Tls,
    /// The running worlds.
    pub worlds: Worlds,
    /// Strangers' code.
    pub plugins: Plugins,
    /// The session made at the first start.
    pub demo: Demo,
    /// What is written to stderr.
    pub log: Log,
}

/// `[store]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// The PostgreSQL database, as `postgres://hd1@db.example.org/hd1`. Without one, or empty: SQLite in the data
    /// folder.
    pub database: Option<String>,
    /// Connections to PostgreSQL at most, 2 to 200.
    pub connections_max: u32,
}

/// `[http]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Where to listen.
    pub addr: SocketAddr,
    /// How clients reach it when that is not `http://` and the address: the URL in front of a proxy.
    pub public_url: Option<String>,
    /// Origins beside our own whose pages may connect, as `https://play.example.org`.
    pub allowed_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed, as `10.0.0.7` or `10.0.0.0/8`: limits then count by the address
    /// that it names. Nobody's by default.
    pub trusted_proxies: Vec<String>,
}

/// `[quic]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quic {
    /// Where to listen (UDP).
    pub addr: SocketAddr,
    /// The UDP port by which clients reach it when that is not the port of the address.
    pub public_port: Option<u16>,
}

/// `[tls]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// A certificate chain in PEM, leaf first. Without one a development certificate is made and renewed.
    pub certificate: Option<PathBuf>,
    /// Its private key in PEM.
    pub key: Option<PathBuf>,
}

/// `[worlds]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worlds {
    /// Threads that tick worlds; 0 is one per processor.
    pub threads: usize,
    /// Seconds between snapshots of a running world, 1 to 3,600: what `kill -9` may cost.
    pub snapshot_interval_s: u64,
    /// Seconds without a client after which a world hibernates; 0 is never.
    pub hibernate_after_s: u64,
    /// Write recordings that `hd1 replay` re-runs.
    pub recording: bool,
    /// Thousands of bits of state a second that each client is sent where its session does not say, 64 to the maximum.
    pub client_kbit_s: u32,
    /// The most that a session may ask for, 64 to 1,000,000.
    pub client_kbit_s_max: u32,
}

/// `[plugins]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plugins {
    /// The file that says which keys are believed and what was called back. Without one every package is `dev`.
    pub trust: Option<PathBuf>,
    /// Values of plugins' configs that hold whatever was set on the server, by their ids and fields, as in
    /// `[plugins.config."acme:flocking"]`. The variable `HD1_PLUGINS_CONFIG` takes the same as JSON.
    pub config: BTreeMap<String, serde_json::Map<String, serde_json::Value>>,
}

/// `[demo]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demo {
    /// Whether the first start makes a public session.
    pub enabled: bool,
    /// The scene it holds.
    pub scene: String,
    /// Whether people without a token may join it; by default only while HTTP is bound to this machine alone.
    pub guests: Option<bool>,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// What is logged, as `info` or `warn,hd1_runtime=debug`.
    pub filter: String,
    /// `auto`, `pretty` or `json`.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Self {
            data: "hd1-data".into(),
            store: Store { database: None, connections_max: 8 },
            // One number for both: TCP for pages, UDP for QUIC.
            http: Http {
                addr: local(8080),
                public_url: None,
                allowed_origins: Vec::new(),
                trusted_proxies: Vec::new(),
            },
            quic: Quic { addr: local(8080), public_port: None },
            tls: Tls { certificate: None, key: None },
            worlds: Worlds {
                threads: 0,
                snapshot_interval_s: 5,
                hibernate_after_s: 600,
                recording: false,
                client_kbit_s: 2_048,
                client_kbit_s_max: 16_384,
            },
            plugins: Plugins { trust: None, config: BTreeMap::new() },
            demo: Demo { enabled: true, scene: "lobby".into(), guests: None },
            log: Log { filter: LOG_FILTER.into(), format: LogFormat::Auto },
        }
    }
}

impl Config {
    /// Whether guests may join the demo session.
    #[must_use]
    pub fn demo_guests(&self) -> bool {
        self.demo.guests.unwrap_or(self.http.addr.ip().is_loopback())
    }

    /// The address of the PostgreSQL database, where one is to be used.
    #[must_use]
    pub fn postgres(&self) -> Option<&str> {
        self.store.database.as_deref().filter(|address| !address.is_empty())
    }

    /// The proxies that are believed.
    ///
    /// # Errors
    /// One is no address or network.
    pub fn trusted_proxies(&self) -> Result<Proxies> {
        let parse = |text: &String| text.parse::<Network>().context("http.trusted_proxies");
        Ok(Proxies::new(self.http.trusted_proxies.iter().map(parse).collect::<Result<_>>()?))
    }

    /// Refuses values that no part of the server could work with, by the key at fault.
    fn check(&self) -> Result<()> {
        if !(1..=3600).contains(&self.worlds.snapshot_interval_s) {
            bail!("worlds.snapshot_interval_s is {}: must be from 1 to 3600", self.worlds.snapshot_interval_s);
        }
        if self.worlds.threads > 1024 {
            bail!("worlds.threads is {}: must be at most 1024", self.worlds.threads);
        }
        let (kbit_s, kbit_s_max) = (self.worlds.client_kbit_s, self.worlds.client_kbit_s_max);
        if !CLIENT_KBIT_S_MAX.contains(&kbit_s_max) {
            bail!("worlds.client_kbit_s_max is {kbit_s_max}: must be from 64 to 1000000");
        }
        if !(*CLIENT_KBIT_S_MAX.start()..=kbit_s_max).contains(&kbit_s) {
            bail!("worlds.client_kbit_s is {kbit_s}: must be from 64 to worlds.client_kbit_s_max, {kbit_s_max}");
        }
        if self.postgres().is_some_and(|address| keys::without_password(address).is_none()) {
            // Not repeated: it may hold a password.
            bail!("store.database names no database: write postgres://USER@HOST/NAME, or leave it out for SQLite");
        }
        if !(2..=200).contains(&self.store.connections_max) {
            bail!("store.connections_max is {}: must be from 2 to 200", self.store.connections_max);
        }
        self.trusted_proxies()?;
        if let Some(id) = self.plugins.config.keys().find(|id| id.parse::<hd1_manifest::PluginId>().is_err()) {
            bail!("plugins.config.{id:?}: is no plugin's id: write it as in \"acme:flocking\"");
        }
        match (&self.tls.certificate, &self.tls.key) {
            (Some(_), None) => bail!("tls.certificate is set without tls.key: set both or neither"),
            (None, Some(_)) => bail!("tls.key is set without tls.certificate: set both or neither"),
            _ => {}
        }
        if let Some(url) = &self.http.public_url
            && !(url.starts_with("http://") || url.starts_with("https://"))
        {
            bail!("http.public_url is {url:?}: must start with http:// or https://");
        }
        Ok(())
    }
}

/// The settings and where each came from.
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Their sources, for `hd1 config`.
    pub(crate) figment: Figment,
}

/// Reads all sources. `file` is the one named by `--config`; without it `hd1.toml` is read where it exists.
/// `variables` are the process's environment.
///
/// # Errors
/// A named file cannot be read, a key is unknown, or a value is not what its key takes.
pub fn load(file: Option<&Path>, variables: &[(String, String)], flags: Flags) -> Result<Loaded> {
    let mut figment = Figment::from(Serialized::defaults(Config::default()));
    match file {
        Some(file) => {
            // figment takes a missing file for an empty one.
            std::fs::metadata(file).with_context(|| format!("cannot read the config file {}", file.display()))?;
            figment = figment.merge(Toml::file_exact(file));
        }
        None if Path::new(FILE).is_file() => figment = figment.merge(Toml::file_exact(FILE)),
        None => {}
    }
    for given in sources::variables(variables)?.into_iter().chain(flags.0) {
        figment = figment.merge(given);
    }
    keys::refuse_unknown(&figment)?;
    let config: Config = figment.extract().map_err(one_line)?;
    config.check()?;
    Ok(Loaded { config, figment })
}

/// figment collects several errors; the first tells enough.
fn one_line(errors: figment::Error) -> anyhow::Error {
    match errors.into_iter().next() {
        Some(error) => anyhow::anyhow!("{error}"),
        None => anyhow::anyhow!("the configuration cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(toml: &str, variables: &[(&str, &str)], flags: Flags) -> Result<Loaded> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hd1.toml");
        std::fs::write(&file, toml).unwrap();
        let variables: Vec<_> = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        load(Some(&file), &variables, flags)
    }

    fn error(toml: &str, variables: &[(&str, &str)]) -> String {
        format!("{:#}", load_text(toml, variables, Flags::default()).err().expect("it is refused"))
    }

    #[test]
    fn later_sources_win() {
        let toml = "[http]\naddr = \"127.0.0.1:1\"\n[worlds]\nthreads = 1\nsnapshot_interval_s = 7";
        let variables = [("HD1_HTTP_ADDR", "127.0.0.1:2"), ("HD1_WORLDS_THREADS", "2"), ("PATH", "/bin")];
        let flags = Flags::default().set("http.addr", "--http", "127.0.0.1:3");
        let config = load_text(toml, &variables, flags).unwrap().config;
        assert_eq!(config.http.addr.port(), 3);
        assert_eq!(config.worlds.threads, 2);
        assert_eq!(config.worlds.snapshot_interval_s, 7);
        assert_eq!(config.quic, Config::default().quic);
    }

    #[test]
    fn plugins_know_what_they_take() {
        let toml = "[plugins.config.\"acme:flocking\"]\nstrength = 2\nword = \"a\"";
        let variables = [("HD1_PLUGINS_CONFIG", r#"{"acme:flocking": {"strength": 3.5}, "acme:wind": {"on": true}}"#)];
        let loaded = load_text(toml, &variables, Flags::default()).unwrap();
        let told = serde_json::to_string(&loaded.config.plugins.config).unwrap();
        assert_eq!(told, r#"{"acme:flocking":{"strength":3.5,"word":"a"},"acme:wind":{"on":true}}"#);
        assert!(
            show(&loaded).contains(r#"plugins.config."acme:wind".on = true  # the environment"#),
            "{}",
            show(&loaded)
        );
        assert!(error("[plugins.config.flocking]\na = 1", &[]).contains("is no plugin's id"));
        assert!(error("", &[("HD1_PLUGINS_CONFIG", "strength=1")]).contains("HD1_PLUGINS_CONFIG"));
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        let message = error("[http]\nadr = \"127.0.0.1:1\"", &[]);
        assert!(message.contains("unknown key `http.adr`"), "{message}");
        assert!(message.contains("did you mean `http.addr`?"), "{message}");
        assert!(message.contains("hd1.toml"), "{message}");

        let message = error("", &[("HD1_WORLDS_TREADS", "2")]);
        assert!(message.contains("`HD1_WORLDS_TREADS`"), "{message}");
        assert!(message.contains("did you mean `HD1_WORLDS_THREADS`?"), "{message}");

        let message = error("[wolds]\nthreads = 1", &[]);
        assert!(message.contains("did you mean `worlds.threads`?"), "{message}");
    }

    #[test]
    fn a_wrong_value_names_its_key_and_source() {
        let message = error("[worlds]\nthreads = \"many\"", &[]);
        assert!(message.contains("worlds.threads") && message.contains("hd1.toml"), "{message}");
        let message = error("", &[("HD1_HTTP_ADDR", "nowhere")]);
        assert!(message.contains("http.addr") && message.contains("HD1_HTTP_ADDR"), "{message}");
        let message = error("[worlds]\nsnapshot_interval_s = 0", &[]);
        assert!(message.contains("worlds.snapshot_interval_s is 0: must be from 1 to 3600"), "{message}");
        let message = error("[worlds]\nclient_kbit_s = 20000", &[]);
        assert!(message.contains("worlds.client_kbit_s is 20000: must be from 64 to"), "{message}");
        let message = error("", &[("HD1_WORLDS_CLIENT_KBIT_S_MAX", "9")]);
        assert!(message.contains("worlds.client_kbit_s_max is 9: must be from 64 to 1000000"), "{message}");
    }

    #[test]
    fn a_database_is_postgresql_or_the_file() {
        let load = |toml| load_text(toml, &[], Flags::default()).map(|loaded| loaded.config);
        assert_eq!(load("[store]\ndatabase = \"\"").unwrap().postgres(), None, "empty is the default");
        let address = "postgres://hd1@db/hd1";
        assert_eq!(load(&format!("[store]\ndatabase = {address:?}")).unwrap().postgres(), Some(address));
        for wrong in ["mysql://root:secret@db/hd1", "secret", "postgres://hd1:secret@db:port/hd1"] {
            let message = error("", &[("HD1_STORE_DATABASE", wrong)]);
            assert!(message.contains("store.database") && message.contains("postgres://USER@HOST/NAME"), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
        let message = error("[store]\nconnections_max = 1", &[]);
        assert!(message.contains("store.connections_max is 1: must be from 2 to 200"), "{message}");
    }

    #[test]
    fn proxies_are_addresses_or_networks() {
        let listed = [("HD1_HTTP_TRUSTED_PROXIES", "[\"127.0.0.1\", \"10.0.0.0/8\"]")];
        let proxies = load_text("", &listed, Flags::default()).unwrap().config.trusted_proxies().unwrap();
        assert!(proxies.trust([10, 1, 2, 3].into()) && !proxies.trust([127, 0, 0, 2].into()));
        assert!(!Config::default().trusted_proxies().unwrap().trust([127, 0, 0, 1].into()));
        let message = error("[http]\ntrusted_proxies = [\"10.0.0.0/8\", \"proxy.local\"]", &[]);
        assert!(message.contains("http.trusted_proxies: \"proxy.local\" is no address or network"), "{message}");
    }

    #[test]
    fn guests_are_let_in_only_where_the_world_cannot_reach() {
        let closed = load_text("[http]\naddr = \"0.0.0.0:80\"", &[], Flags::default()).unwrap().config;
        assert!(!closed.demo_guests());
        assert!(Config::default().demo_guests());
        let opened = load_text("[http]\naddr = \"0.0.0.0:80\"\n[demo]\nguests = true", &[], Flags::default());
        assert!(opened.unwrap().config.demo_guests());
    }

    #[test]
    fn a_missing_file_is_an_error_only_when_it_was_named() {
        let missing = load(Some(Path::new("/nowhere/hd1.toml")), &[], Flags::default()).err().unwrap();
        assert!(format!("{missing:#}").contains("/nowhere/hd1.toml"));
    }
}
