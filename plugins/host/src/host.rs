//! The engine that compiles and runs modules, and the thread that lets their time pass.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use hd1_abi::Guest;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::cache::Cache;
use crate::fault::LoadError;
use crate::limits::{EPOCH, INSTANCES_MAX, Limits, STACK_BYTES_MAX, TABLE_ELEMENTS_MAX};
use crate::module::Module;
use crate::pool::{Pool, Waste};

/// One for a process.
#[derive(Debug)]
pub struct Host {
    engine: Engine,
    ticker: Arc<Ticker>,
    waste: Waste,
    cache: Option<Cache>,
}

impl Host {
    /// An engine, and a thread beside it.
    ///
    /// # Errors
    /// The machine has no support for what is asked for, or no thread can be started.
    pub fn new() -> wasmtime::Result<Self> {
        let engine = Engine::new(&config())?;
        let ticker = Arc::new(Ticker::start(engine.clone())?);
        let (waste, dropped) = mpsc::channel::<Box<dyn Guest>>();
        // Ends with the last that holds the other end.
        thread::Builder::new().name("hd1-waste".into()).spawn(move || dropped.iter().for_each(drop))?;
        Ok(Host { engine, ticker, waste, cache: None })
    }

    /// Keeps what is compiled in a folder, where later hosts find it.
    ///
    /// # Errors
    /// The folder cannot be made, or not be made the owner's alone.
    pub fn with_cache(self, folder: &Path) -> io::Result<Self> {
        Ok(Host { cache: Some(Cache::open(folder)?), ..self })
    }

    /// Instances of a module for one tenant's worlds to take turns with.
    #[must_use]
    pub fn pool(&self, module: Module, limits: Limits) -> Pool {
        Pool::new(module, limits, self.waste.clone())
    }

    /// Compiles a module, and checks it and its plan. None of its code runs.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(&self, wasm: &[u8]) -> Result<Module, LoadError> {
        Module::compile(&self.engine, &self.ticker, self.cache.as_ref(), wasm)
    }
}

fn config() -> Config {
    // Memory that was reserved once is given out again and again; to map it anew takes four times as long.
    let mut pool = PoolingAllocationConfig::default();
    pool.total_core_instances(INSTANCES_MAX)
        .total_memories(INSTANCES_MAX)
        .total_tables(INSTANCES_MAX)
        .max_memory_size(Limits::default().memory_bytes)
        .table_elements(TABLE_ELEMENTS_MAX);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .cranelift_opt_level(OptLevel::Speed)
        // Fuel is the same on every machine, epochs are what a clock says: a run has to keep both.
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES_MAX)
        // What differs from machine to machine, and what no system needs.
        .relaxed_simd_deterministic(true)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_tail_call(false);
    config
}

/// Counts an engine's epochs, as long as anything holds it that a run may have to be ended for.
#[derive(Debug)]
pub(crate) struct Ticker {
    stop: Arc<AtomicBool>,
    wake: mpsc::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: Engine) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (wake, woken) = mpsc::channel();
        let over = stop.clone();
        let count = move || {
            while !over.load(Ordering::Relaxed) {
                // Ends early when the host goes.
                let _ = woken.recv_timeout(EPOCH);
                engine.increment_epoch();
            }
        };
        let thread = thread::Builder::new().name("hd1-epochs".into()).spawn(count)?;
        Ok(Ticker { stop, wake, thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.wake.send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
