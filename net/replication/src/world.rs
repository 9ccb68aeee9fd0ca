//! The world as it is to be shown: entities in pages, by where they stand and who may see them.
//!
//! A tick is fed in change by change and then ended: only then is it known where newcomers stand and who has moved to
//! another place. It compares quantised values, so a component that was touched but did not change by a step is no
//! change.

mod facts;
mod moving;
mod places;

use std::collections::BTreeMap;

use hd1_core::{NetId, Tick};
use hd1_protocol::{
    hash,
    index::{Cursor, Index},
    shapes::Shapes,
    snapshot::Shown,
    structure::StructureOp,
    wire::DecodeError,
};
use hd1_schema::{ComponentId, ComponentSchema, Delivery, Row};
use smallvec::SmallVec;

use crate::{
    limits::{HASH_EVERY_TICKS, PARENTS_MAX},
    page::Set,
    place::{Grid, Interest},
};
use facts::Facts;
pub use places::Places;

/// See the module's words.
#[derive(Debug, Default)]
pub struct Tracked {
    shapes: Shapes,
    interest: Interest,
    grid: Option<Grid>,
    tick: Tick,
    /// No base is older.
    oldest: Tick,
    index: Index,
    entities: Vec<Entity>,
    free: Vec<u32>,
    /// Newcomers of this tick, which stand nowhere yet.
    fresh: Vec<u32>,
    /// Those that may belong elsewhere now.
    restless: Vec<u32>,
    children: BTreeMap<NetId, Vec<NetId>>,
    places: Places,
    /// Pages whose state changed this tick, and those whose structure may have.
    moved: Vec<u32>,
    noted: Vec<u32>,
    /// Pages whose check sum is told this tick.
    summed: Vec<u32>,
    /// Where the last change was: they come by ascending entity within a component.
    cursor: Cursor,
}

/// One entity.
#[derive(Debug)]
struct Entity {
    id: NetId,
    /// Where it stands, once it does.
    home: Option<(u32, u8)>,
    /// All components of a newcomer; reliable ones of all others. By ascending id.
    rows: SmallVec<[(ComponentId, Box<Row>); 4]>,
    facts: Facts,
}

impl Tracked {
    /// An empty world with these components.
    #[must_use]
    pub fn new(schemas: impl IntoIterator<Item = ComponentSchema>, interest: Interest) -> Self {
        let mut tracked = Tracked { interest, ..Tracked::default() };
        schemas.into_iter().for_each(|schema| tracked.register(schema));
        tracked
    }

    /// Learns a component registered at run time.
    pub fn register(&mut self, schema: ComponentSchema) {
        if let Some(step) = facts::position_step(&schema) {
            self.grid = self.interest.cell_m().map(|cell| Grid::new(cell, step));
        }
        self.shapes.register(schema);
    }

    /// The components it knows.
    #[must_use]
    pub fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    /// The newest tick.
    #[must_use]
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// The grid, where the view is bounded.
    #[must_use]
    pub fn grid(&self) -> Option<Grid> {
        self.grid
    }

    /// How much is shown.
    #[must_use]
    pub fn interest(&self) -> Interest {
        self.interest
    }

    /// The check sum of everything at the newest tick.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.places.pages().map(|(_, page)| page.sum()).fold(0, u64::wrapping_add)
    }

    /// How many entities there are.
    #[must_use]
    pub fn entity_count(&self) -> usize {
        self.index.len()
    }

    /// All pages and where they are.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// As [`Tracked::places`], to note what was made of them.
    pub(crate) fn shapes_and_places(&mut self) -> (&Shapes, &mut Places) {
        (&self.shapes, &mut self.places)
    }

    /// Pages whose state changed in this tick.
    #[must_use]
    pub fn moved(&self) -> &[u32] {
        &self.moved
    }

    /// Did any page's structure change in this tick?
    #[must_use]
    pub fn has_structure(&self) -> bool {
        !self.noted.is_empty()
    }

    /// Is there nothing of this tick to tell?
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.noted.is_empty() && self.moved.is_empty() && self.summed.is_empty() && self.places.gone().is_empty()
    }

    /// A component of an entity that stands somewhere: its lanes.
    #[must_use]
    pub fn lanes(&self, id: NetId, component: ComponentId) -> Option<&[i32]> {
        let entity = &self.entities[self.index.get(id)? as usize];
        let (page, slot) = entity.home?;
        let value = self.places.page(page).value(slot, component);
        value.or_else(|| entity.row(component).map(|row| row.lanes.as_slice()))
    }

    /// What an entity is attached to in the end: itself where it is to nothing.
    #[must_use]
    pub fn root_of(&self, id: NetId) -> NetId {
        let mut root = id;
        for _ in 0..PARENTS_MAX {
            let parent = self.index.get(root).map_or(NetId::NONE, |who| self.entities[who as usize].facts.parent);
            if self.index.get(parent).is_none() {
                break;
            }
            root = parent;
        }
        root
    }

    /// The page that an entity stands in.
    #[must_use]
    pub fn page_of(&self, id: NetId) -> Option<u32> {
        let entity = &self.entities[self.index.get(id)? as usize];
        entity.home.map(|(page, _)| page)
    }

    /// Starts a tick. No base from now on is older than `oldest`.
    pub fn begin(&mut self, tick: Tick, oldest: Tick) {
        self.tick = tick;
        self.oldest = oldest;
        for page in self.noted.drain(..).chain(self.moved.drain(..)).chain(self.summed.drain(..)) {
            self.places.page_mut(page).begin();
        }
        self.places.begin(tick);
    }

    /// An entity appeared. Its components follow by [`Tracked::set`]. One that is there is not spawned again.
    pub fn spawned(&mut self, id: NetId) {
        let entity = Entity { id, home: None, rows: SmallVec::new(), facts: Facts::default() };
        let slot = self.free.last().copied().unwrap_or(self.entities.len() as u32);
        if id == NetId::NONE || !self.index.insert(id, slot) {
            return;
        }
        match self.free.pop() {
            Some(slot) => self.entities[slot as usize] = entity,
            None => self.entities.push(entity),
        }
        self.fresh.push(slot);
    }

    /// An entity is gone; unknown ones are ignored.
    pub fn despawned(&mut self, id: NetId) {
        let Some(who) = self.index.remove(id) else { return };
        if self.entities[who as usize].home.is_none() {
            self.fresh.retain(|fresh| *fresh != who);
        }
        self.leave(who);
        self.forget_parent(who);
        let entity = &mut self.entities[who as usize];
        (entity.id, entity.rows, entity.facts) = (NetId::NONE, SmallVec::new(), Facts::default());
        self.free.push(who);
    }

    /// A component was added or touched; hidden ones and unknown entities are ignored.
    pub fn set(&mut self, id: NetId, component: ComponentId, row: &Row) {
        let Some(who) = self.index.seek(&mut self.cursor, id) else { return };
        let Ok(shape) = self.shapes.shape(component) else { return };
        if shape.delivery == Delivery::Hidden {
            return;
        }
        let is_state = shape.delivery == Delivery::State;
        let entity = &mut self.entities[who as usize];
        let Some((number, slot)) = entity.home else {
            entity.put_row(component, row);
            return self.learn(who, component, row);
        };
        let page = self.places.page_mut(number);
        if is_state {
            match page.set(slot, component, self.tick, self.oldest, &row.lanes) {
                Set::Same => return,
                set @ (Set::First | Set::Changed) => {
                    if set == Set::First {
                        self.moved.push(number);
                    }
                    if facts::is_fact(component) {
                        self.learn(who, component, row);
                    }
                    return;
                }
                Set::Absent | Set::Rooted => page.root(slot, component, self.tick, &row.lanes),
            }
        } else {
            if let Some(old) = entity.row(component) {
                if old == row {
                    return;
                }
                page.take_from_sum(hash::component(id, component, &old.lanes, &old.bytes));
            }
            page.add_to_sum(hash::component(id, component, &row.lanes, &row.bytes));
            entity.put_row(component, row);
        }
        page.note_set(slot, component, row);
        self.noted.push(number);
        self.learn(who, component, row);
    }

    /// A component is gone; what was not there is ignored.
    pub fn removed(&mut self, id: NetId, component: ComponentId) {
        let Some(who) = self.index.get(id) else { return };
        let entity = &mut self.entities[who as usize];
        let old = entity.take_row(component);
        if let Some((number, slot)) = entity.home {
            let page = self.places.page_mut(number);
            match &old {
                Some(old) => page.take_from_sum(hash::component(id, component, &old.lanes, &old.bytes)),
                None if page.remove(slot, component) => {}
                None => return,
            }
            page.note(StructureOp::Remove { slot, component });
            self.noted.push(number);
        }
        self.unlearn(who, component);
    }

    /// Ends a tick: newcomers and those who moved find their places, and what happened becomes bytes.
    ///
    /// # Errors
    /// `UnknownComponent`.
    pub fn end(&mut self) -> Result<(), DecodeError> {
        self.settle();
        self.noted.sort_unstable();
        self.noted.dedup();
        for page in &self.noted {
            self.places.page_mut(*page).end(self.tick, &self.shapes)?;
        }
        self.sum_up();
        Ok(())
    }

    /// Makes the check sums that are due, each page's at a turn of its own.
    fn sum_up(&mut self) {
        let turn = HASH_EVERY_TICKS as usize;
        let first = (self.tick.0 % HASH_EVERY_TICKS) as usize;
        for (number, page) in self.places.every(first, turn) {
            if page.wants_hash() {
                page.sum_up(self.tick);
                self.summed.push(number);
            }
        }
    }

    /// Adds a page to what is to be shown.
    pub fn show<'a>(&'a self, page: u32, shown: &mut Shown<'a>) {
        shown.page();
        let page = self.places.page(page);
        for (slot, id) in page.slots() {
            shown.entity(slot, id);
            for column in page.columns().iter().filter(|column| column.has(slot)) {
                shown.component(column.component(), column.value(slot), &[]);
            }
            let entity = self.index.get(id).map(|who| &self.entities[who as usize]);
            for (component, row) in entity.iter().flat_map(|entity| &entity.rows) {
                shown.component(*component, &row.lanes, &row.bytes);
            }
        }
    }
}

impl Entity {
    fn row(&self, component: ComponentId) -> Option<&Row> {
        let at = self.rows.binary_search_by_key(&component, |(id, _)| *id).ok()?;
        Some(&self.rows[at].1)
    }

    fn put_row(&mut self, component: ComponentId, row: &Row) {
        match self.rows.binary_search_by_key(&component, |(id, _)| *id) {
            Ok(at) => self.rows[at].1.as_mut().clone_from(row),
            Err(at) => self.rows.insert(at, (component, Box::new(row.clone()))),
        }
    }

    fn take_row(&mut self, component: ComponentId) -> Option<Row> {
        let at = self.rows.binary_search_by_key(&component, |(id, _)| *id).ok()?;
        Some(*self.rows.remove(at).1)
    }

    /// The part of the check sum that is not state.
    fn sum(&self) -> u64 {
        let part =
            |(component, row): &(ComponentId, Box<Row>)| hash::component(self.id, *component, &row.lanes, &row.bytes);
        self.rows.iter().map(part).fold(hash::presence(self.id), u64::wrapping_add)
    }
}
