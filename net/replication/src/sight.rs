//! How far one sees from a place: what comes into view, what leaves it, and how often what is seen is told.

use crate::{
    limits::VIEW_CELLS_MAX,
    place::{Grid, Place},
    world::Tracked,
};

/// Of the way to the end of the view, up to where things are told in every tick, in every second and in every fourth.
const RINGS: [f64; 2] = [0.4, 0.7];
/// How far one may walk before one looks around anew, in cells; so much farther one sees.
const SLACK: f64 = 0.125;
/// How much farther what is in view stays there, in cells.
const KEPT: f64 = 0.25;

/// See the module's words. In steps of a position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight {
    /// None where everything is seen from everywhere.
    grid: Option<Grid>,
    view: f64,
    slack: f64,
    kept: f64,
}

impl Sight {
    /// In this world.
    pub(crate) fn of(tracked: &Tracked) -> Self {
        let cells = match (tracked.interest().view_m, tracked.interest().cell_m()) {
            (Some(view), Some(cell)) => (view / cell).clamp(0.0, VIEW_CELLS_MAX),
            _ => 0.0,
        };
        let side = tracked.grid().map_or(0, Grid::side) as f64;
        Sight { grid: tracked.grid(), view: f64::from(cells) * side, slack: SLACK * side, kept: KEPT * side }
    }

    /// Is it still about where one last looked around?
    #[inline]
    pub(crate) fn is_about(&self, from: (i32, i32), at: (i32, i32)) -> bool {
        let along = |a: i32, b: i32| f64::from(a) - f64::from(b);
        from == at || along(from.0, at.0).powi(2) + along(from.1, at.1).powi(2) <= self.slack * self.slack
    }

    /// Square of the way to a place.
    pub(crate) fn way_squared(&self, place: Place, from: (i32, i32)) -> f64 {
        match (self.grid, place) {
            (Some(grid), Place::Cell(x, z)) => grid.way_squared((x, z), from),
            _ => 0.0,
        }
    }

    /// Does a place come into view?
    pub(crate) fn reaches(&self, place: Place, from: (i32, i32)) -> bool {
        place == Place::Everywhere || self.way_squared(place, from) <= (self.view + self.slack).powi(2)
    }

    /// Does a place stay in view?
    pub(crate) fn keeps(&self, place: Place, from: (i32, i32)) -> bool {
        place == Place::Everywhere || self.way_squared(place, from) <= (self.view + self.slack + self.kept).powi(2)
    }

    /// The cells in view.
    pub(crate) fn cells(&self, from: (i32, i32)) -> impl Iterator<Item = Place> {
        let sight = *self;
        let span = move |at: i32, grid: Grid| {
            let reach = (sight.view + sight.slack) as i64 + grid.side();
            let cell = |v: i64| v.div_euclid(grid.side()) as i32;
            cell(i64::from(at) - reach)..=cell(i64::from(at) + reach)
        };
        let cells = sight.grid.into_iter().flat_map(move |grid| {
            span(from.0, grid).flat_map(move |x| span(from.1, grid).map(move |z| Place::Cell(x, z)))
        });
        cells.filter(move |place| sight.reaches(*place, from))
    }

    /// How seldom a place is told: the farther, the more seldom.
    pub(crate) fn period(&self, place: Place, from: (i32, i32)) -> u8 {
        let way = self.way_squared(place, from);
        1 << RINGS.iter().filter(|ring| way > (**ring * self.view).powi(2)).count()
    }
}
