//! Scenes by name or inline, each library scene read once and shared by all worlds made of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use hd1_api::{SceneInfo, SceneSource};
use hd1_control::WorldError;
use hd1_core::TickRate;
use hd1_scenes::{LIBRARY, Scene, SceneError};

/// The scenes that were asked for.
#[derive(Default)]
pub struct Library {
    read: Mutex<BTreeMap<String, Arc<Scene>>>,
    infos: OnceLock<Vec<SceneInfo>>,
}

impl Library {
    /// The scene that a session begins with.
    ///
    /// # Errors
    /// [`WorldError::Refused`] with the place of its first fault.
    pub fn scene(&self, source: &SceneSource) -> Result<Arc<Scene>, WorldError> {
        match source {
            SceneSource::Library(name) => self.named(name),
            SceneSource::Inline(scene) => {
                let text = serde_json::Value::Object(scene.clone()).to_string();
                Ok(Arc::new(Scene::parse(&text).map_err(refused)?))
            }
        }
    }

    /// All scenes, by name.
    pub fn list(&self) -> Vec<SceneInfo> {
        let infos = || LIBRARY.iter().filter_map(|(name, _)| self.info(name)).collect();
        self.infos.get_or_init(infos).clone()
    }

    fn info(&self, name: &str) -> Option<SceneInfo> {
        let scene = self.named(name).ok()?;
        Some(SceneInfo {
            name: name.to_owned(),
            description: scene.description.clone(),
            entity_count: scene.entities.len() as u64,
            tick_rate: TickRate::DEFAULT.hz(),
        })
    }

    fn named(&self, name: &str) -> Result<Arc<Scene>, WorldError> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(scene) = read.get(name) {
            return Ok(Arc::clone(scene));
        }
        let scene = Arc::new(hd1_scenes::load(name).map_err(refused)?);
        read.insert(name.to_owned(), Arc::clone(&scene));
        Ok(scene)
    }
}

fn refused(error: SceneError) -> WorldError {
    let message = error.to_string();
    match error {
        SceneError::Refused(refusal) => WorldError::Refused { path: refusal.path, message: refusal.reason },
        SceneError::TooLarge { .. }
        | SceneError::TooDeep { .. }
        | SceneError::Syntax(_)
        | SceneError::Unknown { .. } => WorldError::Refused { path: "scene".to_owned(), message },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_library_scene_is_listed_and_shared() {
        let library = Library::default();
        assert_eq!(library.list().len(), LIBRARY.len());
        let lobby = SceneSource::Library("lobby".to_owned());
        assert!(Arc::ptr_eq(&library.scene(&lobby).unwrap(), &library.scene(&lobby).unwrap()));
    }

    #[test]
    fn a_fault_is_told_with_its_place() {
        let source = SceneSource::Library("loby".to_owned());
        let WorldError::Refused { path, message } = Library::default().scene(&source).err().unwrap() else {
            panic!("it is refused");
        };
        assert_eq!(path, "scene");
        assert!(message.contains("lobby"), "{message}");
    }
}
