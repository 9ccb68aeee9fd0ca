//! Both kinds of clients, and the messages between them and the server.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use bevy::prelude::{App, Entity, NextState};
use bevy_replicon::{
    prelude::*,
    shared::{
        backend::channels::{ClientChannel, ServerChannel},
        server_entity_map::ServerEntityMap,
    },
};
use hd1_scenario::{Run, Sent};

use crate::server::{Position, Rotation, Server, app};

/// Clients with an app of their own, at most.
const REAL_COUNT: usize = 4;
/// Bytes of a message at most, as its own tests have it.
const MESSAGE_BYTES_MAX: usize = 1_200;
/// A thin client may differ by this share in what it was sent: it acknowledges nothing more or less than a real one.
const THIN_BYTES_SHARE_MAX: f64 = 0.02;

struct Client {
    /// None: it only acknowledges.
    app: Option<App>,
    sent_bytes: u64,
}

/// All clients, by their entity on the server.
pub struct Clients {
    clients: HashMap<Entity, Client>,
    /// They were there from the start.
    first: Vec<Entity>,
}

impl Clients {
    /// So many, the first of them real.
    pub fn new(server: &mut Server, count: usize) -> Self {
        let mut clients = Clients { clients: HashMap::new(), first: Vec::new() };
        for i in 0..count {
            let entity = clients.add(server, i < REAL_COUNT);
            clients.first.push(entity);
        }
        clients
    }

    /// A newcomer with an app.
    pub fn add_real(&mut self, server: &mut Server) -> Entity {
        self.add(server, true)
    }

    fn add(&mut self, server: &mut Server, real: bool) -> Entity {
        let entity = server.app.world_mut().spawn(ConnectedClient { max_size: MESSAGE_BYTES_MAX }).id();
        let app = real.then(|| {
            let mut app = app();
            app.world_mut().resource_mut::<NextState<ClientState>>().set(ClientState::Connected);
            app.update();
            app
        });
        self.clients.insert(entity, Client { app, sent_bytes: 0 });
        entity
    }

    /// One who leaves.
    pub fn remove(&mut self, client: Entity, server: &mut Server) {
        self.clients.remove(&client);
        server.app.world_mut().despawn(client);
    }

    /// Brings everybody the server's messages and the server their acknowledgements; what all were sent.
    pub fn exchange(&mut self, server: &mut Server) -> Sent {
        let mut sent = Sent::default();
        self.carry(server, |_, bytes| sent.add(bytes));
        sent
    }

    /// The same, counting one client's messages on top of `sent`.
    pub fn exchange_counting(&mut self, server: &mut Server, client: Entity, mut sent: Sent) -> Sent {
        self.carry(server, |to, bytes| {
            if to == client {
                sent.add(bytes);
            }
        });
        sent
    }

    fn carry(&mut self, server: &mut Server, mut each: impl FnMut(Entity, usize)) {
        let mut messages = server.app.world_mut().resource_mut::<ServerMessages>();
        let mut acks: HashMap<Entity, Vec<u8>> = HashMap::new();
        for (to, channel, message) in messages.drain_sent() {
            each(to, message.len());
            let Some(client) = self.clients.get_mut(&to) else { continue };
            client.sent_bytes += message.len() as u64;
            match &mut client.app {
                Some(app) => app.world_mut().resource_mut::<ClientMessages>().insert_received(channel, message),
                // A message of mutations opens with the server's tick and its own number, which comes back.
                None if channel == ServerChannel::Mutations as usize => {
                    acks.entry(to).or_default().extend_from_slice(&message[1..3]);
                }
                None => {}
            }
        }
        for (client, ack) in acks {
            messages.insert_received(client, ClientChannel::MutationAcks, ack);
        }
        for (&entity, client) in &mut self.clients {
            let Some(app) = &mut client.app else { continue };
            app.update();
            for (channel, message) in app.world_mut().resource_mut::<ClientMessages>().drain_sent() {
                messages.insert_received(entity, channel, message);
            }
        }
    }

    /// Does a real client know every entity?
    pub fn has_all(&self, client: Entity, server: &Server) -> bool {
        let app = self.clients[&client].app.as_ref();
        app.is_some_and(|app| app.world().resource::<ServerEntityMap>().to_client().len() == server.entities.len())
    }

    /// Every real client shows what the scene holds; the thin ones were sent as much as the real ones.
    pub fn check(&self, server: &Server, run: &Run) -> anyhow::Result<()> {
        for app in self.clients.values().filter_map(|client| client.app.as_ref()) {
            let known = app.world().resource::<ServerEntityMap>().to_client();
            for (entity, body) in server.entities.iter().zip(run.bodies()) {
                let shown = app.world().entity(*known.get(entity).context("a client lacks an entity")?);
                let position = shown.get::<Position>().context("a client lacks a position")?;
                let rotation = shown.get::<Rotation>().context("a client lacks a rotation")?;
                ensure!(body.is_close(position.0, rotation.0, 1e-6, 1e-6), "a client's world differs: {body:?}");
            }
        }
        let mean = |real: bool| {
            let kind = self.first.iter().map(|entity| &self.clients[entity]).filter(|c| c.app.is_some() == real);
            let bytes: Vec<u64> = kind.map(|client| client.sent_bytes).collect();
            bytes.iter().sum::<u64>() as f64 / bytes.len() as f64
        };
        let share = (mean(false) / mean(true) - 1.0).abs();
        // Not a number where there are no thin clients.
        ensure!(share.is_nan() || share < THIN_BYTES_SHARE_MAX, "thin clients were sent {share} more or less");
        Ok(())
    }
}
