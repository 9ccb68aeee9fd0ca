//! How a bot walks: ahead, with turns now and then, a stop and a jump. The same number walks the same way.

use hd1_protocol::InputSample;

/// One bot's legs.
#[derive(Debug)]
pub(crate) struct Wander {
    random: u64,
    yaw: f32,
    turn: f32,
    forward: f32,
    /// Samples until it thinks again.
    left: u32,
}

impl Wander {
    pub(crate) fn new(number: u32) -> Self {
        let random = (u64::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Wander { random, yaw: number as f32 * 2.4, turn: 0.0, forward: 1.0, left: number % 30 }
    }

    /// The next sample, for a world of so many ticks a second.
    pub(crate) fn step(&mut self, tick_hz: u32) -> InputSample {
        let mut buttons = 0;
        if self.left == 0 {
            self.left = tick_hz / 2 + (self.chance() * 2.0 * tick_hz as f32) as u32;
            self.turn = (self.chance() - 0.5) * 2.0 / tick_hz as f32;
            self.forward = if self.chance() < 0.15 { 0.0 } else { 1.0 };
            buttons = u16::from(self.chance() < 0.1);
        }
        self.left -= 1;
        self.yaw += self.turn;
        InputSample { seq: 0, strafe: 0.0, forward: self.forward, yaw: self.yaw, pitch: 0.0, buttons }
    }

    fn chance(&mut self) -> f32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 40) as f32 / (1 << 24) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bots_walk_alike_and_apart() {
        let walk = |number| {
            let mut wander = Wander::new(number);
            (0..300).map(|_| wander.step(30)).collect::<Vec<_>>()
        };
        assert_eq!(walk(3), walk(3));
        assert_ne!(walk(3), walk(4));
        assert!(walk(3).iter().filter(|sample| sample.forward > 0.0).count() > 100);
    }
}
