//! OpenAPI schemas of the types that `hd1-core` owns: core knows nothing of HTTP, so their description stands here.

use utoipa::openapi::KnownFormat;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaFormat, Type};

/// A UUID as text.
#[must_use]
pub fn uuid() -> Object {
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))).build()
}

/// A participant's role.
#[must_use]
pub fn role() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["viewer", "participant", "moderator", "owner"]))
        .build()
}

/// A tick rate: 1 to 128 Hz.
#[must_use]
pub fn tick_rate() -> Object {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(128)).build()
}

/// Any JSON object.
#[must_use]
pub fn object() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(utoipa::openapi::schema::AdditionalProperties::FreeForm(true)))
        .build()
}
