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

/// A boid as all see it: as it was before any of them moved.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Where it is.
    pub at: [f32; 3],
    /// Its row.
    pub row: u32,
    /// How it flies.
    pub way: [f32; 3],
    cell: u32,
}

/// The cells of the box, with a rim of empty ones, so that every cell that boids are in has all its neighbours.
pub struct Grid {
    least: [f32; 3],
    per_metre: [f32; 3],
    side: [usize; 3],
    crowds: Vec<Crowd>,
    /// Cell by cell.
    boids: Vec<Seen>,
}

impl Grid {
    /// Sorts boids into cells; in a cell they keep their order.
    pub fn new(config: &FlockConfig, boids: impl Iterator<Item = ([f32; 3], [f32; 3])>) -> Self {
        let sides = config.half_extents.map(|half| {
            let side = (2.0 * half / config.sight).ceil().clamp(1.0, SIDE_MAX as f32);
            (side as usize, side / (2.0 * half))
        });
        let (side, per_metre) = (sides.map(|(cells, _)| cells + 2), sides.map(|(_, per_metre)| per_metre));
        let least = std::array::from_fn(|axis| config.center[axis] - config.half_extents[axis]);
        let crowds = vec![Crowd::default(); side.iter().product()];
        let mut grid = Grid { least, per_metre, side, crowds, boids: Vec::new() };
        grid.sort(boids);
        grid
    }

    fn sort(&mut self, boids: impl Iterator<Item = ([f32; 3], [f32; 3])>) {
        let mut begins = vec![0_u32; self.crowds.len()];
        let mut seen = Vec::with_capacity(boids.size_hint().0);
        boids.for_each(|(at, way)| {
            let cell = self.cell_of(at);
            if let (Some(crowd), Some(count)) = (self.crowds.get_mut(cell), begins.get_mut(cell)) {
                crowd.join(&Crowd { places: [at[0], at[1], at[2], 1.0], ways: [way[0], way[1], way[2], 0.0] });
                *count += 1;
            }
            seen.push(Seen { at, row: seen.len() as u32, way, cell: cell as u32 });
        });
        let mut begin = 0;
        begins.iter_mut().for_each(|count| begin += std::mem::replace(count, begin));
        self.boids = vec![Seen::default(); seen.len()];
        for boid in seen {
            if let Some(at) = begins.get_mut(boid.cell as usize)
                && let Some(place) = self.boids.get_mut(*at as usize)
            {
                *place = boid;
                *at += 1;
            }
        }
    }

    /// Does `each` with every cell that has boids: they, and what they and their neighbours are together.
    pub fn for_each_cell(&self, mut each: impl FnMut(&[Seen], &Crowd)) {
        let (line, plane) = (self.side[0], self.side[0] * self.side[1]);
        for boids in self.boids.chunk_by(|a, b| a.cell == b.cell) {
            let Some(first) = boids.first() else { continue };
            let mut all = Crowd::default();
            let corner = (first.cell as usize).saturating_sub(plane + line + 1);
            // Straight, since the way back to a loop's head costs more than what is between.
            for row in [
                corner,
                corner + line,
                corner + 2 * line,
                corner + plane,
                corner + plane + line,
                corner + plane + 2 * line,
                corner + 2 * plane,
                corner + 2 * plane + line,
                corner + 2 * plane + 2 * line,
            ] {
                if let Some([a, b, c]) = self.crowds.get(row..).and_then(<[Crowd]>::first_chunk) {
                    all.join(a);
                    all.join(b);
                    all.join(c);
                }
            }
            each(boids, &all);
        }
    }

    #[inline]
    fn cell_of(&self, at: [f32; 3]) -> usize {
        let along = |axis: usize| {
            // What is outside counts as at the wall; the cast takes what is below 0 for 0.
            let cell = ((at[axis] - self.least[axis]) * self.per_metre[axis]) as u32 as usize;
            cell.min(self.side[axis] - 3) + 1
        };
        (along(2) * self.side[1] + along(1)) * self.side[0] + along(0)
    }
}
