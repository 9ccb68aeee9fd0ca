//! Ids, ticks, roles and the traits through which time enters: the words every other crate speaks.
//!
//! Nothing here does I/O, and nothing here knows of components, messages or databases. Start with
//! [`id`] for who is who, then [`tick`] for when.

pub mod id;
pub mod role;
pub mod tick;
pub mod time;

pub use id::{NetId, ParticipantId, PlayerId, SessionId};
pub use role::{ClientType, Role};
pub use tick::{Tick, TickRate, TickRateOutOfRange};
pub use time::{Clock, Micros, SystemClock};
