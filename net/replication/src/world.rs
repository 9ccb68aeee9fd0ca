//! The world as it is to be shown: entities in pages, by where they stand and who may see them.
//!
//! A tick is fed in change by change and then ended: only then is it known where newcomers stand and who has moved to
//! another place. It compares quantised values, so a component that was touched but did not change by a step is no
//! change.

mod facts;
mod moving;
mod places;
mod staged;

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
use hd1_world::{
    components::{CameraView, Channels, Transform},
    described::Described,
};
use smallvec::SmallVec;

use crate::{
    limits::{HASH_EVERY_TICKS, PARENTS_MAX},
    page::Odd,
    place::{Grid, Interest},
};
use facts::Facts;
pub use places::{News, Places};
use staged::Staged;

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
    /// By entity: beside them and not in them, since state is told of many and asks for nothing else.
    homes: Vec<Home>,
    free: Vec<u32>,
    /// Newcomers of this tick, which stand nowhere yet.
    fresh: Vec<u32>,
    /// Those that may belong elsewhere now.
    restless: Vec<u32>,
    children: BTreeMap<NetId, Vec<NetId>>,
    places: Places,
    /// State told in this tick and not taken in yet.
    staged: Staged,
    /// Room to work in.
    strays: Vec<(u32, Odd)>,
    /// Was anything of a page told that nobody has open?
    moves_unseen: bool,
    /// Pages whose state changed this tick, and those whose structure may have.
    moved: Vec<u32>,
    noted: Vec<u32>,
    /// Pages whose check sum is told this tick.
    summed: Vec<u32>,
    /// Where the last change was: they come by ascending entity within a component.
    cursor: Cursor,
}

/// Where an avatar looks from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Viewpoint {
    /// Channels that it has, as bits.
    pub channels: u32,
    /// Over the ground, in steps of a transform's position: its camera, else its body; `None` where it has neither, or
    /// everything is shown.
    pub at: Option<(i32, i32)>,
}

/// Steps of a transform's position in one of a camera's.
const CAMERA_STEPS: i32 = 10;

/// Where an entity stands, once it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Home {
    page: u32,
    slot: u8,
}

impl Home {
    /// Nowhere yet.
    const NONE: Home = Home { page: u32::MAX, slot: 0 };

    #[inline]
    fn found(self) -> Option<(u32, u8)> {
        (self != Home::NONE).then_some((self.page, self.slot))
    }
}

/// One entity.
#[derive(Debug)]
struct Entity {
    id: NetId,
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

    /// As [`Tracked::places`], for those who open and close pages.
    pub(crate) fn places_mut(&mut self) -> &mut Places {
        &mut self.places
    }

    /// Are a page's values at a tick still known?
    #[inline]
    #[must_use]
    pub(crate) fn knows(&self, page: u32, tick: Tick) -> bool {
        // What is older than this may be known all the same, where little has changed since.
        tick >= self.oldest || self.places.page(page).knows(tick)
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
        let lists = [&self.noted, &self.moved, &self.summed];
        // Somebody may look out of what nobody sees: an avatar that is hidden from its own player.
        !self.moves_unseen && lists.iter().all(|list| list.is_empty()) && self.places.gone().is_empty()
    }

    /// A component of an entity that stands somewhere: its lanes.
    fn lanes_of(&self, who: u32, component: ComponentId) -> Option<&[i32]> {
        let (page, slot) = self.home(who)?;
        let value = self.places.page(page).value(slot, component);
        value.or_else(|| self.entities[who as usize].row(component).map(|row| row.lanes.as_slice()))
    }

    #[inline]
    fn home(&self, who: u32) -> Option<(u32, u8)> {
        self.homes[who as usize].found()
    }

    /// Where an avatar looks from, and what it may see besides what everybody may. `cursor` is the asker's own.
    pub(crate) fn viewpoint(&self, cursor: &mut Cursor, avatar: NetId) -> Viewpoint {
        let Some(who) = self.index.seek(cursor, avatar) else { return Viewpoint::default() };
        let channels = self.lanes_of(who, Channels::ID).and_then(|lanes| lanes.first()).map_or(0, |bits| *bits as u32);
        if self.grid.is_none() {
            return Viewpoint { channels, at: None };
        }
        let camera = || {
            // A camera's position has coarser steps than a transform's.
            let [x, _, z] = *self.lanes_of(who, CameraView::ID)?.first_chunk::<3>()?;
            Some((x.saturating_mul(CAMERA_STEPS), z.saturating_mul(CAMERA_STEPS)))
        };
        let body = || {
            let [x, _, z] = *self.lanes_of(self.root_of(who), Transform::ID)?.first_chunk::<3>()?;
            Some((x, z))
        };
        Viewpoint { channels, at: camera().or_else(body) }
    }

    /// A place over the ground in steps of a transform's position; `None` where everything is shown.
    pub(crate) fn steps(&self, at_m: [f32; 2]) -> Option<(i32, i32)> {
        let grid = self.grid?;
        let [x, z] = at_m.map(|m| (m / grid.step_m()) as i32);
        Some((x, z))
    }

    /// What an entity is attached to in the end: itself where it is to nothing.
    fn root_of(&self, mut root: u32) -> u32 {
        for _ in 0..PARENTS_MAX {
            let parent = self.entities[root as usize].facts.parent;
            match (parent != NetId::NONE).then(|| self.index.get(parent)).flatten() {
                Some(parent) => root = parent,
                None => break,
            }
        }
        root
    }

    /// The page that an entity stands in.
    #[must_use]
    pub fn page_of(&self, id: NetId) -> Option<u32> {
        self.home(self.index.get(id)?).map(|(page, _)| page)
    }

    /// Starts a tick. No base from now on is older than `oldest`.
    pub fn begin(&mut self, tick: Tick, oldest: Tick) {
        self.moves_unseen = false;
        self.tick = tick;
        self.oldest = oldest.max(self.oldest);
        for page in self.noted.drain(..).chain(self.moved.drain(..)).chain(self.summed.drain(..)) {
            self.places.page_mut(page).begin();
            let news = self.places.news_mut(page);
            (news.has_structure, news.has_sum) = (false, false);
        }
        self.places.begin(tick);
    }

    /// An entity appeared. Its components follow by [`Tracked::set`]. One that is there is not spawned again.
    pub fn spawned(&mut self, id: NetId) {
        let entity = Entity { id, rows: SmallVec::new(), facts: Facts::default() };
        let slot = self.free.last().copied().unwrap_or(self.entities.len() as u32);
        if id == NetId::NONE || !self.index.insert(id, slot) {
            return;
        }
        match self.free.pop() {
            Some(slot) => self.entities[slot as usize] = entity,
            None => {
                self.entities.push(entity);
                self.homes.push(Home::NONE);
            }
        }
        self.fresh.push(slot);
    }

    /// An entity is gone; unknown ones are ignored.
    pub fn despawned(&mut self, id: NetId) {
        let Some(who) = self.index.remove(id) else { return };
        if self.home(who).is_none() {
            self.fresh.retain(|fresh| *fresh != who);
        }
        self.leave(who);
        self.forget_parent(who);
        let entity = &mut self.entities[who as usize];
        (entity.id, entity.rows, entity.facts) = (NetId::NONE, SmallVec::new(), Facts::default());
        self.free.push(who);
    }

    /// A component was added or touched; hidden ones and unknown entities are ignored.
    #[inline]
    pub fn set(&mut self, id: NetId, component: ComponentId, row: &Row) {
        let Some(who) = self.index.seek(&mut self.cursor, id) else { return };
        match self.homes[who as usize].found() {
            Some((page, slot)) if self.staged.stage(&self.shapes, who, page, slot, component, &row.lanes) => {}
            Some((page, slot)) => self.set_reliable(who, page, slot, component, row),
            None => self.set_newcomer(who, component, row),
        }
    }

    fn set_newcomer(&mut self, who: u32, component: ComponentId, row: &Row) {
        if self.shapes.shape(component).is_ok_and(|shape| shape.delivery != Delivery::Hidden) {
            self.entities[who as usize].put_row(component, row);
            self.learn(who, component, row);
        }
    }

    fn set_reliable(&mut self, who: u32, number: u32, slot: u8, component: ComponentId, row: &Row) {
        if self.shapes.shape(component).is_ok_and(|shape| shape.delivery == Delivery::Hidden) {
            return;
        }
        let entity = &mut self.entities[who as usize];
        let (id, page) = (entity.id, self.places.page_mut(number));
        if let Some(old) = entity.row(component) {
            if old == row {
                return;
            }
            page.take_from_sum(hash::component(id, component, &old.lanes, &old.bytes));
        }
        page.add_to_sum(hash::component(id, component, &row.lanes, &row.bytes));
        entity.put_row(component, row);
        self.note_set(who, number, slot, component, row);
    }

    /// Structure is to bring a component.
    fn note_set(&mut self, who: u32, number: u32, slot: u8, component: ComponentId, row: &Row) {
        self.places.page_mut(number).note_set(slot, component, row);
        self.noted.push(number);
        self.learn(who, component, row);
    }

    /// A component is gone; what was not there is ignored.
    pub fn removed(&mut self, id: NetId, component: ComponentId) {
        let Some(who) = self.index.get(id) else { return };
        // What was told of it before is before this.
        self.take_in();
        let old = self.entities[who as usize].take_row(component);
        if let Some((number, slot)) = self.home(who) {
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
        self.take_in();
        self.moved.sort_unstable();
        self.moved.dedup();
        self.settle();
        self.noted.sort_unstable();
        self.noted.dedup();
        for page in &self.noted {
            let found = self.places.page_mut(*page);
            found.end(self.tick, &self.shapes)?;
            let has_structure = found.version() > 0 && found.structure_tick() == self.tick;
            self.places.news_mut(*page).has_structure = has_structure;
        }
        self.sum_up();
        Ok(())
    }

    /// Makes the check sums that are due, each page's at a turn of its own.
    fn sum_up(&mut self) {
        let turn = HASH_EVERY_TICKS as usize;
        let first = (self.tick.0 % HASH_EVERY_TICKS) as usize;
        for (number, page, news) in self.places.every(first, turn) {
            if news.watcher_count > 0 && page.wants_hash() {
                page.sum_up(self.tick);
                self.summed.push(number);
                news.has_sum = true;
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
