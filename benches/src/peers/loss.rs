//! What does losing packets cost? The same scene over a perfect link, a long one, and a long one that loses.

use anyhow::ensure;
use hd1_protocol::{Acks, Mirror};
use hd1_replication::{ClientKey, Outgoing, Viewer};
use hd1_scenario::{Figures, Run, SEED, Scene, loss::Link};

use super::world::World;

/// A round trip's length.
const RTT_MS: f64 = 150.0;
/// Datagrams lost each way.
const LOSS_PERMILLE: u32 = 50;
/// Quiet ticks in which a client must catch up.
const SETTLE_TICKS: usize = 60;

/// Bytes a tick over the long link that loses.
pub const BYTES_LOSSY: &str = "bytes_tick_lossy";
/// The long link without loss.
pub const BYTES_LONG: &str = "bytes_tick_long";
/// No delay, no loss.
pub const BYTES_PERFECT: &str = "bytes_tick_perfect";

/// Runs it three times.
///
/// # Errors
/// The client does not show what the server holds once the link is at rest.
pub fn measure(scene: &Scene, quick: bool, figures: Figures) -> anyhow::Result<Figures> {
    let ticks = if quick { 200 } else { 1_000 };
    let one_way_ticks = RTT_MS / 2000.0 * f64::from(scene.hz);
    let perfect = bytes_per_tick(scene, ticks, 0, 0.0)?;
    let long = bytes_per_tick(scene, ticks, 0, one_way_ticks)?;
    let lossy = bytes_per_tick(scene, ticks, LOSS_PERMILLE, one_way_ticks)?;
    Ok(figures.with(BYTES_PERFECT, perfect).with(BYTES_LONG, long).with(BYTES_LOSSY, lossy))
}

/// A frame on its way to the client.
enum Frame {
    Structure(bytes::Bytes),
    State(bytes::Bytes),
}

fn bytes_per_tick(scene: &Scene, ticks: usize, loss_permille: u32, one_way_ticks: f64) -> anyhow::Result<f64> {
    let key = ClientKey(0);
    let mut run = Run::new(scene, SEED);
    let mut world = World::new(&run)?;
    let mut mirror = Mirror::new(world.schemas.clone());
    for frame in world.replicator.add_client(key, Viewer::default())?.iter() {
        mirror.apply_snapshot_chunk(frame)?;
    }
    let mut down: Link<Frame> = Link::new(SEED, loss_permille, one_way_ticks);
    let mut up: Link<Acks> = Link::new(SEED + 1, loss_permille, one_way_ticks);
    let (mut bytes, mut out) = (0, Outgoing::default());
    for tick in 0..ticks + SETTLE_TICKS {
        let now = tick as f64;
        while let Some((_, acks)) = up.receive(now) {
            world.replicator.ack(key, acks);
        }
        if tick < ticks {
            run.step();
            world.tick(&run)?;
        } else {
            world.quiet_tick()?;
        }
        world.replicator.assemble(key, 0, &mut out)?;
        if tick < ticks {
            bytes += out.reliable.iter().chain(&out.state).map(bytes::Bytes::len).sum::<usize>();
        }
        out.reliable.drain(..).for_each(|frame| down.send_reliably(now, Frame::Structure(frame)));
        out.state.drain(..).for_each(|frame| down.send(now, Frame::State(frame)));
        // Whatever arrives before the next tick is taken in, and acknowledged at once, as it arrives.
        while let Some((at, frame)) = down.receive(now + 0.999) {
            match frame {
                Frame::Structure(frame) => drop(mirror.apply_reliable(&frame)?),
                Frame::State(frame) => drop(mirror.apply_state(&frame)?),
            }
            up.send(at, mirror.acks());
        }
    }
    ensure!(world.is_shown(&mirror, &run), "{loss_permille} ‰ lost: the mirror differs: {:?}", mirror.stats());
    Ok(bytes as f64 / ticks as f64)
}
