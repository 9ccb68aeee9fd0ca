//! What the attributes make of functions: types of the same name, each with its part of the plan.

use serde_json::Value;

use crate::{Asked, Heard, Identity, Request, Response, Result, Verdict};

/// `#[route]`.
pub trait Route {
    /// Its part of the plan.
    const PLAN: &'static str;
    /// Runs it.
    ///
    /// # Errors
    /// What it says.
    fn run(request: &Request) -> Result<Response>;
}

/// `#[action]` and `#[filter]`.
pub trait Hook {
    /// Its part of the plan.
    const PLAN: &'static str;

    /// Something happened.
    ///
    /// # Errors
    /// What it says.
    fn tell(_about: &Value) -> Result<()> {
        Ok(())
    }

    /// Something is about to happen.
    ///
    /// # Errors
    /// What it says.
    fn ask(_value: Value) -> Result<Verdict> {
        Ok(Verdict::Keep)
    }
}

/// `#[job]`.
pub trait Job {
    /// Its part of the plan.
    const PLAN: &'static str;
    /// Its name.
    const NAME: &'static str;
    /// Runs it.
    ///
    /// # Errors
    /// What it says; it is tried again.
    fn run(payload: Value) -> Result<()>;
}

/// `#[auth]`.
pub trait Auth {
    /// Its part of the plan.
    const PLAN: &'static str;
    /// Who stands behind a credential.
    ///
    /// # Errors
    /// What it says.
    fn run(credential: &str) -> Result<Option<Identity>>;
}

/// `#[function]`.
pub trait Function {
    /// Its part of the plan.
    const PLAN: &'static str;
    /// Runs it.
    ///
    /// # Errors
    /// What it says.
    fn run(caller: &str, argument: Value) -> Result<Value>;
}

/// `#[channel]`.
pub trait Channel {
    /// Its part of the plan.
    const PLAN: &'static str;
    /// What a player's program hears.
    ///
    /// # Errors
    /// What it says.
    fn run(asked: &Asked) -> Result<Heard>;
}

/// `#[derive(Settings)]`: what an operator sets.
pub trait Settings {
    /// The fields as the plan has them.
    const FIELDS: &'static str;
}

impl Settings for () {
    const FIELDS: &'static str = "";
}

impl Verdict {
    /// Another value.
    #[must_use]
    pub fn changed(value: &Value) -> Self {
        Verdict::Change(value.to_string())
    }

    /// It is not to be.
    #[must_use]
    pub fn refused(why: impl Into<String>) -> Self {
        Verdict::Refuse(why.into())
    }
}

impl Asked {
    /// What was asked, as the plugin's own type.
    ///
    /// # Errors
    /// It is not of this type.
    pub fn data<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_str(&self.data)?)
    }
}

impl Heard {
    /// An answer.
    ///
    /// # Errors
    /// The value cannot be written.
    pub fn json(value: &impl serde::Serialize) -> Result<Self> {
        Ok(Heard::Answer(serde_json::to_string(value)?))
    }

    /// No answer, and why, for the player's program.
    #[must_use]
    pub fn declined(why: impl Into<String>) -> Self {
        Heard::Decline(why.into())
    }
}
