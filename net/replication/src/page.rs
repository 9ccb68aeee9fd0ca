//! A page: up to 256 entities of one place, each in a slot, with what happened to them lately.
//!
//! It is the unit of everything that is shared: what is encoded of it once serves all who see it.

use hd1_core::{NetId, Tick};
use hd1_protocol::{
    Acks,
    limits::PAGE_SLOTS,
    shapes::Shapes,
    structure::{self, StructureOp},
    wire::DecodeError,
};
use hd1_schema::{ComponentId, Row};
use smallvec::SmallVec;

use crate::{logged::Logged, place::PageKey};

/// See the module's words.
#[derive(Debug)]
pub struct Page {
    key: PageKey,
    /// By slot; nobody where it is free.
    entities: Vec<NetId>,
    free: Vec<u8>,
    /// Slots that became free this tick: used again from the next on, so that no order of things matters within one.
    freed: Vec<u8>,
    columns: SmallVec<[Logged; 4]>,
    /// Blocks of structure so far.
    version: u64,
    structure_tick: Tick,
    /// The recent ticks in which state changed.
    moved: Acks,
    /// Presences and reliable components.
    structure_sum: u64,
    /// When its check sum was last told.
    hashed: Option<Tick>,
    /// This tick's check sum, where it is due.
    hash: Option<u64>,
    /// This tick's structure, as it happened.
    ops: Vec<StructureOp>,
    block: Block,
}

/// One tick's structure as bytes.
#[derive(Debug, Default)]
pub struct Block {
    /// For whoever sees the page.
    pub ops: Vec<u8>,
    /// How many.
    pub count: usize,
    /// Who came from other pages: as an arrival for those who see that page, else whole.
    pub arrivals: Vec<Arrival>,
}

/// An entity that came from another page.
#[derive(Debug)]
pub struct Arrival {
    /// The other page.
    pub from: u32,
    /// For those who see it.
    pub short: Vec<u8>,
    /// For the others.
    pub whole: Vec<u8>,
}

impl Page {
    /// An empty one.
    #[must_use]
    pub fn new(key: PageKey, tick: Tick) -> Self {
        Page {
            key,
            entities: Vec::new(),
            free: Vec::new(),
            freed: Vec::new(),
            columns: SmallVec::new(),
            version: 0,
            structure_tick: tick,
            moved: Acks::default(),
            structure_sum: 0,
            hashed: None,
            hash: None,
            ops: Vec::new(),
            block: Block::default(),
        }
    }

    /// Where it is and for whom.
    #[must_use]
    pub fn key(&self) -> PageKey {
        self.key
    }

    /// Is a slot free?
    #[must_use]
    pub fn has_room(&self) -> bool {
        !self.free.is_empty() || self.entities.len() < PAGE_SLOTS
    }

    /// Does nobody stand in it?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many stand in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entities.len() - self.free.len() - self.freed.len()
    }

    /// Blocks of structure so far.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When its structure last changed.
    #[must_use]
    pub fn structure_tick(&self) -> Tick {
        self.structure_tick
    }

    /// The recent ticks in which its state changed.
    #[inline]
    #[must_use]
    pub fn moved(&self) -> Acks {
        self.moved
    }

    /// This tick's structure.
    #[must_use]
    pub fn block(&self) -> &Block {
        &self.block
    }

    /// This tick's check sum, where it is due.
    #[inline]
    #[must_use]
    pub fn hash(&self) -> Option<u64> {
        self.hash
    }

    /// By slot, with everyone's slot.
    pub fn slots(&self) -> impl Iterator<Item = (u8, NetId)> {
        let slots = self.entities.iter().enumerate().map(|(slot, entity)| (slot as u8, *entity));
        slots.filter(|(_, entity)| *entity != NetId::NONE)
    }

    /// State by component, in the order in which components came.
    #[must_use]
    pub fn columns(&self) -> &[Logged] {
        &self.columns
    }

    #[inline]
    fn column(&self, component: ComponentId) -> Option<&Logged> {
        self.columns.iter().find(|column| column.component() == component)
    }

    #[inline]
    fn column_mut(&mut self, component: ComponentId) -> Option<&mut Logged> {
        self.columns.iter_mut().find(|column| column.component() == component)
    }

    /// A state component of a slot's entity, where it has it.
    #[inline]
    #[must_use]
    pub fn value(&self, slot: u8, component: ComponentId) -> Option<&[i32]> {
        self.column(component).filter(|column| column.has(slot)).map(|column| column.value(slot))
    }

    /// Takes an entity in; its slot. There must be room.
    pub fn enter(&mut self, entity: NetId, presence: u64) -> u8 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entities.push(NetId::NONE);
            (self.entities.len() - 1) as u8
        });
        self.entities[usize::from(slot)] = entity;
        self.add_to_sum(presence);
        slot
    }

    /// Lets an entity go, of which `sum` is the part of the check sum that is not state.
    pub fn leave(&mut self, slot: u8, sum: u64) {
        for column in self.columns.iter_mut().filter(|column| column.has(slot)) {
            column.remove(slot);
        }
        self.entities[usize::from(slot)] = NetId::NONE;
        self.freed.push(slot);
        self.structure_sum = self.structure_sum.wrapping_sub(sum);
    }

    /// A part of the check sum that is not state came.
    pub fn add_to_sum(&mut self, part: u64) {
        self.structure_sum = self.structure_sum.wrapping_add(part);
    }

    /// A part of the check sum that is not state went.
    pub fn take_from_sum(&mut self, part: u64) {
        self.structure_sum = self.structure_sum.wrapping_sub(part);
    }

    /// Structure brings a state component.
    pub fn root(&mut self, slot: u8, component: ComponentId, tick: Tick, lanes: &[i32]) {
        let at = self.columns.iter().position(|column| column.component() == component).unwrap_or_else(|| {
            self.columns.push(Logged::new(component, lanes.len()));
            self.columns.len() - 1
        });
        self.columns[at].root(slot, tick, lanes);
    }

    /// A state component goes; `false` where there is none.
    pub fn remove(&mut self, slot: u8, component: ComponentId) -> bool {
        let column = self.column_mut(component).filter(|column| column.has(slot));
        column.map(|column| column.remove(slot)).is_some()
    }

    /// Takes in what entities' state is in a tick, by slot; was any of it new, as far as that is asked? `odd` is told at
    /// which row there is more to do.
    pub(crate) fn take_in<'a>(
        &mut self,
        component: ComponentId,
        when: Moment,
        rows: impl Iterator<Item = (u8, &'a [i32])>,
        mut odd: impl FnMut(usize, Odd),
    ) -> bool {
        let mut is_changed = false;
        let mut column = self.columns.iter_mut().find(|column| column.component() == component);
        for (at, (slot, lanes)) in rows.enumerate() {
            let taken = match column.as_mut().filter(|column| column.has(slot)) {
                None => Taken::Odd(Odd::Absent),
                // Most of all state are transforms, and copying a known number of lanes is no call.
                Some(column) => match <&[i32; TRANSFORM_LANES]>::try_from(lanes) {
                    Ok(lanes) => take_in(column, when, slot, lanes),
                    Err(_) => take_in(column, when, slot, lanes),
                },
            };
            match taken {
                Taken::Same => {}
                Taken::Unseen => odd(at, Odd::Changed),
                Taken::Changed => {
                    is_changed = true;
                    odd(at, Odd::Changed);
                }
                Taken::Odd(what) => odd(at, what),
            }
        }
        if is_changed {
            self.moved.insert(when.tick);
        }
        is_changed
    }

    /// Somebody looks again: what was not compared since its check sum was last told may be told.
    pub(crate) fn wake(&mut self) {
        self.hashed = None;
    }

    /// Notes a change of structure.
    pub fn note(&mut self, op: StructureOp) {
        self.ops.push(op);
    }

    /// Notes that a component was set.
    pub fn note_set(&mut self, slot: u8, component: ComponentId, row: &Row) {
        self.ops.push(StructureOp::Set { slot, component, row: row.clone() });
    }

    /// Notes that an entity came from another page, with how it is told.
    pub fn note_arrival(&mut self, arrival: Arrival) {
        self.block.arrivals.push(arrival);
    }

    /// Begins a tick: forgets what the last one brought.
    pub fn begin(&mut self) {
        self.ops.clear();
        self.block.ops.clear();
        self.block.count = 0;
        self.block.arrivals.clear();
        self.hash = None;
        self.free.append(&mut self.freed);
    }

    /// Ends a tick: its structure becomes bytes.
    ///
    /// # Errors
    /// `UnknownComponent`.
    pub fn end(&mut self, tick: Tick, shapes: &Shapes) -> Result<(), DecodeError> {
        if self.ops.is_empty() && self.block.arrivals.is_empty() {
            return Ok(());
        }
        self.version += 1;
        self.structure_tick = tick;
        self.block.count = self.ops.len();
        let Page { ops, block, .. } = self;
        ops.iter().try_for_each(|op| structure::write_op(&mut block.ops, shapes, op))
    }

    /// Has it changed since its check sum was last told?
    #[must_use]
    pub fn wants_hash(&self) -> bool {
        let changed = self.structure_tick.max(self.moved.newest());
        self.version > 0 && self.hashed.is_none_or(|hashed| hashed < changed)
    }

    /// Makes this tick's check sum.
    pub fn sum_up(&mut self, tick: Tick) {
        self.hashed = Some(tick);
        let Page { columns, entities, .. } = self;
        let state = columns.iter_mut().map(|column| column.sum_up(entities)).fold(0, u64::wrapping_add);
        self.hash = Some(state.wrapping_add(self.structure_sum));
    }

    /// The check sum of all that it shows.
    #[must_use]
    pub fn sum(&self) -> u64 {
        let state = self.columns.iter().map(|column| column.sum(&self.entities)).fold(0, u64::wrapping_add);
        state.wrapping_add(self.structure_sum)
    }

    /// Are the values at a tick still known?
    #[must_use]
    pub fn knows(&self, tick: Tick) -> bool {
        self.columns.iter().all(|column| column.knows(tick))
    }
}

/// Lanes of a transform.
pub(crate) const TRANSFORM_LANES: usize = 10;

enum Taken {
    Same,
    Changed,
    /// Not compared.
    Unseen,
    Odd(Odd),
}

#[inline(always)]
fn take_in(column: &mut Logged, when: Moment, slot: u8, lanes: &[i32]) -> Taken {
    let is_rooted = column.rooted(slot) == when.tick;
    if !when.is_watched && !is_rooted {
        column.put(slot, when.tick, lanes);
        return Taken::Unseen;
    }
    if column.value(slot) == lanes {
        return Taken::Same;
    }
    if is_rooted {
        // Structure brings this tick's value: let it bring the last one.
        return Taken::Odd(Odd::Rooted);
    }
    column.set(slot, when.tick, when.oldest, lanes);
    Taken::Changed
}

/// When state is taken in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub tick: Tick,
    /// No base is older.
    pub oldest: Tick,
    /// Does anybody see it? What nobody sees is neither compared nor remembered.
    pub is_watched: bool,
}

/// What there is to do about a row besides taking it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Odd {
    /// The entity has no such component, or stands here no more.
    Absent,
    /// Structure brings it in this tick, and must bring this value.
    Rooted,
    /// It changed: whoever wants to know may look at it.
    Changed,
}
