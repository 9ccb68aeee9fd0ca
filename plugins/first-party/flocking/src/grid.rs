//! The grid: which boids are in which cell, and what those of a cell are together.

use crate::FlockConfig;

/// Cells along an axis at most; beyond that they are larger than sight.
const SIDE_MAX: usize = 32;

/// What boids are together: their count, and sums.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C, align(16))]
pub struct Crowd {
    /// Of their positions, and their count.
    pub places: [f32; 4],
    /// Of their velocities.
    pub ways: [f32; 4],
}

impl Crowd {
    /// With others.
    #[inline]
    pub fn join(&mut self, other: &Crowd) {
        for i in 0..4 {
            self.places[i] += other.places[i];
            self.ways[i] += other.ways[i];
        }
    }
}

/// The cells of the box, with a rim of empty ones, so that every cell that boids are in has all its neighbours.
pub struct Grid {
    least: [f32; 3],
    per_metre: [f32; 3],
    side: [usize; 3],
    crowds: Vec<Crowd>,
    /// Where each cell's boids begin in `order`.
    begins: Vec<u32>,
    /// The rows of boids, cell by cell.
    order: Vec<u32>,
}

impl Grid {
    /// Sorts boids into cells; in a cell they keep their order.
    pub fn new(config: &FlockConfig, boids: impl Iterator<Item = ([f32; 3], [f32; 3])> + Clone) -> Self {
        let sides = config.half_extents.map(|half| {
            let side = (2.0 * half / config.sight).ceil().clamp(1.0, SIDE_MAX as f32);
            (side as usize, side / (2.0 * half))
        });
        let (side, per_metre) = (sides.map(|(cells, _)| cells + 2), sides.map(|(_, per_metre)| per_metre));
        let least = std::array::from_fn(|axis| config.center[axis] - config.half_extents[axis]);
        let count: usize = side.iter().product();
        let mut grid = Grid {
            least,
            per_metre,
            side,
            crowds: vec![Crowd::default(); count],
            begins: vec![0; count + 1],
            order: Vec::new(),
        };
        let mut cells = Vec::with_capacity(boids.size_hint().0);
        boids.for_each(|(at, way)| {
            let cell = grid.cell_of(at);
            grid.crowds[cell].join(&Crowd { places: [at[0], at[1], at[2], 1.0], ways: [way[0], way[1], way[2], 0.0] });
            cells.push(cell as u32);
        });
        let mut begin = 0;
        for (crowd, at) in grid.crowds.iter().zip(&mut grid.begins) {
            *at = begin;
            begin += crowd.places[3] as u32;
        }
        grid.begins[count] = begin;
        let mut next = grid.begins.clone();
        grid.order.resize(cells.len(), 0);
        for (row, cell) in cells.into_iter().enumerate() {
            let at = &mut next[cell as usize];
            grid.order[*at as usize] = row as u32;
            *at += 1;
        }
        grid
    }

    /// Does `each` with every cell that has boids: their rows, and what they and their neighbours are together.
    pub fn for_each_cell(&self, mut each: impl FnMut(&[u32], &Crowd)) {
        let (line, plane) = (self.side[0], self.side[0] * self.side[1]);
        let mut begin = 0;
        for cell in 0..self.crowds.len() {
            let end = self.begins[cell + 1] as usize;
            if begin == end {
                continue;
            }
            let mut all = Crowd::default();
            let first = cell - plane - line - 1;
            for corner in [0, line, 2 * line] {
                // Straight, since the way back to a loop's head costs more than what is between.
                for at in [first + corner, first + corner + plane, first + corner + 2 * plane] {
                    let [a, b, c] = [&self.crowds[at], &self.crowds[at + 1], &self.crowds[at + 2]];
                    all.join(a);
                    all.join(b);
                    all.join(c);
                }
            }
            each(&self.order[begin..end], &all);
            begin = end;
        }
    }

    #[inline]
    fn cell_of(&self, at: [f32; 3]) -> usize {
        let along = |axis: usize| {
            // What is outside counts as at the wall; the cast takes what is below 0 for 0.
            let cell = ((at[axis] - self.least[axis]) * self.per_metre[axis]) as usize;
            cell.min(self.side[axis] - 3) + 1
        };
        (along(2) * self.side[1] + along(1)) * self.side[0] + along(0)
    }
}
