//! What all worlds of one runtime share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::config::RuntimeConfig;
use crate::jobs::JobPool;
use crate::metrics::Counters;
use crate::observer::RuntimeObserver;
use crate::scheduler::Scheduler;
use crate::time::Nanos;

pub(crate) struct Context {
    pub config: RuntimeConfig,
    pub scheduler: Scheduler,
    pub loaders: JobPool,
    pub disk: Arc<JobPool>,
    pub counters: Counters,
    pub observer: Arc<dyn RuntimeObserver>,
    pub draining: AtomicBool,
    keys: AtomicU64,
}

impl Context {
    pub fn start(config: RuntimeConfig, observer: Arc<dyn RuntimeObserver>) -> std::io::Result<Self> {
        Ok(Context {
            scheduler: Scheduler::start(config.threads, Arc::clone(&config.time))?,
            loaders: JobPool::start("hd1-load", config.load_threads)?,
            disk: Arc::new(JobPool::start("hd1-disk", config.disk_threads)?),
            counters: Counters::default(),
            observer,
            draining: AtomicBool::new(false),
            keys: AtomicU64::new(0),
            config,
        })
    }

    pub fn now_ns(&self) -> Nanos {
        self.config.time.now_ns()
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// A number never given before in this process: for clients and for requests.
    pub fn next_key(&self) -> u64 {
        self.keys.fetch_add(1, Ordering::Relaxed) + 1
    }
}
