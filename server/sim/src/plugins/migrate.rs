//! A component gets another schema, with what every entity has of it.
//!
//! The new schema is a component of its own under the same name: clients are taught it like any other that comes to be,
//! and what is still on its way to them says the old number, which they keep. What a world's rows become follows from the
//! names of fields alone. All rows are carried over or none.

use bevy_ecs::world::World;
use hd1_abi::plan::Plan;
use hd1_abi::value;
use hd1_core::NetId;
use hd1_schema::schema::FieldSchema;
use hd1_schema::{FieldKind, Record, Value};
use hd1_world::{Catalogue, ComponentEntry, NetIndex, entity_of};

/// A component of which there is a newer schema.
pub(super) struct Change {
    pub old: ComponentEntry,
    pub new: ComponentEntry,
}

/// What every entity that has one is to have instead.
pub(super) struct Rows(Vec<(NetId, Record)>);

impl Change {
    /// Does a plan work on it as it was? One that declares the new schema does not.
    pub fn concerns(&self, plan: &Plan) -> bool {
        let name = &self.new.schema.name;
        let declared = plan.components.iter().find(|declared| declared.name == *name);
        if let Some(declared) = declared {
            return declared.schema(self.new.id()) != *self.new.schema;
        }
        self.is_named(plan)
    }

    /// Does a plan name it at all?
    pub fn is_named(&self, plan: &Plan) -> bool {
        let name = &self.new.schema.name;
        let of_systems = plan.systems.iter().flat_map(|system| system.components());
        of_systems.chain(plan.hooks.iter().flat_map(|hook| &hook.commands)).any(|other| other == name)
            || plan.components.iter().any(|declared| declared.name == *name)
    }

    /// Are there fields that the new schema has not? What is in them is lost.
    pub fn drops_fields(&self) -> bool {
        let new = &self.new.schema.fields;
        self.old.schema.fields.iter().any(|old| new.iter().all(|field| field.name != old.name))
    }

    /// Makes the rows that all entities are to have; the world stays as it is.
    ///
    /// # Errors
    /// A field is of another kind, or an entity's row is one that the new schema refuses.
    pub fn rows(&self, world: &World) -> Result<Rows, String> {
        let name = &self.new.schema.name;
        let fields = self.fields()?;
        let mut rows = Vec::new();
        for (id, entity) in world.resource::<NetIndex>().iter() {
            let Some(record) = self.old.read(world.entity(entity)) else { continue };
            let mut next = self.new.schema.default_record();
            for (from, to) in &fields {
                next[*to] =
                    self.value(*from, *to, &record[*from]).map_err(|what| format!("entity {id}: {name}.{what}"))?;
            }
            if let Some(what) = self.new.refusal(&value::words_of(&next)) {
                return Err(format!("entity {id}: {name}.{what}"));
            }
            rows.push((id, next));
        }
        Ok(Rows(rows))
    }

    /// The fields that both have, by their places.
    fn fields(&self) -> Result<Vec<(usize, usize)>, String> {
        let mut both = Vec::new();
        for (to, field) in self.new.schema.fields.iter().enumerate() {
            let Some(from) = self.old.schema.fields.iter().position(|old| old.name == field.name) else { continue };
            let old: &FieldSchema = &self.old.schema.fields[from];
            if std::mem::discriminant(&old.kind) != std::mem::discriminant(&field.kind) {
                let name = &self.new.schema.name;
                return Err(format!("{name}.{} is of another kind than it was; call it differently", field.name));
            }
            both.push((from, to));
        }
        Ok(both)
    }

    /// A value as it is; a name of a list is found by its name.
    fn value(&self, from: usize, to: usize, value: &Value) -> Result<Value, String> {
        let (old, new) = (&self.old.schema.fields[from], &self.new.schema.fields[to]);
        let (FieldKind::Enum { variants: before }, FieldKind::Enum { variants: now }, Value::Enum(index)) =
            (&old.kind, &new.kind, value)
        else {
            return Ok(value.clone());
        };
        let name = before.get(*index as usize);
        let found = name.and_then(|name| now.iter().position(|other| other == name));
        let missing = || format!("{}: there is no {} any more", new.name, name.map_or("such name", String::as_str));
        found.map(|index| Value::Enum(index as u32)).ok_or_else(missing)
    }

    /// Gives every entity its new row in place of the old one.
    pub fn carry_over(&self, world: &mut World, Rows(rows): Rows) {
        for (id, record) in rows {
            let Some(entity) = entity_of(world, id) else { continue };
            let mut entity = world.entity_mut(entity);
            self.old.remove(&mut entity);
            self.new.insert(&mut entity, &record);
        }
    }
}

/// The entry of a name as it is now.
pub(super) fn entry(world: &World, name: &str) -> Option<ComponentEntry> {
    world.resource::<Catalogue>().by_name(name).cloned()
}
