//! The clients' apps, and the channels between them and the server, with a count of what passes.

use core::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, ensure};
use bevy::prelude::{App, Entity};
use bevy_replicon::shared::server_entity_map::ServerEntityMap;
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender};
use hd1_scenario::{Run, Sent};
use lightyear::{
    crossbeam::CrossbeamIo,
    prelude::{
        Connected, Link, LinkOf, Linked, PeerAddr, PingConfig, PingManager, ReplicationReceiver,
        client::{Client as ClientMarker, ClientPlugins, Connect, RawClient},
    },
};

use crate::server::{Position, Rotation, Server, app};

struct Client {
    app: App,
    /// Its end of the link.
    entity: Entity,
    /// The server's end.
    server_entity: Entity,
    /// What the server has sent, to be counted and passed on.
    from_server: Receiver<Bytes>,
    to_client: Sender<Bytes>,
}

/// What a tick sent.
#[derive(Default)]
pub struct Exchanged {
    /// To all.
    pub all: Sent,
    /// To the client that came last.
    pub newest: Sent,
}

/// All clients.
pub struct Clients {
    clients: Vec<Client>,
    hz: u32,
    /// Addresses are never used again.
    joined_count: u16,
}

impl Clients {
    /// None yet.
    pub fn new(hz: u32) -> Self {
        Clients { clients: Vec::new(), hz, joined_count: 0 }
    }

    /// One more, on its way to be connected.
    pub fn add(&mut self, server: &mut Server) {
        let (server_sends, from_server) = crossbeam_channel::unbounded();
        let (to_client, client_receives) = crossbeam_channel::unbounded();
        let (client_sends, server_receives) = crossbeam_channel::unbounded();
        let mut app = app(self.hz, |app, tick_duration| {
            app.add_plugins(ClientPlugins { tick_duration });
        });
        let pings = PingManager::new(PingConfig { ping_interval: Duration::from_millis(100) });
        let link = (Link::default(), CrossbeamIo::new(client_sends, client_receives));
        let entity = app.world_mut().spawn((ClientMarker, RawClient, ReplicationReceiver, pings, link)).id();
        self.joined_count += 1;
        let address = PeerAddr(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1_000 + self.joined_count));
        let link = (LinkOf { endpoint: server.endpoint }, Link::default(), address, Linked);
        let io = CrossbeamIo::new(server_sends, server_receives);
        let server_entity = server.app.world_mut().spawn((link, io)).id();
        server.app.world_mut().flush();
        app.world_mut().trigger(Connect { entity });
        app.world_mut().flush();
        self.clients.push(Client { app, entity, server_entity, from_server, to_client });
    }

    /// The newest leaves.
    pub fn remove_newest(&mut self, server: &mut Server) {
        if let Some(client) = self.clients.pop() {
            server.app.world_mut().despawn(client.server_entity);
        }
    }

    /// Brings everybody the server's packets and lets them answer.
    pub fn exchange(&mut self) -> Exchanged {
        let mut exchanged = Exchanged::default();
        for client in &mut self.clients {
            let mut sent = Sent::default();
            for packet in client.from_server.try_iter() {
                sent.add(packet.len());
                // It is gone when its client is.
                let _ = client.to_client.send(packet);
            }
            client.app.update();
            exchanged.all.bytes += sent.bytes;
            exchanged.all.packets += sent.packets;
            exchanged.newest = sent;
        }
        exchanged
    }

    /// Is everybody?
    pub fn are_connected(&self) -> bool {
        self.clients.iter().all(|client| client.app.world().entity(client.entity).contains::<Connected>())
    }

    /// Does the newest know every entity?
    pub fn newest_has_all(&self, server: &Server) -> bool {
        self.clients.last().is_some_and(|client| client.known_count() == server.entities.len())
    }

    /// Does everybody?
    pub fn all_have_all(&self, server: &Server) -> bool {
        self.clients.iter().all(|client| client.known_count() == server.entities.len())
    }

    /// Every client shows what the scene holds.
    pub fn check(&self, server: &Server, run: &Run) -> anyhow::Result<()> {
        for client in &self.clients {
            let world = client.app.world();
            let known = world.resource::<ServerEntityMap>().to_client();
            for (entity, body) in server.entities.iter().zip(run.bodies()) {
                let shown = world.entity(*known.get(entity).context("a client lacks an entity")?);
                let position = shown.get::<Position>().context("a client lacks a position")?;
                let rotation = shown.get::<Rotation>().context("a client lacks a rotation")?;
                ensure!(body.is_close(position.0, rotation.0, 1e-6, 1e-6), "a client's world differs: {body:?}");
            }
        }
        Ok(())
    }
}

impl Client {
    fn known_count(&self) -> usize {
        self.app.world().resource::<ServerEntityMap>().to_client().len()
    }
}
