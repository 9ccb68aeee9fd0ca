//! What of an entity decides where it belongs.

use hd1_core::{NetId, PlayerId};
use hd1_schema::{ComponentId, ComponentSchema, FieldKind, Row};
use hd1_world::components::{
    Audience as AudienceComponent, Geometry, Light, LightKind, Owner, Parent, Transform, Watchers,
};
use hd1_world::described::Described;

use crate::place::Audience;

/// How many cells across something may be and still be shown only from near.
const CELLS_ACROSS_MAX: f32 = 2.0;

/// See the module's words.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Facts {
    /// What it is attached to; nobody for none.
    pub parent: NetId,
    owner: PlayerId,
    watchers: Watchers,
    channels: u32,
    everywhere: bool,
    /// Light from everywhere or from afar.
    shines_everywhere: bool,
    /// Greatest extent of its form, before it is scaled.
    extent_m: f32,
    /// Greatest factor of its scale.
    scale: f32,
}

/// Metres of a step of positions, where the schema is that of a transform.
pub(super) fn position_step(schema: &ComponentSchema) -> Option<f32> {
    match schema.fields.first().map(|field| &field.kind) {
        Some(FieldKind::Vec3 { step, .. }) if schema.id == Transform::ID => Some(*step),
        _ => None,
    }
}

impl Facts {
    /// Takes in a component; does it decide anything?
    pub(super) fn learn(&mut self, component: ComponentId, row: &Row) -> bool {
        let lane = |i: usize| row.lanes.get(i).copied().unwrap_or(0);
        let metres = |i: usize| lane(i) as f32 * 0.001;
        match component {
            Transform::ID => self.scale = (7..10).map(metres).fold(0.0, f32::max),
            Parent::ID => self.parent = NetId(lane(0) as u32),
            Owner::ID => self.owner = PlayerId(lane(0) as u32),
            AudienceComponent::ID => {
                self.watchers = match lane(0) {
                    1 => Watchers::Owner,
                    2 => Watchers::Channels,
                    _ => Watchers::Everyone,
                };
                (self.channels, self.everywhere) = (lane(1) as u32, lane(2) != 0);
            }
            Geometry::ID => self.extent_m = (1..6).map(metres).fold(0.0, f32::max),
            Light::ID => {
                self.shines_everywhere = [LightKind::Ambient as i32, LightKind::Directional as i32].contains(&lane(0));
            }
            _ => return false,
        }
        true
    }

    /// As [`Facts::learn`], where a component is gone.
    pub(super) fn unlearn(&mut self, component: ComponentId) -> bool {
        let none = Facts::default();
        match component {
            Parent::ID => self.parent = none.parent,
            Owner::ID => self.owner = none.owner,
            AudienceComponent::ID => {
                (self.watchers, self.channels, self.everywhere) = (none.watchers, none.channels, none.everywhere);
            }
            Geometry::ID => self.extent_m = none.extent_m,
            Light::ID => self.shines_everywhere = none.shines_everywhere,
            Transform::ID => {}
            _ => return false,
        }
        true
    }

    /// Whom it is shown to, where it says so itself.
    pub(super) fn audience(&self) -> Option<Audience> {
        match self.watchers {
            Watchers::Everyone => None,
            Watchers::Owner => Some(Audience::Owner(self.owner)),
            Watchers::Channels => Some(Audience::Channels(self.channels)),
        }
    }

    /// Is it seen from everywhere, by its own will or its size?
    pub(super) fn is_everywhere(&self, cell_m: f32) -> bool {
        self.everywhere || self.shines_everywhere || self.extent_m * self.scale > cell_m * CELLS_ACROSS_MAX
    }
}
