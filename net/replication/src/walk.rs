//! Clients that stand alike are told alike: what was found out for one serves the next.
//!
//! In a room where all see the same, most clients have the same pages open, were sent the same and have acknowledged the
//! same. So the walk over a client's pages is kept with what it began with; whoever begins with the same goes the way
//! without walking.

use hd1_core::Tick;
use hd1_protocol::Acks;

use crate::{client::Client, view::PageView};

/// Pages from which on a walk is worth keeping.
const PAGES_MIN: usize = 4;

/// The walk last kept.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    begin: Option<Begin>,
    before: Vec<PageView>,
    after: Vec<PageView>,
    is_settled: bool,
    /// Bytes that the last walk came to, kept or not.
    pub bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Begin {
    tick: Tick,
    received: Acks,
    lost: u64,
    has_own_structure: bool,
}

impl Begin {
    /// None where it depends on how the client's own frames lay.
    fn of(client: &Client, tick: Tick, lost: u64) -> Option<Self> {
        let (received, has_own_structure) = (client.received(), client.has_own_structure());
        received.parts().is_empty().then_some(Begin { tick, received: received.whole, lost, has_own_structure })
    }
}

impl Walk {
    /// Would a client go the same way?
    pub(crate) fn is_that_of(&self, client: &Client, tick: Tick, lost: u64) -> bool {
        self.begin.is_some() && self.begin == Begin::of(client, tick, lost) && self.before == client.views
    }

    /// It goes the same way.
    pub(crate) fn repeat(&self, client: &mut Client) {
        client.views.copy_from_slice(&self.after);
        client.is_settled = self.is_settled;
    }

    /// A client sets out.
    pub(crate) fn begin(&mut self, client: &Client, tick: Tick, lost: u64) {
        self.begin = Begin::of(client, tick, lost).filter(|_| client.views.len() >= PAGES_MIN);
        if self.begin.is_some() {
            self.before.clone_from(&client.views);
        }
    }

    /// It has arrived, and has been sent all that was due.
    pub(crate) fn end(&mut self, client: &Client, bytes: usize) {
        self.bytes = bytes;
        self.is_settled = client.is_settled;
        if self.begin.is_some() {
            self.after.clone_from(&client.views);
        }
    }

    /// Its way is nobody else's.
    pub(crate) fn forget(&mut self) {
        self.begin = None;
    }
}
