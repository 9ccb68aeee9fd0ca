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
fn slots_stay_while_others_come_and_go() {
    let mut table = table(&[3, 1, 2]);
    let ids: Vec<u32> = table.entities().map(|entity| entity.id().0).collect();
    assert_eq!(ids, [1, 2, 3]);
    let slot = table.get(NetId(3)).unwrap().slot();
    let gone = table.get(NetId(1)).unwrap().slot();
    table.despawn(gone);
    table.despawn(gone);
    assert!(table.at_slot(gone).is_none() && table.get(NetId(1)).is_none());
    assert_eq!(table.spawn(NetId(8)), Ok(gone), "a free slot is used again");
    assert_eq!(table.at_slot(slot).unwrap().id(), NetId(3));
    assert!(table.spawn(NetId(8)).is_err() && table.spawn(NetId::NONE).is_err());
    assert_eq!(table.spawn(NetId(9)), Ok(3), "a spawn that was refused took no slot");
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
    table.set(0, ComponentId(1), row(&[1]), (Tick(1), Tick(1)), &shapes).unwrap();
    shapes.register(schema(2));
    for slot in [0, 1] {
        let again = table.set(slot, ComponentId(1), row(&[1, 0]), (Tick(2), Tick(2)), &shapes);
        assert!(matches!(again, Err(DecodeError::Inconsistent(_))), "{again:?}");
    }
}

fn flag(number: usize) -> FieldSchema {
    let name = format!("flag_{number}");
    FieldSchema { name, doc: String::new(), kind: FieldKind::Bool, unit: String::new(), default: Value::Bool(false) }
}
