//! Values that are not newer than all, or whose base is not near; and what may be forgotten.

use std::collections::VecDeque;

use hd1_core::Tick;
use smallvec::SmallVec;

use super::{Column, Lanes, NEAR, Old, RowId, When, held};

impl Column {
    #[cold]
    pub(super) fn put_slowly(
        &mut self,
        row: RowId,
        when: When,
        make: impl FnOnce(Option<&[i32]>, Option<&[i32]>, &mut [i32]),
    ) -> Option<()> {
        let mut lanes: Lanes = SmallVec::from_elem(0, self.lanes);
        match when.base {
            Some(base) => {
                let known = base.before < base.tick && self.structure_tick(row) <= base.before;
                let before = if known { Some(self.at(row, base.before)?.lanes) } else { None };
                make(Some(self.at(row, base.tick)?.lanes), before, &mut lanes);
            }
            None => make(None, None, &mut lanes),
        }
        let new = Old { tick: when.tick, held: held(when.tick, when.from), lanes };
        if self.newest_tick(row) < when.tick {
            self.push(row, &new);
        } else {
            self.put_between(row, new);
        }
        self.prune(row, when.oldest);
        Some(())
    }

    /// Puts in a value newer than all.
    pub(super) fn push(&mut self, row: RowId, new: &Old) {
        if self.times[row.at()].len() == NEAR {
            self.push_oldest_out(row);
        }
        let tick = self.since_origin(new.tick);
        let plane = self.times[row.at()].push(tick, new.held);
        self.near_mut(row, plane).copy_from_slice(&new.lanes);
    }

    fn push_oldest_out(&mut self, row: RowId) {
        let times = &self.times[row.at()];
        let value = self.near(row, 0);
        let old = Old { tick: value.tick, held: times.held[times.plane(0)], lanes: value.lanes.into() };
        self.older[row.at()].push_back(old);
        let times = &mut self.times[row.at()];
        times.has_older = true;
        times.pop_front();
    }

    /// A value that came late: all are taken out and laid down again.
    fn put_between(&mut self, row: RowId, late: Old) {
        while self.times[row.at()].len > 0 {
            self.push_oldest_out(row);
        }
        let mut all = std::mem::take(&mut self.older[row.at()]);
        let at = all.partition_point(|old| old.tick < late.tick);
        match all.get_mut(at) {
            Some(same) if same.tick == late.tick => *same = late,
            _ => all.insert(at, late),
        }
        let newest = all.split_off(all.len().saturating_sub(NEAR));
        self.times[row.at()].has_older = !all.is_empty();
        self.older[row.at()] = all;
        newest.iter().for_each(|old| self.push(row, old));
    }

    /// Forgets what no base from `oldest` on can need.
    pub(super) fn prune(&mut self, row: RowId, oldest: Tick) {
        let Some(oldest_near) = oldest.0.checked_sub(self.origin.0) else { return };
        let oldest_near = u32::try_from(oldest_near).unwrap_or(u32::MAX);
        let times = &mut self.times[row.at()];
        if times.has_older {
            let older = &mut self.older[row.at()];
            let next_is_enough = |older: &VecDeque<Old>| match older.get(1) {
                Some(next) => next.tick <= oldest,
                None => times.tick(0) <= oldest_near,
            };
            while !older.is_empty() && next_is_enough(older) {
                older.pop_front();
            }
            times.has_older = !older.is_empty();
            if times.has_older {
                return;
            }
        }
        while times.len > 1 && times.tick(1) <= oldest_near {
            times.pop_front();
        }
    }
}
