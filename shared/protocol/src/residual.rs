//! Rows of one component as differences from what was expected.
//!
//! A section first says how large the differences are: for each lane how many low bits are noise, for each group of
//! lanes how wide the rest spreads. Then come runs of rows whose numbers follow each other, each row a code for
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
};
pub(crate) use codes::Codes;
use codes::{GroupCode, TURNED, noise_of, write_group, write_index, write_mask};
pub(crate) use read::{Differences, read};

/// A row's number, and which of its groups are coded.
#[derive(Clone, Copy, Debug)]
struct Head {
    id: u32,
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
    /// Lanes with sizes.
    lanes: usize,
}

impl Default for Section {
    fn default() -> Self {
        Section { heads: Vec::new(), differences: Vec::new(), sizes: [[0; 33]; LANES_MAX], lanes: 0 }
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
        self.sizes[..self.lanes].fill([0; 33]);
        self.lanes = 0;
    }

    /// Adds a row: `lanes` where `expect` makes what was expected. Both fill the shape. Numbers ascend.
    #[inline]
    pub(crate) fn push(&mut self, shape: &Shape, id: u32, lanes: &[i32], expect: impl FnOnce(&mut [i32])) {
        self.lanes = shape.lanes;
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
        self.heads.push(Head { id, mask });
    }

    /// Rows gathered.
    pub(crate) fn len(&self) -> usize {
        self.heads.len()
    }

    /// How its rows are best coded.
    pub(crate) fn codes(&self, shape: &Shape) -> Codes {
        let rows = self.heads.len();
        let mut codes = Codes { gap: self.usual_gap(), ..Codes::default() };
        for (number, (code, group)) in codes.groups.iter_mut().zip(shape.groups()).enumerate() {
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

    /// Writes rows from `first` on while `writer` stays below `room` bits, and the end of the section; how many.
    pub(crate) fn write(
        &self,
        shape: &Shape,
        codes: &Codes,
        writer: &mut BitWriter,
        room: usize,
        first: usize,
    ) -> usize {
        let always = codes.always();
        let (mut id, mut mask) = (u32::MAX, always);
        let mut row = first;
        while row < self.heads.len() {
            let head = self.heads[row];
            let begin = writer.mark();
            let mut length = self.run_length(row, always);
            loop {
                writer.put(1, 1);
                writer.put_number(head.id.wrapping_sub(id).wrapping_sub(1), codes.gap);
                write_mask(writer, shape, &codes.groups, mask, head.mask | always);
                writer.put_number(length as u32 - 1, 0);
                let fitting = (0..length).take_while(|i| {
                    self.write_row(shape, &codes.groups, head.mask | always, row + i, writer);
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
            id = head.id.wrapping_add(length as u32 - 1);
            row += length;
        }
        writer.put(0, 1);
        row - first
    }

    /// Rows from `row` on whose numbers follow each other, with the same mask.
    fn run_length(&self, row: usize, always: u32) -> usize {
        let head = self.heads[row];
        let follows = |(i, next): &(usize, &Head)| {
            next.id == head.id.wrapping_add(*i as u32) && next.mask | always == head.mask | always
        };
        self.heads[row..].iter().enumerate().take_while(follows).count()
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
        let gaps = self.heads.windows(2).filter_map(|pair| pair[1].id.checked_sub(pair[0].id + 1));
        let (count, sum) =
            gaps.filter(|gap| *gap != 0).fold((0u64, 0u64), |(count, sum), gap| (count + 1, sum + u64::from(gap)));
        sum.checked_div(count).map_or(1, |mean| mean.max(2).ilog2().min(24))
    }
}
