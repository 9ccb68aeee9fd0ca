//! The data language of components: field kinds, units, ranges, quantisation and the JSON form.
//!
//! A component is known to every part of HD1 by its [`ComponentSchema`]: the server checks JSON against it, the
//! replication core turns values into integer lanes by it, clients turn lanes back. It knows neither bevy nor sockets,
//! so it also builds for wasm32. Start with [`schema`], then [`json`] for the checked text form and [`quantise`] for
//! the wire form.

pub mod catalogue;
pub mod json;
pub mod limits;
pub mod quantise;
pub mod schema;
pub mod value;

pub use catalogue::{CatalogueHash, catalogue_hash};
pub use json::Refusal;
pub use quantise::Row;
pub use schema::{ComponentId, ComponentSchema, Delivery, FieldKind, FieldSchema, Range, SchemaFault};
pub use value::{Record, Value};
