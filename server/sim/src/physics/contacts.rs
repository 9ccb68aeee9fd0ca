//! Contacts between bodies that asked for them, as messages of the tick.

use std::sync::Mutex;

use bevy_ecs::message::{Message, Messages};
use bevy_ecs::world::World;
use hd1_core::NetId;
use rapier3d::prelude::{
    ColliderHandle, ColliderSet, CollisionEvent, ContactPair, EventHandler, PhysicsWorld, RigidBodySet, SoftBodySet,
    SoftBodyTearEvent,
};

use crate::limits::CONTACTS_PER_TICK_MAX;

/// Two bodies touch that did not a tick ago; told where one of their Colliders has `events`. Lives for the tick.
#[derive(Message, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContactStarted {
    /// The one with the lesser id.
    pub a: NetId,
    /// The other.
    pub b: NetId,
}

/// Two bodies no longer touch. Lives for the tick.
#[derive(Message, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContactStopped {
    /// The one with the lesser id.
    pub a: NetId,
    /// The other.
    pub b: NetId,
}

/// What Rapier reports during a step.
#[derive(Default)]
pub(super) struct Collector(Mutex<Vec<(NetId, NetId, bool)>>);

impl EventHandler for Collector {
    fn handle_collision_event(
        &self,
        _bodies: &RigidBodySet,
        colliders: &ColliderSet,
        event: CollisionEvent,
        _pair: Option<&ContactPair>,
    ) {
        let id = |handle: ColliderHandle| colliders.get(handle).map_or(NetId::NONE, |c| NetId(c.user_data as u32));
        let (a, b) = (id(event.collider1()), id(event.collider2()));
        let mut seen = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if seen.len() < CONTACTS_PER_TICK_MAX {
            seen.push((a.min(b), a.max(b), event.started()));
        }
    }

    fn handle_contact_force_event(&self, _: f32, _: &RigidBodySet, _: &ColliderSet, _: &ContactPair, _: f32) {}

    fn handle_soft_body_tear_event(&self, _: &SoftBodySet, _: &SoftBodyTearEvent) {}
}

impl Collector {
    /// Replaces the last tick's messages by this step's, in the order of ids.
    pub(super) fn tell(self, world: &mut World, _physics: &PhysicsWorld) {
        let mut seen = self.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        seen.sort_unstable();
        world.resource_mut::<Messages<ContactStarted>>().clear();
        world.resource_mut::<Messages<ContactStopped>>().clear();
        for (a, b, started) in seen {
            if started {
                world.resource_mut::<Messages<ContactStarted>>().write(ContactStarted { a, b });
            } else {
                world.resource_mut::<Messages<ContactStopped>>().write(ContactStopped { a, b });
            }
        }
    }
}
