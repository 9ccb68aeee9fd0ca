//! The undo log: what each change of a place replaced, newest last, with a thread through the changes of an entity.
//!
//! Every moving entity of every world writes here each tick, so an entry is 32 bytes and a slot 40; the tick of a change
//! is told by where in the log it lies.

use std::collections::VecDeque;

use bevy_ecs::entity::Entity;
use bevy_ecs::resource::Resource;
use hd1_core::{NetId, Tick, TickRate};
use hd1_world::components::Transform;
use hd1_world::math::{Quat, Vec3};

use crate::limits::{RAY_SHAPES_PER_TICK_MAX, REWIND_CHANGES_MAX, REWIND_S_MAX};

/// Where an entity is and how it is turned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) position: Vec3,
    pub(crate) rotation: Quat,
}

/// One change.
#[derive(Clone, Copy)]
struct Undo {
    /// What it replaced.
    before: Place,
    /// How many changes ago the one before it was of the same entity; see the constants.
    back: u32,
}

impl Undo {
    /// None is remembered.
    const FIRST: u32 = 0;
    /// The entity was not there.
    const SPAWN: u32 = u32::MAX;
}

/// An entity as of the newest tick.
#[derive(Clone, Copy)]
struct Slot {
    id: NetId,
    place: Place,
    /// The number of its newest change; [`UNCHANGED`] where there was none.
    newest: u64,
}

const UNCHANGED: u64 = u64::MAX;

const EMPTY: Slot =
    Slot { id: NetId::NONE, place: Place { position: [0.0; 3], rotation: [0.0; 4] }, newest: UNCHANGED };

/// See the module's words.
#[derive(Resource, Default)]
pub(crate) struct History {
    log: VecDeque<Undo>,
    /// How many changes were forgotten: the number of the first in the log.
    first: u64,
    /// The number of the first change of each tick after `oldest`, up to `newest`.
    starts: VecDeque<u64>,
    /// By the index of the bevy entity, which is dense; another entity may have had it before.
    slots: Vec<Slot>,
    newest: Option<Tick>,
    oldest: Tick,
    /// Shapes that rays have looked at in the tick that is being computed.
    looked_at: usize,
}

impl History {
    /// A tick's changes follow; what has become too old for it is forgotten.
    pub(crate) fn begin(&mut self, tick: Tick, rate: TickRate) {
        self.looked_at = 0;
        if self.newest.replace(tick).is_none() {
            // The world as it is found in the first tick has no past.
            self.oldest = tick;
            return;
        }
        let window = (u64::from(rate.hz()) * REWIND_S_MAX) as usize;
        while self.starts.len() >= window || self.log.len() > REWIND_CHANGES_MAX && !self.starts.is_empty() {
            self.forget_oldest();
        }
        self.starts.push_back(self.end());
    }

    /// In the tick begun last this became an entity's transform.
    pub(crate) fn note(&mut self, entity: Entity, id: NetId, transform: &Transform) {
        let idx = entity.index_u32() as usize;
        if self.slots.len() <= idx {
            self.slots.resize(idx + 1, EMPTY);
        }
        let end = self.end();
        let slot = &mut self.slots[idx];
        let place = Place { position: transform.position, rotation: transform.rotation };
        if self.starts.is_empty() {
            *slot = Slot { id, place, newest: UNCHANGED };
            return;
        }
        let back = match slot.newest {
            _ if slot.id != id => Undo::SPAWN,
            UNCHANGED => Undo::FIRST,
            newest => u32::try_from(end - newest).ok().filter(|back| *back < Undo::SPAWN).unwrap_or(Undo::FIRST),
        };
        self.log.push_back(Undo { before: slot.place, back });
        *slot = Slot { id, place, newest: end };
    }

    /// Where an entity was at the end of `tick`, one of those that are remembered.
    pub(crate) fn at(&self, entity: Entity, id: NetId, tick: Tick) -> Option<Place> {
        let slot = self.slots.get(entity.index_u32() as usize).filter(|slot| slot.id == id)?;
        // All changes from here on came later.
        let later = self.starts.get(tick.since(self.oldest) as usize).copied().unwrap_or(UNCHANGED);
        let (mut place, mut number) = (slot.place, slot.newest);
        while number != UNCHANGED && number >= later {
            let undo = self.log.get(number.checked_sub(self.first)? as usize)?;
            place = undo.before;
            number = match undo.back {
                Undo::SPAWN => return None,
                Undo::FIRST => UNCHANGED,
                back => number - u64::from(back),
            };
        }
        Some(place)
    }

    /// The remembered tick nearest to `tick`.
    pub(crate) fn nearest(&self, tick: Tick) -> Tick {
        tick.min(self.newest.unwrap_or_default()).max(self.oldest)
    }

    /// Has no tick been recorded?
    pub(crate) fn is_empty(&self) -> bool {
        self.newest.is_none()
    }

    /// May one more ray look at so many shapes in this tick?
    pub(crate) fn take_ray(&mut self, shape_count: usize) -> bool {
        let first = self.looked_at == 0;
        self.looked_at += shape_count;
        first || self.looked_at <= RAY_SHAPES_PER_TICK_MAX
    }

    /// The number of the next change.
    fn end(&self) -> u64 {
        self.first + self.log.len() as u64
    }

    fn forget_oldest(&mut self) {
        self.starts.pop_front();
        let kept_from = self.starts.front().copied().unwrap_or(self.end());
        self.log.drain(..(kept_from - self.first) as usize);
        self.first = kept_from;
        self.oldest = self.oldest.next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_x(x: f32) -> Transform {
        Transform { position: [x, 0.0, 0.0], ..Transform::default() }
    }

    fn x(x: f32) -> Place {
        Place { position: [x, 0.0, 0.0], rotation: Transform::default().rotation }
    }

    fn entity(index: u32) -> Entity {
        Entity::from_raw_u32(index).unwrap()
    }

    #[test]
    fn the_past_is_a_second_and_what_stands_still_costs_nothing() {
        let mut history = History::default();
        for tick in 10..100u64 {
            history.begin(Tick(tick), TickRate::DEFAULT);
            history.note(entity(3), NetId(1), &at_x(tick as f32));
            if tick == 10 {
                history.note(entity(4), NetId(2), &at_x(-1.0));
            }
            if tick == 90 {
                history.note(entity(5), NetId(3), &at_x(-2.0));
            }
        }
        assert_eq!((history.nearest(Tick(0)), history.nearest(Tick(500))), (Tick(69), Tick(99)));
        for tick in 69..100 {
            let at = |index, id| history.at(entity(index), NetId(id), Tick(tick));
            assert_eq!(at(3, 1), Some(x(tick as f32)));
            assert_eq!(at(4, 2), Some(x(-1.0)));
            assert_eq!(at(5, 3), (tick >= 90).then(|| x(-2.0)));
            assert_eq!(at(5, 9), None, "another had the place");
        }
        assert_eq!(history.log.len(), 30 + 1);
    }

    #[test]
    fn a_busy_world_remembers_fewer_ticks() {
        let mut history = History::default();
        let movers = REWIND_CHANGES_MAX as u32 / 10;
        for tick in 1..=20u64 {
            history.begin(Tick(tick), TickRate::DEFAULT);
            for i in 0..movers {
                history.note(entity(i), NetId(i + 1), &at_x(tick as f32));
            }
        }
        assert!(history.log.len() <= REWIND_CHANGES_MAX + movers as usize);
        let oldest = history.nearest(Tick(0));
        assert!((9..=11).contains(&oldest.0), "{oldest}");
        assert_eq!(history.at(entity(7), NetId(8), oldest), Some(x(oldest.0 as f32)));
    }
}
