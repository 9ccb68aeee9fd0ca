//! Finding and keeping entities.

use hd1_schema::{ComponentSchema, FieldKind, Value, schema::FieldSchema};

use super::*;

fn table(ids: &[u32]) -> Table {
    let mut table = Table::default();
    for id in ids {
        table.spawn(NetId(*id)).unwrap();
    }
    table
}

#[test]
fn every_id_is_found_from_every_cursor() {
    let table = table(&[9, 2, 40, 3, 17, 5, 100, 41, 7]);
    for start in 0..12 {
        for id in 0..110 {
            let there = table.get(NetId(id)).map(|entity| entity.slot());
            assert_eq!(table.seek(&mut Cursor(start), NetId(id)), there, "{id} from {start}");
        }
    }
    let ids: Vec<u32> = table.entities().map(|entity| entity.id().0).collect();
    assert_eq!(ids, [2, 3, 5, 7, 9, 17, 40, 41, 100]);
}

#[test]
fn slots_stay_while_others_come_and_go() {
    let mut table = table(&[1, 2, 3]);
    let slot = table.get(NetId(3)).unwrap().slot();
    table.despawn(NetId(1)).unwrap();
    assert!(table.at_slot(0).is_none());
    table.spawn(NetId(8)).unwrap();
    assert_eq!(table.at_slot(slot).unwrap().id(), NetId(3));
    assert_eq!(table.at_slot(0).unwrap().id(), NetId(8), "a free slot is used again");
    assert_eq!(table.despawn(NetId(1)), Err(DecodeError::UnknownEntity(1)));
    assert!(table.spawn(NetId(8)).is_err() && table.spawn(NetId::NONE).is_err());
}

#[test]
fn a_component_that_changes_its_shape_is_refused() {
    let schema = |fields: usize| ComponentSchema {
        id: ComponentId(1),
        name: "Flags".into(),
        doc: String::new(),
        delivery: Delivery::State,
        client_writable: false,
        fields: (0..fields).map(flag).collect(),
    };
    let row = |lanes: &[i32]| Row { lanes: lanes.into(), bytes: Vec::new() };
    let mut shapes = Shapes::new([schema(1)]);
    let mut table = table(&[1, 2]);
    table.set(NetId(1), ComponentId(1), &row(&[1]), Tick(1), &shapes).unwrap();
    shapes.register(schema(2));
    for entity in [1, 2] {
        let again = table.set(NetId(entity), ComponentId(1), &row(&[1, 0]), Tick(2), &shapes);
        assert!(matches!(again, Err(DecodeError::Inconsistent(_))), "{again:?}");
    }
}

fn flag(number: usize) -> FieldSchema {
    let name = format!("flag_{number}");
    FieldSchema { name, doc: String::new(), kind: FieldKind::Bool, unit: String::new(), default: Value::Bool(false) }
}
