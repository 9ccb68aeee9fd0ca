//! The port to what compiles plugins, keeps their packages and counts what they do; the program implements it.
//!
//! It stands alone for the reason that [`crate::worlds`] does: the rules know plugins by what they declare and run none.

use std::collections::BTreeMap;
use std::sync::Arc;

use hd1_abi::{LogLevel, Plan, ServicePlan};
use hd1_api::ServiceState;
use hd1_core::{Micros, ParticipantId, PlayerId, Role, SessionId};
use hd1_manifest::{Rights, Trust};
use serde_json::{Map, Value};

use crate::worlds::PortFuture;

/// What compiles, keeps and observes plugins on this server.
pub trait PluginHost: Send + Sync + 'static {
    /// Compiles and checks a sim module, away from the threads that answer requests, and answers what it declares.
    /// The error says what is wrong with the module, for its author.
    fn inspect<'a>(&'a self, module: &'a [u8]) -> PortFuture<'a, Result<Plan, String>>;

    /// The same for a service's component.
    fn inspect_service<'a>(&'a self, component: &'a [u8]) -> PortFuture<'a, Result<ServicePlan, String>>;

    /// From now on these services run, and no others; what stays as it is goes on. All of them, or, where one does not
    /// start, those that ran before: the error is its plugin's id, and why.
    fn set_services<'a>(&'a self, services: &'a [ServiceSpec]) -> PortFuture<'a, Result<(), (String, String)>>;

    /// What a service that runs declares; `None` where none of this plugin does. Must not block.
    fn service_plan(&self, plugin: &str) -> Option<Arc<ServicePlan>>;

    /// The services that run, by id. Must not block.
    fn services(&self) -> Vec<Arc<RunningService>>;

    /// Tells a service that something happened.
    fn action<'a>(&'a self, plugin: &'a str, hook: usize, about: &'a str) -> PortFuture<'a, Result<(), ServiceFault>>;

    /// Asks a service about something that is about to happen.
    fn filter<'a>(
        &'a self,
        plugin: &'a str,
        hook: usize,
        value: &'a str,
    ) -> PortFuture<'a, Result<FilterVerdict, ServiceFault>>;

    /// Has a service do a job.
    fn job<'a>(&'a self, plugin: &'a str, job: usize, payload: &'a str) -> PortFuture<'a, Result<(), ServiceFault>>;

    /// Asks a service for a player's program; `Err` of the answer is why there is none, for the program.
    fn channel<'a>(
        &'a self,
        plugin: &'a str,
        channel: usize,
        asked: &'a ChannelAsked,
    ) -> PortFuture<'a, Result<Result<String, String>, ServiceFault>>;

    /// Asks a service who stands behind a credential; `None` where it is not good.
    fn authenticate<'a>(
        &'a self,
        plugin: &'a str,
        method: usize,
        credential: &'a str,
    ) -> PortFuture<'a, Result<Option<Vouched>, ServiceFault>>;

    /// Asks a service's route.
    fn route<'a>(
        &'a self,
        plugin: &'a str,
        route: usize,
        request: ServiceRequest,
    ) -> PortFuture<'a, Result<ServiceResponse, ServiceFault>>;

    /// Has a function of a service called by another plugin, behind which `depth` plugins stand.
    fn call<'a>(
        &'a self,
        plugin: &'a str,
        function: usize,
        depth: u32,
        caller: &'a str,
        argument: &'a str,
    ) -> PortFuture<'a, Result<String, ServiceFault>>;

    /// How a plugin's service fares; `None` where none of it runs. Must not block.
    fn service_state(&self, plugin: &str) -> Option<ServiceState>;

    /// Where a plugin's service stood lately, the last of them where it stands. Must not block.
    fn service_steps(&self, plugin: &str) -> Vec<ServiceStep>;

    /// What a plugin's service was called for, and what it counts itself. Must not block.
    fn service_stats(&self, plugin: &str) -> (Vec<SystemStats>, BTreeMap<String, u64>);

    /// Puts a package on disk under its hash, in place of one that is there, and answers once it lasts. The error is
    /// for the log.
    fn keep<'a>(&'a self, hash: &'a str, package: &'a [u8]) -> PortFuture<'a, Result<(), String>>;

    /// Removes a package from disk. Success where there is none.
    fn drop_package<'a>(&'a self, hash: &'a str) -> PortFuture<'a, Result<(), String>>;

    /// Whom the operator believes.
    fn trust(&self) -> &Trust;

    /// Values of a plugin's config that hold whatever was set on the server: those of its own settings.
    fn fixed(&self, plugin: &str) -> Map<String, Value>;

    /// Figures of a plugin's systems over all worlds, in the order in which they run. Must not block.
    fn stats(&self, plugin: &str) -> Vec<SystemStats>;

    /// The newest lines of a plugin, at most so many, the oldest of them first. Must not block.
    fn log(&self, plugin: &str, limit: usize) -> Vec<LogLine>;
}

/// A service that is to run.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceSpec {
    /// Whose.
    pub plugin: String,
    /// For people.
    pub version: String,
    /// The hash of its package, which is kept.
    pub package: String,
    /// Every value of its config.
    pub config: Map<String, Value>,
    /// What it may do.
    pub rights: Rights,
    /// Counts up where the same is to begin anew.
    pub generation: u64,
}

/// Where a service stood, since when, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceStep {
    /// Its state.
    pub state: ServiceState,
    /// Since when.
    pub since: Micros,
    /// Why, where there is something to tell.
    pub reason: Option<String>,
}

/// A service that runs.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningService {
    /// As it was asked for.
    pub spec: ServiceSpec,
    /// What it declares.
    pub plan: Arc<ServicePlan>,
}

/// What a player's program asks, in a session.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelAsked {
    /// The session.
    pub session: SessionId,
    /// Who asks.
    pub participant: ParticipantId,
    /// Their number in the session.
    pub player: PlayerId,
    /// Their shown name.
    pub name: String,
    /// What they may there.
    pub role: Role,
    /// What it is about.
    pub topic: String,
    /// What.
    pub data: Value,
}

/// What a filter makes of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterVerdict {
    /// As it was.
    Keep,
    /// Another value.
    Change(String),
    /// It is not to be, and why.
    Refuse(String),
}

/// Whom a service vouches for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vouched {
    /// One of a kind within the plugin.
    pub id: String,
    /// For people.
    pub name: String,
    /// The word of an [`hd1_api::ApiRole`].
    pub role: String,
}

/// What a service's route is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceRequest {
    /// In capitals.
    pub method: String,
    /// Below the plugin's own place.
    pub path: String,
    /// Without the question mark.
    pub query: String,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub body: Vec<u8>,
    /// Values of the names in the route's path.
    pub params: Vec<(String, String)>,
    /// Who asks.
    pub caller: ServiceCaller,
}

/// Who asks, as a service is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceCaller {
    /// Which kind.
    pub kind: ServiceCallerKind,
    /// A token's or participant's id.
    pub id: String,
    /// For people.
    pub name: String,
    /// A token's role, or a member's.
    pub role: String,
    /// The session of a member.
    pub session: Option<SessionId>,
}

/// Kinds of those who ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceCallerKind {
    /// Nobody known.
    #[default]
    Anonymous,
    /// The holder of the admin token.
    Admin,
    /// The holder of an API token.
    Token,
    /// A participant of one session.
    Member,
    /// Somebody for whom a plugin vouches.
    Vouched,
}

/// What a service's route answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceResponse {
    /// As it is.
    pub status: u16,
    /// As it gave them: which of them go out is the edge's to say.
    pub headers: Vec<(String, String)>,
    /// As it is.
    pub body: Vec<u8>,
}

/// Why a service has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceFault {
    /// It does not run now.
    NotRunning,
    /// As many calls as may be are under way.
    Busy,
    /// It failed; why is for its author and its operator.
    Failed(String),
}

/// Figures of one system from the start of the server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SystemStats {
    /// Its name.
    pub system: String,
    /// How often it ran.
    pub runs: u64,
    /// Microseconds a run takes, median of the recent ones.
    pub run_us_p50: f64,
    /// Microseconds a run takes, 99th percentile of the recent ones.
    pub run_us_p99: f64,
    /// Units of fuel that its runs used.
    pub fuel: u64,
    /// Runs that counted for nothing, by [`hd1_abi::Fault::kind`].
    pub faults: BTreeMap<String, u64>,
    /// Rows that their schemas refused.
    pub refused_rows: u64,
    /// Commands that were passed over.
    pub refused_commands: u64,
    /// Bytes of columns handed to it.
    pub bytes_in: u64,
    /// Bytes of columns and commands taken back.
    pub bytes_out: u64,
}

/// A line that a plugin, or the server about it, has logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Counts the plugin's lines from 1, from the start of the server.
    pub number: u64,
    /// When.
    pub at: Micros,
    /// How much it matters.
    pub level: LogLevel,
    /// In which session; `None` for what is about all of them.
    pub session: Option<SessionId>,
    /// Which system; empty for what is about the whole plugin.
    pub system: String,
    /// What it says.
    pub text: String,
}
