//! One who comes late: what it is sent, and the longest tick meanwhile.

use std::time::{Duration, Instant};

use anyhow::bail;
use hd1_replication::{ClientKey, Viewer};
use hd1_scenario::{
    Figures, Run, SEED, Scene, Sent,
    figures::{JOIN_BYTES, JOIN_US},
    median,
};

use super::{
    clients::{self, Client},
    world::World,
};

/// A newcomer that has not got the world by then never will.
const TICKS_MAX: usize = 300;

/// Runs it: newcomers one after another; the world moves on between them.
///
/// # Errors
/// A newcomer does not get the world.
pub fn measure(scene: &Scene, figures: Figures) -> anyhow::Result<Figures> {
    let mut run = Run::new(scene, SEED);
    let mut world = World::new(&run)?;
    let mut clients = clients::join_all(&mut world, scene.client_count)?;
    let (mut join_us, mut join_bytes) = (Vec::new(), Vec::new());
    for newcomer in 0..scene.join_count {
        run.step();
        clients.iter().for_each(|client| client.acknowledge(&mut world));
        world.tick(&run)?;
        clients.iter_mut().try_for_each(|client| client.assemble(&mut world))?;
        clients::receive_all(&mut clients, &world)?;

        let key = ClientKey((scene.client_count + newcomer) as u64);
        let (longest, sent) = join_one(&mut world, &mut clients, key, &run)?;
        join_us.push(longest.as_secs_f64() * 1e6);
        join_bytes.push(sent.bytes as f64);
    }
    clients::check(&clients, &world, &run)?;
    Ok(figures.with(JOIN_US, median(join_us)).with(JOIN_BYTES, median(join_bytes)))
}

/// The longest tick and what the newcomer was sent, from its arrival until it has the world.
fn join_one(world: &mut World, clients: &mut [Client], key: ClientKey, run: &Run) -> anyhow::Result<(Duration, Sent)> {
    let start = Instant::now();
    clients.iter().for_each(|client| client.acknowledge(world));
    world.quiet_tick()?;
    let snapshot = world.replicator.add_client(key, Viewer::default())?;
    clients.iter_mut().try_for_each(|client| client.assemble(world))?;
    let mut longest = start.elapsed();
    clients::receive_all(clients, world)?;

    let mut newcomer = Client::mirrored(world, key, &snapshot)?;
    let mut sent = Sent::default();
    snapshot.iter().for_each(|frame| sent.add(frame.len()));
    for _ in 0..TICKS_MAX {
        if newcomer.shows(world, run) {
            world.replicator.remove_client(key);
            return Ok((longest, sent));
        }
        let start = Instant::now();
        clients.iter().for_each(|client| client.acknowledge(world));
        newcomer.acknowledge(world);
        world.quiet_tick()?;
        clients.iter_mut().try_for_each(|client| client.assemble(world))?;
        newcomer.assemble(world)?;
        longest = longest.max(start.elapsed());
        clients::receive_all(clients, world)?;
        let more = newcomer.receive(world)?;
        sent = Sent { bytes: sent.bytes + more.bytes, packets: sent.packets + more.packets };
    }
    bail!("a newcomer never has the world")
}
