//! Where entities belong: the cell they stand in, and whom they are shown to. Each such place has pages of its own.

use hd1_core::PlayerId;

/// How much of a world a client is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interest {
    /// Metres from the camera to what is shown; `None` shows everything.
    pub view_m: Option<f32>,
    /// Side of a grid cell in metres; by default a quarter of the view, at least [`Interest::CELL_M_MIN`].
    pub cell_m: Option<f32>,
}

impl Interest {
    /// Everyone sees everything.
    pub const EVERYTHING: Interest = Interest { view_m: None, cell_m: None };
    /// Least side of a cell in metres.
    pub const CELL_M_MIN: f32 = 1.0;

    /// Only what is near the camera.
    #[must_use]
    pub const fn within(view_m: f32) -> Self {
        Interest { view_m: Some(view_m), cell_m: None }
    }

    /// Side of a cell in metres, where there are cells.
    #[must_use]
    pub fn cell_m(self) -> Option<f32> {
        let view = self.view_m.filter(|view| view.is_finite())?;
        Some(self.cell_m.unwrap_or(view / 4.0).max(Self::CELL_M_MIN))
    }
}

impl Default for Interest {
    fn default() -> Self {
        Interest::EVERYTHING
    }
}

/// A place in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Shown wherever the viewer is.
    Everywhere,
    /// A cell of the grid over the ground, by X and Z.
    Cell(i32, i32),
}

/// Who may be shown something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Audience {
    /// Whoever is near.
    #[default]
    Everyone,
    /// One player.
    Owner(PlayerId),
    /// Players with one of these channels, as bits.
    Channels(u32),
}

impl Audience {
    /// Does it include a player with these channels?
    #[must_use]
    pub fn includes(self, player: PlayerId, channels: u32) -> bool {
        match self {
            Audience::Everyone => true,
            Audience::Owner(owner) => owner == player,
            Audience::Channels(bits) => bits & channels != 0,
        }
    }
}

/// What all entities of a page have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageKey {
    /// Where.
    pub place: Place,
    /// For whom.
    pub audience: Audience,
}

/// The grid over the ground, in whole steps of a transform's position.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// Side of a cell in steps.
    side: i64,
    /// [`Grid::SLACK`] in steps.
    slack: i64,
    step_m: f32,
}

impl Grid {
    /// How far something may stand outside its cell before it is moved to another, in cells: else what stands on a
    /// border would go to and fro.
    pub const SLACK: f32 = 0.125;

    /// Cells of `cell_m` metres where a step is `step_m`.
    #[must_use]
    pub fn new(cell_m: f32, step_m: f32) -> Self {
        let side = ((cell_m / step_m) as i64).max(8);
        Grid { side, slack: (side as f32 * Self::SLACK) as i64, step_m }
    }

    /// The cell of a position in steps.
    #[must_use]
    pub fn cell(self, x: i32, z: i32) -> (i32, i32) {
        let along = |v: i32| i64::from(v).div_euclid(self.side) as i32;
        (along(x), along(z))
    }

    /// Side of a cell in steps.
    #[must_use]
    pub fn side(self) -> i64 {
        self.side
    }

    /// Metres of a step.
    #[must_use]
    pub fn step_m(self) -> f32 {
        self.step_m
    }

    /// Square of the way from a position to the nearest that counts as in a cell, in steps.
    #[must_use]
    pub fn way_squared(self, cell: (i32, i32), from: (i32, i32)) -> f64 {
        let along = |cell: i32, from: i32| {
            let off = i64::from(from) - i64::from(cell) * self.side;
            (-self.slack - off).max(off - self.side - self.slack).max(0) as f64
        };
        along(cell.0, from.0).powi(2) + along(cell.1, from.1).powi(2)
    }

    /// Does a position still count as in a cell?
    #[inline]
    #[must_use]
    pub fn holds(self, cell: (i32, i32), x: i32, z: i32) -> bool {
        let inside = |cell: i32, v: i32| {
            let off = i64::from(v) - i64::from(cell) * self.side;
            (-self.slack..self.side + self.slack).contains(&off)
        };
        inside(cell.0, x) && inside(cell.1, z)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_on_a_border_stays_where_it_was() {
        let grid = Grid::new(16.0, 0.5);
        assert_eq!((grid.cell(0, 31), grid.cell(-1, 32)), ((0, 0), (-1, 1)));
        assert!(grid.holds((0, 0), -4, 35) && !grid.holds((0, 0), -5, 0) && !grid.holds((0, 0), 0, 36));
        assert_eq!(grid.cell(i32::MIN, i32::MAX).1, i32::MAX / 32);
        let way = |from| grid.way_squared((0, 0), from).sqrt();
        assert_eq!((way((5, 5)), way((-4, 36)), way((-14, 5)), way((-7, 40))), (0.0, 0.0, 10.0, 5.0));
    }

    #[test]
    fn hidden_things_are_for_those_who_may_know() {
        let (ada, bob) = (PlayerId(1), PlayerId(2));
        assert!(Audience::Everyone.includes(bob, 0));
        assert!(Audience::Owner(ada).includes(ada, 0) && !Audience::Owner(ada).includes(bob, u32::MAX));
        assert!(Audience::Channels(0b110).includes(bob, 0b10) && !Audience::Channels(0b110).includes(bob, 0b1));
    }
}
