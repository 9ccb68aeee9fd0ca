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
    due::{Due, DueList},
    frames::Frames,
    layout::FrameStart,
    walk::Walk,
    world::Tracked,
};

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

/// Room to work in, kept from client to client.
#[derive(Debug, Default)]
pub struct Assembly {
    due: DueList,
    walk: Walk,
    /// What the bodies below say, in which tick: the next client is often to be told the same.
    packed: (Tick, Vec<Due>),
    bodies: Bodies,
    /// The frames last made, for whoever has the same before their bodies too.
    made: (Option<StateHeader>, Vec<Bytes>),
    head: Vec<u8>,
    frames: Frames,
}

/// What frames say behind their headers and codes, each as full as it gets.
#[derive(Debug, Default)]
struct Bodies {
    bytes: Vec<u8>,
    list: Vec<Body>,
}

/// Of one frame.
#[derive(Clone, Copy, Debug)]
struct Body {
    start: FrameStart,
    /// Where it ends among the bytes of all.
    end: usize,
    /// The codes of the tick that it uses, as bits.
    codes: u8,
}

impl Assembly {
    /// The blocks of the pages that a client has open and that changed, and the numbers it is to forget.
    pub(crate) fn structure(&mut self, client: &mut Client, tracked: &Tracked) -> Option<Bytes> {
        let tick = tracked.tick();
        let frame = &mut self.head;
        frame.clear();
        structure::begin_frame(frame, tick);
        let empty = frame.len();
        if tracked.has_structure() {
            for (number, view) in client.open_pages() {
                // What was opened just now is shown as it is already.
                if !tracked.places().news(view.page()).has_structure || view.newest(tick) == tick {
                    continue;
                }
                let page = tracked.places().page(view.page());
                let block = page.block();
                structure::begin_block(frame, number, block.count + block.arrivals.len(), page.version());
                frame.extend_from_slice(&block.ops);
                for arrival in &block.arrivals {
                    let sees_both = client.saw(arrival.from, tick);
                    frame.extend_from_slice(if sees_both { &arrival.short } else { &arrival.whole });
                }
            }
        }
        client.closing.iter().for_each(|number| structure::close_block(frame, *number));
        client.closed();
        (frame.len() > empty).then(|| self.frames.frame(&[frame]))
    }

    /// The state frames of a tick.
    pub(crate) fn state(
        &mut self,
        client: &mut Client,
        tracked: &Tracked,
        blobs: &mut BlobStore,
        out: &mut Vec<Bytes>,
    ) {
        let (tick, input_ack) = (tracked.tick(), client.input_applied);
        let (lost, room) = (client.lost(tick), client.room());
        let repeats = self.walk.is_that_of(client, tick, lost) && self.walk.bytes <= room;
        if repeats {
            self.walk.repeat(client);
        } else {
            self.walk(client, lost, room, tracked, blobs);
        }
        let due = &self.due.list;
        if due.is_empty() && client.input_ack >= input_ack {
            return;
        }
        client.input_ack = input_ack;
        let quiet = u32::try_from(tick.since(client.told).saturating_sub(1)).unwrap_or(u32::MAX);
        let base = usual_base(due, blobs, tick);
        let mut header = StateHeader { input_ack, tick, quiet, base, index: 0, count: 0 };
        if self.packed.0 != tick || self.packed.1 != *due {
            self.bodies.pack(&header, due, blobs);
            self.packed.0 = tick;
            self.packed.1.clone_from(due);
            self.made.0 = None;
        }
        client.note_sent(tick, self.walk.bytes);
        let whole = client.received().whole;
        client.layouts.note(tick, self.bodies.list.iter().map(|body| body.start), whole);
        header.count = self.bodies.list.len() as u32;
        if self.made.0 != Some(header) {
            self.make(header, blobs);
        }
        out.extend(self.made.1.iter().cloned());
    }

    /// Finds what is due, and notes it as sent.
    fn walk(&mut self, client: &mut Client, lost: u64, room: usize, tracked: &Tracked, blobs: &mut BlobStore) {
        let tick = tracked.tick();
        self.walk.begin(client, tick, lost);
        self.due.find(client, lost, tracked, blobs);
        let mut bytes = self.due.bytes(blobs);
        let fits = bytes <= room;
        if !fits {
            self.due.keep_to(room, client, tracked, blobs);
            bytes = self.due.bytes(blobs);
        }
        for due in &self.due.list {
            client.views[usize::from(due.number)].note_sent(tick, self.due.again(due));
        }
        self.walk.end(client, bytes);
        if !fits {
            self.walk.forget();
        }
    }

    /// Puts the header and the codes before the bodies.
    fn make(&mut self, mut header: StateHeader, blobs: &BlobStore) {
        self.made.0 = Some(header);
        self.made.1.clear();
        let mut start = 0;
        for body in &self.bodies.list {
            self.head.clear();
            header.encode(&mut self.head);
            blobs.codes().encode(body.codes, &mut self.head);
            let frame = self.frames.frame(&[&self.head, &self.bodies.bytes[start..body.end]]);
            debug_assert!(frame.len() <= DATAGRAM_BYTES_MAX, "{} bytes", frame.len());
            self.made.1.push(frame);
            start = body.end;
            header.index += 1;
        }
    }
}

/// The base that most have, or one that many have: said once for all of them.
fn usual_base(due: &[Due], blobs: &BlobStore, tick: Tick) -> Base {
    let (mut usual, mut votes) = ((0, 0), 0);
    for due in due {
        let span = blobs.blob(due.blob).span();
        let base = (span.base_age, span.before_age);
        if votes == 0 {
            usual = base;
        }
        if base == usual { votes += 1 } else { votes -= 1 }
    }
    Base { tick: Tick(tick.0.saturating_sub(usual.0.into())), before: Tick(tick.0.saturating_sub(usual.1.into())) }
}

impl Bodies {
    /// Puts the pieces of what is due into bodies.
    fn pack(&mut self, header: &StateHeader, due: &[Due], blobs: &BlobStore) {
        let room = DATAGRAM_BYTES_MAX - StateHeader::BYTES_MAX;
        let Bodies { bytes, list } = self;
        bytes.clear();
        list.clear();
        let (mut start, mut used, mut last) = (0, 0u8, None);
        let mut first = FrameStart { page: due.first().map_or(0, |due| due.number), continues: false };
        for due in due {
            let blob = blobs.blob(due.blob);
            let codes = blob.codes;
            let base = blob.span().as_base(header.tick);
            let entry = Entry { page: due.number, base, opened: due.is_fresh.then_some(base.tick) };
            for piece in blobs.pieces(due.blob) {
                let begin = bytes.len();
                // A frame has one piece of a page.
                let mut is_full = last == Some(due.number);
                if !is_full {
                    entry.encode(header, last, bytes);
                    let size = bytes.len() - start + piece.len() + blobs.codes().encoded_len(used | codes);
                    is_full = size > room && begin > start;
                }
                if is_full {
                    bytes.truncate(begin);
                    list.push(Body { start: first, end: begin, codes: used });
                    first = FrameStart { page: due.number, continues: last == Some(due.number) };
                    (start, used) = (begin, 0);
                    entry.encode(header, None, bytes);
                }
                used |= codes;
                bytes.extend_from_slice(piece);
                last = Some(due.number);
            }
        }
        list.push(Body { start: first, end: bytes.len(), codes: used });
    }
}
