//! What a module's systems touch, declared in the module itself.
//!
//! The custom section `hd1.plan` holds it as JSON. The order of systems, and which of them may run beside which, follows
//! from it, and a world hands out nothing that it does not name.

use serde::{Deserialize, Serialize};
use wasmtime::wasmparser::{Parser, Payload};

use crate::fault::LoadError;
use crate::limits::{COMPONENTS_MAX, NAME_BYTES_MAX, PLAN_BYTES_MAX, QUERIES_MAX, SYSTEMS_MAX};

/// The section's name.
pub const SECTION: &str = "hd1.plan";
/// The interface that this host speaks.
pub const ABI: u32 = 1;

/// See the module's words. A key that is not known is an error: it would be a misspelt one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`ABI`].
    pub abi: u32,
    /// In the order in which they run.
    pub systems: Vec<System>,
}

/// One system: what it works on in each tick.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// As operators read it; one of a kind in its plan.
    pub name: String,
    /// What it is handed.
    #[serde(default)]
    pub queries: Vec<Query>,
    /// Components that its commands may insert, by their index here, or remove.
    #[serde(default)]
    pub commands: Vec<String>,
}

/// Entities with certain components, and columns of them. A component stands in one of the lists at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Columns that it is handed and gives back: the first of a chunk's columns.
    #[serde(default)]
    pub write: Vec<String>,
    /// Columns that it is handed only: those that follow.
    #[serde(default)]
    pub read: Vec<String>,
    /// Components that the entities have besides.
    #[serde(default)]
    pub with: Vec<String>,
    /// Components that they have not.
    #[serde(default)]
    pub without: Vec<String>,
}

impl Plan {
    /// The plan of a module, checked.
    ///
    /// # Errors
    /// [`LoadError::Plan`], or [`LoadError::Malformed`] where the bytes are no module.
    pub fn of_module(wasm: &[u8]) -> Result<Self, LoadError> {
        let mut found = None;
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload.map_err(|error| LoadError::Malformed(error.to_string()))?;
            if let Payload::CustomSection(section) = payload
                && section.name() == SECTION
                && found.replace(section.data()).is_some()
            {
                return Err(LoadError::Plan("there are two; a module has one".into()));
            }
        }
        let json = found.ok_or_else(|| LoadError::Plan("there is none; the SDK's macros write it".into()))?;
        Self::parse(json)
    }

    /// Reads and checks one.
    ///
    /// # Errors
    /// [`LoadError::Plan`] with the place.
    pub fn parse(json: &[u8]) -> Result<Self, LoadError> {
        if json.len() > PLAN_BYTES_MAX {
            return Err(LoadError::TooMuch { what: "bytes of a plan", max: PLAN_BYTES_MAX });
        }
        let plan: Plan = serde_json::from_slice(json).map_err(|error| LoadError::Plan(error.to_string()))?;
        plan.check().map_err(LoadError::Plan)?;
        Ok(plan)
    }

    fn check(&self) -> Result<(), String> {
        if self.abi != ABI {
            return Err(format!("abi: it was made for interface {}, and this host speaks {ABI}", self.abi));
        }
        if self.systems.is_empty() || self.systems.len() > SYSTEMS_MAX {
            return Err(format!("systems: 1 to {SYSTEMS_MAX}, not {}", self.systems.len()));
        }
        for (i, system) in self.systems.iter().enumerate() {
            check_name(&system.name).map_err(|fault| format!("systems[{i}].name: {fault}"))?;
            if self.systems[..i].iter().any(|other| other.name == system.name) {
                return Err(format!("systems[{i}].name: {:?} is there twice", system.name));
            }
            system.check().map_err(|fault| format!("systems[{i}] ({}): {fault}", system.name))?;
        }
        Ok(())
    }
}

impl System {
    fn check(&self) -> Result<(), String> {
        if self.queries.len() > QUERIES_MAX {
            return Err(format!("queries: at most {QUERIES_MAX}"));
        }
        if self.commands.len() > COMPONENTS_MAX {
            return Err(format!("commands: at most {COMPONENTS_MAX} components"));
        }
        for component in &self.commands {
            check_name(component).map_err(|fault| format!("commands: {fault}"))?;
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

impl Query {
    /// Components whose columns are handed over, in the order of a chunk's columns.
    pub fn columns(&self) -> impl Iterator<Item = &String> {
        self.write.iter().chain(&self.read)
    }

    /// How many columns are handed over.
    #[must_use]
    pub fn column_count(&self) -> usize {
        self.write.len() + self.read.len()
    }

    /// Can no entity be in both?
    fn is_apart_from(&self, other: &Query) -> bool {
        let has = |query: &Query, name: &String| query.columns().chain(&query.with).any(|has| has == name);
        self.without.iter().any(|name| has(other, name)) || other.without.iter().any(|name| has(self, name))
    }

    fn check(&self) -> Result<(), String> {
        let all: Vec<_> = self.columns().chain(&self.with).chain(&self.without).collect();
        if all.len() > COMPONENTS_MAX {
            return Err(format!("at most {COMPONENTS_MAX} components in all"));
        }
        if self.columns().chain(&self.with).next().is_none() {
            return Err("it names no component that its entities have".into());
        }
        for (i, name) in all.iter().enumerate() {
            check_name(name)?;
            if all[..i].contains(name) {
                return Err(format!("{name} is there twice"));
            }
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
