//! The plugins of this server: packages on disk, their modules compiled, and what they do, for the rules and for worlds.
//!
//! A module is compiled before any world asks for it: at an installation, before a world is told of it, and when a session
//! is brought back. Worlds only look it up. What was compiled once is kept on disk beside the packages.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};
use hd1_abi::ServicePlan;
use hd1_api::ServiceState;
use hd1_control::{
    ChannelAsked, FilterVerdict, LogLine, PluginHost, PortFuture, RunningService, ServiceFault, ServiceRequest,
    ServiceResponse, ServiceSpec, ServiceStep, SystemStats, Trust, Vouched, WorldError, WorldPlugin,
};
use hd1_core::{Clock as _, Micros, SessionId, SystemClock};
use hd1_host::{Host, Limits, Meter, Pool};
use hd1_manifest::Package;
use hd1_manifest::limits::TRUST_BYTES_MAX;
use hd1_sim::{Module, Modules, PluginSpec};
use uuid::Uuid;

use crate::config::Plugins as Settings;
use crate::files;
use crate::services::Services;

/// See the module's words. Clones share everything.
#[derive(Clone)]
pub struct Plugins(Arc<Inner>);

struct Inner {
    host: Host,
    services: Services,
    /// Where packages lie, each under its hash.
    packages: PathBuf,
    trust: Trust,
    /// What the server's settings say of plugins' configs.
    fixed: BTreeMap<String, serde_json::Map<String, serde_json::Value>>,
    ready: RwLock<Ready>,
}

/// Modules that can run.
#[derive(Default)]
struct Ready {
    /// By the hash of their packages.
    pools: BTreeMap<String, Arc<Pool>>,
    /// The package of each plugin that was asked for last.
    newest: BTreeMap<String, String>,
}

impl Plugins {
    /// Over the packages in `data/plugins`.
    ///
    /// # Errors
    /// The folder cannot be made, the file cannot be read, or this machine runs no WebAssembly.
    pub fn open(data: &Path, settings: &Settings) -> Result<Self> {
        let packages = data.join("plugins");
        fs::create_dir_all(&packages).with_context(|| format!("cannot make {}", packages.display()))?;
        let code = packages.join("code");
        let host = Host::new().map_err(|error| anyhow::anyhow!("plugins cannot run here: {error:#}"))?;
        let host = host.with_cache(&code).with_context(|| format!("cannot make {}", code.display()))?;
        let trust = settings.trust.as_deref().map(read_trust).transpose()?.unwrap_or_default();
        let services = Services::open(packages.clone(), &code)?;
        let fixed = settings.config.clone();
        Ok(Plugins(Arc::new(Inner { host, services, packages, trust, fixed, ready: RwLock::default() })))
    }

    /// Those of them that work outside of worlds.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.0.services
    }

    /// What counts the runs of each plugin: of its systems and of its service.
    #[must_use]
    pub fn meters(&self) -> Vec<(String, Arc<Meter>)> {
        let ready = self.read();
        let systems = ready
            .newest
            .iter()
            .filter_map(|(plugin, package)| Some((plugin.clone(), Arc::clone(ready.pools.get(package)?.meter()))));
        systems.chain(self.0.services.meters()).collect()
    }

    /// What worlds are to have, once all of it is ready to run.
    ///
    /// # Errors
    /// [`WorldError::Refused`] where a package is not here or is no longer what was installed.
    pub async fn specs(&self, plugins: &[WorldPlugin]) -> Result<Vec<PluginSpec>, WorldError> {
        let mut specs = Vec::with_capacity(plugins.len());
        for plugin in plugins {
            self.prepare(plugin).await.map_err(|error| WorldError::Refused {
                path: plugin.id.clone(),
                message: format!("{} {}: {error:#}", plugin.id, plugin.version),
            })?;
            specs.push(spec_of(plugin));
        }
        Ok(specs)
    }

    /// The same, but that one which is not ready is left to the world, which goes on without it and says so.
    pub async fn specs_as_far_as_ready(&self, plugins: &[WorldPlugin]) -> Vec<PluginSpec> {
        for plugin in plugins {
            if let Err(error) = self.prepare(plugin).await {
                tracing::error!(plugin = plugin.id, version = plugin.version, "a plugin is not ready: {error:#}");
            }
        }
        plugins.iter().map(spec_of).collect()
    }

    async fn prepare(&self, plugin: &WorldPlugin) -> Result<()> {
        let hash = plugin.package.clone();
        if !self.has(&hash) {
            let inner = Arc::clone(&self.0);
            let loaded = tokio::task::spawn_blocking(move || inner.load(&hash)).await;
            let pool = loaded.context("the thread that compiles it has ended")??;
            self.write().pools.entry(plugin.package.clone()).or_insert(pool);
        }
        self.write().newest.insert(plugin.id.clone(), plugin.package.clone());
        Ok(())
    }

    fn has(&self, hash: &str) -> bool {
        self.read().pools.contains_key(hash)
    }

    fn newest(&self, plugin: &str) -> Option<Arc<Pool>> {
        let ready = self.read();
        ready.pools.get(ready.newest.get(plugin)?).cloned()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Ready> {
        self.0.ready.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Ready> {
        self.0.ready.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a replay, which has time: modules are loaded when they are asked for.
    #[must_use]
    pub fn on_demand(self) -> Arc<dyn Modules> {
        Arc::new(OnDemand(self))
    }
}

impl Inner {
    fn path(&self, hash: &str) -> PathBuf {
        self.packages.join(format!("{hash}.hd1p"))
    }

    fn load(&self, hash: &str) -> Result<Arc<Pool>> {
        let path = self.path(hash);
        let bytes = fs::read(&path).with_context(|| format!("its package {} cannot be read", path.display()))?;
        let package = Package::read(&bytes).with_context(|| path.display().to_string())?;
        ensure!(package.hash().to_string() == hash, "{} holds another package: install it again", path.display());
        let sim = package.manifest().sim.as_ref().context("its package has no sim module")?;
        let module = package.files().get(&sim.module).context("its package lacks its sim module")?;
        let module = self.host.load(module).map_err(|error| anyhow::anyhow!("{error}"))?;
        let pool = self.host.pool(module, Limits::default());
        pool.warm_up().context("it does not start")?;
        Ok(Arc::new(pool))
    }
}

impl Modules for Plugins {
    fn module(&self, hash: &str) -> Option<Arc<dyn Module>> {
        self.read().pools.get(hash).map(|pool| Arc::clone(pool) as Arc<dyn Module>)
    }
}

struct OnDemand(Plugins);

impl Modules for OnDemand {
    fn module(&self, hash: &str) -> Option<Arc<dyn Module>> {
        if !self.0.has(hash) {
            let pool = self.0.0.load(hash).inspect_err(|error| eprintln!("hd1: {error:#}")).ok()?;
            self.0.write().pools.insert(hash.to_owned(), pool);
        }
        self.0.module(hash)
    }
}

impl PluginHost for Plugins {
    fn inspect<'a>(&'a self, module: &'a [u8]) -> PortFuture<'a, Result<hd1_abi::Plan, String>> {
        Box::pin(async move {
            let (inner, module) = (Arc::clone(&self.0), module.to_vec());
            let inspected = tokio::task::spawn_blocking(move || {
                let module = inner.host.load(&module).map_err(|error| error.to_string())?;
                // Its first code runs here rather than in a world.
                inner.host.pool(module.clone(), Limits::default()).warm_up().map_err(|fault| fault.to_string())?;
                Ok(hd1_abi::Plan::clone(module.plan()))
            });
            inspected.await.unwrap_or_else(|error| Err(error.to_string()))
        })
    }

    fn inspect_service<'a>(&'a self, component: &'a [u8]) -> PortFuture<'a, Result<ServicePlan, String>> {
        Box::pin(self.0.services.inspect(component))
    }

    fn set_services<'a>(&'a self, services: &'a [ServiceSpec]) -> PortFuture<'a, Result<(), (String, String)>> {
        Box::pin(self.0.services.set(services))
    }

    fn service_plan(&self, plugin: &str) -> Option<Arc<ServicePlan>> {
        self.0.services.plan(plugin)
    }

    fn services(&self) -> Vec<Arc<RunningService>> {
        self.0.services.all()
    }

    fn action<'a>(&'a self, plugin: &'a str, hook: usize, about: &'a str) -> PortFuture<'a, Result<(), ServiceFault>> {
        Box::pin(self.0.services.action(plugin, hook, about))
    }

    fn filter<'a>(
        &'a self,
        plugin: &'a str,
        hook: usize,
        value: &'a str,
    ) -> PortFuture<'a, Result<FilterVerdict, ServiceFault>> {
        Box::pin(self.0.services.filter(plugin, hook, value))
    }

    fn job<'a>(&'a self, plugin: &'a str, job: usize, payload: &'a str) -> PortFuture<'a, Result<(), ServiceFault>> {
        Box::pin(self.0.services.job(plugin, job, payload))
    }

    fn channel<'a>(
        &'a self,
        plugin: &'a str,
        channel: usize,
        asked: &'a ChannelAsked,
    ) -> PortFuture<'a, Result<Result<String, String>, ServiceFault>> {
        Box::pin(self.0.services.channel(plugin, channel, asked))
    }

    fn authenticate<'a>(
        &'a self,
        plugin: &'a str,
        method: usize,
        credential: &'a str,
    ) -> PortFuture<'a, Result<Option<Vouched>, ServiceFault>> {
        Box::pin(self.0.services.authenticate(plugin, method, credential))
    }

    fn route<'a>(
        &'a self,
        plugin: &'a str,
        route: usize,
        request: ServiceRequest,
    ) -> PortFuture<'a, Result<ServiceResponse, ServiceFault>> {
        Box::pin(self.0.services.route(plugin, route, request))
    }

    fn call<'a>(
        &'a self,
        plugin: &'a str,
        function: usize,
        depth: u32,
        caller: &'a str,
        argument: &'a str,
    ) -> PortFuture<'a, Result<String, ServiceFault>> {
        Box::pin(self.0.services.call(plugin, function, depth, caller, argument))
    }

    fn service_state(&self, plugin: &str) -> Option<ServiceState> {
        self.0.services.state(plugin)
    }

    fn service_steps(&self, plugin: &str) -> Vec<ServiceStep> {
        self.0.services.steps(plugin, SystemClock.now())
    }

    fn service_stats(&self, plugin: &str) -> (Vec<SystemStats>, BTreeMap<String, u64>) {
        let Some(meter) = self.0.services.meter(plugin) else { return (Vec::new(), BTreeMap::new()) };
        (stats_of(&meter), meter.counters())
    }

    fn keep<'a>(&'a self, hash: &'a str, package: &'a [u8]) -> PortFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let (path, package) = (self.0.path(hash), package.to_vec());
            let written = tokio::task::spawn_blocking(move || files::write_secret(&path, &package)).await;
            written.map_err(|error| error.to_string())?.map_err(|error| format!("{error:#}"))
        })
    }

    fn drop_package<'a>(&'a self, hash: &'a str) -> PortFuture<'a, Result<(), String>> {
        Box::pin(async move {
            self.write().pools.remove(hash);
            match tokio::fs::remove_file(self.0.path(hash)).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
                _ => Ok(()),
            }
        })
    }

    fn trust(&self) -> &Trust {
        &self.0.trust
    }

    fn fixed(&self, plugin: &str) -> serde_json::Map<String, serde_json::Value> {
        self.0.fixed.get(plugin).cloned().unwrap_or_default()
    }

    fn stats(&self, plugin: &str) -> Vec<SystemStats> {
        self.newest(plugin).map(|pool| stats_of(pool.meter())).unwrap_or_default()
    }

    fn log(&self, plugin: &str, limit: usize) -> Vec<LogLine> {
        let sim = self.newest(plugin).map(|pool| pool.meter().log(limit)).unwrap_or_default();
        let Some(service) = self.0.services.meter(plugin) else {
            return sim.into_iter().map(|line| shown(line.number + 1, line)).collect();
        };
        // Two halves, two counts: their lines are told apart by when they were written.
        let mut lines: Vec<_> = sim.into_iter().chain(service.log(limit)).collect();
        lines.sort_by_key(|line| line.at);
        let mut last = 0;
        let numbered = lines.into_iter().map(|line| {
            last = micros(line.at).0.unsigned_abs().max(last + 1);
            shown(last, line)
        });
        let lines: Vec<_> = numbered.collect();
        lines[lines.len().saturating_sub(limit)..].to_vec()
    }
}

fn shown(number: u64, line: hd1_host::LogLine) -> LogLine {
    LogLine {
        number,
        at: micros(line.at),
        level: line.level,
        session: (line.world != 0).then(|| SessionId(Uuid::from_u128(line.world))),
        system: line.system,
        text: line.text,
    }
}

fn stats_of(meter: &Meter) -> Vec<SystemStats> {
    let stats = meter.figures().into_iter().map(|figures| SystemStats {
        system: figures.name,
        runs: figures.runs,
        run_us_p50: figures.p50.as_secs_f64() * 1e6,
        run_us_p99: figures.p99.as_secs_f64() * 1e6,
        fuel: figures.fuel,
        faults: figures.faults.into_iter().map(|(kind, count)| (kind.to_owned(), count)).collect(),
        refused_rows: figures.rows_refused,
        refused_commands: figures.commands_refused,
        bytes_in: figures.bytes_in,
        bytes_out: figures.bytes_out,
    });
    stats.collect()
}

fn spec_of(plugin: &WorldPlugin) -> PluginSpec {
    PluginSpec {
        id: plugin.id.clone(),
        version: plugin.version.clone(),
        module: plugin.package.clone(),
        generation: plugin.generation,
        config: plugin.config.clone(),
        runs: true,
    }
}

fn read_trust(file: &Path) -> Result<Trust> {
    let read = || -> Result<Trust> {
        let size = fs::metadata(file)?.len();
        ensure!(size <= TRUST_BYTES_MAX as u64, "it has {size} bytes, at most {TRUST_BYTES_MAX} are allowed");
        Ok(Trust::parse(&fs::read_to_string(file)?)?)
    };
    read().with_context(|| format!("plugins.trust: {}", file.display()))
}

fn micros(at: SystemTime) -> Micros {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
