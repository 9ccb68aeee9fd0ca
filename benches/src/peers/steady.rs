//! The scene goes on and all look at it.

use std::time::Instant;

use hd1_scenario::{Figures, Run, SEED, Scene, Tally};

use super::{clients, world::World};

/// Runs it.
///
/// # Errors
/// A client does not show what the server holds.
pub fn measure(scene: &Scene, quick: bool, figures: Figures) -> anyhow::Result<Figures> {
    let mut run = Run::new(scene, SEED);
    let mut world = World::new(&run)?;
    let mut clients = clients::join_all(&mut world, scene.client_count)?;
    let (warm, measured) = scene.ticks(quick);
    let mut tally = Tally::default();
    for tick in 0..warm + measured {
        run.step();
        let start = Instant::now();
        clients.iter().for_each(|client| client.acknowledge(&mut world));
        world.tick(&run)?;
        clients.iter_mut().try_for_each(|client| client.assemble(&mut world))?;
        let took = start.elapsed();
        let sent = clients::receive_all(&mut clients, &world)?;
        if tick >= warm {
            tally.tick(took, sent, run.changed().len(), scene.client_count);
        }
    }
    clients::check(&clients, &world, &run)?;
    Ok(tally.figures(figures))
}
