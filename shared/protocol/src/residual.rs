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
use smallvec::SmallVec;

use crate::{
    bits::BitWriter,
    predict::{self, Known},
    shapes::{Group, Motion, Shape},
};
pub(crate) use codes::Codes;
use codes::{GroupCode, PreparedCode, TURNED, noise_of, write_index, write_mask};
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
    /// Groups that are coded in any row, as in a mask.
    any: u32,
}

impl Default for Section {
    fn default() -> Self {
        Section { heads: Vec::new(), differences: Vec::new(), sizes: [[0; 33]; LANES_MAX], lanes: 0, any: 0 }
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
        (self.lanes, self.any) = (0, 0);
    }

    /// Adds a row of the value `now`, of which so much is `known` from before. Both fill the shape. Numbers ascend.
    #[inline]
    pub(crate) fn push(&mut self, shape: &Shape, id: u32, now: &[i32], known: Known<'_>) {
        self.lanes = shape.lanes;
        let start = self.differences.len();
        self.differences.extend_from_slice(now);
        let row = Row { now, known, differences: &mut self.differences[start..], sizes: &mut self.sizes };
        let mask = row.compare(shape);
        self.any |= mask;
        self.heads.push(Head { id, mask });
    }

    /// Rows gathered.
    pub(crate) fn len(&self) -> usize {
        self.heads.len()
    }

    /// Groups that are coded in any row, as bits.
    pub(crate) fn used(&self) -> u32 {
        (self.any | self.any >> TURNED) & ((1 << TURNED) - 1)
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
                let fitting = (0..length).take_while(|i| {
                    let differences = &self.differences[(row + i) * shape.lanes..][..shape.lanes];
                    steps.write_row(head.mask | always, differences, writer);
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

    /// How many bits the way to the next run mostly takes.
    fn usual_gap(&self) -> u32 {
        let gaps = self.heads.windows(2).filter_map(|pair| pair[1].id.checked_sub(pair[0].id + 1));
        let (count, sum) =
            gaps.filter(|gap| *gap != 0).fold((0u64, 0u64), |(count, sum), gap| (count + 1, sum + u64::from(gap)));
        sum.checked_div(count).map_or(1, |mean| mean.max(2).ilog2().min(24))
    }
}

/// A row that is being compared with what was expected.
struct Row<'a> {
    now: &'a [i32],
    known: Known<'a>,
    /// The value first, then what it differs by.
    differences: &'a mut [i32],
    sizes: &'a mut [[u32; 33]; LANES_MAX],
}

impl Row<'_> {
    /// Makes the differences; which groups are coded.
    #[inline]
    fn compare(mut self, shape: &Shape) -> u32 {
        let mut mask = 0;
        for (number, group) in shape.groups().iter().enumerate() {
            let at = usize::from(group.at);
            mask |= match (group.motion, group.lanes) {
                (Motion::Turn, _) => self.turn(at) << number,
                (Motion::Steady, 3) => self.group(at, self.known.steady::<3>(at)) << number,
                (Motion::Steady, 2) => self.group(at, self.known.steady::<2>(at)) << number,
                (Motion::Steady, _) => self.group(at, self.known.steady::<1>(at)) << number,
                (Motion::Held, 3) => self.group(at, predict::lanes::<3>(self.known.base, at)) << number,
                (Motion::Held, 2) => self.group(at, predict::lanes::<2>(self.known.base, at)) << number,
                (Motion::Held, _) => self.group(at, predict::lanes::<1>(self.known.base, at)) << number,
            };
        }
        mask
    }

    /// 1 where any of `N` lanes is not as expected.
    #[inline]
    fn group<const N: usize>(&mut self, at: usize, expected: [i32; N]) -> u32 {
        let now = predict::lanes::<N>(self.now, at);
        if now == expected {
            self.differences[at..at + N].fill(0);
            return 0;
        }
        for i in 0..N {
            let difference = now[i].wrapping_sub(expected[i]);
            self.differences[at + i] = difference;
            self.sizes[at + i][size(difference)] += 1;
        }
        1
    }

    /// As [`Row::group`], of the rotation whose three lanes begin at `at`, with a mark where it leaves out another
    /// component than expected.
    #[inline]
    fn turn(&mut self, at: usize) -> u32 {
        let expected = self.known.turn(at - 1);
        let index = self.now[at - 1];
        let [_, x, y, z] = expected;
        if expected[0] == index {
            return self.group(at, [x, y, z]);
        }
        self.group(at, predict::without(expected, index)) | 1 << TURNED
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
