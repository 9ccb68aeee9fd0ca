//! S2 over real WebSockets without TLS, on loopback: what does the server's process cost a tick, system calls included?
//!
//! The clients are a process of their own on another core, each with a mirror that is checked at the end. Over an ordered
//! link they acknowledge one tick in a few. Measured is processor time from the start of a tick that follows such a
//! one until every client's next acknowledgement has been read, a tick of it; Colyseus' clients have nothing to say, so that
//! part is HD1's alone.

pub mod watchers;

use std::{
    env, fs,
    process::{Child, Command},
    time::Duration,
};

use anyhow::{Context, ensure};
use futures_util::{FutureExt, future::try_join_all};
use hd1_core::Tick;
use hd1_protocol::{Acks, Encoding, FrameKind, InputFrame, Packet, SUBPROTOCOL_MSGPACK};
use hd1_replication::{ClientKey, Outgoing, Viewer};
use hd1_scenario::{Figures, Run, SEED, Scene, median};
use hd1_transport::{Link, LinkEvent, gather::gather};
use rustix::time::{ClockId, clock_gettime};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{accept_hdr_async, tungstenite::http::HeaderValue};

use super::world::World;

/// Among the scenes; its figures are S2's.
pub const NAME: &str = "s2_ws";
/// Ticks between two acknowledgements, of thirty a second: as the real clients do.
pub const ACK_TICKS: u64 = 8;
/// The scene that is shown.
const SCENE: &str = "s2";
/// Processor time of the server's process in a tick, microseconds, median.
pub const WS_US_TICK: &str = "ws_us_tick";

/// Runs it.
///
/// # Errors
/// A client does not show what the server holds, or the sockets fail.
pub fn measure(quick: bool, figures: Figures) -> anyhow::Result<Figures> {
    let scene = Scene::named(SCENE).context("a scene is gone")?;
    let figures = Figures { scene: SCENE.into(), ..figures };
    // As the server's own threads for links wait.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().on_thread_park(gather).build()?;
    Ok(figures.with(WS_US_TICK, median(runtime.block_on(serve(scene, quick))?)))
}

/// One client as the server knows it.
struct Served {
    key: ClientKey,
    link: Link,
    acks: Acks,
    /// The newest tick that it has acknowledged itself.
    heard: Tick,
}

/// Processor time of each tick, microseconds.
async fn serve(scene: &Scene, quick: bool) -> anyhow::Result<Vec<f64>> {
    let (warm, measured) = scene.ticks(quick);
    let ticks = warm + measured;
    let mut run = Run::new(scene, SEED);
    let mut world = World::new(&run)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut watchers = start_watchers(listener.local_addr()?.port(), ticks)?;
    let mut clients = Vec::new();
    for key in 0..scene.client_count as u64 {
        let mut link = upgraded(listener.accept().await?.0).await?;
        let snapshot = world.replicator.add_client(ClientKey(key), Viewer::default())?;
        for (i, frame) in snapshot.iter().enumerate() {
            link.send(Packet::bulk(frame.clone(), i + 1 == snapshot.len()));
        }
        clients.push(Served { key: ClientKey(key), link, acks: Acks::of(world.now()), heard: Tick(0) });
    }
    acknowledged(&mut clients, world.now()).await?;
    let (mut cpu_us, mut out) = (Vec::new(), Outgoing::default());
    let (mut spent, mut spent_ticks) = (Duration::ZERO, 0);
    for tick in 0..ticks {
        run.step();
        let start = cpu_time();
        for client in &clients {
            world.replicator.ack(client.key, client.acks);
        }
        world.tick(&run)?;
        for client in &mut clients {
            out.clear();
            world.replicator.assemble(client.key, 0, &mut out)?;
            out.reliable.drain(..).for_each(|frame| client.link.send(Packet::control(frame)));
            out.state.drain(..).for_each(|frame| client.link.send(Packet::datagram(frame)));
            // What has left over an ordered link counts as received.
            client.acks.insert(world.now());
        }
        let hears = world.now().0.is_multiple_of(ACK_TICKS) || tick + 1 == ticks;
        if hears {
            acknowledged(&mut clients, world.now()).await?;
        } else {
            written(&mut clients)?;
        }
        (spent, spent_ticks) = (spent + (cpu_time() - start), spent_ticks + 1);
        if hears {
            if tick >= warm && spent_ticks == ACK_TICKS {
                cpu_us.push(spent.as_secs_f64() * 1e6 / ACK_TICKS as f64);
            }
            (spent, spent_ticks) = (Duration::ZERO, 0);
        }
    }
    // They go when their links do.
    drop(clients);
    ensure!(watchers.wait()?.success(), "a mirror differs");
    Ok(cpu_us)
}

/// Writes what is queued and reads until everybody has `tick`.
async fn acknowledged(clients: &mut [Served], tick: Tick) -> anyhow::Result<()> {
    try_join_all(clients.iter_mut().map(|client| async move {
        while client.heard < tick {
            let event = client.link.next().await?;
            client.hear(&event)?;
        }
        anyhow::Ok(())
    }))
    .await?;
    Ok(())
}

/// Writes what is queued, as far as the sockets take it: what they do not goes with the next tick.
fn written(clients: &mut [Served]) -> anyhow::Result<()> {
    for client in clients {
        while let Some(event) = client.link.next().now_or_never() {
            client.hear(&event?)?;
        }
    }
    Ok(())
}

impl Served {
    fn hear(&mut self, event: &LinkEvent) -> anyhow::Result<()> {
        if let LinkEvent::Packet(packet) = event {
            ensure!(packet.frame.first() == Some(&(FrameKind::Input as u8)), "a client said something else");
            self.heard = InputFrame::decode(&packet.frame)?.acked.newest();
        }
        Ok(())
    }
}

/// Answers a client's upgrade, as the HTTP server does for the real one.
async fn upgraded(stream: TcpStream) -> anyhow::Result<Link> {
    let peer = stream.peer_addr()?;
    stream.set_nodelay(true)?;
    #[expect(clippy::result_large_err, reason = "the library's signature")]
    let socket = accept_hdr_async(stream, |_: &_, mut response: tokio_tungstenite::tungstenite::http::Response<()>| {
        response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL_MSGPACK));
        Ok(response)
    })
    .await?;
    Ok(Link::websocket(Box::new(socket.into_inner()), Encoding::Binary, peer).await)
}

/// The clients' process, on the first core where there is a way to say so: the server is pinned to another.
fn start_watchers(port: u16, ticks: usize) -> anyhow::Result<Child> {
    let program = env::current_exe()?;
    let mut command = match fs::exists("/usr/bin/taskset") {
        Ok(true) => {
            let mut command = Command::new("/usr/bin/taskset");
            command.args(["-c", "0"]).arg(program);
            command
        }
        _ => Command::new(program),
    };
    command.args([watchers::NAME, &port.to_string(), &ticks.to_string()]);
    command.spawn().context("cannot start the clients")
}

/// Of all threads of this process, user and system.
fn cpu_time() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec as u64, spent.tv_nsec as u32)
}
