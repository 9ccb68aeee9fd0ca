//! Reading a section.

use hd1_schema::limits::LANES_MAX;

use super::codes::{Codes, TURNED, read_group, read_index, read_mask};
use crate::{bits::BitReader, predict, shapes::Shape, wire::DecodeError};

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
                let three = predict::without(predict::lanes(lanes, first - 1), index);
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

/// Reads a section's rows, calling `each` with number and differences.
///
/// # Errors
/// `Truncated`, `Limit` for more than `rows_max`, and what `each` returns.
pub(crate) fn read(
    reader: &mut BitReader<'_>,
    shape: &Shape,
    codes: &Codes,
    rows_max: usize,
    mut each: impl FnMut(u32, Differences<'_>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut mask = codes.always();
    let mut differences = [0; LANES_MAX];
    let (mut id, mut rows) = (u32::MAX, 0);
    while reader.take(1) == 1 {
        id = id.wrapping_add(reader.take_number(codes.gap));
        mask = read_mask(reader, shape, &codes.groups, mask);
        let length = reader.take_number(0) as usize + 1;
        rows += length;
        if rows > rows_max {
            return Err(DecodeError::Limit("rows of a fragment"));
        }
        for _ in 0..length {
            id = id.wrapping_add(1);
            for (number, (group, code)) in shape.groups().iter().zip(&codes.groups).enumerate() {
                if mask >> number >> TURNED & 1 == 1 {
                    differences[usize::from(group.at) - 1] = read_index(reader);
                }
                if mask >> number & 1 == 1 {
                    read_group(reader, code, &mut differences[group.range()]);
                }
            }
            reader.check()?;
            each(id, Differences { mask, lanes: &differences[..shape.lanes] })?;
        }
    }
    reader.check()
}
