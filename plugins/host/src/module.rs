//! A compiled module, checked and ready to be instantiated.

use std::sync::Arc;

use hd1_abi::plan::SECTION;
use hd1_abi::{Fault, Plan, PlanError};
use wasmtime::wasmparser::{Parser, Payload};
use wasmtime::{Engine, ExternType, FuncType, InstancePre, Linker, StoreLimitsBuilder, ValType};

use crate::cache::Cache;
use crate::fault::LoadError;
use crate::host::Ticker;
use crate::imports::{self, State};
use crate::instance::Instance;
use crate::limits::{Limits, MODULE_BYTES_MAX, TABLE_ELEMENTS_MAX};

/// Shared by all threads that make instances of it.
#[derive(Clone)]
pub struct Module {
    pre: InstancePre<State>,
    plan: Arc<Plan>,
    ticker: Arc<Ticker>,
}

/// Functions that a module exports: name, parameters, as it is told to authors.
const FUNCTIONS: [(&str, usize, &str); 2] = [
    ("hd1_reserve", 1, "a function (bytes: i32) -> address: i32"),
    ("hd1_run", 2, "a function (system: i32, batch: i32) -> i32"),
];

/// The one that it exports where its plan has hooks.
const HOOK: (&str, usize, &str) = ("hd1_hook", 3, "a function (hook: i32, at: i32, bytes: i32) -> i32");

impl Module {
    pub(crate) fn compile(
        engine: &Engine,
        ticker: &Arc<Ticker>,
        cache: Option<&Cache>,
        wasm: &[u8],
    ) -> Result<Self, LoadError> {
        if wasm.len() > MODULE_BYTES_MAX {
            return Err(LoadError::TooMuch { what: "bytes of a module", max: MODULE_BYTES_MAX });
        }
        // Before anything is compiled, which takes longest.
        let plan = Arc::new(plan_of(wasm)?);
        let malformed = |error: wasmtime::Error| LoadError::Malformed(format!("{error:#}"));
        // The text form is for people: what is signed and run is the binary one.
        let module = match cache {
            Some(cache) => cache.module(engine, wasm),
            None => wasmtime::Module::from_binary(engine, wasm),
        };
        let module = module.map_err(malformed)?;
        check_imports(&module)?;
        check_exports(&module, &plan)?;
        let mut linker = Linker::new(engine);
        imports::link(&mut linker).map_err(malformed)?;
        let pre = linker.instantiate_pre(&module).map_err(malformed)?;
        Ok(Module { pre, plan, ticker: Arc::clone(ticker) })
    }

    /// What it declares.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Makes an instance: memory of its own, and its `start` function run within the limits.
    ///
    /// # Errors
    /// [`Fault`] where it needs more memory than it may have, or faults while it starts.
    pub fn instantiate(&self, limits: Limits) -> Result<Instance, Fault> {
        let store_limits = StoreLimitsBuilder::new()
            .memory_size(limits.memory_bytes)
            .table_elements(TABLE_ELEMENTS_MAX)
            .instances(1)
            .tables(1)
            .memories(1)
            .build();
        Instance::start(&self.pre, Arc::clone(&self.ticker), limits, store_limits)
    }
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Module").field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// The plan of a module, checked.
///
/// # Errors
/// [`LoadError::Plan`], or [`LoadError::Malformed`] where the bytes are no module.
pub fn plan_of(wasm: &[u8]) -> Result<Plan, LoadError> {
    let mut found = None;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(|error| LoadError::Malformed(error.to_string()))?;
        if let Payload::CustomSection(section) = payload
            && section.name() == SECTION
            && found.replace(section.data()).is_some()
        {
            return Err(PlanError("there are two; a module has one".into()).into());
        }
    }
    let json = found.ok_or_else(|| PlanError("there is none; the SDK's macros write it".into()))?;
    Ok(Plan::parse(json)?)
}

fn check_imports(module: &wasmtime::Module) -> Result<(), LoadError> {
    for import in module.imports() {
        let known = imports::FUNCTIONS.into_iter().find(|(name, ..)| *name == import.name());
        let fits = |(_, parameters, results)| {
            import.ty().func().is_some_and(|ty: &FuncType| is_of_i32(ty, parameters, results))
        };
        if import.module() != imports::IMPORTS || !known.is_some_and(fits) {
            let (module, name) = (import.module().to_owned(), import.name().to_owned());
            return Err(LoadError::Import { module, name, allowed: imports::ALLOWED });
        }
    }
    Ok(())
}

fn check_exports(module: &wasmtime::Module, plan: &Plan) -> Result<(), LoadError> {
    if !matches!(module.get_export("memory"), Some(ExternType::Memory(memory)) if !memory.is_shared()) {
        return Err(LoadError::Export { name: "memory", wanted: "its memory" });
    }
    let hook = (!plan.hooks.is_empty()).then_some(HOOK);
    for (name, parameters, wanted) in FUNCTIONS.into_iter().chain(hook) {
        let fits = |ty: &FuncType| is_of_i32(ty, parameters, 1);
        if !module.get_export(name).is_some_and(|export| export.func().is_some_and(fits)) {
            return Err(LoadError::Export { name, wanted });
        }
    }
    Ok(())
}

fn is_of_i32(ty: &FuncType, parameters: usize, results: usize) -> bool {
    let is_i32 = |ty: ValType| matches!(ty, ValType::I32);
    ty.params().len() == parameters && ty.results().len() == results && ty.params().chain(ty.results()).all(is_i32)
}
