//! What a client knows of the server's clock and ticks: round-trip time, clock offset, and which tick to draw.
//!
//! What is drawn lies behind the newest tick by the *interpolation delay*: one tick, so that there is a later value to
//! move towards, and the jitter seen lately. The delay follows the jitter by bending time, never by a jump.

use std::collections::VecDeque;

use hd1_core::{Tick, TickRate};

use crate::{limits, playhead::Playhead};

/// Pongs that are remembered; the one with the shortest round trip is believed.
const PONGS: usize = 8;
/// Arrivals of ticks that are remembered.
const ARRIVALS: usize = 64;
/// Jitter is what this share of the arrivals stays below: one late tick in twenty is not worth waiting for.
const JITTER_QUANTILE: f64 = 0.95;
/// Lost ticks that count as late ones at one arrival: an outage says nothing about jitter.
const LOST_MAX: u64 = 4;
/// Arrivals that must all be late for the server itself to have slipped.
const SLIPPED: usize = 8;
/// By how many microseconds.
const SLIP_US: f64 = 250_000.0;

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
    jitter_us: f64,
    playhead: Playhead,
    newest: Option<Tick>,
}

impl ServerClock {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(rate: TickRate) -> Self {
        let period_us = rate.period_ns() as f64 / 1_000.0;
        ServerClock {
            period_us,
            pongs: VecDeque::with_capacity(PONGS),
            last_rtt_us: 0,
            leads_us: VecDeque::with_capacity(ARRIVALS),
            jitter_us: 0.0,
            playhead: Playhead::new(period_us),
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

    /// The first fragment of a tick newer than all before arrived now. Those lost before it count as arriving with it.
    pub fn on_tick(&mut self, now: u64, tick: Tick) {
        if self.newest.is_some_and(|newest| tick <= newest) {
            return;
        }
        let lost = self.newest.map_or(0, |newest| tick.since(newest) - 1).min(LOST_MAX);
        self.newest = Some(tick);
        for arrived in tick.0 - lost..=tick.0 {
            keep(&mut self.leads_us, ARRIVALS, now as f64 - arrived as f64 * self.period_us);
        }
        self.forget_before_slip();
        if let Some(fastest) = self.fastest_lead() {
            self.jitter_us = self.lateness_us(fastest);
            let delay_us = (self.period_us + self.jitter_us).min(self.period_us * limits::DELAY_TICKS_MAX);
            self.playhead.follow(now, fastest + delay_us);
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

    /// The moment to draw, in ticks. As `now` goes on it never runs back, and runs faster or slower than time by a few
    /// percent at most; only where it is a quarter of a second off does it jump. `None` before the first state.
    #[must_use]
    pub fn render_tick(&self, now: u64) -> Option<f64> {
        self.playhead.moment(now)
    }

    /// How far the drawn moment lies behind the newest tick, had that come as quickly as the quickest of the last, in
    /// microseconds; 0 before the first state.
    #[must_use]
    pub fn delay_us(&self, now: u64) -> u64 {
        let delay_us = self.playhead.phase_us(now).zip(self.fastest_lead()).map(|(phase, fastest)| phase - fastest);
        delay_us.unwrap_or(0.0) as u64
    }

    /// The jitter of the last arrivals in microseconds: how much later than the quickest all but one in twenty came.
    #[must_use]
    pub fn jitter_us(&self) -> u64 {
        self.jitter_us as u64
    }

    /// When an input for tick 0 had to leave, by the round trip alone, in microseconds of the client's clock: an input
    /// that leaves a number of periods later is applied in about that tick. `None` before the first pong and state.
    #[must_use]
    pub fn input_phase_us(&self) -> Option<f64> {
        // It comes somewhere within a tick and is applied at the end of it: half a tick later in the mean.
        Some(self.fastest_lead()? - self.best()?.rtt_us as f64 - self.period_us * 0.5)
    }

    /// Microseconds of a tick.
    #[must_use]
    pub fn period_us(&self) -> f64 {
        self.period_us
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

    fn lateness_us(&self, fastest: f64) -> f64 {
        let mut leads_us: Vec<f64> = self.leads_us.iter().copied().collect();
        let at = ((leads_us.len() - 1) as f64 * JITTER_QUANTILE) as usize;
        let (_, lead, _) = leads_us.select_nth_unstable_by(at, f64::total_cmp);
        *lead - fastest
    }

    /// A server that stood still ticks later from then on: what came before says nothing any more.
    fn forget_before_slip(&mut self) {
        let before = self.leads_us.len().saturating_sub(SLIPPED);
        let fastest = |leads_us: &mut dyn Iterator<Item = &f64>| leads_us.copied().reduce(f64::min);
        let old = fastest(&mut self.leads_us.iter().take(before));
        let new = fastest(&mut self.leads_us.iter().skip(before));
        if old.zip(new).is_some_and(|(old, new)| new > old + SLIP_US) {
            self.leads_us.drain(..before);
        }
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

    /// A playout: ticks that come by `lateness_us`, a look every 4 ms, and the delay in ticks at each look.
    fn played(ticks: std::ops::Range<u64>, lateness_us: impl Fn(u64) -> Option<u64>) -> Vec<f64> {
        let mut clock = ServerClock::new(TickRate::try_from(50).unwrap());
        let end_us = ticks.end * 20_000;
        let mut arrivals: Vec<_> = ticks.filter_map(|t| Some((t * 20_000 + lateness_us(t)?, t))).collect();
        arrivals.sort_unstable();
        let (mut arrivals, mut last, mut delays) = (arrivals.into_iter().peekable(), 0.0, Vec::new());
        for now in (0..end_us).step_by(4_000) {
            while let Some((at, tick)) = arrivals.next_if(|(at, _)| *at <= now) {
                clock.on_tick(at, Tick(tick));
            }
            let Some(drawn) = clock.render_tick(now) else { continue };
            if last > 0.0 {
                assert!((0.18..0.22).contains(&(drawn - last)), "at {now}: {drawn} after {last}");
            }
            last = drawn;
            delays.push(now as f64 / 20_000.0 - drawn);
        }
        delays
    }

    #[test]
    fn one_late_tick_in_many_is_not_waited_for() {
        let delays = played(0..500, |tick| Some(if tick % 50 == 0 { 60_000 } else { 0 }));
        assert!(delays.iter().skip(500).all(|delay| *delay < 1.2), "{delays:?}");
    }

    #[test]
    fn the_delay_grows_quickly_and_shrinks_slowly() {
        // 10 s even, 10 s with up to 60 ms of jitter, 10 s even.
        let jittery = |tick: u64| Some(if (500..1_000).contains(&tick) { tick * 7_919 % 60_000 } else { 0 });
        let delays = played(0..1_500, jittery);
        let at = |second: f64| delays[(second * 250.0) as usize];
        assert!(at(9.9) < 1.05, "{}", at(9.9));
        assert!(at(12.0) > 3.0, "two seconds of jitter have made room: {}", at(12.0));
        assert!(at(19.9) < 4.2, "{}", at(19.9));
        assert!(at(21.0) > 2.5, "it is not given away at once: {}", at(21.0));
        assert!(at(29.9) < 1.1, "{}", at(29.9));
    }

    #[test]
    fn lost_ticks_are_late_ticks() {
        let delays = played(0..500, |tick| (tick % 10 != 3).then_some(0));
        let end = delays[delays.len() - 1];
        assert!((1.9..2.1).contains(&end), "one tick in ten is lost: one more tick of delay, {end}");
    }

    #[test]
    fn a_server_that_stood_still_is_followed() {
        let mut clock = ServerClock::new(TickRate::try_from(50).unwrap());
        for tick in 0..300u64 {
            let stood_us = if tick < 200 { 0 } else { 3_000_000 };
            clock.on_tick(tick * 20_000 + stood_us, Tick(tick));
        }
        let behind = 299.0 - clock.render_tick(299 * 20_000 + 3_000_000).unwrap();
        assert!((0.9..1.1).contains(&behind), "{behind} ticks behind");
        assert!(clock.jitter_us() < 1_000 && clock.delay_us(299 * 20_000 + 3_000_000) < 21_000);
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
