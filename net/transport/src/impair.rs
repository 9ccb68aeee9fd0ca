//! A bad network on purpose: seeded loss, repetition, reordering and delay, in time that is handed in.

use std::{
    collections::BTreeMap,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hd1_protocol::{Packet, packet::Channel};
use tokio::time::{Instant, Sleep};

use crate::limits;

/// What a simulated network does, each way by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// Share of datagrams that are lost, 0 to 1.
    pub loss: f64,
    /// Share of datagrams that come twice, 0 to 1.
    pub duplicate: f64,
    /// Microseconds that every packet takes.
    pub delay_us: u64,
    /// Microseconds that a datagram takes longer, at most; it may be overtaken meanwhile.
    pub jitter_us: u64,
    /// The same seed does the same to the same packets.
    pub seed: u64,
}

impl Default for Conditions {
    fn default() -> Self {
        Conditions { loss: 0.0, duplicate: 0.0, delay_us: 0, jitter_us: 0, seed: 1 }
    }
}

/// One direction of a simulated network.
#[derive(Debug)]
pub struct LossyQueue {
    conditions: Conditions,
    random: u64,
    /// By due time, then by order of sending.
    flying: BTreeMap<(u64, u64), Packet>,
    sent: u64,
    /// Streams keep their order: nothing on them is due before what went before.
    stream_due_us: u64,
}

impl LossyQueue {
    /// An empty one.
    #[must_use]
    pub fn new(conditions: Conditions) -> Self {
        // xorshift never leaves 0.
        let random = conditions.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        LossyQueue { conditions, random, flying: BTreeMap::new(), sent: 0, stream_due_us: 0 }
    }

    /// Sends a packet at `now`. Where too many are on their way a datagram is lost.
    pub fn push(&mut self, now: u64, packet: Packet) {
        let due_us = now + self.conditions.delay_us;
        if packet.channel != Channel::Datagram {
            self.stream_due_us = self.stream_due_us.max(due_us);
            return self.insert(self.stream_due_us, packet);
        }
        if self.chance() < self.conditions.loss || self.flying.len() >= limits::LOSSY_QUEUE_MAX {
            return;
        }
        if self.chance() < self.conditions.duplicate {
            let late = self.late();
            self.insert(due_us + late, packet.clone());
        }
        let late = self.late();
        self.insert(due_us + late, packet);
    }

    /// The next packet that is due at `now`.
    pub fn pop(&mut self, now: u64) -> Option<Packet> {
        let entry = self.flying.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    /// When the next packet is due.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        self.flying.first_key_value().map(|((due, _), _)| *due)
    }

    fn insert(&mut self, due_us: u64, packet: Packet) {
        self.sent += 1;
        self.flying.insert((due_us, self.sent), packet);
    }

    fn late(&mut self) -> u64 {
        (self.chance() * self.conditions.jitter_us as f64) as u64
    }

    fn chance(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The simulated network of one link: both directions and the timer that wakes it.
#[derive(Debug)]
pub(crate) struct Impair {
    outward: LossyQueue,
    inward: LossyQueue,
    started: Instant,
    now_us: u64,
    timer: Pin<Box<Sleep>>,
}

impl Impair {
    pub(crate) fn new(conditions: Conditions) -> Self {
        let started = Instant::now();
        Impair {
            outward: LossyQueue::new(conditions),
            inward: LossyQueue::new(Conditions { seed: conditions.seed.wrapping_add(1), ..conditions }),
            started,
            now_us: 0,
            timer: Box::pin(tokio::time::sleep_until(started)),
        }
    }

    /// Reads the runtime's clock, which a test may have paused.
    pub(crate) fn tick(&mut self) {
        self.now_us = self.started.elapsed().as_micros() as u64;
    }

    pub(crate) fn push_out(&mut self, packet: Packet, stream_only: bool) {
        self.tick();
        self.outward.push(self.now_us, as_stream(packet, stream_only));
    }

    pub(crate) fn push_in(&mut self, packet: Packet, stream_only: bool) {
        self.inward.push(self.now_us, as_stream(packet, stream_only));
    }

    pub(crate) fn pop_out(&mut self) -> Option<Packet> {
        self.outward.pop(self.now_us)
    }

    /// What is still on its way, when the link is closing.
    pub(crate) fn pop_out_early(&mut self) -> Option<Packet> {
        self.outward.pop(u64::MAX)
    }

    /// A packet that is due, else a wake-up when either way has one.
    pub(crate) fn poll_in(&mut self, cx: &mut Context<'_>) -> Poll<Packet> {
        if let Some(packet) = self.inward.pop(self.now_us) {
            return Poll::Ready(packet);
        }
        let due = self.outward.next_due().into_iter().chain(self.inward.next_due()).min();
        if let Some(due_us) = due {
            self.timer.as_mut().reset(self.started + Duration::from_micros(due_us));
            if self.timer.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }
}

/// Whatever a WebSocket carries is a stream's.
fn as_stream(mut packet: Packet, stream_only: bool) -> Packet {
    if stream_only && packet.channel == Channel::Datagram {
        packet.channel = Channel::Control;
    }
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fly(conditions: Conditions) -> Vec<u8> {
        let mut queue = LossyQueue::new(conditions);
        for i in 0..200u8 {
            let packet = if i % 4 == 0 { Packet::control(vec![i]) } else { Packet::datagram(vec![i]) };
            queue.push(u64::from(i) * 1_000, packet);
        }
        let mut out = Vec::new();
        while let Some(due) = queue.next_due() {
            out.extend(queue.pop(due).map(|packet| packet.frame[0]));
        }
        out
    }

    #[test]
    fn streams_are_whole_and_in_order_whatever_datagrams_suffer() {
        let bad = Conditions { loss: 0.3, duplicate: 0.2, delay_us: 40_000, jitter_us: 30_000, seed: 7 };
        let out = fly(bad);
        let streams: Vec<_> = out.iter().copied().filter(|i| i % 4 == 0).collect();
        assert_eq!(streams, (0..200).step_by(4).collect::<Vec<u8>>());
        let datagrams: Vec<_> = out.iter().copied().filter(|i| i % 4 != 0).collect();
        let unique: std::collections::BTreeSet<_> = datagrams.iter().collect();
        assert!((80..140).contains(&unique.len()), "{} of 150 came", unique.len());
        assert!(datagrams.len() > unique.len(), "some came twice");
        assert!(datagrams.windows(2).any(|w| w[0] > w[1]), "some were overtaken");
        assert_eq!(out, fly(bad), "the same seed does the same");
    }

    #[test]
    fn a_good_network_changes_nothing() {
        assert_eq!(fly(Conditions::default()), (0..200).collect::<Vec<u8>>());
    }
}
