//! The rules' port to running worlds, over the runtime: the one place where control plane and simulation meet.

mod library;

use std::time::Duration;

use hd1_api::{
    Entity, MessageTo, NearPlace, PluginState, ReplicationSettings, SceneInfo, SendMessage, SessionStatus,
    SnapshotTaken, WorldStats,
};
use hd1_control::{
    EntityFilter, EntityPage, EntityRef, Lifecycle, WorldCommand, WorldError, WorldFuture, WorldPlugin,
    WorldPluginState, WorldSpec, WorldState, Worlds,
};
use hd1_core::{Clock as _, Micros, NetId, ParticipantId, PlayerId, SessionId, SystemClock, TickRate};
use hd1_protocol::Operation;
use hd1_protocol::message::{Components, OpError, OpErrorCode};
use hd1_protocol::said::{Near, To};
use hd1_runtime::{PluginStatus, Request, Runtime, RuntimeError, Shown, WorldQuery, WorldSource, WorldStatus};
use hd1_sim::{EntityKey, EntityQuery, Quotas};
use serde_json::{Map, Value, json};

use library::Library;

use crate::plugin_host::Plugins;

/// How long a world may take to answer; loading a large one is the slowest.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// The runtime as the rules see it.
pub struct RuntimeWorlds {
    runtime: Runtime,
    library: Library,
    client_kbit_s_max: u32,
    plugins: Plugins,
}

impl RuntimeWorlds {
    /// Over this runtime; sessions may ask for so many kbit/s of state for each client.
    #[must_use]
    pub fn new(runtime: Runtime, client_kbit_s_max: u32, plugins: Plugins) -> Self {
        Self { runtime, library: Library::default(), client_kbit_s_max, plugins }
    }

    async fn spec(&self, spec: &WorldSpec, initial: WorldStatus) -> Result<hd1_runtime::WorldSpec, WorldError> {
        let scene = self.library.scene(&spec.scene)?;
        let quotas: Quotas = serde_json::from_value(Value::Object(spec.settings.clone()))
            .map_err(|error| refused("settings.world", error.to_string()))?;
        Ok(hd1_runtime::WorldSpec {
            source: WorldSource::Scene(scene),
            tick_rate: spec.tick_rate.unwrap_or_default(),
            seed: spec.seed,
            quotas,
            shown: shown(&spec.replication),
            plugins: self.plugins.specs_as_far_as_ready(&spec.plugins).await,
            initial,
        })
    }

    /// The number of an entity named in a path.
    async fn number(&self, session: SessionId, entity: &EntityRef) -> Result<NetId, WorldError> {
        match entity {
            EntityRef::Id(id) => Ok(*id),
            EntityRef::Name(_) => Ok(NetId(self.look(session, entity).await?.id)),
        }
    }

    async fn look(&self, session: SessionId, entity: &EntityRef) -> Result<Entity, WorldError> {
        let key = match entity {
            EntityRef::Id(id) => EntityKey::Id(*id),
            EntityRef::Name(name) => EntityKey::Name(name.clone()),
        };
        let found = self.ask(session, WorldQuery::Entity(key)).await?;
        if found.is_null() { Err(WorldError::NoSuchEntity) } else { read_entity(found) }
    }

    async fn ask(&self, session: SessionId, query: WorldQuery) -> Result<Value, WorldError> {
        within(self.runtime.query(session, query)).await
    }
}

impl Worlds for RuntimeWorlds {
    fn create<'a>(&'a self, session: SessionId, spec: &'a WorldSpec, autostart: bool) -> WorldFuture<'a, TickRate> {
        Box::pin(async move {
            let initial = if autostart { WorldStatus::Running } else { WorldStatus::Created };
            let spec = self.spec(spec, initial).await?;
            let tick_rate = spec.tick_rate;
            within(self.runtime.create(session, spec)).await?;
            Ok(tick_rate)
        })
    }

    fn recover<'a>(&'a self, session: SessionId, spec: &'a WorldSpec, last: SessionStatus) -> WorldFuture<'a, ()> {
        Box::pin(async move {
            let spec = self.spec(spec, runtime_status(last)).await?;
            within(self.runtime.recover(session, spec)).await
        })
    }

    fn check_replication(&self, settings: &ReplicationSettings) -> Result<(), WorldError> {
        let max = self.client_kbit_s_max;
        match settings.client_kbit_s {
            Some(kbit_s) if kbit_s > max => {
                let message = format!("must be at most {max}, as this server's worlds.client_kbit_s_max says, or null");
                Err(refused("replication.client_kbit_s", message))
            }
            _ => Ok(()),
        }
    }

    fn set_replication(&self, session: SessionId, settings: &ReplicationSettings) {
        self.runtime.set_shown(session, shown(settings));
    }

    fn set_plugins<'a>(&'a self, session: SessionId, plugins: &'a [WorldPlugin]) -> WorldFuture<'a, ()> {
        Box::pin(async move {
            let specs = self.plugins.specs(plugins).await?;
            match tokio::time::timeout(ANSWER_TIMEOUT, self.runtime.set_plugins(session, specs)).await {
                // Also where a module is not here: that is a wrong value, not a missing entity.
                Ok(Err(RuntimeError::Refused(refusal))) => Err(refused_by_world(refusal)),
                Ok(answer) => answer.map_err(world_error),
                Err(_) => Err(WorldError::TimedOut),
            }
        })
    }

    fn plugin_states(&self, session: SessionId) -> Option<Vec<WorldPluginState>> {
        let (status, _) = self.runtime.status(session)?;
        let (now_ns, now) = (self.runtime.now_ns(), SystemClock.now());
        let state = |state: hd1_runtime::PluginState| WorldPluginState {
            state: plugin_state(state.status),
            since: Micros(now.0 - i64::try_from(now_ns.saturating_sub(state.since_ns) / 1_000).unwrap_or(i64::MAX)),
            id: state.id,
            version: state.version,
            reason: state.reason,
            faults: state.faults,
            refused_rows: state.refused_rows,
        };
        status.is_live().then(|| self.runtime.plugin_states(session))?.map(|all| all.into_iter().map(state).collect())
    }

    fn lifecycle(&self, session: SessionId, step: Lifecycle) -> WorldFuture<'_, ()> {
        let request = match step {
            Lifecycle::Start => Request::Start,
            Lifecycle::Pause => Request::Pause,
            Lifecycle::Resume => Request::Resume,
            Lifecycle::Hibernate => Request::Hibernate,
            Lifecycle::Wake => Request::Wake,
            Lifecycle::Stop => Request::Stop,
            Lifecycle::Restart => Request::Restart,
        };
        Box::pin(async move { within(self.runtime.lifecycle(session, request)).await })
    }

    fn delete(&self, session: SessionId) -> WorldFuture<'_, ()> {
        Box::pin(async move { within(self.runtime.delete(session)).await })
    }

    fn state(&self, session: SessionId) -> Option<WorldState> {
        let (status, reason) = self.runtime.status(session)?;
        Some(WorldState { status: api_status(status), reason })
    }

    fn snapshot(&self, session: SessionId) -> WorldFuture<'_, SnapshotTaken> {
        Box::pin(async move {
            let taken = within(self.runtime.snapshot(session)).await?;
            Ok(SnapshotTaken { tick: taken.tick, bytes: taken.bytes })
        })
    }

    fn command(&self, session: SessionId, command: WorldCommand) -> WorldFuture<'_, NetId> {
        Box::pin(async move {
            let (operation, about) = match command {
                WorldCommand::Spawn { name, components } => {
                    (Operation::Spawn { components: named(name, components, &[]) }, None)
                }
                WorldCommand::Update { entity, name, set, remove } => {
                    let entity = self.number(session, &entity).await?;
                    (Operation::Update { entity, components: named(name, set, &remove) }, Some(entity))
                }
                WorldCommand::Despawn { entity } => {
                    let entity = self.number(session, &entity).await?;
                    (Operation::Despawn { entity }, Some(entity))
                }
                WorldCommand::Hand { entity, player } => {
                    let entity = self.number(session, &entity).await?;
                    (Operation::Hand { entity, player }, Some(entity))
                }
            };
            let done = within(self.runtime.command(session, operation)).await?;
            done.entity.or(about).ok_or_else(|| WorldError::Failed("an operation answered no entity".to_owned()))
        })
    }

    fn send<'a>(&'a self, session: SessionId, message: &'a SendMessage) -> WorldFuture<'a, ()> {
        Box::pin(async move {
            let SendMessage { topic, to, data } = message.clone();
            let send = Operation::Send { topic, to: hearers(to), data };
            match tokio::time::timeout(ANSWER_TIMEOUT, self.runtime.command(session, send)).await {
                // Also where it is for somebody who is not there: that is a wrong value, not a missing session.
                Ok(Err(RuntimeError::Refused(refusal))) => Err(refused_by_world(refusal)),
                Ok(answer) => answer.map(|_| ()).map_err(world_error),
                Err(_) => Err(WorldError::TimedOut),
            }
        })
    }

    fn answer(&self, session: SessionId, request: u32, answer: Result<Value, String>) -> WorldFuture<'_, ()> {
        Box::pin(async move {
            let (data, error) = match answer {
                Ok(data) => (data, None),
                Err(why) => (Value::Null, Some(why)),
            };
            let answer = Operation::Answer { request, data, error };
            match tokio::time::timeout(ANSWER_TIMEOUT, self.runtime.command(session, answer)).await {
                Ok(Err(RuntimeError::Refused(refusal))) => Err(refused_by_world(refusal)),
                Ok(answer) => answer.map(|_| ()).map_err(world_error),
                Err(_) => Err(WorldError::TimedOut),
            }
        })
    }

    fn entities<'a>(&'a self, session: SessionId, filter: &'a EntityFilter) -> WorldFuture<'a, EntityPage> {
        Box::pin(async move {
            let query = EntityQuery {
                name: filter.name.clone(),
                component: filter.component.clone(),
                offset: usize::try_from(filter.offset).unwrap_or(usize::MAX),
                limit: usize::try_from(filter.limit).unwrap_or(usize::MAX),
            };
            let mut page = self.ask(session, WorldQuery::Entities(query)).await?;
            let total = page["total"].as_u64().unwrap_or_default();
            let Value::Array(entities) = page["entities"].take() else { return Err(unreadable("no list")) };
            Ok(EntityPage { entities: entities.into_iter().map(read_entity).collect::<Result<_, _>>()?, total })
        })
    }

    fn entity<'a>(&'a self, session: SessionId, entity: &'a EntityRef) -> WorldFuture<'a, Entity> {
        Box::pin(self.look(session, entity))
    }

    fn scene(&self, session: SessionId) -> WorldFuture<'_, Value> {
        Box::pin(self.ask(session, WorldQuery::Scene))
    }

    fn stats(&self, session: SessionId) -> WorldFuture<'_, WorldStats> {
        Box::pin(async move {
            let figures = self.runtime.figures(session).ok_or(WorldError::NoSuchWorld)?;
            Ok(WorldStats {
                status: api_status(figures.status),
                tick: figures.tick,
                tick_rate: figures.tick_rate,
                entity_count: figures.entity_count as u64,
                client_count: figures.client_count as u64,
                tick_ms_p50: figures.tick_ms_p50,
                tick_ms_p99: figures.tick_ms_p99,
                tick_overruns: figures.tick_overruns,
                ticks_skipped: figures.ticks_skipped,
                bytes_in: figures.bytes_in,
                bytes_out: figures.bytes_out,
                mailbox_depth: figures.mailbox_depth as u64,
                snapshot_tick: figures.snapshot_tick,
            })
        })
    }

    fn kick<'a>(&'a self, session: SessionId, participant: ParticipantId, reason: &'a str) -> WorldFuture<'a, ()> {
        Box::pin(async move { within(self.runtime.kick(session, participant, reason)).await })
    }

    fn library(&self) -> Vec<SceneInfo> {
        self.library.list()
    }
}

fn shown(settings: &ReplicationSettings) -> Shown {
    let ReplicationSettings { view_m, cell_m, client_kbit_s } = *settings;
    Shown { view_m, cell_m, client_bytes_per_s: client_kbit_s.map(bytes_of_kbit) }
}

/// Bytes of so many thousands of bits.
#[must_use]
pub const fn bytes_of_kbit(kbit: u32) -> u32 {
    kbit.saturating_mul(1_000 / 8)
}

/// Components by name, with a name of the entity and with `null` for those to be removed.
fn named(name: Option<String>, set: Map<String, Value>, remove: &[String]) -> Components {
    let mut components: Components = set.into_iter().collect();
    components.extend(remove.iter().map(|component| (component.clone(), Value::Null)));
    components.extend(name.map(|name| ("Name".to_owned(), json!({ "text": name }))));
    components
}

/// An entity as the simulation writes it, with its name on top.
fn read_entity(mut value: Value) -> Result<Entity, WorldError> {
    if let Some(name) = value.pointer("/components/Name/text").cloned() {
        value["name"] = name;
    }
    serde_json::from_value(value).map_err(|error| unreadable(&error.to_string()))
}

fn unreadable(why: &str) -> WorldError {
    WorldError::Failed(format!("the world answered in another form: {why}"))
}

fn refused(path: &str, message: String) -> WorldError {
    WorldError::Refused { path: path.to_owned(), message }
}

async fn within<T>(answer: impl Future<Output = Result<T, RuntimeError>>) -> Result<T, WorldError> {
    match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
        Ok(answer) => answer.map_err(world_error),
        Err(_) => Err(WorldError::TimedOut),
    }
}

fn world_error(error: RuntimeError) -> WorldError {
    match error {
        RuntimeError::NotFound => WorldError::NoSuchWorld,
        RuntimeError::Conflict { .. } | RuntimeError::NotLive(_) => WorldError::WrongState(error.to_string()),
        RuntimeError::Busy | RuntimeError::Draining | RuntimeError::TooManyWorlds => WorldError::Busy,
        RuntimeError::Refused(refusal) if refusal.code == OpErrorCode::NotFound => WorldError::NoSuchEntity,
        RuntimeError::Refused(refusal) => refused_by_world(refusal),
        RuntimeError::LoadFailed(reason) => refused("scene", reason),
        RuntimeError::Exists | RuntimeError::DiskFailed(_) | RuntimeError::Crashed(_) => {
            WorldError::Failed(error.to_string())
        }
    }
}

fn refused_by_world(refusal: OpError) -> WorldError {
    let path = refusal.path.unwrap_or_default();
    // The simulation's sentence begins with the place, which problems tell apart.
    let prefix = format!("{path}: ");
    refused(&path, refusal.message.strip_prefix(&prefix).unwrap_or(&refusal.message).to_owned())
}

fn hearers(to: MessageTo) -> To {
    match to {
        MessageTo::Everyone => To::Everyone,
        MessageTo::Moderators => To::Moderators,
        MessageTo::Player(player) => To::Player(PlayerId(player)),
        MessageTo::Near(NearPlace { entity, position, radius }) => {
            To::Near(Near { entity: entity.map(NetId), position, radius })
        }
    }
}

const fn plugin_state(status: PluginStatus) -> PluginState {
    match status {
        PluginStatus::Running | PluginStatus::Disabled => PluginState::Running,
        PluginStatus::Degraded => PluginState::Degraded,
        PluginStatus::Restarting => PluginState::Restarting,
        PluginStatus::Suspended => PluginState::Suspended,
        PluginStatus::Missing => PluginState::Missing,
    }
}

const fn api_status(status: WorldStatus) -> SessionStatus {
    match status {
        WorldStatus::Created => SessionStatus::Created,
        WorldStatus::Running => SessionStatus::Running,
        WorldStatus::Paused => SessionStatus::Paused,
        WorldStatus::Hibernated => SessionStatus::Hibernated,
        WorldStatus::Stopped => SessionStatus::Stopped,
        WorldStatus::Crashed => SessionStatus::Crashed,
        WorldStatus::CrashLoop => SessionStatus::CrashLoop,
    }
}

/// What a world is to become again after a restart.
const fn runtime_status(status: SessionStatus) -> WorldStatus {
    match status {
        SessionStatus::Created => WorldStatus::Created,
        // A crashed world was about to be restarted: its process died before it could.
        SessionStatus::Running | SessionStatus::Crashed => WorldStatus::Running,
        SessionStatus::Paused => WorldStatus::Paused,
        SessionStatus::Hibernated => WorldStatus::Hibernated,
        SessionStatus::Stopped => WorldStatus::Stopped,
        SessionStatus::CrashLoop => WorldStatus::CrashLoop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_survives_the_way_there_and_back() {
        for status in WorldStatus::ALL {
            let back = runtime_status(api_status(status));
            assert!(back == status || status == WorldStatus::Crashed, "{status} became {back}");
        }
    }

    #[test]
    fn a_name_and_removals_join_the_components() {
        let set = Map::from_iter([("Label".to_owned(), json!({"text": "x"}))]);
        let components = named(Some("lamp".to_owned()), set, &["Light".to_owned()]);
        assert_eq!(components["Name"], json!({"text": "lamp"}));
        assert_eq!(components["Light"], Value::Null);
        assert_eq!(components["Label"], json!({"text": "x"}));
    }
}
