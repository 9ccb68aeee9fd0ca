//! A link that delays and loses, the same way every time.

use std::collections::VecDeque;

use crate::Random;

/// One direction of a link, in server ticks: what is put in comes out in order after a delay, or never.
#[derive(Clone, Debug)]
pub struct Link<T> {
    random: Random,
    loss_permille: u32,
    delay_ticks: f64,
    queue: VecDeque<(f64, T)>,
}

impl<T> Link<T> {
    /// A delay may be a part of a tick.
    #[must_use]
    pub fn new(seed: u64, loss_permille: u32, delay_ticks: f64) -> Self {
        Link { random: Random::new(seed), loss_permille, delay_ticks, queue: VecDeque::new() }
    }

    /// Sends at `now`; lost or on its way.
    pub fn send(&mut self, now: f64, item: T) {
        if self.random.below(1000) >= self.loss_permille as usize {
            self.queue.push_back((now + self.delay_ticks, item));
        }
    }

    /// Sends what cannot be lost, as a reliable stream would bring it.
    pub fn send_reliably(&mut self, now: f64, item: T) {
        self.queue.push_back((now + self.delay_ticks, item));
    }

    /// The next that has arrived by `now`, with the time it arrived.
    pub fn receive(&mut self, now: f64) -> Option<(f64, T)> {
        if self.queue.front()?.0 > now { None } else { self.queue.pop_front() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_twenty_is_lost_and_the_rest_comes_late() {
        let mut link = Link::new(1, 50, 2.25);
        (0..10_000).for_each(|tick| link.send(f64::from(tick), tick));
        assert_eq!(link.receive(2.0), None);
        let mut arrived = 0;
        while let Some((at, tick)) = link.receive(20_000.0) {
            assert_eq!(at, f64::from(tick) + 2.25);
            arrived += 1;
        }
        assert!((9_400..9_600).contains(&arrived), "{arrived}");
    }
}
