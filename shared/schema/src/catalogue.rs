//! The hash by which both ends know that they speak of the same components.

use serde::{Deserialize, Serialize};

use crate::ComponentSchema;

/// The first 16 bytes of BLAKE3 over the schemas' JSON, ordered by id; 32 hex digits in text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CatalogueHash(pub String);

/// The hash of a set of schemas, whatever order they are given in.
#[must_use]
pub fn catalogue_hash<'a>(schemas: impl IntoIterator<Item = &'a ComponentSchema>) -> CatalogueHash {
    let mut sorted: Vec<_> = schemas.into_iter().collect();
    sorted.sort_by_key(|s| s.id);
    let text = serde_json::to_vec(&sorted).unwrap_or_default();
    let hex = blake3::hash(&text).to_hex();
    CatalogueHash(hex[..32].to_owned())
}
