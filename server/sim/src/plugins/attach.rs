//! A list of plugins becomes a world's own, or is refused whole.

use std::sync::Arc;

use bevy_ecs::world::World;
use hd1_abi::plan::{Plan, Query, System};
use hd1_abi::{Layout, MessageKind, Module, SystemShape, value};
use hd1_protocol::message::{OpError, OpErrorCode};
use hd1_schema::ComponentSchema;
use hd1_world::columns::Lookup;
use hd1_world::components::Parent;
use hd1_world::described::Described;
use hd1_world::{Catalogue, ColumnQuery, ComponentEntry, RegisterError, Terms};
use xxhash_rust::xxh3::xxh3_64;

use super::hooks::{self, PreparedHook};
use super::migrate::{self, Change};
use super::{Attached, Held, Plugin, PluginSpec, Prepared, Running};
use crate::limits::PLUGINS_PER_WORLD_MAX;
use crate::operations::{self, SERVER_ONLY};
use crate::output::{OpDone, TickOutput, WorldEvent};

/// From the next tick on the world's plugins are these.
///
/// # Errors
/// One of them cannot be here; then all is as it was.
pub(crate) fn set(world: &mut World, specs: &[PluginSpec]) -> Result<OpDone, OpError> {
    if specs.len() > PLUGINS_PER_WORLD_MAX {
        return Err(invalid("plugins", format!("a world has at most {PLUGINS_PER_WORLD_MAX}, not {}", specs.len())));
    }
    if let Some((i, spec)) = specs.iter().enumerate().find(|(i, spec)| specs[..*i].iter().any(|s| s.id == spec.id)) {
        return Err(invalid(&format!("plugins[{i}]"), format!("{} is there twice", spec.id)));
    }
    // A component that another list would bring must not stay behind.
    let (catalogue, told) = (world.resource::<Catalogue>().clone(), world.resource::<TickOutput>().events.len());
    let ready = ready_all(world, specs).inspect_err(|_| {
        world.insert_resource(catalogue);
        world.resource_mut::<TickOutput>().events.truncate(told);
    })?;
    let mut attached = world.resource_mut::<Attached>();
    let mut before = std::mem::take(&mut attached.list);
    for (spec, ready) in specs.iter().zip(ready) {
        let plugin = ready.or_else(|| {
            let at = before.iter().position(|plugin| same_code(&plugin.spec, spec))?;
            Some(Plugin { spec: spec.clone(), ..before.swap_remove(at) })
        });
        attached.list.extend(plugin);
    }
    hooks::sort(world);
    Ok(OpDone::default())
}

/// Prepares those that are new, and carries components over whose schemas changed; `None` for those that go on as they are.
fn ready_all(world: &mut World, specs: &[PluginSpec]) -> Result<Vec<Option<Plugin>>, OpError> {
    // What stays as it is goes on where it was: its systems have seen what they have seen.
    let attached = world.resource::<Attached>();
    let kept: Vec<bool> =
        specs.iter().map(|spec| attached.list.iter().any(|plugin| same_code(&plugin.spec, spec))).collect();
    let mut changes = Vec::new();
    for (spec, _) in specs.iter().zip(&kept).filter(|(_, kept)| !**kept) {
        let module = module(world, spec)?;
        changes.extend(register(world, spec, module.plan())?.into_iter().map(|change| (spec, change)));
    }
    for (spec, change) in &changes {
        check_change(world, specs, spec, change)?;
    }
    let mut ready = Vec::with_capacity(specs.len());
    for (spec, kept) in specs.iter().zip(kept) {
        // Who works on a component that is another one now is prepared anew.
        let is_touched = changes.iter().any(|(_, change)| module(world, spec).is_ok_and(|m| change.is_named(m.plan())));
        ready.push(if kept && !is_touched { None } else { Some(ready_one(world, spec)?) });
    }
    let mut all = Vec::with_capacity(changes.len());
    for (spec, change) in &changes {
        let refused = |what: String| invalid(&spec.id, format!("{}: its components are others now: {what}", spec.id));
        all.push(change.rows(world).map_err(refused)?);
    }
    // Nothing that may go wrong comes after the first change.
    for ((_, change), rows) in changes.iter().zip(all) {
        change.carry_over(world, rows);
    }
    Ok(ready)
}

/// Nobody else works on the component as it was.
fn check_change(world: &World, specs: &[PluginSpec], by: &PluginSpec, change: &Change) -> Result<(), OpError> {
    let name = &change.new.schema.name;
    let concerned = |spec: &&PluginSpec| module(world, spec).is_ok_and(|module| change.concerns(module.plan()));
    match specs.iter().find(concerned) {
        Some(other) => {
            let reason = "the world has another component of this name";
            let message = format!("{}: component {name}: {reason}, and {} works on that one", by.id, other.id);
            Err(invalid(&by.id, message))
        }
        None => Ok(()),
    }
}

fn module(world: &World, spec: &PluginSpec) -> Result<Arc<dyn Module>, OpError> {
    let module = world.resource::<Attached>().modules.as_ref().and_then(|modules| modules.module(&spec.module));
    module.ok_or_else(|| {
        let message = format!("{} {}: its module {} is not here", spec.id, spec.version, spec.module);
        OpError { code: OpErrorCode::NotFound, message, path: Some(spec.id.clone()) }
    })
}

/// The plugins of a snapshot, whose modules may come later.
pub(crate) fn restore(world: &mut World, specs: Vec<PluginSpec>) {
    let missing = |spec: PluginSpec| Plugin { seed: seed_of(&spec), spec, running: None };
    world.resource_mut::<Attached>().list = specs.into_iter().map(missing).collect();
    attach_missing(world);
}

/// Those whose modules are here now run from now on.
pub(super) fn attach_missing(world: &mut World) {
    for i in 0..world.resource::<Attached>().list.len() {
        let plugin = &world.resource::<Attached>().list[i];
        if plugin.running.is_some() {
            continue;
        }
        let spec = plugin.spec.clone();
        // What was attached once can be attached again, unless the module is gone; then it waits for the next list.
        let catalogue = world.resource::<Catalogue>().clone();
        let registered = module(world, &spec).and_then(|module| register(world, &spec, module.plan()));
        match registered {
            Ok(changes) if changes.is_empty() => {
                if let Ok(ready) = ready_one(world, &spec) {
                    world.resource_mut::<Attached>().list[i] = ready;
                }
            }
            // Its component has become another one while its module was away: only a list carries rows over.
            _ => world.insert_resource(catalogue),
        }
    }
    hooks::sort(world);
}

fn same_code(a: &PluginSpec, b: &PluginSpec) -> bool {
    a.id == b.id && a.module == b.module && a.generation == b.generation && a.config == b.config
}

fn ready_one(world: &mut World, spec: &PluginSpec) -> Result<Plugin, OpError> {
    let module = module(world, spec)?;
    let plan = Arc::clone(module.plan());
    let schema = plan.config_schema();
    let config = schema.parse_json(&serde_json::Value::Object(spec.config.clone()), "config");
    let config = value::words_of(&config.map_err(|refusal| invalid(&refusal.path.clone(), refusal.to_string()))?);
    let mut systems = Vec::with_capacity(plan.systems.len());
    for system in &plan.systems {
        let at = |reason: String| invalid(&spec.id, format!("{}, system {}: {reason}", spec.id, system.name));
        systems.push(prepare(world, &plan, system).map_err(at)?);
    }
    let mut hooks = Vec::with_capacity(plan.hooks.len());
    for hook in &plan.hooks {
        let at = |reason: String| invalid(&spec.id, format!("{}, hook {}: {reason}", spec.id, hook.name));
        let point = hook.point().ok_or_else(|| at(format!("there is no point {}", hook.point)))?;
        let commands = commandable(world.resource::<Catalogue>(), &hook.commands).map_err(at)?;
        hooks.push(PreparedHook { point, priority: hook.priority, commands });
    }
    let held = Held::new(Arc::clone(&module));
    let running = Running { module, config, systems, hooks, held, calls: 0, rests: false };
    Ok(Plugin { spec: spec.clone(), seed: seed_of(spec), running: Some(running) })
}

fn seed_of(spec: &PluginSpec) -> u64 {
    xxh3_64(spec.id.as_bytes())
}

/// The components that it brings; those that are here already, the same in all but their number, are taken for its own.
/// Those that were others get another number: what their rows become is for the caller.
fn register(world: &mut World, spec: &PluginSpec, plan: &Plan) -> Result<Vec<Change>, OpError> {
    let mut changes = Vec::new();
    for declared in &plan.components {
        let catalogue = world.resource::<Catalogue>();
        let known = migrate::entry(world, &declared.name);
        let id = known.as_ref().map_or_else(|| catalogue.next_dynamic_id(), ComponentEntry::id);
        let mut schema = declared.schema(id);
        let is_other = known.as_ref().is_some_and(|known| *known.schema != schema);
        if is_other {
            schema.id = catalogue.next_dynamic_id();
        }
        let refused = |error: RegisterError| match error {
            RegisterError::Taken { name, .. } | RegisterError::Reserved { name, .. } => {
                let reason = "the world has another component of this name; one of them has to be called differently";
                invalid(&spec.id, format!("{}: component {name}: {reason}", spec.id))
            }
            error => invalid(&spec.id, format!("{}: {error}", spec.id)),
        };
        Catalogue::register_newer(world, schema.clone()).map_err(refused)?;
        let new = migrate::entry(world, &schema.name);
        if let (true, Some(old), Some(new)) = (is_other, known.clone(), new) {
            let change = Change { old, new };
            // What another plugin or the scene has brought keeps all that is in it.
            if change.drops_fields() && !is_own(world, spec, &change) {
                let reason = "the world has another component of this name, with fields that this one has not";
                return Err(invalid(&spec.id, format!("{}: component {}: {reason}", spec.id, schema.name)));
            }
            changes.push(change);
        }
        if known.is_none() || is_other {
            world.resource_mut::<TickOutput>().events.push(WorldEvent::Registered { schema });
        }
    }
    Ok(changes)
}

/// Did the plugin itself bring the component as it was?
fn is_own(world: &World, spec: &PluginSpec, change: &Change) -> bool {
    let before = world.resource::<Attached>().list.iter().find(|plugin| plugin.spec.id == spec.id);
    let plan = before.and_then(|plugin| Some(plugin.running.as_ref()?.module.plan()));
    plan.is_some_and(|plan| {
        plan.components.iter().any(|declared| declared.schema(change.old.id()) == *change.old.schema)
    })
}

fn prepare(world: &mut World, plan: &Plan, system: &System) -> Result<Prepared, String> {
    let catalogue = world.resource::<Catalogue>().clone();
    let unwritable = |entry: &ComponentEntry| SERVER_ONLY.contains(&entry.id());
    let words = |name: &str| {
        let entry = catalogue.by_name(name).ok_or_else(|| format!("this world has no component {name}"))?;
        entry.words.ok_or_else(|| format!("{name} has no column: it can be in `with` and `without` alone"))
    };
    let shape = SystemShape::of(system, plan.config_words(), words)?;
    let mut queries = Vec::with_capacity(system.queries.len());
    for query in &system.queries {
        for name in &query.write {
            let entry = catalogue.by_name(name).filter(|entry| unwritable(entry) || entry.id() == Parent::ID);
            if let Some(ComponentSchema { name, .. }) = entry.map(|entry| &*entry.schema) {
                let how = if name == "Parent" { "; insert it by a command" } else { ": the server alone does" };
                return Err(format!("a system cannot write {name}{how}"));
            }
        }
        queries.push(ColumnQuery::new(world, terms(query, system.spawns)).map_err(|error| error.to_string())?);
    }
    let lookup = Lookup::new(world, &system.gather).map_err(|error| error.to_string())?;
    let commands = commandable(&catalogue, &system.commands)?;
    let messages = system.messages.iter().filter_map(|name| MessageKind::of_name(name)).collect();
    let layout = Layout::new(Arc::new(shape));
    Ok(Prepared { queries, messages, layout, lookup, commands, last_run: None, rows: Vec::new(), told: Vec::new() })
}

/// The components that commands may insert and remove.
fn commandable(catalogue: &Catalogue, names: &[String]) -> Result<Vec<ComponentEntry>, String> {
    let find = |name: &String| {
        let entry = catalogue.by_name(name).ok_or_else(|| format!("this world has no component {name}"))?;
        if SERVER_ONLY.contains(&entry.id()) {
            return Err(format!("a plugin cannot insert or remove {name}: the server alone does"));
        }
        Ok(entry.clone())
    };
    names.iter().map(find).collect()
}

/// Who spawns is handed its rows in order: the ids of what comes to be follow from it.
fn terms(query: &Query, spawns: bool) -> Terms<'_> {
    Terms {
        write: &query.write,
        read: &query.read,
        with: &query.with,
        without: &query.without,
        changed: &query.changed,
        added: &query.added,
        ordered: query.ordered || spawns,
    }
}

fn invalid(path: &str, message: String) -> OpError {
    OpError { path: Some(path.to_owned()), ..operations::refuse(OpErrorCode::Invalid, message) }
}
