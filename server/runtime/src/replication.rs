//! The bridge from a simulated world to replication: what changed goes in, frames per client come out.
//!
//! It lives only while a world has clients, so a world that nobody watches pays nothing for replication.

use std::sync::Arc;

use bytes::Bytes;
use hd1_core::Tick;
use hd1_protocol::DecodeError;
use hd1_replication::{ClientKey, Outgoing, Replicator, WorldCapture};
use hd1_schema::ComponentSchema;
use hd1_sim::Sim;

/// One world's replication and what it has seen of the world.
pub(crate) struct Replication {
    replicator: Replicator,
    seen: WorldCapture,
}

impl Replication {
    /// Takes in the whole world as it is.
    pub fn begin(sim: &mut Sim) -> Result<Self, DecodeError> {
        let mut replication = Replication { replicator: Replicator::new([]), seen: WorldCapture::default() };
        replication.capture(sim)?;
        Ok(replication)
    }

    /// Takes in what the newest tick changed; answers the components that clients have not heard of yet.
    pub fn capture(&mut self, sim: &mut Sim) -> Result<Vec<ComponentSchema>, DecodeError> {
        let tick = sim.current_tick();
        self.seen.capture(sim.world_mut(), tick, &mut self.replicator)
    }

    /// Adds a client; its join snapshot.
    pub fn add(&mut self, key: ClientKey) -> Result<Arc<[Bytes]>, DecodeError> {
        self.replicator.add_client(key)
    }

    /// Forgets a client.
    pub fn remove(&mut self, key: ClientKey) {
        self.replicator.remove_client(key);
    }

    /// What one client is to be sent for the newest tick, given the newest tick it has whole.
    pub fn assemble(&mut self, key: ClientKey, acked: Tick, input_ack: u32, out: &mut Outgoing) {
        if acked.0 > 0 {
            self.replicator.ack(key, acked);
        }
        self.replicator.assemble(key, input_ack, out);
    }
}

/// What clients are told of a world's components: those that are sent, by ascending id.
pub(crate) fn schemas(sim: &Sim) -> Vec<ComponentSchema> {
    sim.catalogue().schemas().filter(|schema| schema.is_replicated()).cloned().collect()
}
