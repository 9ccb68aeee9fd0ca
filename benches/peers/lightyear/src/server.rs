//! The server's app and its bodies.

use core::time::Duration;
use std::time::Instant;

use bevy::{app::PluginsState, prelude::*, state::app::StatesPlugin, time::TimeUpdateStrategy};
use hd1_scenario::Run;
use lightyear::prelude::{server::*, *};
use serde::{Deserialize, Serialize};

/// Metres.
#[derive(Component, Serialize, Deserialize, Clone, Copy, PartialEq, Debug)]
pub struct Position(pub [f32; 3]);

/// A unit quaternion.
#[derive(Component, Serialize, Deserialize, Clone, Copy, PartialEq, Debug)]
pub struct Rotation(pub [f32; 4]);

/// An app of either end: one tick an update, the same components in the same order.
pub fn app(hz: u32, plugins: impl FnOnce(&mut App, Duration)) -> App {
    let tick = Duration::from_secs(1) / hz;
    let mut app = App::new();
    app.add_plugins((MinimalPlugins, StatesPlugin));
    app.insert_resource(TimeUpdateStrategy::ManualDuration(tick));
    plugins(&mut app, tick);
    app.component::<Position>().replicate();
    app.component::<Rotation>().replicate();
    if matches!(app.plugins_state(), PluginsState::Ready | PluginsState::Adding) {
        app.finish();
        app.cleanup();
    }
    app
}

/// The server.
pub struct Server {
    /// Its app.
    pub app: App,
    /// Its end of all links.
    pub endpoint: Entity,
    /// By index in the scene.
    pub entities: Vec<Entity>,
}

impl Server {
    /// Running, empty.
    pub fn new(hz: u32) -> Self {
        let mut app = app(hz, |app, tick_duration| {
            app.add_plugins(ServerPlugins { tick_duration });
            app.add_observer(|link: On<Add<LinkOf>>, mut commands: Commands| {
                commands.entity(link.entity).insert((ReplicationSender, ReplicationReceiver));
            });
        });
        let endpoint = app.world_mut().spawn((RawServer, Linked)).id();
        app.world_mut().trigger(Start { entity: endpoint });
        app.world_mut().flush();
        Server { app, endpoint, entities: Vec::new() }
    }

    /// The scene's bodies.
    pub fn spawn(&mut self, run: &Run) {
        let world = self.app.world_mut();
        let spawned = run.bodies().iter().map(|body| {
            let to_all = Replicate::to_clients(NetworkTarget::All);
            world.spawn((Position(body.position), Rotation(body.rotation), to_all)).id()
        });
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
