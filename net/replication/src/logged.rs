//! One state component of one page as the server keeps it: newest values, and for each recent tick what they were
//! before.
//!
//! Nothing is kept for what rests. The values at a base are found by walking the ticks since: the first entry of a slot
//! after the base holds what it was there. Entries lie in the order in which the changes came, so the walk is one pass
//! over little more memory than has changed.

use std::collections::VecDeque;

use hd1_core::{NetId, Tick};
use hd1_protocol::{hash, limits::PAGE_SLOTS, predict::Onward, state::BlobWriter};
use hd1_schema::ComponentId;

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

    /// Adds a slot; was it new?
    #[inline]
    pub const fn insert(&mut self, slot: u8) -> bool {
        let was = self.contains(slot);
        self.0[slot as usize / 64] |= 1 << (slot % 64);
        !was
    }

    #[inline]
    const fn remove(&mut self, slot: u8) {
        self.0[slot as usize / 64] &= !(1 << (slot % 64));
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
    /// By slot: its part of the check sum as it was last summed up.
    parts: Vec<u64>,
    /// All parts.
    sum: u64,
    /// Those that changed since.
    unsummed: Slots,
    /// The recent ticks that changed something, oldest first.
    log: VecDeque<TickLog>,
    /// Logs that are over, to be filled again.
    spare: Vec<TickLog>,
    /// All that changed after this tick is in the log.
    forgotten: Tick,
}

/// What one tick changed.
#[derive(Debug, Default)]
struct TickLog {
    tick: Tick,
    slots: Vec<u8>,
    /// What each was before: as many numbers as there are lanes.
    old: Vec<i32>,
}

/// What a blob is to say of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The tick at hand.
    pub now: Tick,
    /// What changed in which ticks, bit `i` for the `i`th before `now`, also where it is again what it was: a client may
    /// have seen it in between.
    pub told: u64,
    /// Coded against the values at this tick.
    pub base: Tick,
    /// Drawn on from those at this one.
    pub before: Tick,
    /// Or everything, against zeros.
    pub whole: bool,
}

impl Span {
    /// Is all told that whoever has the base may lack?
    #[must_use]
    pub fn tells_all(&self) -> bool {
        let since_base = self.now.since(self.base).min(u64::BITS.into()) as u32;
        self.whole || self.told.trailing_ones() >= since_base
    }

    /// Is what changed in a tick told?
    #[inline]
    #[must_use]
    pub fn tells(&self, tick: Tick) -> bool {
        // What the base has need not be told.
        tick > self.base
            && match self.now.0 - tick.0 {
                age @ 0..64 => self.told >> age & 1 == 1,
                // Older than what can be told one by one: with all the others, or not at all.
                _ => self.told == u64::MAX,
            }
    }
}

/// Where in the log an old value lies.
#[derive(Clone, Copy, Debug, Default)]
struct At {
    log: u32,
    entry: u32,
}

/// Slots that changed after a tick, each with where its value at that tick is.
#[derive(Debug)]
struct Changed {
    marked: Slots,
    /// By slot, where it is marked.
    at: [At; PAGE_SLOTS],
}

/// What a walk through the log found; kept so that none need be made anew.
#[derive(Debug)]
pub struct Found {
    /// After the tick from which on changes are told.
    news: Slots,
    since_base: Changed,
    /// After the tick before the base, up to the base.
    before_base: Changed,
}

impl Default for Found {
    fn default() -> Self {
        let changed = || Changed { marked: Slots::default(), at: [At::default(); PAGE_SLOTS] };
        Found { news: Slots::default(), since_base: changed(), before_base: changed() }
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
            parts: Vec::new(),
            sum: 0,
            unsummed: Slots::default(),
            log: VecDeque::new(),
            spare: Vec::new(),
            forgotten: Tick(0),
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
    #[inline]
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
    #[inline]
    pub fn set(&mut self, slot: u8, tick: Tick, oldest: Tick, lanes: &[i32]) {
        if self.log.back().is_none_or(|log| log.tick != tick) {
            self.begin(tick, oldest);
        }
        let at = usize::from(slot) * self.lanes;
        let value = &mut self.values[at..at + self.lanes];
        if let Some(log) = self.log.back_mut() {
            log.slots.push(slot);
            log.old.extend_from_slice(value);
        }
        value.copy_from_slice(lanes);
        self.unsummed.insert(slot);
    }

    fn begin(&mut self, tick: Tick, oldest: Tick) {
        while self.log.front().is_some_and(|log| log.tick <= oldest) {
            let Some(mut log) = self.log.pop_front() else { break };
            self.forgotten = log.tick;
            log.slots.clear();
            log.old.clear();
            self.spare.push(log);
        }
        let mut log = self.spare.pop().unwrap_or_default();
        log.tick = tick;
        self.log.push_back(log);
    }

    /// Are the values at a tick still known?
    #[must_use]
    pub fn knows(&self, tick: Tick) -> bool {
        tick >= self.forgotten
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
    pub fn has_news(&self, span: Span) -> bool {
        span.whole || self.log.iter().rev().any(|log| span.tells(log.tick))
    }

    /// Writes the rows that a span asks for. What structure brought is left out: it went with structure.
    pub fn write(&self, span: Span, onward: Onward, found: &mut Found, writer: &mut BlobWriter) {
        if span.whole {
            self.present.iter().for_each(|slot| writer.row(slot, None, None, onward, self.value(slot)));
            return;
        }
        self.find(span, found);
        for slot in found.news.iter() {
            let old = self.old(found.since_base.at[usize::from(slot)]);
            let before = &found.before_base;
            let before = before.marked.contains(slot).then(|| self.old(before.at[usize::from(slot)]));
            writer.row(slot, Some(old), before, onward, self.value(slot));
        }
    }

    fn find(&self, span: Span, found: &mut Found) {
        let Found { news, since_base, before_base } = found;
        (*news, since_base.marked, before_base.marked) = Default::default();
        for (number, log) in self.log.iter().enumerate() {
            if log.tick <= span.before {
                continue;
            }
            let is_before = log.tick <= span.base;
            let is_told = span.tells(log.tick);
            let first_after = if is_before { &mut *before_base } else { &mut *since_base };
            for (entry, slot) in log.slots.iter().enumerate() {
                // What was before structure brought it is another's, or nobody's. Where structure came after the tick
                // before the base, a client does not know how it was there.
                let rooted = self.rooted[usize::from(*slot)];
                let is_there = self.present.contains(*slot) && rooted < log.tick;
                if !is_there || (is_before && rooted > span.before) {
                    continue;
                }
                if first_after.marked.insert(*slot) {
                    first_after.at[usize::from(*slot)] = At { log: number as u32, entry: entry as u32 };
                }
                if is_told {
                    news.insert(*slot);
                }
            }
        }
    }

    #[inline]
    fn old(&self, at: At) -> &[i32] {
        &self.log[at.log as usize].old[at.entry as usize * self.lanes..][..self.lanes]
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
        logged.find(Span { now, told, base: Tick(base), before: Tick(before), whole: false }, &mut found);
        let old = |changed: &Changed, slot: u8| {
            changed.marked.contains(slot).then(|| logged.old(changed.at[usize::from(slot)])[0])
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
