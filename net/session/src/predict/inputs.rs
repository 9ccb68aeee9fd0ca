//! The inputs that left and are not history yet: each with the tick in which it is taken to begin.

use std::collections::VecDeque;

use hd1_movement::{Intent, math::Vec3};
use hd1_protocol::InputSample;

use crate::limits;

/// Answers of which the median is believed.
const PHASES: usize = 32;
/// Answers before the first is believed.
const PHASES_MIN: usize = 3;

#[derive(Clone, Copy, Debug)]
struct Sent {
    seq: u32,
    intent: Intent,
    sent_us: u64,
    /// The tick in which it begins, by all that is known.
    begins: u64,
    /// The tick that it was for when it left, and where the avatar was to be then.
    expected: (u64, Option<Vec3>),
}

/// See the module's words. Ascending in number and in the tick of their beginning.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    sent: VecDeque<Sent>,
    acked: u32,
    /// Per confirmed input: when it left, less the periods up to the tick that applied it.
    phases_us: VecDeque<f64>,
}

impl Inputs {
    /// This one leaves now, for `tick`. What the wire makes of it is what the server steps by.
    pub(super) fn push(&mut self, now: u64, tick: u64, sample: &InputSample) {
        let InputSample { seq, strafe, forward, yaw, pitch, buttons } = sample.quantised();
        let intent = Intent { strafe, forward, yaw, pitch, buttons }.sane();
        let begins = self.sent.back().map_or(tick, |last| tick.max(last.begins));
        if self.sent.len() == limits::PREDICTED_INPUTS_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { seq, intent, sent_us: now, begins, expected: (tick, None) });
    }

    /// Where the avatar is to be when the newest has been applied.
    pub(super) fn expect(&mut self, position: Vec3) {
        if let Some(newest) = self.sent.back_mut() {
            newest.expected.1 = Some(position);
        }
    }

    /// Where the avatar was to be at the end of `tick`.
    pub(super) fn expected_at(&self, tick: u64) -> Option<Vec3> {
        self.sent.iter().rev().find(|sent| sent.expected.0 == tick)?.expected.1
    }

    /// The state of `tick` had all up to `ack` in it and none after. `follows`: the state before it was of the tick
    /// before, so that a new `ack` was applied in `tick` and no sooner.
    pub(super) fn confirm(&mut self, tick: u64, ack: u32, follows: bool, period_us: f64) {
        let newest = self.sent.iter().find(|sent| sent.seq == ack);
        if let (true, true, Some(newest)) = (follows, ack > self.acked, newest) {
            if self.phases_us.len() == PHASES {
                self.phases_us.pop_front();
            }
            self.phases_us.push_back(newest.sent_us as f64 - tick as f64 * period_us);
        }
        self.acked = self.acked.max(ack);
        // The newest confirmed one stays: it is held until the next.
        while self.sent.get(1).is_some_and(|next| next.seq <= ack) {
            self.sent.pop_front();
        }
        for sent in &mut self.sent {
            sent.begins = if sent.seq <= ack { sent.begins.min(tick) } else { sent.begins.max(tick.saturating_add(1)) };
        }
    }

    /// When an input for tick 0 had to leave, by the median of the answers.
    pub(super) fn phase_us(&self) -> Option<f64> {
        if self.phases_us.len() < PHASES_MIN {
            return None;
        }
        let mut phases_us: Vec<f64> = self.phases_us.iter().copied().collect();
        let middle = phases_us.len() / 2;
        Some(*phases_us.select_nth_unstable_by(middle, f64::total_cmp).1)
    }

    pub(super) fn pending_count(&self) -> usize {
        self.sent.iter().filter(|sent| sent.seq > self.acked).count()
    }

    /// To ask tick by tick, ascending, which is held.
    pub(super) fn replay(&self) -> Replay<'_> {
        Replay { inputs: &self.sent, next: 0 }
    }
}

/// See [`Inputs::replay`].
pub(super) struct Replay<'a> {
    inputs: &'a VecDeque<Sent>,
    next: usize,
}

impl Replay<'_> {
    /// The newest that has begun by `tick`.
    pub(super) fn held_at(&mut self, tick: u64) -> Option<Intent> {
        while self.inputs.get(self.next).is_some_and(|sent| sent.begins <= tick) {
            self.next += 1;
        }
        Some(self.inputs.get(self.next.checked_sub(1)?)?.intent)
    }
}
