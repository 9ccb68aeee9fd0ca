//! A service at work: its instances, and its calls.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hd1_abi::{Fault, LogLevel, Ran, ServicePlan};
use hd1_manifest::Rights;
use tokio::sync::Semaphore;
use wasmtime::{Store, StoreLimitsBuilder};

use super::bindings;
use super::call::{CallFault, Kind, fault_of};
use super::engine::Loaded;
use super::imports::State;
use super::ports::{Ports, Who};
use super::{Asked, Heard, Identity, Request, Response, Verdict};
use crate::limits::{
    HOST_CALL_BYTES_MAX, SERVICE_CALLS_MAX, SERVICE_CALLS_PER_INSTANCE_MAX, SERVICE_IDLE_MAX, SERVICE_MEMORY_BYTES_MAX,
    SERVICE_TABLE_ELEMENTS_MAX,
};
use crate::meter::Meter;

/// One plugin's, with its rights and its config. Another config is another one.
pub struct Service {
    loaded: Loaded,
    who: Who,
    config: Arc<str>,
    ports: Arc<dyn Ports>,
    meter: Arc<Meter>,
    places: Semaphore,
    idle: Mutex<Vec<Live>>,
}

/// An instance.
struct Live {
    store: Store<State>,
    bindings: bindings::Service,
    calls: u32,
}

/// Calls one of the guest's functions on an instance that nobody else has.
macro_rules! call {
    ($self:ident, $kind:expr, $at:expr, $depth:expr, $function:ident ( $($argument:expr),* )) => {{
        let (kind, at) = ($kind, $self.place($kind, $at));
        let begun = Instant::now();
        let work = async {
            let _place = $self.places.acquire().await.map_err(|_| CallFault::Busy)?;
            let mut live = $self.take(kind).await?;
            live.store.data_mut().begin(at, $depth);
            let returned = live.bindings.hd1_service_guest().$function(&mut live.store $(, $argument)*).await;
            match returned {
                Ok(said) => {
                    let used = kind.fuel().saturating_sub(live.store.get_fuel().unwrap_or(0));
                    $self.give(live);
                    Ok((said, used))
                }
                Err(error) => Err(CallFault::Broken(fault_of(&error, kind))),
            }
        };
        // A call that is over its time is dropped where it waits, its instance with it.
        let ended = match tokio::time::timeout(kind.time(), work).await {
            Ok(ended) => ended,
            Err(_) => Err(CallFault::Broken(Fault::Time(kind.time()))),
        };
        $self.note(at, begun.elapsed(), ended)
    }};
}

impl Service {
    pub(super) fn new(loaded: Loaded, plugin: &str, rights: Rights, config: &str, ports: Arc<dyn Ports>) -> Self {
        let meter = {
            let names = names(loaded.plan());
            let count = names.len();
            Arc::new(Meter::of(names, count))
        };
        Service {
            who: Who { plugin: plugin.into(), rights: Arc::new(rights), depth: 0 },
            config: config.into(),
            loaded,
            ports,
            meter,
            places: Semaphore::new(SERVICE_CALLS_MAX),
            idle: Mutex::default(),
        }
    }

    /// Counts and logs on where another service of the same component has.
    #[must_use]
    pub fn going_on(mut self, before: &Service) -> Self {
        if self.plan() == before.plan() {
            self.meter = Arc::clone(&before.meter);
        }
        self
    }

    /// What it declares.
    #[must_use]
    pub fn plan(&self) -> &Arc<ServicePlan> {
        self.loaded.plan()
    }

    /// Whose it is.
    #[must_use]
    pub fn plugin(&self) -> &str {
        &self.who.plugin
    }

    /// What it may do.
    #[must_use]
    pub fn rights(&self) -> &Rights {
        &self.who.rights
    }

    /// What was counted and logged.
    #[must_use]
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// A route.
    ///
    /// # Errors
    /// [`CallFault`].
    pub async fn route(&self, route: usize, request: &Request) -> Result<Response, CallFault> {
        call!(self, Kind::Route, route, 0, call_route(route as u32, request))
    }

    /// Something happened.
    ///
    /// # Errors
    /// [`CallFault`].
    pub async fn action(&self, hook: usize, about: &str) -> Result<(), CallFault> {
        call!(self, Kind::Action, hook, 0, call_action(hook as u32, about))
    }

    /// Something is about to happen.
    ///
    /// # Errors
    /// [`CallFault`].
    pub async fn filter(&self, hook: usize, value: &str) -> Result<Verdict, CallFault> {
        call!(self, Kind::Filter, hook, 0, call_filter(hook as u32, value))
    }

    /// What a player's program asks.
    ///
    /// # Errors
    /// [`CallFault`].
    pub async fn channel(&self, channel: usize, asked: &Asked) -> Result<Heard, CallFault> {
        call!(self, Kind::Channel, channel, 0, call_channel(channel as u32, asked))
    }

    /// Who stands behind a credential.
    ///
    /// # Errors
    /// [`CallFault`].
    pub async fn authenticate(&self, method: usize, credential: &str) -> Result<Option<Identity>, CallFault> {
        call!(self, Kind::Authenticate, method, 0, call_authenticate(method as u32, credential))
    }

    /// A job.
    ///
    /// # Errors
    /// [`CallFault`].
    pub async fn job(&self, job: usize, payload: &str) -> Result<(), CallFault> {
        call!(self, Kind::Job, job, 0, call_job(job as u32, payload))
    }

    /// A function, for another plugin that `depth` plugins stand behind.
    ///
    /// # Errors
    /// [`CallFault`].
    pub async fn call(&self, function: usize, depth: u32, caller: &str, argument: &str) -> Result<String, CallFault> {
        call!(self, Kind::Call, function, depth, call_call(function as u32, caller, argument))
    }

    /// Whether it is well. This is its first code to run.
    ///
    /// # Errors
    /// [`CallFault`].
    pub async fn health(&self) -> Result<(), CallFault> {
        call!(self, Kind::Health, 0, 0, call_health())
    }

    /// Where a call is counted.
    fn place(&self, kind: Kind, at: usize) -> usize {
        let plan = self.plan();
        let lists = [
            plan.routes.len(),
            plan.hooks.len(),
            plan.jobs.len(),
            plan.auth.len(),
            plan.functions.len(),
            plan.channels.len(),
            1,
        ];
        let list = match kind {
            Kind::Route => 0,
            Kind::Action | Kind::Filter => 1,
            Kind::Job => 2,
            Kind::Authenticate => 3,
            Kind::Call => 4,
            Kind::Channel => 5,
            Kind::Health => 6,
        };
        lists[..list].iter().sum::<usize>() + at
    }

    /// An idle instance, or a new one, armed for a call.
    async fn take(&self, kind: Kind) -> Result<Live, CallFault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let broken = |error: wasmtime::Error| CallFault::Broken(fault_of(&error, kind));
        if let Some(mut live) = idle {
            live.store.set_fuel(kind.fuel()).map_err(broken)?;
            live.store.set_epoch_deadline(1);
            return Ok(live);
        }
        let limits = StoreLimitsBuilder::new()
            .memory_size(SERVICE_MEMORY_BYTES_MAX)
            .table_elements(SERVICE_TABLE_ELEMENTS_MAX)
            .build();
        let state = State {
            limits,
            who: self.who.clone(),
            config: Arc::clone(&self.config),
            ports: Arc::clone(&self.ports),
            meter: Arc::clone(&self.meter),
            call: 0,
            asked: 0,
            lines: 0,
        };
        let mut store = Store::new(self.loaded.pre.engine(), state);
        store.limiter(|state| &mut state.limits);
        store.set_hostcall_fuel(HOST_CALL_BYTES_MAX);
        store.set_fuel(kind.fuel()).map_err(broken)?;
        // It gives way at each epoch, so that it cannot keep its thread from others; fuel and time end it.
        store.epoch_deadline_async_yield_and_update(1);
        let bindings = self.loaded.pre.instantiate_async(&mut store).await.map_err(broken)?;
        Ok(Live { store, bindings, calls: 0 })
    }

    fn give(&self, mut live: Live) {
        live.calls += 1;
        if live.calls >= SERVICE_CALLS_PER_INSTANCE_MAX {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < SERVICE_IDLE_MAX {
            idle.push(live);
        }
    }

    fn note<T>(
        &self,
        at: usize,
        took: Duration,
        ended: Result<(Result<T, String>, u64), CallFault>,
    ) -> Result<T, CallFault> {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let ended = match ended {
            Ok((Ok(answer), fuel)) => {
                self.meter.ran(at, Ran { fuel, nanos });
                return Ok(answer);
            }
            Ok((Err(said), _)) => CallFault::Said(said.chars().take(1_000).collect()),
            Err(fault) => fault,
        };
        self.meter.failed(at, ended.kind());
        self.meter.say(at, LogLevel::Error, format!("a call failed: {ended}"));
        Err(ended)
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("who", &self.who).finish_non_exhaustive()
    }
}

/// What is counted apart, in the order of [`Service::place`].
fn names(plan: &ServicePlan) -> Vec<String> {
    let routes = plan.routes.iter().map(|route| format!("{} {}", route.method, route.path));
    let hooks = plan.hooks.iter().map(|hook| hook.point.clone());
    let jobs = plan.jobs.iter().map(|job| format!("job {}", job.name));
    let auth = plan.auth.iter().map(|method| format!("auth {}", method.scheme));
    let functions = plan.functions.iter().map(|function| format!("function {}", function.name));
    let health = std::iter::once("health".to_owned());
    let channels = plan.channels.iter().map(|channel| format!("channel {}", channel.topic));
    routes.chain(hooks).chain(jobs).chain(auth).chain(functions).chain(channels).chain(health).collect()
}
