//! One client: what it sees, what it was sent, and what it has.

use std::collections::VecDeque;

use hd1_core::{NetId, Tick};
use hd1_protocol::{Acks, Receipt, index::Cursor};

use crate::{
    layout::Layouts,
    limits::{OPEN_ENTITIES_PER_TICK, REORDERED_TICKS_MAX, RESEND_TICKS_MAX, VIEW_PAGES_MAX},
    place::Place,
    sight::Sight,
    view::{NO_PAGE, PageView, Viewer},
    world::{Tracked, Viewpoint},
};

/// Ticks of waiting beyond the usual before something counts as lost.
const PATIENCE_TICKS: u64 = 4;
/// Fractions of a tick in the smoothed delay of acknowledgements.
const DELAY_UNITS: u64 = 8;

/// See the module's words.
#[derive(Debug)]
pub struct Client {
    pub(crate) viewer: Viewer,
    channels: u32,
    /// Where its avatar is looked up.
    cursor: Cursor,
    /// From where it last looked around, once that is known.
    from: Option<(i32, i32)>,
    /// By the page's number at this client.
    pub(crate) views: Vec<PageView>,
    free: Vec<u16>,
    /// Pages to be shown, the nearest first.
    waiting: VecDeque<u32>,
    /// Numbers of pages that it sees no more.
    pub(crate) closing: Vec<u16>,
    /// Has all that it was to see at first been sent?
    is_complete: bool,
    /// Ticks in which it was sent state.
    sent: Acks,
    received: Receipt,
    /// Where pages lay in what it was sent.
    pub(crate) layouts: Layouts,
    /// From a tick to its acknowledgement, in eighths of a tick.
    delay: u64,
    /// The newest input that it was told of.
    pub(crate) input_ack: u32,
    /// The newest input that the world has applied.
    pub(crate) input_applied: u32,
    /// The newest tick in which there was something to send.
    pub(crate) told: Tick,
    /// Nothing is under way or waits to be sent.
    pub(crate) is_settled: bool,
    /// State waits: what was sent has not left.
    pub(crate) is_held: bool,
    /// What it may be sent.
    pub(crate) budget: Option<Budget>,
}

/// Bytes that may leave for a client: so many a tick, and some at once.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    per_tick: u32,
    /// What was sent beyond it is missing later.
    level: i64,
}

/// Ticks' worth that may leave at once.
const BURST_TICKS: u32 = 2;

impl Budget {
    /// So many bytes a second.
    #[must_use]
    pub fn new(bytes_per_s: u32, ticks_per_s: u32) -> Self {
        let per_tick = bytes_per_s / ticks_per_s.max(1);
        Budget { per_tick, level: per_tick.into() }
    }

    /// A tick passes; what may leave now.
    fn refill(&mut self) -> usize {
        let per_tick = i64::from(self.per_tick);
        self.level = (self.level + per_tick).min(per_tick * i64::from(BURST_TICKS));
        usize::try_from(self.level).unwrap_or(0)
    }

    /// So much left, perhaps more than was there: that is missing later.
    fn take(&mut self, bytes: usize) {
        self.level -= bytes as i64;
    }
}

impl Client {
    pub(crate) fn new(viewer: Viewer, joined: Tick) -> Self {
        Client {
            viewer,
            channels: 0,
            cursor: Cursor::default(),
            from: None,
            views: Vec::new(),
            free: Vec::new(),
            waiting: VecDeque::new(),
            closing: Vec::new(),
            is_complete: false,
            sent: Acks::default(),
            received: Acks::of(joined).into(),
            layouts: Layouts::default(),
            delay: 2 * DELAY_UNITS,
            input_ack: 0,
            input_applied: 0,
            told: joined,
            is_settled: false,
            is_held: false,
            budget: None,
        }
    }

    /// The client says what it has, when `now` is the newest tick.
    pub(crate) fn ack(&mut self, receipt: &Receipt, now: Tick) {
        if receipt.newest() > now {
            return;
        }
        if receipt.newest() > self.received.newest() {
            let delay = now.since(receipt.newest()) * DELAY_UNITS;
            // Quick to grow, slow to shrink.
            self.delay = if delay > self.delay { delay } else { self.delay - (self.delay - delay) / 8 };
        }
        self.received.merge(receipt);
    }

    /// What the client has.
    #[must_use]
    pub fn received(&self) -> &Receipt {
        &self.received
    }

    /// Ticks of history that it may need.
    pub(crate) fn reach(&self) -> u64 {
        4 * self.delay / DELAY_UNITS + 16
    }

    /// What counts as lost, as seen from `now`.
    pub(crate) fn lost(&self, now: Tick) -> u64 {
        let bits_from = |age: u64| u64::MAX.checked_shl(u32::try_from(age).unwrap_or(u32::MAX)).unwrap_or(0);
        let overtaken = bits_from(now.since(self.received.newest()) + REORDERED_TICKS_MAX);
        let patience = (self.delay + self.delay / 2) / DELAY_UNITS + PATIENCE_TICKS;
        let late = bits_from(patience.min(RESEND_TICKS_MAX));
        self.sent.aged(now) & !self.received.whole.aged(now) & (overtaken | late)
    }

    /// A tick passes; bytes that it may be sent now.
    pub(crate) fn room(&mut self) -> usize {
        self.budget.as_mut().map_or(usize::MAX, Budget::refill)
    }

    /// It was sent state at `now`, so many bytes of pages.
    pub(crate) fn note_sent(&mut self, now: Tick, bytes: usize) {
        self.sent.insert(now);
        self.told = now;
        if let Some(budget) = &mut self.budget {
            budget.take(bytes);
        }
    }

    /// The pages it has open, with their numbers.
    pub fn open_pages(&self) -> impl Iterator<Item = (u16, &PageView)> {
        self.views.iter().enumerate().filter(|(_, view)| view.page() != NO_PAGE).map(|(at, view)| (at as u16, view))
    }

    /// The number of a page that it has open.
    pub(crate) fn number_of(&self, page: u32) -> Option<u16> {
        self.views.iter().position(|view| view.page() == page).map(|at| at as u16)
    }

    /// Had it a page open before this tick, and still has? So it is told all that changed in it.
    pub(crate) fn saw(&self, page: u32, now: Tick) -> bool {
        let is_open = |view: &PageView| view.page() == page && view.newest(now) != now;
        self.views.iter().any(is_open)
    }

    /// Looks around: what comes into view waits to be opened, what leaves it to be closed.
    pub(crate) fn look(&mut self, tracked: &mut Tracked) {
        let Viewpoint { channels, at } = match self.viewer.avatar {
            Some(avatar) => tracked.viewpoint(&mut self.cursor, avatar),
            None => Viewpoint { channels: 0, at: self.viewer.at.and_then(|at| tracked.steps(at)) },
        };
        let at = at.unwrap_or((0, 0));
        let sight = Sight::of(tracked);
        let stays = self.from.is_some_and(|from| channels == self.channels && sight.is_about(from, at));
        if !stays {
            (self.from, self.channels) = (Some(at), channels);
            self.look_anew(tracked, sight, at);
            return;
        }
        let from = self.from.unwrap_or(at);
        for at in 0..tracked.places().gone().len() {
            let (page, _) = tracked.places().gone()[at];
            self.waiting.retain(|waiting| *waiting != page);
            if let Some(number) = self.number_of(page) {
                self.close(number, tracked);
            }
        }
        for page in tracked.places().made() {
            let key = tracked.places().page(*page).key();
            let is_seen = sight.reaches(key.place, from) && key.audience.includes(self.viewer.player, channels);
            if is_seen && self.number_of(*page).is_none() && !self.waiting.contains(page) {
                // What is made while one looks is most often someone who walks into an empty cell.
                self.waiting.push_front(*page);
            }
        }
    }

    fn look_anew(&mut self, tracked: &mut Tracked, sight: Sight, from: (i32, i32)) {
        let (player, channels) = (self.viewer.player, self.channels);
        let mut wanted: Vec<(u64, u32)> = Vec::new();
        let mut want = |place: Place| {
            let pages = tracked.places().at(place).iter().copied();
            let far = sight.way_squared(place, from) as u64;
            wanted.extend(
                pages
                    .filter(|page| tracked.places().page(*page).key().audience.includes(player, channels))
                    .map(|page| (far, page)),
            );
        };
        want(Place::Everywhere);
        sight.cells(from).for_each(&mut want);
        // What is open stays open a bit farther, or whoever walks to and fro would see things come and go.
        let mut open = Vec::with_capacity(self.views.len());
        for number in 0..self.views.len() {
            let page = self.views[number].page();
            if page == NO_PAGE {
                continue;
            }
            let key = tracked.places().exists(page).then(|| tracked.places().page(page).key());
            match key {
                Some(key) if sight.keeps(key.place, from) && key.audience.includes(player, channels) => {
                    self.views[number].set_period(sight.period(key.place, from));
                    open.push(page);
                }
                _ => self.close(number as u16, tracked),
            }
        }
        open.sort_unstable();
        wanted.retain(|(_, page)| open.binary_search(page).is_err());
        wanted.sort_unstable();
        self.waiting.clear();
        self.waiting.extend(wanted.into_iter().map(|(_, page)| page));
    }

    fn close(&mut self, number: u16, tracked: &mut Tracked) {
        let view = std::mem::replace(&mut self.views[usize::from(number)], PageView::FREE);
        tracked.places_mut().unwatch(view.page());
        self.closing.push(number);
    }

    /// Pages that are opened now: as many as may be in one tick.
    pub(crate) fn take_waiting(&mut self, tracked: &mut Tracked) -> Vec<(u16, u32)> {
        let (mut opened, mut entities) = (Vec::new(), 0);
        let from = self.from.unwrap_or_default();
        let sight = Sight::of(tracked);
        while let Some(page) = self.waiting.front().copied() {
            if !tracked.places().exists(page) {
                self.waiting.pop_front();
                continue;
            }
            let found = tracked.places().page(page);
            entities += found.len();
            let is_enough = !opened.is_empty() && entities > OPEN_ENTITIES_PER_TICK;
            if is_enough || self.views.len() - self.free.len() > VIEW_PAGES_MAX {
                break;
            }
            self.waiting.pop_front();
            let mut view = PageView::open(page, tracked.tick());
            view.set_period(sight.period(found.key().place, from));
            tracked.places_mut().watch(page);
            let number = match self.free.pop() {
                Some(number) => {
                    self.views[usize::from(number)] = view;
                    number
                }
                None => {
                    self.views.push(view);
                    (self.views.len() - 1) as u16
                }
            };
            opened.push((number, page));
        }
        opened
    }

    /// It is gone: what it had open is closed.
    pub(crate) fn leave(&self, tracked: &mut Tracked) {
        self.open_pages().for_each(|(_, view)| tracked.places_mut().unwatch(view.page()));
    }

    /// Does the view become complete with what was opened now?
    pub(crate) fn completes(&mut self) -> bool {
        let completes = !self.is_complete && self.from.is_some() && self.waiting.is_empty();
        self.is_complete |= completes;
        completes
    }

    /// Is there structure to tell that is this client's own?
    pub(crate) fn has_own_structure(&self) -> bool {
        !self.is_complete || !self.waiting.is_empty() || !self.closing.is_empty()
    }

    /// The numbers of closed pages are free from the next tick on.
    pub(crate) fn closed(&mut self) {
        if self.closing.is_empty() {
            return;
        }
        self.free.append(&mut self.closing);
        self.free.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// From where it last looked around: in this order, neighbours stand in one strip of the world.
    pub(crate) fn looks_from(&self) -> Option<(i32, i32)> {
        self.from
    }

    /// The page that its avatar stands in.
    pub(crate) fn own_page(&self, tracked: &Tracked) -> u32 {
        self.viewer.avatar.and_then(|avatar: NetId| tracked.page_of(avatar)).unwrap_or(NO_PAGE)
    }
}
