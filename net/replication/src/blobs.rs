//! What pages' state has become in one tick, as bytes: each once for all who have the page on the same base.

use hd1_core::Tick;
use hd1_protocol::{
    shapes::Shapes,
    state::{BlobHead, BlobWriter, Pieces, TickCodes},
};

use crate::{
    logged::{Found, Span},
    page::Page,
    world::Tracked,
};

/// Pages from which on their codes are said once for all of them.
const PAGES_WITH_OWN_CODES: usize = 4;
/// Pages that are looked at to find how rows are best coded.
const SAMPLE_PAGES: usize = 16;

/// See the module's words.
#[derive(Debug, Default)]
pub struct BlobStore {
    bytes: Vec<u8>,
    codes: TickCodes,
    /// Have the codes of this tick been made?
    has_codes: bool,
    writer: BlobWriter,
    found: Found,
}

impl BlobStore {
    /// Begins a tick.
    pub fn begin(&mut self) {
        self.bytes.clear();
        self.codes.clear();
        self.has_codes = false;
    }

    /// How the rows of this tick are coded.
    #[must_use]
    pub fn codes(&self) -> &TickCodes {
        &self.codes
    }

    /// The bytes of a piece.
    #[inline]
    #[must_use]
    pub fn piece(&self, range: &std::ops::Range<u32>) -> &[u8] {
        &self.bytes[range.start as usize..range.end as usize]
    }

    /// What a span says of a page: how its pieces lie.
    pub fn pieces<'t>(&mut self, tracked: &'t mut Tracked, number: u32, span: Span) -> &'t Pieces {
        let tick = tracked.tick();
        if !self.has_codes {
            self.has_codes = true;
            self.learn(tracked, span);
        }
        let (shapes, places) = tracked.shapes_and_places();
        let page = places.page_mut(number);
        if page.blobs.tick != tick {
            page.blobs.tick = tick;
            page.blobs.list.clear();
        }
        let at = match page.blobs.list.iter().position(|(other, _)| *other == span) {
            Some(at) => at,
            None => {
                let pieces = self.encode(shapes, page, tick, span);
                page.blobs.list.push((span, pieces));
                page.blobs.list.len() - 1
            }
        };
        &page.blobs.list[at].1
    }

    fn encode(&mut self, shapes: &Shapes, page: &Page, tick: Tick, span: Span) -> Pieces {
        let onward = span.as_base().onward_to(tick);
        self.writer.begin(BlobHead {
            whole: span.whole,
            version: (span.base <= page.structure_tick()).then(|| page.version()),
            moved_for: moved_for(page, tick, span),
            // Whoever compares it must have all there is.
            hash: page.hash().filter(|_| span.tells_all()).map(|hash| hash as u32),
        });
        for column in page.columns().iter().filter(|column| column.has_news(span)) {
            let Ok(shape) = shapes.shape(column.component()) else { continue };
            self.writer.section(column.component(), shape, &self.codes, &mut self.bytes);
            column.write(span, onward, &mut self.found, &mut self.writer);
        }
        self.writer.end(&self.codes, &mut self.bytes)
    }

    /// Finds codes for the tick from some of the pages that moved, where those are many.
    fn learn(&mut self, tracked: &Tracked, span: Span) {
        let moved = tracked.moved();
        if moved.len() <= PAGES_WITH_OWN_CODES {
            return;
        }
        let sample =
            || moved.iter().step_by(moved.len().div_ceil(SAMPLE_PAGES)).map(|page| tracked.places().page(*page));
        let mut components: Vec<_> =
            sample().flat_map(|page| page.columns().iter().map(|column| column.component())).collect();
        components.sort_unstable();
        components.dedup();
        let onward = span.as_base().onward_to(tracked.tick());
        for component in components {
            let Ok(shape) = tracked.shapes().shape(component) else { continue };
            self.writer.sample(component, shape);
            for page in sample() {
                let columns = page.columns().iter().filter(|column| column.component() == component);
                columns.for_each(|column| column.write(span, onward, &mut self.found, &mut self.writer));
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
