//! `hd1 serve`: the parts are made, joined and started here, and ended in the reverse order.

use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use hd1_control::{AdminToken, Control, Db, SecretKey, TicketKey};
use hd1_core::{Clock as _, SystemClock};
use hd1_http::{HttpSettings, HttpState};
use hd1_runtime::{Runtime, RuntimeConfig, TicketGate};
use hd1_store::Claim;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::figures::{PluginFigures, RuntimeFigures};
use crate::gates::{Tickets, WebSockets};
use crate::news::News;
use crate::plugin_host::Plugins;
use crate::quic::{self, Quic};
use crate::shutdown::Signals;
use crate::worlds::{RuntimeWorlds, bytes_of_kbit};
use crate::{database, demo, files};

/// How long worlds and clients may take to be saved and closed; the contract allows 10 s for everything.
const DRAIN_WORLDS: Duration = Duration::from_secs(7);
/// How long HTTP and QUIC may take to say goodbye after that.
const DRAIN_LISTENERS: Duration = Duration::from_secs(2);
/// How often what has expired is removed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(300);

/// Serves until a signal comes, then drains.
///
/// # Errors
/// Something that the server cannot do without is missing, in use, or fails while it drains.
pub fn run(config: Config) -> Result<()> {
    files::make_data_folder(&config.data)?;
    let _lock = lock(&config.data)?;
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("hd1-io")
        .on_thread_park(hd1_transport::gather::gather)
        .build()?;
    tokio.block_on(async {
        let mut signals = Signals::listen()?;
        let server = tokio::select! {
            server = Server::start(config) => server?,
            signal = signals.next() => {
                tracing::info!(signal, "ended while starting");
                return Ok(());
            }
        };
        server.announce();
        let signal = signals.next().await;
        tracing::info!(signal, "draining");
        // Asked twice is asked once: a process group and its leader often both send the signal.
        server.drain().await
    })
}

/// Makes sure that no other server uses the folder. The lock ends with the process, however it ends.
fn lock(data: &Path) -> Result<File> {
    let path = data.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another hd1 uses the data folder {}: choose another by --data", data.display())
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// The one line on stdout.
#[derive(serde::Serialize)]
struct Ready<'a> {
    ready: bool,
    http: &'a str,
    quic: SocketAddr,
    certificate_sha256: String,
}

/// All parts, running.
struct Server {
    db: Db,
    /// Held until everything has ended.
    claim: Claim,
    runtime: Runtime,
    quic: Quic,
    http: String,
    serving: JoinHandle<std::io::Result<()>>,
    /// Tasks that end when `stop` is cancelled.
    tasks: TaskTracker,
    stop: CancellationToken,
    /// HTTP ends by its own token: it must stay open while worlds are drained, to answer what is under way.
    stop_http: CancellationToken,
}

impl Server {
    async fn start(config: Config) -> Result<Self> {
        let admin = AdminToken::load_or_create(&config.data)?;
        if admin.is_fresh() {
            tracing::info!(file = %admin.path().display(), "wrote the admin token");
        }
        let (db, claim) = database::open(&config).await?;

        let news = News::default();
        let plugins = Plugins::open(&config.data, &config.plugins)?;
        let runtime = RuntimeConfig { modules: Arc::new(plugins.clone()), ..runtime_config(&config) };
        let runtime = Runtime::start(runtime, Arc::new(news.clone()))?;
        let kbit_s_max = config.worlds.client_kbit_s_max;
        let worlds = Arc::new(RuntimeWorlds::new(runtime.clone(), kbit_s_max, plugins.clone()));
        let (tickets, secrets) = (TicketKey::load_or_create(&config.data)?, SecretKey::load_or_create(&config.data)?);
        let services = plugins.services().clone();
        let figures = plugins.clone();
        let host = Arc::new(plugins);
        let control = Control::new(db.clone(), worlds, host, Arc::new(SystemClock), admin, tickets, secrets).await?;
        services.connect(control.clone());
        control.start_services().await?;
        let recovery = control.recover().await?;
        tracing::info!(recovered = recovery.recovered, failed = recovery.failed, "brought sessions back");
        demo::make(&config, &control).await?;

        let (tasks, stop, stop_http) = (TaskTracker::new(), CancellationToken::new(), CancellationToken::new());
        tasks.spawn(news.programs().answer(control.clone(), stop.clone()));
        tasks.spawn(news.deliver(control.clone(), stop.clone()));
        tasks.spawn(sweep(control.clone(), stop.clone()));
        tasks.spawn(work_off(control.clone(), stop.clone()));

        let listener = TcpListener::bind(config.http.addr)
            .await
            .with_context(|| format!("cannot listen on http.addr {}", config.http.addr))?;
        let address = listener.local_addr()?;
        let tickets: Arc<dyn TicketGate> = Arc::new(Tickets(control.clone()));
        let (quic, parts) = Quic::start(&config, address.port(), SystemClock.now())?;
        if let Some(development) = parts.development {
            tasks.spawn(quic.renew(development, stop.clone()));
        }
        tasks.spawn(quic::accept(parts.server, runtime.clone(), Arc::clone(&tickets)));

        let state = HttpState::new(
            control,
            Arc::new(WebSockets { runtime: runtime.clone(), tickets }),
            Arc::new(quic.shown()),
            vec![Arc::new(RuntimeFigures(runtime.clone())), Arc::new(PluginFigures(figures))],
            http_settings(&config)?,
        );
        let serving = tokio::spawn(hd1_http::serve(listener, state, stop_http.clone()));
        let http = format!("http://{address}");
        Ok(Self { db, claim, runtime, quic, http, serving, tasks, stop, stop_http })
    }

    /// The ready line of the contract on stdout, and the page's address for people.
    fn announce(&self) {
        let ready = Ready {
            ready: true,
            http: &self.http,
            quic: self.quic.address(),
            certificate_sha256: self.quic.certificate_sha256(),
        };
        println!("{}", serde_json::to_string(&ready).unwrap_or_default());
        tracing::info!(page = format!("{}/", self.http), quic = %self.quic.address(), "ready: open the page in a browser");
    }

    /// Lets nobody in, saves every world, closes every client with a retry code, then ends the listeners.
    async fn drain(self) -> Result<()> {
        self.quic.stop();
        self.stop_http.cancel();
        let drained = self.runtime.drain(DRAIN_WORLDS).await;
        tracing::info!(
            saved = drained.saved,
            failed = drained.failed,
            unfinished = drained.unfinished,
            "worlds drained"
        );
        self.stop.cancel();
        self.tasks.close();
        let listeners = async {
            self.quic.close().await;
            let served = self.serving.await;
            self.tasks.wait().await;
            served
        };
        match tokio::time::timeout(DRAIN_LISTENERS, listeners).await {
            Ok(served) => served.context("the HTTP task failed")?.context("HTTP failed")?,
            Err(_) => tracing::warn!("some connections did not end in time"),
        }
        self.db.close().await;
        drop(self.claim);
        if drained.failed + drained.unfinished > 0 {
            bail!("{} worlds could not be saved", drained.failed + drained.unfinished);
        }
        tracing::info!("ended");
        Ok(())
    }
}

fn runtime_config(config: &Config) -> RuntimeConfig {
    let worlds = &config.worlds;
    let mut runtime = RuntimeConfig::new(&config.data);
    if worlds.threads > 0 {
        runtime.threads = worlds.threads;
    }
    runtime.snapshot_interval = Duration::from_secs(worlds.snapshot_interval_s);
    runtime.hibernate_after = (worlds.hibernate_after_s > 0).then(|| Duration::from_secs(worlds.hibernate_after_s));
    runtime.recording = worlds.recording;
    runtime.client_bytes_per_s = bytes_of_kbit(worlds.client_kbit_s);
    runtime.client_bytes_per_s_max = bytes_of_kbit(worlds.client_kbit_s_max);
    runtime
}

fn http_settings(config: &Config) -> Result<HttpSettings> {
    Ok(HttpSettings {
        trusted_proxies: config.trusted_proxies()?,
        public_url: config.http.public_url.clone(),
        allowed_origins: config.http.allowed_origins.clone(),
        ..HttpSettings::default()
    })
}

async fn sweep(control: Control, stop: CancellationToken) {
    let mut interval = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = stop.cancelled() => return,
        }
        if let Err(error) = control.sweep().await {
            tracing::warn!(%error, "what has expired could not be removed");
        }
    }
}

/// What plugins are to do and to be told; what is under way at the end is begun anew at the next start.
async fn work_off(control: Control, stop: CancellationToken) {
    loop {
        let ended = tokio::select! {
            ended = control.work_off() => ended,
            () = stop.cancelled() => return,
        };
        if let Err(error) = ended {
            tracing::warn!(%error, "what plugins are to do is not done now");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}
