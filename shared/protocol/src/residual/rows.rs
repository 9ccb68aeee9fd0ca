//! Rows that are to be coded, and how they differ from what was expected: group by group, each over all rows.

use super::{Head, codes::TURNED};
use crate::{
    predict::{self, Onward, lanes},
    shapes::{Motion, Shape},
};

/// Rows of one component whose values lie among those of others.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// By ascending number.
    pub list: &'a [RowAt],
    /// Values now.
    pub now: &'a [i32],
    /// Values from before.
    pub known: &'a [i32],
    /// How far they have gone on since the base.
    pub onward: Onward,
}

/// Where a row's values begin: as many lie there as its shape has lanes.
#[derive(Clone, Copy, Debug)]
pub struct RowAt {
    /// Whose it is: a number of its own within the section.
    pub number: u32,
    /// Among the values now.
    pub now: u32,
    /// Among those from before: at the base.
    pub base: u32,
    /// At the tick before the base; as at the base where that is not known.
    pub before: u32,
}

/// Appends the rows' differences and heads.
pub(super) fn compare(shape: &Shape, rows: &Rows<'_>, heads: &mut Vec<Head>, differences: &mut Vec<i32>) {
    let (first, start) = (heads.len(), differences.len());
    heads.extend(rows.list.iter().map(|row| Head { id: row.number, mask: 0 }));
    differences.resize(start + rows.list.len() * shape.lanes, 0);
    let mut compare =
        Compare { rows, lanes: shape.lanes, heads: &mut heads[first..], differences: &mut differences[start..] };
    for (number, group) in shape.groups().iter().enumerate() {
        let at = usize::from(group.at);
        match (group.motion, group.lanes) {
            (Motion::Turn, _) => compare.turns(number, at),
            (Motion::Steady, 3) => compare.quantities::<3>(number, at),
            (Motion::Steady, 2) => compare.quantities::<2>(number, at),
            (Motion::Steady, _) => compare.quantities::<1>(number, at),
            (Motion::Held, 3) => compare.held::<3>(number, at),
            (Motion::Held, 2) => compare.held::<2>(number, at),
            (Motion::Held, _) => compare.held::<1>(number, at),
        }
    }
}

struct Compare<'a> {
    rows: &'a Rows<'a>,
    lanes: usize,
    heads: &'a mut [Head],
    differences: &'a mut [i32],
}

impl Compare<'_> {
    /// For each row: `N` lanes from `at` on, now, at the base and before, are made into differences and marks.
    #[inline]
    fn each<const N: usize>(
        &mut self,
        number: usize,
        at: usize,
        difference: impl Fn([i32; N], [i32; N], [i32; N]) -> ([i32; N], u32),
    ) {
        let Rows { list, now, known, .. } = *self.rows;
        let out = self.heads.iter_mut().zip(self.differences.chunks_exact_mut(self.lanes));
        for (row, (head, out)) in list.iter().zip(out) {
            let values = |of: &[i32], start: u32| lanes::<N>(of, start as usize + at);
            let (made, marks) = difference(values(now, row.now), values(known, row.base), values(known, row.before));
            if let Some(out) = out.get_mut(at..).and_then(|out| out.first_chunk_mut()) {
                *out = made;
            }
            head.mask |= marks << number;
        }
    }

    fn held<const N: usize>(&mut self, number: usize, at: usize) {
        self.each::<N>(number, at, |now, base, _| differ(now, base));
    }

    fn quantities<const N: usize>(&mut self, number: usize, at: usize) {
        let onward = self.rows.onward;
        if onward.is_as_far_again() {
            self.each::<N>(number, at, |now, base, before| differ(now, predict::as_far_again(base, before)));
        } else {
            self.each::<N>(number, at, |now, base, before| differ(now, predict::steady(base, before, onward)));
        }
    }

    /// Rotations, whose three lanes begin at `at`: the lane before them is the value itself.
    fn turns(&mut self, number: usize, at: usize) {
        let onward = self.rows.onward;
        self.each::<4>(number, at - 1, |now, base, before| {
            let [index, now @ ..] = now;
            let expected = predict::turn(base, before, onward);
            let [_, three @ ..] = expected;
            let (three, turned) =
                if expected[0] == index { (three, 0) } else { (predict::without(expected, index), 1 << TURNED) };
            let ([x, y, z], marks) = differ(now, three);
            ([index, x, y, z], marks | turned)
        });
    }
}

/// The differences, and 1 where there are any.
#[inline]
fn differ<const N: usize>(now: [i32; N], expected: [i32; N]) -> ([i32; N], u32) {
    let differences = std::array::from_fn(|i| now[i].wrapping_sub(expected[i]));
    (differences, u32::from(differences != [0; N]))
}
