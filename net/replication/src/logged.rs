//! One state component of one page as the server keeps it: newest values, and for each recent tick what they were
//! before.
//!
//! Nothing is kept for what rests. The values at a base are found by walking the ticks since: the first entry of a slot
//! after the base holds what it was there. Entries lie in the order in which the changes came, so the walk is one pass
//! over little more memory than has changed.

use std::{collections::VecDeque, ops::Range};

use hd1_core::{NetId, Tick};
use hd1_protocol::{
    hash,
    limits::PAGE_SLOTS,
    predict::Onward,
    state::{Base, BlobWriter, RowAt, Rows},
};
use hd1_schema::{ComponentId, limits::LANES_MAX};

/// Words of a set of slots.
const WORDS: usize = PAGE_SLOTS / 64;

/// A set of slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slots([u64; WORDS]);

impl Slots {
    /// Is a slot in it?
    #[inline]
    #[must_use]
    pub const fn contains(&self, slot: u8) -> bool {
        self.0[slot as usize / 64] >> (slot % 64) & 1 == 1
    }

    /// Adds a slot.
    #[inline]
    pub const fn insert(&mut self, slot: u8) {
        self.0[slot as usize / 64] |= 1 << (slot % 64);
    }

    #[inline]
    const fn remove(&mut self, slot: u8) {
        self.0[slot as usize / 64] &= !(1 << (slot % 64));
    }

    /// Adds all of another set.
    fn add(&mut self, other: Slots) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
    }

    /// Keeps only those that are in another set too.
    fn keep(&mut self, other: Slots) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word &= other);
    }

    /// Ascending.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        self.0.into_iter().enumerate().flat_map(|(word, mut bits)| {
            std::iter::from_fn(move || {
                let bit = (bits != 0).then(|| bits.trailing_zeros())?;
                bits &= bits - 1;
                Some((word as u32 * 64 + bit) as u8)
            })
        })
    }
}

/// See the module's words.
#[derive(Debug)]
pub struct Logged {
    component: ComponentId,
    lanes: usize,
    present: Slots,
    /// By slot.
    values: Vec<i32>,
    /// By slot: when structure brought the value.
    rooted: Vec<Tick>,
    /// When structure last brought any.
    newest_root: Tick,
    /// By slot: its part of the check sum as it was last summed up.
    parts: Vec<u64>,
    /// All parts.
    sum: u64,
    /// Those that changed since.
    unsummed: Slots,
    log: Log,
}

/// What the recent ticks changed, oldest first: all entries one behind the other, since most pages are small and most
/// ticks change a few of their slots.
#[derive(Debug, Default)]
struct Log {
    /// Ticks that changed something, with the number of each one's first entry.
    ticks: VecDeque<(Tick, u32)>,
    /// The number of the first entry below; numbers wrap.
    first: u32,
    /// Whose.
    slots: Vec<u8>,
    /// What each was before: as many numbers as there are lanes.
    old: Vec<i32>,
    /// All that changed after this tick is in it.
    forgotten: Tick,
}

impl Log {
    /// Forgets what no base from `oldest` on needs, and begins a tick.
    fn begin(&mut self, tick: Tick, oldest: Tick, lanes: usize) {
        while self.ticks.front().is_some_and(|(tick, _)| *tick <= oldest) {
            let Some((tick, _)) = self.ticks.pop_front() else { break };
            self.forgotten = tick;
        }
        let over = match self.ticks.front() {
            Some((_, first)) => first.wrapping_sub(self.first) as usize,
            None => self.slots.len(),
        };
        // As much is moved down as was forgotten, at most.
        if over * 2 >= self.slots.len() {
            self.slots.drain(..over);
            self.old.drain(..over * lanes);
            self.first = self.first.wrapping_add(over as u32);
        }
        self.ticks.push_back((tick, self.first.wrapping_add(self.slots.len() as u32)));
    }

    /// Forgets everything up to a tick.
    fn forget(&mut self, tick: Tick) {
        self.first = self.first.wrapping_add(self.slots.len() as u32);
        self.ticks.clear();
        self.slots.clear();
        self.old.clear();
        self.forgotten = tick;
    }

    /// The entries of the ticks after one, each tick's by themselves, oldest first.
    fn after(&self, tick: Tick) -> impl DoubleEndedIterator<Item = (Tick, Range<usize>)> {
        let from = self.ticks.iter().rposition(|(other, _)| *other <= tick).map_or(0, |at| at + 1);
        let place = |number: u32| number.wrapping_sub(self.first) as usize;
        self.ticks.range(from..).enumerate().map(move |(i, (tick, first))| {
            let end = self.ticks.get(from + i + 1).map_or(self.slots.len(), |(_, end)| place(*end));
            (*tick, place(*first)..end)
        })
    }
}

/// What a blob is to say of a page: in ticks before the one at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// What changed in which ticks, bit `i` for the `i`th before now, also where it is again what it was: a client may
    /// have seen it in between.
    pub told: u64,
    /// Coded against the values so many ticks ago.
    pub base_age: u32,
    /// Drawn on from those so many ticks ago: as many or more.
    pub before_age: u32,
    /// Or everything, against zeros.
    pub whole: bool,
}

impl Span {
    /// The tick that it is coded against.
    #[inline]
    #[must_use]
    pub fn base(&self, now: Tick) -> Tick {
        Tick(now.0.saturating_sub(self.base_age.into()))
    }

    /// The tick before that, to draw on from.
    #[inline]
    #[must_use]
    pub fn before(&self, now: Tick) -> Tick {
        Tick(now.0.saturating_sub(self.before_age.into()))
    }

    /// As a frame says it.
    #[inline]
    #[must_use]
    pub fn as_base(&self, now: Tick) -> Base {
        Base { tick: self.base(now), before: self.before(now) }
    }

    /// How far to go on.
    #[must_use]
    pub fn onward(&self) -> Onward {
        Onward::new(self.base_age.into(), u64::from(self.before_age.saturating_sub(self.base_age)))
    }

    /// Is all told that whoever has the base may lack?
    #[must_use]
    pub fn tells_all(&self) -> bool {
        self.whole || self.told.trailing_ones() >= self.base_age.min(u64::BITS)
    }

    /// Is what changed in a tick told?
    #[inline]
    #[must_use]
    pub fn tells(&self, now: Tick, tick: Tick) -> bool {
        let age = now.0 - tick.0;
        // What the base has need not be told; what is older than can be told one by one is told with all the others, or
        // not at all.
        age < u64::from(self.base_age) && if age < 64 { self.told >> age & 1 == 1 } else { self.told == u64::MAX }
    }
}

/// Slots that changed after a tick, each with the entry that has its value at that tick.
#[derive(Debug)]
struct Changed {
    marked: Slots,
    /// By slot, where it is marked.
    entries: [u32; PAGE_SLOTS],
}

/// What a walk through the log found; kept so that none need be made anew.
#[derive(Debug)]
pub struct Found {
    /// After the tick from which on changes are told.
    news: Slots,
    since_base: Changed,
    /// After the tick before the base, up to the base.
    before_base: Changed,
    rows: Vec<RowAt>,
}

impl Default for Found {
    fn default() -> Self {
        let changed = || Changed { marked: Slots::default(), entries: [0; PAGE_SLOTS] };
        Found { news: Slots::default(), since_base: changed(), before_base: changed(), rows: Vec::new() }
    }
}

impl Logged {
    /// None yet, of a component with so many lanes.
    #[must_use]
    pub fn new(component: ComponentId, lanes: usize) -> Self {
        Logged {
            component,
            lanes,
            present: Slots::default(),
            values: Vec::new(),
            rooted: Vec::new(),
            newest_root: Tick(0),
            parts: Vec::new(),
            sum: 0,
            unsummed: Slots::default(),
            log: Log::default(),
        }
    }

    /// Whose values.
    #[must_use]
    pub fn component(&self) -> ComponentId {
        self.component
    }

    /// Does the entity of a slot have the component?
    #[inline]
    #[must_use]
    pub fn has(&self, slot: u8) -> bool {
        self.present.contains(slot)
    }

    /// The newest value of a slot that has one.
    #[inline(always)]
    #[must_use]
    pub fn value(&self, slot: u8) -> &[i32] {
        &self.values[usize::from(slot) * self.lanes..][..self.lanes]
    }

    /// When structure brought the value of a slot.
    #[inline]
    #[must_use]
    pub fn rooted(&self, slot: u8) -> Tick {
        self.rooted[usize::from(slot)]
    }

    /// Structure brings a value at `tick`. It has as many lanes as the component.
    pub fn root(&mut self, slot: u8, tick: Tick, lanes: &[i32]) {
        let at = usize::from(slot);
        if self.rooted.len() <= at {
            self.rooted.resize(at + 1, Tick(0));
            self.parts.resize(at + 1, 0);
            self.values.resize((at + 1) * self.lanes, 0);
        }
        self.present.insert(slot);
        self.unsummed.insert(slot);
        self.rooted[at] = tick;
        self.newest_root = tick;
        self.values[at * self.lanes..][..self.lanes].copy_from_slice(lanes);
    }

    /// The value goes.
    pub fn remove(&mut self, slot: u8) {
        // Its entries in the log are older than whatever structure brings next, and until then nobody asks for them.
        self.present.remove(slot);
        self.unsummed.remove(slot);
        let part = std::mem::take(&mut self.parts[usize::from(slot)]);
        self.sum = self.sum.wrapping_sub(part);
    }

    /// Replaces a value at `tick`; ticks ascend. Forgets what no base from `oldest` on needs.
    #[inline(always)]
    pub fn set(&mut self, slot: u8, tick: Tick, oldest: Tick, lanes: &[i32]) {
        if self.log.ticks.back().is_none_or(|(last, _)| *last != tick) {
            self.log.begin(tick, oldest, self.lanes);
        }
        let value = &mut self.values[usize::from(slot) * self.lanes..][..lanes.len()];
        self.log.slots.push(slot);
        self.log.old.extend_from_slice(value);
        value.copy_from_slice(lanes);
        self.unsummed.insert(slot);
    }

    /// Replaces a value that nobody has seen: what was before it is forgotten.
    #[inline(always)]
    pub fn put(&mut self, slot: u8, tick: Tick, lanes: &[i32]) {
        if self.log.forgotten != tick {
            self.log.forget(tick);
        }
        self.values[usize::from(slot) * self.lanes..][..lanes.len()].copy_from_slice(lanes);
        self.unsummed.insert(slot);
    }

    /// Are the values at a tick still known?
    #[inline]
    #[must_use]
    pub fn knows(&self, tick: Tick) -> bool {
        tick >= self.log.forgotten
    }

    /// The check sum over all values, by whose they are. What changed is hashed here and not as it changes: a value that
    /// moves every tick is hashed once for each sum.
    #[must_use]
    pub fn sum(&self, entities: &[NetId]) -> u64 {
        self.unsummed.iter().fold(self.sum, |sum, slot| {
            sum.wrapping_add(self.part(entities, slot)).wrapping_sub(self.parts[usize::from(slot)])
        })
    }

    /// As [`Logged::sum`], and remembers the parts.
    pub fn sum_up(&mut self, entities: &[NetId]) -> u64 {
        self.sum = self.sum(entities);
        for slot in std::mem::take(&mut self.unsummed).iter() {
            self.parts[usize::from(slot)] = self.part(entities, slot);
        }
        self.sum
    }

    fn part(&self, entities: &[NetId], slot: u8) -> u64 {
        hash::component(entities[usize::from(slot)], self.component, self.value(slot), &[])
    }

    /// Has anything to be said of it?
    #[must_use]
    pub fn has_news(&self, span: Span, now: Tick) -> bool {
        span.whole || self.log.ticks.iter().rev().any(|(tick, _)| span.tells(now, *tick))
    }

    /// Writes the rows that a span asks for. What structure brought is left out: it went with structure.
    pub fn write(&self, span: Span, now: Tick, onward: Onward, found: &mut Found, writer: &mut BlobWriter) {
        let value = |slot: u8| u32::from(slot) * self.lanes as u32;
        found.rows.clear();
        if span.whole {
            let row = |slot: u8| RowAt { number: slot.into(), now: value(slot), base: 0, before: 0 };
            found.rows.extend(self.present.iter().map(row));
            let zeros = [0; LANES_MAX];
            let (list, known) = (&found.rows, &zeros[..self.lanes]);
            writer.rows(&Rows { list, now: &self.values, known, onward: Onward::NONE });
            return;
        }
        self.find(span, now, found);
        let Found { news, since_base, before_base, rows } = found;
        let old = |changed: &Changed, slot: u8| changed.entries[usize::from(slot)] * self.lanes as u32;
        rows.extend(news.iter().map(|slot| {
            let base = old(since_base, slot);
            let before = if before_base.marked.contains(slot) { old(before_base, slot) } else { base };
            RowAt { number: slot.into(), now: value(slot), base, before }
        }));
        writer.rows(&Rows { list: rows, now: &self.values, known: &self.log.old, onward });
    }

    fn find(&self, span: Span, now: Tick, found: &mut Found) {
        let Found { news, since_base, before_base, .. } = found;
        (*news, since_base.marked, before_base.marked) = Default::default();
        let (base, before) = (span.base(now), span.before(now));
        // The newest first, so that of each slot the oldest entry stays.
        for (tick, entries) in self.log.after(before).rev() {
            let is_before = tick <= base;
            let first_after = if is_before { &mut *before_base } else { &mut *since_base };
            // What was before structure brought it is another's, or nobody's. Where structure came after the tick before
            // the base, a client does not know how it was there.
            let known_from = if is_before { before } else { Tick(tick.0 - 1) };
            let all_known = self.newest_root <= known_from;
            let mut marked = Slots::default();
            for entry in entries.rev() {
                let slot = self.log.slots[entry];
                if all_known || self.rooted[usize::from(slot)] <= known_from {
                    first_after.entries[usize::from(slot)] = entry as u32;
                    marked.insert(slot);
                }
            }
            marked.keep(self.present);
            first_after.marked.add(marked);
            if span.tells(now, tick) {
                news.add(marked);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ComponentId = ComponentId(7);

    fn set(logged: &mut Logged, slot: u8, tick: u64, value: i32) {
        logged.set(slot, Tick(tick), Tick(0), &[value]);
    }

    /// What changed: slot, value at the base, value at the tick before it.
    fn found(logged: &Logged, since: u64, base: u64, before: u64) -> Vec<(u8, i32, Option<i32>)> {
        let mut found = Found::default();
        let now = Tick(40);
        let told = (1 << (now.0 - since)) - 1;
        let (base_age, before_age) = ((now.0 - base) as u32, (now.0 - before) as u32);
        logged.find(Span { told, base_age, before_age, whole: false }, now, &mut found);
        let old = |changed: &Changed, slot: u8| {
            changed.marked.contains(slot).then(|| logged.log.old[changed.entries[usize::from(slot)] as usize])
        };
        let value = |slot| (slot, old(&found.since_base, slot).unwrap(), old(&found.before_base, slot));
        found.news.iter().map(value).collect()
    }

    #[test]
    fn a_base_is_what_it_was_before_the_first_change_after_it() {
        let mut logged = Logged::new(ID, 1);
        logged.root(0, Tick(1), &[10]);
        logged.root(200, Tick(1), &[20]);
        set(&mut logged, 0, 2, 11);
        set(&mut logged, 0, 3, 12);
        set(&mut logged, 200, 3, 21);
        set(&mut logged, 0, 5, 13);
        assert_eq!(found(&logged, 4, 4, 4), [(0, 12, None)]);
        assert_eq!(found(&logged, 3, 3, 1), [(0, 12, Some(10))]);
        assert_eq!(found(&logged, 2, 2, 1), [(0, 11, Some(10)), (200, 20, None)]);
        assert_eq!(found(&logged, 3, 2, 1), [(0, 11, Some(10))], "only what changed since, against the base");
        assert!(logged.knows(Tick(0)));
        logged.set(0, Tick(9), Tick(2), &[14]);
        assert!(logged.knows(Tick(2)) && !logged.knows(Tick(1)));
        assert_eq!(found(&logged, 2, 2, 2), [(0, 11, None), (200, 20, None)]);
        logged.root(0, Tick(10), &[1]);
        assert_eq!(found(&logged, 2, 2, 2), [(200, 20, None)], "structure brought it");
    }

    #[test]
    fn the_sum_is_that_of_what_is_there() {
        let entities: Vec<NetId> = (1..10).map(NetId).collect();
        let mut logged = Logged::new(ID, 1);
        let sum = |values: &[(u8, i32)]| {
            let part = |(slot, value): &(u8, i32)| hash::component(entities[usize::from(*slot)], ID, &[*value], &[]);
            values.iter().map(part).fold(0, u64::wrapping_add)
        };
        logged.root(0, Tick(1), &[10]);
        logged.root(5, Tick(1), &[20]);
        assert_eq!(logged.sum(&entities), sum(&[(0, 10), (5, 20)]));
        set(&mut logged, 5, 2, 21);
        assert_eq!(logged.sum_up(&entities), sum(&[(0, 10), (5, 21)]));
        set(&mut logged, 0, 3, 11);
        logged.remove(5);
        assert_eq!(logged.sum_up(&entities), sum(&[(0, 11)]));
        logged.remove(0);
        assert_eq!((logged.sum(&entities), logged.sum_up(&entities)), (0, 0));
    }
}
