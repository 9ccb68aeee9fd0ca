//! The bridge from a simulated world to replication: what changed goes in, frames per client come out.
//!
//! It lives only while a world has clients, so a world that nobody watches pays nothing for replication.

use std::{collections::BTreeSet, thread};

use bytes::Bytes;
use hd1_core::{PlayerId, Tick};
use hd1_protocol::DecodeError;
use hd1_replication::{Budget, ClientKey, Interest, Outgoing, Replicator, Viewer, WorldCapture};
use hd1_scenes::settings::View;
use hd1_schema::ComponentSchema;
use hd1_sim::Sim;

use crate::client::Client;
use crate::config::Shown;
use crate::limits::{ASSEMBLY_THREADS_MAX, VIEW_CELLS_MAX};

/// One world's replication and what it has seen of the world.
pub(crate) struct Replication {
    replicator: Replicator,
    seen: WorldCapture,
    /// Bytes of state in a second for each client.
    client_bytes_per_s: u32,
    clients: BTreeSet<ClientKey>,
    /// On how many threads the frames of a crowd are made.
    threads: usize,
}

impl Replication {
    /// Takes in the whole world as it is, to show so much of it.
    pub fn begin(sim: &mut Sim, shown: &Shown, client_bytes_per_s: u32) -> Result<Self, DecodeError> {
        let interest = interest(shown, sim.scene_info().settings.view);
        let mut replication = Replication {
            replicator: Replicator::new([], interest),
            seen: WorldCapture::default(),
            client_bytes_per_s,
            clients: BTreeSet::new(),
            threads: thread::available_parallelism().map_or(1, usize::from).min(ASSEMBLY_THREADS_MAX),
        };
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
        self.replicator.set_budget(key, Some(self.budget(sim)));
        self.clients.insert(key);
        Ok(frames)
    }

    /// Sends each client so much from now on.
    pub fn set_client_bytes_per_s(&mut self, sim: &Sim, bytes_per_s: u32) {
        if self.client_bytes_per_s == bytes_per_s {
            return;
        }
        self.client_bytes_per_s = bytes_per_s;
        let budget = self.budget(sim);
        self.clients.iter().for_each(|key| self.replicator.set_budget(*key, Some(budget)));
    }

    fn budget(&self, sim: &Sim) -> Budget {
        Budget::new(self.client_bytes_per_s, sim.config().tick_rate.hz())
    }

    /// Forgets a client.
    pub fn remove(&mut self, key: ClientKey) {
        self.clients.remove(&key);
        self.replicator.remove_client(key);
    }

    /// Before a client's frames are made: where it looks from, what it has, and whether its state is held back.
    pub fn prepare(&mut self, sim: &Sim, key: ClientKey, client: &Client) {
        self.replicator.set_viewer(key, viewer(sim, client.player));
        self.replicator.hold(key, client.is_held);
        self.replicator.note_input(key, client.input_ack);
        let received = client.line.received();
        if received.newest() > Tick(0) {
            self.replicator.ack(key, received);
        }
    }

    /// Hands each client what it is to be sent for the newest tick.
    pub fn assemble_each(&mut self, each: impl Fn(ClientKey, &mut Outgoing) + Sync) -> Result<(), DecodeError> {
        self.replicator.assemble_each(self.threads, each)
    }
}

/// What the session says of the view, else the scene.
fn interest(shown: &Shown, scene: Option<View>) -> Interest {
    let Some(view_m) = shown.view_m.or(scene.map(|view| view.distance)) else { return Interest::EVERYTHING };
    let of_scene = scene.filter(|_| shown.view_m.is_none()).and_then(|view| view.cell);
    // A cell of the session's and a view of the scene's were never held against each other.
    let cell_m = shown.cell_m.map(|cell_m| cell_m.max(view_m / VIEW_CELLS_MAX).min(view_m));
    Interest { view_m: Some(view_m), cell_m: cell_m.or(of_scene) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_says_or_else_the_scene() {
        let scene = Some(View { distance: 440.0, cell: Some(110.0) });
        let shown = |view_m, cell_m| Shown { view_m, cell_m, client_bytes_per_s: None };
        let of = |view_m, cell_m| Interest { view_m: Some(view_m), cell_m };
        assert_eq!(interest(&shown(None, None), None), Interest::EVERYTHING);
        assert_eq!(interest(&shown(None, Some(5.0)), None), Interest::EVERYTHING, "cells alone hide nothing");
        assert_eq!(interest(&shown(None, None), scene), of(440.0, Some(110.0)));
        assert_eq!(interest(&shown(Some(30.0), None), scene), of(30.0, None), "the scene's cells are for its own view");
        assert_eq!(interest(&shown(Some(30.0), Some(10.0)), None), of(30.0, Some(10.0)));
        assert_eq!(interest(&shown(None, Some(5.0)), scene), of(440.0, Some(27.5)), "a sixteenth of the view at least");
        assert_eq!(interest(&shown(None, Some(900.0)), scene), of(440.0, Some(440.0)));
    }
}
