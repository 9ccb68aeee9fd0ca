//! A scene: what a new world holds, read from JSON and checked whole before any of it is used.

use std::collections::BTreeMap;
use std::sync::Arc;

use hd1_core::NetId;
use hd1_schema::json::Refusal;
use hd1_schema::{ComponentId, ComponentSchema, FieldKind, Record, Value};
use hd1_world::components::{Authority, Avatar, CameraView, Collider, Owner, Parent, RigidBody};
use hd1_world::described::Described;
use serde_json::{Value as Json, json};

use crate::limits::*;
use crate::reader::Object;
use crate::schemas::{Schemas, parse_component};
use crate::settings::Settings;

/// A checked scene with its generate blocks expanded.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Name, for people.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// Components that it declares, to be registered in its world.
    pub declared: Vec<ComponentSchema>,
    /// The world's settings.
    pub settings: Settings,
    /// In the order of their ids; each has one.
    pub entities: Vec<SceneEntity>,
}

/// One entity of a scene.
#[derive(Clone, Debug, PartialEq)]
pub struct SceneEntity {
    /// Its net id.
    pub id: Option<NetId>,
    /// Its components with checked values.
    pub components: Vec<(Arc<ComponentSchema>, Record)>,
}

impl SceneEntity {
    /// The values of a component, added with its defaults where missing.
    pub(crate) fn component_mut(&mut self, schema: &Arc<ComponentSchema>) -> &mut Record {
        let i = self.components.iter().position(|(s, _)| s.id == schema.id).unwrap_or_else(|| {
            self.components.push((schema.clone(), schema.default_record()));
            self.components.len() - 1
        });
        &mut self.components[i].1
    }

    fn component(&self, id: ComponentId) -> Option<&Record> {
        self.components.iter().find(|(schema, _)| schema.id == id).map(|(_, record)| record)
    }
}

/// Why a scene is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SceneError {
    /// Too large.
    #[error("scene has {bytes} bytes: must be at most {SCENE_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Nested too deeply.
    #[error("scene is nested deeper than {SCENE_DEPTH_MAX} levels at byte {offset}")]
    TooDeep {
        /// Where the level begins.
        offset: usize,
    },
    /// Not JSON.
    #[error("scene is not JSON: {0}")]
    Syntax(String),
    /// A fault at one place.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No scene of that name in the library.
    #[error("no scene {name} in the library: {hint}")]
    Unknown {
        /// The name.
        name: String,
        /// The nearest, or the list.
        hint: String,
    },
}

impl Scene {
    /// Reads and checks a scene file.
    ///
    /// # Errors
    /// Its first fault, with the place: `scene.entities[3].components.Geometry.radius: must be > 0`.
    pub fn parse(text: &str) -> Result<Scene, SceneError> {
        if text.len() > SCENE_BYTES_MAX {
            return Err(SceneError::TooLarge { bytes: text.len() });
        }
        check_depth(text)?;
        let json: Json = serde_json::from_str(text).map_err(|error| SceneError::Syntax(error.to_string()))?;
        Ok(Self::of_json(&json)?)
    }

    fn of_json(json: &Json) -> Result<Scene, Refusal> {
        let mut root = Object::new(json, "scene")?;
        // The schema's address, for editors.
        root.field("$schema");
        let name = root.text("name", NAME_BYTES_MAX, "")?;
        let description = root.text("description", DESCRIPTION_BYTES_MAX, "")?;
        let mut schemas = Schemas::default();
        let mut declared = Vec::new();
        for (json, path) in root.list("components", hd1_world::limits::DYNAMIC_COMPONENTS_MAX)? {
            declared.push(schemas.declare(json, &path)?);
        }
        let settings = match root.field("settings") {
            None => Settings::default(),
            Some((json, path)) => Settings::parse(json, &path, &schemas)?,
        };
        let mut entities = Vec::new();
        let mut paths = Vec::new();
        for (json, path) in root.list("entities", SCENE_ENTITIES_MAX)? {
            entities.push(parse_entity(json, &path, &schemas)?);
            paths.push(path);
        }
        for (json, path) in root.list("generate", GENERATE_BLOCKS_MAX)? {
            let made = crate::generate::expand(json, &path, &schemas, SCENE_ENTITIES_MAX - entities.len())?;
            paths.resize(paths.len() + made.len(), path);
            entities.extend(made);
        }
        root.finish()?;
        let mut scene = Scene { name, description, declared, settings, entities };
        scene.number(&paths)?;
        scene.check_references(&paths)?;
        scene.entities.sort_by_key(|entity| entity.id);
        Ok(scene)
    }

    /// Gives an id to those that have none, above those that have one.
    fn number(&mut self, paths: &[String]) -> Result<(), Refusal> {
        let mut next = self.entities.iter().filter_map(|entity| entity.id).max().map_or(1, |id| id.0 + 1);
        let mut seen = BTreeMap::new();
        for (entity, path) in self.entities.iter_mut().zip(paths) {
            let id = *entity.id.get_or_insert_with(|| {
                next += 1;
                NetId(next - 1)
            });
            if let Some(other) = seen.insert(id, path) {
                return Err(Refusal::new(format!("{path}.id"), format!("{id} is also that of {other}")));
            }
        }
        Ok(())
    }

    fn check_references(&self, paths: &[String]) -> Result<(), Refusal> {
        let parents: BTreeMap<NetId, Option<NetId>> = self
            .entities
            .iter()
            .map(|entity| {
                (entity.id.unwrap_or_default(), entity.component(Parent::ID).map(|r| Parent::from_record(r).entity))
            })
            .collect();
        for (entity, path) in self.entities.iter().zip(paths) {
            for (schema, record) in &entity.components {
                for (field, value) in schema.fields.iter().zip(record) {
                    let at = || format!("{path}.components.{}.{}", schema.name, field.name);
                    if let (FieldKind::Entity, Value::Entity(id)) = (&field.kind, value)
                        && *id != 0
                        && !parents.contains_key(&NetId(*id))
                    {
                        return Err(Refusal::new(at(), format!("no entity of this scene has the id {id}")));
                    }
                }
                let body = [RigidBody::ID, Collider::ID].contains(&schema.id);
                if body && self.settings.gravity.is_none() {
                    let at = format!("{path}.components.{}", schema.name);
                    return Err(Refusal::new(at, "needs physics; add `\"physics\": {}` to the scene's settings"));
                }
                if schema.id == RigidBody::ID && entity.component(Parent::ID).is_some() {
                    return Err(Refusal::new(
                        format!("{path}.components.RigidBody"),
                        "cannot be on an entity with a Parent",
                    ));
                }
            }
            let (mut at, mut steps) = (entity.id, 0);
            while let Some(Some(parent)) = at.and_then(|id| parents.get(&id)) {
                steps += 1;
                if steps > PARENT_DEPTH_MAX {
                    let at = format!("{path}.components.Parent.entity");
                    return Err(Refusal::new(at, format!("makes a circle or more than {PARENT_DEPTH_MAX} levels")));
                }
                at = Some(*parent);
            }
        }
        Ok(())
    }

    /// The scene as JSON, its generate blocks written out; [`Scene::parse`] reads it again.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let schemas = self.schemas();
        let entity = |entity: &SceneEntity| {
            let components: serde_json::Map<_, _> = entity
                .components
                .iter()
                .map(|(schema, record)| (schema.name.clone(), schema.to_json(record)))
                .collect();
            json!({ "id": entity.id, "components": components })
        };
        json!({
            "name": self.name,
            "description": self.description,
            "components": self.declared,
            "settings": self.settings.to_json(&schemas),
            "entities": self.entities.iter().map(entity).collect::<Vec<_>>(),
        })
    }

    /// The built-in schemas and those the scene declares.
    #[must_use]
    pub fn schemas(&self) -> Schemas {
        Schemas::of(hd1_world::builtin_schemas().into_iter().chain(self.declared.iter().cloned()).map(Arc::new))
    }
}

fn parse_entity(json: &Json, path: &str, schemas: &Schemas) -> Result<SceneEntity, Refusal> {
    let mut object = Object::new(json, path)?;
    let id = object.whole("id", 1, ENTITY_ID_MAX, 0)?;
    let components = match object.field("components") {
        None => Vec::new(),
        Some((json, at)) => parse_components(json, &at, schemas)?,
    };
    object.finish()?;
    Ok(SceneEntity { id: (id != 0).then_some(NetId(id)), components })
}

/// Components that only a running world has.
const NOT_IN_SCENES: [ComponentId; 4] = [Owner::ID, Avatar::ID, CameraView::ID, Authority::ID];

pub(crate) fn parse_components(
    json: &Json,
    path: &str,
    schemas: &Schemas,
) -> Result<Vec<(Arc<ComponentSchema>, Record)>, Refusal> {
    let Some(map) = json.as_object() else { return Err(Refusal::new(path, "must be an object of components by name")) };
    let mut components = Vec::with_capacity(map.len());
    for (name, json) in map {
        let at = format!("{path}.{name}");
        let schema = schemas.named(name, &at)?;
        if NOT_IN_SCENES.contains(&schema.id) {
            return Err(Refusal::new(at, "is made by the server for players; leave it out"));
        }
        components.push((schema.clone(), parse_component(schema, json, &at)?));
    }
    components.sort_by_key(|(schema, _)| schema.id);
    Ok(components)
}

/// Refuses nesting that the parser would follow down the stack.
fn check_depth(text: &str) -> Result<(), SceneError> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for (offset, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > SCENE_DEPTH_MAX {
                    return Err(SceneError::TooDeep { offset });
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}
