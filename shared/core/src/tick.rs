//! The fixed step: tick numbers and rates.

use serde::{Deserialize, Serialize};

/// One fixed step of a world, counted from 0 at its scene. At 128 Hz a `u32` lasts more than a year; a `u64` outlives us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tick(pub u64);

impl Tick {
    /// The tick after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Tick(self.0 + 1)
    }

    /// How many ticks lie between `earlier` and this one; 0 where it is not earlier.
    #[inline]
    #[must_use]
    pub const fn since(self, earlier: Tick) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::fmt::Display for Tick {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Ticks a second, 1 to 128.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct TickRate(u32);

/// A tick rate outside 1–128 Hz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tick rate is {0} Hz: must be from 1 to 128")]
pub struct TickRateOutOfRange(pub u32);

impl TickRate {
    /// 30 Hz.
    pub const DEFAULT: TickRate = TickRate(30);

    /// Ticks a second.
    #[must_use]
    pub const fn hz(self) -> u32 {
        self.0
    }

    /// Seconds per tick: the `dt` of every system.
    #[must_use]
    pub fn dt_s(self) -> f32 {
        1.0 / self.0 as f32
    }

    /// Nanoseconds per tick.
    #[must_use]
    pub const fn period_ns(self) -> u64 {
        1_000_000_000 / self.0 as u64
    }
}

impl Default for TickRate {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl TryFrom<u32> for TickRate {
    type Error = TickRateOutOfRange;

    fn try_from(hz: u32) -> Result<Self, Self::Error> {
        if (1..=128).contains(&hz) { Ok(TickRate(hz)) } else { Err(TickRateOutOfRange(hz)) }
    }
}

impl From<TickRate> for u32 {
    fn from(rate: TickRate) -> u32 {
        rate.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_bounded() {
        assert_eq!(TickRate::try_from(0), Err(TickRateOutOfRange(0)));
        assert_eq!(TickRate::try_from(129), Err(TickRateOutOfRange(129)));
        assert_eq!(TickRate::try_from(60).unwrap().period_ns(), 16_666_666);
    }
}
