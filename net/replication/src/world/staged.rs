//! State told in a tick, kept until the tick's end: then it is taken in page by page.
//!
//! It comes by ascending entity, and neighbours in that order stand anywhere in the world: taken in one by one, each value
//! would wait for half a dozen lines of memory. In 7,000 pages that made 700 ns a value out of 150.

use hd1_protocol::shapes::Shapes;
use hd1_schema::{ComponentId, Delivery, Row};
use hd1_world::components::Transform;
use hd1_world::described::Described;

use super::Tracked;
use crate::{
    page::{Moment, Odd, TRANSFORM_LANES},
    place::Place,
};

/// See the module's words.
#[derive(Debug, Default)]
pub(super) struct Staged {
    /// By component, in the order in which they first came; kept from tick to tick.
    columns: Vec<Column>,
    /// Has any of them something?
    holds_any: bool,
    /// By page: how many rows, then where its next one goes.
    counts: Vec<u32>,
    /// Pages that were told something, ascending.
    pages: Vec<u32>,
    /// Rows of one component, page by page.
    order: Vec<u32>,
}

#[derive(Debug)]
struct Column {
    component: ComponentId,
    lane_count: usize,
    told: Vec<Told>,
    /// As many numbers for each as there are lanes.
    lanes: Vec<i32>,
}

/// Of whom.
#[derive(Clone, Copy, Debug)]
struct Told {
    who: u32,
    page: u32,
    slot: u8,
}

impl Staged {
    /// Keeps a value, where the component is state; else `false`.
    #[inline]
    pub(super) fn stage(
        &mut self,
        shapes: &Shapes,
        who: u32,
        page: u32,
        slot: u8,
        component: ComponentId,
        lanes: &[i32],
    ) -> bool {
        let Some(column) = self.columns.iter_mut().find(|column| column.component == component) else {
            return self.learn(shapes, component) && self.stage(shapes, who, page, slot, component, lanes);
        };
        if lanes.len() == column.lane_count {
            column.told.push(Told { who, page, slot });
            match <&[i32; TRANSFORM_LANES]>::try_from(lanes) {
                Ok(lanes) => column.lanes.extend_from_slice(lanes),
                Err(_) => column.lanes.extend_from_slice(lanes),
            }
            self.holds_any = true;
        }
        true
    }

    fn learn(&mut self, shapes: &Shapes, component: ComponentId) -> bool {
        let state = shapes.shape(component).ok().filter(|shape| shape.delivery == Delivery::State);
        let column =
            state.map(|shape| Column { component, lane_count: shape.lanes, told: Vec::new(), lanes: Vec::new() });
        let is_state = column.is_some();
        self.columns.extend(column);
        is_state
    }

    /// Finds the pages of a column's rows, and the rows in their order: of a page, as they came.
    fn sort(&mut self, column: &Column) {
        let Staged { counts, pages, order, .. } = self;
        pages.clear();
        for told in &column.told {
            let page = told.page as usize;
            if counts.len() <= page {
                counts.resize(page + 1, 0);
            }
            if counts[page] == 0 {
                pages.push(told.page);
            }
            counts[page] += 1;
        }
        pages.sort_unstable();
        let mut next = 0;
        for page in &*pages {
            next += std::mem::replace(&mut counts[*page as usize], next);
        }
        order.resize(column.told.len(), 0);
        for (row, told) in column.told.iter().enumerate() {
            let next = &mut counts[told.page as usize];
            order[*next as usize] = row as u32;
            *next += 1;
        }
    }
}

impl Tracked {
    /// What was told of state becomes the pages'.
    pub(super) fn take_in(&mut self) {
        if !self.staged.holds_any {
            return;
        }
        let mut staged = std::mem::take(&mut self.staged);
        for i in 0..staged.columns.len() {
            let mut column = std::mem::replace(&mut staged.columns[i], Column::NONE);
            staged.sort(&column);
            let mut from = 0;
            for page in &staged.pages {
                let end = std::mem::take(&mut staged.counts[*page as usize]) as usize;
                self.take_in_page(&column, *page, &staged.order[from..end]);
                from = end;
            }
            column.told.clear();
            column.lanes.clear();
            staged.columns[i] = column;
        }
        staged.holds_any = false;
        self.staged = staged;
    }

    fn take_in_page(&mut self, column: &Column, number: u32, order: &[u32]) {
        let component = column.component;
        let (page, news) = self.places.page_and_news_mut(number);
        // Where a body is decides where it belongs. Nearly always it is still in its cell.
        let place = page.key().place;
        let stays = |lanes: &[i32]| match (self.grid.filter(|_| component == Transform::ID), place, lanes) {
            (None, ..) => true,
            (Some(grid), Place::Cell(x, z), [at_x, _, at_z, ..]) => grid.holds((x, z), *at_x, *at_z),
            _ => false,
        };
        let mut strays = std::mem::take(&mut self.strays);
        let rows = order.iter().map(|row| (column.told[*row as usize].slot, column.row(*row)));
        let is_watched = news.watcher_count > 0;
        let when = Moment { tick: self.tick, oldest: self.oldest, is_watched };
        let is_changed = page.take_in(component, when, rows, |at, odd| {
            if odd != Odd::Changed || !stays(column.row(order[at])) {
                strays.push((order[at], odd));
            }
        });
        self.moves_unseen |= !is_watched;
        if is_changed {
            self.moved.push(number);
            news.moved = self.tick.0 as u32;
        }
        for (row, odd) in strays.drain(..) {
            let told = column.told[row as usize];
            let row = Row { lanes: column.row(row).into(), bytes: Vec::new() };
            match odd {
                Odd::Changed => self.learn(told.who, component, &row),
                // It was there when it was told, and has gone since.
                Odd::Absent if self.home(told.who) != Some((number, told.slot)) => {}
                Odd::Absent | Odd::Rooted => {
                    self.places.page_mut(number).root(told.slot, component, self.tick, &row.lanes);
                    self.note_set(told.who, number, told.slot, component, &row);
                }
            }
        }
        self.strays = strays;
    }
}

impl Column {
    const NONE: Column = Column { component: ComponentId(0), lane_count: 0, told: Vec::new(), lanes: Vec::new() };

    #[inline]
    fn row(&self, row: u32) -> &[i32] {
        &self.lanes[row as usize * self.lane_count..][..self.lane_count]
    }
}
