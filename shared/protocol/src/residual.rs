//! Rows of one component as differences from what was expected.
//!
//! A section first says how large the differences are: for each lane how many low bits are noise, for each group of
//! lanes how wide the rest spreads. Then come runs of rows of entities that follow each other, each row a code for
//! every three lanes (`triple`) and their noise. Groups that are nearly always as expected are left out of the rows
//! where they are.

mod codes;
mod read;
mod triple;

use hd1_schema::limits::LANES_MAX;

use crate::{
    bits::BitWriter,
    predict,
    shapes::{Motion, Shape},
    wire,
};
use codes::{GAP_BITS, GroupCode, TURNED, always, noise_of, write_codes, write_group, write_index, write_mask};
pub(crate) use read::{Differences, read};

/// A row's entity, and which of its groups are coded.
#[derive(Clone, Copy, Debug)]
struct Head {
    entity: u32,
    mask: u32,
}

/// Gathers a section's rows, then writes them.
#[derive(Debug)]
pub(crate) struct Section {
    heads: Vec<Head>,
    /// As many for each row as the shape has lanes; of a rotation's first lane the value itself.
    differences: Vec<i32>,
    /// By lane and bits: how many differences have so many, of groups that are not as expected.
    sizes: [[u32; 33]; LANES_MAX],
}

impl Default for Section {
    fn default() -> Self {
        Section { heads: Vec::new(), differences: Vec::new(), sizes: [[0; 33]; LANES_MAX] }
    }
}

#[inline]
fn size(difference: i32) -> usize {
    (32 - difference.unsigned_abs().leading_zeros()) as usize
}

impl Section {
    pub(crate) fn clear(&mut self) {
        self.heads.clear();
        self.differences.clear();
        self.sizes = [[0; 33]; LANES_MAX];
    }

    /// Adds a row: `lanes` where `expect` makes what was expected. Both fill the shape.
    #[inline]
    pub(crate) fn push(&mut self, shape: &Shape, entity: u32, lanes: &[i32], expect: impl FnOnce(&mut [i32])) {
        let start = self.differences.len();
        self.differences.resize(start + shape.lanes, 0);
        let row = &mut self.differences[start..];
        expect(row);
        let mut mask = 0;
        for (number, group) in shape.groups().iter().enumerate() {
            let first = usize::from(group.at);
            if group.motion == Motion::Turn {
                if row[first - 1] != lanes[first - 1] {
                    mask |= 1 << TURNED << number;
                    let three = predict::without(&row[first - 1..first + 3], lanes[first - 1]);
                    row[first..first + 3].copy_from_slice(&three);
                }
                row[first - 1] = lanes[first - 1];
            }
            let (row, lanes) = (&mut row[group.range()], &lanes[group.range()]);
            let mut any = 0;
            for (expected, lane) in row.iter_mut().zip(lanes) {
                *expected = lane.wrapping_sub(*expected);
                any |= *expected;
            }
            if any != 0 {
                mask |= 1 << number;
                for (sizes, difference) in self.sizes[group.range()].iter_mut().zip(row) {
                    sizes[size(*difference)] += 1;
                }
            }
        }
        self.heads.push(Head { entity, mask });
    }

    /// How each group is best coded.
    fn codes(&self, shape: &Shape) -> [GroupCode; LANES_MAX] {
        let rows = self.heads.len();
        let mut codes = [GroupCode::default(); LANES_MAX];
        for (number, (code, group)) in codes.iter_mut().zip(shape.groups()).enumerate() {
            let in_rows = |bit: u32| self.heads.iter().filter(|head| head.mask >> bit & 1 == 1).count();
            let coded = in_rows(number as u32);
            let turned = in_rows(TURNED + number as u32);
            code.used = coded > 0 || turned > 0;
            code.always = coded * 2 > rows;
            code.names = turned * 2 > rows;
            // In rows that are as expected and are coded all the same, each lane is 0.
            let as_expected = if code.always { rows - coded } else { 0 };
            let (mut zeros, mut all) = (0, 0);
            for (noise, lane) in code.noise.iter_mut().zip(group.range()) {
                let sizes = &self.sizes[lane];
                *noise = noise_of(sizes, (coded + as_expected) as u32);
                zeros += sizes[..=noise.saturating_sub(1) as usize].iter().sum::<u32>() + as_expected as u32;
                all += (coded + as_expected) as u32;
            }
            code.class = triple::class_of((u64::from(zeros) << 10).checked_div(u64::from(all)).unwrap_or(0) as u32);
        }
        codes
    }

    /// Writes the rows, and `cut`s before one that would lie beyond `room` bits: what it leaves is filled from the
    /// section's beginning on.
    pub(crate) fn write(
        &self,
        shape: &Shape,
        component: u16,
        writer: &mut BitWriter,
        room: usize,
        rows_max: usize,
        mut cut: impl FnMut(&mut BitWriter),
    ) {
        let codes = self.codes(shape);
        let always = always(&codes);
        let gap = self.usual_gap();
        let (mut next, mut fresh) = (0, writer.is_empty());
        while next < self.heads.len() {
            let begin = writer.mark();
            writer.put(1, 1);
            writer.put(u32::from(component), 16);
            write_codes(writer, shape, &codes);
            writer.put(gap, GAP_BITS);
            let written = self.write_runs(shape, &codes, always, gap, writer, room, next, rows_max);
            if written == 0 {
                // Not one fits behind what is there; one alone always fits.
                writer.back_to(begin);
                debug_assert!(!fresh, "a row is larger than a fragment");
                if fresh {
                    return;
                }
            }
            next += written;
            if next < self.heads.len() {
                cut(writer);
                fresh = true;
            }
        }
    }

    /// Writes the rows without a cut, behind whatever says which component they are of.
    pub(crate) fn write_whole(&self, shape: &Shape, writer: &mut BitWriter) {
        let codes = self.codes(shape);
        let gap = self.usual_gap();
        write_codes(writer, shape, &codes);
        writer.put(gap, GAP_BITS);
        self.write_runs(shape, &codes, always(&codes), gap, writer, usize::MAX, 0, usize::MAX);
    }

    /// Writes runs from row `first` on while there is room, and the end of the section; how many rows there were.
    #[expect(clippy::too_many_arguments, reason = "one step of `write`")]
    fn write_runs(
        &self,
        shape: &Shape,
        codes: &[GroupCode],
        always: u32,
        gap: u32,
        writer: &mut BitWriter,
        room: usize,
        first: usize,
        rows_max: usize,
    ) -> usize {
        let (mut entity, mut mask) = (0u32, always);
        let mut row = first;
        let last = self.heads.len().min(first.saturating_add(rows_max));
        while row < last {
            let head = self.heads[row];
            let begin = writer.mark();
            let mut length = self.run_length(row, last, always);
            loop {
                writer.put(1, 1);
                writer.put_number(wire::unsigned(head.entity.wrapping_sub(entity).wrapping_sub(1) as i32), gap);
                write_mask(writer, shape, codes, mask, head.mask | always);
                writer.put_number(length as u32 - 1, 0);
                let fitting = (0..length).take_while(|i| {
                    self.write_row(shape, codes, head.mask | always, row + i, writer);
                    writer.len() < room
                });
                let fitting = fitting.count();
                if fitting == length {
                    break;
                }
                writer.back_to(begin);
                if fitting == 0 {
                    writer.put(0, 1);
                    return row - first;
                }
                length = fitting;
            }
            mask = head.mask | always;
            entity = head.entity.wrapping_add(length as u32 - 1);
            row += length;
        }
        writer.put(0, 1);
        row - first
    }

    /// Rows from `row` on of entities that follow each other, with the same mask.
    fn run_length(&self, row: usize, last: usize, always: u32) -> usize {
        let head = self.heads[row];
        let follows = |(i, next): &(usize, &Head)| {
            next.entity == head.entity.wrapping_add(*i as u32) && next.mask | always == head.mask | always
        };
        self.heads[row..last].iter().enumerate().take_while(follows).count()
    }

    #[inline]
    fn write_row(&self, shape: &Shape, codes: &[GroupCode], mask: u32, row: usize, writer: &mut BitWriter) {
        let differences = &self.differences[row * shape.lanes..][..shape.lanes];
        for (number, (group, code)) in shape.groups().iter().zip(codes).enumerate() {
            if mask >> number & (1 | 1 << TURNED) == 0 {
                continue;
            }
            if mask >> number >> TURNED & 1 == 1 {
                write_index(writer, differences[usize::from(group.at) - 1]);
            }
            if mask >> number & 1 == 1 {
                write_group(writer, code, &differences[group.range()]);
            }
        }
    }

    /// How many bits the way to the next run mostly takes.
    fn usual_gap(&self) -> u32 {
        let gaps = self.heads.windows(2).map(|pair| pair[1].entity.wrapping_sub(pair[0].entity).wrapping_sub(1) as i32);
        let (count, sum) = gaps
            .filter(|gap| *gap != 0)
            .fold((0u64, 0u64), |(count, sum), gap| (count + 1, sum + u64::from(wire::unsigned(gap))));
        sum.checked_div(count).map_or(1, |mean| mean.max(2).ilog2().min(24))
    }
}
