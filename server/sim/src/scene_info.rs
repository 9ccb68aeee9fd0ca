//! What the scene said of its world beyond entities.

use bevy_ecs::resource::Resource;
use hd1_scenes::Settings;
use hd1_world::math::Vec3;
use serde::{Deserialize, Serialize};

/// Name, description and settings of the scene that the world was made of.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SceneInfo {
    /// For people.
    pub name: String,
    /// For people.
    pub description: String,
    /// Physics, movement, bounds, spawn points, sky.
    pub settings: Settings,
}

impl SceneInfo {
    /// Where viewers look from until they say otherwise, in metres: the first spawn point.
    #[must_use]
    pub fn first_look(&self) -> Vec3 {
        self.settings.spawn_points.first().map_or([0.0; 3], |point| point.position)
    }
}
