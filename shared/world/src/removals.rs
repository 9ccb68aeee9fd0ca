//! What went away since someone last looked: removed components and despawned entities, in order.
//!
//! bevy keeps removals for two updates and knows them by its own entity numbers; captures may come less often and need
//! net ids, so component hooks write this log instead.

use std::collections::VecDeque;

use bevy_ecs::component::ComponentId as BevyId;
use bevy_ecs::lifecycle::HookContext;
use bevy_ecs::resource::Resource;
use bevy_ecs::world::DeferredWorld;
use hd1_core::NetId;

use crate::limits::REMOVALS_KEPT_MAX;
use crate::net_id::Networked;

/// One entity or component that went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The entity.
    pub id: NetId,
    /// The component; `None` is the whole entity.
    pub component: Option<BevyId>,
}

/// The newest removals, counted from the first of the world.
#[derive(Resource, Default)]
pub struct Removals {
    log: VecDeque<Removal>,
    end: u64,
}

impl Removals {
    /// How many there have ever been: the cursor of one who has seen all.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Those from `cursor` on; `None` where some of them are no longer kept.
    #[must_use]
    pub fn since(&self, cursor: u64) -> Option<impl Iterator<Item = Removal> + '_> {
        let missed = self.end.checked_sub(cursor)?;
        let skip = (self.log.len() as u64).checked_sub(missed)?;
        Some(self.log.range(skip as usize..).copied())
    }

    pub(crate) fn push(&mut self, removal: Removal) {
        if self.log.len() == REMOVALS_KEPT_MAX {
            self.log.pop_front();
        }
        self.log.push_back(removal);
        self.end += 1;
    }
}

/// The hook of every component of the catalogue.
pub fn on_remove(mut world: DeferredWorld, context: HookContext) {
    let Some(Networked(id)) = world.get::<Networked>(context.entity).copied() else { return };
    if let Some(mut removals) = world.get_resource_mut::<Removals>() {
        removals.push(Removal { id, component: Some(context.component_id) });
    }
}
