//! One state component as the server keeps it: newest values, and for each recent tick what they were before.
//!
//! Nothing is kept for what rests. The values at a base are found by walking the ticks since: the first entry of a row
//! after the base holds what it was there. Entries lie in the order in which the changes came, so the walk is one pass
//! over little more memory than has changed.

use std::collections::VecDeque;

use hd1_core::{NetId, Tick};
use hd1_protocol::{
    column::RowId,
    hash,
    state::{Base, StateWriter},
    table::StateValues,
};
use hd1_schema::ComponentId;

/// See the module's words.
#[derive(Debug)]
pub struct Logged {
    lanes: usize,
    /// One value for each row.
    values: Vec<i32>,
    rows: Vec<Whose>,
    /// By row: its part of the check sum as it was last summed up.
    parts: Vec<u64>,
    /// All parts.
    sum: u64,
    /// One bit a row: has it changed since?
    unsummed: Vec<u64>,
    free: Vec<RowId>,
    /// The recent ticks that changed something, oldest first.
    log: VecDeque<TickLog>,
    /// Logs that are over, to be filled again.
    spare: Vec<TickLog>,
    /// Of the walk at hand.
    found: Found,
}

/// A row's entity, nobody where it is free, and when structure brought it.
#[derive(Clone, Copy, Debug)]
struct Whose {
    entity: NetId,
    structure_tick: Tick,
}

/// What one tick changed.
#[derive(Debug, Default)]
struct TickLog {
    tick: Tick,
    rows: Vec<u32>,
    /// What each was before: as many numbers as there are lanes.
    old: Vec<i32>,
}

/// Where in the log an old value lies.
#[derive(Clone, Copy, Debug, Default)]
struct At {
    log: u32,
    entry: u32,
}

/// Rows that changed after a tick, each with its value at that tick.
#[derive(Debug, Default)]
struct Changed {
    /// One bit a row.
    marked: Vec<u64>,
    /// By row, where it is marked.
    at: Vec<At>,
}

#[derive(Debug, Default)]
struct Found {
    since_base: Changed,
    /// After the tick before the base, up to the base.
    before_base: Changed,
}

impl Changed {
    fn clear(&mut self, rows: usize) {
        self.marked.clear();
        self.marked.resize(rows.div_ceil(64), 0);
        self.at.resize(rows, At::default());
    }

    #[inline]
    fn is_marked(&self, row: u32) -> bool {
        self.marked[row as usize / 64] >> (row % 64) & 1 == 1
    }

    /// The first that is marked stays.
    #[inline]
    fn mark(&mut self, row: u32, at: At) {
        let word = &mut self.marked[row as usize / 64];
        if *word >> (row % 64) & 1 == 0 {
            *word |= 1 << (row % 64);
            self.at[row as usize] = at;
        }
    }

    fn rows(&self) -> impl Iterator<Item = u32> {
        ones(&self.marked)
    }
}

/// The numbers of the bits that are set, ascending.
fn ones(words: &[u64]) -> impl Iterator<Item = u32> {
    words.iter().enumerate().flat_map(|(word, bits)| {
        let mut bits = *bits;
        std::iter::from_fn(move || {
            let bit = (bits != 0).then(|| bits.trailing_zeros())?;
            bits &= bits - 1;
            Some(word as u32 * 64 + bit)
        })
    })
}

impl Logged {
    /// Replaces the value of `row` at `tick`; ticks ascend.
    pub fn set(&mut self, row: RowId, tick: Tick, lanes: &[i32]) {
        if self.log.back().is_none_or(|log| log.tick != tick) {
            let mut log = self.spare.pop().unwrap_or_default();
            log.tick = tick;
            self.log.push_back(log);
        }
        let at = row.number() as usize * self.lanes;
        let value = &mut self.values[at..at + self.lanes];
        if let Some(log) = self.log.back_mut() {
            log.rows.push(row.number());
            log.old.extend_from_slice(value);
        }
        value.copy_from_slice(lanes);
        self.mark_unsummed(row);
    }

    #[inline]
    fn mark_unsummed(&mut self, row: RowId) {
        self.unsummed[row.number() as usize / 64] |= 1 << (row.number() % 64);
    }

    /// The check sum over all rows of `component`. What changed is hashed here and not as it changes: a value that moves
    /// every tick is hashed once for each sum.
    #[must_use]
    pub fn sum(&self, component: ComponentId) -> u64 {
        ones(&self.unsummed).fold(self.sum, |sum, row| {
            sum.wrapping_add(self.part(component, row)).wrapping_sub(self.parts[row as usize])
        })
    }

    /// As [`Logged::sum`], and remembers the parts.
    pub fn sum_up(&mut self, component: ComponentId) -> u64 {
        self.sum = self.sum(component);
        let mut parts = std::mem::take(&mut self.parts);
        for row in ones(&self.unsummed) {
            parts[row as usize] = self.part(component, row);
        }
        self.parts = parts;
        self.unsummed.fill(0);
        self.sum
    }

    fn part(&self, component: ComponentId, row: u32) -> u64 {
        let value = &self.values[row as usize * self.lanes..][..self.lanes];
        hash::component(self.rows[row as usize].entity, component, value, &[])
    }

    /// The tick at which structure brought a row.
    #[must_use]
    pub fn structure_tick(&self, row: RowId) -> Tick {
        self.rows[row.number() as usize].structure_tick
    }

    /// Forgets what no base from `oldest` on needs.
    pub fn forget_before(&mut self, oldest: Tick) {
        while self.log.front().is_some_and(|log| log.tick <= oldest) {
            let Some(mut log) = self.log.pop_front() else { return };
            log.rows.clear();
            log.old.clear();
            self.spare.push(log);
        }
    }

    /// Writes the rows that changed after `base`, also those that are again what they were: a client may have seen them
    /// in between. All of them where it is zeros.
    pub fn write_since(&mut self, base: Base, tick: Tick, writer: &mut StateWriter) {
        let onward = base.onward_to(tick);
        if base.whole {
            for (row, whose) in self.rows.iter().enumerate().filter(|(_, whose)| whose.entity != NetId::NONE) {
                writer.row(whose.entity, None, None, onward, &self.values[row * self.lanes..][..self.lanes]);
            }
            return;
        }
        let mut found = std::mem::take(&mut self.found);
        self.find(base, &mut found);
        for row in found.since_base.rows() {
            let value = &self.values[row as usize * self.lanes..][..self.lanes];
            let old = self.old(found.since_base.at[row as usize]);
            let before = found.before_base.is_marked(row).then(|| self.old(found.before_base.at[row as usize]));
            writer.row(self.rows[row as usize].entity, Some(old), before, onward, value);
        }
        self.found = found;
    }

    /// Has anything changed after `base`?
    #[must_use]
    pub fn is_changed_since(&self, base: Base) -> bool {
        base.whole || self.log.back().is_some_and(|log| log.tick > base.tick)
    }

    fn find(&self, base: Base, found: &mut Found) {
        found.since_base.clear(self.rows.len());
        found.before_base.clear(self.rows.len());
        for (number, log) in self.log.iter().enumerate() {
            let first_after = if log.tick > base.tick {
                &mut found.since_base
            } else if log.tick > base.before {
                &mut found.before_base
            } else {
                continue;
            };
            let is_before = log.tick <= base.tick;
            for (entry, row) in log.rows.iter().enumerate() {
                // What was before structure brought it is another's, or nobody's. Where structure came after the tick
                // before the base, a client does not know how it was there.
                let structure_tick = self.rows[*row as usize].structure_tick;
                if structure_tick >= log.tick || (is_before && structure_tick > base.before) {
                    continue;
                }
                first_after.mark(*row, At { log: number as u32, entry: entry as u32 });
            }
        }
    }

    #[inline]
    fn old(&self, at: At) -> &[i32] {
        &self.log[at.log as usize].old[at.entry as usize * self.lanes..][..self.lanes]
    }
}

impl StateValues for Logged {
    fn new(lanes: usize) -> Self {
        Logged {
            lanes,
            values: Vec::new(),
            rows: Vec::new(),
            parts: Vec::new(),
            sum: 0,
            unsummed: Vec::new(),
            free: Vec::new(),
            log: VecDeque::new(),
            spare: Vec::new(),
            found: Found::default(),
        }
    }

    fn lanes(&self) -> usize {
        self.lanes
    }

    fn add(&mut self, entity: NetId, tick: Tick, lanes: &[i32]) -> RowId {
        let row = self.free.pop().unwrap_or_else(|| {
            self.values.resize(self.values.len() + self.lanes, 0);
            self.rows.push(Whose { entity, structure_tick: tick });
            self.parts.push(0);
            self.unsummed.resize(self.rows.len().div_ceil(64), 0);
            RowId::of(self.rows.len() as u32 - 1)
        });
        self.rows[row.number() as usize].entity = entity;
        self.reset(row, tick, lanes);
        row
    }

    fn reset(&mut self, row: RowId, tick: Tick, lanes: &[i32]) {
        let at = row.number() as usize;
        self.rows[at].structure_tick = tick;
        self.values[at * self.lanes..][..self.lanes].copy_from_slice(lanes);
        self.mark_unsummed(row);
    }

    fn remove(&mut self, row: RowId) {
        // Its entries in the log are older than whatever structure brings next, and until then count as another's.
        self.rows[row.number() as usize] = Whose { entity: NetId::NONE, structure_tick: Tick(u64::MAX) };
        let at = row.number() as usize;
        self.sum = self.sum.wrapping_sub(std::mem::take(&mut self.parts[at]));
        self.unsummed[at / 64] &= !(1 << (at % 64));
        self.free.push(row);
    }

    fn newest(&self, row: RowId) -> &[i32] {
        &self.values[row.number() as usize * self.lanes..][..self.lanes]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(logged: &mut Logged, row: RowId, tick: u64, value: i32) {
        logged.set(row, Tick(tick), &[value]);
    }

    /// What changed since a base: row, value there, value at the tick before it.
    fn since(logged: &Logged, tick: u64, before: u64) -> Vec<(u32, i32, Option<i32>)> {
        let mut found = Found::default();
        let base = Base { tick: Tick(tick), before: Tick(before), whole: false };
        logged.find(base, &mut found);
        let old = |changed: &Changed, row: u32| changed.is_marked(row).then(|| logged.old(changed.at[row as usize])[0]);
        let rows = found.since_base.rows();
        rows.map(|row| (row, old(&found.since_base, row).unwrap(), old(&found.before_base, row))).collect()
    }

    #[test]
    fn a_base_is_what_it_was_before_the_first_change_after_it() {
        let mut logged = Logged::new(1);
        let a = logged.add(NetId(1), Tick(1), &[10]);
        let b = logged.add(NetId(2), Tick(1), &[20]);
        set(&mut logged, a, 2, 11);
        set(&mut logged, a, 3, 12);
        set(&mut logged, b, 3, 21);
        set(&mut logged, a, 5, 13);
        assert_eq!(since(&logged, 4, 4), [(0, 12, None)]);
        assert_eq!(since(&logged, 3, 1), [(0, 12, Some(10))]);
        assert_eq!(since(&logged, 2, 1), [(0, 11, Some(10)), (1, 20, None)]);
        logged.forget_before(Tick(2));
        assert_eq!(since(&logged, 2, 2), [(0, 11, None), (1, 20, None)]);
    }

    #[test]
    fn the_sum_is_that_of_what_is_there() {
        let mut logged = Logged::new(1);
        let id = ComponentId(7);
        let sum = |values: &[(u32, i32)]| {
            let parts = values.iter().map(|(entity, value)| hash::component(NetId(*entity), id, &[*value], &[]));
            parts.fold(0u64, u64::wrapping_add)
        };
        let a = logged.add(NetId(1), Tick(1), &[10]);
        let b = logged.add(NetId(2), Tick(1), &[20]);
        assert_eq!((logged.sum(id), logged.sum_up(id)), (sum(&[(1, 10), (2, 20)]), sum(&[(1, 10), (2, 20)])));
        set(&mut logged, a, 2, 11);
        assert_eq!(logged.sum(id), sum(&[(1, 11), (2, 20)]));
        logged.remove(b);
        assert_eq!(logged.sum_up(id), sum(&[(1, 11)]));
        let b = logged.add(NetId(3), Tick(3), &[30]);
        logged.remove(a);
        logged.reset(b, Tick(4), &[31]);
        assert_eq!((logged.sum(id), logged.sum_up(id)), (sum(&[(3, 31)]), sum(&[(3, 31)])));
    }

    #[test]
    fn what_was_before_structure_is_nobodys() {
        let mut logged = Logged::new(1);
        let a = logged.add(NetId(1), Tick(1), &[10]);
        set(&mut logged, a, 2, 11);
        logged.remove(a);
        assert_eq!(since(&logged, 1, 1), []);
        let b = logged.add(NetId(2), Tick(4), &[20]);
        assert_eq!(a, b, "rows are used again");
        assert_eq!(since(&logged, 1, 1), []);
        set(&mut logged, b, 6, 21);
        set(&mut logged, b, 8, 22);
        assert_eq!(since(&logged, 1, 1), [(0, 20, None)]);
        assert_eq!(since(&logged, 7, 4), [(0, 21, Some(20))]);
        assert_eq!(since(&logged, 7, 3), [(0, 21, None)], "there it was not there");
    }
}
