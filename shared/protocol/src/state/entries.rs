//! Reading a frame's entries, page by page.

use hd1_core::Tick;
use hd1_schema::ComponentId;

use super::{
    Base, BlobHead, StateHeader,
    codes::{self, ReadCodes},
    earlier,
};
use crate::{
    bits::BitReader,
    limits::PAGE_SLOTS,
    predict::{self, Onward},
    residual::{self, Codes, Differences},
    shapes::{Shape, Shapes},
    wire::{self, DecodeError, Reader},
};

/// The entry has a base of its own.
const OWN_BASE: u8 = 1;
/// The entry says when its page was opened.
const OPENED: u8 = 2;
const FLAG_BITS: u32 = 2;
/// The way from one page's number to the next that takes no more than the first byte.
const FAR: u64 = 63;

/// What an entry says before its blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The page's number at this client.
    pub page: u16,
    /// What the blob is coded against.
    pub base: Base,
    /// When the page was opened, where the client has not yet said that it has state of it.
    pub opened: Option<Tick>,
}

impl Entry {
    /// Appends it behind the entry of page `last`, or as a frame's first; the blob follows.
    #[inline]
    pub fn encode(&self, header: &StateHeader, last: Option<u16>, out: &mut Vec<u8>) {
        let ahead = u64::from(self.page) - last.map_or(0, |last| u64::from(last) + 1);
        let own_base = self.base != header.base;
        let flags = if own_base { OWN_BASE } else { 0 } | if self.opened.is_some() { OPENED } else { 0 };
        out.push(flags | (ahead.min(FAR) as u8) << FLAG_BITS);
        if ahead >= FAR {
            wire::varint(out, ahead - FAR);
        }
        if own_base {
            self.base.encode(out, header.tick);
        }
        if let Some(opened) = self.opened {
            wire::varint(out, header.tick.since(opened));
        }
    }

    fn decode(reader: &mut Reader<'_>, header: &StateHeader, last: Option<u16>) -> Result<Self, DecodeError> {
        let first = reader.u8()?;
        let mut ahead = u64::from(first >> FLAG_BITS);
        if ahead == FAR {
            ahead += reader.varint()?.min(u64::from(u16::MAX) * 2);
        }
        let page = ahead + last.map_or(0, |last| u64::from(last) + 1);
        let page = u16::try_from(page).map_err(|_| DecodeError::Limit("page number"))?;
        let base = if first & OWN_BASE != 0 { Base::decode(reader, header.tick)? } else { header.base };
        let opened = if first & OPENED != 0 { Some(earlier(header.tick, reader.varint()?)?) } else { None };
        Ok(Entry { page, base, opened })
    }
}

/// A frame's entries, one after the other.
#[derive(Debug)]
pub struct Entries<'a> {
    header: StateHeader,
    shapes: &'a Shapes,
    codes: ReadCodes,
    rest: &'a [u8],
    last: Option<u16>,
}

/// A row as read.
#[derive(Clone, Copy, Debug)]
pub struct StateRow<'a> {
    /// Whose: where it stands in the page.
    pub slot: u8,
    /// Which component.
    pub component: ComponentId,
    shape: &'a Shape,
    onward: Onward,
    differences: Differences<'a>,
}

impl StateRow<'_> {
    /// Makes the new value of the one at the base, and of the one at the tick before it where that is known. A row
    /// against zeros has no base.
    #[inline]
    pub fn value(&self, base: Option<&[i32]>, before: Option<&[i32]>, out: &mut [i32]) {
        match base {
            Some(base) => predict::expect(self.shape, base, before.unwrap_or(base), self.onward, out),
            None => out.fill(0),
        }
        self.differences.add_to(self.shape, out);
    }
}

/// Reads the codes of a frame whose header was read.
///
/// # Errors
/// Any [`DecodeError`].
pub fn entries<'a>(
    header: &StateHeader,
    mut reader: Reader<'a>,
    shapes: &'a Shapes,
) -> Result<Entries<'a>, DecodeError> {
    let codes = codes::read(&mut reader, shapes)?;
    Ok(Entries { header: *header, shapes, codes, rest: reader.rest(), last: None })
}

impl<'a> Entries<'a> {
    /// The next entry and what its blob begins with; its rows must be read before the one after it.
    ///
    /// # Errors
    /// Any [`DecodeError`].
    pub fn next_entry(&mut self) -> Result<Option<(Entry, BlobHead, Blob<'_, 'a>)>, DecodeError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut reader = Reader::new(self.rest);
        let entry = Entry::decode(&mut reader, &self.header, self.last)?;
        self.last = Some(entry.page);
        let mut bits = BitReader::new(reader.rest());
        let head = BlobHead::decode(&mut bits);
        bits.check()?;
        self.rest = reader.rest();
        let onward = entry.base.onward_to(self.header.tick);
        Ok(Some((entry, head, Blob { entries: self, bits, onward })))
    }
}

/// The rows of one entry.
#[derive(Debug)]
pub struct Blob<'e, 'a> {
    entries: &'e mut Entries<'a>,
    bits: BitReader<'a>,
    onward: Onward,
}

impl Blob<'_, '_> {
    /// Reads all rows, calling `each`.
    ///
    /// # Errors
    /// Any [`DecodeError`], or what `each` returns.
    pub fn rows(mut self, mut each: impl FnMut(&StateRow<'_>) -> Result<(), DecodeError>) -> Result<(), DecodeError> {
        let Blob { entries, bits, onward } = &mut self;
        while bits.take(1) == 1 {
            let own;
            let (component, shape, codes) = match bits.take_number(1) {
                0 => {
                    let component = ComponentId(bits.take(16) as u16);
                    bits.check()?;
                    let shape = entries.shapes.shape(component)?;
                    own = Codes::read(bits, shape);
                    (component, shape, &own)
                }
                number => {
                    let codes = entries.codes.get(number as usize - 1).and_then(Option::as_ref);
                    let (component, codes) = codes.ok_or(DecodeError::Inconsistent("codes that the frame lacks"))?;
                    (*component, entries.shapes.shape(*component)?, codes)
                }
            };
            residual::read(bits, shape, codes, PAGE_SLOTS, |slot, differences| {
                let slot = u8::try_from(slot).map_err(|_| DecodeError::Limit("slot"))?;
                each(&StateRow { slot, component, shape, onward: *onward, differences })
            })?;
        }
        bits.check()?;
        entries.rest = bits.unread(entries.rest);
        Ok(())
    }
}
