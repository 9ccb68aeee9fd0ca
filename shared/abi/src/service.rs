//! What a service component does outside of the tick, declared in the component itself.
//!
//! The custom section `hd1.service` holds it as JSON; it may stand anywhere in the component, so that whatever made the
//! component can append it. Nothing is ever called that it does not name.

use hd1_schema::schema::FieldSchema;
use hd1_schema::{ComponentId, ComponentSchema, Delivery};
use serde::{Deserialize, Serialize};

use crate::hook::is_about;
use crate::limits::{
    CHANNELS_MAX, FUNCTIONS_MAX, HOOKS_MAX, JOBS_MAX, METHODS_MAX, NAME_BYTES_MAX, PLAN_BYTES_MAX, ROUTE_BYTES_MAX,
    ROUTES_MAX, SCHEDULE_BYTES_MAX,
};
use crate::points::{self, Kind};

/// The section's name.
pub const SECTION: &str = "hd1.service";
/// The interface that is told here: `hd1:service@1`.
pub const ABI: u32 = 1;
/// The priority of a hook that says none.
pub const PRIORITY_DEFAULT: i32 = 10;

/// Why a service plan is refused, with the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plan (custom section `{SECTION}`): {0}")]
pub struct ServicePlanError(pub String);

/// See the module's words. A key that is not known is an error: it would be a misspelt one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServicePlan {
    /// [`ABI`].
    pub abi: u32,
    /// What an operator may set, beside what the plugin's sim module lets them set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<FieldSchema>,
    /// HTTP below `/plugins/NAMESPACE:NAME`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// What it is told, and what it is asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<Hook>,
    /// Work for later, and what is due by a schedule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<Job>,
    /// Ways to prove who asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auth: Vec<AuthMethod>,
    /// What other plugins may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<Function>,
    /// What players' programs may ask it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
}

/// An HTTP operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// GET, POST, PUT, PATCH or DELETE.
    pub method: String,
    /// Below the plugin's place, as in `/greetings/{name}`.
    pub path: String,
    /// Who may.
    pub access: Access,
    /// What it does, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Everybody, without a token, too.
    Anyone,
    /// Whoever proves who they are.
    Token,
    /// Administrators.
    Admin,
}

/// A point of the server that it hangs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// One of [`points::ALL`].
    pub point: String,
    /// The lesser comes first; plugins of one priority come by their ids.
    #[serde(default = "priority")]
    pub priority: i32,
}

fn priority() -> i32 {
    PRIORITY_DEFAULT
}

/// Work that is done once for each time that it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// One of a kind in its plan.
    pub name: String,
    /// When it is due by itself: `every 90s`, `every 5m`, `every 2h`, or a cron pattern of five parts in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
}

/// What players' programs may ask: topics of their requests to the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// A pattern, in which `*` stands for any number of letters, as in `scoreboard/*`.
    pub topic: String,
    /// What it does, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
}

/// A way to prove who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthMethod {
    /// The word before the credential: `Authorization: ApiKey …`. One of a kind on a server.
    pub scheme: String,
}

/// What other plugins may call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// One of a kind in its plan.
    pub name: String,
    /// What it does, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
}

impl ServicePlan {
    /// Reads and checks one.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(json: &[u8]) -> Result<Self, ServicePlanError> {
        let said = ServicePlanError;
        if json.len() > PLAN_BYTES_MAX {
            return Err(said(format!("at most {PLAN_BYTES_MAX} bytes, not {}", json.len())));
        }
        let plan: ServicePlan = serde_json::from_slice(json).map_err(|error| said(error.to_string()))?;
        plan.check().map_err(said)?;
        Ok(plan)
    }

    /// Its config as a schema.
    #[must_use]
    pub fn config_schema(&self) -> ComponentSchema {
        config_schema(self.config.clone())
    }

    /// The channel that a topic belongs to: the first whose pattern means it.
    #[must_use]
    pub fn channel(&self, topic: &str) -> Option<usize> {
        self.channels.iter().position(|channel| is_about(&channel.topic, topic))
    }

    /// The route that a request is for, and the values of the names in its path. One whose parts are words comes before
    /// one that has names in their place.
    #[must_use]
    pub fn route<'p>(&'p self, method: &str, path: &str) -> Found<'p> {
        let fits = |route: &'p Route| params(&route.path, path);
        let own = self.routes.iter().enumerate().filter(|(_, route)| route.method == method);
        let own = own.filter_map(|(i, route)| Some((i, fits(route)?)));
        if let Some((route, params)) = own.min_by_key(|(_, params)| params.len()) {
            return Found::Route { route, params };
        }
        let others = self.routes.iter().filter(|route| fits(route).is_some());
        let others: Vec<_> = others.map(|route| route.method.as_str()).collect();
        if others.is_empty() { Found::Nothing } else { Found::OtherMethods(others) }
    }

    fn check(&self) -> Result<(), String> {
        if self.abi != ABI {
            return Err(format!("abi: it was made for interface {}, and this host speaks {ABI}", self.abi));
        }
        self.config_schema().check().map_err(|fault| format!("config: {fault}"))?;
        each(
            "routes",
            &self.routes,
            ROUTES_MAX,
            |route| route.check(),
            |a, b| a.method == b.method && shape(&a.path) == shape(&b.path),
        )?;
        each("hooks", &self.hooks, HOOKS_MAX, |hook| hook.check(), |a, b| a.point == b.point)?;
        each("jobs", &self.jobs, JOBS_MAX, |job| job.check(), |a, b| a.name == b.name)?;
        let same_scheme = |a: &AuthMethod, b: &AuthMethod| a.scheme.eq_ignore_ascii_case(&b.scheme);
        each("auth", &self.auth, METHODS_MAX, |method| method.check(), same_scheme)?;
        each("functions", &self.functions, FUNCTIONS_MAX, |one| check_name(&one.name), |a, b| a.name == b.name)?;
        each("channels", &self.channels, CHANNELS_MAX, |one| one.check(), |a, b| a.topic == b.topic)
    }
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<'p> {
    /// To this route.
    Route {
        /// Its place in the plan.
        route: usize,
        /// Values of the names in its path.
        params: Vec<(&'p str, String)>,
    },
    /// The path is there, but not for this method.
    OtherMethods(Vec<&'p str>),
    /// Nowhere.
    Nothing,
}

/// A plugin's config as one schema, so that JSON is read and checked like a component's.
#[must_use]
pub fn config_schema(fields: Vec<FieldSchema>) -> ComponentSchema {
    ComponentSchema {
        id: ComponentId::FIRST_DYNAMIC,
        name: "Config".into(),
        doc: String::new(),
        delivery: Delivery::Hidden,
        client_writable: false,
        fields,
    }
}

/// The values of a pattern's names where it fits a path.
fn params<'p>(pattern: &'p str, path: &str) -> Option<Vec<(&'p str, String)>> {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    let mut params = Vec::new();
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return Some(params),
            (Some(part), Some(word)) => match name_in(part) {
                Some(name) if !word.is_empty() => params.push((name, word.to_owned())),
                None if part == word => {}
                _ => return None,
            },
            _ => return None,
        }
    }
}

fn name_in(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

/// A pattern without its names: two of one shape fit the same paths.
fn shape(pattern: &str) -> Vec<Option<&str>> {
    pattern.split('/').map(|part| if name_in(part).is_some() { None } else { Some(part) }).collect()
}

fn each<T>(
    list: &str,
    all: &[T],
    max: usize,
    check: impl Fn(&T) -> Result<(), String>,
    same: impl Fn(&T, &T) -> bool,
) -> Result<(), String> {
    if all.len() > max {
        return Err(format!("{list}: at most {max}, not {}", all.len()));
    }
    for (i, one) in all.iter().enumerate() {
        check(one).map_err(|fault| format!("{list}[{i}]: {fault}"))?;
        if all[..i].iter().any(|other| same(other, one)) {
            return Err(format!("{list}[{i}]: it is there twice"));
        }
    }
    Ok(())
}

impl Route {
    fn check(&self) -> Result<(), String> {
        const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
        if !METHODS.contains(&self.method.as_str()) {
            return Err(format!("method: {:?} is none of {}", self.method, METHODS.join(", ")));
        }
        let Some(rest) = self.path.strip_prefix('/').filter(|_| self.path.len() <= ROUTE_BYTES_MAX) else {
            return Err(format!("path: {:?} has to begin with / and have at most {ROUTE_BYTES_MAX} bytes", self.path));
        };
        let is_word = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        let mut names = Vec::new();
        for part in rest.split('/').filter(|_| !rest.is_empty()) {
            match name_in(part) {
                Some(name) if names.contains(&name) => return Err(format!("path: {{{name}}} is there twice")),
                Some(name) if is_word(name) => names.push(name),
                None if is_word(part) => {}
                _ => return Err(format!("path: {part:?} is neither a word nor a {{name}}")),
            }
        }
        // What lies in the package's ui folder is there.
        if rest == "ui" || rest.starts_with("ui/") {
            return Err("path: /ui is where the package's own ui/ files are".into());
        }
        Ok(())
    }
}

impl Hook {
    /// Is it asked before the thing happens?
    #[must_use]
    pub fn is_filter(&self) -> bool {
        points::of_name(&self.point).is_some_and(|point| point.kind == Kind::Filter)
    }

    fn check(&self) -> Result<(), String> {
        if points::of_name(&self.point).is_none() {
            let known: Vec<_> = points::ALL.iter().map(|point| point.name).collect();
            return Err(format!("{:?} is no point; known are {}", self.point, known.join(", ")));
        }
        Ok(())
    }
}

impl Job {
    fn check(&self) -> Result<(), String> {
        check_name(&self.name)?;
        match &self.schedule {
            Some(text) if text.len() > SCHEDULE_BYTES_MAX => {
                Err(format!("schedule: at most {SCHEDULE_BYTES_MAX} bytes"))
            }
            _ => Ok(()),
        }
    }
}

impl Channel {
    fn check(&self) -> Result<(), String> {
        check_name(&self.topic.replace('*', "_")).map_err(|fault| format!("topic: {fault} *"))?;
        if !self.topic.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(format!("topic: {:?} has to begin with a letter or a digit", self.topic));
        }
        Ok(())
    }
}

impl AuthMethod {
    fn check(&self) -> Result<(), String> {
        let is_fit = self.scheme.len() <= 32
            && self.scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && self.scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !is_fit || ["bearer", "basic", "digest"].contains(&self.scheme.to_ascii_lowercase().as_str()) {
            return Err(format!(
                "scheme: {:?} is to be 1 to 32 letters, digits and dashes, and none of Bearer, Basic and Digest",
                self.scheme
            ));
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '/' | '.');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(is_fit) {
        return Err(format!("{name:?}: a name is 1 to {NAME_BYTES_MAX} letters, digits and _ - : / ."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(json: &str) -> Result<ServicePlan, String> {
        ServicePlan::parse(json.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_request_finds_its_route() {
        let plan = plan(
            r#"{"abi":1,"routes":[
                {"method":"GET","path":"/","access":"anyone"},
                {"method":"GET","path":"/users/{id}","access":"token"},
                {"method":"GET","path":"/users/me","access":"token"},
                {"method":"PUT","path":"/users/{id}","access":"admin"}]}"#,
        )
        .unwrap();
        let found = |method, path| match plan.route(method, path) {
            Found::Route { route, params } => format!("{route} {params:?}"),
            Found::OtherMethods(methods) => methods.join(","),
            Found::Nothing => "nothing".into(),
        };
        assert_eq!(found("GET", "/"), "0 []");
        assert_eq!(found("GET", "/users/7"), r#"1 [("id", "7")]"#);
        assert_eq!(found("GET", "/users/me"), "2 []");
        assert_eq!(found("DELETE", "/users/7"), "GET,PUT");
        for nowhere in ["", "/users", "/users/", "/users/7/x", "//users/7"] {
            assert_eq!(found("GET", nowhere), "nothing", "{nowhere}");
        }
    }

    #[test]
    fn a_topic_finds_its_channel() {
        let plan = plan(r#"{"abi":1,"channels":[{"topic":"score/top"},{"topic":"score/*"}]}"#).unwrap();
        let found = ["score/top", "score/add", "score", "other/score/add"].map(|topic| plan.channel(topic));
        assert_eq!(found, [Some(0), Some(1), None, None]);
    }

    #[test]
    fn a_plan_that_breaks_a_rule_says_where() {
        for (json, fault) in [
            (r#"{"abi":2}"#, "abi: it was made for interface 2"),
            (r#"{"abi":1,"route":[]}"#, "unknown field `route`"),
            (r#"{"abi":1,"routes":[{"method":"get","path":"/","access":"anyone"}]}"#, "routes[0]: method"),
            (r#"{"abi":1,"routes":[{"method":"GET","path":"x","access":"anyone"}]}"#, "routes[0]: path"),
            (r#"{"abi":1,"routes":[{"method":"GET","path":"/{a}/{a}","access":"anyone"}]}"#, "{a} is there twice"),
            (r#"{"abi":1,"routes":[{"method":"GET","path":"/../x","access":"anyone"}]}"#, ""),
            (r#"{"abi":1,"routes":[{"method":"GET","path":"/ui/x","access":"anyone"}]}"#, "/ui is where"),
            (
                r#"{"abi":1,"routes":[{"method":"GET","path":"/{a}","access":"anyone"},
                    {"method":"GET","path":"/{b}","access":"token"}]}"#,
                "routes[1]: it is there twice",
            ),
            (r#"{"abi":1,"hooks":[{"point":"session.create"}]}"#, "is no point"),
            (r#"{"abi":1,"auth":[{"scheme":"bearer"}]}"#, "auth[0]: scheme"),
            (r#"{"abi":1,"channels":[{"topic":"*"}]}"#, "channels[0]: topic: \"*\" has to begin"),
            (r#"{"abi":1,"channels":[{"topic":"a b"}]}"#, "channels[0]: topic"),
        ] {
            let told = plan(json).err();
            if !fault.is_empty() {
                assert!(told.as_ref().is_some_and(|told| told.contains(fault)), "{json}: {told:?}");
            }
        }
        assert_eq!(plan(r#"{"abi":1,"hooks":[{"point":"session.created"}]}"#).unwrap().hooks[0].priority, 10);
    }
}
