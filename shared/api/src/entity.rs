//! Entities of a live world in JSON: components by name, in the form their schemas give them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{Pagination, schemas};

/// An entity as the world has it now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Entity {
    /// Its number in this world, from 1, never used twice.
    pub id: u32,
    /// Its name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its components by name.
    #[schema(schema_with = schemas::object)]
    pub components: Map<String, Value>,
}

/// A page of entities, in ascending order of their numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EntityList {
    /// The page.
    pub entities: Vec<Entity>,
    /// Where it lies.
    pub pagination: Pagination,
}

/// An entity to be made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CreateEntity {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its components by name.
    #[schema(schema_with = schemas::object)]
    pub components: Map<String, Value>,
}

/// Changes to an entity: of a component given the given fields are set and the others stay (of one that the entity does
/// not have, they take their defaults); `null` removes a component, an absent one stays. All of it happens or none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PatchEntity {
    /// A new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Components by name.
    #[schema(schema_with = schemas::object)]
    pub components: Map<String, Value>,
}

/// Who is to drive an entity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandEntity {
    /// A player's number in this world; a participant who is here.
    pub player: u32,
}
