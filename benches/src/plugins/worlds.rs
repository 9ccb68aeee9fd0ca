//! Ours: worlds with the drift plugin, and entities in as many tables as asked for.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use hd1_core::{NetId, SessionId, TickRate};
use hd1_host::Pool;
use hd1_scenes::Scene;
use hd1_schema::{ComponentId, ComponentSchema, Delivery, Value};
use hd1_sim::{Command, Module, Modules, PluginSpec, Sim, SimConfig, TickInput};
use hd1_world::phases::Plugins;
use hd1_world::{Catalogue, NetIndex};

/// Seconds of a tick.
pub(super) const DT: f32 = 1.0 / 20.0;

/// Modules by number: `0`, `1` and so on; where there is but one, it is every number.
#[derive(Clone)]
pub(super) struct Shelf(Arc<Vec<Arc<Pool>>>);

impl Shelf {
    pub fn one(pool: Arc<Pool>) -> Self {
        Shelf::of(vec![pool])
    }

    pub fn of(pools: Vec<Arc<Pool>>) -> Self {
        Shelf(Arc::new(pools))
    }
}

impl Modules for Shelf {
    fn module(&self, hash: &str) -> Option<Arc<dyn Module>> {
        let number: usize = hash.parse().ok()?;
        self.0.get(number.min(self.0.len() - 1)).map(|pool| Arc::clone(pool) as Arc<dyn Module>)
    }
}

pub(super) struct World(pub Sim);

impl World {
    pub fn new(shelf: &Shelf, entities: usize, tables: usize) -> anyhow::Result<Self> {
        Self::with_plugins(shelf, entities, tables, 1)
    }

    /// So many plugins of the same code under different names.
    pub fn with_plugins(shelf: &Shelf, entities: usize, tables: usize, plugins: usize) -> anyhow::Result<Self> {
        let scene = Scene::parse(r#"{ "name": "Drift", "entities": [] }"#)?;
        let config = SimConfig {
            tick_rate: TickRate::try_from(20).map_err(|_| anyhow::anyhow!("20 Hz"))?,
            ..SimConfig::new(SessionId::generate())
        };
        let mut sim = Sim::from_scene(config, &scene)?;
        sim.provide_modules(Arc::new(shelf.clone()));
        let mut world = World(sim);
        world.set((0..plugins).map(spec).collect())?;
        world.fill(entities, tables)?;
        Ok(world)
    }

    /// Has these plugins from now on.
    pub fn set(&mut self, plugins: Vec<PluginSpec>) -> anyhow::Result<()> {
        let output = self.0.tick(&TickInput { commands: vec![Command::Plugins { request: 1, plugins }] });
        match output.admin_results.into_iter().next() {
            Some((_, Ok(_))) => Ok(()),
            other => anyhow::bail!("the plugins are refused: {other:?}"),
        }
    }

    fn fill(&mut self, entities: usize, tables: usize) -> anyhow::Result<()> {
        let world = self.0.world_mut();
        for bit in 0..10 {
            let schema = ComponentSchema {
                id: ComponentId(2000 + bit),
                name: format!("Tag{bit}"),
                doc: String::new(),
                delivery: Delivery::Hidden,
                client_writable: false,
                fields: Vec::new(),
            };
            Catalogue::register_dynamic(world, schema)?;
        }
        let catalogue = world.resource::<Catalogue>().clone();
        let entry = |name: &str| catalogue.by_name(name).context("no such component").cloned();
        let (place, moves) = (entry("Place")?, entry("Speed")?);
        let tags = (0..10).map(|bit| entry(&format!("Tag{bit}"))).collect::<Result<Vec<_>, _>>()?;
        for i in 0..entities {
            let (_, entity) = hd1_world::spawn(world);
            let mut entity = world.entity_mut(entity);
            place.insert(&mut entity, &vec![Value::Vec3(at(i))]);
            moves.insert(&mut entity, &vec![Value::Vec3(speed(i))]);
            let bits = table_bits(i, entities, tables);
            for (_, tag) in tags.iter().enumerate().filter(|(bit, _)| bits & 1 << bit != 0) {
                tag.insert(&mut entity, &vec![]);
            }
        }
        Ok(())
    }

    /// The Plugins phase of a tick, alone.
    pub fn run_plugins(&mut self) {
        self.0.world_mut().run_schedule(Plugins);
    }

    pub fn sum(&mut self) -> f64 {
        let world = self.0.world_mut();
        let catalogue = world.resource::<Catalogue>().clone();
        let Some(place) = catalogue.by_name("Place") else { return f64::NAN };
        let at = |id: NetId| hd1_world::entity_of(world, id).and_then(|entity| place.read(world.entity(entity)));
        let ids: Vec<NetId> = world.resource::<NetIndex>().iter().map(|(id, _)| id).collect();
        ids.into_iter()
            .filter_map(at)
            .map(|record| if let Value::Vec3(at) = record[0] { f64::from(at[0]) } else { 0.0 })
            .sum()
    }

    /// One tick of all phases; fails where a plugin faulted.
    pub fn tick(&mut self) -> anyhow::Result<()> {
        let output = self.0.tick(&TickInput::default());
        ensure!(output.plugin_faults.is_empty(), "{:?}", output.plugin_faults);
        Ok(())
    }
}

pub(super) fn spec(number: usize) -> PluginSpec {
    PluginSpec {
        id: format!("bench:drift-{number}"),
        version: "1.0.0".into(),
        module: number.to_string(),
        generation: 0,
        config: serde_json::Map::new(),
        runs: true,
    }
}

pub(super) fn at(i: usize) -> [f32; 3] {
    [i as f32 * 0.01, (i % 100) as f32, (i % 7) as f32]
}

pub(super) fn speed(i: usize) -> [f32; 3] {
    [0.01 + (i % 3) as f32 * 0.01, 0.02, -0.01]
}

/// Which of ten marks entity `i` has, so that all together lie in so many tables.
pub(super) fn table_bits(i: usize, entities: usize, tables: usize) -> u32 {
    (i * tables / entities) as u32
}
