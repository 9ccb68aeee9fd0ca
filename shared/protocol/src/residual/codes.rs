//! How the parts of a section are laid down in bits, and read.

use hd1_schema::limits::LANES_MAX;

use super::triple;
use crate::{
    bits::{BITS_AT_ONCE, BITS_OF_MANY, BitReader, BitWriter},
    shapes::{Motion, Shape},
    wire,
};

/// Bits of "so many low bits are noise".
const NOISE_BITS: u32 = 5;
const CLASS_BITS: u32 = triple::CLASSES.ilog2();
/// Bits of the length of a difference that has no code.
const FAR_BITS: u32 = 6;
/// Bits of the number of the component that a rotation leaves out.
const INDEX_BITS: u32 = 2;
/// One in so many differences may have no code: the noise is as many bits as that takes.
const FAR_SHARE: u32 = 64;
/// Of a row's mask, where the marks begin of rotations that leave out another component than expected.
pub(super) const TURNED: u32 = 16;
/// Bits of a mark of how far apart runs are.
pub(super) const GAP_BITS: u32 = 5;

/// How a group of lanes is coded in a section.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GroupCode {
    /// Is it ever not as expected?
    pub(super) used: bool,
    /// Is it in every row?
    pub(super) always: bool,
    /// Of a rotation: does every row name the component that is left out?
    pub(super) names: bool,
    pub(super) class: usize,
    pub(super) noise: [u32; 3],
}

/// How the rows of a section are coded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Codes {
    /// As many as the shape has groups.
    pub(super) groups: [GroupCode; LANES_MAX],
    /// How many bits the way to the next run mostly takes.
    pub(super) gap: u32,
}

/// The low bits of a lane that are noise, so that next to no difference is without a code.
pub(super) fn noise_of(sizes: &[u32; 33], rows: u32) -> u32 {
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

impl Codes {
    /// The mask of what every row has.
    pub(super) fn always(&self) -> u32 {
        self.groups.iter().enumerate().filter(|(_, code)| code.used).fold(0, |mask, (number, code)| {
            mask | u32::from(code.always) << number | u32::from(code.names) << TURNED << number
        })
    }

    pub(crate) fn write(&self, writer: &mut BitWriter, shape: &Shape) {
        for (group, code) in shape.groups().iter().zip(&self.groups) {
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
        writer.put(self.gap, GAP_BITS);
    }

    pub(crate) fn read(reader: &mut BitReader<'_>, shape: &Shape) -> Codes {
        let mut codes = Codes::default();
        for (code, group) in codes.groups.iter_mut().zip(shape.groups()) {
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
        codes.gap = reader.take(GAP_BITS);
        codes
    }

    /// Has it codes for all the groups of these bits?
    pub(crate) fn covers(&self, shape: &Shape, used: u32) -> bool {
        self.groups[..shape.groups().len()].iter().enumerate().all(|(i, code)| code.used || used >> i & 1 == 0)
    }
}

/// Puts what is different from the mask of the run before, where anything is.
pub(super) fn write_mask(writer: &mut BitWriter, shape: &Shape, codes: &[GroupCode], before: u32, mask: u32) {
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

pub(super) fn read_mask(reader: &mut BitReader<'_>, shape: &Shape, codes: &[GroupCode], before: u32) -> u32 {
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
pub(super) fn write_index(writer: &mut BitWriter, index: i32) {
    let is_plain = index as u32 >> INDEX_BITS == 0;
    writer.put(u32::from(!is_plain), 1);
    writer.put(index as u32, if is_plain { INDEX_BITS } else { 32 });
}

pub(super) fn read_index(reader: &mut BitReader<'_>) -> i32 {
    let is_plain = reader.take(1) == 0;
    reader.take(if is_plain { INDEX_BITS } else { 32 }) as i32
}

/// A [`GroupCode`] with all at hand that many rows need.
pub(super) struct PreparedCode<'a> {
    code: &'a GroupCode,
    table: &'static triple::Table,
    /// Bits of noise of all lanes.
    noise: u32,
}

/// Bits of noise that go with the code of their group.
const NOISE_MAX: u32 = BITS_OF_MANY - triple::LENGTH_MAX;

impl<'a> PreparedCode<'a> {
    pub(super) fn new(code: &'a GroupCode) -> Self {
        PreparedCode { code, table: triple::table(code.class), noise: code.noise.iter().sum() }
    }

    /// Puts the differences of a group; of those, `lanes` are the group's and the others 0.
    #[inline]
    pub(super) fn write(&self, writer: &mut BitWriter, differences: [i32; 3], lanes: usize) {
        let noise = self.code.noise;
        let raised: [i64; 3] = std::array::from_fn(|i| i64::from(differences[i]) + ((1i64 << noise[i]) >> 1));
        let high = std::array::from_fn(|i| (raised[i] >> noise[i]) as i32);
        let low: [u64; 3] = std::array::from_fn(|i| raised[i].cast_unsigned() & ((1 << noise[i]) - 1));
        let Some((code, length)) = self.table.code_of(high) else {
            let (code, length) = self.table.none();
            writer.put_many(code, length);
            for difference in &differences[..lanes] {
                let z = wire::unsigned(*difference);
                let length = u32::BITS - z.leading_zeros();
                writer.put_many(u64::from(length) | u64::from(z) << FAR_BITS, FAR_BITS + length);
            }
            return;
        };
        if self.noise <= NOISE_MAX {
            let low = low[0] | low[1] << noise[0] | low[2] << (noise[0] + noise[1]);
            writer.put_many(code | low << length, length + self.noise);
        } else {
            writer.put_many(code, length);
            low.iter().zip(noise).for_each(|(low, noise)| writer.put_many(*low, noise));
        }
    }
}

#[inline]
pub(super) fn read_group(reader: &mut BitReader<'_>, code: &GroupCode, differences: &mut [i32]) {
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
            *difference = wire::signed(reader.take(length));
        }
    }
}
