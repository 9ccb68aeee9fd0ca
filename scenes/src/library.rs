//! The scenes that come with the server, by name.

use crate::reader;
use crate::scene::{Scene, SceneError};

/// Name and text of every scene of the library.
pub const LIBRARY: [(&str, &str); 4] = [
    ("asteroids", include_str!("../library/asteroids.json")),
    ("city", include_str!("../library/city.json")),
    ("cubes", include_str!("../library/cubes.json")),
    ("lobby", include_str!("../library/lobby.json")),
];

/// The scene of a name.
///
/// # Errors
/// [`SceneError::Unknown`], naming the nearest.
pub fn load(name: &str) -> Result<Scene, SceneError> {
    match LIBRARY.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => Scene::parse(text),
        None => {
            let hint = reader::unknown("scene", name, LIBRARY.iter().map(|(known, _)| *known));
            Err(SceneError::Unknown { name: name.to_owned(), hint })
        }
    }
}
