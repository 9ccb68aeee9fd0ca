//! A module on the bench: loaded as a server loads it, with the schemas of what it touches.

use hd1_abi::{Fault, Plan};
use hd1_host::{Host, Limits, LoadError, Module};

use crate::batch::{Batch, Output, Wish};
use crate::columns::Columns;
use crate::limits::RUN_TIME_MAX;
use crate::recording::Recording;
use crate::report::Report;
use crate::runner::Runner;
use crate::timing::Timing;
use crate::{check, generate, recording, timing};

/// Why a module is not put on the bench.
#[derive(Debug, thiserror::Error)]
pub enum KitError {
    /// No server would load it.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// No world would take it.
    #[error("no world takes it: {0}")]
    Refused(String),
    /// This machine runs no modules.
    #[error("this machine runs no modules: {0}")]
    Host(String),
}

/// See the module's words.
#[derive(Debug)]
pub struct Kit {
    pub(crate) module: Module,
    pub(crate) columns: Columns,
    pub(crate) limits: Limits,
    pub(crate) seed: u64,
    pub(crate) fuel_per_run_max: Option<u64>,
    pub(crate) rows_max: usize,
}

impl Kit {
    /// Compiles a module and checks its plan, in a world that has what every world has.
    ///
    /// # Errors
    /// [`KitError`]. None of its code has run.
    pub fn load(wasm: &[u8]) -> Result<Self, KitError> {
        Self::load_beside(wasm, &[])
    }

    /// The same in a world that has these plugins' components as well: those that it depends on.
    ///
    /// # Errors
    /// [`KitError`], also of the others.
    pub fn load_beside(wasm: &[u8], others: &[&[u8]]) -> Result<Self, KitError> {
        let host = Host::new().map_err(|error| KitError::Host(format!("{error:#}")))?;
        let module = host.load(wasm)?;
        let beside: Vec<Plan> = others.iter().map(|wasm| hd1_host::plan_of(wasm)).collect::<Result<_, _>>()?;
        let columns = Columns::of(module.plan(), &beside).map_err(KitError::Refused)?;
        let limits = Limits { time: RUN_TIME_MAX, ..Limits::default() };
        Ok(Kit { module, columns, limits, seed: 1, fuel_per_run_max: None, rows_max: usize::MAX })
    }

    /// What all that is made up follows from; 1 at first.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// A run that takes more fuel is a failure; without this only one that takes more than a server allows is.
    #[must_use]
    pub fn fuel_per_run_max(mut self, fuel: u64) -> Self {
        self.fuel_per_run_max = Some(fuel);
        self
    }

    /// No larger batches are made up by [`Kit::check`]: no world has as many entities of a kind as [`crate::limits::ROWS`].
    #[must_use]
    pub fn rows_max(mut self, rows: usize) -> Self {
        self.rows_max = rows;
        self
    }

    /// What a run may use; at first as much as a server allows, but time enough on any machine.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What the module declares.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        self.module.plan()
    }

    /// A batch made up for a system, its index in the plan.
    ///
    /// # Panics
    /// There is no such system.
    #[must_use]
    pub fn batch(&self, system: usize, wish: Wish) -> Batch {
        generate::batch(self.plan(), &self.columns, &self.plan().systems[system], wish)
    }

    /// Runs a batch in an instance that has not run before.
    ///
    /// # Errors
    /// Its run counts for nothing.
    ///
    /// # Panics
    /// The plan has no such system, or the batch is none of its: [`Kit::replay`] says so instead.
    pub fn run(&self, batch: &Batch) -> Result<Output, Fault> {
        let plan = self.plan();
        let system = plan.systems.iter().position(|system| system.name == batch.system);
        let Some(system) = system else { panic!("the plan has no system {}", batch.system) };
        Ok(Runner::new(self, self.limits, 0)?.run(&plan.systems[system], system, batch)?.output)
    }

    /// Runs every system on batches of every sort: see [`mod@check`].
    #[must_use]
    pub fn check(&self) -> Report {
        check::all(self)
    }

    /// Batches with what the module makes of them now.
    ///
    /// # Errors
    /// A run faults, and in which system.
    pub fn record(&self, batches: impl IntoIterator<Item = Batch>) -> Result<Recording, (String, Fault)> {
        recording::record(self, batches)
    }

    /// Runs recorded batches and compares what comes of them.
    #[must_use]
    pub fn replay(&self, recording: &Recording) -> Report {
        recording::replay(self, recording)
    }

    /// Measures every system at these numbers of rows.
    #[must_use]
    pub fn time(&self, rows: &[usize]) -> Vec<Timing> {
        timing::measure(self, rows)
    }
}
