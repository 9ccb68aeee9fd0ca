//! Time as a value: microseconds since the Unix epoch, and the trait by which the control plane asks for them.

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// This moment plus `seconds`.
    #[must_use]
    pub const fn plus_s(self, seconds: i64) -> Self {
        Micros(self.0 + seconds * 1_000_000)
    }
}

/// Where the time of day comes from; a parameter wherever a row is stamped or a token judged.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Micros;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Micros {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}
