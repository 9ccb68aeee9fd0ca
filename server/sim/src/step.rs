//! The fixed step and the seeded generator: all the time and chance that a system may know.

use bevy_ecs::resource::Resource;
use hd1_core::{SessionId, Tick, TickRate};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::quotas::Quotas;

/// What a world is made with besides its scene.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimConfig {
    /// Whose world it is.
    pub session: SessionId,
    /// Of its generator.
    pub seed: u64,
    /// Ticks a second.
    pub tick_rate: TickRate,
    /// Bounds on what players may do.
    pub quotas: Quotas,
}

impl SimConfig {
    /// Defaults for a session: 30 Hz, seed 1.
    #[must_use]
    pub fn new(session: SessionId) -> Self {
        SimConfig { session, seed: 1, tick_rate: TickRate::DEFAULT, quotas: Quotas::default() }
    }
}

/// The tick being computed.
#[derive(Resource, Clone, Copy, Debug)]
pub struct Step {
    /// Its number; the first is 1, the scene itself is 0.
    pub tick: Tick,
    /// Ticks a second.
    pub rate: TickRate,
    /// Seconds per tick.
    pub dt: f32,
}

/// The session's generator; part of snapshots and of the state hash.
#[derive(Resource, Clone, Debug)]
pub struct Random(pub ChaCha8Rng);
