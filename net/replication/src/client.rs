//! One client: what it sees, what it was sent, and what it has.

use std::collections::VecDeque;

use hd1_core::{NetId, Tick};
use hd1_protocol::Acks;
use hd1_schema::ComponentId;
use hd1_world::components::{CameraView, Channels, Transform};
use hd1_world::described::Described;

use crate::{
    limits::{OPEN_ENTITIES_PER_TICK, REORDERED_TICKS_MAX, RESEND_TICKS_MAX, VIEW_CELLS_MAX, VIEW_PAGES_MAX},
    place::{Grid, PageKey, Place},
    view::{NO_PAGE, PageView, Viewer},
    world::Tracked,
};

/// Of the way to the end of the view, up to where things are shown in every tick, in every second and in every fourth.
const RINGS: [f32; 2] = [0.4, 0.7];
/// Ticks of waiting beyond the usual before something counts as lost.
const PATIENCE_TICKS: u64 = 4;
/// Fractions of a tick in the smoothed delay of acknowledgements.
const DELAY_UNITS: u64 = 8;

/// See the module's words.
#[derive(Debug)]
pub struct Client {
    pub(crate) viewer: Viewer,
    channels: u32,
    /// The cell it looks from, once it is known.
    center: Option<(i32, i32)>,
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
    received: Acks,
    /// From a tick to its acknowledgement, in eighths of a tick.
    delay: u64,
    /// The newest input that it was told of.
    pub(crate) input_ack: u32,
    /// The newest tick in which there was something to send.
    pub(crate) told: Tick,
    /// Nothing is under way or waits to be sent.
    pub(crate) is_settled: bool,
    /// What it may be sent.
    pub(crate) budget: Option<Budget>,
}

/// Bytes that may leave for a client: so many a tick, and some at once.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    per_tick: u32,
    level: u32,
}

/// Ticks' worth that may leave at once.
const BURST_TICKS: u32 = 2;

impl Budget {
    /// So many bytes a second.
    #[must_use]
    pub fn new(bytes_per_s: u32, ticks_per_s: u32) -> Self {
        let per_tick = bytes_per_s / ticks_per_s.max(1);
        Budget { per_tick, level: per_tick }
    }

    /// A tick passes; what may leave now.
    pub(crate) fn refill(&mut self) -> usize {
        self.level = self.level.saturating_add(self.per_tick).min(self.per_tick.saturating_mul(BURST_TICKS));
        self.level as usize
    }

    /// So much left, perhaps more than was there: that is missing later.
    pub(crate) fn take(&mut self, bytes: usize) {
        self.level = self.level.saturating_sub(u32::try_from(bytes).unwrap_or(u32::MAX));
    }
}

impl Client {
    pub(crate) fn new(viewer: Viewer, joined: Tick) -> Self {
        Client {
            viewer,
            channels: 0,
            center: None,
            views: Vec::new(),
            free: Vec::new(),
            waiting: VecDeque::new(),
            closing: Vec::new(),
            is_complete: false,
            sent: Acks::default(),
            received: Acks::of(joined),
            delay: 2 * DELAY_UNITS,
            input_ack: 0,
            told: joined,
            is_settled: false,
            budget: None,
        }
    }

    /// The client says which ticks it has, when `now` is the newest.
    pub(crate) fn ack(&mut self, acks: Acks, now: Tick) {
        if acks.newest() > now {
            return;
        }
        if acks.newest() > self.received.newest() {
            let delay = now.since(acks.newest()) * DELAY_UNITS;
            // Quick to grow, slow to shrink.
            self.delay = if delay > self.delay { delay } else { self.delay - (self.delay - delay) / 8 };
        }
        self.received.merge(acks);
    }

    /// The ticks that the client has.
    #[must_use]
    pub fn received(&self) -> Acks {
        self.received
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
        self.sent.aged(now) & !self.received.aged(now) & (overtaken | late)
    }

    pub(crate) fn note_sent(&mut self, now: Tick) {
        self.sent.insert(now);
        self.told = now;
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
    pub(crate) fn look(&mut self, tracked: &Tracked) {
        let channels = self.own(tracked, Channels::ID).map_or(0, |lanes| lanes[0] as u32);
        let center = self.look_from(tracked);
        let has_moved = self.center != Some(center) || channels != self.channels;
        if has_moved {
            (self.center, self.channels) = (Some(center), channels);
            self.look_anew(tracked, center);
            return;
        }
        for (page, _) in tracked.places().gone() {
            self.waiting.retain(|waiting| waiting != page);
            if let Some(number) = self.number_of(*page) {
                self.close(number);
            }
        }
        for page in tracked.places().made() {
            let key = tracked.places().page(*page).key();
            if self.sees(tracked, key, center) && self.number_of(*page).is_none() && !self.waiting.contains(page) {
                // What is made while one looks is most often someone who walks into an empty cell.
                self.waiting.push_front(*page);
            }
        }
    }

    fn own<'t>(&self, tracked: &'t Tracked, component: ComponentId) -> Option<&'t [i32]> {
        tracked.lanes(self.viewer.avatar?, component).filter(|lanes| !lanes.is_empty())
    }

    /// The cell it looks from: its camera's, else its avatar's.
    fn look_from(&self, tracked: &Tracked) -> (i32, i32) {
        let Some(grid) = tracked.grid() else { return (0, 0) };
        let camera = self.own(tracked, CameraView::ID).and_then(|lanes| {
            // A camera's position has coarser steps than a transform's.
            let [x, _, z] = *lanes.first_chunk::<3>()?;
            Some((x.saturating_mul(CAMERA_STEPS), z.saturating_mul(CAMERA_STEPS)))
        });
        let body = || {
            let root = self.viewer.avatar.map(|avatar| tracked.root_of(avatar))?;
            let [x, _, z] = *tracked.lanes(root, Transform::ID)?.first_chunk::<3>()?;
            Some((x, z))
        };
        let (x, z) = camera.or_else(body).unwrap_or((0, 0));
        match self.center {
            Some(center) if grid.holds(center, x, z) => center,
            _ => grid.cell(x, z),
        }
    }

    /// Is something in view?
    fn sees(&self, tracked: &Tracked, key: PageKey, center: (i32, i32)) -> bool {
        let is_near = match key.place {
            Place::Everywhere => true,
            Place::Cell(x, z) => is_in_reach(center, (x, z), cells_in_view(tracked)),
        };
        is_near && key.audience.includes(self.viewer.player, self.channels)
    }

    fn look_anew(&mut self, tracked: &Tracked, center: (i32, i32)) {
        let reach = cells_in_view(tracked);
        let mut wanted: Vec<(i64, u32)> = Vec::new();
        let mut want = |place: Place, far: i64| {
            for page in tracked.places().at(place) {
                if tracked.places().page(*page).key().audience.includes(self.viewer.player, self.channels) {
                    wanted.push((far, *page));
                }
            }
        };
        want(Place::Everywhere, -1);
        if tracked.grid().is_some() {
            let last = reach as i32 + 1;
            for x in -last..=last {
                for z in -last..=last {
                    let cell = (center.0.saturating_add(x), center.1.saturating_add(z));
                    if is_in_reach(center, cell, reach) {
                        want(Place::Cell(cell.0, cell.1), i64::from(x * x + z * z));
                    }
                }
            }
        }
        wanted.sort_unstable();
        // What is open stays open a cell farther, or whoever walks along a border would see things come and go.
        for number in 0..self.views.len() {
            let page = self.views[number].page();
            if page == NO_PAGE {
                continue;
            }
            let key = tracked.places().exists(page).then(|| tracked.places().page(page).key());
            let stays = key.is_some_and(|key| {
                let is_near = match key.place {
                    Place::Everywhere => true,
                    Place::Cell(x, z) => is_in_reach(center, (x, z), reach + 1.0),
                };
                is_near && key.audience.includes(self.viewer.player, self.channels)
            });
            match key {
                Some(key) if stays => self.views[number].set_period(period(key.place, center, reach)),
                _ => self.close(number as u16),
            }
        }
        let open = self.views.iter().map(PageView::page).filter(|page| *page != NO_PAGE);
        let open: std::collections::HashSet<u32> = open.collect();
        self.waiting = wanted.into_iter().map(|(_, page)| page).filter(|page| !open.contains(page)).collect();
    }

    fn close(&mut self, number: u16) {
        self.views[usize::from(number)] = PageView::FREE;
        self.closing.push(number);
    }

    /// Pages that are opened now: as many as may be in one tick.
    pub(crate) fn take_waiting(&mut self, tracked: &Tracked) -> Vec<(u16, u32)> {
        let (mut opened, mut entities) = (Vec::new(), 0);
        let center = self.center.unwrap_or_default();
        let reach = cells_in_view(tracked);
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
            view.set_period(period(found.key().place, center, reach));
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

    /// Does the view become complete with what was opened now?
    pub(crate) fn completes(&mut self) -> bool {
        let completes = !self.is_complete && self.center.is_some() && self.waiting.is_empty();
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

    /// The page that its avatar stands in.
    pub(crate) fn own_page(&self, tracked: &Tracked) -> u32 {
        self.viewer.avatar.and_then(|avatar: NetId| tracked.page_of(avatar)).unwrap_or(NO_PAGE)
    }
}

/// Steps of a transform's position in one of a camera's.
const CAMERA_STEPS: i32 = 10;

/// How far the view goes, in cells, with what both ends of it may stand outside theirs.
fn cells_in_view(tracked: &Tracked) -> f32 {
    match (tracked.interest().view_m, tracked.interest().cell_m()) {
        (Some(view), Some(cell)) => (view / cell + 2.0 * Grid::SLACK).clamp(0.0, VIEW_CELLS_MAX),
        _ => 0.0,
    }
}

/// Is any point of one cell as near to any of the other?
fn is_in_reach(a: (i32, i32), b: (i32, i32), reach: f32) -> bool {
    let between = |a: i32, b: i32| ((i64::from(a) - i64::from(b)).abs() - 1).max(0) as f32;
    between(a.0, b.0).powi(2) + between(a.1, b.1).powi(2) < reach * reach
}

/// How seldom a place is sent: the farther, the more seldom.
fn period(place: Place, center: (i32, i32), reach: f32) -> u8 {
    let Place::Cell(x, z) = place else { return 1 };
    let along = |a: i32, b: i32| (i64::from(a) - i64::from(b)) as f32;
    let far = along(center.0, x).powi(2) + along(center.1, z).powi(2);
    match RINGS.iter().filter(|ring| far > (**ring * reach.max(1.0)).powi(2)).count() {
        0 => 1,
        1 => 2,
        _ => 4,
    }
}
