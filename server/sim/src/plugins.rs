//! Systems that came with plugins: attached by one command, run in its order, and gone by the next.
//!
//! A world's plugins are a list. A command names the whole list, so attaching, detaching, reordering, new versions and new
//! configs are one thing, done at a tick's begin or not at all. Each system is handed copies of columns (`run.rs`), what it
//! wants done besides is done after it (`apply.rs`), and a run that faults counts for nothing: the world goes on. Hooks are
//! asked and told besides (`hooks.rs`). Which modules there are is the runtime's business, see [`Modules`].

mod apply;
mod attach;
pub(crate) mod hooks;
mod migrate;
mod run;

use std::sync::{Arc, Mutex, PoisonError};

use bevy_app::App;
use bevy_ecs::change_detection::Tick as ChangeTick;
use bevy_ecs::resource::Resource;
use bevy_ecs::world::World;
use hd1_abi::{Fault, Guest, Layout, MessageKind, Module, Modules, Point};
use hd1_world::columns::Lookup;
use hd1_world::phases::Plugins as PluginsPhase;
use hd1_world::{ColumnQuery, ComponentEntry};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

pub(crate) use attach::{restore, set};
use hooks::{AtPoint, Happenings, PreparedHook};

/// One plugin of a world, as commands, recordings and snapshots name it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginSpec {
    /// `namespace:name`.
    pub id: String,
    /// For people.
    pub version: String,
    /// The hash of its sim module.
    pub module: String,
    /// Counts up where the same is to begin anew.
    pub generation: u64,
    /// Values for its config by name; the others take their defaults.
    pub config: Map<String, Json>,
    /// Does it run? One that does not is attached all the same.
    pub runs: bool,
}

/// A plugin's run that counts for nothing. The rest of its systems and hooks did not run in that tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginFault {
    /// Which plugin.
    pub plugin: String,
    /// Which system or hook; `None` where there was no instance to run it.
    pub system: Option<String>,
    /// Why.
    pub fault: Fault,
}

/// The plugins of a world in the order in which they run.
#[derive(Resource, Default)]
pub(crate) struct Attached {
    modules: Option<Arc<dyn Modules>>,
    list: Vec<Plugin>,
    /// For each point.
    hooks: [AtPoint; Point::ALL.len()],
}

/// One of them.
struct Plugin {
    spec: PluginSpec,
    /// From its id: what its systems draw by chance is its own.
    seed: u64,
    /// `None` where its module is not here.
    running: Option<Running>,
}

/// Its module, and what is prepared for its systems in this world.
struct Running {
    module: Arc<dyn Module>,
    config: Vec<u32>,
    systems: Vec<Prepared>,
    hooks: Vec<PreparedHook>,
    /// The guest of the tick under way.
    held: Held,
    /// Calls of hooks in this tick: each has a seed of its own.
    calls: u64,
    /// Did it fault in this tick? Then it does no more in it.
    rests: bool,
}

/// A guest that a world has for a tick: what the guest may use is for all of it.
struct Held {
    module: Arc<dyn Module>,
    /// Never locked: a guest is for one thread at a time, and a world may be looked at by several.
    guest: Mutex<Option<Box<dyn Guest>>>,
}

impl Held {
    fn new(module: Arc<dyn Module>) -> Self {
        Held { module, guest: Mutex::default() }
    }

    /// The one that it has, or one for which a tick begins.
    fn guest(&mut self) -> Result<&mut dyn Guest, Fault> {
        let held = self.guest.get_mut().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            let mut guest = self.module.take()?;
            if let Err(fault) = guest.begin_tick() {
                self.module.give(guest);
                return Err(fault);
            }
            *held = Some(guest);
        }
        match held {
            Some(guest) => Ok(&mut **guest),
            None => Err(Fault::Broken),
        }
    }

    fn give_back(&mut self) {
        if let Some(guest) = self.guest.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            self.module.give(guest);
        }
    }

    /// What it left behind is against the rules.
    fn break_down(&mut self) {
        if let Some(guest) = self.guest.get_mut().unwrap_or_else(PoisonError::into_inner) {
            guest.break_down();
        }
        self.give_back();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// One system in this world.
struct Prepared {
    queries: Vec<ColumnQuery>,
    messages: Vec<MessageKind>,
    layout: Layout,
    /// What it may look up.
    lookup: Lookup,
    /// The components of its commands.
    commands: Vec<ComponentEntry>,
    /// When it ran last.
    last_run: Option<ChangeTick>,
    /// Rows of each query and messages of each kind; kept so that a run takes no memory.
    rows: Vec<usize>,
    told: Vec<usize>,
}

/// Adds the feature.
pub(crate) fn plugin(app: &mut App) {
    app.init_resource::<Attached>();
    app.init_resource::<Happenings>();
    app.add_systems(PluginsPhase, run::run_all);
}

impl Attached {
    /// What is attached, in its order.
    pub(crate) fn specs(&self) -> impl ExactSizeIterator<Item = &PluginSpec> {
        self.list.iter().map(|plugin| &plugin.spec)
    }

    /// The plans of the hooks at a point, in their order.
    fn plans_at(&self, point: Point) -> impl Iterator<Item = &hd1_abi::plan::Hook> {
        self.hooks[point as usize]
            .iter()
            .filter_map(|(p, h)| self.list[*p].running.as_ref()?.module.plan().hooks.get(*h))
    }

    /// The tick is over: guests go back, and who faulted may go on.
    fn rest(&mut self) {
        for running in self.list.iter_mut().filter_map(|plugin| plugin.running.as_mut()) {
            running.held.give_back();
            (running.calls, running.rests) = (0, false);
        }
    }

    /// Those that do not run because their modules are not here.
    pub(crate) fn missing(&self) -> impl Iterator<Item = &str> {
        self.list.iter().filter(|plugin| plugin.running.is_none()).map(|plugin| plugin.spec.id.as_str())
    }
}

/// Where modules come from, from now on.
pub(crate) fn provide(world: &mut World, modules: Arc<dyn Modules>) {
    world.resource_mut::<Attached>().modules = Some(modules);
    attach::attach_missing(world);
}
