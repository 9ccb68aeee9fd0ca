//! Finding where entities belong, and moving them there.

use hd1_core::NetId;
use hd1_protocol::{hash, structure, structure::StructureOp};
use hd1_schema::{ComponentId, Delivery, Row};
use hd1_world::components::{Parent, Transform};
use hd1_world::described::Described;

use super::{Home, Tracked};
use crate::{
    limits::PARENTS_MAX,
    page::Arrival,
    place::{PageKey, Place},
};

impl Tracked {
    /// Takes in what a component says of where an entity belongs.
    pub(super) fn learn(&mut self, who: u32, component: ComponentId, row: &Row) {
        if component == Transform::ID
            && let Some((page, _)) = self.home(who)
        {
            // Nearly always: it is still in its cell, or moves with its parent.
            let is_still = match (self.places.page(page).key().place, self.grid, row.lanes.as_slice()) {
                (Place::Cell(x, z), Some(grid), [at_x, _, at_z, ..]) => grid.holds((x, z), *at_x, *at_z),
                (_, None, _) => true,
                _ => false,
            };
            if is_still || self.entities[who as usize].facts.parent != NetId::NONE {
                return;
            }
        }
        let parent = self.entities[who as usize].facts.parent;
        if !self.entities[who as usize].facts.learn(component, row) {
            return;
        }
        if component == Parent::ID && self.entities[who as usize].facts.parent != parent {
            self.change_parent(who, parent);
        }
        if self.home(who).is_some() {
            self.restless.push(who);
        }
    }

    pub(super) fn unlearn(&mut self, who: u32, component: ComponentId) {
        let parent = self.entities[who as usize].facts.parent;
        if self.entities[who as usize].facts.unlearn(component) {
            if component == Parent::ID {
                self.change_parent(who, parent);
            }
            self.restless.push(who);
        }
    }

    fn change_parent(&mut self, who: u32, before: NetId) {
        let entity = &self.entities[who as usize];
        let (id, parent) = (entity.id, entity.facts.parent);
        if let Some(children) = self.children.get_mut(&before) {
            children.retain(|child| *child != id);
            if children.is_empty() {
                self.children.remove(&before);
            }
        }
        if parent != NetId::NONE {
            self.children.entry(parent).or_default().push(id);
        }
    }

    pub(super) fn forget_parent(&mut self, who: u32) {
        let before = self.entities[who as usize].facts.parent;
        self.entities[who as usize].facts.parent = NetId::NONE;
        if before != NetId::NONE {
            self.change_parent(who, before);
        }
    }

    /// Newcomers and those who may have moved find their places.
    pub(super) fn settle(&mut self) {
        for who in std::mem::take(&mut self.fresh) {
            self.enter(who);
        }
        let mut restless = std::mem::take(&mut self.restless);
        restless.sort_unstable();
        restless.dedup();
        for who in restless.drain(..) {
            self.move_with_children(who, PARENTS_MAX);
        }
        self.restless = restless;
    }

    fn move_with_children(&mut self, who: u32, depth: usize) {
        let (id, Some((page, _))) = (self.entities[who as usize].id, self.home(who)) else { return };
        let key = self.key_of(who);
        if key == self.places.page(page).key() {
            return;
        }
        self.move_to(who, key);
        let children = if depth > 0 { self.children.get(&id).cloned() } else { None };
        for child in children.into_iter().flatten() {
            if let Some(child) = self.index.get(child) {
                self.move_with_children(child, depth - 1);
            }
        }
    }

    /// Where an entity belongs: where the one it is attached to stands, shown to whom it says itself or that one says.
    fn key_of(&self, who: u32) -> PageKey {
        let (mut audience, mut root) = (None, who);
        for _ in 0..PARENTS_MAX {
            let facts = &self.entities[root as usize].facts;
            audience = audience.or(facts.audience());
            match self.index.get(facts.parent) {
                Some(parent) => root = parent,
                None => break,
            }
        }
        let audience = audience.or(self.entities[root as usize].facts.audience()).unwrap_or_default();
        PageKey { place: self.place_of(root), audience }
    }

    fn place_of(&self, who: u32) -> Place {
        let root = &self.entities[who as usize];
        let lanes = match self.home(who) {
            Some((page, slot)) => self.places.page(page).value(slot, Transform::ID),
            None => root.row(Transform::ID).map(|row| row.lanes.as_slice()),
        };
        match (self.grid, lanes) {
            (Some(grid), Some([x, _, z, ..])) if !root.facts.is_everywhere(self.interest.cell_m().unwrap_or(0.0)) => {
                let (x, z) = grid.cell(*x, *z);
                Place::Cell(x, z)
            }
            _ => Place::Everywhere,
        }
    }

    /// A newcomer takes its place.
    fn enter(&mut self, who: u32) {
        let key = self.key_of(who);
        let number = self.places.with_room(key, self.tick);
        let entity = &mut self.entities[who as usize];
        let page = self.places.page_mut(number);
        let slot = page.enter(entity.id, hash::presence(entity.id));
        let rows = std::mem::take(&mut entity.rows);
        let components = rows.iter().map(|(component, row)| (*component, Row::clone(row))).collect();
        page.note(StructureOp::Spawn { slot, entity: entity.id, components });
        for (component, row) in rows {
            if self.shapes.shape(component).is_ok_and(|shape| shape.delivery == Delivery::State) {
                page.root(slot, component, self.tick, &row.lanes);
            } else {
                page.add_to_sum(hash::component(entity.id, component, &row.lanes, &row.bytes));
                entity.rows.push((component, row));
            }
        }
        self.homes[who as usize] = Home { page: number, slot };
        self.noted.push(number);
    }

    /// Takes an entity out of its page.
    pub(super) fn leave(&mut self, who: u32) {
        let home = std::mem::replace(&mut self.homes[who as usize], Home::NONE);
        let Some((number, slot)) = home.found() else { return };
        let page = self.places.page_mut(number);
        page.leave(slot, self.entities[who as usize].sum());
        page.note(StructureOp::Leave { slot });
        self.noted.push(number);
    }

    fn move_to(&mut self, who: u32, key: PageKey) {
        let entity = &self.entities[who as usize];
        let Some((from, old_slot)) = self.home(who) else { return };
        let (id, sum) = (entity.id, entity.sum());
        let page = self.places.page(from);
        let state = page.columns().iter().filter(|column| column.has(old_slot));
        let state: Vec<(ComponentId, Row)> = state
            .map(|column| {
                let lanes = column.value(old_slot).into();
                (column.component(), Row { lanes, bytes: Vec::new() })
            })
            .collect();
        let mut whole: Vec<(ComponentId, Row)> =
            entity.rows.iter().map(|(component, row)| (*component, Row::clone(row))).chain(state.clone()).collect();
        whole.sort_unstable_by_key(|(component, _)| *component);
        self.leave(who);
        let number = self.places.with_room(key, self.tick);
        let page = self.places.page_mut(number);
        let slot = page.enter(id, sum);
        for (component, row) in &state {
            page.root(slot, *component, self.tick, &row.lanes);
        }
        let (mut short, mut long) = (Vec::new(), Vec::new());
        let arrive = StructureOp::Arrive { slot, entity: id, components: state };
        let spawn = StructureOp::Spawn { slot, entity: id, components: whole };
        // All of these were registered: they were set.
        let written = structure::write_op(&mut short, &self.shapes, &arrive)
            .and_then(|()| structure::write_op(&mut long, &self.shapes, &spawn));
        debug_assert_eq!(written, Ok(()));
        page.note_arrival(Arrival { from, short, whole: long });
        self.homes[who as usize] = Home { page: number, slot };
        self.noted.push(number);
    }
}
