//! What a module brings and what its systems touch, declared in the module itself.
//!
//! The custom section `hd1.plan` holds it as JSON. A world hands out nothing that it does not name.

use hd1_schema::schema::FieldSchema;
use hd1_schema::{ComponentId, ComponentSchema, Delivery};
use serde::{Deserialize, Serialize};

use crate::hook::Point;
use crate::limits::{
    COMPONENTS_MAX, HOOKS_MAX, NAME_BYTES_MAX, PATTERNS_MAX, PLAN_BYTES_MAX, QUERIES_MAX, SYSTEMS_MAX, TOPICS_MAX,
};
use crate::message::MessageKind;

/// The section's name.
pub const SECTION: &str = "hd1.plan";
/// The interface that is told here.
pub const ABI: u32 = 1;

/// Why a plan is refused, with the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plan (custom section `{SECTION}`): {0}")]
pub struct PlanError(pub String);

/// See the module's words. A key that is not known is an error: it would be a misspelt one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`ABI`].
    pub abi: u32,
    /// Components that the plugin brings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Declared>,
    /// What an operator may set, like the fields of a component.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<FieldSchema>,
    /// In the order in which they run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub systems: Vec<System>,
    /// What is asked and told besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<Hook>,
}

/// A component that a plugin brings: a schema without a number, which a world gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// `UpperCamelCase`.
    pub name: String,
    /// What it means, for people.
    #[serde(default)]
    pub doc: String,
    /// How its changes reach clients.
    pub delivery: Delivery,
    /// May clients write it on what they own?
    #[serde(default)]
    pub client_writable: bool,
    /// In the order of the column's words.
    #[serde(default)]
    pub fields: Vec<FieldSchema>,
}

/// One system: what it works on in each tick.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// As operators read it; one of a kind in its plan.
    pub name: String,
    /// What it is handed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<Query>,
    /// Components that it may look up of any entity, by their index here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gather: Vec<String>,
    /// What it is told of the tick: names of [`MessageKind`]s.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<String>,
    /// Components that its commands may insert, by their index here, or remove.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// May it make entities?
    #[serde(default, skip_serializing_if = "is_false")]
    pub spawns: bool,
    /// May it take entities away?
    #[serde(default, skip_serializing_if = "is_false")]
    pub despawns: bool,
    /// What it may say to clients, by its index here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
}

/// One hook: a function that is asked or told at a [`Point`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// As operators read it; one of a kind among the plan's systems and hooks.
    pub name: String,
    /// The name of a [`Point`].
    pub point: String,
    /// The lesser comes first; those of the same come by their plugins' ids, then in the order of the plan.
    #[serde(default = "ordinary", skip_serializing_if = "is_ordinary")]
    pub priority: i32,
    /// At `message`: patterns of the topics that it is asked about; none is all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<String>,
    /// Of an action: components that its commands may insert, by their index here, or remove.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Of an action: may it make entities?
    #[serde(default, skip_serializing_if = "is_false")]
    pub spawns: bool,
    /// Of an action: may it take entities away?
    #[serde(default, skip_serializing_if = "is_false")]
    pub despawns: bool,
    /// Of an action: what it may say to clients, by its index here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
}

/// What may be commanded.
#[derive(Clone, Copy, Debug)]
pub struct Orders<'a> {
    /// Components that may be inserted and removed.
    pub commands: &'a [String],
    /// Topics under which may be spoken.
    pub topics: &'a [String],
    /// May entities be made?
    pub spawns: bool,
    /// May they be taken away?
    pub despawns: bool,
}

impl Orders<'_> {
    /// Is there anything at all?
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.spawns || self.despawns || !self.commands.is_empty() || !self.topics.is_empty()
    }
}

/// The priority of a hook that says none.
pub const PRIORITY: i32 = 10;

fn ordinary() -> i32 {
    PRIORITY
}

fn is_ordinary(priority: &i32) -> bool {
    *priority == PRIORITY
}

/// Entities with certain components, and columns of them. A component stands in one of the first four lists at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Columns that it is handed and gives back: the first of its columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<String>,
    /// Columns that it is handed only: those that follow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<String>,
    /// Components that the entities have besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
    /// Components that they have not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// Components of the first three lists that changed since the system ran last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// Components of the first three lists that came since the system ran last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
    /// Are the entities' numbers wanted?
    #[serde(default, skip_serializing_if = "is_false")]
    pub entities: bool,
    /// Is the order of the rows to be that of the entities' numbers?
    #[serde(default, skip_serializing_if = "is_false")]
    pub ordered: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Plan {
    /// Reads and checks one.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(json: &[u8]) -> Result<Self, PlanError> {
        if json.len() > PLAN_BYTES_MAX {
            return Err(PlanError(format!("at most {PLAN_BYTES_MAX} bytes, not {}", json.len())));
        }
        let plan: Plan = serde_json::from_slice(json).map_err(|error| PlanError(error.to_string()))?;
        plan.check().map_err(PlanError)?;
        Ok(plan)
    }

    /// Words of the config.
    #[must_use]
    pub fn config_words(&self) -> usize {
        self.config.iter().filter_map(|field| field.kind.plain_words()).sum()
    }

    /// The config as a schema, so that JSON is read and checked like a component's.
    #[must_use]
    pub fn config_schema(&self) -> ComponentSchema {
        ComponentSchema {
            id: ComponentId::FIRST_DYNAMIC,
            name: "Config".into(),
            doc: String::new(),
            delivery: Delivery::Hidden,
            client_writable: false,
            fields: self.config.clone(),
        }
    }

    fn check(&self) -> Result<(), String> {
        if self.abi != ABI {
            return Err(format!("abi: it was made for interface {}, and this host speaks {ABI}", self.abi));
        }
        if self.systems.len() > SYSTEMS_MAX {
            return Err(format!("systems: at most {SYSTEMS_MAX}, not {}", self.systems.len()));
        }
        if self.hooks.len() > HOOKS_MAX {
            return Err(format!("hooks: at most {HOOKS_MAX}, not {}", self.hooks.len()));
        }
        if self.systems.is_empty() && self.hooks.is_empty() {
            return Err("it has neither systems nor hooks".into());
        }
        self.check_schemas()?;
        for (i, system) in self.systems.iter().enumerate() {
            check_name(&system.name).map_err(|fault| format!("systems[{i}].name: {fault}"))?;
            if self.systems[..i].iter().any(|other| other.name == system.name) {
                return Err(format!("systems[{i}].name: {:?} is there twice", system.name));
            }
            system.check().map_err(|fault| format!("systems[{i}] ({}): {fault}", system.name))?;
        }
        for (i, hook) in self.hooks.iter().enumerate() {
            check_name(&hook.name).map_err(|fault| format!("hooks[{i}].name: {fault}"))?;
            let before = self.hooks[..i].iter().map(|other| &other.name);
            if before.chain(self.systems.iter().map(|system| &system.name)).any(|name| *name == hook.name) {
                return Err(format!("hooks[{i}].name: {:?} is there twice", hook.name));
            }
            hook.check().map_err(|fault| format!("hooks[{i}] ({}): {fault}", hook.name))?;
        }
        Ok(())
    }

    /// The number of a hook where those of systems and of hooks are one list: systems come first.
    #[must_use]
    pub fn number_of_hook(&self, hook: usize) -> usize {
        self.systems.len() + hook
    }

    fn check_schemas(&self) -> Result<(), String> {
        if self.components.len() > COMPONENTS_MAX {
            return Err(format!("components: at most {COMPONENTS_MAX}, not {}", self.components.len()));
        }
        for (i, component) in self.components.iter().enumerate() {
            if self.components[..i].iter().any(|other| other.name == component.name) {
                return Err(format!("components[{i}]: {} is there twice", component.name));
            }
            check_plain(&component.schema(ComponentId::FIRST_DYNAMIC))
                .map_err(|fault| format!("components[{i}]: {fault}"))?;
        }
        check_plain(&self.config_schema()).map_err(|fault| format!("config: {fault}"))
    }
}

fn check_plain(schema: &ComponentSchema) -> Result<(), String> {
    schema.check().map_err(|fault| fault.to_string())?;
    let has_words = |field: &&FieldSchema| field.kind.plain_words().is_none();
    match schema.fields.iter().find(has_words) {
        Some(field) => Err(format!("{}.{}: text and points have no fixed number of words", schema.name, field.name)),
        None => Ok(()),
    }
}

impl Declared {
    /// The schema under a number that a world gave.
    #[must_use]
    pub fn schema(&self, id: ComponentId) -> ComponentSchema {
        let Declared { name, doc, delivery, client_writable, fields } = self.clone();
        ComponentSchema { id, name, doc, delivery, client_writable, fields }
    }
}

impl System {
    /// What it may command.
    #[must_use]
    pub fn orders(&self) -> Orders<'_> {
        let System { commands, topics, spawns, despawns, .. } = self;
        Orders { commands, topics, spawns: *spawns, despawns: *despawns }
    }

    /// Can it leave commands at all?
    #[must_use]
    pub fn may_command(&self) -> bool {
        self.orders().is_any()
    }

    /// Every component that it names.
    pub fn components(&self) -> impl Iterator<Item = &String> {
        self.queries.iter().flat_map(Query::components).chain(&self.gather).chain(&self.commands)
    }

    fn check(&self) -> Result<(), String> {
        if self.queries.len() > QUERIES_MAX {
            return Err(format!("queries: at most {QUERIES_MAX}"));
        }
        check_names("gather", &self.gather, COMPONENTS_MAX)?;
        check_names("commands", &self.commands, COMPONENTS_MAX)?;
        check_names("topics", &self.topics, TOPICS_MAX)?;
        check_names("messages", &self.messages, MessageKind::ALL.len())?;
        for name in &self.messages {
            if MessageKind::of_name(name).is_none() {
                let known = MessageKind::ALL.map(MessageKind::name).join(", ");
                return Err(format!("messages: {name} is none of {known}"));
            }
        }
        for (i, query) in self.queries.iter().enumerate() {
            query.check().map_err(|fault| format!("queries[{i}]: {fault}"))?;
            // Both would be handed the same rows, and which of them is kept would be chance.
            let clash = |other: &Query| {
                let shared = query.write.iter().find(|name| other.columns().any(|column| column == *name));
                let shared = shared.or_else(|| other.write.iter().find(|name| query.columns().any(|c| c == *name)));
                shared.filter(|_| !query.is_apart_from(other)).cloned()
            };
            if let Some(name) = self.queries[..i].iter().find_map(clash) {
                return Err(format!(
                    "queries[{i}]: it shares {name} with an earlier query and one of them writes it; tell their entities \
                     apart by `with` and `without`"
                ));
            }
        }
        Ok(())
    }
}

impl Hook {
    /// Where it is asked or told.
    #[must_use]
    pub fn point(&self) -> Option<Point> {
        Point::of_name(&self.point)
    }

    /// What it may command.
    #[must_use]
    pub fn orders(&self) -> Orders<'_> {
        let Hook { commands, topics, spawns, despawns, .. } = self;
        Orders { commands, topics, spawns: *spawns, despawns: *despawns }
    }

    fn check(&self) -> Result<(), String> {
        let Some(point) = self.point() else {
            let known = Point::ALL.map(Point::name).join(", ");
            return Err(format!("point: {:?} is none of {known}", self.point));
        };
        check_names("commands", &self.commands, COMPONENTS_MAX)?;
        check_names("topics", &self.topics, TOPICS_MAX)?;
        if point.is_filter() && self.orders().is_any() {
            return Err("a filter leaves no commands; an action does".into());
        }
        if point != Point::Message && !self.about.is_empty() {
            return Err("about: only what is said under a topic has one: use the point `message`".into());
        }
        let stars: Vec<_> = self.about.iter().map(|pattern| pattern.replace('*', "_")).collect();
        stars.iter().try_for_each(|pattern| check_name(pattern)).map_err(|fault| format!("about: {fault} *"))?;
        if self.about.len() > PATTERNS_MAX {
            return Err(format!("about: at most {PATTERNS_MAX}"));
        }
        Ok(())
    }
}

impl Query {
    /// Components whose columns are handed over, in the order of the query's columns.
    pub fn columns(&self) -> impl Iterator<Item = &String> {
        self.write.iter().chain(&self.read)
    }

    /// Components that its entities have.
    pub fn present(&self) -> impl Iterator<Item = &String> {
        self.columns().chain(&self.with)
    }

    /// Every component that it names.
    pub fn components(&self) -> impl Iterator<Item = &String> {
        self.present().chain(&self.without)
    }

    /// Can no entity be in both?
    fn is_apart_from(&self, other: &Query) -> bool {
        let has = |query: &Query, name: &String| query.present().any(|has| has == name);
        self.without.iter().any(|name| has(other, name)) || other.without.iter().any(|name| has(self, name))
    }

    fn check(&self) -> Result<(), String> {
        let all: Vec<_> = self.components().collect();
        if all.len() > COMPONENTS_MAX {
            return Err(format!("at most {COMPONENTS_MAX} components in all"));
        }
        if self.present().next().is_none() {
            return Err("it names no component that its entities have".into());
        }
        for (i, name) in all.iter().enumerate() {
            check_name(name)?;
            if all[..i].contains(name) {
                return Err(format!("{name} is there twice"));
            }
        }
        for (list, names) in [("changed", &self.changed), ("added", &self.added)] {
            check_names(list, names, COMPONENTS_MAX)?;
            if let Some(name) = names.iter().find(|name| !self.present().any(|has| has == *name)) {
                return Err(format!("{list}: {name} has to be in `write`, `read` or `with`, too"));
            }
        }
        Ok(())
    }
}

fn check_names(list: &str, names: &[String], max: usize) -> Result<(), String> {
    if names.len() > max {
        return Err(format!("{list}: at most {max}"));
    }
    for (i, name) in names.iter().enumerate() {
        check_name(name).map_err(|fault| format!("{list}: {fault}"))?;
        if names[..i].contains(name) {
            return Err(format!("{list}: {name} is there twice"));
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), String> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '/' | '.');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(is_fit) {
        return Err(format!("{name:?}: a name is 1 to {NAME_BYTES_MAX} letters, digits and _ - : / ."));
    }
    Ok(())
}
