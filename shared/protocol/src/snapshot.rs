//! Pages as they are opened: what a client sees all at once, by component and not by entity, in chunks.
//!
//! A client that joins is sent what it is to see so, and later whatever comes into its view. What one component says of
//! many entities is alike, so its rows lie together. State is coded as differences from what is usual in each lane
//! ([`crate::residual`]): of what is spread out there are as many bits as the spread has. What travels reliably (looks,
//! names) is mostly the same for many, and is compressed.

use std::{collections::BTreeMap, ops::Range};

use hd1_core::{NetId, Tick};
use hd1_schema::{ComponentId, Delivery, Row, limits::LANES_MAX};

use crate::{
    FrameKind,
    bits::{BitReader, BitWriter},
    limits,
    predict::Onward,
    residual::{self, Codes, RowAt, Rows, Section},
    shapes::{Motion, Shape, Shapes, read_row, write_row},
    wire::{self, DecodeError, Reader},
};

/// Entities of one chunk.
const ENTITIES_MAX: usize = 4096;
/// Lanes of one chunk.
const LANES_IN_CHUNK_MAX: usize = 64 * 1024;
/// Rows of which the middle one tells what is usual.
const SAMPLES: usize = 63;
/// Bits of how many bits the way from one id to the next mostly takes.
const JUMP_BITS: u32 = 5;
/// Bits that the way from one slot to the next mostly takes.
const SLOT_BITS: u32 = 0;
/// Bits of how many follow.
const RUN_BITS: u32 = 0;

/// A decoded chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotChunk {
    /// The tick it shows.
    pub tick: Tick,
    /// Where it stands among the others.
    pub place: ChunkPlace,
    /// The pages that it opens, or goes on with.
    pub pages: Vec<OpenPage>,
    /// Their entities, page by page, by ascending slot.
    pub spawns: Vec<Spawned>,
}

/// Where a chunk stands among those of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChunkPlace {
    /// Is it the last on a stream of its own? What follows comes with structure.
    pub ends_stream: bool,
    /// Does it complete what a client that joins is to see?
    pub completes_view: bool,
    /// Does it come with structure, in order, and not on a stream of its own?
    pub with_structure: bool,
}

impl ChunkPlace {
    const fn byte(self) -> u8 {
        self.ends_stream as u8 | (self.completes_view as u8) << 1 | (self.with_structure as u8) << 2
    }

    const fn of(byte: u8) -> Self {
        ChunkPlace { ends_stream: byte & 1 != 0, completes_view: byte & 2 != 0, with_structure: byte & 4 != 0 }
    }
}

/// A page that a client is to see from a tick on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenPage {
    /// Its number at this client.
    pub page: u16,
    /// Blocks of structure that it has had.
    pub version: u64,
    /// Entities of this chunk that stand in it.
    pub entities: u32,
}

/// An entity with all its replicated components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spawned {
    /// Its slot in its page.
    pub slot: u8,
    /// Its id.
    pub entity: NetId,
    /// By ascending id.
    pub components: Vec<(ComponentId, Row)>,
}

/// What [`encode`] takes: entities, page by page.
#[derive(Debug, Default)]
pub struct Shown<'a> {
    /// Entities up to the end of each page.
    ends: Vec<u32>,
    /// Slots ascend within a page.
    entities: Vec<(u8, NetId)>,
    columns: BTreeMap<ComponentId, Vec<ShownRow<'a>>>,
}

#[derive(Clone, Copy, Debug)]
struct ShownRow<'a> {
    /// Index into the entities.
    at: u32,
    lanes: &'a [i32],
    bytes: &'a [u8],
}

/// Chunk bodies, the same for everyone who is shown the same pages.
#[derive(Clone, Debug)]
pub struct ChunkBody {
    /// Its pages by their place among those shown, with how many of its entities stand in each.
    pub pages: Vec<(usize, u32)>,
    /// All but the head.
    pub bytes: Vec<u8>,
}

impl<'a> Shown<'a> {
    /// Begins a page, however empty.
    pub fn page(&mut self) {
        self.ends.push(self.entities.len() as u32);
    }

    /// Adds an entity to the page last begun; slots ascend.
    pub fn entity(&mut self, slot: u8, entity: NetId) {
        self.entities.push((slot, entity));
        if let Some(end) = self.ends.last_mut() {
            *end += 1;
        }
    }

    /// Adds a component of the entity last added.
    #[inline]
    pub fn component(&mut self, component: ComponentId, lanes: &'a [i32], bytes: &'a [u8]) {
        let at = (self.entities.len() as u32).saturating_sub(1);
        self.columns.entry(component).or_default().push(ShownRow { at, lanes, bytes });
    }

    /// Adds all of a list.
    pub fn spawned(&mut self, spawned: &'a Spawned) {
        self.entity(spawned.slot, spawned.entity);
        spawned.components.iter().for_each(|(component, row)| self.component(*component, &row.lanes, &row.bytes));
    }

    /// Where chunks end: by entities, lanes and bytes.
    fn chunk_ends(&self) -> Vec<usize> {
        let mut sizes = vec![(0u32, 0u32); self.entities.len()];
        for row in self.columns.values().flatten() {
            if let Some((lanes, bytes)) = sizes.get_mut(row.at as usize) {
                *lanes += row.lanes.len() as u32;
                // Each lane at most 5 bytes, and the row's entity.
                *bytes += (5 * row.lanes.len() + row.bytes.len() + 8) as u32;
            }
        }
        let (mut ends, mut start, mut lanes, mut bytes) = (Vec::new(), 0, 0, 0);
        for (at, (more_lanes, more_bytes)) in sizes.into_iter().enumerate() {
            let full = at - start == ENTITIES_MAX
                || lanes + more_lanes as usize > LANES_IN_CHUNK_MAX
                || bytes + more_bytes as usize > limits::SNAPSHOT_CHUNK_BYTES_MAX;
            if full {
                ends.push(at);
                (start, lanes, bytes) = (at, 0, 0);
            }
            (lanes, bytes) = (lanes + more_lanes as usize, bytes + more_bytes as usize);
        }
        ends.push(self.entities.len());
        ends
    }

    /// The pages that have entities in a range, with how many; the last range has the empty ones too.
    fn pages_in(&self, range: &Range<usize>) -> Vec<(usize, u32)> {
        let mut pages = Vec::new();
        let mut start = 0;
        for (page, end) in self.ends.iter().map(|end| *end as usize).enumerate() {
            let count = end.min(range.end).saturating_sub(start.max(range.start));
            if count > 0 || (start == end && range.end == self.entities.len()) {
                pages.push((page, count as u32));
            }
            start = end;
        }
        pages
    }
}

/// Encodes what is shown; at least one chunk, however little.
///
/// # Errors
/// `UnknownComponent`.
pub fn encode(shapes: &Shapes, shown: &Shown<'_>) -> Result<Vec<ChunkBody>, DecodeError> {
    let mut start = 0;
    let body = |end: usize| {
        let range = start..end;
        start = end;
        Ok(ChunkBody { pages: shown.pages_in(&range), bytes: write_chunk(shapes, shown, range)? })
    };
    shown.chunk_ends().into_iter().map(body).collect()
}

/// A body as one client's frame.
#[must_use]
pub fn frame(tick: Tick, place: ChunkPlace, pages: &[OpenPage], body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + 8 * pages.len() + body.len());
    out.push(FrameKind::SnapshotChunk as u8);
    wire::varint(&mut out, tick.0);
    out.push(place.byte());
    wire::varint(&mut out, pages.len() as u64);
    for open in pages {
        wire::varint(&mut out, open.page.into());
        wire::varint(&mut out, open.version);
        wire::varint(&mut out, open.entities.into());
    }
    out.extend_from_slice(body);
    out
}

fn write_chunk(shapes: &Shapes, shown: &Shown<'_>, range: Range<usize>) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::new();
    let mut bits = BitWriter::default();
    write_entities(&mut bits, &shown.entities[range.clone()]);
    let mut section = Section::default();
    let mut reliable = Vec::new();
    for (component, rows) in &shown.columns {
        let place = |at: usize| rows.partition_point(|row| (row.at as usize) < at);
        let rows = &rows[place(range.start)..place(range.end)];
        if rows.is_empty() {
            continue;
        }
        let shape = shapes.shape(*component)?;
        if shape.delivery == Delivery::State {
            bits.put(1, 1);
            bits.put(u32::from(component.0), 16);
            write_state(&mut bits, shape, rows, range.start, &mut section);
        } else {
            wire::varint(&mut reliable, u64::from(component.0));
            wire::varint(&mut reliable, rows.len() as u64);
            let mut next = range.start;
            for row in rows {
                wire::varint(&mut reliable, (row.at as usize - next) as u64);
                write_row(&mut reliable, row.lanes, row.bytes, shape);
                next = row.at as usize + 1;
            }
        }
    }
    bits.put(0, 1);
    let bits = bits.take();
    wire::varint(&mut out, bits.len() as u64);
    out.extend_from_slice(&bits);
    wire::varint(&mut out, reliable.len() as u64);
    out.extend_from_slice(&lz4_flex::block::compress(&reliable));
    Ok(out)
}

/// Runs of slots and ids that both go up by one.
fn write_entities(bits: &mut BitWriter, mut entities: &[(u8, NetId)]) {
    let far = usual_jump(entities);
    bits.put(far, JUMP_BITS);
    let (mut slot, mut id) = (0u8, 0u32);
    while let Some((first_slot, first_id)) = entities.first() {
        let follows = |(i, (slot, id)): &(usize, &(u8, NetId))| {
            usize::from(*slot) == usize::from(*first_slot) + i && id.0 == first_id.0.wrapping_add(*i as u32)
        };
        let length = entities.iter().enumerate().take_while(follows).count();
        bits.put_number(u32::from(first_slot.wrapping_sub(slot)), SLOT_BITS);
        bits.put_number(wire::unsigned(first_id.0.wrapping_sub(id) as i32), far);
        bits.put_number(length as u32 - 1, RUN_BITS);
        slot = first_slot.wrapping_add(length as u8);
        id = first_id.0.wrapping_add(length as u32);
        entities = &entities[length..];
    }
}

/// How many bits the way from one id to the next mostly takes.
fn usual_jump(entities: &[(u8, NetId)]) -> u32 {
    let jumps = entities.windows(2).map(|pair| pair[1].1.0.wrapping_sub(pair[0].1.0).wrapping_sub(1) as i32);
    let (count, sum) = jumps
        .filter(|jump| *jump != 0)
        .fold((0u64, 0u64), |(count, sum), jump| (count + 1, sum + u64::from(wire::unsigned(jump))));
    sum.checked_div(count).map_or(0, |mean| mean.max(1).ilog2().min(24))
}

fn write_state(bits: &mut BitWriter, shape: &Shape, rows: &[ShownRow<'_>], first: usize, section: &mut Section) {
    let usual = usual(shape, rows);
    let usual = &usual[..shape.lanes];
    for lane in usual {
        bits.put(*lane as u32, 32);
    }
    let mut now = Vec::with_capacity(rows.len() * shape.lanes);
    rows.iter().for_each(|row| now.extend_from_slice(row.lanes));
    let row = |(i, row): (usize, &ShownRow<'_>)| RowAt {
        number: row.at - first as u32,
        now: (i * shape.lanes) as u32,
        base: 0,
        before: 0,
    };
    let list: Vec<RowAt> = rows.iter().enumerate().map(row).collect();
    section.clear();
    section.push(shape, &Rows { list: &list, now: &now, known: usual, onward: Onward::NONE });
    let codes = section.codes(shape);
    codes.write(bits, shape);
    section.write(shape, &codes, bits, usize::MAX, 0);
}

/// The middle value of each lane among some rows; of a rotation's index there is none.
fn usual(shape: &Shape, rows: &[ShownRow<'_>]) -> [i32; LANES_MAX] {
    let mut usual = [0; LANES_MAX];
    let step = rows.len().div_ceil(SAMPLES).max(1);
    let mut sample = Vec::with_capacity(SAMPLES);
    for (i, usual) in usual.iter_mut().enumerate().take(shape.lanes) {
        sample.clear();
        sample.extend(rows.iter().step_by(step).filter_map(|row| row.lanes.get(i).copied()));
        sample.sort_unstable();
        *usual = sample.get(sample.len() / 2).copied().unwrap_or(0);
    }
    for group in shape.groups().iter().filter(|group| group.motion == Motion::Turn) {
        usual[usize::from(group.at) - 1] = 0;
    }
    usual
}

/// Which tick a chunk shows and where it stands, without decoding it.
///
/// # Errors
/// Where the head is malformed.
pub fn place(frame: &[u8]) -> Result<(Tick, ChunkPlace), DecodeError> {
    let mut reader = Reader::frame(frame, FrameKind::SnapshotChunk)?;
    let tick = Tick(reader.varint()?);
    Ok((tick, ChunkPlace::of(reader.u8()?)))
}

/// Decodes one chunk.
///
/// # Errors
/// Any [`DecodeError`].
pub fn decode(shapes: &Shapes, frame: &[u8]) -> Result<SnapshotChunk, DecodeError> {
    let mut reader = Reader::frame(frame, FrameKind::SnapshotChunk)?;
    let tick = Tick(reader.varint()?);
    let place = ChunkPlace::of(reader.u8()?);
    let (mut pages, mut count) = (Vec::new(), 0usize);
    for _ in 0..reader.varint()? {
        let page = u16::try_from(reader.varint()?).map_err(|_| DecodeError::Limit("page number"))?;
        let open = OpenPage { page, version: reader.varint()?, entities: reader.varint_u32()? };
        count += open.entities as usize;
        if count > ENTITIES_MAX || open.entities as usize > limits::PAGE_SLOTS {
            return Err(DecodeError::Limit("entities of a snapshot chunk"));
        }
        pages.push(open);
    }
    let length = reader.varint()? as usize;
    let mut bits = BitReader::new(reader.bytes(length)?);
    let mut spawns = read_entities(&mut bits, count)?;
    read_state(&mut bits, shapes, &mut spawns)?;
    read_reliable(&mut reader, shapes, &mut spawns)?;
    for spawned in &mut spawns {
        spawned.components.sort_unstable_by_key(|(component, _)| *component);
        if spawned.components.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(DecodeError::Inconsistent("a component twice"));
        }
    }
    Ok(SnapshotChunk { tick, place, pages, spawns })
}

fn read_entities(bits: &mut BitReader<'_>, count: usize) -> Result<Vec<Spawned>, DecodeError> {
    let far = bits.take(JUMP_BITS).min(24);
    let mut spawns: Vec<Spawned> = Vec::with_capacity(count);
    let (mut slot, mut id) = (0u8, 0u32);
    while spawns.len() < count {
        slot = slot.wrapping_add(bits.take_number(SLOT_BITS) as u8);
        id = id.wrapping_add(wire::signed(bits.take_number(far)) as u32);
        let length = bits.take_number(RUN_BITS).saturating_add(1) as usize;
        if length > count - spawns.len() {
            return Err(DecodeError::Limit("entities of a snapshot chunk"));
        }
        for _ in 0..length {
            spawns.push(Spawned { slot, entity: NetId(id), components: Vec::new() });
            (slot, id) = (slot.wrapping_add(1), id.wrapping_add(1));
        }
    }
    bits.check()?;
    Ok(spawns)
}

fn read_state(bits: &mut BitReader<'_>, shapes: &Shapes, spawns: &mut [Spawned]) -> Result<(), DecodeError> {
    let mut lanes = 0;
    while bits.take(1) == 1 {
        let component = ComponentId(bits.take(16) as u16);
        bits.check()?;
        let shape = shapes.shape(component)?;
        let mut usual = [0; LANES_MAX];
        usual[..shape.lanes].fill_with(|| bits.take(32) as i32);
        let rows_max = spawns.len();
        let codes = Codes::read(bits, shape);
        residual::read(bits, shape, &codes, rows_max, |number, differences| {
            lanes += shape.lanes;
            if lanes > LANES_IN_CHUNK_MAX {
                return Err(DecodeError::Limit("lanes of a snapshot chunk"));
            }
            let components = &mut spawned(spawns, number as usize)?.components;
            let mut row = Row { lanes: usual[..shape.lanes].into(), bytes: Vec::new() };
            differences.add_to(shape, &mut row.lanes);
            components.push((component, row));
            Ok(())
        })?;
    }
    bits.check()
}

fn read_reliable(reader: &mut Reader<'_>, shapes: &Shapes, spawns: &mut [Spawned]) -> Result<(), DecodeError> {
    let length = reader.varint()? as usize;
    if length > limits::SNAPSHOT_CHUNK_BYTES_MAX {
        return Err(DecodeError::Limit("snapshot chunk bytes"));
    }
    let mut raw = vec![0; length];
    let length = lz4_flex::block::decompress_into(reader.rest(), &mut raw).map_err(|_| DecodeError::Compression)?;
    let mut reader = Reader::new(&raw[..length]);
    while !reader.is_empty() {
        let (component, shape) = shapes.read_component_id(&mut reader)?;
        let mut next = 0usize;
        for _ in 0..reader.varint()? {
            let at = next.saturating_add(reader.varint()? as usize);
            let row = read_row(&mut reader, shape)?;
            spawned(spawns, at)?.components.push((component, row));
            next = at + 1;
        }
    }
    Ok(())
}

fn spawned(spawns: &mut [Spawned], at: usize) -> Result<&mut Spawned, DecodeError> {
    spawns.get_mut(at).ok_or(DecodeError::Limit("entities of a snapshot chunk"))
}
