//! HD1's scenes through lightyear: `hd1-peer-lightyear SCENE [--quick]`.
//!
//! Every client is real, over channels in memory without encryption. Measured is one `App::update` of the server:
//! packets in, changes gathered and serialised, packets handed to each client's channel. Bytes are those of packets.

mod clients;
mod server;

use std::time::Duration;

use anyhow::ensure;
use hd1_scenario::{
    Figures, Run, SEED, Scene, Sent, Tally, command,
    figures::{JOIN_BYTES, JOIN_US},
    median,
};

use clients::Clients;
use server::Server;

/// Ticks by which everybody is connected and has everything.
const SETTLE_TICKS: usize = 600;

fn main() -> anyhow::Result<()> {
    let (scene, quick) = command::scene()?;
    let figures = Figures::verified("lightyear", scene.name);
    let figures = if scene.join_count > 0 { join(scene, figures)? } else { steady(scene, quick, figures)? };
    figures.print()
}

/// The scene goes on and all look at it.
fn steady(scene: &Scene, quick: bool, figures: Figures) -> anyhow::Result<Figures> {
    let (mut run, mut server, mut clients) = started(scene)?;
    let (warm, measured) = scene.ticks(quick);
    let mut tally = Tally::default();
    for tick in 0..warm + measured {
        run.step();
        server.apply(&run);
        let took = server.tick();
        let sent = clients.exchange();
        if tick >= warm {
            tally.tick(took, sent.all, run.changed().len(), scene.client_count);
        }
    }
    settle(&mut server, &mut clients);
    clients.check(&server, &run)?;
    Ok(tally.figures(figures))
}

/// Newcomers, one after another, who stay; the world moves on between them.
fn join(scene: &Scene, figures: Figures) -> anyhow::Result<Figures> {
    let (mut run, mut server, mut clients) = started(scene)?;
    let (mut join_us, mut join_bytes) = (Vec::new(), Vec::new());
    for _ in 0..scene.join_count {
        run.step();
        server.apply(&run);
        server.tick();
        clients.exchange();
        settle(&mut server, &mut clients);

        clients.add(&mut server);
        let (mut longest, mut sent, mut ticks) = (Duration::ZERO, Sent::default(), 0);
        while !clients.newest_has_all(&server) {
            ticks += 1;
            ensure!(ticks < SETTLE_TICKS, "a newcomer never has the world");
            longest = longest.max(server.tick());
            let newest = clients.exchange().newest;
            sent = Sent { bytes: sent.bytes + newest.bytes, packets: sent.packets + newest.packets };
        }
        settle(&mut server, &mut clients);
        clients.check(&server, &run)?;
        clients.remove_newest(&mut server);
        settle(&mut server, &mut clients);
        join_us.push(longest.as_secs_f64() * 1e6);
        join_bytes.push(sent.bytes as f64);
    }
    Ok(figures.with(JOIN_US, median(join_us)).with(JOIN_BYTES, median(join_bytes)))
}

/// Everybody is there and has everything.
fn started(scene: &Scene) -> anyhow::Result<(Run, Server, Clients)> {
    let run = Run::new(scene, SEED);
    let mut server = Server::new(scene.hz);
    let mut clients = Clients::new(scene.hz);
    for _ in 0..scene.client_count {
        clients.add(&mut server);
    }
    for _ in 0..60 {
        server.tick();
        clients.exchange();
    }
    ensure!(clients.are_connected(), "a client is not connected");
    server.spawn(&run);
    for _ in 0..SETTLE_TICKS {
        if clients.all_have_all(&server) {
            break;
        }
        server.tick();
        clients.exchange();
    }
    settle(&mut server, &mut clients);
    clients.check(&server, &run)?;
    Ok((run, server, clients))
}

/// What is on its way arrives, what was acknowledged is.
fn settle(server: &mut Server, clients: &mut Clients) {
    for _ in 0..5 {
        server.tick();
        clients.exchange();
    }
}
