//! HD1's scenes through bevy_replicon: `hd1-peer-replicon SCENE [--quick]`.
//!
//! Its own messages in memory, without any backend. Measured is one `App::update` of the server: acknowledgements in,
//! changes gathered and serialised, messages handed to each client. Some clients are real and compared with the
//! server at the end; the others only acknowledge, as a real one does.

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

fn main() -> anyhow::Result<()> {
    let (scene, quick) = command::scene()?;
    let figures = Figures::verified("bevy_replicon", scene.name);
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
        let sent = clients.exchange(&mut server);
        if tick >= warm {
            tally.tick(took, sent, run.changed().len(), scene.client_count);
        }
    }
    clients.check(&server, &run)?;
    Ok(tally.figures(figures))
}

/// Newcomers, one after another; the world moves on between them.
fn join(scene: &Scene, figures: Figures) -> anyhow::Result<Figures> {
    let (mut run, mut server, mut clients) = started(scene)?;
    let (mut join_us, mut join_bytes) = (Vec::new(), Vec::new());
    for _ in 0..scene.join_count {
        run.step();
        server.apply(&run);
        server.tick();
        clients.exchange(&mut server);
        server.tick();
        clients.exchange(&mut server);

        let newcomer = clients.add_real(&mut server);
        let (mut longest, mut sent) = (Duration::ZERO, Sent::default());
        while !clients.has_all(newcomer, &server) {
            ensure!(sent.packets < 10_000, "a newcomer never has the world");
            longest = longest.max(server.tick());
            sent = clients.exchange_counting(&mut server, newcomer, sent);
        }
        join_us.push(longest.as_secs_f64() * 1e6);
        join_bytes.push(sent.bytes as f64);
        clients.check(&server, &run)?;
        clients.remove(newcomer, &mut server);
        server.tick();
        clients.exchange(&mut server);
    }
    Ok(figures.with(JOIN_US, median(join_us)).with(JOIN_BYTES, median(join_bytes)))
}

/// Everybody is there and has everything.
fn started(scene: &Scene) -> anyhow::Result<(Run, Server, Clients)> {
    let run = Run::new(scene, SEED);
    let mut server = Server::new();
    server.spawn(&run);
    let mut clients = Clients::new(&mut server, scene.client_count);
    for _ in 0..3 {
        server.tick();
        clients.exchange(&mut server);
    }
    clients.check(&server, &run)?;
    Ok((run, server, clients))
}
