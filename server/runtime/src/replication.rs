//! The bridge from a simulated world to replication: what changed goes in, frames per client come out.
//!
//! It lives only while a world has clients, so a world that nobody watches pays nothing for replication.

use bytes::Bytes;
use hd1_core::{PlayerId, Tick};
use hd1_protocol::{DecodeError, Receipt};
use hd1_replication::{Budget, ClientKey, Interest, Outgoing, Replicator, Viewer, WorldCapture};
use hd1_schema::ComponentSchema;
use hd1_sim::Sim;

use crate::limits::CLIENT_STATE_BYTES_PER_S;

/// One world's replication and what it has seen of the world.
pub(crate) struct Replication {
    replicator: Replicator,
    seen: WorldCapture,
}

impl Replication {
    /// Takes in the whole world as it is.
    pub fn begin(sim: &mut Sim) -> Result<Self, DecodeError> {
        let view = sim.scene_info().settings.view;
        let interest =
            view.map_or(Interest::EVERYTHING, |view| Interest { view_m: Some(view.distance), cell_m: view.cell });
        let mut replication = Replication { replicator: Replicator::new([], interest), seen: WorldCapture::default() };
        replication.capture(sim)?;
        Ok(replication)
    }

    /// Takes in what the newest tick changed; answers the components that clients have not heard of yet.
    pub fn capture(&mut self, sim: &mut Sim) -> Result<Vec<ComponentSchema>, DecodeError> {
        let tick = sim.current_tick();
        self.seen.capture(sim.world_mut(), tick, &mut self.replicator)
    }

    /// Adds a player's client; the first frames of what it sees.
    pub fn add(&mut self, sim: &Sim, key: ClientKey, player: PlayerId) -> Result<Vec<Bytes>, DecodeError> {
        let frames = self.replicator.add_client(key, viewer(sim, player))?;
        let budget = Budget::new(CLIENT_STATE_BYTES_PER_S, sim.config().tick_rate.hz());
        self.replicator.set_budget(key, Some(budget));
        Ok(frames)
    }

    /// Forgets a client.
    pub fn remove(&mut self, key: ClientKey) {
        self.replicator.remove_client(key);
    }

    /// Holds one client's state back, or lets it go.
    pub fn hold(&mut self, key: ClientKey, is_held: bool) {
        self.replicator.hold(key, is_held);
    }

    /// What one client is to be sent for the newest tick, given what it has.
    pub fn assemble(
        &mut self,
        sim: &Sim,
        (key, player): (ClientKey, PlayerId),
        received: &Receipt,
        input_ack: u32,
        out: &mut Outgoing,
    ) -> Result<(), DecodeError> {
        self.replicator.set_viewer(key, viewer(sim, player));
        if received.newest() > Tick(0) {
            self.replicator.ack(key, *received);
        }
        self.replicator.assemble(key, input_ack, out)
    }
}

/// Whose eyes a player's client has.
fn viewer(sim: &Sim, player: PlayerId) -> Viewer {
    let here = sim.players().here.get(&player);
    let camera = here.and_then(|here| here.camera);
    Viewer { player, avatar: here.and_then(|here| here.avatar), at: camera.map(|[x, _, z]| [x, z]) }
}

/// What clients are told of a world's components: those that are sent, by ascending id.
pub(crate) fn schemas(sim: &Sim) -> Vec<ComponentSchema> {
    sim.catalogue().schemas().filter(|schema| schema.is_replicated()).cloned().collect()
}
