//! Modules as a world sees them: by the hash of their bytes, compiled before any world asks.

use std::sync::Arc;

use crate::fault::Fault;
use crate::guest::{Guest, LogLevel};
use crate::plan::Plan;

/// All that are ready to run.
pub trait Modules: Send + Sync {
    /// The module of a hash; `None` where it is not here.
    fn module(&self, hash: &str) -> Option<Arc<dyn Module>>;
}

/// One that is ready to run. Worlds take turns with its guests: what a world keeps is components.
pub trait Module: Send + Sync {
    /// What it declares.
    fn plan(&self) -> &Arc<Plan>;

    /// A guest that nobody else has: an idle one, or a new one.
    ///
    /// # Errors
    /// There is none to be had now.
    fn take(&self) -> Result<Box<dyn Guest>, Fault>;

    /// Gives a guest back, working or broken.
    fn give(&self, guest: Box<dyn Guest>);

    /// Tells what people should know of a run: for logs and counters alone, no world looks at it again. Hooks count on
    /// where systems end: see [`Plan::number_of_hook`].
    fn tell(&self, world: u128, number: usize, news: News<'_>);
}

/// Something that people should know.
#[derive(Clone, Copy, Debug)]
pub enum News<'a> {
    /// A run was handed so many bytes, and so many were taken back.
    Moved {
        /// Of the batch.
        bytes_in: usize,
        /// Of written columns and commands.
        bytes_out: usize,
    },
    /// The system logged a line.
    Said(LogLevel, &'a str),
    /// It would have logged so many more.
    Unsaid(u32),
    /// The run counts for nothing.
    Fault(&'a Fault),
    /// So many of its rows were not taken, the first because of this.
    Rows(u32, &'a str),
    /// So many of its commands were passed over, the first because of this.
    Commands(u32, &'a str),
}
