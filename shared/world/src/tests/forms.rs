//! A component is the same as a struct, a record, JSON, a row and exact bytes.

use hd1_schema::Row;

use super::*;
use crate::canonical;
use crate::net_id::spawn;

#[test]
fn built_in_schemas_are_sound_and_their_ids_are_stable() {
    let ids: Vec<_> = crate::builtin_schemas().into_iter().map(|schema| (schema.id.0, schema.name)).collect();
    let expected = [
        (1, "Transform"),
        (2, "Velocity"),
        (3, "Geometry"),
        (4, "Material"),
        (5, "Light"),
        (6, "Name"),
        (7, "Parent"),
        (8, "Owner"),
        (9, "Avatar"),
        (10, "CameraView"),
        (11, "Label"),
        (12, "Motion"),
        (13, "Lifetime"),
        (14, "RigidBody"),
        (15, "Collider"),
        (16, "Audience"),
        (17, "Channels"),
        (18, "Authority"),
        (19, "Grabbable"),
    ];
    assert_eq!(ids, expected.map(|(id, name)| (id, name.to_owned())));
    for schema in crate::builtin_schemas() {
        schema.check().unwrap();
        assert!(!schema.doc.is_empty() && schema.fields.iter().all(|field| !field.doc.is_empty()), "{}", schema.name);
    }
}

#[test]
fn schemas_that_cannot_be_registered_say_why() {
    let mut world = world();
    let refused = |world: &mut World, edit: &dyn Fn(&mut ComponentSchema)| {
        let mut schema = every_plain_kind();
        edit(&mut schema);
        Catalogue::register_dynamic(world, schema).unwrap_err().to_string()
    };
    assert_eq!(Catalogue::register_dynamic(&mut world, every_plain_kind()).map(|id| id.0), Ok(1000), "twice is once");
    let text = refused(&mut world, &|s| s.id.0 = 1001);
    assert_eq!(text, "component Everything (id 1001): that name is taken; choose another");
    let text = refused(&mut world, &|s| s.name = "Other".into());
    assert_eq!(text, "component Other (id 1000): that id is taken; choose another");
    let text = refused(&mut world, &|s| (s.name, s.id.0) = ("Other".into(), 3));
    assert_eq!(text, "component Other: its id 3 is below 1000; those are for built-in components");
    let text = refused(&mut world, &|s| {
        (s.name, s.id.0, s.delivery) = ("Other".into(), 1001, hd1_schema::Delivery::Reliable);
        s.fields[0].kind = FieldKind::Text { max_bytes: 8 };
        s.fields[0].default = Value::Text(String::new());
    });
    assert_eq!(text, "component Other.on: text and points cannot be in a component registered at run time");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_form_of_a_component_says_the_same(
        records in crate::builtin_schemas().into_iter().chain([every_plain_kind()]).map(|s| record(&s)).collect::<Vec<_>>()
    ) {
        let mut world = world();
        let catalogue = world.resource::<Catalogue>().clone();
        let (_, entity) = spawn(&mut world);
        for (entry, record) in catalogue.entries().iter().zip(&records) {
            let schema = &entry.schema;
            entry.insert(&mut world.entity_mut(entity), record);
            let there = world.entity(entity);
            prop_assert_eq!(entry.read(there), Some(record.clone()), "{}", schema.name);

            let json = schema.to_json(record);
            let text = serde_json::to_string(&json).unwrap();
            let parsed = schema.parse_json(&serde_json::from_str(&text).unwrap(), "x");
            prop_assert_eq!(parsed.as_ref(), Ok(record), "{} through JSON", schema.name);

            let mut row = Row::default();
            prop_assert!(entry.row(there, &mut row));
            prop_assert_eq!(&row, &schema.quantise(record), "{} as a row", schema.name);

            let mut bytes = Vec::new();
            prop_assert!(entry.canonical(there, &mut bytes));
            let mut generic = Vec::new();
            record.iter().for_each(|value| canonical::put_value(&mut generic, value));
            prop_assert_eq!(&bytes, &generic, "{} as bytes", schema.name);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(canonical::take_record(schema, &mut rest), Ok(record.clone()));
            prop_assert!(rest.is_empty());
            for cut in 0..bytes.len() {
                prop_assert!(canonical::take_record(schema, &mut &bytes[..cut]).is_err(), "{} cut short", schema.name);
            }

            entry.remove(&mut world.entity_mut(entity));
            prop_assert!(entry.read(world.entity(entity)).is_none());
        }
    }
}
