//! Two ends of a link in one process: what tests use in place of a network, with queues that fill up like one.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use hd1_protocol::{CloseCode, Encoding, Packet, Room};

use crate::link::LinkEnd;

/// One direction.
#[derive(Debug, Default)]
struct Pipe {
    packets: VecDeque<Packet>,
    bytes: usize,
    end: Option<LinkEnd>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// One end.
#[derive(Debug)]
pub(crate) struct MemoryLink {
    encoding: Encoding,
    queue_bytes: usize,
    inward: Arc<Mutex<Pipe>>,
    outward: Arc<Mutex<Pipe>>,
}

pub(crate) fn pair(encoding: Encoding, queue_bytes: usize) -> (MemoryLink, MemoryLink) {
    let (there, back) = (Arc::<Mutex<Pipe>>::default(), Arc::<Mutex<Pipe>>::default());
    let a = MemoryLink { encoding, queue_bytes, inward: back.clone(), outward: there.clone() };
    (a, MemoryLink { encoding, queue_bytes, inward: there, outward: back })
}

impl MemoryLink {
    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    pub(crate) fn room(&self) -> Room {
        if lock(&self.outward).bytes < self.queue_bytes { Room::ALL } else { Room::NONE }
    }

    pub(crate) fn send(&mut self, packet: Packet) {
        let mut pipe = lock(&self.outward);
        pipe.bytes += packet.frame.len();
        pipe.packets.push_back(packet);
        wake(&mut pipe.reader);
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Packet, LinkEnd>> {
        lock(&self.outward).writer = Some(cx.waker().clone());
        let mut pipe = lock(&self.inward);
        if let Some(packet) = pipe.packets.pop_front() {
            pipe.bytes -= packet.frame.len();
            wake(&mut pipe.writer);
            return Poll::Ready(Ok(packet));
        }
        if let Some(end) = &pipe.end {
            return Poll::Ready(Err(end.clone()));
        }
        pipe.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(crate) fn close(&mut self, code: CloseCode, reason: &str) {
        self.end(LinkEnd::Closed { code: Some(code), reason: reason.to_owned() });
    }

    fn end(&self, end: LinkEnd) {
        let mut pipe = lock(&self.outward);
        pipe.end.get_or_insert(end);
        wake(&mut pipe.reader);
    }
}

impl Drop for MemoryLink {
    fn drop(&mut self) {
        self.end(LinkEnd::Lost("the other end is gone".into()));
    }
}

fn lock(pipe: &Mutex<Pipe>) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}
