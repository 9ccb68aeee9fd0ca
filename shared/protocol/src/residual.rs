//! Rows of one component as differences from what was expected.
//!
//! A section first says how large the differences are: for each lane how many low bits are noise, for each group of
//! lanes how wide the rest spreads. Then come runs of rows whose numbers follow each other, each row a code for
//! every three lanes (`triple`) and their noise. Groups that are nearly always as expected are left out of the rows
//! where they are.

mod codes;
mod read;
mod rows;
mod triple;

use smallvec::SmallVec;

use crate::{
    bits::BitWriter,
    predict,
    shapes::{Group, Motion, Shape},
};
pub(crate) use codes::Codes;
use codes::{GroupCode, PreparedCode, TURNED, noise_of, write_index, write_mask};
pub(crate) use read::{Differences, read};
pub use rows::{RowAt, Rows};

/// A row's number, and which of its groups are coded.
#[derive(Clone, Copy, Debug)]
struct Head {
    id: u32,
    mask: u32,
}

/// Rows that are looked at to find how all are best coded, at least.
const SAMPLE_ROWS: usize = 64;

/// Gathers a section's rows, then writes them.
#[derive(Debug, Default)]
pub(crate) struct Section {
    heads: Vec<Head>,
    /// As many for each row as the shape has lanes; of a rotation's first lane the value itself.
    differences: Vec<i32>,
}

impl Section {
    pub(crate) fn clear(&mut self) {
        self.heads.clear();
        self.differences.clear();
    }

    /// Adds rows behind those that are there.
    pub(crate) fn push(&mut self, shape: &Shape, rows: &Rows<'_>) {
        rows::compare(shape, rows, &mut self.heads, &mut self.differences);
    }

    /// Rows gathered.
    pub(crate) fn len(&self) -> usize {
        self.heads.len()
    }

    /// Groups that are coded in any row, as bits.
    pub(crate) fn used(&self) -> u32 {
        let any = self.heads.iter().fold(0, |any, head| any | head.mask);
        (any | any >> TURNED) & ((1 << TURNED) - 1)
    }

    /// How its rows are best coded.
    pub(crate) fn codes(&self, shape: &Shape) -> Codes {
        let (rows, step) = (self.heads.len(), self.step());
        let mut codes = Codes { gap: self.usual_gap(), ..Codes::default() };
        for (number, (code, group)) in codes.groups.iter_mut().zip(shape.groups()).enumerate() {
            let in_rows = |bit: u32| self.heads.iter().filter(|head| head.mask >> bit & 1 == 1).count();
            let coded = in_rows(number as u32);
            let turned = in_rows(TURNED + number as u32);
            code.used = coded > 0 || turned > 0;
            code.always = coded * 2 > rows;
            code.names = turned * 2 > rows;
            // In rows that are as expected and are coded all the same, each lane is 0.
            let as_expected = if code.always { (rows - coded) as u32 } else { 0 };
            let (mut zeros, mut all) = (0, 0);
            for (noise, lane) in code.noise.iter_mut().zip(group.range()) {
                let (sizes, coded) = self.sizes(shape, 1 << number, lane);
                let as_expected = as_expected / step as u32;
                *noise = noise_of(&sizes, coded + as_expected);
                zeros += sizes[..=noise.saturating_sub(1) as usize].iter().sum::<u32>() + as_expected;
                all += coded + as_expected;
            }
            code.class = triple::class_of((u64::from(zeros) << 10).checked_div(u64::from(all)).unwrap_or(0) as u32);
        }
        codes
    }

    /// Of many rows one in so many tells how large the differences are.
    fn step(&self) -> usize {
        (self.heads.len() / SAMPLE_ROWS).max(1)
    }

    /// By bits: how many differences of a lane have so many, in a sample of the rows with this mark; and how many those
    /// rows are.
    fn sizes(&self, shape: &Shape, mark: u32, lane: usize) -> ([u32; 33], u32) {
        let (mut sizes, mut marked) = ([0; 33], 0);
        let rows = self.heads.iter().zip(self.differences.chunks_exact(shape.lanes)).step_by(self.step());
        for (head, row) in rows {
            let size = u32::BITS - row[lane].unsigned_abs().leading_zeros();
            let is_marked = u32::from(head.mask & mark != 0);
            sizes[size as usize] += is_marked;
            marked += is_marked;
        }
        (sizes, marked)
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
        let steps = Steps::new(shape, codes);
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
                let mut fitting = 0;
                for differences in self.differences[row * shape.lanes..].chunks_exact(shape.lanes).take(length) {
                    steps.write_row(head.mask | always, differences, writer);
                    if writer.len() >= room {
                        break;
                    }
                    fitting += 1;
                }
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

    /// How many bits the way to the next run mostly takes.
    fn usual_gap(&self) -> u32 {
        let gaps = self.heads.windows(2).filter_map(|pair| pair[1].id.checked_sub(pair[0].id + 1));
        let (count, sum) =
            gaps.filter(|gap| *gap != 0).fold((0u64, 0u64), |(count, sum), gap| (count + 1, sum + u64::from(gap)));
        sum.checked_div(count).map_or(1, |mean| mean.max(2).ilog2().min(24))
    }
}

/// The groups of a shape that a section codes, with how.
struct Steps<'a>(SmallVec<[Step<'a>; 6]>);

struct Step<'a> {
    /// Marks of a row's mask that concern it.
    marks: u32,
    at: usize,
    lanes: usize,
    is_turn: bool,
    code: PreparedCode<'a>,
}

impl<'a> Steps<'a> {
    fn new(shape: &Shape, codes: &'a Codes) -> Self {
        let used = shape.groups().iter().zip(&codes.groups).enumerate().filter(|(_, (_, code))| code.used);
        let step = |(number, (group, code)): (usize, (&Group, &'a GroupCode))| Step {
            marks: (1 | 1 << TURNED) << number,
            at: usize::from(group.at),
            lanes: usize::from(group.lanes),
            is_turn: group.motion == Motion::Turn,
            code: PreparedCode::new(code),
        };
        Steps(used.map(step).collect())
    }

    #[inline]
    fn write_row(&self, mask: u32, differences: &[i32], writer: &mut BitWriter) {
        for step in &self.0 {
            let marks = mask & step.marks;
            if step.is_turn && marks >> TURNED != 0 {
                write_index(writer, differences[step.at - 1]);
            }
            if marks & ((1 << TURNED) - 1) == 0 {
                continue;
            }
            match step.lanes {
                3 => step.code.write(writer, predict::lanes::<3>(differences, step.at), 3),
                lanes => {
                    let mut padded = [0; 3];
                    padded[..lanes].copy_from_slice(&differences[step.at..step.at + lanes]);
                    step.code.write(writer, padded, lanes);
                }
            }
        }
    }
}
