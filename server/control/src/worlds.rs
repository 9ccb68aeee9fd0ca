//! The port through which the rules reach the running worlds; the program implements it over the runtime.
//!
//! It stands alone because control and simulation never meet but here: everything that crosses is plain data and
//! JSON, so the rules are tested against a fake.

use std::{future::Future, pin::Pin};

use hd1_api::{
    PluginState, ReplicationSettings, SceneInfo, SceneSource, SendMessage, SessionStatus, SnapshotTaken, WorldStats,
};
use hd1_core::{Micros, NetId, ParticipantId, PlayerId, SessionId, TickRate};
use serde_json::{Map, Value};

/// A boxed future: what an object-safe trait returns in place of `async fn`.
pub type PortFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a call to a world answers.
pub type WorldFuture<'a, T> = PortFuture<'a, Result<T, WorldError>>;

/// What a world is made from. The session's row holds the same, so a world can be made again after a restart.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldSpec {
    /// The scene it begins with.
    pub scene: SceneSource,
    /// Ticks a second; `None` takes the scene's own, or 30 where it has none.
    pub tick_rate: Option<TickRate>,
    /// Seed of its generator, below 2^53.
    pub seed: u64,
    /// The world's own settings as the session's owner gave them; the implementation checks them.
    pub settings: Map<String, Value>,
    /// How much of it each client is sent; the implementation holds it against its own limits.
    pub replication: ReplicationSettings,
    /// Its plugins in the order in which they run.
    pub plugins: Vec<WorldPlugin>,
}

/// A plugin that runs in a world.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldPlugin {
    /// `namespace:name`.
    pub id: String,
    /// Its version.
    pub version: String,
    /// The hash of its package, which the plugin host has kept.
    pub package: String,
    /// Every field of its config: the plugin's own defaults, over them the operator's values, over them the session's.
    pub config: Map<String, Value>,
    /// Counts its restarts: where it is another than before, a plugin that was suspended starts anew.
    pub generation: u64,
}

/// How a plugin fares in a world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorldPluginState {
    /// `namespace:name`.
    pub id: String,
    /// The version that the world has.
    pub version: String,
    /// Where it stands.
    pub state: PluginState,
    /// Since when.
    pub since: Micros,
    /// Why, where it does not simply run.
    pub reason: Option<String>,
    /// Runs that counted for nothing.
    pub faults: u64,
    /// Rows that their schemas refused.
    pub refused_rows: u64,
}

/// Where a world stands, as its runtime knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorldState {
    /// The status.
    pub status: SessionStatus,
    /// Why, for a crash.
    pub reason: Option<String>,
}

/// A step in a world's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    /// Created or stopped → running; a stopped world continues from its last snapshot.
    Start,
    /// Running → paused: in memory, clients stay, no ticks.
    Pause,
    /// Paused → running.
    Resume,
    /// Running or paused → hibernated: snapshot at a tick boundary, memory freed, clients closed with a retry code.
    Hibernate,
    /// Hibernated → running.
    Wake,
    /// Any → stopped: last snapshot, clients closed, memory freed; only `Start` brings it back.
    Stop,
    /// Any → running, from the newest snapshot (or the scene where there is none); the back-off count starts anew.
    Restart,
}

impl Lifecycle {
    /// The word in the path.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Lifecycle::Start => "start",
            Lifecycle::Pause => "pause",
            Lifecycle::Resume => "resume",
            Lifecycle::Hibernate => "hibernate",
            Lifecycle::Wake => "wake",
            Lifecycle::Stop => "stop",
            Lifecycle::Restart => "restart",
        }
    }
}

/// An entity, by number or by name. A text of digits only is a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntityRef {
    /// Its number.
    Id(NetId),
    /// The value of its `Name`; of several the one with the lowest number.
    Name(String),
}

impl EntityRef {
    /// Reads what stands in a path.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.parse() {
            Ok(id) => EntityRef::Id(NetId(id)),
            Err(_) => EntityRef::Name(text.to_owned()),
        }
    }
}

/// A change to a live world by the control plane, with all rights; applied at the next tick boundary.
#[derive(Clone, Debug, PartialEq)]
pub enum WorldCommand {
    /// Makes an entity.
    Spawn {
        /// Its `Name`.
        name: Option<String>,
        /// Its components by name, in their JSON form.
        components: Map<String, Value>,
    },
    /// Changes an entity.
    Update {
        /// Which.
        entity: EntityRef,
        /// Its new `Name`.
        name: Option<String>,
        /// Components by name: the fields given are set, the others stay or, of a new component, take their defaults.
        set: Map<String, Value>,
        /// Components taken away, by name.
        remove: Vec<String>,
    },
    /// Ends an entity.
    Despawn {
        /// Which.
        entity: EntityRef,
    },
    /// Says who drives an entity from now on, whoever does now.
    Hand {
        /// Which.
        entity: EntityRef,
        /// Who; `None` is the server.
        player: Option<PlayerId>,
    },
}

/// Which entities a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntityFilter {
    /// Only those of this name.
    pub name: Option<String>,
    /// Only those with this component.
    pub component: Option<String>,
    /// Entries left out before the first.
    pub offset: u64,
    /// The most entries answered.
    pub limit: u64,
}

/// A part of a world's entities in ascending order of their numbers: `{"id": 7, "name": …, "components": {…}}` each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntityPage {
    /// The part.
    pub entities: Vec<hd1_api::Entity>,
    /// How many the filter lets through in all.
    pub total: u64,
}

/// Why a world did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// The runtime has no world of this session.
    #[error("the session has no world here")]
    NoSuchWorld,
    /// The world has no such entity.
    #[error("the world has no such entity")]
    NoSuchEntity,
    /// The world's state forbids it: pausing what is stopped, asking what does not run.
    #[error("{0}")]
    WrongState(String),
    /// A rule of the simulation or of the scene format refuses it.
    #[error("{path}: {message}")]
    Refused {
        /// Where, as in `components.Geometry.radius`; empty for the whole.
        path: String,
        /// Why.
        message: String,
    },
    /// The world's mailbox is full; the same request may be tried again soon.
    #[error("the world has too many requests waiting")]
    Busy,
    /// The world did not answer in time.
    #[error("the world did not answer in time")]
    TimedOut,
    /// A defect or a failing disk; the text is for the log, never for the caller.
    #[error("{0}")]
    Failed(String),
}

/// The running worlds of this server.
///
/// Every call may be made at any time from any task; calls for one session may overlap. Answers tell what has
/// happened, never what will: when `lifecycle(Pause)` answers, the world is paused.
pub trait Worlds: Send + Sync + 'static {
    /// Makes the world of a new session from its scene and, if `autostart`, runs it. Checks scene and settings first:
    /// a refused one leaves nothing behind. Answers the tick rate that holds.
    fn create<'a>(&'a self, session: SessionId, spec: &'a WorldSpec, autostart: bool) -> WorldFuture<'a, TickRate>;

    /// Brings back the world of a session that an earlier process held: from its newest good snapshot, from its scene
    /// where there is none, into `last`, the status that the earlier process recorded. Running worlds tick when this
    /// answers; hibernated, stopped and created ones are only made known.
    fn recover<'a>(&'a self, session: SessionId, spec: &'a WorldSpec, last: SessionStatus) -> WorldFuture<'a, ()>;

    /// Would worlds of this server take such settings? Asked before they are recorded.
    ///
    /// # Errors
    /// [`WorldError::Refused`] for what is beyond the server's own limits.
    fn check_replication(&self, settings: &ReplicationSettings) -> Result<(), WorldError>;

    /// Has a world send each client so much from now on, and when it runs again. Nothing where there is none. Must not
    /// block.
    fn set_replication(&self, session: SessionId, settings: &ReplicationSettings);

    /// Makes these the world's plugins, exactly, in this order, and answers once the world has them from its next tick
    /// on. Where the world is not in memory it answers at once, and they count when it runs again.
    ///
    /// [`WorldError::Refused`] where a world refuses them, as where two bring different components of one name. Then
    /// nothing has changed.
    fn set_plugins<'a>(&'a self, session: SessionId, plugins: &'a [WorldPlugin]) -> WorldFuture<'a, ()>;

    /// How the world's plugins fare this instant; `None` where it is not in memory. Must not block.
    fn plugin_states(&self, session: SessionId) -> Option<Vec<WorldPluginState>>;

    /// Takes a step in the world's life and answers once it is taken. A step that leads where the world already
    /// stands is answered with success.
    fn lifecycle(&self, session: SessionId, step: Lifecycle) -> WorldFuture<'_, ()>;

    /// Ends the world and removes everything on disk. Success where there is none.
    fn delete(&self, session: SessionId) -> WorldFuture<'_, ()>;

    /// Where the world stands this instant; `None` where there is none. Must not block.
    fn state(&self, session: SessionId) -> Option<WorldState>;

    /// Takes a snapshot at the next tick boundary and answers once it is on disk.
    fn snapshot(&self, session: SessionId) -> WorldFuture<'_, SnapshotTaken>;

    /// Applies a change and answers the entity it was about.
    fn command(&self, session: SessionId, command: WorldCommand) -> WorldFuture<'_, NetId>;

    /// Says something to those who are in the world, as the server, and answers once it is on its way to them.
    fn send<'a>(&'a self, session: SessionId, message: &'a SendMessage) -> WorldFuture<'a, ()>;

    /// Answers what a player's program has asked the server; the error is why there is no answer, for the program.
    fn answer(&self, session: SessionId, request: u32, answer: Result<Value, String>) -> WorldFuture<'_, ()>;

    /// A part of the entities.
    fn entities<'a>(&'a self, session: SessionId, filter: &'a EntityFilter) -> WorldFuture<'a, EntityPage>;

    /// One entity.
    fn entity<'a>(&'a self, session: SessionId, entity: &'a EntityRef) -> WorldFuture<'a, hd1_api::Entity>;

    /// The world as a scene file: what `POST /api/sessions` takes under `scene`.
    fn scene(&self, session: SessionId) -> WorldFuture<'_, Value>;

    /// The world's figures; answered for worlds that do not run as well.
    fn stats(&self, session: SessionId) -> WorldFuture<'_, WorldStats>;

    /// Closes the participant's connection for good, telling it `reason`, and drops its place for coming back.
    /// Success where it is not connected.
    fn kick<'a>(&'a self, session: SessionId, participant: ParticipantId, reason: &'a str) -> WorldFuture<'a, ()>;

    /// The scenes a session may be made from, by name.
    fn library(&self) -> Vec<SceneInfo>;
}
