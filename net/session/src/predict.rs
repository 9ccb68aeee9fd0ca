//! Prediction: the own avatar where the server will have it once it has applied what the client asks for now.
//!
//! The newest position from the server is taken as it is, and all inputs that it did not know yet are replayed on top,
//! by the very function that the server steps avatars with. Nothing that was predicted outlives the next position from
//! the server; what that changes is not shown as a jump but as an offset that fades.
//!
//! **How long an input lasts.** The server steps an avatar once a tick by the newest input that has come, and holds it
//! until another comes. So an input is not a step: it is a change that begins with some tick. Which one is measured: the
//! server says with every tick the newest input it applied, and the median of the last such answers tells in which tick
//! an input that leaves now will be applied. A client may therefore send an input per tick or one a minute; the world's
//! ticks are replayed either way. An answer corrects the expectation for the input itself: what the server had applied
//! by its tick began no later, what it had not began no sooner.
//!
//! **What is not sent.** A state carries the position but no speed. On foot that is the vertical one, and it is
//! reckoned: 0 on the floor; in the air what the prediction has where it agrees with the position, else the difference
//! of two neighbouring ticks.

mod inputs;

use hd1_core::{Tick, TickRate};
use hd1_movement::{
    MoveMode, MoveRules, Mover,
    math::{self, Vec3},
    step_avatar,
};
use hd1_protocol::InputSample;

use crate::{limits, playhead::Playhead};
use inputs::Inputs;

/// Metres of a correction beyond which the avatar was moved, not mispredicted: it is shown there at once.
const SNAP_M: f32 = 3.0;
/// Microseconds in which an offset fades to a third.
const FADE_US: f32 = 100_000.0;
/// Positions are sent in millimetres: what differs by one is the same.
const QUANTUM_M: f32 = 0.001;
/// Metres of change in a prediction that count as a correction.
const CORRECTION_M: f32 = 0.01;

/// The own avatar as the server showed it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AvatarState {
    /// At this tick.
    pub tick: Tick,
    /// Metres.
    pub position: Vec3,
    /// The newest input that was applied by then.
    pub input_ack: u32,
}

/// How well it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PredictionStats {
    /// Metres between the newest position from the server and what was predicted for its tick when the input for it
    /// left; `None` where no input was for that tick.
    pub error_m: Option<f32>,
    /// States from the server that moved the prediction.
    pub corrections: u64,
    /// Inputs that the server has not confirmed.
    pub pending_inputs: usize,
}

/// See the module's words. Times are microseconds of the client's clock.
#[derive(Debug)]
pub struct Prediction {
    rules: MoveRules,
    dt: f32,
    period_us: f64,
    ticks_ahead_max: u64,
    /// The tick in which an input that leaves now is applied.
    playhead: Playhead,
    known: Option<Known>,
    inputs: Inputs,
    /// What is shown besides the prediction, and since when.
    offset: (Vec3, u64),
    error_m: Option<f32>,
    corrections: u64,
}

/// The newest state from the server, with the vertical speed that was reckoned for it.
#[derive(Clone, Copy, Debug)]
struct Known {
    tick: u64,
    mover: Mover,
}

impl Prediction {
    /// Of an avatar that moves by these rules.
    #[must_use]
    pub fn new(rules: MoveRules, rate: TickRate) -> Self {
        let period_us = rate.period_ns() as f64 / 1_000.0;
        Prediction {
            rules,
            dt: rate.dt_s(),
            period_us,
            ticks_ahead_max: u64::from(rate.hz() * limits::PREDICTED_S_MAX).max(1),
            playhead: Playhead::new(period_us),
            known: None,
            inputs: Inputs::default(),
            offset: ([0.0; 3], 0),
            error_m: None,
            corrections: 0,
        }
    }

    /// This input leaves now.
    pub fn on_input(&mut self, now: u64, sample: &InputSample) {
        let shown = self.position(now);
        let tick = self.current_tick(now).map_or(0, |(tick, _)| tick);
        self.inputs.push(now, tick, sample);
        if let Some(expected) = self.at(tick) {
            self.inputs.expect(expected.position);
        }
        self.show_from(now, shown);
    }

    /// A state came, newer than all before it or ignored. `phase_us` is [`ServerClock::input_phase_us`]: good until the
    /// server has confirmed some inputs.
    ///
    /// [`ServerClock::input_phase_us`]: crate::ServerClock::input_phase_us
    pub fn on_state(&mut self, now: u64, state: AvatarState, phase_us: Option<f64>) {
        let tick = state.tick.0;
        if self.known.is_some_and(|known| tick <= known.tick) {
            return;
        }
        let (shown, before) = (self.position(now), self.replayed(now));
        self.error_m = self.inputs.expected_at(tick).map(|expected| distance(expected, state.position));
        let mover = self.mover_of(tick, state.position);
        let follows = self.known.is_some_and(|known| known.tick == tick - 1);
        self.inputs.confirm(tick, state.input_ack, follows, self.period_us);
        self.known = Some(Known { tick, mover });
        if let Some((before, after)) = before.zip(self.replayed(now)) {
            self.corrections += u64::from(distance(before, after) > CORRECTION_M);
        }
        if let Some(phase_us) = self.inputs.phase_us().or(phase_us) {
            self.playhead.follow(now, phase_us);
        }
        self.show_from(now, shown);
    }

    /// Where to draw the avatar, in metres; `None` before the first state and pong.
    #[must_use]
    pub fn position(&self, now: u64) -> Option<Vec3> {
        let (offset, since_us) = self.offset;
        let fade = libm::expf(-(now.saturating_sub(since_us) as f32) / FADE_US);
        Some(math::add(self.replayed(now)?, math::scale(offset, fade)))
    }

    /// How well it goes.
    #[must_use]
    pub fn stats(&self) -> PredictionStats {
        PredictionStats {
            error_m: self.error_m,
            corrections: self.corrections,
            pending_inputs: self.inputs.pending_count(),
        }
    }

    /// The tick that an input leaving now is for, and how much of it has passed.
    fn current_tick(&self, now: u64) -> Option<(u64, f32)> {
        let moment = self.playhead.moment(now)? + 0.5;
        Some((moment as u64, moment.fract() as f32))
    }

    /// Without the offset: between the ends of the tick before the current one and of the current one.
    fn replayed(&self, now: u64) -> Option<Vec3> {
        let (tick, passed) = self.current_tick(now)?;
        let before = self.at(tick.saturating_sub(1))?;
        let after = self.at(tick)?;
        Some(math::lerp(before.position, after.position, passed))
    }

    /// The avatar at the end of `tick`, replayed from the newest state.
    fn at(&self, tick: u64) -> Option<Mover> {
        let known = self.known?;
        let end = tick.min(known.tick.saturating_add(self.ticks_ahead_max));
        let mut mover = known.mover;
        let mut inputs = self.inputs.replay();
        for tick in known.tick.saturating_add(1)..=end {
            // An avatar that was never asked for anything stands still, in the air too.
            if let Some(intent) = inputs.held_at(tick) {
                mover = step_avatar(mover, intent, self.dt, &self.rules);
            }
        }
        Some(mover)
    }

    /// The position from the server with the vertical speed that belongs to it.
    fn mover_of(&self, tick: u64, mut position: Vec3) -> Mover {
        if self.rules.mode == MoveMode::Fly {
            return Mover { position, rise: 0.0 };
        }
        let floor = self.rules.floor.max(self.rules.min[1]);
        if position[1] - floor <= QUANTUM_M {
            position[1] = floor;
            return Mover { position, rise: 0.0 };
        }
        let predicted = self.at(tick);
        let rise = match (self.known, predicted) {
            (_, Some(predicted)) if (predicted.position[1] - position[1]).abs() <= 2.0 * QUANTUM_M => predicted.rise,
            (Some(known), _) if known.tick == tick - 1 => (position[1] - known.mover.position[1]) / self.dt,
            (_, predicted) => predicted.map_or(0.0, |predicted| predicted.rise),
        };
        Mover { position, rise }
    }

    /// Goes on from where the avatar was just shown, unless that is far off.
    fn show_from(&mut self, now: u64, shown: Option<Vec3>) {
        let offset = shown.zip(self.replayed(now)).map(|(shown, replayed)| math::sub(shown, replayed));
        self.offset = (offset.filter(|offset| math::length(*offset) <= SNAP_M).unwrap_or_default(), now);
    }
}

fn distance(a: Vec3, b: Vec3) -> f32 {
    math::length(math::sub(a, b))
}
