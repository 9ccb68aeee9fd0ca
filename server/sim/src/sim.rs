//! One world: made of a scene or a snapshot, stepped by ticks.

use std::sync::Arc;

use bevy_app::{App, SubApp};
use bevy_ecs::resource::Resource;
use bevy_ecs::schedule::Schedule;
use bevy_ecs::world::World;
use hd1_abi::Modules;
use hd1_core::{NetId, Tick};
use hd1_scenes::Scene;
use hd1_schema::ComponentSchema;
use hd1_world::movement::MoveRules;
use hd1_world::phases::{Ingress, Plugins, Replicate, Resolve, Simulate};
use hd1_world::{Catalogue, NetIds, RegisterError};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use crate::avatar::AvatarRules;
use crate::input::TickInput;
use crate::messages::Load;
use crate::output::TickOutput;
use crate::players::Players;
use crate::plugins::{Attached, PluginSpec};
use crate::requests::Requests;
use crate::scene_info::SceneInfo;
use crate::step::{Random, SimConfig, Step};
use crate::{
    authority, avatar, entities, hierarchy, ingress, lifetime, motion, physics, plugins, requests, rewind, state_hash,
};

/// What the world was made with.
#[derive(Resource, Clone, Debug)]
pub(crate) struct Config(pub SimConfig);

/// A world. It has no clock and does no I/O: the same scene, seed and inputs give the same states.
pub struct Sim {
    app: SubApp,
}

/// Why a world cannot be made of a scene.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// A component that the scene declares cannot be registered.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// The scene has more entities than the session may have.
    #[error("scene has {count} entities: this session allows {max}")]
    TooManyEntities {
        /// Those of the scene.
        count: usize,
        /// The quota.
        max: u32,
    },
}

impl Sim {
    /// The world at tick 0, as the scene says.
    ///
    /// # Errors
    /// Where the scene has more entities than the quotas admit.
    pub fn from_scene(config: SimConfig, scene: &Scene) -> Result<Sim, SimError> {
        let max = config.quotas.entities_per_world;
        if scene.entities.len() > max as usize {
            return Err(SimError::TooManyEntities { count: scene.entities.len(), max });
        }
        let info = SceneInfo {
            name: scene.name.clone(),
            description: scene.description.clone(),
            settings: scene.settings.clone(),
        };
        let mut sim = Self::empty(config, info, &scene.declared)?;
        let world = sim.app.world_mut();
        for entity in &scene.entities {
            let id = entity.id.unwrap_or(NetId(world.resource::<NetIds>().next));
            let components: Vec<_> = entity.components.iter().map(|(s, record)| (s.id, record.clone())).collect();
            entities::spawn_as(world, id, &components);
            let mut ids = world.resource_mut::<NetIds>();
            ids.next = ids.next.max(id.0 + 1);
        }
        Ok(sim)
    }

    /// A world with its features and no entities.
    pub(crate) fn empty(
        config: SimConfig,
        info: SceneInfo,
        declared: &[ComponentSchema],
    ) -> Result<Sim, RegisterError> {
        let mut app = App::empty();
        for schedule in [
            Schedule::new(Ingress),
            Schedule::new(Simulate),
            Schedule::new(Plugins),
            Schedule::new(Resolve),
            Schedule::new(Replicate),
        ] {
            app.add_schedule(schedule);
        }
        Catalogue::install(app.world_mut());
        for schema in declared {
            // A snapshot has those as well that a newer one has superseded.
            Catalogue::register_newer(app.world_mut(), schema.clone())?;
        }
        let rate = config.tick_rate;
        app.insert_resource(Step { tick: Tick(0), rate, dt: rate.dt_s() });
        app.insert_resource(Random(ChaCha8Rng::seed_from_u64(config.seed)));
        app.insert_resource(Config(config));
        app.init_resource::<TickOutput>();
        app.init_resource::<Players>();
        app.init_resource::<Load>();
        app.init_resource::<Requests>();
        let has_physics = info.settings.gravity.is_some();
        app.insert_resource(info);
        app.add_plugins((avatar::plugin, motion::plugin, lifetime::plugin, hierarchy::plugin, rewind::plugin));
        app.add_plugins((authority::plugin, plugins::plugin));
        if has_physics {
            app.add_plugins(physics::plugin);
        }
        #[cfg(any(test, feature = "fault-injection"))]
        app.add_plugins(crate::fault::plugin);
        Ok(Sim { app: std::mem::take(app.main_mut()) })
    }

    /// Computes the next tick.
    pub fn tick(&mut self, input: &TickInput) -> TickOutput {
        let world = self.app.world_mut();
        let mut step = world.resource_mut::<Step>();
        step.tick = step.tick.next();
        let tick = step.tick;
        world.insert_resource(TickOutput { tick, ..TickOutput::default() });
        for command in &input.commands {
            ingress::apply(world, command);
        }
        requests::expire(world);
        world.run_schedule(Ingress);
        world.run_schedule(Simulate);
        world.run_schedule(Plugins);
        world.run_schedule(Resolve);
        plugins::hooks::end_tick(world);
        world.run_schedule(Replicate);
        world.clear_trackers();
        std::mem::take(&mut *world.resource_mut::<TickOutput>())
    }

    /// The tick computed last; 0 is the scene.
    #[must_use]
    pub fn current_tick(&self) -> Tick {
        self.app.world().resource::<Step>().tick
    }

    /// What the world was made with.
    #[must_use]
    pub fn config(&self) -> &SimConfig {
        &self.app.world().resource::<Config>().0
    }

    /// The scene's name, description and settings.
    #[must_use]
    pub fn scene_info(&self) -> &SceneInfo {
        self.app.world().resource::<SceneInfo>()
    }

    /// How avatars move.
    #[must_use]
    pub fn move_rules(&self) -> MoveRules {
        self.app.world().resource::<AvatarRules>().rules
    }

    /// Who is here.
    #[must_use]
    pub fn players(&self) -> &Players {
        self.app.world().resource::<Players>()
    }

    /// A hash over everything simulated; costs as much as changed since the last call.
    pub fn state_hash(&mut self) -> u64 {
        state_hash::state_hash(self.app.world_mut())
    }

    /// The same without the tick: two moments of one world with equal content differ in nothing but time.
    pub fn content_hash(&mut self) -> u64 {
        state_hash::content_hash(self.app.world_mut())
    }

    /// The components of this world.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        self.app.world().resource::<Catalogue>()
    }

    /// Where the modules of its plugins come from. Those that were missing run from now on.
    pub fn provide_modules(&mut self, modules: Arc<dyn Modules>) {
        plugins::provide(self.app.world_mut(), modules);
    }

    /// Its plugins in the order in which they run.
    pub fn plugins(&self) -> impl ExactSizeIterator<Item = &PluginSpec> {
        self.app.world().resource::<Attached>().specs()
    }

    /// Plugins that do not run because their modules are not here.
    pub fn missing_plugins(&self) -> impl Iterator<Item = &str> {
        self.app.world().resource::<Attached>().missing()
    }

    /// The world, for replication to read.
    pub fn world_mut(&mut self) -> &mut World {
        self.app.world_mut()
    }

    pub(crate) fn world(&self) -> &World {
        self.app.world()
    }
}
