//! One state component's recent values, row by row: what deltas are coded against, on both ends by the same rule.
//!
//! The rule, on which convergence rests: the value at base `B` is the newest one not younger than `B`; where structure
//! brought a value after `B`, it is that one, since whoever is sent state standing on that structure has it.
//!
//! A client decodes thousands of values a tick, and many clients may share a machine: what costs is not the arithmetic
//! but the memory touched. So values lie in a few planes, each with one value of every row, in the order in which the
//! entities came. Where the base is always the tick before, two of the planes take turns, and a decoder walks both from
//! front to back. Only what a slow path or a renderer keeps beyond that is somewhere else.

mod slow;

use std::collections::VecDeque;

use hd1_core::Tick;
use smallvec::SmallVec;

use crate::state::Base;

/// A component's fixed lanes.
pub type Lanes = SmallVec<[i32; 12]>;

/// Planes: values of a row that lie in the column itself.
const NEAR: usize = 8;
/// Ticks after which a column counts from a later one.
const SPAN: u64 = 1 << 31;

/// A value, and when it was so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// Its tick.
    pub tick: Tick,
    /// The last tick at which the value before it is known to have held still; interpolation starts there.
    pub from: Tick,
    /// One per lane of the component.
    pub lanes: &'a [i32],
}

/// When a value is put in that is so from a tick on.
#[derive(Clone, Copy, Debug)]
pub struct When {
    /// The tick.
    pub tick: Tick,
    /// The last tick at which the value before it is known to have held still.
    pub from: Tick,
    /// What it is made of, if of anything.
    pub base: Option<Base>,
    /// No base from now on is older.
    pub oldest: Tick,
}

/// When the near values of a row were so. A row to a cache line: ticks count from the column's origin.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    /// By plane.
    ticks: [u32; NEAR],
    structure_tick: u32,
    /// By plane: ticks from `from` to the value's own; longer ones count as 255, nobody draws the time between.
    held: [u8; NEAR],
    /// The planes of the values, oldest first. A new one takes the lowest that is free.
    order: [u8; NEAR],
    /// 0: the row is free.
    len: u8,
    /// Are there older ones in `Column::older`?
    has_older: bool,
}

/// A value that is not near any more.
#[derive(Clone, Debug)]
struct Old {
    tick: Tick,
    held: u8,
    lanes: Lanes,
}

/// A row of a [`Column`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowId(u32);

impl RowId {
    /// Of a number that [`RowId::number`] gave.
    #[must_use]
    pub const fn of(number: u32) -> Self {
        RowId(number)
    }

    #[inline]
    fn at(self) -> usize {
        self.0 as usize
    }

    /// Its number; they are dense.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// See the module's words.
#[derive(Clone, Debug)]
pub struct Column {
    lanes: usize,
    /// What ticks in `times` count from.
    origin: Tick,
    times: Vec<Times>,
    /// Each has `lanes` numbers for each row.
    planes: [Vec<i32>; NEAR],
    /// By row, oldest first; all older than the near ones.
    older: Vec<VecDeque<Old>>,
    free: Vec<RowId>,
}

impl Times {
    #[inline]
    fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// The plane of the value that is the `i`th, oldest first.
    #[inline]
    fn plane(&self, i: usize) -> usize {
        usize::from(self.order[i])
    }

    #[inline]
    fn tick(&self, i: usize) -> u32 {
        self.ticks[self.plane(i)]
    }

    /// A plane for a value newer than all.
    #[inline]
    fn push(&mut self, tick: u32, held: u8) -> usize {
        let taken = self.order[..self.len()].iter().fold(0u8, |taken, plane| taken | 1 << plane);
        let plane = taken.trailing_ones() as usize;
        self.order[self.len()] = plane as u8;
        (self.ticks[plane], self.held[plane]) = (tick, held);
        self.len += 1;
        plane
    }

    #[inline]
    fn pop_front(&mut self) {
        self.order.copy_within(1.., 0);
        self.len -= 1;
    }
}

impl Column {
    /// An empty one of a component with so many lanes.
    #[must_use]
    pub fn new(lanes: usize) -> Self {
        Column {
            lanes,
            origin: Tick(0),
            times: Vec::new(),
            planes: Default::default(),
            older: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Numbers of a value.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Adds a row with the value that a spawn, an insert or a snapshot brought at `tick`.
    pub fn add(&mut self, tick: Tick, lanes: &[i32]) -> RowId {
        if self.times.is_empty() {
            self.origin = tick;
        }
        let row = self.free.pop().unwrap_or_else(|| {
            self.times.push(Times::default());
            for plane in &mut self.planes {
                plane.resize(plane.len() + self.lanes, 0);
            }
            self.older.push(VecDeque::new());
            RowId(self.times.len() as u32 - 1)
        });
        self.reset(row, tick, lanes);
        row
    }

    /// Structure says what a row's value is from `tick` on. Earlier ones stay for whoever draws moments from `oldest`
    /// on, but nothing is coded against them any more.
    pub fn root(&mut self, row: RowId, tick: Tick, oldest: Tick, lanes: &[i32]) {
        if self.newest_tick(row) >= tick {
            return self.reset(row, tick, lanes);
        }
        let from = Tick(tick.0.saturating_sub(1));
        self.push(row, &Old { tick, held: held(tick, from), lanes: lanes.into() });
        self.times[row.at()].structure_tick = self.since_origin(tick);
        self.prune(row, oldest);
    }

    fn reset(&mut self, row: RowId, tick: Tick, lanes: &[i32]) {
        let tick = self.since_origin(tick);
        self.older[row.at()] = VecDeque::new();
        self.times[row.at()] = Times { structure_tick: tick, ..Times::default() };
        let plane = self.times[row.at()].push(tick, 0);
        self.near_mut(row, plane).copy_from_slice(lanes);
    }

    /// Frees a row.
    pub fn remove(&mut self, row: RowId) {
        self.times[row.at()].len = 0;
        self.older[row.at()] = VecDeque::new();
        self.free.push(row);
    }

    /// The tick at which structure brought the row.
    #[must_use]
    pub fn structure_tick(&self, row: RowId) -> Tick {
        self.tick_of(self.times[row.at()].structure_tick)
    }

    /// The tick of the newest value.
    #[must_use]
    pub fn newest_tick(&self, row: RowId) -> Tick {
        let times = &self.times[row.at()];
        self.tick_of(times.tick(times.len() - 1))
    }

    /// The newest value.
    #[must_use]
    pub fn latest(&self, row: RowId) -> Value<'_> {
        self.near(row, self.times[row.at()].len() - 1)
    }

    /// The value to code against, or to decode against, for base `base`; `None` where it is forgotten.
    #[must_use]
    pub fn at(&self, row: RowId, base: Tick) -> Option<Value<'_>> {
        let times = &self.times[row.at()];
        if let Some(i) = self.near_at(times, base) {
            return Some(self.near(row, i));
        }
        let older = &self.older[row.at()];
        let base = base.max(self.structure_tick(row));
        older.partition_point(|old| old.tick <= base).checked_sub(1).map(|i| older[i].value())
    }

    /// Which of the near values is the newest not younger than `base`, or than the structure that came after it.
    #[inline]
    fn near_at(&self, times: &Times, base: Tick) -> Option<usize> {
        let base = u32::try_from(base.since(self.origin)).unwrap_or(u32::MAX).max(times.structure_tick);
        (0..times.len()).rev().find(|i| times.tick(*i) <= base)
    }

    /// Puts in a value, which `make` makes of those at the base and at the tick before it, where they are known. A value
    /// of the same tick is replaced; one older than the newest goes to its place. Forgets what no base from `oldest` on
    /// can need, which is at most the tick before the base. `None`, and no value changed, where the one at the base is
    /// forgotten.
    pub fn put(
        &mut self,
        row: RowId,
        when: When,
        make: impl FnOnce(Option<&[i32]>, Option<&[i32]>, &mut [i32]),
    ) -> Option<()> {
        if self.times[row.at()].len() == NEAR {
            self.prune(row, when.oldest);
        }
        let at = self.since_origin(when.tick);
        let times = &self.times[row.at()];
        let near = when.base.map(|base| self.near_pair(times, base));
        if times.tick(times.len() - 1) >= at || near == Some(None) || times.len() == NEAR {
            return self.put_slowly(row, when, make);
        }
        // Nearly always: newer than all, on a base that lies beside it.
        let plane = self.times[row.at()].push(at, held(when.tick, when.from));
        let lanes = row.at() * self.lanes..(row.at() + 1) * self.lanes;
        // The plane is taken out while it is filled: it is none of those that are read.
        let mut new = std::mem::take(&mut self.planes[plane]);
        match near.flatten() {
            Some((base, before)) => {
                let before = (before != base).then(|| &self.planes[before][lanes.clone()]);
                make(Some(&self.planes[base][lanes.clone()]), before, &mut new[lanes]);
            }
            None => make(None, None, &mut new[lanes]),
        }
        self.planes[plane] = new;
        self.prune(row, when.oldest);
        Some(())
    }

    /// The planes of the values at a base and at the tick before it, the same where that one tells nothing; `None` where
    /// either is not near.
    #[inline]
    fn near_pair(&self, times: &Times, base: Base) -> Option<(usize, usize)> {
        let at = self.near_at(times, base.tick)?;
        let before = match base.before {
            before if before == base.tick || self.tick_of(times.structure_tick) > before => at,
            before => self.near_at(times, before)?,
        };
        Some((times.plane(at), times.plane(before)))
    }

    /// The two values around a moment between ticks, and how far it lies between them (0 to 1).
    #[must_use]
    pub fn around(&self, row: RowId, moment: f64) -> (Value<'_>, Value<'_>, f32) {
        let older = &self.older[row.at()];
        let count = older.len() + self.times[row.at()].len();
        let value = |i: usize| match older.get(i) {
            Some(old) => old.value(),
            None => self.near(row, i - older.len()),
        };
        match (0..count).find(|i| value(*i).tick.0 as f64 > moment) {
            None => (value(count - 1), value(count - 1), 0.0),
            Some(0) => (value(0), value(0), 0.0),
            Some(i) => {
                let (a, b) = (value(i - 1), value(i));
                let start = a.tick.max(b.from).0 as f64;
                let alpha = (moment - start) / (b.tick.0 as f64 - start).max(1.0e-9);
                (a, b, alpha.clamp(0.0, 1.0) as f32)
            }
        }
    }

    #[inline]
    fn near(&self, row: RowId, i: usize) -> Value<'_> {
        let times = &self.times[row.at()];
        let plane = times.plane(i);
        let at = row.at() * self.lanes;
        let tick = self.tick_of(times.ticks[plane]);
        Value { tick, from: held_since(tick, times.held[plane]), lanes: &self.planes[plane][at..at + self.lanes] }
    }

    fn near_mut(&mut self, row: RowId, plane: usize) -> &mut [i32] {
        let at = row.at() * self.lanes;
        &mut self.planes[plane][at..at + self.lanes]
    }

    #[inline]
    fn tick_of(&self, since_origin: u32) -> Tick {
        Tick(self.origin.0 + u64::from(since_origin))
    }

    /// A tick as `times` holds it. Ticks before the origin, which only values long settled have, count as the origin's.
    #[inline]
    fn since_origin(&mut self, tick: Tick) -> u32 {
        if tick.since(self.origin) >= SPAN {
            self.count_from(Tick(tick.0 - SPAN / 2));
        }
        tick.since(self.origin) as u32
    }

    /// Half a year of ticks later: all ticks count from `origin`.
    #[cold]
    fn count_from(&mut self, origin: Tick) {
        let passed = u32::try_from(origin.since(self.origin)).unwrap_or(u32::MAX);
        for times in &mut self.times {
            times.ticks = times.ticks.map(|tick| tick.saturating_sub(passed));
            times.structure_tick = times.structure_tick.saturating_sub(passed);
        }
        self.origin = origin;
    }
}

impl Old {
    fn value(&self) -> Value<'_> {
        Value { tick: self.tick, from: held_since(self.tick, self.held), lanes: &self.lanes }
    }
}

fn held(tick: Tick, from: Tick) -> u8 {
    u8::try_from(tick.since(from)).unwrap_or(u8::MAX)
}

fn held_since(tick: Tick, held: u8) -> Tick {
    Tick(tick.0.saturating_sub(u64::from(held)))
}

#[cfg(test)]
mod tests;
