//! What a browser pays to follow a world: the frames for it.
//!
//! `hd1-peer record-browser FILE [--quick]` writes what a server sends to a client of S1, where 1,000 entities change
//! every tick: the welcome, the snapshot, then tick by tick. `benches/browser` feeds them to the page's client core in
//! Chromium and measures. The file is a line of JSON, then frames, each behind its tick and its length (u32, little
//! endian); those before the first tick bear tick 0.

use std::{fs, path::Path};

use anyhow::{Context, bail, ensure};
use bytes::{BufMut, Bytes};
use hd1_core::{ClientType, ParticipantId, PlayerId, Role, SessionId, TickRate};
use hd1_protocol::{
    ClientMessage, Encoding, Mirror, PROTOCOL_VERSION, Packet, Room, encode_message,
    message::{Hello, Welcome},
};
use hd1_replication::{ClientKey, Outgoing, Viewer};
use hd1_scenario::{Run, SEED, Scene};
use hd1_schema::catalogue_hash;
use hd1_session::{ClientEvent, Rates, ServerConnection, Transmit};
use serde_json::json;

use super::world::World;

/// The first word of its command line.
pub const RECORD: &str = "record-browser";
/// Its scene in the figures.
pub const SCENE: &str = "browser";
/// Processor time of the page for the frames of a tick, microseconds, median.
pub const BROWSER_US_TICK: &str = "browser_us_tick";
/// The scene that is shown.
const SHOWN: &str = "s1";
/// A browser compiles what runs often once more: that much is not measured.
const WARM_TICKS: usize = 100;
const KEY: ClientKey = ClientKey(0);

/// A server's end of a connection, and all that left by it.
struct Recorder {
    connection: ServerConnection,
    now_us: u64,
    file: Vec<u8>,
}

impl Recorder {
    fn new() -> Self {
        Recorder {
            connection: ServerConnection::new(0, Encoding::Binary, Rates::default()),
            now_us: 0,
            file: Vec::new(),
        }
    }

    /// What waits to leave is of this tick; the frames.
    fn write(&mut self, tick: u32) -> anyhow::Result<Vec<Bytes>> {
        let mut frames = Vec::new();
        while let Some(transmit) = self.connection.poll_transmit(self.now_us, Room::ALL) {
            let Transmit::Packet(packet) = transmit else { bail!("the server closed the connection") };
            self.file.put_u32_le(tick);
            self.file.put_u32_le(packet.frame.len().try_into()?);
            self.file.put_slice(&packet.frame);
            frames.push(packet.frame);
        }
        Ok(frames)
    }
}

/// Writes the file.
///
/// # Errors
/// A frame cannot be made, the recording's own mirror differs, or the file cannot be written.
pub fn record(words: &[String]) -> anyhow::Result<()> {
    let (file, quick) = match words {
        [file] => (file, false),
        [file, word] if word == "--quick" => (file, true),
        _ => bail!("usage: hd1-peer {RECORD} FILE [--quick]"),
    };
    let scene = Scene::named(SHOWN).context("a scene is gone")?;
    let ticks = WARM_TICKS + scene.ticks(quick).1;
    let mut run = Run::new(scene, SEED);
    let mut world = World::new(&run)?;
    let mut recorder = Recorder::new();
    let mut mirror = Mirror::new(world.schemas.clone());

    let hello = Hello {
        version: PROTOCOL_VERSION,
        client: ClientType::Web,
        capabilities: Vec::new(),
        ticket: Some("recorded".into()),
        resume: None,
        catalogue: None,
    };
    let hello = encode_message(Encoding::Binary, &ClientMessage::Hello(hello));
    recorder.connection.handle_packet(0, &Packet::control(hello));
    let said = recorder.connection.poll_event();
    ensure!(matches!(said, Some(ClientEvent::Hello { .. })), "a hello was not taken for one");
    recorder.connection.accept(0, welcome(&world), &world.schemas);
    let snapshot = world.replicator.add_client(KEY, Viewer::default())?;
    snapshot.iter().try_for_each(|chunk| mirror.apply_snapshot_chunk(chunk).map(drop))?;
    recorder.connection.send_snapshot(0, world.now(), snapshot);
    recorder.write(0)?;

    let mut out = Outgoing::default();
    for tick in 1..=ticks {
        run.step();
        recorder.now_us += world_rate().period_ns() / 1_000;
        world.replicator.ack(KEY, mirror.acks());
        world.tick(&run)?;
        out.clear();
        world.replicator.assemble(KEY, 0, &mut out)?;
        out.reliable.iter().try_for_each(|frame| mirror.apply_reliable(frame).map(drop))?;
        out.state.iter().try_for_each(|frame| mirror.apply_state(frame).map(drop))?;
        out.reliable.drain(..).for_each(|frame| recorder.connection.send_structure(recorder.now_us, frame));
        recorder.connection.send_state(recorder.now_us, world.now(), out.state.drain(..));
        ensure!(!recorder.write(tick.try_into()?)?.is_empty(), "nothing was sent of a tick in which all changed");
    }
    ensure!(world.is_shown(&mirror, &run), "the recording's own mirror differs");
    let head = json!({
        "ticks": ticks,
        "warm_ticks": WARM_TICKS,
        "period_us": world_rate().period_ns() / 1_000,
        "last_tick": world.now().0,
        "entities": scene.entity_count,
    });
    let content = [head.to_string().as_bytes(), b"\n", &recorder.file].concat();
    fs::write(Path::new(file), content).with_context(|| format!("cannot write {file}"))
}

fn world_rate() -> TickRate {
    TickRate::DEFAULT
}

fn welcome(world: &World) -> Welcome {
    Welcome {
        version: PROTOCOL_VERSION,
        capabilities: Vec::new(),
        session: SessionId::generate(),
        participant: ParticipantId::generate(),
        player: PlayerId(1),
        role: Role::Viewer,
        tick: world.now(),
        tick_rate: world_rate(),
        server_us: 0,
        resume_token: String::new(),
        resume_grace_s: 0,
        catalogue_hash: catalogue_hash(&world.schemas),
        catalogue: None,
        participants: Vec::new(),
        movement: None,
        camera: None,
    }
}
