//! The server's app and its bodies.

use std::time::{Duration, Instant};

use bevy::{prelude::*, state::app::StatesPlugin};
use bevy_replicon::prelude::*;
use hd1_scenario::Run;
use serde::{Deserialize, Serialize};

/// Metres.
#[derive(Component, Serialize, Deserialize, Clone, Copy, PartialEq, Debug)]
pub struct Position(pub [f32; 3]);

/// A unit quaternion.
#[derive(Component, Serialize, Deserialize, Clone, Copy, PartialEq, Debug)]
pub struct Rotation(pub [f32; 4]);

/// An app of either end: both register the same components in the same order.
pub fn app() -> App {
    let mut app = App::new();
    let shared = RepliconSharedPlugin { auth_method: AuthMethod::None };
    // One tick an update.
    let plugins = RepliconPlugins.set(shared).set(ServerPlugin::new(PostUpdate));
    app.add_plugins((MinimalPlugins, StatesPlugin, plugins)).replicate::<Position>().replicate::<Rotation>().finish();
    app
}

/// The server.
pub struct Server {
    /// Its app.
    pub app: App,
    /// By index in the scene.
    pub entities: Vec<Entity>,
}

impl Server {
    /// Running, empty.
    pub fn new() -> Self {
        let mut app = app();
        app.world_mut().resource_mut::<NextState<ServerState>>().set(ServerState::Running);
        app.update();
        Server { app, entities: Vec::new() }
    }

    /// The scene's bodies.
    pub fn spawn(&mut self, run: &Run) {
        let world = self.app.world_mut();
        let spawned = run
            .bodies()
            .iter()
            .map(|body| world.spawn((Replicated, Position(body.position), Rotation(body.rotation))).id());
        self.entities = spawned.collect();
    }

    /// What the last step changed.
    pub fn apply(&mut self, run: &Run) {
        let world = self.app.world_mut();
        for (i, body) in run.changed() {
            let mut entity = world.entity_mut(self.entities[i]);
            entity.get_mut::<Position>().expect("a body has it").0 = body.position;
            entity.get_mut::<Rotation>().expect("a body has it").0 = body.rotation;
        }
    }

    /// One tick: the measured region.
    pub fn tick(&mut self) -> Duration {
        let start = Instant::now();
        self.app.update();
        start.elapsed()
    }
}
