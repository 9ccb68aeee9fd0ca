//! The tick that a system computes, and the chance that it is given.

use crate::Entity;

/// The tick: the begin of a batch's header, as it lies there.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct Step {
    /// The tick being computed.
    pub tick: u64,
    /// Of this system in this tick: the same in every copy of the world.
    pub seed: u64,
    /// Seconds of a tick.
    pub dt: f32,
    /// Ticks a second.
    pub hz: u32,
}

const _: () = assert!(size_of::<Step>() == 24);

impl Step {
    /// Chance for the system as a whole, from its begin each time: keep it for the run. Rows that draw from it in turn
    /// depend on the order of rows, so the query must be ordered.
    #[must_use]
    pub const fn rng(&self) -> Rng {
        Rng(self.seed)
    }

    /// Chance for one entity, whatever the order of rows.
    #[must_use]
    pub const fn rng_of(&self, entity: Entity) -> Rng {
        let mut rng = Rng(self.seed ^ (entity.0 as u64).wrapping_mul(0xD134_2543_DE82_EF95));
        // Seeds of neighbours differ in few bits; a step spreads them.
        rng.0 = rng.u64();
        rng
    }

    /// Seconds since the world's begin.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.tick as f64 / f64::from(self.hz.max(1))
    }
}

/// A small generator (SplitMix64): the same numbers on every machine. Not for secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rng(u64);

impl Rng {
    /// From a seed of one's own.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Rng(seed)
    }

    /// 64 bits.
    pub const fn u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// 32 bits.
    pub const fn u32(&mut self) -> u32 {
        (self.u64() >> 32) as u32
    }

    /// A whole number below `end`; 0 where `end` is 0.
    pub const fn below(&mut self, end: u32) -> u32 {
        ((self.u32() as u64 * end as u64) >> 32) as u32
    }

    /// From 0 to just below 1.
    pub const fn unit(&mut self) -> f32 {
        (self.u32() >> 8) as f32 * (1.0 / (1 << 24) as f32)
    }

    /// From `min` to `max`.
    pub const fn between(&mut self, min: f32, max: f32) -> f32 {
        min + (max - min) * self.unit()
    }

    /// Each axis from `min` to `max`.
    pub const fn vec3(&mut self, min: f32, max: f32) -> [f32; 3] {
        [self.between(min, max), self.between(min, max), self.between(min, max)]
    }
}
