//! One tick of a flock.

use hd1_sdk::math::clamp_length;
use hd1_sdk::prelude::*;

use crate::grid::{Crowd, Grid, Seen};
use crate::{Boid, FlockConfig};

/// How much faster than its top speed a boid may be pushed back into the box, in metres a second for each metre
/// outside.
const BOX_SPEED_MAX: f32 = 4.0;
/// How many of its cell a boid parts from. It looks at those after it, round and round, so none is looked at by all.
const ELBOWS: usize = 6;
/// Added to squared distances, in m2: what is nearer still does not push without bound.
const NEAREST_SQUARED: f32 = 0.25;
/// Within this part of the box they begin to turn back.
const INNER: f32 = 0.85;

/// In the order of their numbers, since floats are added up over them.
type OfBoids = (With<Boid>, Without<RigidBody>, Ordered);

/// Turns and moves every boid.
#[system]
pub fn flock(step: &Step, config: &FlockConfig, mut boids: Query<(&mut Transform, &mut Velocity), OfBoids>) {
    let (places, ways) = boids.slices();
    let grid = Grid::new(config, places.iter().zip(&*ways).map(|(place, way)| (place.position, way.linear)));
    grid.for_each_cell(|cell, all| {
        for (i, boid) in cell.iter().enumerate() {
            let mut wish = add(fly_with(config, boid, all), turn_back(config, boid.at));
            let (before, after) = cell.split_at(i);
            for other in after.iter().skip(1).chain(before).take(ELBOWS) {
                wish = add(wish, part_from(config, sub(boid.at, other.at)));
            }
            let (at, way) = fly(config, boid.at, add(boid.way, scale(wish, step.dt)), step.dt);
            let row = boid.row as usize;
            if let (Some(place), Some(velocity)) = (places.get_mut(row), ways.get_mut(row)) {
                place.position = at;
                place.rotation = Quat::looking(way);
                velocity.linear = way;
            }
        }
    });
}

/// Alignment and cohesion: toward the mean way and the mean place of the neighbours.
#[inline]
fn fly_with(config: &FlockConfig, boid: &Seen, all: &Crowd) -> [f32; 3] {
    // It is one of them itself.
    let others = all.places[3] - 1.0;
    if others < 1.0 {
        return [0.0; 3];
    }
    let share = 1.0 / others;
    std::array::from_fn(|axis| {
        let mean_way = (all.ways[axis] - boid.way[axis]) * share;
        let mean_place = (all.places[axis] - boid.at[axis]) * share;
        config.alignment * (mean_way - boid.way[axis]) + config.cohesion * (mean_place - boid.at[axis])
    })
}

/// Separation: away from one that is too near, the more the nearer.
#[inline]
fn part_from(config: &FlockConfig, away: [f32; 3]) -> [f32; 3] {
    let squared = dot(away, away);
    // Never 0, which may be asked for: nothing over nothing is no direction.
    let room = larger(config.elbow_room * config.elbow_room, f32::MIN_POSITIVE);
    // Without a root; two in one place have no direction to part in.
    scale(away, config.separation * larger(room - squared, 0.0) / (room * (squared + NEAREST_SQUARED)))
}

/// Toward the middle, from where the box begins to end.
#[inline]
fn turn_back(config: &FlockConfig, at: [f32; 3]) -> [f32; 3] {
    std::array::from_fn(|axis| {
        let (off, inner) = (at[axis] - config.center[axis], config.half_extents[axis] * INNER);
        (bound(off, -inner, inner) - off) * BOX_SPEED_MAX
    })
}

/// At a speed that is allowed, and not through a wall.
#[inline]
fn fly(config: &FlockConfig, at: [f32; 3], way: [f32; 3], dt: f32) -> ([f32; 3], [f32; 3]) {
    let mut way = clamp_length(way, config.speed_max);
    let speed = length(way);
    let least = smaller(config.speed_min, config.speed_max);
    if speed < least {
        // One that stands still flies ahead.
        way = if speed > 1.0e-6 { scale(way, least / speed) } else { [0.0, 0.0, -least] };
    }
    let mut next = add(at, scale(way, dt));
    for axis in 0..3 {
        let (middle, half) = (config.center[axis], config.half_extents[axis]);
        let inside = bound(next[axis], middle - half, middle + half);
        if inside != next[axis] {
            next[axis] = inside;
            way[axis] = way[axis].abs().copysign(middle - inside);
        }
    }
    (next, way)
}
