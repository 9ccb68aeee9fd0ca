//! Which pages a client is told of in a tick, and what of each.

use std::cmp::Reverse;

use crate::{
    blobs::BlobStore,
    client::Client,
    logged::Span,
    view::{Again, NO_PAGE},
    world::Tracked,
};

/// Bytes that one tick says again to one client.
const REPAIR_BYTES_PER_TICK: usize = 1_400;
/// Ticks after which what waits goes before what is near.
const URGENT_TICKS: u64 = 20;
/// Bytes of a page's entry before its blob, mostly.
const ENTRY_BYTES: usize = 2;

/// A page that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// What it says, among the blobs of this tick.
    pub blob: u32,
    /// The page's number at the client.
    pub number: u16,
    /// May the client not know yet that it is open? It was opened at the base.
    pub is_fresh: bool,
    /// Is something said again? What it is stands in [`DueList::again`].
    says_again: bool,
}

/// All pages that are due, by ascending number.
#[derive(Debug, Default)]
pub(crate) struct DueList {
    pub list: Vec<Due>,
    /// What is said again, by ascending number.
    again: Vec<(u16, Again)>,
}

impl DueList {
    /// Finds the pages that have something to say to a client now, which has `lost` the ticks that it says.
    pub(crate) fn find(&mut self, client: &mut Client, lost: u64, tracked: &Tracked, blobs: &mut BlobStore) {
        let tick = tracked.tick();
        let places = tracked.places();
        let received = *client.received();
        self.list.clear();
        self.again.clear();
        let mut is_settled = !client.has_own_structure();
        let Client { views, layouts, .. } = client;
        for (number, view) in views.iter_mut().enumerate() {
            if view.page() == NO_PAGE {
                continue;
            }
            let news = places.news(view.page());
            let is_new = view.is_older_than(news.moved);
            if !is_new && !news.has_sum && !view.is_in_flight() {
                continue;
            }
            // What was opened just now is as new as can be; what is not due is looked at when it is.
            if !(view.is_due(tick) || news.has_sum) || view.is_newest(tick) {
                is_settled = false;
                continue;
            }
            let mut got = received.whole.aged(view.newest(tick));
            for part in received.parts() {
                let age = view.newest(tick).0.checked_sub(part.tick.0).filter(|age| *age < u64::from(u64::BITS));
                got |= age.filter(|_| layouts.had(part, number as u16)).map_or(0, |age| 1 << age);
            }
            let mut again = view.settle(tick, got, lost);
            if again == Again::Nothing && !news.has_sum && !is_new {
                is_settled &= !view.is_in_flight();
                continue;
            }
            is_settled = false;
            // A check sum is of everything: whoever compares it must have all there is, so it is told from the base.
            if news.has_sum {
                again = Again::All;
            }
            let mut span = view.span(tick, again);
            if span.whole || !tracked.knows(view.page(), span.base(tick)) {
                again = Again::All;
                span = Span { before_age: span.base_age, whole: true, ..span };
            } else if !tracked.knows(view.page(), span.before(tick)) {
                view.forget_before();
                span.before_age = span.base_age;
            }
            let says_again = again != Again::Nothing;
            if says_again {
                self.again.push((number as u16, again));
            }
            let blob = blobs.say(tracked, view.page(), span);
            self.list.push(Due { blob, number: number as u16, is_fresh: view.is_fresh(), says_again });
        }
        client.is_settled = is_settled;
        if !self.again.is_empty() {
            self.spread_repairs(client, tracked, blobs);
        }
    }

    /// Bytes of it all.
    pub(crate) fn bytes(&self, blobs: &BlobStore) -> usize {
        self.list.iter().map(|due| bytes(due, blobs)).sum()
    }

    /// What of a page that is due is said again.
    #[inline]
    pub(crate) fn again(&self, due: &Due) -> Again {
        if !due.says_again {
            return Again::Nothing;
        }
        match self.again.binary_search_by_key(&due.number, |(number, _)| *number) {
            Ok(at) => self.again[at].1,
            Err(_) => Again::Nothing,
        }
    }

    /// Says again only so much in one tick: a client has a tick whole when it has all its frames, and of many one is
    /// soon lost again. The rest is said again in the next ticks; its news go on meanwhile.
    fn spread_repairs(&mut self, client: &Client, tracked: &Tracked, blobs: &mut BlobStore) {
        let tick = tracked.tick();
        let (mut room, mut is_first) = (REPAIR_BYTES_PER_TICK, true);
        // Not always the same pages first.
        let turn = tick.0 as usize % self.list.len();
        self.list.rotate_left(turn);
        self.list.retain_mut(|due| {
            if !due.says_again {
                return true;
            }
            let blob = blobs.blob(due.blob);
            let (bytes, page, span) = (blob.len(), blob.page(), blob.span());
            if is_first || bytes <= room {
                (room, is_first) = (room.saturating_sub(bytes), false);
                return true;
            }
            let view = &client.views[usize::from(due.number)];
            if span.whole || !view.is_due(tick) || !view.is_older_than(tracked.places().news(page).moved) {
                return false;
            }
            due.says_again = false;
            let span = Span { before_age: span.before_age, ..view.span(tick, Again::Nothing) };
            due.blob = blobs.say(tracked, page, span);
            true
        });
        self.list.sort_unstable_by_key(|due| due.number);
    }

    /// Leaves out what does not fit the `room` that a client has: it waits, and what has waited goes first.
    pub(crate) fn keep_to(&mut self, mut room: usize, client: &Client, tracked: &Tracked, blobs: &BlobStore) {
        let own = client.own_page(tracked);
        let priority = |due: &Due| {
            let view = &client.views[usize::from(due.number)];
            let waited = tracked.tick().since(view.newest(tracked.tick()));
            if view.page() == own {
                u64::MAX
            } else if waited >= URGENT_TICKS {
                (1 << 32) + waited
            } else {
                (u64::from(view.period() == 1) << 16) + waited * 8 / u64::from(view.period())
            }
        };
        self.list.sort_by_cached_key(|due| (Reverse(priority(due)), due.number));
        // A page that is larger than what there ever is goes when there is anything, and what follows waits for longer.
        let mut is_first = room > 0;
        self.list.retain(|due| {
            let bytes = bytes(due, blobs);
            let fits = is_first || bytes <= room;
            if fits {
                room = room.saturating_sub(bytes);
            }
            is_first = false;
            fits
        });
        self.list.sort_unstable_by_key(|due| due.number);
    }
}

fn bytes(due: &Due, blobs: &BlobStore) -> usize {
    blobs.blob(due.blob).len() + ENTRY_BYTES
}
