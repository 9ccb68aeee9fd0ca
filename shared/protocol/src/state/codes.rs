//! How the rows of a tick are coded: said once in a frame, for all the pages in it that have few rows of their own.

use hd1_schema::ComponentId;

use crate::{
    bits::{BitReader, BitWriter},
    residual::{Codes, Section},
    shapes::{Shape, Shapes},
    wire::{self, DecodeError, Reader},
};

/// Components with codes of the tick, at most.
pub(super) const COMPONENTS_MAX: usize = 4;
/// Bytes of one component's codes: id and bits.
const BYTES_MAX: usize = 20;
/// Bytes in a frame at most: which there are, and the codes.
pub(crate) const CODES_BYTES_MAX: usize = 1 + COMPONENTS_MAX * BYTES_MAX;

/// Codes for all pages of a tick, by component.
#[derive(Clone, Debug, Default)]
pub struct TickCodes {
    list: Vec<ComponentCodes>,
    /// Memory of the last tick's.
    spare: Vec<Vec<u8>>,
    bits: BitWriter,
}

#[derive(Clone, Debug)]
struct ComponentCodes {
    component: ComponentId,
    codes: Codes,
    bytes: Vec<u8>,
}

impl TickCodes {
    /// None.
    pub fn clear(&mut self) {
        self.spare.extend(self.list.drain(..).map(|own| own.bytes));
    }

    /// Makes codes for a component from some of its rows; nothing happens where there are too many already.
    pub(super) fn learn(&mut self, component: ComponentId, shape: &Shape, rows: &Section) {
        let codes = rows.codes(shape);
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(&component.0.to_le_bytes());
        codes.write(&mut self.bits, shape);
        self.bits.take_into(&mut bytes);
        if self.list.len() < COMPONENTS_MAX && bytes.len() <= BYTES_MAX {
            self.list.push(ComponentCodes { component, codes, bytes });
        }
    }

    /// The number and codes of a component.
    pub(super) fn of(&self, component: ComponentId) -> Option<(u32, &Codes)> {
        let number = self.list.iter().position(|own| own.component == component)?;
        Some((number as u32, &self.list[number].codes))
    }

    /// Appends those whose bit is set in `used`.
    pub fn encode(&self, used: u8, out: &mut Vec<u8>) {
        out.push(used);
        for own in self.list.iter().enumerate().filter(|(i, _)| used >> i & 1 == 1).map(|(_, own)| own) {
            out.extend_from_slice(&own.bytes);
        }
    }
}

impl TickCodes {
    /// Bytes that [`TickCodes::encode`] appends.
    #[must_use]
    pub fn encoded_len(&self, used: u8) -> usize {
        1 + self
            .list
            .iter()
            .enumerate()
            .filter(|(i, _)| used >> i & 1 == 1)
            .map(|(_, own)| own.bytes.len())
            .sum::<usize>()
    }
}

/// Codes as read: by number, where a frame has them.
pub(super) type ReadCodes = [Option<(ComponentId, Codes)>; COMPONENTS_MAX];

pub(super) fn read(reader: &mut Reader<'_>, shapes: &Shapes) -> Result<ReadCodes, DecodeError> {
    let used = reader.u8()?;
    let mut read = [None; COMPONENTS_MAX];
    for (_, own) in read.iter_mut().enumerate().filter(|(i, _)| used >> i & 1 == 1) {
        let component = ComponentId(u16::from_le_bytes([reader.u8()?, reader.u8()?]));
        let shape = shapes.shape(component)?;
        let mut bits = BitReader::new(reader.rest());
        let codes = Codes::read(&mut bits, shape);
        bits.check()?;
        *reader = wire::Reader::new(bits.unread(reader.rest()));
        *own = Some((component, codes));
    }
    Ok(read)
}
