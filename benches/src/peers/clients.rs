//! Clients of HD1: some with a mirror that is checked at the end, the others only acknowledge.

use anyhow::ensure;
use bytes::Bytes;
use hd1_protocol::{Acks, Mirror};
use hd1_replication::{ClientKey, Outgoing, Viewer};
use hd1_scenario::{Run, Sent};

use super::world::World;

/// As many as the peers' programs have real ones.
const MIRROR_COUNT: usize = 4;

/// One client.
pub struct Client {
    key: ClientKey,
    /// None: it has everything as soon as it is sent.
    mirror: Option<Mirror>,
    acks: Acks,
    out: Outgoing,
}

impl Client {
    /// One that joins now.
    ///
    /// # Errors
    /// A snapshot cannot be encoded, or its mirror refuses it.
    pub fn join(world: &mut World, key: u64, mirrored: bool) -> anyhow::Result<Self> {
        let key = ClientKey(key);
        let frames = world.replicator.add_client(key, Viewer::default())?;
        if mirrored {
            return Client::mirrored(world, key, &frames);
        }
        Ok(Client { key, mirror: None, acks: Acks::of(world.now()), out: Outgoing::default() })
    }

    /// One with a mirror that has joined and been given these frames.
    ///
    /// # Errors
    /// Its mirror refuses one.
    pub fn mirrored(world: &World, key: ClientKey, snapshot: &[Bytes]) -> anyhow::Result<Self> {
        let mut mirror = Mirror::new(world.schemas.clone());
        for frame in snapshot {
            mirror.apply_snapshot_chunk(frame)?;
        }
        Ok(Client { key, acks: mirror.acks(), mirror: Some(mirror), out: Outgoing::default() })
    }

    /// What it has is told to the server.
    pub fn acknowledge(&self, world: &mut World) {
        world.replicator.ack(self.key, self.acks);
    }

    /// Its frames of this tick are made; they stay with it until [`Client::receive`].
    ///
    /// # Errors
    /// Of the replicator.
    pub fn assemble(&mut self, world: &mut World) -> anyhow::Result<()> {
        Ok(world.replicator.assemble(self.key, 0, &mut self.out)?)
    }

    /// Takes its frames in; what they were.
    ///
    /// # Errors
    /// Its mirror refuses one.
    pub fn receive(&mut self, world: &World) -> anyhow::Result<Sent> {
        let mut sent = Sent::default();
        self.out.reliable.iter().chain(&self.out.state).for_each(|frame| sent.add(frame.len()));
        self.acks.insert(world.now());
        if let Some(mirror) = &mut self.mirror {
            for frame in &self.out.reliable {
                mirror.apply_reliable(frame)?;
            }
            for frame in &self.out.state {
                mirror.apply_state(frame)?;
            }
            self.acks = mirror.acks();
        }
        self.out.clear();
        Ok(sent)
    }

    /// Has it the whole world as it is? One without a mirror is taken at its word.
    pub fn shows(&self, world: &World, run: &Run) -> bool {
        self.mirror.as_ref().is_none_or(|mirror| world.is_shown(mirror, run))
    }
}

/// All of a scene's, when they have the whole world: it comes over several ticks.
///
/// # Errors
/// As [`Client::join`].
pub fn join_all(world: &mut World, count: usize) -> anyhow::Result<Vec<Client>> {
    let join = |i| Client::join(world, i as u64, i < MIRROR_COUNT);
    let mut clients: Vec<Client> = (0..count).map(join).collect::<anyhow::Result<_>>()?;
    loop {
        clients.iter().for_each(|client| client.acknowledge(world));
        world.quiet_tick()?;
        clients.iter_mut().try_for_each(|client| client.assemble(world))?;
        if receive_all(&mut clients, world)?.bytes == 0 {
            return Ok(clients);
        }
    }
}

/// All take their frames in; what they were.
///
/// # Errors
/// As [`Client::receive`], or one was not sent what the first was: nobody is shown less.
pub fn receive_all(clients: &mut [Client], world: &World) -> anyhow::Result<Sent> {
    let mut all = Sent::default();
    let mut first = None;
    for client in clients {
        let sent = client.receive(world)?;
        ensure!(sent == *first.get_or_insert(sent), "clients that see the same were sent different amounts");
        all.bytes += sent.bytes;
        all.packets += sent.packets;
    }
    Ok(all)
}

/// Every mirror must show what the scene holds.
///
/// # Errors
/// One does not.
pub fn check(clients: &[Client], world: &World, run: &Run) -> anyhow::Result<()> {
    ensure!(clients.iter().all(|client| client.shows(world, run)), "{}: a mirror differs", run.scene().name);
    Ok(())
}
