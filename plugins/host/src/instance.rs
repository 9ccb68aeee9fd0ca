//! A module at work: its memory, and the buffer in it that batches are laid into.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::{InstancePre, Memory, Store, StoreLimits, TypedFunc};

use crate::batch::{ALIGN, Batch, ChunkShape, Layout, Step};
use crate::fault::Fault;
use crate::host::Ticker;
use crate::imports::{Log, State};
use crate::limits::{EPOCH, Limits};
use crate::plan::Plan;

/// One for a plugin and a thread. What a module keeps in its memory from run to run is nobody's: it may be gone at any
/// time, and worlds take turns with it.
pub struct Instance {
    pub(crate) store: Store<State>,
    pub(crate) memory: Memory,
    pub(crate) limits: Limits,
    reserve: TypedFunc<u32, u32>,
    run: TypedFunc<(u32, u32), u32>,
    plan: Arc<Plan>,
    /// Where batches go, and how much fits.
    buffer: (u32, usize),
    layout: Layout,
    is_broken: bool,
    /// Without it no run would end in time.
    _ticker: Arc<Ticker>,
}

impl Instance {
    pub(crate) fn start(
        pre: &InstancePre<State>,
        plan: Arc<Plan>,
        ticker: Arc<Ticker>,
        limits: Limits,
        store_limits: StoreLimits,
    ) -> Result<Self, Fault> {
        let state = State { limits: store_limits, log: Log::default() };
        let mut store = Store::new(pre.module().engine(), state);
        store.limiter(|state| &mut state.limits);
        let fault = |error: wasmtime::Error| Fault::of(&error, &limits);
        arm(&mut store, &limits).map_err(fault)?;
        let instance = pre.instantiate(&mut store).map_err(fault)?;
        let reserve = instance.get_typed_func(&mut store, "hd1_reserve").map_err(fault)?;
        let run = instance.get_typed_func(&mut store, "hd1_run").map_err(fault)?;
        let memory = instance.get_memory(&mut store, "memory");
        let memory = memory.ok_or_else(|| Fault::Trap("its memory is gone".into()))?;
        let (buffer, layout) = ((0, 0), Layout::default());
        Ok(Instance { store, memory, limits, reserve, run, plan, buffer, layout, is_broken: false, _ticker: ticker })
    }

    /// What its module declares.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Has it faulted? Then its memory may be in any state, and it runs no more.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Lays out a run of a system (its index in the plan) over chunks of entities, for the caller to fill.
    ///
    /// # Errors
    /// [`Fault::Broken`], or what happened while the module gave a buffer.
    ///
    /// # Panics
    /// There is no such system, or a chunk does not fit its query: a mistake of the caller, not of the module.
    pub fn begin(&mut self, system: usize, step: Step, chunks: &[ChunkShape<'_>]) -> Result<Batch<'_>, Fault> {
        if self.is_broken {
            return Err(Fault::Broken);
        }
        let mut layout = std::mem::take(&mut self.layout);
        layout.lay(&self.plan.systems[system], chunks);
        let given = self.buffer_of(layout.bytes());
        self.layout = layout;
        let at = given.inspect_err(|_| self.is_broken = true)?;
        self.store.data_mut().log = Log::default();
        Ok(Batch::lay(self, system, at, step))
    }

    /// The address of a buffer of at least so many bytes.
    fn buffer_of(&mut self, bytes: usize) -> Result<u32, Fault> {
        let (at, held) = self.buffer;
        if bytes <= held {
            return Ok(at);
        }
        let memory = self.memory.data_size(&self.store);
        // More than there can be is not even asked for.
        let asked = u32::try_from(bytes).ok().filter(|_| bytes <= self.limits.memory_bytes);
        let asked = asked.ok_or(Fault::Buffer { bytes, given: 0, memory })?;
        arm(&mut self.store, &self.limits).map_err(|error| Fault::of(&error, &self.limits))?;
        let given = self.reserve.call(&mut self.store, asked).map_err(|error| Fault::of(&error, &self.limits))?;
        let memory = self.memory.data_size(&self.store);
        let fits = (given as usize).checked_add(bytes).is_some_and(|end| end <= memory);
        if given == 0 || !fits || !(given as usize).is_multiple_of(ALIGN) {
            return Err(Fault::Buffer { bytes, given, memory });
        }
        self.buffer = (given, bytes);
        Ok(given)
    }

    /// Calls the system; the fuel that it took.
    pub(crate) fn call(&mut self, system: usize, at: u32) -> Result<u64, Fault> {
        let called = self.try_call(system, at);
        self.is_broken = called.is_err();
        called
    }

    fn try_call(&mut self, system: usize, at: u32) -> Result<u64, Fault> {
        let fault = |error: wasmtime::Error| Fault::of(&error, &self.limits);
        arm(&mut self.store, &self.limits).map_err(fault)?;
        let returned = self.run.call(&mut self.store, (system as u32, at)).map_err(fault)?;
        let left = self.store.get_fuel().map_err(fault)?;
        if returned == 0 { Ok(self.limits.fuel.saturating_sub(left)) } else { Err(Fault::Refused(returned)) }
    }

    /// Nothing more runs in it.
    pub(crate) fn break_down(&mut self) {
        self.is_broken = true;
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.memory.data(&self.store)
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.memory.data_mut(&mut self.store)
    }

    pub(crate) fn bytes_and_layout(&mut self) -> (&mut [u8], &Layout) {
        (self.memory.data_mut(&mut self.store), &self.layout)
    }

    pub(crate) fn log(&self) -> &Log {
        &self.store.data().log
    }
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance").field("plan", &self.plan).field("is_broken", &self.is_broken).finish_non_exhaustive()
    }
}

/// Gives a call its fuel and its time.
fn arm(store: &mut Store<State>, limits: &Limits) -> wasmtime::Result<()> {
    // The epoch under way counts as none: a run never has less than its time.
    store.set_epoch_deadline(epochs(limits.time) + 1);
    store.set_fuel(limits.fuel)
}

fn epochs(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(EPOCH.as_nanos())).unwrap_or(u64::MAX - 1)
}
