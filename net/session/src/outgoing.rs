//! What waits to leave: reliable frames in order and in full, state only as long as it is the newest.

use std::collections::VecDeque;

use bytes::Bytes;
use hd1_core::Tick;
use hd1_protocol::{Packet, Room};

use crate::limits;

/// The queues of one server connection.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    control: VecDeque<Bytes>,
    bulk: VecDeque<(Bytes, bool)>,
    reliable_bytes: usize,
    /// The tick that is leaving; its fragments are kept together, else a slow link would never finish one.
    state: VecDeque<Bytes>,
    leaving: Tick,
    /// The newest tick behind it; replaced whole.
    next_state: Vec<Bytes>,
    next: Tick,
    /// The newest tick whose state has left whole.
    left: Tick,
    dropped_states: u64,
    /// When something last left, or began to wait.
    moved_us: u64,
}

impl Outgoing {
    pub(crate) fn control(&mut self, now: u64, frame: Bytes) {
        self.begin_waiting(now);
        self.reliable_bytes += frame.len();
        self.control.push_back(frame);
    }

    pub(crate) fn bulk(&mut self, now: u64, frame: Bytes, fin: bool) {
        self.begin_waiting(now);
        self.reliable_bytes += frame.len();
        self.bulk.push_back((frame, fin));
    }

    pub(crate) fn state(&mut self, now: u64, tick: Tick, frames: impl IntoIterator<Item = Bytes>) {
        self.begin_waiting(now);
        if self.state.is_empty() {
            self.leaving = tick;
            self.state.extend(frames);
        } else {
            self.next = tick;
            self.dropped_states += u64::from(!self.next_state.is_empty());
            self.next_state.clear();
            self.next_state.extend(frames);
        }
    }

    /// Does a tick wait behind the one that is leaving? The next would replace it.
    pub(crate) fn state_waits(&self) -> bool {
        !self.next_state.is_empty()
    }

    /// The newest tick whose state has left whole; 0 for none.
    pub(crate) fn left(&self) -> Tick {
        self.left
    }

    /// The next frame that `room` lets leave: control before bulk before state.
    pub(crate) fn pop(&mut self, now: u64, room: Room) -> Option<Packet> {
        let packet = self.pop_inner(room)?;
        self.moved_us = now;
        Some(packet)
    }

    fn pop_inner(&mut self, room: Room) -> Option<Packet> {
        if room.control
            && let Some(frame) = self.control.pop_front()
        {
            self.reliable_bytes -= frame.len();
            return Some(Packet::control(frame));
        }
        if room.bulk
            && let Some((frame, fin)) = self.bulk.pop_front()
        {
            self.reliable_bytes -= frame.len();
            return Some(Packet::bulk(frame, fin));
        }
        if !room.datagram {
            return None;
        }
        if self.state.is_empty() {
            self.leaving = self.next;
            self.state.extend(self.next_state.drain(..));
        }
        let frame = self.state.pop_front()?;
        if self.state.is_empty() {
            self.left = self.leaving;
        }
        Some(Packet::datagram(frame))
    }

    pub(crate) fn clear(&mut self) {
        *self = Outgoing { moved_us: self.moved_us, ..Outgoing::default() };
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.control.is_empty() && self.bulk.is_empty() && self.state.is_empty() && self.next_state.is_empty()
    }

    /// Is more waiting than a client may be behind?
    pub(crate) fn is_over(&self) -> bool {
        self.reliable_bytes > limits::OUT_RELIABLE_BYTES_MAX
    }

    /// When the waiting frames will have stood still for too long.
    pub(crate) fn stalls_at(&self) -> Option<u64> {
        (!self.is_empty()).then(|| self.moved_us + limits::STALL_TIMEOUT_US)
    }

    pub(crate) fn reliable_bytes(&self) -> usize {
        self.reliable_bytes
    }

    pub(crate) fn dropped_states(&self) -> u64 {
        self.dropped_states
    }

    fn begin_waiting(&mut self, now: u64) {
        if self.is_empty() {
            self.moved_us = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_tick_waits_and_a_begun_one_is_finished() {
        let mut out = Outgoing::default();
        for tick in 1..=4u8 {
            out.state(0, Tick(tick.into()), [Bytes::from(vec![tick, 0]), Bytes::from(vec![tick, 1])]);
        }
        assert!(out.state_waits());
        let frames: Vec<_> = std::iter::from_fn(|| out.pop(0, Room::ALL)).map(|p| (p.frame[0], p.frame[1])).collect();
        assert!(!out.state_waits());
        assert_eq!(frames, [(1, 0), (1, 1), (4, 0), (4, 1)]);
        assert_eq!(out.dropped_states(), 2);
    }

    #[test]
    fn reliable_frames_keep_their_order_and_go_first() {
        let mut out = Outgoing::default();
        out.state(0, Tick(1), [Bytes::from_static(b"s")]);
        out.bulk(0, Bytes::from_static(b"b"), true);
        out.control(0, Bytes::from_static(b"1"));
        out.control(0, Bytes::from_static(b"2"));
        let order: Vec<_> = std::iter::from_fn(|| out.pop(0, Room::ALL)).map(|p| p.frame).collect();
        assert_eq!(order, ["1", "2", "b", "s"]);
        assert_eq!(out.reliable_bytes(), 0);
    }

    #[test]
    fn what_stands_still_is_noticed() {
        let mut out = Outgoing::default();
        assert_eq!(out.stalls_at(), None);
        out.control(5, Bytes::from_static(b"1"));
        out.control(9, Bytes::from_static(b"2"));
        assert_eq!(out.stalls_at(), Some(5 + limits::STALL_TIMEOUT_US));
        assert_eq!(out.pop(7, Room::NONE), None);
        assert!(out.pop(7, Room::ALL).is_some());
        assert_eq!(out.stalls_at(), Some(7 + limits::STALL_TIMEOUT_US));
    }
}
