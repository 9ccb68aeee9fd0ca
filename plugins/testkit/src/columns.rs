//! The components that a plan names: what a world would make of them when the plugin is attached.

use std::collections::BTreeMap;

use hd1_abi::Plan;
use hd1_abi::plan::System;
use hd1_schema::{ComponentSchema, FieldKind};
use hd1_world::components::{Authority, Avatar, CameraView, Owner, Parent};
use hd1_world::{Described, Guard};

/// Components that the server alone writes, as in `server/sim`.
fn is_server_only(name: &str) -> bool {
    [Owner::ID, Avatar::ID, CameraView::ID, Authority::ID].contains(&id_of(name))
}

fn id_of(name: &str) -> hd1_schema::ComponentId {
    let builtin = hd1_world::builtin_schemas().into_iter().find(|schema| schema.name == name);
    builtin.map_or(hd1_schema::ComponentId::FIRST_DYNAMIC, |schema| schema.id)
}

/// All that a world of this plugin knows.
#[derive(Debug)]
pub(crate) struct Columns(BTreeMap<String, Known>);

/// A component.
#[derive(Debug)]
pub(crate) struct Known {
    pub schema: ComponentSchema,
    /// Of a row of its column; `None` where it has none.
    pub words: Option<usize>,
    guard: Guard,
}

impl Columns {
    /// Those of a world, those of plugins beside, and those that the plan brings.
    ///
    /// # Errors
    /// What a world would say that refuses to take the plugin.
    pub fn of(plan: &Plan, beside: &[Plan]) -> Result<Self, String> {
        let mut known = BTreeMap::new();
        for schema in hd1_world::builtin_schemas() {
            // In memory such a `bool` is a byte.
            let has_bool = schema.fields.iter().any(|field| matches!(field.kind, FieldKind::Bool));
            let words = words_of(&schema).filter(|_| !has_bool);
            known.insert(schema.name.clone(), Known::new(schema, words));
        }
        for declared in beside.iter().chain([plan]).flat_map(|plan| &plan.components) {
            let schema = declared.schema(hd1_schema::ComponentId::FIRST_DYNAMIC);
            match known.get(&schema.name) {
                Some(other) if other.schema == schema => {}
                Some(_) => {
                    let reason = "the world has another component of this name; call it differently";
                    return Err(format!("component {}: {reason}", schema.name));
                }
                None => {
                    let words = words_of(&schema);
                    known.insert(schema.name.clone(), Known::new(schema, words));
                }
            }
        }
        let columns = Columns(known);
        for system in &plan.systems {
            columns.check(system).map_err(|reason| format!("system {}: {reason}", system.name))?;
        }
        for hook in &plan.hooks {
            let is_odd = |name: &&String| !columns.0.contains_key(*name) || is_server_only(name);
            if let Some(name) = hook.commands.iter().find(is_odd) {
                return Err(format!("hook {}: no world lets it insert or remove {name}", hook.name));
            }
        }
        Ok(columns)
    }

    fn check(&self, system: &System) -> Result<(), String> {
        if let Some(name) = system.components().find(|name| !self.0.contains_key(*name)) {
            return Err(format!("no world has a component {name}, and the plan does not bring it"));
        }
        if let Some(name) = system.gather.iter().find(|name| self.0[*name].words.is_none()) {
            return Err(format!("{name} has no column: it cannot be looked up"));
        }
        for query in &system.queries {
            if let Some(name) = query.columns().find(|name| self.0[*name].words.is_none()) {
                return Err(format!("{name} has no column: it can be in `with` and `without` alone"));
            }
            if let Some(name) = query.write.iter().find(|name| is_server_only(name)) {
                return Err(format!("it cannot write {name}: the server alone does"));
            }
            if query.write.iter().any(|name| id_of(name) == Parent::ID) {
                return Err("it cannot write Parent; insert it by a command".to_owned());
            }
        }
        match system.commands.iter().find(|name| is_server_only(name)) {
            Some(name) => Err(format!("it cannot insert or remove {name}: the server alone does")),
            None => Ok(()),
        }
    }

    /// A component that the plan names.
    pub fn of_name(&self, name: &str) -> &Known {
        &self.0[name]
    }

    /// Words of a row of a column that the plan names.
    pub fn words(&self, name: &str) -> usize {
        self.0[name].words.unwrap_or_default()
    }
}

impl Known {
    fn new(schema: ComponentSchema, words: Option<usize>) -> Self {
        let guard = Guard::of(&schema);
        Known { schema, words, guard }
    }

    /// Why no world takes this row; `None` where it does.
    pub fn refusal(&self, row: &[u32]) -> Option<String> {
        let bytes: Vec<u8> = row.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.guard.refusal(&bytes)
    }

    /// Is every real number of a row finite? Then at least it was meant.
    pub fn is_finite(&self, row: &[u32]) -> bool {
        let mut rest = row;
        self.schema.fields.iter().all(|field| {
            let Some((own, after)) = rest.split_at_checked(field.kind.plain_words().unwrap_or_default()) else {
                return true;
            };
            rest = after;
            let is_real = matches!(
                field.kind,
                FieldKind::F32 { .. } | FieldKind::Vec3 { .. } | FieldKind::Quat | FieldKind::Color
            );
            !is_real || own.iter().all(|word| f32::from_bits(*word).is_finite())
        })
    }

    /// The field that a word of a row belongs to, and the word as people read it.
    pub fn read(&self, word: usize, value: u32) -> (String, String) {
        let mut first = 0;
        for field in &self.schema.fields {
            let words = field.kind.plain_words().unwrap_or_default();
            if word < first + words {
                let axis = ["x", "y", "z", "w"].get(word - first).filter(|_| words > 1);
                let axis = axis.map(|axis| format!(".{axis}")).unwrap_or_default();
                return (format!("{}.{}{axis}", self.schema.name, field.name), as_text(&field.kind, value));
            }
            first += words;
        }
        (self.schema.name.clone(), value.to_string())
    }
}

fn as_text(kind: &FieldKind, value: u32) -> String {
    match kind {
        FieldKind::F32 { .. } | FieldKind::Vec3 { .. } | FieldKind::Quat | FieldKind::Color => {
            format!("{:?}", f32::from_bits(value))
        }
        FieldKind::I32 { .. } => (value as i32).to_string(),
        FieldKind::Enum { variants } => variants.get(value as usize).cloned().unwrap_or_else(|| value.to_string()),
        _ => value.to_string(),
    }
}

fn words_of(schema: &ComponentSchema) -> Option<usize> {
    schema.fields.iter().map(|field| field.kind.plain_words()).sum()
}
