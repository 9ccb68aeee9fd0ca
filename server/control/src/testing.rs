//! Worlds without a simulation, a clock that is set by hand, and a [`Control`] over both.
//!
//! It stands in the crate, behind the feature `testing`, because the rules' tests and the routes' tests use the same.

mod plugins;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use hd1_api::{
    Entity, PluginState, ReplicationSettings, SceneInfo, SceneSource, SendMessage, SessionStatus, SnapshotTaken,
    WorldStats,
};
use hd1_core::{Clock, Micros, NetId, ParticipantId, SessionId, TickRate};
use hd1_store::Db;
use serde_json::{Value, json};

use crate::control::Control;
use crate::keys::{AdminToken, SecretKey, TicketKey};
use crate::plugin_host::PluginHost;
use crate::secret::{Secret, SecretKind};
use crate::worlds::{
    EntityFilter, EntityPage, EntityRef, Lifecycle, WorldCommand, WorldError, WorldFuture, WorldPlugin,
    WorldPluginState, WorldSpec, WorldState, Worlds,
};

pub use plugins::{FakeHost, TestPackage};

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct HandClock(AtomicI64);

impl HandClock {
    /// A clock at a moment in 2027.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_800_000_000_000_000)))
    }

    /// Moves it on, or back.
    pub fn advance_s(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Micros {
        Micros(self.0.load(Ordering::SeqCst))
    }
}

/// A world that only remembers what it was told.
#[derive(Clone, Debug)]
pub struct FakeWorld {
    /// Where it stands.
    pub state: WorldState,
    /// What it was made from.
    pub spec: WorldSpec,
    /// Its entities.
    pub entities: BTreeMap<u32, Entity>,
    /// What was said in it.
    pub said: Vec<SendMessage>,
    /// What programs were answered, by request.
    pub answered: Vec<(u32, Result<Value, String>)>,
    /// Who was sent away, and why.
    pub kicked: Vec<(ParticipantId, String)>,
    /// The packages that it does not take, by hash.
    pub refuses: BTreeSet<String>,
    /// How those of its plugins fare that do not simply run.
    pub faring: BTreeMap<String, WorldPluginState>,
}

/// Worlds that do as they are told at once. A scene named `broken` is refused, one named `fails` fails.
#[derive(Debug, Default)]
pub struct FakeWorlds {
    worlds: Mutex<BTreeMap<SessionId, FakeWorld>>,
    wakes: AtomicUsize,
    swapping: AtomicUsize,
    swapping_most: AtomicUsize,
}

impl FakeWorlds {
    /// The worlds, to look at and to tamper with.
    ///
    /// # Panics
    /// When a test panicked while it held them.
    pub fn lock(&self) -> MutexGuard<'_, BTreeMap<SessionId, FakeWorld>> {
        self.worlds.lock().expect("no test panicked while it held the worlds")
    }

    /// How often a world was woken.
    #[must_use]
    pub fn wakes(&self) -> usize {
        self.wakes.load(Ordering::SeqCst)
    }

    /// How many worlds were given plugins at a time, at most.
    #[must_use]
    pub fn swaps_at_once(&self) -> usize {
        self.swapping_most.load(Ordering::SeqCst)
    }

    fn with<T>(
        &self,
        id: SessionId,
        act: impl FnOnce(&mut FakeWorld) -> Result<T, WorldError>,
    ) -> Result<T, WorldError> {
        act(self.lock().get_mut(&id).ok_or(WorldError::NoSuchWorld)?)
    }

    fn make(&self, id: SessionId, spec: &WorldSpec, status: SessionStatus) -> Result<(), WorldError> {
        match &spec.scene {
            SceneSource::Library(name) if name == "broken" => Err(WorldError::Refused {
                path: "scene.entities[3].components.Geometry.radius".to_owned(),
                message: "must be > 0".to_owned(),
            }),
            SceneSource::Library(name) if name == "fails" => {
                Err(WorldError::Failed("the disk at /secret/path is full".to_owned()))
            }
            SceneSource::Library(_) | SceneSource::Inline(_) => {
                let state = WorldState { status, reason: None };
                let (entities, said, kicked, refuses, faring) = Default::default();
                let answered = Vec::new();
                let world = FakeWorld { state, spec: spec.clone(), entities, said, answered, kicked, refuses, faring };
                self.lock().insert(id, world);
                Ok(())
            }
        }
    }
}

fn next(from: SessionStatus, step: Lifecycle) -> Option<SessionStatus> {
    use SessionStatus::{Created, Hibernated, Paused, Running, Stopped};
    match (step, from) {
        (Lifecycle::Start, Created | Stopped | Running) => Some(Running),
        (Lifecycle::Pause, Running | Paused) => Some(Paused),
        (Lifecycle::Resume, Paused | Running) => Some(Running),
        (Lifecycle::Hibernate, Running | Paused | Hibernated) => Some(Hibernated),
        (Lifecycle::Wake, Hibernated | Running) => Some(Running),
        (Lifecycle::Stop, _) => Some(Stopped),
        (Lifecycle::Restart, _) => Some(Running),
        _ => None,
    }
}

fn find(world: &FakeWorld, entity: &EntityRef) -> Result<u32, WorldError> {
    let found = match entity {
        EntityRef::Id(NetId(id)) => world.entities.contains_key(id).then_some(*id),
        EntityRef::Name(name) => {
            world.entities.values().find(|entity| entity.name.as_ref() == Some(name)).map(|entity| entity.id)
        }
    };
    found.ok_or(WorldError::NoSuchEntity)
}

fn ready<'a, T: Send + 'a>(value: Result<T, WorldError>) -> WorldFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Worlds for FakeWorlds {
    fn create<'a>(&'a self, session: SessionId, spec: &'a WorldSpec, autostart: bool) -> WorldFuture<'a, TickRate> {
        let status = if autostart { SessionStatus::Running } else { SessionStatus::Created };
        let rate = spec.tick_rate.unwrap_or(TickRate::try_from(20).expect("in range"));
        ready(self.make(session, spec, status).map(|()| rate))
    }

    fn recover<'a>(&'a self, session: SessionId, spec: &'a WorldSpec, last: SessionStatus) -> WorldFuture<'a, ()> {
        ready(self.make(session, spec, last))
    }

    /// The server of tests takes up to 1,000 kbit/s.
    fn check_replication(&self, settings: &ReplicationSettings) -> Result<(), WorldError> {
        if settings.client_kbit_s.is_some_and(|kbit_s| kbit_s > 1_000) {
            let (path, message) = ("replication.client_kbit_s".to_owned(), "must be from 64 to 1000".to_owned());
            return Err(WorldError::Refused { path, message });
        }
        Ok(())
    }

    fn set_replication(&self, session: SessionId, settings: &ReplicationSettings) {
        if let Some(world) = self.lock().get_mut(&session) {
            world.spec.replication = *settings;
        }
    }

    /// Takes a while, so that one can see how many do so at once.
    fn set_plugins<'a>(&'a self, session: SessionId, plugins: &'a [WorldPlugin]) -> WorldFuture<'a, ()> {
        Box::pin(async move {
            let swapping = self.swapping.fetch_add(1, Ordering::SeqCst) + 1;
            self.swapping_most.fetch_max(swapping, Ordering::SeqCst);
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            self.swapping.fetch_sub(1, Ordering::SeqCst);
            self.with(session, |world| {
                let live = matches!(world.state.status, SessionStatus::Running | SessionStatus::Paused);
                if let Some(refused) = plugins.iter().find(|plugin| live && world.refuses.contains(&plugin.package)) {
                    let (path, message) = ("components.Wind".to_owned(), format!("{} brings another", refused.id));
                    return Err(WorldError::Refused { path, message });
                }
                world.spec.plugins = plugins.to_vec();
                Ok(())
            })
        })
    }

    fn plugin_states(&self, session: SessionId) -> Option<Vec<WorldPluginState>> {
        let worlds = self.lock();
        let world = worlds.get(&session)?;
        let live = matches!(world.state.status, SessionStatus::Running | SessionStatus::Paused);
        let state = |plugin: &WorldPlugin| {
            let runs = WorldPluginState {
                id: plugin.id.clone(),
                version: plugin.version.clone(),
                state: PluginState::Running,
                since: Micros(1_800_000_000_000_000),
                reason: None,
                faults: 0,
                refused_rows: 0,
            };
            world.faring.get(&plugin.id).cloned().unwrap_or(runs)
        };
        live.then(|| world.spec.plugins.iter().map(state).collect())
    }

    fn lifecycle(&self, session: SessionId, step: Lifecycle) -> WorldFuture<'_, ()> {
        if step == Lifecycle::Wake {
            self.wakes.fetch_add(1, Ordering::SeqCst);
        }
        ready(self.with(session, |world| {
            let from = world.state.status;
            let wrong = || WorldError::WrongState(format!("cannot {} what is {}", step.as_str(), from.as_str()));
            world.state = WorldState { status: next(from, step).ok_or_else(wrong)?, reason: None };
            Ok(())
        }))
    }

    fn delete(&self, session: SessionId) -> WorldFuture<'_, ()> {
        self.lock().remove(&session);
        ready(Ok(()))
    }

    fn state(&self, session: SessionId) -> Option<WorldState> {
        self.lock().get(&session).map(|world| world.state.clone())
    }

    fn snapshot(&self, session: SessionId) -> WorldFuture<'_, SnapshotTaken> {
        ready(self.with(session, |_| Ok(SnapshotTaken { tick: 7, bytes: 99 })))
    }

    fn command(&self, session: SessionId, command: WorldCommand) -> WorldFuture<'_, NetId> {
        ready(self.with(session, |world| match command {
            WorldCommand::Spawn { name, components } => {
                if let Some(unknown) = components.keys().find(|name| name.starts_with(char::is_lowercase)) {
                    let message = "there is no such component".to_owned();
                    return Err(WorldError::Refused { path: format!("components.{unknown}"), message });
                }
                let id = world.entities.keys().last().map_or(1, |last| last + 1);
                world.entities.insert(id, Entity { id, name, components });
                Ok(NetId(id))
            }
            WorldCommand::Update { entity, name, set, remove } => {
                let id = find(world, &entity)?;
                let entity = world.entities.get_mut(&id).ok_or(WorldError::NoSuchEntity)?;
                entity.name = name.or(entity.name.take());
                entity.components.extend(set);
                entity.components.retain(|component, _| !remove.contains(component));
                Ok(NetId(id))
            }
            WorldCommand::Despawn { entity } => {
                let id = find(world, &entity)?;
                world.entities.remove(&id);
                Ok(NetId(id))
            }
            WorldCommand::Hand { entity, player } => {
                let id = find(world, &entity)?;
                let entity = world.entities.get_mut(&id).ok_or(WorldError::NoSuchEntity)?;
                entity.components.remove("Authority");
                entity.components.extend(player.map(|player| ("Authority".to_owned(), json!({ "player": player }))));
                Ok(NetId(id))
            }
        }))
    }

    fn send<'a>(&'a self, session: SessionId, message: &'a SendMessage) -> WorldFuture<'a, ()> {
        ready(self.with(session, |world| {
            if message.topic.is_empty() {
                let (path, message) = ("topic".to_owned(), "must not be empty".to_owned());
                return Err(WorldError::Refused { path, message });
            }
            world.said.push(message.clone());
            Ok(())
        }))
    }

    fn answer(&self, session: SessionId, request: u32, answer: Result<Value, String>) -> WorldFuture<'_, ()> {
        ready(self.with(session, |world| {
            world.answered.push((request, answer));
            Ok(())
        }))
    }

    fn entities<'a>(&'a self, session: SessionId, filter: &'a EntityFilter) -> WorldFuture<'a, EntityPage> {
        ready(self.with(session, |world| {
            let fits = |entity: &&Entity| {
                filter.name.as_ref().is_none_or(|name| entity.name.as_ref() == Some(name))
                    && filter.component.as_ref().is_none_or(|name| entity.components.contains_key(name))
            };
            let total = world.entities.values().filter(fits).count() as u64;
            let part = world.entities.values().filter(fits).skip(filter.offset as usize).take(filter.limit as usize);
            Ok(EntityPage { entities: part.cloned().collect(), total })
        }))
    }

    fn entity<'a>(&'a self, session: SessionId, entity: &'a EntityRef) -> WorldFuture<'a, Entity> {
        ready(self.with(session, |world| Ok(world.entities[&find(world, entity)?].clone())))
    }

    fn scene(&self, session: SessionId) -> WorldFuture<'_, Value> {
        ready(self.with(session, |world| Ok(json!({"entities": world.entities.values().collect::<Vec<_>>()}))))
    }

    fn stats(&self, session: SessionId) -> WorldFuture<'_, WorldStats> {
        ready(self.with(session, |world| {
            Ok(WorldStats {
                status: world.state.status,
                tick: 1,
                tick_rate: 20,
                entity_count: world.entities.len() as u64,
                client_count: 0,
                tick_ms_p50: 0.1,
                tick_ms_p99: 0.2,
                tick_overruns: 0,
                ticks_skipped: 0,
                bytes_in: 0,
                bytes_out: 0,
                mailbox_depth: 0,
                snapshot_tick: None,
            })
        }))
    }

    fn kick<'a>(&'a self, session: SessionId, participant: ParticipantId, reason: &'a str) -> WorldFuture<'a, ()> {
        ready(self.with(session, |world| {
            world.kicked.push((participant, reason.to_owned()));
            Ok(())
        }))
    }

    fn library(&self) -> Vec<SceneInfo> {
        ["asteroids", "lobby"]
            .map(|name| SceneInfo {
                name: name.to_owned(),
                description: "a scene".to_owned(),
                entity_count: 3,
                tick_rate: 30,
            })
            .to_vec()
    }
}

/// Everything that the rules stand on, within a test's reach.
pub struct Stage {
    /// The rules.
    pub control: Control,
    /// Their worlds.
    pub worlds: Arc<FakeWorlds>,
    /// Their plugin host.
    pub host: Arc<FakeHost>,
    /// Their clock.
    pub clock: Arc<HandClock>,
    /// The admin token.
    pub admin: Secret,
    /// Their database.
    pub db: Db,
}

impl Stage {
    /// Rules over a migrated database.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn over(db: Db) -> Self {
        Self::with(db, Arc::default()).await
    }

    /// The same with a plugin host of one's own.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn with(db: Db, host: Arc<FakeHost>) -> Self {
        let (worlds, clock) = (Arc::new(FakeWorlds::default()), HandClock::new());
        let admin = Secret::generate(SecretKind::Admin);
        let token = AdminToken::of(&admin);
        let own: Arc<dyn Worlds> = Arc::<FakeWorlds>::clone(&worlds);
        let plugins: Arc<dyn PluginHost> = Arc::<FakeHost>::clone(&host);
        let time: Arc<dyn Clock> = Arc::<HandClock>::clone(&clock);
        let (tickets, secrets) = (TicketKey::generate(), SecretKey::generate());
        let control = Control::new(db.clone(), own, plugins, time, token, tickets, secrets).await;
        Self { control: control.expect("a database"), worlds, host, clock, admin, db }
    }

    /// The same database and disk after a restart: other worlds, other keys.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn restarted(&self) -> Self {
        Self::with(self.db.clone(), Arc::clone(&self.host)).await
    }
}
