//! The server's side: a replicator that is told what a scene's run does.

use hd1_core::Tick;
use hd1_protocol::Mirror;
use hd1_replication::{Interest, Replicator};
use hd1_scenario::{Body, Run, Scene, views::View};
use hd1_schema::{ComponentSchema, Row, Value};

use crate::transforms::{Transforms, net_id};

/// Half a step is lost to rounding; what is left of it to floats.
const STEPS_OFF_MAX: f32 = 0.6;
/// A rotation is shown at least this exact, on each of its four components.
const ROTATION_OFF_MAX: f32 = 0.001;

/// A replicator and what it was told last.
pub struct World {
    /// What is measured.
    pub replicator: Replicator,
    /// What both ends know.
    pub schemas: Vec<ComponentSchema>,
    transforms: Transforms,
    row: Row,
    position_step_m: f32,
    now: Tick,
}

impl World {
    /// With all bodies at their spawns.
    ///
    /// # Errors
    /// Of the replicator.
    pub fn new(run: &Run) -> anyhow::Result<Self> {
        let (schemas, transforms) = Transforms::of(run.scene());
        let mut replicator = Replicator::new(schemas.clone(), interest(run.scene()));
        let now = Tick(1);
        replicator.tick(now, |tracked| {
            for (i, body) in run.bodies().iter().enumerate() {
                tracked.spawned(net_id(i));
                tracked.set(net_id(i), transforms.id, &transforms.row(body));
            }
        })?;
        Ok(World {
            replicator,
            schemas,
            transforms,
            row: Row::default(),
            position_step_m: run.scene().position_step_m,
            now,
        })
    }

    /// The newest tick.
    pub fn now(&self) -> Tick {
        self.now
    }

    /// The next tick, with what the run's last step changed.
    ///
    /// # Errors
    /// Of the replicator.
    pub fn tick(&mut self, run: &Run) -> anyhow::Result<()> {
        let World { transforms, row, .. } = self;
        self.now = Tick(self.now.0 + 1);
        self.replicator.tick(self.now, |tracked| {
            for (i, body) in run.changed() {
                transforms.put(body, row);
                tracked.set(net_id(i), transforms.id, row);
            }
        })?;
        Ok(())
    }

    /// The next tick, in which nothing changed.
    ///
    /// # Errors
    /// Of the replicator.
    pub fn quiet_tick(&mut self) -> anyhow::Result<()> {
        self.now = Tick(self.now.0 + 1);
        Ok(self.replicator.tick(self.now, |_| ())?)
    }

    /// Does a mirror show every body where the scene has it, and has it found no check sum wrong?
    pub fn is_shown(&self, mirror: &Mirror, run: &Run) -> bool {
        self.shows_where(mirror, run, |_| true)
    }

    /// As [`World::is_shown`], of the bodies in a view.
    pub fn shows_view(&self, mirror: &Mirror, run: &Run, view: &View) -> bool {
        self.shows_where(mirror, run, |body| view.sees(body.position))
    }

    fn shows_where(&self, mirror: &Mirror, run: &Run, wanted: impl Fn(&Body) -> bool) -> bool {
        let shown = |(i, body): (usize, &Body)| {
            let Some(record) = mirror.record(net_id(i), self.transforms.id) else { return false };
            match record.as_slice() {
                [Value::Vec3(position), Value::Quat(rotation), ..] => {
                    body.is_close(*position, *rotation, self.position_step_m * STEPS_OFF_MAX, ROTATION_OFF_MAX)
                }
                _ => false,
            }
        };
        let mut wanted = run.bodies().iter().enumerate().filter(|(_, body)| wanted(body));
        mirror.stats().desyncs == 0 && wanted.all(shown)
    }
}

/// As far as the scene's clients see, in cells of two thirds of that.
fn interest(scene: &Scene) -> Interest {
    Interest { view_m: scene.view_m, cell_m: scene.view_m.map(|view_m| view_m / 1.5) }
}
