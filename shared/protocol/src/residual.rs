//! Rows of one component as differences from what was expected.
//!
//! A section first says how large the differences are: for each lane how many low bits are noise, for each group of
//! lanes how wide the rest spreads. Then come runs of rows of entities that follow each other, each row a code for
//! every three lanes ([`triple`]) and their noise. Groups that are nearly always as expected are left out of the rows
//! where they are.

mod triple;

use hd1_schema::limits::LANES_MAX;

use crate::{
    bits::{BITS_AT_ONCE, BitReader, BitWriter},
    predict,
    shapes::{Motion, Shape},
    wire::DecodeError,
};

/// Bits of "so many low bits are noise".
const NOISE_BITS: u32 = 5;
const CLASS_BITS: u32 = triple::CLASSES.ilog2();
/// Bits of the length of a difference that has no code.
const FAR_BITS: u32 = 6;
/// Bits of a mark of how far apart runs are.
const GAP_BITS: u32 = 5;
/// Of a row's mask, where the marks begin of rotations that leave out another component than expected.
const TURNED: u32 = 16;
/// Bits of the number of the component that a rotation leaves out.
const INDEX_BITS: u32 = 2;
/// One in so many differences may have no code: the noise is as many bits as that takes.
const FAR_SHARE: u32 = 64;

/// How a group of lanes is coded in a section.
#[derive(Clone, Copy, Debug, Default)]
struct GroupCode {
    /// Is it ever not as expected?
    used: bool,
    /// Is it in every row?
    always: bool,
    /// Of a rotation: does every row name the component that is left out?
    names: bool,
    class: usize,
    noise: [u32; 3],
}

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
                writer.put_number(zigzag(head.entity.wrapping_sub(entity).wrapping_sub(1) as i32), gap);
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
            .fold((0u64, 0u64), |(count, sum), gap| (count + 1, sum + u64::from(zigzag(gap))));
        sum.checked_div(count).map_or(1, |mean| mean.max(2).ilog2().min(24))
    }
}

/// The mask of what every row has.
fn always(codes: &[GroupCode]) -> u32 {
    codes.iter().enumerate().filter(|(_, code)| code.used).fold(0, |mask, (number, code)| {
        mask | u32::from(code.always) << number | u32::from(code.names) << TURNED << number
    })
}

/// The low bits of a lane that are noise, so that next to no difference is without a code.
fn noise_of(sizes: &[u32; 33], rows: u32) -> u32 {
    let mut beyond = 0;
    for size in (2..sizes.len()).rev() {
        beyond += sizes[size];
        if beyond * FAR_SHARE > rows {
            // Of `size` bits: at most twice as large as the noise, rounded.
            return size as u32 - 1;
        }
    }
    0
}

fn zigzag(n: i32) -> u32 {
    ((n << 1) ^ (n >> 31)) as u32
}

fn unzigzag(z: u32) -> i32 {
    (z >> 1) as i32 ^ -((z & 1) as i32)
}

fn write_codes(writer: &mut BitWriter, shape: &Shape, codes: &[GroupCode]) {
    for (group, code) in shape.groups().iter().zip(codes) {
        writer.put(u32::from(code.used), 1);
        if !code.used {
            continue;
        }
        writer.put(u32::from(code.always), 1);
        if group.motion == Motion::Turn {
            writer.put(u32::from(code.names), 1);
        }
        writer.put(code.class as u32, CLASS_BITS);
        for noise in &code.noise[..usize::from(group.lanes)] {
            writer.put(*noise, NOISE_BITS);
        }
    }
}

fn read_codes(reader: &mut BitReader<'_>, shape: &Shape) -> [GroupCode; LANES_MAX] {
    let mut codes = [GroupCode::default(); LANES_MAX];
    for (code, group) in codes.iter_mut().zip(shape.groups()) {
        code.used = reader.take(1) == 1;
        if !code.used {
            continue;
        }
        code.always = reader.take(1) == 1;
        code.names = group.motion == Motion::Turn && reader.take(1) == 1;
        code.class = reader.take(CLASS_BITS) as usize;
        for noise in &mut code.noise[..usize::from(group.lanes)] {
            *noise = reader.take(NOISE_BITS);
        }
    }
    codes
}

/// Puts what is different from the mask of the run before, where anything is.
fn write_mask(writer: &mut BitWriter, shape: &Shape, codes: &[GroupCode], before: u32, mask: u32) {
    writer.put(u32::from(mask != before), 1);
    if mask == before {
        return;
    }
    for (number, (group, code)) in shape.groups().iter().zip(codes).enumerate().filter(|(_, (_, code))| code.used) {
        if !code.always {
            writer.put(mask >> number & 1, 1);
        }
        if group.motion == Motion::Turn && !code.names {
            writer.put(mask >> TURNED >> number & 1, 1);
        }
    }
}

fn read_mask(reader: &mut BitReader<'_>, shape: &Shape, codes: &[GroupCode], before: u32) -> u32 {
    if reader.take(1) == 0 {
        return before;
    }
    let mut mask = 0;
    for (number, (group, code)) in shape.groups().iter().zip(codes).enumerate().filter(|(_, (_, code))| code.used) {
        mask |= if code.always { 1 } else { reader.take(1) } << number;
        if group.motion == Motion::Turn {
            mask |= if code.names { 1 } else { reader.take(1) } << TURNED << number;
        }
    }
    mask
}

/// Which component a rotation leaves out: one of four, or for what is no rotation any number.
fn write_index(writer: &mut BitWriter, index: i32) {
    let is_plain = index as u32 >> INDEX_BITS == 0;
    writer.put(u32::from(!is_plain), 1);
    writer.put(index as u32, if is_plain { INDEX_BITS } else { 32 });
}

fn read_index(reader: &mut BitReader<'_>) -> i32 {
    let is_plain = reader.take(1) == 0;
    reader.take(if is_plain { INDEX_BITS } else { 32 }) as i32
}

#[inline]
fn write_group(writer: &mut BitWriter, code: &GroupCode, differences: &[i32]) {
    let (mut high, mut low) = ([0; 3], [0; 3]);
    for (i, difference) in differences.iter().enumerate() {
        let noise = code.noise[i];
        let raised = i64::from(*difference) + ((1i64 << noise) >> 1);
        high[i] = (raised >> noise) as i32;
        low[i] = (raised & ((1 << noise) - 1)) as u32;
    }
    if triple::put(writer, code.class, high) {
        let [a, b, c] = code.noise;
        if a + b + c <= BITS_AT_ONCE {
            writer.put(low[0] | low[1] << a | ((u64::from(low[2]) << (a + b)) as u32), a + b + c);
        } else {
            for (low, noise) in low.iter().zip(code.noise) {
                writer.put(*low, noise);
            }
        }
    } else {
        for difference in differences {
            let z = zigzag(*difference);
            let length = u32::BITS - z.leading_zeros();
            writer.put(length, FAR_BITS);
            writer.put(z, length);
        }
    }
}

#[inline]
fn read_group(reader: &mut BitReader<'_>, code: &GroupCode, differences: &mut [i32]) {
    if let Some(high) = triple::take(reader, code.class) {
        let [a, b, c] = code.noise;
        let low = if a + b + c <= BITS_AT_ONCE {
            let low = u64::from(reader.take(a + b + c));
            [low & ((1 << a) - 1), low >> a & ((1 << b) - 1), low >> (a + b)]
        } else {
            code.noise.map(|noise| u64::from(reader.take(noise)))
        };
        for (i, difference) in differences.iter_mut().enumerate() {
            let noise = code.noise[i];
            let raised = i64::from(high[i]) << noise | low[i] as i64;
            *difference = raised.wrapping_sub((1i64 << noise) >> 1) as i32;
        }
    } else {
        for difference in differences {
            let length = reader.take(FAR_BITS).min(32);
            *difference = unzigzag(reader.take(length));
        }
    }
}

/// A row as read: what its lanes differ by from what is expected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Differences<'a> {
    mask: u32,
    lanes: &'a [i32],
}

impl Differences<'_> {
    /// Makes of what was expected the value: `lanes` hold the one and become the other.
    #[inline]
    pub(crate) fn add_to(&self, shape: &Shape, lanes: &mut [i32]) {
        for (number, group) in shape.groups().iter().enumerate() {
            let mask = self.mask >> number;
            let first = usize::from(group.at);
            if mask >> TURNED & 1 == 1 {
                let index = self.lanes[first - 1];
                let three = predict::without(&lanes[first - 1..first + 3], index);
                lanes[first - 1] = index;
                lanes[first..first + 3].copy_from_slice(&three);
            }
            if mask & 1 == 1 {
                for i in group.range() {
                    lanes[i] = lanes[i].wrapping_add(self.lanes[i]);
                }
            }
        }
    }
}

/// Reads a section behind its component, calling `each` with entity and differences.
///
/// # Errors
/// `Truncated`, `Limit` for more than `rows_max`, and what `each` returns.
pub(crate) fn read(
    reader: &mut BitReader<'_>,
    shape: &Shape,
    rows_max: usize,
    mut each: impl FnMut(u32, Differences<'_>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let codes = read_codes(reader, shape);
    let gap = reader.take(GAP_BITS);
    let mut mask = always(&codes);
    let mut differences = [0; LANES_MAX];
    let (mut entity, mut rows) = (0u32, 0);
    while reader.take(1) == 1 {
        entity = entity.wrapping_add(unzigzag(reader.take_number(gap)) as u32);
        mask = read_mask(reader, shape, &codes, mask);
        let length = reader.take_number(0) as usize + 1;
        rows += length;
        if rows > rows_max {
            return Err(DecodeError::Limit("rows of a fragment"));
        }
        for _ in 0..length {
            entity = entity.wrapping_add(1);
            for (number, (group, code)) in shape.groups().iter().zip(&codes).enumerate() {
                if mask >> number >> TURNED & 1 == 1 {
                    differences[usize::from(group.at) - 1] = read_index(reader);
                }
                if mask >> number & 1 == 1 {
                    read_group(reader, code, &mut differences[group.range()]);
                }
            }
            reader.check()?;
            each(entity, Differences { mask, lanes: &differences[..shape.lanes] })?;
        }
    }
    reader.check()
}
