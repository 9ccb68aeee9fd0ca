//! The services of plugins on this server: their components compiled, started, called and watched.
//!
//! Their code runs on threads of its own, so that a service that computes takes none from those that answer requests. What
//! it asks for is asked on the server's own (`ports.rs`). One that faults again and again is left out for a while, then for
//! good (`fare.rs`).

mod egress;
mod fare;
mod ports;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hd1_abi::ServicePlan;
use hd1_api::ServiceState;
use hd1_control::{
    ChannelAsked, Control, FilterVerdict, RunningService, ServiceCaller, ServiceCallerKind, ServiceFault,
    ServiceRequest, ServiceResponse, ServiceSpec, ServiceStep, Vouched,
};
use hd1_core::Micros;
use hd1_host::Meter;
use hd1_host::service::{
    Asked, CallFault, Caller, CallerKind, Header, Heard, Identity, Loaded, Request, Response, Service, ServiceHost,
    Verdict,
};
use hd1_manifest::Package;
use tokio::runtime::{Handle, Runtime};

use egress::Egress;
use fare::{Fare, Step};
use ports::HostPorts;

/// Threads that run services.
const THREADS: usize = 2;

/// See the module's words. Clones share everything.
#[derive(Clone)]
pub struct Services(Arc<Inner>);

struct Inner {
    host: ServiceHost,
    packages: PathBuf,
    /// Where services compute; `None` once it ends.
    runtime: Option<Runtime>,
    /// Where the server does its own work.
    main: OnceLock<Handle>,
    control: OnceLock<Control>,
    egress: Arc<Egress>,
    /// Held by one that changes what runs.
    changing: tokio::sync::Mutex<()>,
    running: RwLock<BTreeMap<String, Arc<Running>>>,
    begun: Instant,
}

/// One of them.
struct Running {
    /// As the rules know it.
    shown: Arc<RunningService>,
    service: Arc<Service>,
    fare: std::sync::Mutex<Fare>,
}

impl Services {
    /// Over the packages in this folder; what is compiled is kept in `code`.
    ///
    /// # Errors
    /// This machine runs no WebAssembly, or no thread can be started.
    pub fn open(packages: PathBuf, code: &std::path::Path) -> Result<Self> {
        let host = ServiceHost::new().map_err(|error| anyhow::anyhow!("services cannot run here: {error:#}"))?;
        let host = host.with_cache(code).with_context(|| format!("cannot make {}", code.display()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("hd1-plugin")
            .enable_time()
            .build()?;
        Ok(Services(Arc::new(Inner {
            host,
            packages,
            runtime: Some(runtime),
            main: OnceLock::new(),
            control: OnceLock::new(),
            egress: Arc::new(Egress::new()),
            changing: tokio::sync::Mutex::default(),
            running: RwLock::default(),
            begun: Instant::now(),
        })))
    }

    /// From now on services reach the server's own, on the runtime that this is called on.
    pub fn connect(&self, control: Control) {
        let _ = self.0.control.set(control);
        let _ = self.0.main.set(Handle::current());
    }

    /// What a component declares; its first code runs here, with no rights.
    pub async fn inspect(&self, component: &[u8]) -> Result<ServicePlan, String> {
        let loaded = self.compile(component.to_vec()).await?;
        Ok(ServicePlan::clone(loaded.plan()))
    }

    async fn compile(&self, component: Vec<u8>) -> Result<Loaded, String> {
        let inner = Arc::clone(&self.0);
        let compiled = tokio::task::spawn_blocking(move || inner.host.load(&component)).await;
        compiled.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    /// See [`hd1_control::PluginHost::set_services`].
    pub async fn set(&self, specs: &[ServiceSpec]) -> Result<(), (String, String)> {
        let _alone = self.0.changing.lock().await;
        let had = self.read().clone();
        let mut next = BTreeMap::new();
        for spec in specs {
            let running = match had.get(&spec.plugin) {
                Some(running) if running.shown.spec == *spec => Arc::clone(running),
                other => self.start(spec, other).await.map_err(|why| (spec.plugin.clone(), why))?,
            };
            next.insert(spec.plugin.clone(), running);
        }
        *self.0.running.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    /// Starts one; it answers before anybody is sent to it.
    async fn start(&self, spec: &ServiceSpec, before: Option<&Arc<Running>>) -> Result<Arc<Running>, String> {
        let component = self.component(&spec.package).await.map_err(|error| format!("{error:#}"))?;
        let loaded = self.compile(component).await?;
        let config = serde_json::Value::Object(spec.config.clone()).to_string();
        let ports = Arc::new(HostPorts(self.clone()));
        let service = loaded.start(&spec.plugin, spec.rights.clone(), &config, ports);
        let service = match before.filter(|running| running.shown.spec.package == spec.package) {
            Some(running) => service.going_on(&running.service),
            None => service,
        };
        let service = Arc::new(service);
        let first = Arc::clone(&service);
        self.on_threads(async move { first.health().await }).await.map_err(|fault| fault.to_string())?;
        // Another config or other rights make no sick one well; another package or a restart may.
        let same = |running: &&Arc<Running>| {
            running.shown.spec.package == spec.package && running.shown.spec.generation == spec.generation
        };
        let fare = match before {
            Some(running) if same(&running) => running.fare().clone(),
            other => Fare::new(self.now(), other.map(|running| running.fare().clone()).as_ref()),
        };
        let shown = Arc::new(RunningService { spec: spec.clone(), plan: Arc::clone(service.plan()) });
        Ok(Arc::new(Running { shown, service, fare: std::sync::Mutex::new(fare) }))
    }

    async fn component(&self, hash: &str) -> Result<Vec<u8>> {
        let path = self.0.packages.join(format!("{hash}.hd1p"));
        let wanted = hash.to_owned();
        let read = tokio::task::spawn_blocking(move || {
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let package = Package::read(&bytes).with_context(|| path.display().to_string())?;
            ensure!(package.hash().to_string() == wanted, "{} holds another package", path.display());
            let service = package.manifest().service.as_ref().context("its package has no service")?;
            package.files().get(&service.component).cloned().context("its package lacks its component")
        });
        read.await.context("the thread that reads it has ended")?
    }

    /// See [`hd1_control::PluginHost::service_plan`].
    pub fn plan(&self, plugin: &str) -> Option<Arc<ServicePlan>> {
        self.read().get(plugin).map(|running| Arc::clone(running.service.plan()))
    }

    /// See [`hd1_control::PluginHost::services`].
    pub fn all(&self) -> Vec<Arc<RunningService>> {
        self.read().values().map(|running| Arc::clone(&running.shown)).collect()
    }

    /// See [`hd1_control::PluginHost::action`].
    pub async fn action(&self, plugin: &str, hook: usize, about: &str) -> Result<(), ServiceFault> {
        let about = about.to_owned();
        self.on(plugin, move |service| async move { service.action(hook, &about).await }).await
    }

    /// See [`hd1_control::PluginHost::filter`].
    pub async fn filter(&self, plugin: &str, hook: usize, value: &str) -> Result<FilterVerdict, ServiceFault> {
        let value = value.to_owned();
        let verdict = self.on(plugin, move |service| async move { service.filter(hook, &value).await }).await?;
        Ok(match verdict {
            Verdict::Keep => FilterVerdict::Keep,
            Verdict::Change(value) => FilterVerdict::Change(value),
            Verdict::Refuse(why) => FilterVerdict::Refuse(why),
        })
    }

    /// See [`hd1_control::PluginHost::job`].
    pub async fn job(&self, plugin: &str, job: usize, payload: &str) -> Result<(), ServiceFault> {
        let payload = payload.to_owned();
        self.on(plugin, move |service| async move { service.job(job, &payload).await }).await
    }

    /// See [`hd1_control::PluginHost::channel`].
    pub async fn channel(
        &self,
        plugin: &str,
        channel: usize,
        asked: &ChannelAsked,
    ) -> Result<Result<String, String>, ServiceFault> {
        let asked = Asked {
            session: asked.session.to_string(),
            participant: asked.participant.to_string(),
            player: asked.player.0,
            name: asked.name.clone(),
            role: asked.role.as_str().to_owned(),
            topic: asked.topic.clone(),
            data: asked.data.to_string(),
        };
        let heard = self.on(plugin, move |service| async move { service.channel(channel, &asked).await }).await?;
        Ok(match heard {
            Heard::Answer(data) => Ok(data),
            Heard::Decline(why) => Err(why),
        })
    }

    /// See [`hd1_control::PluginHost::authenticate`].
    pub async fn authenticate(
        &self,
        plugin: &str,
        method: usize,
        credential: &str,
    ) -> Result<Option<Vouched>, ServiceFault> {
        let credential = credential.to_owned();
        let vouched =
            self.on(plugin, move |service| async move { service.authenticate(method, &credential).await }).await?;
        Ok(vouched.map(|Identity { id, name, role }| Vouched { id, name, role }))
    }

    /// See [`hd1_control::PluginHost::route`].
    pub async fn route(
        &self,
        plugin: &str,
        route: usize,
        request: ServiceRequest,
    ) -> Result<ServiceResponse, ServiceFault> {
        let request = request_of(request);
        let answer = self.on(plugin, move |service| async move { service.route(route, &request).await }).await?;
        Ok(response_of(answer))
    }

    /// See [`hd1_control::PluginHost::call`].
    pub async fn call(
        &self,
        plugin: &str,
        function: usize,
        depth: u32,
        caller: &str,
        argument: &str,
    ) -> Result<String, ServiceFault> {
        let (caller, argument) = (caller.to_owned(), argument.to_owned());
        self.on(plugin, move |service| async move { service.call(function, depth, &caller, &argument).await }).await
    }

    /// See [`hd1_control::PluginHost::service_state`].
    pub fn state(&self, plugin: &str) -> Option<ServiceState> {
        let running = self.read().get(plugin).cloned()?;
        running.fare().steps(self.now()).back().map(|step| step.state)
    }

    /// See [`hd1_control::PluginHost::service_steps`]; `clock` is what a clock shows now.
    pub fn steps(&self, plugin: &str, clock: Micros) -> Vec<ServiceStep> {
        let Some(running) = self.read().get(plugin).cloned() else { return Vec::new() };
        let now = self.now();
        let shown = |step: &Step| {
            let ago = now.saturating_sub(step.since).as_micros();
            let since = Micros(clock.0 - i64::try_from(ago).unwrap_or(0));
            ServiceStep { state: step.state, since, reason: step.reason.clone() }
        };
        running.fare().steps(now).iter().map(shown).collect()
    }

    /// What counts the calls of each.
    pub fn meters(&self) -> Vec<(String, Arc<Meter>)> {
        self.read().iter().map(|(plugin, running)| (plugin.clone(), Arc::clone(running.service.meter()))).collect()
    }

    /// What one counted and logged.
    pub fn meter(&self, plugin: &str) -> Option<Arc<Meter>> {
        self.read().get(plugin).map(|running| Arc::clone(running.service.meter()))
    }

    /// Calls a service, and notes how it went.
    async fn on<T, Work, F>(&self, plugin: &str, work: Work) -> Result<T, ServiceFault>
    where
        T: Send + 'static,
        Work: FnOnce(Arc<Service>) -> F,
        F: Future<Output = Result<T, CallFault>> + Send + 'static,
    {
        let running = self.read().get(plugin).cloned().ok_or(ServiceFault::NotRunning)?;
        if !running.fare().may_run(self.now()) {
            return Err(ServiceFault::NotRunning);
        }
        let answer = self.on_threads(work(Arc::clone(&running.service))).await;
        if let Err(CallFault::Broken(fault)) = &answer {
            let is_out = running.fare().fault(&fault.to_string(), self.now());
            tracing::warn!(plugin.id = plugin, fault = %fault, is_out, "a call of a service broke down");
            if is_out {
                self.tell_held_back(&running.shown.spec);
            }
        }
        answer.map_err(|fault| match fault {
            CallFault::Busy => ServiceFault::Busy,
            fault => ServiceFault::Failed(fault.to_string()),
        })
    }

    /// One that failed soon after it came goes back.
    fn tell_held_back(&self, spec: &ServiceSpec) {
        let (Some(control), Some(main)) = (self.0.control.get().cloned(), self.0.main.get()) else { return };
        let (plugin, package) = (spec.plugin.clone(), spec.package.clone());
        main.spawn(async move {
            match control.plugin_was_held_back(&plugin, &package).await {
                Ok(Some(version)) => {
                    tracing::warn!(plugin.id = plugin, version, "it failed soon after it came, and went back");
                }
                Ok(None) => {}
                Err(error) => tracing::error!(plugin.id = plugin, %error, "it failed soon after it came, and stays"),
            }
        });
    }

    async fn on_threads<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, CallFault>> + Send + 'static,
    ) -> Result<T, CallFault> {
        let Some(runtime) = &self.0.runtime else { return Err(CallFault::Busy) };
        match runtime.spawn(work).await {
            Ok(answer) => answer,
            Err(error) => Err(CallFault::Said(error.to_string())),
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Arc<Running>>> {
        self.0.running.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.0.begun.elapsed()
    }
}

impl Running {
    fn fare(&self) -> std::sync::MutexGuard<'_, Fare> {
        self.fare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Dropped where it may not wait for its threads.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn request_of(request: ServiceRequest) -> Request {
    let ServiceRequest { method, path, query, headers, body, params, caller } = request;
    let headers = headers.into_iter().map(|(name, value)| Header { name, value }).collect();
    Request { method, path, query, headers, body, params, caller: caller_of(caller) }
}

fn caller_of(caller: ServiceCaller) -> Caller {
    Caller {
        kind: match caller.kind {
            ServiceCallerKind::Anonymous => CallerKind::Anonymous,
            ServiceCallerKind::Admin => CallerKind::Admin,
            ServiceCallerKind::Token => CallerKind::Token,
            ServiceCallerKind::Member => CallerKind::Member,
            ServiceCallerKind::Vouched => CallerKind::Vouched,
        },
        id: caller.id,
        name: caller.name,
        role: caller.role,
        session: caller.session.map(|session| session.to_string()),
    }
}

fn response_of(response: Response) -> ServiceResponse {
    let Response { status, headers, body } = response;
    let headers = headers.into_iter().map(|header| (header.name, header.value)).collect();
    ServiceResponse { status, headers, body }
}
