//! What waits between a ticking world and one client's connection task: bounded in bytes and never waited for.
//!
//! The world puts things in during its tick and moves on; the connection task takes them out when it is woken. Of state
//! only the newest tick waits. When reliable things pile up beyond the bound, or nothing is taken for too long, the
//! client is cut off: the world's other clients never notice.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hd1_core::Tick;
use hd1_protocol::{CloseCode, ServerMessage, said::data_bytes};
use tokio::sync::Notify;

use crate::limits::{OUTBOX_BYTES_MAX, OUTBOX_ITEMS_MAX, SLOW_CLIENT_MS_MAX};
use crate::time::{MS, Nanos};

/// Memory that a message is counted with besides what it carries: messages are small and their exact size is known only
/// once encoded.
const MESSAGE_BYTES: usize = 256;

/// A reliable thing on its way to a client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    /// Said to this client or to everyone.
    Message {
        /// What.
        message: Arc<ServerMessage>,
        /// What it is counted with.
        bytes: usize,
    },
    /// A structure batch.
    Structure(Bytes),
}

/// Everything that waited.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub items: VecDeque<Item>,
    /// The newest tick's state.
    pub state: Option<(Tick, Vec<Bytes>)>,
    pub close: Option<(CloseCode, String)>,
}

/// The place where it waits.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    taken: Taken,
    bytes: usize,
    /// Since when nothing was taken though something waits.
    since_ns: Option<Nanos>,
    closed: bool,
}

impl Item {
    /// A message, with the data that it carries counted.
    pub fn message(message: ServerMessage) -> Self {
        let carried = match &message {
            ServerMessage::Message { data, .. } | ServerMessage::Request { data, .. } => data_bytes(data),
            ServerMessage::OpResult { data: Some(data), .. } => data_bytes(data),
            _ => 0,
        };
        Item::Message { message: Arc::new(message), bytes: MESSAGE_BYTES + carried }
    }

    fn bytes(&self) -> usize {
        match self {
            Item::Message { bytes, .. } => *bytes,
            Item::Structure(frame) => frame.len(),
        }
    }
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in reliable things and replaces the state, if there is a newer one. Answers false once the client is cut off.
    pub fn put(&self, now_ns: Nanos, items: impl IntoIterator<Item = Item>, state: Option<(Tick, Vec<Bytes>)>) -> bool {
        self.fill(now_ns, items, state, false)
    }

    /// As [`Outbox::put`] for a client whose state is held back: its connection is woken in any case, to see to its
    /// deadlines.
    pub fn nudge(&self, now_ns: Nanos, items: impl IntoIterator<Item = Item>) -> bool {
        self.fill(now_ns, items, None, true)
    }

    fn fill(
        &self,
        now_ns: Nanos,
        items: impl IntoIterator<Item = Item>,
        state: Option<(Tick, Vec<Bytes>)>,
        mut is_new: bool,
    ) -> bool {
        let mut waiting = self.lock();
        if waiting.closed {
            return false;
        }
        is_new |= state.is_some();
        if state.is_some() {
            waiting.taken.state = state;
        }
        for item in items {
            waiting.bytes += item.bytes();
            waiting.taken.items.push_back(item);
            is_new = true;
        }
        if !is_new {
            return true;
        }
        let since = *waiting.since_ns.get_or_insert(now_ns);
        let late = now_ns.saturating_sub(since) > SLOW_CLIENT_MS_MAX * MS;
        if late || waiting.bytes > OUTBOX_BYTES_MAX || waiting.taken.items.len() > OUTBOX_ITEMS_MAX {
            waiting.cut_off(CloseCode::TooSlow, CloseCode::TooSlow.reason().into());
        }
        let open = !waiting.closed;
        drop(waiting);
        self.filled.notify_one();
        open
    }

    /// Does state wait to be taken?
    pub fn state_waits(&self) -> bool {
        self.lock().taken.state.is_some()
    }

    /// Ends the connection after what already waits; only the first reason counts.
    pub fn close(&self, code: CloseCode, reason: impl Into<String>) {
        let mut waiting = self.lock();
        if !waiting.closed {
            waiting.closed = true;
            waiting.taken.close = Some((code, reason.into()));
        }
        drop(waiting);
        self.filled.notify_one();
    }

    /// Waits until something waits and takes all of it. Dropping the future loses nothing.
    pub async fn take(&self) -> Taken {
        loop {
            if let Some(taken) = self.try_take() {
                return taken;
            }
            self.filled.notified().await;
        }
    }

    /// Takes what waits, if anything.
    pub fn try_take(&self) -> Option<Taken> {
        let mut waiting = self.lock();
        if waiting.since_ns.take().is_none() && waiting.taken.close.is_none() {
            return None;
        }
        waiting.bytes = 0;
        Some(std::mem::take(&mut waiting.taken))
    }
}

impl Waiting {
    fn cut_off(&mut self, code: CloseCode, reason: String) {
        self.taken = Taken { close: Some((code, reason)), ..Taken::default() };
        self.bytes = 0;
        self.closed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(len: usize) -> Item {
        Item::Structure(Bytes::from(vec![0; len]))
    }

    #[test]
    fn reliable_things_gather_and_only_the_newest_state_waits() {
        let outbox = Outbox::default();
        assert!(outbox.try_take().is_none());
        for n in 0..5u8 {
            assert!(outbox.put(0, [batch(1)], Some((Tick(n.into()), vec![Bytes::from(vec![n])]))));
        }
        let taken = outbox.try_take().unwrap();
        assert_eq!(taken.items.len(), 5);
        assert_eq!(taken.state, Some((Tick(4), vec![Bytes::from_static(&[4])])));
        assert!(outbox.try_take().is_none());
    }

    #[test]
    fn too_many_bytes_cut_the_client_off_and_free_them() {
        let outbox = Outbox::default();
        let puts = (0..).take_while(|_| outbox.put(0, [batch(64 * 1024)], None)).count();
        assert_eq!(puts, OUTBOX_BYTES_MAX / (64 * 1024));
        let taken = outbox.try_take().unwrap();
        assert!(taken.items.is_empty());
        assert_eq!(taken.close.unwrap().0, CloseCode::TooSlow);
        assert!(!outbox.put(0, [batch(1)], None));
    }

    #[test]
    fn what_a_message_carries_counts() {
        let data = serde_json::Value::String("x".repeat(16 * 1024));
        let (tick, from, topic) = (Tick(1), hd1_core::PlayerId(0), String::new());
        let item = Item::message(ServerMessage::Message { tick, from, topic, data });
        let outbox = Outbox::default();
        let puts = (0..).take_while(|_| outbox.put(0, [item.clone()], None)).count();
        assert!((500..512).contains(&puts), "{puts} of 16 KiB in 8 MiB");
    }

    #[test]
    fn a_client_that_takes_nothing_is_cut_off_in_time() {
        let outbox = Outbox::default();
        let frame = || Some((Tick(1), vec![Bytes::from_static(b"s")]));
        assert!(outbox.put(0, [], frame()));
        assert!(outbox.put(SLOW_CLIENT_MS_MAX * MS, [], frame()));
        outbox.try_take();
        assert!(outbox.put(SLOW_CLIENT_MS_MAX * MS, [], frame()));
        assert!(outbox.put(2 * SLOW_CLIENT_MS_MAX * MS, [], frame()));
        assert!(!outbox.put(2 * SLOW_CLIENT_MS_MAX * MS + 1, [], frame()));
        assert_eq!(outbox.try_take().unwrap().close.unwrap().0, CloseCode::TooSlow);
    }

    #[test]
    fn what_waits_goes_out_before_the_close() {
        let outbox = Outbox::default();
        outbox.put(0, [batch(3)], None);
        outbox.close(CloseCode::Kicked, "enough");
        outbox.close(CloseCode::Draining, "later");
        let taken = outbox.try_take().unwrap();
        assert_eq!((taken.items.len(), taken.close.unwrap()), (1, (CloseCode::Kicked, "enough".to_owned())));
        assert!(outbox.try_take().is_none());
    }
}
