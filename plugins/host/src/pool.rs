//! The instances of one plugin's module: as many as ever worked at once, and worlds take turns with them.
//!
//! Making one takes microseconds, but its memory has to be made again; a broken one that had filled its memory takes
//! milliseconds to drop. So idle ones wait here, and broken ones are dropped on another thread than the one that ticks.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use hd1_abi::{Fault, Guest, News, Plan};

use crate::instance::Instance;
use crate::limits::Limits;
use crate::meter::Meter;
use crate::module::Module;

/// What is dropped elsewhere.
pub(crate) type Waste = Sender<Box<dyn Guest>>;

/// See the module's words. For one tenant: what a guest keeps in its memory, the next world may see.
pub struct Pool {
    module: Module,
    limits: Limits,
    meter: Arc<Meter>,
    waste: Waste,
    idle: Mutex<Vec<Box<dyn Guest>>>,
}

impl Pool {
    pub(crate) fn new(module: Module, limits: Limits, waste: Waste) -> Self {
        let meter = Arc::new(Meter::new(module.plan()));
        Pool { module, limits, meter, waste, idle: Mutex::default() }
    }

    /// What was counted and logged.
    #[must_use]
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    fn make(&self) -> Result<Instance, Fault> {
        Ok(self.module.instantiate(self.limits)?.counted_by(Arc::clone(&self.meter)))
    }

    /// Makes sure that one instance is there, so that the first tick does not wait for it.
    ///
    /// # Errors
    /// It faults while it starts.
    pub fn warm_up(&self) -> Result<(), Fault> {
        let guest = hd1_abi::Module::take(self)?;
        hd1_abi::Module::give(self, guest);
        Ok(())
    }
}

impl hd1_abi::Module for Pool {
    fn plan(&self) -> &Arc<Plan> {
        self.module.plan()
    }

    fn take(&self) -> Result<Box<dyn Guest>, Fault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(guest) => Ok(guest),
            None => self.make().map(|guest| Box::new(guest) as Box<dyn Guest>),
        }
    }

    fn give(&self, guest: Box<dyn Guest>) {
        if guest.is_broken() {
            // Without the thread, whose host is gone, it is dropped right here.
            let _ = self.waste.send(guest);
        } else {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(guest);
        }
    }

    fn tell(&self, world: u128, system: usize, news: News<'_>) {
        self.meter.tell(world, system, news);
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("module", &self.module).field("limits", &self.limits).finish_non_exhaustive()
    }
}
