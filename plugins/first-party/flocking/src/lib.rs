//! Boids: what carries the mark flies with its neighbours, apart from those too near, within a box.
//!
//! A tick takes time in proportion to the boids, however they crowd: neighbours are cells of a grid, not pairs. Rows
//! are ordered, so that floats are added up in the same order in every copy of a world.

use hd1_sdk::prelude::*;

mod boids;
mod grid;

pub use boids::flock;

/// Makes an entity a boid. It needs a Transform and a Velocity and is moved by nothing else.
#[derive(Component, Debug)]
#[component(delivery = "reliable", writable)]
pub struct Boid;

/// What an operator sets.
#[derive(Config, Debug, PartialEq)]
#[repr(C)]
pub struct FlockConfig {
    /// The middle of the box that they stay in.
    #[field(min = -10000, max = 10000, step = 0.1, default = [0, 50, 0], unit = "m")]
    pub center: [f32; 3],
    /// From its middle to its sides.
    #[field(min = 1, max = 10000, step = 0.1, default = [100, 50, 100], unit = "m")]
    pub half_extents: [f32; 3],
    /// How far they see: the side of a cell, whose boids and those of the cells around it are neighbours.
    #[field(min = 0.1, max = 1000, step = 0.1, default = 6, unit = "m")]
    pub sight: f32,
    /// Nearer than this they part.
    #[field(min = 0, max = 1000, step = 0.1, default = 2, unit = "m")]
    pub elbow_room: f32,
    /// How much they part.
    #[field(min = 0, max = 100, step = 0.01, default = 12)]
    pub separation: f32,
    /// How much they fly the same way.
    #[field(min = 0, max = 100, step = 0.01, default = 1.5)]
    pub alignment: f32,
    /// How much they gather.
    #[field(min = 0, max = 100, step = 0.01, default = 0.8)]
    pub cohesion: f32,
    /// They never fly slower.
    #[field(min = 0, max = 100, step = 0.01, default = 4, unit = "m/s")]
    pub speed_min: f32,
    /// They never fly faster.
    #[field(min = 0.1, max = 500, step = 0.01, default = 12, unit = "m/s")]
    pub speed_max: f32,
}

plugin! {
    components: [Boid],
    config: FlockConfig,
    systems: [flock],
}

#[cfg(test)]
mod tests;
