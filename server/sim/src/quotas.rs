//! How much players may do: counts of entities and rates of operations, reckoned in ticks.

use hd1_core::{Tick, TickRate};
use serde::{Deserialize, Serialize};

/// Bounds on what players may do in one world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quotas {
    /// Entities that one player may own, the avatar not counted.
    pub entities_per_player: u32,
    /// Entities of the whole world; the control plane is bound by it too.
    pub entities_per_world: u32,
    /// Operations that one player may ask for in a second, on average.
    pub ops_per_second: u32,
    /// Operations that one player may ask for at once.
    pub ops_burst: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Quotas { entities_per_player: 200, entities_per_world: 50_000, ops_per_second: 30, ops_burst: 60 }
    }
}

/// A token bucket in thousandths of an operation, filled by ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    spent_milli: u64,
    at: Tick,
}

impl Bucket {
    /// Takes so many operations out; `false` where not so many are left. More than may be asked for at once are taken as
    /// that many.
    pub fn take(&mut self, count: u32, now: Tick, rate: TickRate, quotas: &Quotas) -> bool {
        let refilled =
            now.since(self.at).saturating_mul(u64::from(quotas.ops_per_second) * 1000 / u64::from(rate.hz()));
        self.spent_milli = self.spent_milli.saturating_sub(refilled);
        self.at = now;
        let wanted = u64::from(count.min(quotas.ops_burst.max(1))) * 1000;
        if self.spent_milli + wanted > u64::from(quotas.ops_burst) * 1000 {
            return false;
        }
        self.spent_milli += wanted;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let quotas = Quotas { ops_per_second: 10, ops_burst: 3, ..Quotas::default() };
        let rate = TickRate::try_from(20).unwrap();
        let mut bucket = Bucket::default();
        let taken = (0..5).filter(|_| bucket.take(1, Tick(7), rate, &quotas)).count();
        assert_eq!(taken, 3);
        assert!(!bucket.take(1, Tick(8), rate, &quotas), "half an operation is none");
        assert!(bucket.take(1, Tick(9), rate, &quotas));
        assert!(!bucket.take(1, Tick(9), rate, &quotas));
        assert!(!bucket.take(2, Tick(11), rate, &quotas) && bucket.take(1, Tick(11), rate, &quotas));
        assert!(bucket.take(99, Tick(99), rate, &quotas), "what is more than all is all");
        assert!(!bucket.take(1, Tick(99), rate, &quotas));
    }
}
