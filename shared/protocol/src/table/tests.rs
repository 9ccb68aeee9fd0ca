//! Finding and keeping entities.

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
    table.despawn(NetId(1), |_, _| ()).unwrap();
    assert!(table.at_slot(0).is_none());
    table.spawn(NetId(8)).unwrap();
    assert_eq!(table.at_slot(slot).unwrap().id(), NetId(3));
    assert_eq!(table.at_slot(0).unwrap().id(), NetId(8), "a free slot is used again");
    assert_eq!(table.despawn(NetId(1), |_, _| ()), Err(DecodeError::UnknownEntity(1)));
    assert!(table.spawn(NetId(8)).is_err() && table.spawn(NetId::NONE).is_err());
}
