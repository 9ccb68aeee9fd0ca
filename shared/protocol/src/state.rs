//! State: what changed in the pages that a client has open.
//!
//! A frame is one datagram. It begins with what is the client's own ([`StateHeader`]), then says how rows are coded
//! this tick ([`TickCodes`]), then come entries, a page each: a few bytes of the client's own, and a blob that is the
//! same for everyone who has the page on the same base. A blob is a section for each component: rows of differences
//! from what both ends expect ([`crate::predict`]), in as few bits as they take ([`crate::residual`]).
//!
//! What a blob says is what changed since the page was last sent, coded against values that the client has said it has.
//! So nothing is sent twice unless it was lost, and then by a blob that says what changed since the client's own base.

mod blob;
mod codes;
mod entries;

use hd1_core::Tick;

pub use blob::{BlobHead, BlobWriter, Pieces};
pub use codes::TickCodes;
pub use entries::{Blob, Entries, Entry, StateRow, entries};

pub use crate::residual::{RowAt, Rows};

use crate::{
    FrameKind, limits,
    predict::Onward,
    wire::{self, DecodeError, Reader},
};

/// What stands at the head of every frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateHeader {
    /// The newest input of this client that the world has applied; 0 before the first.
    pub input_ack: u32,
    /// The tick shown.
    pub tick: Tick,
    /// Ticks just before this one in which there was nothing to send.
    pub quiet: u32,
    /// What blobs are coded against that do not say another.
    pub base: Base,
    /// This frame's number, from 0.
    pub index: u32,
    /// Frames of this tick.
    pub count: u32,
}

/// What state is coded against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Base {
    /// The tick whose values the client has.
    pub tick: Tick,
    /// An earlier tick whose values it has too, to tell how they went on; `tick` itself where there is none.
    pub before: Tick,
}

impl Base {
    /// One tick alone: nothing is expected to go on.
    #[must_use]
    pub const fn alone(tick: Tick) -> Self {
        Base { tick, before: tick }
    }

    /// How far things are to go on from it to `tick`.
    #[inline]
    #[must_use]
    pub fn onward_to(self, tick: Tick) -> Onward {
        Onward::new(tick.since(self.tick), self.tick.since(self.before))
    }

    /// Appends it as ticks back from `tick`.
    pub(crate) fn encode(self, out: &mut Vec<u8>, tick: Tick) {
        wire::varint(out, tick.since(self.tick));
        wire::varint(out, self.tick.since(self.before));
    }

    pub(crate) fn decode(reader: &mut Reader<'_>, tick: Tick) -> Result<Self, DecodeError> {
        let tick = earlier(tick, reader.varint()?)?;
        Ok(Base { tick, before: earlier(tick, reader.varint()?)? })
    }
}

/// So many ticks before `tick`.
pub(crate) fn earlier(tick: Tick, ticks: u64) -> Result<Tick, DecodeError> {
    tick.0.checked_sub(ticks).map(Tick).ok_or(DecodeError::Inconsistent("base before tick 0"))
}

impl StateHeader {
    /// Bytes that it takes at most: kind, input acknowledgement, tick, quiet, base, the tick before, index, count.
    pub const BYTES_MAX: usize = 1 + 5 + 10 + 5 + 10 + 10 + 2 + 2;

    /// Appends it with the kind byte.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(FrameKind::State as u8);
        wire::varint(out, self.input_ack.into());
        wire::varint(out, self.tick.0);
        wire::varint(out, self.quiet.into());
        self.base.encode(out, self.tick);
        wire::varint(out, self.index.into());
        wire::varint(out, self.count.into());
    }
}

/// Reads a frame's header; the reader then stands at the codes.
///
/// # Errors
/// Any [`DecodeError`].
pub fn read_header(bytes: &[u8]) -> Result<(StateHeader, Reader<'_>), DecodeError> {
    let mut reader = Reader::frame(bytes, FrameKind::State)?;
    let input_ack = reader.varint_u32()?;
    let tick = Tick(reader.varint()?);
    let quiet = reader.varint_u32()?;
    let base = Base::decode(&mut reader, tick)?;
    let (index, count) = (reader.varint_u32()?, reader.varint_u32()?);
    if count as usize > limits::STATE_FRAGMENTS_MAX {
        return Err(DecodeError::Limit("fragment count"));
    }
    if index >= count {
        return Err(DecodeError::Inconsistent("fragment index beyond its count"));
    }
    Ok((StateHeader { input_ack, tick, quiet, base, index, count }, reader))
}
