//! The engine that compiles components, and what is checked before any of their code runs.

use std::path::Path;
use std::sync::Arc;

use hd1_abi::ServicePlan;
use hd1_abi::service::{SECTION, ServicePlanError};
use hd1_manifest::Rights;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::wasmparser::{Parser, Payload};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use super::bindings::{self, ServicePre};
use super::imports::State;
use super::ports::Ports;
use super::running::Service;
use crate::cache::Cache;
use crate::fault::LoadError;
use crate::host::Ticker;
use crate::limits::{
    COMPONENT_BYTES_MAX, SERVICE_INSTANCES_MAX, SERVICE_MEMORY_BYTES_MAX, SERVICE_TABLE_ELEMENTS_MAX, STACK_BYTES_MAX,
};

/// Begins the names of all that a component may import.
const INTERFACE: &str = "hd1:service/";

/// One for a process.
pub struct ServiceHost {
    engine: Engine,
    ticker: Arc<Ticker>,
    linker: Linker<State>,
    cache: Option<Cache>,
}

impl ServiceHost {
    /// An engine, and a thread beside it.
    ///
    /// # Errors
    /// The machine has no support for what is asked for, or no thread can be started.
    pub fn new() -> wasmtime::Result<Self> {
        let engine = Engine::new(&config())?;
        let ticker = Arc::new(Ticker::start(engine.clone())?);
        let mut linker = Linker::new(&engine);
        bindings::Service::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
        Ok(ServiceHost { engine, ticker, linker, cache: None })
    }

    /// Keeps what is compiled in a folder, where later hosts find it.
    ///
    /// # Errors
    /// The folder cannot be made, or not be made the owner's alone.
    pub fn with_cache(self, folder: &Path) -> std::io::Result<Self> {
        Ok(ServiceHost { cache: Some(Cache::open(folder)?), ..self })
    }

    /// Compiles a component, and checks it and its plan. None of its code runs.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(&self, wasm: &[u8]) -> Result<Loaded, LoadError> {
        if wasm.len() > COMPONENT_BYTES_MAX {
            return Err(LoadError::TooMuch { what: "bytes of a component", max: COMPONENT_BYTES_MAX });
        }
        let plan = Arc::new(plan_of(wasm)?);
        let malformed = |error: wasmtime::Error| LoadError::Malformed(format!("{error:#}"));
        let component = match &self.cache {
            Some(cache) => cache.component(&self.engine, wasm),
            None => Component::from_binary(&self.engine, wasm),
        };
        let component = component.map_err(malformed)?;
        for (name, _) in component.component_type().imports(&self.engine) {
            if !name.starts_with(INTERFACE) {
                return Err(LoadError::Interface { name: name.to_owned() });
            }
        }
        let pre = self.linker.instantiate_pre(&component).and_then(ServicePre::new).map_err(malformed)?;
        Ok(Loaded { pre, plan, _ticker: Arc::clone(&self.ticker) })
    }
}

/// A compiled component, checked.
#[derive(Clone)]
pub struct Loaded {
    pub(super) pre: ServicePre<State>,
    plan: Arc<ServicePlan>,
    /// Without it no call would give way.
    _ticker: Arc<Ticker>,
}

impl Loaded {
    /// What it declares.
    #[must_use]
    pub fn plan(&self) -> &Arc<ServicePlan> {
        &self.plan
    }

    /// Makes it ready to be called, with these rights, this config as JSON, and these ports. None of its code runs yet.
    #[must_use]
    pub fn start(&self, plugin: &str, rights: Rights, config: &str, ports: Arc<dyn Ports>) -> Service {
        Service::new(self.clone(), plugin, rights, config, ports)
    }
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// The plan of a component, checked. It stands in a custom section of the component or of a module in it.
fn plan_of(wasm: &[u8]) -> Result<ServicePlan, LoadError> {
    if !Parser::is_component(wasm) {
        return Err(LoadError::Malformed("it is a core module: a service is a component".into()));
    }
    let mut found = None;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(|error| LoadError::Malformed(error.to_string()))?;
        if let Payload::CustomSection(section) = payload
            && section.name() == SECTION
            && found.replace(section.data()).is_some()
        {
            return Err(ServicePlanError("there are two; a component has one".into()).into());
        }
    }
    let json = found.ok_or_else(|| ServicePlanError("there is none; the SDK writes it".into()))?;
    Ok(ServicePlan::parse(json)?)
}

fn config() -> Config {
    let mut pool = PoolingAllocationConfig::default();
    // A component of another language brings helpers: each is a core instance of its own.
    let cores = SERVICE_INSTANCES_MAX * 4;
    pool.total_component_instances(SERVICE_INSTANCES_MAX)
        .total_core_instances(cores)
        .total_memories(SERVICE_INSTANCES_MAX)
        .total_tables(cores)
        .total_stacks(SERVICE_INSTANCES_MAX)
        .max_memory_size(SERVICE_MEMORY_BYTES_MAX)
        .table_elements(SERVICE_TABLE_ELEMENTS_MAX);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_component_model(true)
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES_MAX)
        .async_stack_size(STACK_BYTES_MAX * 2);
    config
}
