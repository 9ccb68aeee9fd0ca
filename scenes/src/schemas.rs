//! The components that a scene may name: the built-in ones and those it declares itself.
//!
//! Also what ingress uses to read components from clients, so that both give the same refusals.

use std::collections::BTreeMap;
use std::sync::Arc;

use hd1_schema::json::Refusal;
use hd1_schema::{ComponentId, ComponentSchema, Record};
use hd1_world::limits::DYNAMIC_COMPONENTS_MAX;
use serde_json::Value as Json;

use crate::reader;

/// Schemas by name.
#[derive(Clone, Debug)]
pub struct Schemas {
    by_name: BTreeMap<String, Arc<ComponentSchema>>,
}

impl Default for Schemas {
    fn default() -> Self {
        Self::of(hd1_world::builtin_schemas().into_iter().map(Arc::new))
    }
}

impl Schemas {
    /// These schemas.
    pub fn of(schemas: impl IntoIterator<Item = Arc<ComponentSchema>>) -> Self {
        Schemas { by_name: schemas.into_iter().map(|schema| (schema.name.clone(), schema)).collect() }
    }

    /// The schema of a name.
    ///
    /// # Errors
    /// At `path`, naming the nearest known one.
    pub fn named(&self, name: &str, path: &str) -> Result<&Arc<ComponentSchema>, Refusal> {
        let known = || self.by_name.keys().map(String::as_str);
        self.by_name.get(name).ok_or_else(|| Refusal::new(path, reader::unknown("component", name, known())))
    }

    /// Every schema by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<ComponentSchema>> {
        self.by_name.values()
    }

    /// Adds one that a scene declares, giving it the next free id where it has none.
    pub(crate) fn declare(&mut self, json: &Json, path: &str) -> Result<ComponentSchema, Refusal> {
        let declared = self.by_name.values().map(|s| s.id).filter(|id| *id >= ComponentId::FIRST_DYNAMIC);
        let next = declared.clone().max().map_or(ComponentId::FIRST_DYNAMIC.0, |id| id.0.saturating_add(1));
        let mut json = json.clone();
        if let Some(map) = json.as_object_mut() {
            map.entry("id").or_insert_with(|| next.into());
            map.entry("doc").or_insert_with(|| "".into());
        }
        let schema: ComponentSchema =
            serde_json::from_value(json).map_err(|error| Refusal::new(path, error.to_string()))?;
        schema.check().map_err(|fault| Refusal::new(path, fault.to_string()))?;
        if schema.id < ComponentId::FIRST_DYNAMIC {
            return Err(Refusal::new(format!("{path}.id"), "must be >= 1000; lower ones are for built-in components"));
        }
        if declared.count() >= DYNAMIC_COMPONENTS_MAX {
            return Err(Refusal::new(
                path,
                format!("a world has at most {DYNAMIC_COMPONENTS_MAX} declared components"),
            ));
        }
        if let Some(field) = schema.fields.iter().find(|field| field.kind.plain_words().is_none()) {
            return Err(Refusal::new(
                path,
                format!("{}: text and points cannot be in a declared component", field.name),
            ));
        }
        if self.by_name.values().any(|other| other.id == schema.id) {
            return Err(Refusal::new(format!("{path}.id"), format!("{} is taken; leave it out", schema.id.0)));
        }
        if self.by_name.contains_key(&schema.name) {
            return Err(Refusal::new(format!("{path}.name"), format!("{} is taken; choose another", schema.name)));
        }
        self.by_name.insert(schema.name.clone(), Arc::new(schema.clone()));
        Ok(schema)
    }
}

/// Reads one component; a field that it does not have is refused with the nearest one that it has.
///
/// # Errors
/// The first fault with its path below `path`.
pub fn parse_component(schema: &ComponentSchema, json: &Json, path: &str) -> Result<Record, Refusal> {
    let mut record = schema.default_record();
    patch_component(schema, &mut record, json, path)?;
    Ok(record)
}

/// Changes the named fields of a component.
///
/// # Errors
/// The first fault with its path below `path`; the record is unchanged then.
pub fn patch_component(schema: &ComponentSchema, record: &mut Record, json: &Json, path: &str) -> Result<(), Refusal> {
    if let Some(key) = json.as_object().and_then(|map| map.keys().find(|k| schema.fields.iter().all(|f| f.name != **k)))
    {
        let known = schema.fields.iter().map(|field| field.name.as_str());
        return Err(Refusal::new(format!("{path}.{key}"), reader::unknown("field", key, known)));
    }
    schema.patch_json(record, json, path)
}
