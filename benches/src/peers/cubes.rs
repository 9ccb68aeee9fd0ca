//! The library scene `cubes` at 60 Hz, simulated: what does its one client receive, pushing cubes about and at rest?

use anyhow::ensure;
use hd1_core::{ClientType, PlayerId, Role, SessionId, TickRate};
use hd1_protocol::{InputSample, Mirror};
use hd1_replication::{ClientKey, Interest, Outgoing, Replicator, Viewer, WorldCapture};
use hd1_scenario::Figures;
use hd1_sim::{Command, Sim, SimConfig, TickInput};

/// Among the scenes.
pub const NAME: &str = "cubes";
/// While the avatar walks through the cubes, kbit/s.
pub const PLAY_KBIT: &str = "play_kbit";
/// While it stands and nothing moves, kbit/s.
pub const REST_KBIT: &str = "rest_kbit";

const HZ: u32 = 60;
const PLAYER: PlayerId = PlayerId(1);
const KEY: ClientKey = ClientKey(1);
/// From the spawn point to the middle at walking speed.
const APPROACH_TICKS: u32 = 240;
/// For the cubes to come to rest.
const SETTLE_S: u32 = 5;

/// Runs it: play, settle, rest.
///
/// # Errors
/// The scene does not load, or the mirror finds a check sum wrong.
pub fn measure(quick: bool, figures: Figures) -> anyhow::Result<Figures> {
    let seconds = if quick { 20 } else { 60 };
    let mut table = Table::new()?;
    let play = table.run(seconds, Some(walk))?;
    let played = table.mirror.stats().updates;
    table.run(SETTLE_S, None)?;
    let rest = table.run(seconds, None)?;
    let stats = table.mirror.stats();
    ensure!(stats.desyncs == 0 && stats.checks > 0, "the mirror differs: {stats:?}");
    let ticks = f64::from(seconds * HZ);
    Ok(figures.with(PLAY_KBIT, play).with(REST_KBIT, rest).with("play_updates_tick", played as f64 / ticks))
}

/// The world and its one client.
struct Table {
    sim: Sim,
    replicator: Replicator,
    capture: WorldCapture,
    mirror: Mirror,
    input_seq: u32,
}

impl Table {
    fn new() -> anyhow::Result<Self> {
        let scene = hd1_scenes::library::load(NAME)?;
        let config = SimConfig { tick_rate: TickRate::try_from(HZ)?, ..SimConfig::new(SessionId::generate()) };
        let mut sim = Sim::from_scene(config, &scene)?;
        let (mut replicator, mut capture) = (Replicator::new([], Interest::EVERYTHING), WorldCapture::default());
        let join = Command::Join {
            player: PLAYER,
            name: "player".into(),
            role: Role::Participant,
            client_type: ClientType::Bot,
        };
        let output = sim.tick(&TickInput { commands: vec![join] });
        let schemas = capture.capture(sim.world_mut(), output.tick, &mut replicator)?;
        let mut mirror = Mirror::new(schemas);
        for frame in replicator.add_client(KEY, Viewer::default())?.iter() {
            mirror.apply_snapshot_chunk(frame)?;
        }
        Ok(Table { sim, replicator, capture, mirror, input_seq: 0 })
    }

    /// The mean rate to the client, kbit/s.
    fn run(&mut self, seconds: u32, input: Option<fn(u32) -> InputSample>) -> anyhow::Result<f64> {
        let mut bytes = 0;
        let mut out = Outgoing::default();
        for _ in 0..seconds * HZ {
            self.input_seq += 1;
            let sample = input.map_or_else(InputSample::default, |input| input(self.input_seq));
            let sample = InputSample { seq: self.input_seq, ..sample };
            let output = self.sim.tick(&TickInput { commands: vec![Command::Input { player: PLAYER, sample }] });
            self.replicator.ack(KEY, self.mirror.acks());
            self.capture.capture(self.sim.world_mut(), output.tick, &mut self.replicator)?;
            out.clear();
            self.replicator.assemble(KEY, self.input_seq, &mut out)?;
            for frame in &out.reliable {
                self.mirror.apply_reliable(frame)?;
            }
            for frame in &out.state {
                self.mirror.apply_state(frame)?;
            }
            bytes += out.reliable.iter().chain(&out.state).map(bytes::Bytes::len).sum::<usize>();
        }
        Ok(bytes as f64 * 8.0 / 1000.0 / f64::from(seconds))
    }
}

/// From the edge to the middle of the field, then in circles of 5 to 15 m.
fn walk(seq: u32) -> InputSample {
    let circling = seq.saturating_sub(APPROACH_TICKS) as f32;
    let yaw = 0.0125 * circling + 6.0 * (1.0 - (0.001 * circling).cos());
    InputSample { forward: 1.0, yaw: yaw % std::f32::consts::TAU, ..InputSample::default() }
}
