//! Lag compensation: where everything was some ticks ago, for those who aim at what their screen shows.
//!
//! A client draws others as they were a round trip and an interpolation delay ago. The history keeps, for up to a second,
//! what each change of a place replaced, and the past is read by undoing: nothing is copied that did not move, and the
//! world itself is never turned back. It is no part of the state: snapshots do not hold it, and nothing that is
//! simulated may depend on it, so a restored world begins without a past.
//!
//! The past is that of positions and rotations alone. Shapes, sizes and parents count as they are now, and what is gone
//! now is not hit.

mod history;
mod shape;

use bevy_app::App;
use bevy_ecs::entity::Entity;
use bevy_ecs::query::Changed;
use bevy_ecs::system::{Query, Res, ResMut};
use bevy_ecs::world::World;
use hd1_core::{NetId, Tick};
use hd1_world::components::{Geometry, Parent, Transform};
use hd1_world::math::{self, Vec3};
use hd1_world::phases::Replicate;
use hd1_world::{NetIndex, Networked, entity_of};

use crate::limits::PARENT_DEPTH_MAX;
use crate::players::Players;
use crate::sim::Sim;
use crate::step::Step;

pub(crate) use history::History;
use history::Place;

/// Adds the feature.
pub(crate) fn plugin(app: &mut App) {
    app.init_resource::<History>();
    app.add_systems(Replicate, record);
}

/// A world without players has nobody to aim, and pays nothing.
fn record(
    step: Res<Step>,
    players: Res<Players>,
    mut history: ResMut<History>,
    all: Query<(Entity, &Networked, &Transform)>,
    moved: Query<(Entity, &Networked, &Transform), Changed<Transform>>,
) {
    if players.here.is_empty() {
        if !history.is_empty() {
            *history = History::default();
        }
        return;
    }
    let begins = history.is_empty();
    history.begin(step.tick, step.rate);
    let mut note = |(entity, networked, transform): (Entity, &Networked, &Transform)| {
        history.note(entity, networked.0, transform);
    };
    if begins {
        all.iter().for_each(&mut note);
    } else {
        moved.iter().for_each(&mut note);
    }
}

/// The world as it was at a tick: see [`Sim::rewind`].
pub struct Rewound<'a> {
    world: &'a World,
    history: &'a History,
    tick: Tick,
}

/// What a ray met first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The entity.
    pub entity: NetId,
    /// Metres from the ray's origin.
    pub distance: f32,
}

impl Sim {
    /// Looks at the world as it was at the end of `tick`, or at the nearest tick that is remembered.
    #[must_use]
    pub fn rewind(&self, tick: Tick) -> Rewound<'_> {
        rewind(self.world(), tick)
    }
}

/// [`Sim::rewind`] for those who have the world alone.
pub(crate) fn rewind(world: &World, tick: Tick) -> Rewound<'_> {
    let history = world.resource::<History>();
    Rewound { world, history, tick: history.nearest(tick) }
}

impl Rewound<'_> {
    /// The tick that is shown.
    #[must_use]
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// Where an entity was, relative to its parent where it has one; `None` for one that was not there, or is gone.
    #[must_use]
    pub fn transform(&self, id: NetId) -> Option<Transform> {
        self.transform_of(entity_of(self.world, id)?, id)
    }

    /// What a ray from `origin` along `direction` (of any length but 0) meets first within `max_distance` metres: any
    /// shape but that of `except` and those that hold the origin. The lesser id counts where two are as near.
    #[must_use]
    pub fn pick(&self, origin: Vec3, direction: Vec3, max_distance: f32, except: Option<NetId>) -> Option<Hit> {
        let length = math::length(direction);
        if !(length.is_finite() && length > 0.0) {
            return None;
        }
        let direction = math::scale(direction, 1.0 / length);
        let mut shapes = self.world.try_query::<(Entity, &Networked, &Geometry)>()?;
        let hits = shapes.iter(self.world).filter(|(_, networked, _)| Some(networked.0) != except);
        let hits = hits.filter_map(|(entity, networked, geometry)| {
            let placed = self.placed(entity, networked.0)?;
            let distance = shape::distance(geometry, &placed, origin, direction)?;
            (distance <= max_distance).then_some(Hit { entity: networked.0, distance })
        });
        hits.min_by(|a, b| a.distance.total_cmp(&b.distance).then(a.entity.cmp(&b.entity)))
    }

    fn transform_of(&self, entity: Entity, id: NetId) -> Option<Transform> {
        let now = self.world.get::<Transform>(entity)?;
        if self.history.is_empty() {
            return Some(now.clone());
        }
        let Place { position, rotation } = self.history.at(entity, id, self.tick)?;
        Some(Transform { position, rotation, scale: now.scale })
    }

    /// In the world, its parents' places and sizes included.
    fn placed(&self, entity: Entity, id: NetId) -> Option<Transform> {
        let index = self.world.resource::<NetIndex>();
        let mut placed = self.transform_of(entity, id)?;
        let mut above = self.world.get::<Parent>(entity).map(|parent| parent.entity);
        for _ in 0..PARENT_DEPTH_MAX {
            let Some(id) = above.filter(|id| *id != NetId::NONE) else { break };
            let parent = index.entity(id)?;
            let over = self.transform_of(parent, id)?;
            let reach = [0, 1, 2].map(|i| placed.position[i] * over.scale[i]);
            placed = Transform {
                position: math::add(over.position, math::quat_rotate(over.rotation, reach)),
                rotation: math::quat_mul(over.rotation, placed.rotation),
                scale: [0, 1, 2].map(|i| placed.scale[i] * over.scale[i]),
            };
            above = self.world.get::<Parent>(parent).map(|parent| parent.entity);
        }
        Some(placed)
    }
}
