//! The load generator behind `hd1 bots`: many real clients in one process, and what they measured.
//!
//! It knows a server only through its HTTP API and its realtime protocol, as any client does. [`args`] says what may be
//! asked for, [`run()`] makes the sessions, lets the bots in and takes the figures, [`figures`] is the JSON of the
//! contract.

pub mod args;

mod api;
mod bot;
mod crew;
pub mod figures;
pub mod run;
mod wander;

pub use args::{Args, Transport};
pub use figures::Figures;
pub use run::run;
