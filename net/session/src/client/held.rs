//! What was said of a tick waits until the program has that tick, as far as it wants to.
//!
//! What is said comes on the stream that carries structure, behind the structure of its tick: it is heard when what it
//! speaks of is there. State comes in datagrams, perhaps later, and is drawn later still.

use std::collections::VecDeque;

use hd1_core::Tick;
use serde::Deserialize;

use super::ServerEvent;
use crate::limits::{HELD_ECHO_US, HELD_EVENTS_MAX, HELD_US_MAX};

/// When a program is told what was said of a tick: results, chat, messages, requests, who came and left. The order stays
/// that in which it was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// As soon as it is heard. Entities that it speaks of are in the mirror, where they are shown to this client at all;
    /// what has moved may not have yet.
    #[default]
    Heard,
    /// When the mirror has a tick whole that is not older; or when a round trip has shown that there is no such state.
    Complete,
    /// When the moment to draw ([`ServerClock::render_tick`](crate::ServerClock::render_tick)) has come to that tick.
    Drawn,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// Is the world there at all?
    pub is_ready: bool,
    /// The newest tick that is whole.
    pub whole: Tick,
    /// The moment drawn, in ticks.
    pub drawn: Option<f64>,
    /// When the newest ping left that has come back.
    pub echoed_us: u64,
    /// Microseconds of a tick.
    pub period_us: f64,
}

#[derive(Debug)]
struct Waiting {
    tick: Tick,
    heard_us: u64,
    event: ServerEvent,
}

/// See the module's words.
#[derive(Debug, Default)]
pub(super) struct Held {
    hold: Hold,
    waiting: VecDeque<Waiting>,
    due_us: Option<u64>,
}

impl Held {
    pub(super) fn new(hold: Hold) -> Self {
        Held { hold, ..Held::default() }
    }

    /// Takes in what was said of a tick.
    pub(super) fn put(&mut self, now: u64, tick: Tick, event: ServerEvent) {
        self.waiting.push_back(Waiting { tick, heard_us: now, event });
    }

    /// What the program is told now; once there is nothing, [`Held::due_us`] says when to ask again.
    pub(super) fn pop(&mut self, now: u64, progress: &Progress) -> Option<ServerEvent> {
        self.due_us = None;
        let first = self.waiting.front()?;
        if self.waiting.len() > HELD_EVENTS_MAX || self.is_due(first, now, progress) {
            return self.pop_any();
        }
        let patience = first.heard_us + HELD_US_MAX;
        let ahead_us = |drawn: f64| ((first.tick.0 as f64 - drawn) * progress.period_us).max(1_000.0) as u64;
        let drawn = progress.drawn.filter(|_| self.hold == Hold::Drawn).map(|drawn| now + ahead_us(drawn));
        self.due_us = progress.is_ready.then(|| drawn.unwrap_or(patience).min(patience));
        None
    }

    /// The first that waits, whether or not it is due.
    pub(super) fn pop_any(&mut self) -> Option<ServerEvent> {
        self.waiting.pop_front().map(|waiting| waiting.event)
    }

    /// When the first that waits will be due by time alone.
    pub(super) fn due_us(&self) -> Option<u64> {
        self.due_us
    }

    /// From when on a ping shows, once it comes back, that the first has nothing to wait for.
    pub(super) fn echo_from_us(&self) -> Option<u64> {
        let first = self.waiting.front().filter(|_| self.hold == Hold::Complete)?;
        Some(first.heard_us + HELD_ECHO_US)
    }

    fn is_due(&self, waiting: &Waiting, now: u64, progress: &Progress) -> bool {
        let has_come = match self.hold {
            Hold::Heard => true,
            Hold::Complete => progress.whole >= waiting.tick || progress.echoed_us >= waiting.heard_us + HELD_ECHO_US,
            Hold::Drawn => progress.drawn.is_some_and(|drawn| drawn >= waiting.tick.0 as f64),
        };
        progress.is_ready && (has_come || now >= waiting.heard_us + HELD_US_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(whole: u64, drawn: Option<f64>) -> Progress {
        Progress { is_ready: true, whole: Tick(whole), drawn, echoed_us: 0, period_us: 20_000.0 }
    }

    fn said(tick: u64) -> ServerEvent {
        ServerEvent::Left { tick: Tick(tick), player: hd1_core::PlayerId(tick as u32) }
    }

    fn told(held: &mut Held, now: u64, progress: &Progress) -> Vec<u64> {
        let tick = |event| match event {
            ServerEvent::Left { tick, .. } => tick.0,
            other => panic!("{other:?}"),
        };
        std::iter::from_fn(|| held.pop(now, progress)).map(tick).collect()
    }

    #[test]
    fn what_is_heard_is_told_once_the_world_is_there() {
        let mut held = Held::new(Hold::Heard);
        held.put(0, Tick(5), said(5));
        let joining = Progress { is_ready: false, ..progress(0, None) };
        assert!(told(&mut held, 9 * HELD_US_MAX, &joining).is_empty(), "a slow join keeps its order all the same");
        assert_eq!(held.due_us(), None);
        assert_eq!(told(&mut held, 1, &progress(0, None)), [5]);
    }

    #[test]
    fn it_waits_for_its_tick_to_be_whole_or_for_an_echo() {
        let mut held = Held::new(Hold::Complete);
        [5, 5, 7, 9].into_iter().for_each(|tick| held.put(1_000 * tick, Tick(tick), said(tick)));
        assert_eq!(held.echo_from_us(), Some(5_000 + HELD_ECHO_US));
        assert!(told(&mut held, 10_000, &progress(4, None)).is_empty());
        assert_eq!(held.due_us(), Some(5_000 + HELD_US_MAX));
        assert_eq!(told(&mut held, 10_000, &progress(6, None)), [5, 5]);
        let echo = Progress { echoed_us: 8_999 + HELD_ECHO_US, ..progress(6, None) };
        assert_eq!(told(&mut held, 80_000, &echo), [7], "a round trip on");
        assert_eq!(held.echo_from_us(), Some(9_000 + HELD_ECHO_US));
        assert_eq!(told(&mut held, 9_000 + HELD_US_MAX, &progress(6, None)), [9], "nothing waits for ever");
        assert_eq!(held.echo_from_us(), None);
    }

    #[test]
    fn it_waits_to_be_drawn() {
        let mut held = Held::new(Hold::Drawn);
        [5, 7].into_iter().for_each(|tick| held.put(0, Tick(tick), said(tick)));
        assert!(told(&mut held, 100, &progress(9, Some(4.5))).is_empty());
        assert_eq!(held.due_us(), Some(10_100), "half a tick ahead");
        assert_eq!(told(&mut held, 10_100, &progress(9, Some(5.0))), [5]);
        assert_eq!(told(&mut held, 60_000, &progress(9, Some(7.1))), [7]);
    }

    #[test]
    fn only_so_much_waits() {
        let mut held = Held::new(Hold::Drawn);
        (0..HELD_EVENTS_MAX as u64 + 3).for_each(|tick| held.put(0, Tick(tick + 100), said(tick)));
        assert_eq!(told(&mut held, 0, &progress(0, None)), [0, 1, 2], "the oldest make room, none is lost");
    }
}
