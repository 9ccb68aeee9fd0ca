//! Holds the built-in components against the server's own.

use hd1_schema::ComponentSchema;
use serde_json::{Value, json};

use super::*;
use crate::plan::{PluginPlan, SystemPlan, render};
use crate::schema::Schema;

/// The schema as the plan would say it, read as the server reads it.
fn read(schema: Schema, id: u16) -> ComponentSchema {
    let leaked: &'static [Schema] = Box::leak(Box::new([Schema { is_builtin: false, ..schema }]));
    let systems: &'static [SystemPlan] = &[SystemPlan { name: "none", params: &[] }];
    let plan = PluginPlan { components: leaked, config: None, systems, hooks: &[] };
    let (bytes, len) = render::<{ 32 * 1024 }>(&plan);
    let mut plan: Value = serde_json::from_slice(&bytes[..len]).unwrap();
    let mut schema = plan["components"][0].take();
    schema["id"] = json!(id);
    serde_json::from_value(schema).unwrap()
}

fn server(name: &str) -> ComponentSchema {
    hd1_world::builtin_schemas().into_iter().find(|schema| schema.name == name).unwrap()
}

fn is_same<T: Component>() {
    let theirs = server(T::NAME);
    assert_eq!(read(T::SCHEMA, theirs.id.0), theirs);
    let words: Option<Vec<_>> = theirs.fields.iter().map(|field| field.kind.plain_words()).collect();
    assert_eq!(words.unwrap().iter().sum::<usize>(), T::WORDS, "{}", T::NAME);
    assert_eq!(size_of::<T>(), T::WORDS * 4);
}

#[test]
fn built_in_components_are_the_servers() {
    is_same::<Transform>();
    is_same::<Velocity>();
    is_same::<Parent>();
    is_same::<Material>();
    is_same::<Light>();
    is_same::<Owner>();
    is_same::<Avatar>();
    is_same::<CameraView>();
    is_same::<Lifetime>();
    is_same::<Channels>();
    is_same::<Authority>();
    is_same::<Grabbable>();
}

#[test]
fn every_component_of_the_server_is_here() {
    let with_columns = [
        Transform::NAME,
        Velocity::NAME,
        Parent::NAME,
        Material::NAME,
        Light::NAME,
        Owner::NAME,
        Avatar::NAME,
        CameraView::NAME,
        Lifetime::NAME,
        Channels::NAME,
        Authority::NAME,
        Grabbable::NAME,
    ];
    let without =
        [Geometry::NAME, Name::NAME, Label::NAME, Motion::NAME, RigidBody::NAME, Collider::NAME, Audience::NAME];
    for schema in hd1_world::builtin_schemas() {
        let has_bool = schema.fields.iter().any(|field| field.kind == hd1_schema::FieldKind::Bool);
        let name = schema.name.as_str();
        if schema.has_variable() || has_bool {
            assert!(without.contains(&name), "{name} has no marker");
        } else {
            assert!(with_columns.contains(&name), "{name} has no struct");
        }
    }
    assert_eq!(with_columns.len() + without.len(), hd1_world::builtin_schemas().len());
}

#[test]
fn defaults_are_the_servers() {
    assert_eq!(Transform::default().rotation, Quat::IDENTITY);
    assert_eq!(Transform::default().scale, [1.0; 3]);
    assert_eq!(Material::default().color, Color([0.8; 3]));
    assert_eq!(Material::default().emissive, Color::BLACK);
    assert_eq!(Light::default().kind, LightKind::Point);
    assert_eq!(Lifetime::default().seconds, 10.0);
}
