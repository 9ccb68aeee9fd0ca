//! The clients of the WebSocket scene: `hd1-peer watch-ws PORT TICKS`.

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use hd1_core::Tick;
use hd1_protocol::{Encoding, FrameKind, InputFrame, Mirror, Packet, StateOutcome};
use hd1_scenario::{Run, SEED, Scene};
use hd1_transport::{LinkEvent, connect};

use super::{super::world::World, ACK_TICKS, SCENE};

/// The first word of its command line.
pub const NAME: &str = "watch-ws";

/// Connects every client, follows the scene and compares the mirrors with it.
///
/// # Errors
/// One differs, or a connection ends early.
pub fn run(words: &[String]) -> anyhow::Result<()> {
    let [port, ticks] = words else { anyhow::bail!("usage: hd1-peer {NAME} PORT TICKS") };
    let ticks: usize = ticks.parse().context("the number of ticks")?;
    let scene = Scene::named(SCENE).context("a scene is gone")?;
    let url = format!("ws://127.0.0.1:{port}/");
    let mut run = Run::new(scene, SEED);
    // As the server's: only to know the components, and how close is close.
    let world = World::new(&run)?;
    let last = Tick(world.now().0 + ticks as u64);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let watching = (0..scene.client_count).map(|_| watch(&url, Mirror::new(world.schemas.clone()), last));
    let mirrors = runtime.block_on(try_join_all(watching))?;
    (0..ticks).for_each(|_| run.step());
    ensure!(mirrors.iter().all(|mirror| world.is_shown(mirror, &run)), "a mirror differs");
    Ok(())
}

/// One client, until it has the last tick.
async fn watch(url: &str, mut mirror: Mirror, last: Tick) -> anyhow::Result<Mirror> {
    let mut has_said = false;
    let mut link = connect::web_socket(url, Encoding::Binary).await?;
    while mirror.acked() < last {
        let LinkEvent::Packet(packet) = link.next().await? else { continue };
        let frame = &packet.frame;
        let complete = match frame.first().copied().and_then(FrameKind::of) {
            Some(FrameKind::State) => matches!(mirror.apply_state(frame)?, StateOutcome::Complete(_)),
            Some(FrameKind::Structure | FrameKind::SnapshotChunk) => mirror.apply_reliable(frame)?,
            _ => false,
        };
        let tick = mirror.acked();
        if complete && (tick == last || tick.0.is_multiple_of(ACK_TICKS) || !has_said) {
            has_said = true;
            link.send(Packet::datagram(InputFrame { acked: mirror.receipt(), ..InputFrame::default() }.encode()));
        }
    }
    // The last acknowledgement leaves with this wait, which ends when the server goes.
    let _ = link.next().await;
    Ok(mirror)
}
