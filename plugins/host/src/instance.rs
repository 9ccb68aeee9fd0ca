//! A module at work: its memory, and the buffer in it that batches are laid into.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hd1_abi::layout::ALIGN;
use hd1_abi::{Fault, Gather, Guest, Line, Ran};
use wasmtime::{InstancePre, Memory, Store, StoreLimits, TypedFunc};

use crate::fault::fault_of;
use crate::host::Ticker;
use crate::imports::{Log, State};
use crate::lent::{Lent, lend};
use crate::limits::{EPOCH, Limits};
use crate::meter::Meter;

/// One for a plugin and a thread. What a module keeps in its memory from run to run is nobody's: it may be gone at any
/// time, and worlds take turns with it.
pub struct Instance {
    store: Store<State>,
    memory: Memory,
    limits: Limits,
    reserve: TypedFunc<u32, u32>,
    run: TypedFunc<(u32, u32), u32>,
    /// Where its plan has hooks.
    hook: Option<TypedFunc<(u32, u32, u32), u32>>,
    /// Where batches go, and how much fits.
    buffer: (u32, usize),
    is_broken: bool,
    /// Has it been given its fuel and its time for a whole tick?
    is_armed: bool,
    /// What its calls have taken of the time of a tick with hooks.
    spent_nanos: u64,
    /// Was its deadline another one since, that of a hook?
    is_hooked: bool,
    meter: Option<Arc<Meter>>,
    /// Without it no run would end in time.
    _ticker: Arc<Ticker>,
}

impl Instance {
    pub(crate) fn start(
        pre: &InstancePre<State>,
        ticker: Arc<Ticker>,
        limits: Limits,
        store_limits: StoreLimits,
    ) -> Result<Self, Fault> {
        let state = State { limits: store_limits, log: Log::default(), memory: None, lent: Lent::default() };
        let mut store = Store::new(pre.module().engine(), state);
        store.limiter(|state| &mut state.limits);
        let fault = |error: wasmtime::Error| fault_of(&error, &limits);
        arm(&mut store, &limits).map_err(fault)?;
        let instance = pre.instantiate(&mut store).map_err(fault)?;
        let reserve = instance.get_typed_func(&mut store, "hd1_reserve").map_err(fault)?;
        let run = instance.get_typed_func(&mut store, "hd1_run").map_err(fault)?;
        let hook = instance.get_typed_func(&mut store, "hd1_hook").ok();
        let memory = instance.get_memory(&mut store, "memory");
        let memory = memory.ok_or_else(|| Fault::Trap("its memory is gone".into()))?;
        store.data_mut().memory = Some(memory);
        Ok(Instance {
            store,
            memory,
            limits,
            reserve,
            run,
            hook,
            buffer: (0, 0),
            is_broken: false,
            is_armed: false,
            spent_nanos: 0,
            is_hooked: false,
            meter: None,
            _ticker: ticker,
        })
    }

    /// From now on its runs are counted.
    #[must_use]
    pub(crate) fn counted_by(self, meter: Arc<Meter>) -> Self {
        Instance { meter: Some(meter), ..self }
    }

    /// Bytes of its memory.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    /// Asks the module for a buffer of at least so many bytes.
    fn reserve(&mut self, bytes: usize) -> Result<(u32, usize), Fault> {
        let memory = self.memory_bytes();
        // More than there can be is not even asked for.
        let asked = u32::try_from(bytes).ok().filter(|_| bytes <= self.limits.memory_bytes);
        let asked = asked.ok_or(Fault::Buffer { bytes, given: 0, memory })?;
        self.arm_for_run()?;
        let fault = |error: wasmtime::Error| fault_of(&error, &self.limits);
        let given = self.reserve.call(&mut self.store, asked).map_err(fault)?;
        let memory = self.memory_bytes();
        let fits = (given as usize).checked_add(bytes).is_some_and(|end| end <= memory);
        if given == 0 || !fits || !(given as usize).is_multiple_of(ALIGN) {
            return Err(Fault::Buffer { bytes, given, memory });
        }
        Ok((given, bytes))
    }

    /// Of what a tick has, where one has begun; else all that there is.
    fn arm_for_run(&mut self) -> Result<(), Fault> {
        if self.is_armed {
            if self.is_hooked {
                // Between hooks and systems the world did other things, whose time is not the plugin's.
                self.is_hooked = false;
                self.store.set_epoch_deadline(epochs(self.time_left()?) + 1);
            }
            return Ok(());
        }
        arm(&mut self.store, &self.limits).map_err(|error| fault_of(&error, &self.limits))
    }

    fn call(&mut self, system: usize, others: &dyn Gather) -> Result<u64, Fault> {
        self.arm_for_run()?;
        let fault = |error: wasmtime::Error| fault_of(&error, &self.limits);
        let before = self.store.get_fuel().map_err(fault)?;
        let (run, batch) = (&self.run, self.buffer.0);
        let returned = lend(&mut self.store, others, |store| run.call(store, (system as u32, batch))).map_err(fault)?;
        let left = self.store.get_fuel().map_err(fault)?;
        if returned == 0 { Ok(before.saturating_sub(left)) } else { Err(Fault::Refused(returned)) }
    }

    fn call_hook(&mut self, hook: usize, bytes: usize) -> Result<(u64, u32), Fault> {
        if !self.is_armed {
            self.arm_for_run()?;
        }
        self.is_hooked = true;
        let time = self.time_left()?.min(self.limits.hook_time);
        self.store.set_epoch_deadline(epochs(time) + 1);
        let fault = |error: wasmtime::Error| match fault_of(&error, &self.limits) {
            Fault::Time(_) => Fault::Time(time),
            fault => fault,
        };
        let before = self.store.get_fuel().map_err(fault)?;
        let called = self.hook.as_ref().ok_or(Fault::Broken)?;
        let returned = called.call(&mut self.store, (hook as u32, self.buffer.0, bytes as u32)).map_err(fault)?;
        let left = self.store.get_fuel().map_err(fault)?;
        Ok((before.saturating_sub(left), returned))
    }

    /// Of the tick's, for a plugin with hooks.
    fn time_left(&self) -> Result<Duration, Fault> {
        let left = self.limits.time.checked_sub(Duration::from_nanos(self.spent_nanos));
        left.filter(|left| !left.is_zero()).ok_or(Fault::Time(self.limits.time))
    }
}

impl Guest for Instance {
    fn begin_tick(&mut self) -> Result<(), Fault> {
        if self.is_broken {
            return Err(Fault::Broken);
        }
        self.is_armed = true;
        (self.spent_nanos, self.is_hooked) = (0, false);
        arm(&mut self.store, &self.limits).map_err(|error| fault_of(&error, &self.limits))
    }

    fn buffer(&mut self, bytes: usize) -> Result<&mut [u8], Fault> {
        if self.is_broken {
            return Err(Fault::Broken);
        }
        if bytes > self.buffer.1 {
            self.buffer = self.reserve(bytes).inspect_err(|_| self.is_broken = true)?;
        }
        let (at, held) = self.buffer;
        // It was all in the memory when it was given, and a memory never shrinks.
        Ok(&mut self.memory.data_mut(&mut self.store)[at as usize..][..held])
    }

    fn run(&mut self, system: usize, others: &dyn Gather) -> Result<Ran, Fault> {
        if self.is_broken {
            return Err(Fault::Broken);
        }
        self.store.data_mut().log.clear();
        let begun = Instant::now();
        let called = self.call(system, others);
        let nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.is_broken = called.is_err();
        self.spent_nanos = if self.is_armed { self.spent_nanos.saturating_add(nanos) } else { 0 };
        let ran = Ran { fuel: called?, nanos };
        if let Some(meter) = &self.meter {
            meter.ran(system, ran);
        }
        Ok(ran)
    }

    fn hook(&mut self, hook: usize, bytes: usize) -> Result<(Ran, u32), Fault> {
        if self.is_broken {
            return Err(Fault::Broken);
        }
        self.store.data_mut().log.clear();
        let begun = Instant::now();
        let called = self.call_hook(hook, bytes);
        let nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.is_broken = called.is_err();
        // Without a tick each call has all of it.
        self.spent_nanos = if self.is_armed { self.spent_nanos.saturating_add(nanos) } else { 0 };
        let (fuel, returned) = called?;
        let ran = Ran { fuel, nanos };
        if let Some(meter) = &self.meter {
            meter.ran_hook(hook, ran);
        }
        Ok((ran, returned))
    }

    fn output(&self) -> &[u8] {
        let (at, held) = self.buffer;
        &self.memory.data(&self.store)[at as usize..][..held]
    }

    fn take_log(&mut self, line: &mut dyn FnMut(Line<'_>)) {
        let log = &mut self.store.data_mut().log;
        for (level, text) in log.lines.drain(..) {
            line(Line::Said(level, &text));
        }
        let dropped = std::mem::take(&mut log.dropped);
        if dropped > 0 {
            line(Line::Dropped(dropped));
        }
    }

    fn break_down(&mut self) {
        self.is_broken = true;
    }

    fn is_broken(&self) -> bool {
        self.is_broken
    }
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance").field("is_broken", &self.is_broken).finish_non_exhaustive()
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
