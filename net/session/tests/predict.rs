//! Prediction over a simulated network: an avatar that walks, sprints and jumps 150 ms away from its server.

use hd1_core::{Tick, TickRate};
use hd1_movement::{
    Intent, MoveMode, MoveRules, Mover,
    math::{self, Vec3},
    step_avatar,
};
use hd1_protocol::InputSample;
use hd1_session::{AvatarState, Prediction, ServerClock};

const PERIOD_US: u64 = 33_333;
const FRAME_US: u64 = 7_000;
/// The client's ticks lie between the server's, as they fall.
const CLIENT_PHASE_US: u64 = 12_345;
const QUANTUM_M: f32 = 0.001;
/// A quantisation step on each axis: half of it at the state that was replayed from, half at the one that came.
const SAME_M: f32 = 1.75 * QUANTUM_M;

const RULES: MoveRules = MoveRules {
    mode: MoveMode::Walk,
    speed: 4.5,
    sprint: 2.0,
    jump: 5.0,
    fall: 9.81,
    floor: 0.9,
    min: [-500.0, 0.0, -500.0],
    max: [500.0, 50.0, 500.0],
};

/// Each way: 75 ms, some jitter, some loss.
#[derive(Clone, Copy, Default)]
struct Network {
    jitter_us: u64,
    loss_up: f64,
    loss_down: f64,
}

/// The server's side: one avatar, stepped as `server/sim` steps it.
struct Server {
    tick: u64,
    mover: Mover,
    input: InputSample,
}

impl Server {
    fn step(&mut self, arrived: impl Iterator<Item = InputSample>) -> AvatarState {
        self.tick += 1;
        self.input = arrived.fold(self.input, |held, new| if new.seq > held.seq { new } else { held });
        let InputSample { seq, strafe, forward, yaw, pitch, buttons } = self.input.quantised();
        if seq > 0 {
            let intent = Intent { strafe, forward, yaw, pitch, buttons }.sane();
            self.mover = step_avatar(self.mover, intent, TickRate::DEFAULT.dt_s(), &RULES);
        }
        let position = self.mover.position.map(|v| (v / QUANTUM_M).round() * QUANTUM_M);
        AvatarState { tick: Tick(self.tick), position, input_ack: seq }
    }
}

struct Story {
    network: Network,
    now: u64,
    random: u64,
    server: Server,
    prediction: Prediction,
    clock: ServerClock,
    seq: u32,
    up: Vec<(u64, InputSample)>,
    down: Vec<(u64, AvatarState)>,
    /// At each state whose tick an input was for.
    errors_m: Vec<f32>,
    /// At each frame.
    drawn: Vec<Vec3>,
}

impl Story {
    fn new(network: Network) -> Self {
        let mover = Mover { position: [0.0, RULES.floor, 0.0], rise: 0.0 };
        let mut clock = ServerClock::new(TickRate::DEFAULT);
        clock.on_pong(150_000, 0, 0, Tick(0));
        Story {
            network,
            now: 0,
            random: 7,
            server: Server { tick: 0, mover, input: InputSample::default() },
            prediction: Prediction::new(RULES, TickRate::DEFAULT),
            clock,
            seq: 0,
            up: Vec::new(),
            down: Vec::new(),
            errors_m: Vec::new(),
            drawn: Vec::new(),
        }
    }

    fn chance(&mut self) -> f64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 40) as f64 / (1u64 << 24) as f64
    }

    fn arrival(&mut self, loss: f64) -> Option<u64> {
        let lost = self.chance() < loss;
        let late_us = (self.chance() * self.network.jitter_us as f64) as u64;
        (!lost).then_some(self.now + 75_000 + late_us)
    }

    fn send(&mut self, sample: InputSample) {
        self.seq += 1;
        let sample = InputSample { seq: self.seq, ..sample };
        self.prediction.on_input(self.now, &sample);
        if let Some(at) = self.arrival(self.network.loss_up) {
            self.up.push((at, sample));
        }
    }

    /// Lets `seconds` pass; the client sends what `steer` says once per tick, where it says something.
    fn run(&mut self, seconds: f64, mut steer: impl FnMut(u64) -> Option<InputSample>) {
        let end = self.now + (seconds * 1.0e6) as u64;
        while self.now < end {
            self.now += 1;
            if self.now % PERIOD_US == CLIENT_PHASE_US
                && let Some(sample) = steer(self.now)
            {
                self.send(sample);
            }
            if self.now.is_multiple_of(PERIOD_US) {
                let now = self.now;
                let arrived: Vec<_> = self.up.extract_if(.., |(at, _)| *at <= now).map(|(_, sample)| sample).collect();
                let state = self.server.step(arrived.into_iter());
                if let Some(at) = self.arrival(self.network.loss_down) {
                    self.down.push((at, state));
                }
            }
            if self.now.is_multiple_of(FRAME_US) {
                self.frame();
            }
        }
    }

    fn frame(&mut self) {
        let now = self.now;
        let mut states: Vec<_> = self.down.extract_if(.., |(at, _)| *at <= now).collect();
        states.sort_by_key(|(_, state)| state.tick);
        for (at, state) in states {
            self.clock.on_tick(at, state.tick);
            self.prediction.on_state(now, state, self.clock.input_phase_us());
            self.errors_m.extend(self.prediction.stats().error_m);
        }
        self.drawn.extend(self.prediction.position(now));
    }

    /// What so large a share of the errors stays below.
    fn quantile_m(&self, share: f64) -> f32 {
        let mut errors_m = self.errors_m.clone();
        errors_m.sort_by(f32::total_cmp);
        errors_m[((errors_m.len() - 1) as f64 * share) as usize]
    }

    fn worst_step_m(&self, from: usize) -> f32 {
        self.drawn[from..].windows(2).map(|pair| math::length(math::sub(pair[1], pair[0]))).fold(0.0, f32::max)
    }
}

/// Walks, turns, sprints, jumps at a run and stands, over and over.
fn lively(now: u64) -> Option<InputSample> {
    let tenth = now / 100_000;
    let buttons = if tenth % 40 > 20 { Intent::SPRINT } else { 0 } | if tenth % 17 < 2 { Intent::JUMP } else { 0 };
    let forward = if tenth % 50 > 44 { 0.0 } else { 1.0 };
    let strafe = [0.0, 1.0, -0.5][(tenth / 7 % 3) as usize];
    Some(InputSample { forward, strafe, yaw: now as f32 * 1.0e-6, buttons, ..InputSample::default() })
}

fn ahead(_: u64) -> Option<InputSample> {
    Some(InputSample { forward: 1.0, ..InputSample::default() })
}

#[test]
fn what_is_predicted_is_what_comes() {
    let mut story = Story::new(Network::default());
    story.run(1.0, ahead);
    story.errors_m.clear();
    story.run(20.0, lively);
    assert!(story.errors_m.len() > 500, "{} states", story.errors_m.len());
    assert!(story.quantile_m(1.0) <= SAME_M, "{} m", story.quantile_m(1.0));
    assert!(story.server.mover.position != [0.0, RULES.floor, 0.0]);
    let stats = story.prediction.stats();
    assert!((4..=7).contains(&stats.pending_inputs), "a round trip of inputs is under way: {stats:?}");
}

#[test]
fn lost_states_cost_nothing() {
    let mut story = Story::new(Network { loss_down: 0.2, ..Network::default() });
    story.run(1.0, ahead);
    story.errors_m.clear();
    story.run(20.0, lively);
    assert!(story.errors_m.len() > 400, "{} states", story.errors_m.len());
    assert!(story.quantile_m(1.0) <= SAME_M, "{} m", story.quantile_m(1.0));
}

#[test]
fn lost_and_late_inputs_are_made_good() {
    let mut story = Story::new(Network { jitter_us: 20_000, loss_up: 0.05, loss_down: 0.05 });
    story.run(1.0, ahead);
    story.errors_m.clear();
    story.run(30.0, lively);
    // Nine metres a second at the fastest: the worst is a change of direction that came some ticks late.
    assert!(story.quantile_m(0.5) <= 0.05, "{} m", story.quantile_m(0.5));
    assert!(story.quantile_m(1.0) <= 0.6, "{} m", story.quantile_m(1.0));
    story.run(1.0, |_| Some(InputSample::default()));
    let (drawn, server) = (story.drawn[story.drawn.len() - 1], story.server.mover.position);
    assert!(math::length(math::sub(drawn, server)) <= SAME_M, "{drawn:?} is not {server:?}");
}

#[test]
fn the_avatar_obeys_at_once_and_moves_evenly() {
    let mut story = Story::new(Network { jitter_us: 20_000, loss_up: 0.05, loss_down: 0.05 });
    story.run(1.0, |_| Some(InputSample::default()));
    let frames = story.drawn.len();
    story.run(0.05, ahead);
    let moved = story.drawn[story.drawn.len() - 1][2];
    assert!(moved < -0.05, "no round trip is waited for: {moved}");
    story.run(10.0, ahead);
    let worst = story.worst_step_m(frames);
    let even = RULES.speed * FRAME_US as f32 * 1.0e-6;
    assert!(worst < 2.0 * even, "{worst} m in a frame, where {even} is the way of one");
}

#[test]
fn one_input_is_held_until_the_next() {
    let mut story = Story::new(Network::default());
    story.run(1.0, ahead);
    story.errors_m.clear();
    story.run(2.0, |_| None);
    let drawn = story.drawn[story.drawn.len() - 1];
    let lead_m = story.server.mover.position[2] - drawn[2];
    let way_m = 0.1 * RULES.speed;
    assert!((0.5 * way_m..2.0 * way_m).contains(&lead_m), "{lead_m} m ahead of the server, and not behind it");
}

#[test]
fn a_push_by_the_server_fades_in_and_a_teleport_is_shown_at_once() {
    let mut story = Story::new(Network::default());
    story.run(1.0, |_| Some(InputSample::default()));
    story.server.mover.position[0] = 1.0;
    let frames = story.drawn.len();
    story.run(1.0, |_| Some(InputSample::default()));
    assert!(story.worst_step_m(frames) < 0.1, "{}", story.worst_step_m(frames));
    assert!((story.drawn[story.drawn.len() - 1][0] - 1.0).abs() <= SAME_M);
    assert_eq!(story.prediction.stats().corrections, 1);
    story.server.mover.position[0] = 50.0;
    let frames = story.drawn.len();
    story.run(1.0, |_| Some(InputSample::default()));
    assert!(story.worst_step_m(frames) > 48.0);
    assert!((story.drawn[story.drawn.len() - 1][0] - 50.0).abs() <= SAME_M);
}

#[test]
fn silence_from_the_server_is_bounded() {
    let mut story = Story::new(Network::default());
    story.run(1.0, ahead);
    let start = story.server.mover.position;
    story.network.loss_down = 1.0;
    story.run(30.0, ahead);
    assert!(story.prediction.stats().pending_inputs <= 256);
    let way_m = math::length(math::sub(story.drawn[story.drawn.len() - 1], start));
    assert!(way_m < 1.5 * RULES.speed, "after a second it waits: {way_m} m");
}
