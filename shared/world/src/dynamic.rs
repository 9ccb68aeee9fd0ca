//! Components registered at run time: plain 32-bit words whose meaning is their schema's.
//!
//! bevy hands out untyped pointers for such columns, hence `unsafe`; [`crate::columns`] has the rest of this crate's.

#![allow(unsafe_code)]

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::Arc;

use bevy_ecs::component::{ComponentCloneBehavior, ComponentDescriptor, ComponentId as BevyId, StorageType};
use bevy_ecs::ptr::{OwningPtr, Ptr};
use bevy_ecs::query::{QueryBuilder, QueryState};
use bevy_ecs::world::{EntityRef, EntityWorldMut, FilteredEntityRef, World};
use hd1_schema::{ComponentSchema, FieldKind, Record, Row, Value};

use crate::capture::Window;
use crate::catalogue::{Access, Cell, Scanner, Visit};
use crate::net_id::Networked;
use crate::{canonical, removals};

/// A column of plain words. Made by [`register`] alone, so `bevy_id` is a column of `words` words in that world.
#[derive(Clone)]
pub(crate) struct Column {
    schema: Arc<ComponentSchema>,
    bevy_id: BevyId,
    words: usize,
}

/// Makes a column for a schema whose fields are all plain.
pub(crate) fn register(world: &mut World, schema: Arc<ComponentSchema>) -> Column {
    let words = schema.fields.iter().filter_map(|field| field.kind.plain_words()).sum::<usize>();
    let layout = match Layout::array::<u32>(words) {
        Ok(layout) => layout,
        Err(_) => unreachable!("a schema has at most 16 fields of at most 4 words"),
    };
    // SAFETY: the layout is that of `[u32; words]`, which needs no drop, may be accessed from any thread and holds no
    // relationship.
    let descriptor = unsafe {
        ComponentDescriptor::new_with_layout(
            schema.name.clone(),
            StorageType::Table,
            layout,
            None,
            true,
            false,
            ComponentCloneBehavior::Ignore,
            None,
        )
    };
    let bevy_id = world.register_component_with_descriptor(descriptor);
    if let Some(hooks) = world.register_component_hooks_by_id(bevy_id) {
        hooks.on_remove(removals::on_remove);
    }
    Column { schema, bevy_id, words }
}

impl Column {
    pub(crate) fn bevy_id(&self) -> BevyId {
        self.bevy_id
    }

    /// Words of a row.
    pub(crate) fn word_count(&self) -> usize {
        self.words
    }

    fn words<'a>(&self, pointer: Ptr<'a>) -> &'a [u32] {
        // SAFETY: every caller got `pointer` from bevy for `self.bevy_id`, whose layout is `[u32; self.words]`; it was
        // written whole at insertion, and the borrow of the entity lives as long as `'a`.
        unsafe { std::slice::from_raw_parts(pointer.as_ptr().cast::<u32>(), self.words) }
    }
}

impl Access for Column {
    fn insert(&self, entity: &mut EntityWorldMut, record: &Record) {
        let mut words = Vec::with_capacity(self.words);
        for value in record {
            put_words(&mut words, value);
        }
        // A record that does not fit the schema would write outside the column: it is cut or filled, never trusted.
        words.resize(self.words, 0);
        let present = entity.as_readonly().get_by_id(self.bevy_id).ok().map(|pointer| self.words(pointer));
        if present == Some(&words[..]) {
            return;
        }
        let Some(pointer) = NonNull::new(words.as_mut_ptr().cast::<u8>()) else { return };
        // SAFETY: `bevy_id` belongs to this world (a catalogue never leaves its world), and the pointer is aligned for
        // u32 and leads to `self.words` initialised words, which bevy copies; they need no drop.
        unsafe { entity.insert_by_id(self.bevy_id, OwningPtr::new(pointer)) };
    }

    fn remove(&self, entity: &mut EntityWorldMut) {
        entity.remove_by_id(self.bevy_id);
    }

    fn read(&self, entity: EntityRef) -> Option<Record> {
        let mut words = self.words(entity.get_by_id(self.bevy_id).ok()?);
        Some(self.schema.fields.iter().map(|field| take_words(&field.kind, &mut words)).collect())
    }

    fn visit(&self, entity: EntityRef, visit: &mut dyn FnMut(&dyn Cell)) -> bool {
        let Ok(pointer) = entity.get_by_id(self.bevy_id) else { return false };
        visit(&Words { schema: &self.schema, words: self.words(pointer) });
        true
    }

    fn scanner(&self, world: &mut World) -> Box<dyn Scanner> {
        let query = QueryBuilder::<(&Networked, FilteredEntityRef)>::new(world).ref_id(self.bevy_id).build();
        Box::new(ColumnScanner { column: self.clone(), query })
    }
}

struct ColumnScanner {
    column: Column,
    query: QueryState<(&'static Networked, FilteredEntityRef<'static, 'static>)>,
}

impl Scanner for ColumnScanner {
    fn scan(&mut self, world: &World, window: Window, visit: Visit) {
        self.query.update_archetypes(world);
        for (id, entity) in self.query.iter_manual(world) {
            let Some(ticks) = entity.get_change_ticks_by_id(self.column.bevy_id) else { continue };
            if !window.holds(ticks.changed) {
                continue;
            }
            if let Some(pointer) = entity.get_by_id(self.column.bevy_id) {
                let cell = Words { schema: &self.column.schema, words: self.column.words(pointer) };
                visit(id.0, window.holds(ticks.added), &cell);
            }
        }
    }
}

struct Words<'a> {
    schema: &'a ComponentSchema,
    words: &'a [u32],
}

impl Cell for Words<'_> {
    fn put_row(&self, row: &mut Row) {
        let mut words = self.words;
        for field in &self.schema.fields {
            row.value(&field.kind, &take_words(&field.kind, &mut words));
        }
    }

    fn put_canonical(&self, out: &mut Vec<u8>) {
        let mut words = self.words;
        for field in &self.schema.fields {
            canonical::put_value(out, &take_words(&field.kind, &mut words));
        }
    }
}

fn put_words(words: &mut Vec<u32>, value: &Value) {
    match value {
        Value::Bool(v) => words.push(u32::from(*v)),
        Value::U32(v) | Value::Enum(v) | Value::Entity(v) => words.push(*v),
        Value::I32(v) => words.push(*v as u32),
        Value::F32(v) => words.push(v.to_bits()),
        Value::Vec3(v) | Value::Color(v) => words.extend(v.map(f32::to_bits)),
        Value::Quat(v) => words.extend(v.map(f32::to_bits)),
        Value::Text(_) | Value::Points(_) => {}
    }
}

fn take_words(kind: &FieldKind, words: &mut &[u32]) -> Value {
    let (mine, rest) = words.split_at(kind.plain_words().unwrap_or(0).min(words.len()));
    *words = rest;
    let word = |i: usize| mine.get(i).copied().unwrap_or(0);
    let float = |i: usize| f32::from_bits(word(i));
    match kind {
        FieldKind::Bool => Value::Bool(word(0) != 0),
        FieldKind::U32 { .. } => Value::U32(word(0)),
        FieldKind::I32 { .. } => Value::I32(word(0) as i32),
        FieldKind::F32 { .. } => Value::F32(float(0)),
        FieldKind::Vec3 { .. } => Value::Vec3([float(0), float(1), float(2)]),
        FieldKind::Quat => Value::Quat([float(0), float(1), float(2), float(3)]),
        FieldKind::Color => Value::Color([float(0), float(1), float(2)]),
        FieldKind::Enum { .. } => Value::Enum(word(0)),
        FieldKind::Entity => Value::Entity(word(0)),
        FieldKind::Text { .. } => Value::Text(String::new()),
        FieldKind::Points { .. } => Value::Points(Vec::new()),
    }
}
