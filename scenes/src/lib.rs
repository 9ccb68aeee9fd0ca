//! Scene files: format, validator, library.
//!
//! A scene says what a new world holds. It is checked whole, with exact places, before a world is made of it; it never
//! runs anything. Start with [`scene`], see `scenes/library/` for examples and `scenes/scene.schema.json` for editors.

pub mod limits;

mod reader;
pub mod schemas;
pub mod settings;

pub mod scene;

mod generate;

pub mod library;
pub mod published;

pub use hd1_schema::json::Refusal;
pub use library::{LIBRARY, load};
pub use scene::{Scene, SceneEntity, SceneError};
pub use schemas::{Schemas, parse_component, patch_component};
pub use settings::Settings;

#[cfg(test)]
mod tests;
