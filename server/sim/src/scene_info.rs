//! What the scene said of its world beyond entities.

use bevy_ecs::resource::Resource;
use hd1_scenes::Settings;
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
