//! What pages' state has become in one tick, as bytes: each once for all who have the page on the same base.

use std::ops::Range;

use hd1_core::Tick;
use hd1_protocol::{
    shapes::Shapes,
    state::{BlobHead, BlobWriter, Pieces, TickCodes},
};
use hd1_schema::ComponentId;

use crate::{
    logged::{Found, Span},
    page::Page,
    world::Tracked,
};

/// Pages from which on their codes are said once for all of them.
const PAGES_WITH_OWN_CODES: usize = 4;
/// Pages that are looked at to find how rows are best coded.
const SAMPLE_PAGES: usize = 16;
/// No blob.
const NONE: u32 = u32::MAX;

/// See the module's words.
#[derive(Debug, Default)]
pub struct BlobStore {
    bytes: Vec<u8>,
    codes: TickCodes,
    /// Have the codes of this tick been made?
    has_codes: bool,
    writer: BlobWriter,
    found: Found,
    /// Whose codes are to be found.
    components: Vec<ComponentId>,
    /// This tick's.
    blobs: Vec<Blob>,
    /// By page: its first blob.
    first: Vec<u32>,
    pieces: Pieces,
}

/// What a page says on one base.
#[derive(Clone, Copy, Debug)]
pub struct Blob {
    page: u32,
    span: Span,
    /// The page's next on another base.
    next: u32,
    /// Which codes of the tick it uses, as bits.
    pub codes: u8,
    /// Where it lies among the bytes of all.
    bytes: (u32, u32),
    /// Its pieces, where it is more than one.
    pieces: (u32, u32),
}

impl Blob {
    /// Which page's.
    #[must_use]
    pub fn page(&self) -> u32 {
        self.page
    }

    /// What it says.
    #[inline]
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// Bytes of it.
    #[must_use]
    pub fn len(&self) -> usize {
        (self.bytes.1 - self.bytes.0) as usize
    }

    /// Is there nothing to say?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl BlobStore {
    /// Begins a tick.
    pub fn begin(&mut self) {
        self.blobs.drain(..).for_each(|blob| self.first[blob.page as usize] = NONE);
        self.bytes.clear();
        self.pieces.ranges.clear();
        self.codes.clear();
        self.has_codes = false;
    }

    /// How the rows of this tick are coded.
    #[must_use]
    pub fn codes(&self) -> &TickCodes {
        &self.codes
    }

    /// How many there are in this tick.
    #[must_use]
    pub fn count(&self) -> usize {
        self.blobs.len()
    }

    /// A blob of this tick.
    #[inline]
    #[must_use]
    pub fn blob(&self, number: u32) -> &Blob {
        &self.blobs[number as usize]
    }

    /// The pieces of a blob, in order.
    #[inline]
    pub fn pieces(&self, number: u32) -> impl Iterator<Item = &[u8]> {
        let blob = self.blob(number);
        let one = (blob.pieces.0 == blob.pieces.1).then_some(blob.bytes.0..blob.bytes.1);
        let many = &self.pieces.ranges[blob.pieces.0 as usize..blob.pieces.1 as usize];
        let piece = |range: Range<u32>| &self.bytes[range.start as usize..range.end as usize];
        one.into_iter().chain(many.iter().cloned()).map(piece)
    }

    /// The number of the blob that says a span of a page.
    pub fn say(&mut self, tracked: &Tracked, page: u32, span: Span) -> u32 {
        if self.first.len() <= page as usize {
            self.first.resize(page as usize + 1, NONE);
        }
        let first = self.first[page as usize];
        let mut at = first;
        while at != NONE {
            let blob = &self.blobs[at as usize];
            if blob.span == span {
                return at;
            }
            at = blob.next;
        }
        if !self.has_codes {
            self.has_codes = true;
            self.learn(tracked, span);
        }
        let (start, first_piece) = (self.bytes.len() as u32, self.pieces.ranges.len() as u32);
        let codes = self.encode(tracked.shapes(), tracked.places().page(page), tracked.tick(), span);
        if self.pieces.ranges.len() as u32 == first_piece + 1 {
            self.pieces.ranges.pop();
        }
        let (bytes, pieces) = ((start, self.bytes.len() as u32), (first_piece, self.pieces.ranges.len() as u32));
        self.first[page as usize] = self.blobs.len() as u32;
        self.blobs.push(Blob { page, span, next: first, codes, bytes, pieces });
        self.blobs.len() as u32 - 1
    }

    /// Appends the bytes and the pieces; the codes of the tick that they use.
    fn encode(&mut self, shapes: &Shapes, page: &Page, now: Tick, span: Span) -> u8 {
        let onward = span.onward();
        self.writer.begin(BlobHead {
            whole: span.whole,
            version: (span.base(now) <= page.structure_tick()).then(|| page.version()),
            moved_for: moved_for(page, now, span),
            // Whoever compares it must have all there is.
            hash: page.hash().filter(|_| span.tells_all()).map(|hash| hash as u32),
        });
        for column in page.columns().iter().filter(|column| column.has_news(span, now)) {
            let Ok(shape) = shapes.shape(column.component()) else { continue };
            self.writer.section(column.component(), shape, &self.codes, &mut self.bytes);
            column.write(span, now, onward, &mut self.found, &mut self.writer);
        }
        let pieces = self.writer.end(&self.codes, &mut self.bytes);
        self.pieces.ranges.extend(pieces.ranges);
        pieces.codes
    }

    /// Finds codes for the tick from some of the pages that moved, where those are many.
    fn learn(&mut self, tracked: &Tracked, span: Span) {
        let (moved, now) = (tracked.moved(), tracked.tick());
        if moved.len() <= PAGES_WITH_OWN_CODES {
            return;
        }
        let sample =
            || moved.iter().step_by(moved.len().div_ceil(SAMPLE_PAGES)).map(|page| tracked.places().page(*page));
        self.components.clear();
        self.components.extend(sample().flat_map(|page| page.columns().iter().map(|column| column.component())));
        self.components.sort_unstable();
        self.components.dedup();
        let onward = span.onward();
        for component in self.components.iter().copied() {
            let Ok(shape) = tracked.shapes().shape(component) else { continue };
            self.writer.sample(component, shape);
            for page in sample() {
                let columns = page.columns().iter().filter(|column| column.component() == component);
                columns.for_each(|column| column.write(span, now, onward, &mut self.found, &mut self.writer));
            }
            self.writer.teach(&mut self.codes);
        }
    }
}

/// How many ticks before this one all that changed last held still.
fn moved_for(page: &Page, tick: Tick, span: Span) -> u32 {
    // Bit `i`: did it change `i` ticks ago? Of those that are told the oldest counts.
    let changed = page.moved().aged(tick) & span.told;
    (u64::BITS - changed.leading_zeros()).max(1)
}
