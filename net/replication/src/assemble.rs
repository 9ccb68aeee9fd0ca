//! What one client is sent for one tick: structure in order, then state in as few datagrams as it fits.

use bytes::Bytes;
use hd1_core::Tick;
use hd1_protocol::{
    limits::DATAGRAM_BYTES_MAX,
    state::{Base, Entry, StateHeader},
    structure,
};

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

/// What a client is sent for one tick.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    /// Frames for the reliable stream, in order: pages that come into view, then structure.
    pub reliable: Vec<Bytes>,
    /// State frames, for datagrams.
    pub state: Vec<Bytes>,
}

impl Outgoing {
    /// Empties it for the next client.
    pub fn clear(&mut self) {
        self.reliable.clear();
        self.state.clear();
    }
}

/// A page that is due.
#[derive(Clone, Copy, Debug)]
struct Due {
    number: u16,
    page: u32,
    again: Again,
    span: Span,
    /// What there is to say where nothing is said again, if anything.
    news: Option<Span>,
    /// When it was opened, while the client may not know.
    opened: Option<Tick>,
    bytes: usize,
    /// More is sooner.
    priority: u64,
}

impl Due {
    /// Do both come to the same bytes? How urgent they are to whom is another matter.
    fn says_the_same(&self, other: &Due) -> bool {
        (self.number, self.page, self.span, self.opened) == (other.number, other.page, other.span, other.opened)
    }
}

/// Room to work in, kept from client to client.
#[derive(Debug, Default)]
pub struct Assembly {
    due: Vec<Due>,
    entry: Vec<u8>,
    /// What the bodies below say, in which tick: the next client is often to be told the same.
    packed: (Tick, Vec<Due>),
    /// The frames last made, for whoever has the same before their bodies too.
    frames: (Option<StateHeader>, Vec<Bytes>),
    /// Bodies that are full, with the codes they use: ends within `full`.
    ends: Vec<(usize, u8)>,
    full: Vec<u8>,
}

/// The blocks of the pages that a client has open and that changed, and the numbers it is to forget.
pub(crate) fn structure_frame(client: &mut Client, tracked: &Tracked) -> Option<Bytes> {
    let tick = tracked.tick();
    let mut frame = Vec::new();
    let begin = |frame: &mut Vec<u8>| {
        if frame.is_empty() {
            *frame = structure::begin_frame(tick);
        }
    };
    if tracked.has_structure() {
        for (number, view) in client.open_pages() {
            let page = tracked.places().page(view.page());
            // What was opened just now is shown as it is already.
            if page.structure_tick() != tick || page.version() == 0 || view.newest(tick) == tick {
                continue;
            }
            begin(&mut frame);
            let block = page.block();
            structure::begin_block(&mut frame, number, block.count + block.arrivals.len(), page.version());
            frame.extend_from_slice(&block.ops);
            for arrival in &block.arrivals {
                let sees_both = client.saw(arrival.from, tick);
                frame.extend_from_slice(if sees_both { &arrival.short } else { &arrival.whole });
            }
        }
    }
    for number in &client.closing {
        begin(&mut frame);
        structure::close_block(&mut frame, *number);
    }
    client.closed();
    (!frame.is_empty()).then(|| frame.into())
}

impl Assembly {
    /// The state frames of a tick.
    pub(crate) fn state(
        &mut self,
        client: &mut Client,
        tracked: &mut Tracked,
        blobs: &mut BlobStore,
        input_ack: u32,
        out: &mut Vec<Bytes>,
    ) {
        let tick = tracked.tick();
        self.find_due(client, tracked);
        self.spread_repairs(tracked, blobs);
        if client.budget.is_some() {
            for due in &mut self.due {
                let pieces = blobs.pieces(tracked, due.page, due.span);
                due.bytes = pieces.ranges.iter().map(|range| (range.end - range.start) as usize + 2).sum();
            }
            self.keep_to_budget(client);
        }
        if self.due.is_empty() && client.input_ack >= input_ack {
            return;
        }
        client.input_ack = client.input_ack.max(input_ack);
        let quiet = tick.since(client.told).saturating_sub(1);
        let base = self.due.first().map_or(Base::alone(tick), |due| due.span.as_base());
        let quiet = u32::try_from(quiet).unwrap_or(u32::MAX);
        let mut header = StateHeader { input_ack, tick, quiet, base, index: 0, count: 0 };
        let says_the_same = self.packed.1.len() == self.due.len()
            && self.packed.1.iter().zip(&self.due).all(|(packed, due)| packed.says_the_same(due));
        if self.packed.0 != tick || !says_the_same {
            self.pack(&header, tracked, blobs);
            self.packed.0 = tick;
            self.packed.1.clone_from(&self.due);
            self.frames.0 = None;
        }
        for due in &self.due {
            client.views[usize::from(due.number)].note_sent(tick, due.again);
        }
        client.note_sent(tick);
        header.count = self.ends.len() as u32;
        if self.frames.0 != Some(header) {
            self.frame(header, blobs);
        }
        out.extend(self.frames.1.iter().cloned());
    }

    /// Puts the header before the bodies.
    fn frame(&mut self, mut header: StateHeader, blobs: &BlobStore) {
        self.frames.0 = Some(header);
        self.frames.1.clear();
        let mut start = 0;
        for (end, used) in &self.ends {
            let mut frame =
                Vec::with_capacity(DATAGRAM_BYTES_MAX.min(end - start + 64 + blobs.codes().encoded_len(*used)));
            header.encode(&mut frame);
            blobs.codes().encode(*used, &mut frame);
            frame.extend_from_slice(&self.full[start..*end]);
            debug_assert!(frame.len() <= DATAGRAM_BYTES_MAX, "{} bytes", frame.len());
            self.frames.1.push(frame.into());
            start = *end;
            header.index += 1;
        }
    }

    /// The pages that have something to say to a client now.
    fn find_due(&mut self, client: &mut Client, tracked: &Tracked) {
        let tick = tracked.tick();
        let lost = client.lost(tick);
        let received = client.received();
        let own = client.own_page(tracked);
        self.due.clear();
        let mut is_settled = !client.has_own_structure();
        for (number, view) in client.views.iter_mut().enumerate() {
            if view.page() == NO_PAGE {
                continue;
            }
            let page = tracked.places().page(view.page());
            let newest = view.newest(tick);
            let is_new = newest < page.moved().newest();
            let has_sum = page.hash().is_some();
            if !is_new && !has_sum && !view.is_in_flight() {
                continue;
            }
            if newest == tick {
                // Opened just now.
                is_settled = false;
                continue;
            }
            let mut again = view.settle(tick, received, lost);
            is_settled &= !is_new && !view.is_in_flight();
            if again == Again::Nothing && !has_sum && !(is_new && view.is_due(tick)) {
                continue;
            }
            is_settled = false;
            // A check sum is of everything: whoever compares it must have all there is, so it is told from the base.
            if has_sum {
                again = Again::All;
            }
            let mut span = view.span(tick, again);
            if span.whole || !page.knows(span.base) {
                again = Again::All;
                span = Span { before: span.base, whole: true, ..span };
            } else if !page.knows(span.before) {
                view.forget_before();
                span.before = span.base;
            }
            let has_news = again != Again::Nothing && is_new && !span.whole && view.is_due(tick);
            let news = has_news.then(|| Span { before: span.before, ..view.span(tick, Again::Nothing) });
            let waited = tick.since(newest);
            let is_near = view.period() == 1;
            let priority = if view.page() == own {
                u64::MAX
            } else if waited >= URGENT_TICKS {
                (1 << 32) + waited
            } else {
                (u64::from(is_near) << 16) + waited * 8 / u64::from(view.period())
            };
            let (number, opened) = (number as u16, view.opened(tick));
            self.due.push(Due { number, page: view.page(), again, span, news, opened, bytes: 0, priority });
        }
        client.is_settled = is_settled;
    }

    /// Says again only so much in one tick: a client has a tick whole when it has all its frames, and of many one is soon
    /// lost again. The rest is said again in the next ticks; its news go on meanwhile.
    fn spread_repairs(&mut self, tracked: &mut Tracked, blobs: &mut BlobStore) {
        if self.due.iter().all(|due| due.again == Again::Nothing) {
            return;
        }
        let (mut room, mut is_first) = (REPAIR_BYTES_PER_TICK, true);
        // Not always the same pages first.
        let turn = tracked.tick().0 as usize % self.due.len();
        self.due.rotate_left(turn);
        self.due.retain_mut(|due| {
            if due.again == Again::Nothing {
                return true;
            }
            let pieces = blobs.pieces(tracked, due.page, due.span);
            let bytes: usize = pieces.ranges.iter().map(|range| (range.end - range.start) as usize).sum();
            if is_first || bytes <= room {
                (room, is_first) = (room.saturating_sub(bytes), false);
                return true;
            }
            let Some(news) = due.news else { return false };
            (due.again, due.span) = (Again::Nothing, news);
            true
        });
        self.due.sort_unstable_by_key(|due| due.number);
    }

    /// Leaves out what does not fit what the client may be sent: it waits, and what has waited goes first.
    fn keep_to_budget(&mut self, client: &mut Client) {
        let Some(budget) = &mut client.budget else { return };
        let mut room = budget.refill();
        let all: usize = self.due.iter().map(|due| due.bytes).sum();
        if all > room {
            self.due.sort_unstable_by_key(|due| (std::cmp::Reverse(due.priority), due.number));
            let mut is_first = true;
            self.due.retain(|due| {
                let fits = is_first || due.bytes <= room;
                if fits {
                    room = room.saturating_sub(due.bytes);
                }
                is_first = false;
                fits
            });
            self.due.sort_unstable_by_key(|due| due.number);
        }
        budget.take(self.due.iter().map(|due| due.bytes).sum());
    }

    /// Puts the pieces into bodies, each as full as it gets.
    fn pack(&mut self, header: &StateHeader, tracked: &mut Tracked, blobs: &mut BlobStore) {
        let room = DATAGRAM_BYTES_MAX - StateHeader::BYTES_MAX;
        self.full.clear();
        self.ends.clear();
        let (mut used, mut last) = (0u8, None);
        for due in &self.due {
            let pieces = blobs.pieces(tracked, due.page, due.span).clone();
            let entry = Entry { page: due.number, base: due.span.as_base(), opened: due.opened };
            for range in &pieces.ranges {
                let piece = blobs.piece(range);
                self.entry.clear();
                let mut after = last;
                if after == Some(due.number) {
                    // A frame has one piece of a page.
                    self.ends.push((self.full.len(), used));
                    (used, after) = (0, None);
                }
                entry.encode(header, after, &mut self.entry);
                let start = self.ends.last().map_or(0, |(end, _)| *end);
                let size = self.full.len() - start + self.entry.len() + piece.len();
                if size + blobs.codes().encoded_len(used | pieces.codes) > room && self.full.len() > start {
                    self.ends.push((self.full.len(), used));
                    used = 0;
                    self.entry.clear();
                    entry.encode(header, None, &mut self.entry);
                }
                used |= pieces.codes;
                self.full.extend_from_slice(&self.entry);
                self.full.extend_from_slice(piece);
                last = Some(due.number);
            }
        }
        self.ends.push((self.full.len(), used));
    }
}
