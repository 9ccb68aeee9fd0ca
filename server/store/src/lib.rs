//! Every SQL statement of HD1: migrations, both databases, one text.
//!
//! A repository is a module of functions over [`Conn`]; a caller opens one transaction, calls any number of them and
//! commits once. No rule lives here, and no other crate contains SQL. Everything a caller may name is looked up
//! inside a [`Scope`] or inside its session; the few loaders that see everything stand in [`system`] alone. Start
//! with [`db`], then [`sessions`].

pub mod claim;
pub mod db;
pub mod error;
pub mod limits;
pub mod migrate;
pub mod participants;
pub mod plugin_jobs;
pub mod plugin_secrets;
pub mod plugin_values;
pub mod plugins;
pub mod scope;
pub mod session_plugins;
pub mod sessions;
pub mod settings;
pub mod sql;
pub mod system;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tickets;
pub mod tokens;
pub mod writer;

pub use claim::Claim;
pub use db::{Conn, Db};
pub use error::{Result, StoreError};
pub use scope::Scope;
