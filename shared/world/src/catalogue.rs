//! Every component of a world by id and by name, with the way to read and write it.
//!
//! Ingress, snapshots, the HTTP view and replication know components only through [`ComponentEntry`]: built-in ones
//! and those registered at run time are the same to them.

use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;
use std::sync::Arc;

use bevy_ecs::change_detection::DetectChanges;
use bevy_ecs::component::ComponentId as BevyId;
use bevy_ecs::query::QueryState;
use bevy_ecs::resource::Resource;
use bevy_ecs::world::{EntityRef, EntityWorldMut, Ref, World};
use hd1_core::NetId;
use hd1_schema::{CatalogueHash, ComponentId, ComponentSchema, Record, Row, catalogue_hash};

use crate::capture::Window;
use crate::components::*;
use crate::described::Described;
use crate::guard::Guard;
use crate::limits::{COMPONENTS_MAX, DYNAMIC_COMPONENTS_MAX};
use crate::net_id::Networked;
use crate::{dynamic, net_id, removals};

/// The components of one world. Cheap to clone: clones share the entries.
#[derive(Resource, Clone, Default)]
pub struct Catalogue(Arc<Entries>);

#[derive(Clone, Default)]
struct Entries {
    list: Vec<ComponentEntry>,
    by_id: BTreeMap<ComponentId, usize>,
    by_name: BTreeMap<String, usize>,
    by_bevy: HashMap<BevyId, usize>,
}

/// One component of the catalogue.
#[derive(Clone)]
pub struct ComponentEntry {
    /// Name, fields, ranges, delivery.
    pub schema: Arc<ComponentSchema>,
    /// Position in the catalogue, below [`COMPONENTS_MAX`]: its bit in a set.
    pub index: usize,
    /// bevy's number for it in this world.
    pub bevy_id: BevyId,
    /// 32-bit words of a row of its column; `None` where it has no column of words (see [`crate::columns`]).
    pub words: Option<usize>,
    /// What those words may be.
    pub(crate) guard: Arc<Guard>,
    access: Arc<dyn Access>,
}

/// Why a component cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The schema itself is faulty.
    #[error(transparent)]
    Schema(#[from] hd1_schema::SchemaFault),
    /// The name or number is taken by another schema.
    #[error("component {name} (id {id}): that {taken} is taken; choose another")]
    Taken {
        /// Its name.
        name: String,
        /// Its number.
        id: u16,
        /// `name` or `id`.
        taken: &'static str,
    },
    /// Text and points have no fixed size.
    #[error("component {name}.{field}: text and points cannot be in a component registered at run time")]
    NotPlain {
        /// Its name.
        name: String,
        /// The field.
        field: String,
    },
    /// The number belongs to built-in components.
    #[error("component {name}: its id {id} is below 1000; those are for built-in components")]
    Reserved {
        /// Its name.
        name: String,
        /// Its number.
        id: u16,
    },
    /// Too many.
    #[error("component {name}: a world has at most {DYNAMIC_COMPONENTS_MAX} components registered at run time")]
    Full {
        /// Its name.
        name: String,
    },
}

/// A component's value in place, whatever holds it.
pub trait Cell {
    /// Appends its quantised lanes and bytes.
    fn put_row(&self, row: &mut Row);
    /// Appends its exact bytes.
    fn put_canonical(&self, out: &mut Vec<u8>);
}

impl<T: Described> Cell for T {
    fn put_row(&self, row: &mut Row) {
        Described::put_row(self, row);
    }
    fn put_canonical(&self, out: &mut Vec<u8>) {
        Described::put_canonical(self, out);
    }
}

/// What a scan calls for each changed component: id, was it added, value.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(NetId, bool, &dyn Cell);

/// A cached query over one component's column.
pub(crate) trait Scanner: Send + Sync {
    /// Visits what changed in the window, in storage order.
    fn scan(&mut self, world: &World, window: Window, visit: Visit);
}

/// How a component is read and written.
pub(crate) trait Access: Send + Sync {
    fn insert(&self, entity: &mut EntityWorldMut, record: &Record);
    fn remove(&self, entity: &mut EntityWorldMut);
    fn read(&self, entity: EntityRef) -> Option<Record>;
    fn visit(&self, entity: EntityRef, visit: &mut dyn FnMut(&dyn Cell)) -> bool;
    fn scanner(&self, world: &mut World) -> Box<dyn Scanner>;
}

impl ComponentEntry {
    /// Its number on the wire.
    #[must_use]
    pub fn id(&self) -> ComponentId {
        self.schema.id
    }

    /// Sets the component; `record` was checked against the schema.
    pub fn insert(&self, entity: &mut EntityWorldMut, record: &Record) {
        self.access.insert(entity, record);
    }

    /// Takes the component off; nothing happens where there is none.
    pub fn remove(&self, entity: &mut EntityWorldMut) {
        self.access.remove(entity);
    }

    /// Its values at full precision, where the entity has it.
    #[must_use]
    pub fn read(&self, entity: EntityRef) -> Option<Record> {
        self.access.read(entity)
    }

    /// Appends its quantised row; `false` where the entity has none.
    pub fn row(&self, entity: EntityRef, row: &mut Row) -> bool {
        self.access.visit(entity, &mut |cell| cell.put_row(row))
    }

    /// Why no world takes this record; `None` where it does. Of a component that has a column of words.
    #[must_use]
    pub fn refusal(&self, words: &[u32]) -> Option<String> {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.guard.refusal(&bytes)
    }

    /// Appends its exact bytes; `false` where the entity has none.
    pub fn canonical(&self, entity: EntityRef, out: &mut Vec<u8>) -> bool {
        self.access.visit(entity, &mut |cell| cell.put_canonical(out))
    }

    pub(crate) fn scanner(&self, world: &mut World) -> Box<dyn Scanner> {
        self.access.scanner(world)
    }
}

impl Catalogue {
    /// Puts the built-in components, the index, the allocator and the removal log into an empty world.
    pub fn install(world: &mut World) {
        world.init_resource::<net_id::NetIndex>();
        world.init_resource::<net_id::NetIds>();
        world.init_resource::<removals::Removals>();
        world.init_resource::<Catalogue>();
        macro_rules! register {
            ($($component:ty),+) => { $(
                if let Err(fault) = Catalogue::register_typed::<$component>(world) {
                    unreachable!("built-in schema: {fault}");
                }
            )+ };
        }
        for_each_builtin!(register);
    }

    /// Registers a component that is a Rust type.
    ///
    /// # Errors
    /// A faulty schema, or a name or number that another schema has.
    pub fn register_typed<T: Described>(world: &mut World) -> Result<ComponentId, RegisterError> {
        let bevy_id = world.register_component::<T>();
        Self::add(world, T::schema(), false, bevy_id, T::WORDS, Arc::new(Typed::<T>(PhantomData)))
    }

    /// Registers a component from its schema alone; the same schema twice is registered once.
    ///
    /// # Errors
    /// A faulty schema, text or points in it, a name or number that another schema has, a built-in number, or too many.
    pub fn register_dynamic(world: &mut World, schema: ComponentSchema) -> Result<ComponentId, RegisterError> {
        Self::register_column(world, schema, false)
    }

    /// The same, also where an older schema has the name: a component registered at run time whose number is less. The
    /// older one stays, with what entities have of it, and is found by its number alone.
    ///
    /// # Errors
    /// As [`Catalogue::register_dynamic`].
    pub fn register_newer(world: &mut World, schema: ComponentSchema) -> Result<ComponentId, RegisterError> {
        Self::register_column(world, schema, true)
    }

    fn register_column(
        world: &mut World,
        schema: ComponentSchema,
        is_newer: bool,
    ) -> Result<ComponentId, RegisterError> {
        schema.check()?;
        let catalogue = world.resource::<Catalogue>().clone();
        if catalogue.by_name(&schema.name).is_some_and(|entry| *entry.schema == schema) {
            return Ok(schema.id);
        }
        if schema.id < ComponentId::FIRST_DYNAMIC {
            return Err(RegisterError::Reserved { name: schema.name, id: schema.id.0 });
        }
        if let Some(field) = schema.fields.iter().find(|f| f.kind.plain_words().is_none()) {
            return Err(RegisterError::NotPlain { field: field.name.clone(), name: schema.name });
        }
        let dynamic = catalogue.0.by_id.range(ComponentId::FIRST_DYNAMIC..).count();
        if dynamic >= DYNAMIC_COMPONENTS_MAX || catalogue.0.list.len() >= COMPONENTS_MAX {
            return Err(RegisterError::Full { name: schema.name });
        }
        catalogue.check_free(&schema, is_newer)?;
        let shared = Arc::new(schema.clone());
        let column = dynamic::register(world, shared);
        Self::add(world, schema, is_newer, column.bevy_id(), Some(column.word_count()), Arc::new(column))
    }

    fn add(
        world: &mut World,
        schema: ComponentSchema,
        is_newer: bool,
        bevy_id: BevyId,
        words: Option<usize>,
        access: Arc<dyn Access>,
    ) -> Result<ComponentId, RegisterError> {
        schema.check()?;
        let mut catalogue = world.resource_mut::<Catalogue>();
        catalogue.check_free(&schema, is_newer)?;
        let guard = Arc::new(Guard::of(&schema));
        let entries = Arc::make_mut(&mut catalogue.0);
        let (id, index) = (schema.id, entries.list.len());
        entries.by_id.insert(id, index);
        entries.by_name.insert(schema.name.clone(), index);
        entries.by_bevy.insert(bevy_id, index);
        entries.list.push(ComponentEntry { schema: Arc::new(schema), index, bevy_id, words, guard, access });
        Ok(id)
    }

    fn check_free(&self, schema: &ComponentSchema, is_newer: bool) -> Result<(), RegisterError> {
        let is_older = |entry: &ComponentEntry| (ComponentId::FIRST_DYNAMIC..schema.id).contains(&entry.id());
        let taken = match (self.by_name(&schema.name), self.by_id(schema.id)) {
            (Some(entry), None) if is_newer && is_older(entry) => return Ok(()),
            (Some(_), _) => "name",
            (_, Some(_)) => "id",
            (None, None) => return Ok(()),
        };
        Err(RegisterError::Taken { name: schema.name.clone(), id: schema.id.0, taken })
    }

    /// The component of a number.
    #[must_use]
    pub fn by_id(&self, id: ComponentId) -> Option<&ComponentEntry> {
        self.0.by_id.get(&id).map(|i| &self.0.list[*i])
    }

    /// The component of a name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&ComponentEntry> {
        self.0.by_name.get(name).map(|i| &self.0.list[*i])
    }

    /// Has a newer schema its name?
    #[must_use]
    pub fn is_superseded(&self, entry: &ComponentEntry) -> bool {
        self.by_name(&entry.schema.name).is_none_or(|newest| newest.id() != entry.id())
    }

    /// The component that bevy knows by this number.
    #[must_use]
    pub fn by_bevy(&self, id: BevyId) -> Option<&ComponentEntry> {
        self.0.by_bevy.get(&id).map(|i| &self.0.list[*i])
    }

    /// Every component in the order of registration; an entry's `index` is its place here.
    #[must_use]
    pub fn entries(&self) -> &[ComponentEntry] {
        &self.0.list
    }

    /// Every component in the order of ids.
    pub fn by_ids(&self) -> impl Iterator<Item = &ComponentEntry> {
        self.0.by_id.values().map(|i| &self.0.list[*i])
    }

    /// Every schema in the order of ids, superseded ones among them: who follows the world may still hear of those.
    pub fn schemas(&self) -> impl Iterator<Item = &ComponentSchema> {
        self.by_ids().map(|entry| &*entry.schema)
    }

    /// The number for the next component registered at run time.
    #[must_use]
    pub fn next_dynamic_id(&self) -> ComponentId {
        match self.0.by_id.range(ComponentId::FIRST_DYNAMIC..).next_back() {
            Some((last, _)) => ComponentId(last.0.saturating_add(1)),
            None => ComponentId::FIRST_DYNAMIC,
        }
    }

    /// The hash by which both ends know that they speak of the same components; covers those that are sent.
    #[must_use]
    pub fn hash(&self) -> CatalogueHash {
        catalogue_hash(self.schemas().filter(|schema| schema.is_replicated()))
    }
}

/// Calls a macro with every built-in component, in the order of ids.
macro_rules! for_each_builtin {
    ($call:ident) => {
        $call!(
            Transform, Velocity, Geometry, Material, Light, Name, Parent, Owner, Avatar, CameraView, Label, Motion,
            Lifetime, RigidBody, Collider, Audience, Channels, Authority, Grabbable
        )
    };
}
use for_each_builtin;

/// The schemas of the built-in components, without a world.
#[must_use]
pub fn builtin_schemas() -> Vec<ComponentSchema> {
    macro_rules! list {
        ($($component:ty),+) => { vec![$(<$component>::schema()),+] };
    }
    for_each_builtin!(list)
}

struct Typed<T>(PhantomData<fn() -> T>);

impl<T: Described> Access for Typed<T> {
    fn insert(&self, entity: &mut EntityWorldMut, record: &Record) {
        let next = T::from_record(record);
        // What is equal stays untouched: an update that changes nothing costs nothing downstream.
        match entity.get::<T>() {
            Some(present) if *present == next => {}
            Some(_) => {
                if let Some(mut present) = entity.get_mut::<T>() {
                    *present = next;
                }
            }
            None => {
                entity.insert(next);
            }
        }
    }

    fn remove(&self, entity: &mut EntityWorldMut) {
        entity.remove::<T>();
    }

    fn read(&self, entity: EntityRef) -> Option<Record> {
        entity.get::<T>().map(T::to_record)
    }

    fn visit(&self, entity: EntityRef, visit: &mut dyn FnMut(&dyn Cell)) -> bool {
        entity.get::<T>().map(|component| visit(component)).is_some()
    }

    fn scanner(&self, world: &mut World) -> Box<dyn Scanner> {
        Box::new(TypedScanner::<T>(world.query()))
    }
}

struct TypedScanner<T: Described>(QueryState<(&'static Networked, Ref<'static, T>)>);

impl<T: Described> Scanner for TypedScanner<T> {
    fn scan(&mut self, world: &World, window: Window, visit: Visit) {
        self.0.update_archetypes(world);
        for (id, component) in self.0.iter_manual(world) {
            if window.holds(component.last_changed()) {
                visit(id.0, window.holds(component.added()), &*component);
            }
        }
    }
}
