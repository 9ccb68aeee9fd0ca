//! What a client knows of the server's clock and ticks: round-trip time, clock offset, and which tick to draw.

use std::collections::VecDeque;

use hd1_core::{Tick, TickRate};

/// Pongs that are remembered; the one with the shortest round trip is believed.
const PONGS: usize = 8;
/// Arrivals of new ticks that are remembered.
const ARRIVALS: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Pong {
    rtt_us: u64,
    /// Server clock less client clock.
    offset_us: i64,
    /// Upper bound of the server's clock at tick 0, if ticks had never slipped.
    origin_us: i64,
}

/// Clock sync and playout of one connection. All times are microseconds of the client's clock unless said.
#[derive(Debug)]
pub struct ServerClock {
    period_us: f64,
    pongs: VecDeque<Pong>,
    last_rtt_us: u64,
    /// Per new tick: its arrival less its number of periods.
    leads_us: VecDeque<f64>,
    newest: Option<Tick>,
}

impl ServerClock {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(rate: TickRate) -> Self {
        ServerClock {
            period_us: rate.period_ns() as f64 / 1_000.0,
            pongs: VecDeque::with_capacity(PONGS),
            last_rtt_us: 0,
            leads_us: VecDeque::with_capacity(ARRIVALS),
            newest: None,
        }
    }

    /// A ping sent at `client_us` came back now. One that claims to come from the future is ignored.
    pub fn on_pong(&mut self, now: u64, client_us: u64, server_us: u64, tick: Tick) {
        let Some(rtt_us) = now.checked_sub(client_us) else { return };
        self.last_rtt_us = rtt_us;
        let offset_us = (server_us as i64).wrapping_add((rtt_us / 2) as i64).wrapping_sub(now as i64);
        let origin_us = (server_us as i64).wrapping_sub((tick.0 as f64 * self.period_us) as i64);
        keep(&mut self.pongs, PONGS, Pong { rtt_us, offset_us, origin_us });
    }

    /// The first fragment of a tick newer than all before arrived now.
    pub fn on_tick(&mut self, now: u64, tick: Tick) {
        if self.newest.is_none_or(|newest| tick > newest) {
            self.newest = Some(tick);
            keep(&mut self.leads_us, ARRIVALS, now as f64 - tick.0 as f64 * self.period_us);
        }
    }

    /// The last round trip in microseconds; 0 before the first.
    #[must_use]
    pub fn rtt_us(&self) -> u64 {
        self.last_rtt_us
    }

    /// The shortest of the last round trips in microseconds; 0 before the first.
    #[must_use]
    pub fn rtt_min_us(&self) -> u64 {
        self.best().map_or(0, |pong| pong.rtt_us)
    }

    /// The server's clock at `now`; `None` before the first pong.
    #[must_use]
    pub fn server_us(&self, now: u64) -> Option<i64> {
        self.best().map(|pong| (now as i64).wrapping_add(pong.offset_us))
    }

    /// How old `tick` is at `now` in microseconds since the server made it; `None` before the first pong.
    ///
    /// When a tick was made is bounded from above twice, by pongs that name it and by its arrival less half a round
    /// trip; the tightest bound of the last seconds is believed.
    #[must_use]
    pub fn staleness_us(&self, now: u64, tick: Tick) -> Option<u64> {
        let best = self.best()?;
        let by_pong = self.pongs.iter().map(|pong| pong.origin_us).min()?;
        let one_way = (best.rtt_us / 2) as i64;
        let by_arrival = self.fastest_lead().map_or(i64::MAX, |lead| (lead as i64) + best.offset_us - one_way);
        let made_us = by_pong.min(by_arrival).wrapping_add((tick.0 as f64 * self.period_us) as i64);
        Some(u64::try_from(self.server_us(now)?.wrapping_sub(made_us)).unwrap_or(0))
    }

    /// The moment to draw, in ticks: behind the newest by the jitter of the last arrivals and one tick, so that there
    /// is nearly always a later value to move towards. `None` before the first state.
    #[must_use]
    pub fn render_tick(&self, now: u64) -> Option<f64> {
        let fastest = self.fastest_lead()?;
        let jitter_us = self.leads_us.iter().fold(0.0f64, |worst, lead| worst.max(lead - fastest));
        let delay_us = self.period_us + jitter_us.min(self.period_us * 6.0);
        Some(((now as f64 - fastest - delay_us) / self.period_us).max(0.0))
    }

    /// The newest tick that arrived.
    #[must_use]
    pub fn newest(&self) -> Option<Tick> {
        self.newest
    }

    fn best(&self) -> Option<&Pong> {
        self.pongs.iter().min_by_key(|pong| pong.rtt_us)
    }

    fn fastest_lead(&self) -> Option<f64> {
        self.leads_us.iter().copied().reduce(f64::min)
    }
}

fn keep<T>(queue: &mut VecDeque<T>, max: usize, item: T) {
    if queue.len() == max {
        queue.pop_front();
    }
    queue.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_round_trip_sets_the_offset() {
        let mut clock = ServerClock::new(TickRate::DEFAULT);
        // The server's clock is 5 s ahead; the second answer was held up on its way back.
        clock.on_pong(20_000, 0, 5_010_000, Tick(0));
        clock.on_pong(1_100_000, 1_000_000, 6_010_000, Tick(30));
        assert_eq!(clock.server_us(2_000_000), Some(7_000_000));
        assert_eq!((clock.rtt_us(), clock.rtt_min_us()), (100_000, 20_000));
        clock.on_pong(5, 10, 0, Tick(0));
        assert_eq!(clock.rtt_us(), 100_000, "an answer from the future is ignored");
    }

    #[test]
    fn drawing_follows_the_ticks_with_room_for_jitter() {
        let mut clock = ServerClock::new(TickRate::try_from(50).unwrap());
        assert_eq!(clock.render_tick(0), None);
        for tick in 0..100u64 {
            let jitter = if tick % 7 == 3 { 10_000 } else { 0 };
            clock.on_tick(tick * 20_000 + jitter, Tick(tick));
        }
        let drawn = clock.render_tick(99 * 20_000).unwrap();
        assert!((drawn - 97.5).abs() < 1.0e-6, "one tick and the jitter of half a tick behind: {drawn}");
    }

    #[test]
    fn staleness_is_the_way_and_the_wait() {
        let mut clock = ServerClock::new(TickRate::try_from(50).unwrap());
        // No offset, 10 ms each way; tick t is made at t * 20 ms.
        for tick in 0..100u64 {
            clock.on_tick(tick * 20_000 + 10_000, Tick(tick));
        }
        clock.on_pong(2_005_000, 1_985_000, 1_995_000, Tick(99));
        let age = clock.staleness_us(1_990_000, Tick(99)).unwrap();
        assert!((9_000..=11_000).contains(&age), "{age}");
    }
}
