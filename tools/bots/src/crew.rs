//! The threads that bots run on.
//!
//! Each has a runtime to itself and no work is moved between them: bots are then woken in the order in which their
//! ticks come, and none is measured late because another thread took its turn. What a bot measures is the server.

use std::{io, thread};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// A thread for each core, until it is dropped.
pub(crate) struct Crew {
    handles: Vec<Handle>,
    stop: CancellationToken,
}

impl Crew {
    pub(crate) fn start() -> io::Result<Self> {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let mut crew = Crew { handles: Vec::with_capacity(count), stop: CancellationToken::new() };
        for number in 0..count {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            crew.handles.push(runtime.handle().clone());
            let stop = crew.stop.clone();
            thread::Builder::new().name(format!("bots-{number}")).spawn(move || runtime.block_on(stop.cancelled()))?;
        }
        Ok(crew)
    }

    pub(crate) fn handles(&self) -> &[Handle] {
        &self.handles
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
