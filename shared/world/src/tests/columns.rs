//! Columns of words: out and back in, whatever tables entities lie in, and nothing in that its schema refuses.

use bevy_ecs::entity::Entity;
use hd1_core::NetId;
use hd1_schema::ComponentId;

use super::*;
use crate::components::{Grabbable, Transform, Velocity};
use crate::{ColumnError, ColumnQuery, Networked, Refused, Terms, entity_of};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn ids(query: &ColumnQuery, world: &World, rows: usize) -> Vec<u32> {
    let mut bytes = vec![0; rows * 4];
    query.copy_ids(world, &mut bytes);
    bytes.as_chunks().0.iter().map(|id| u32::from_le_bytes(*id)).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect()
}

/// Entities in three tables: every one has a Transform at its number, two of three a Velocity, one of three more.
fn crowd(count: u32) -> World {
    let mut world = world();
    for i in 1..=count {
        let at = Transform { position: [i as f32, 0.0, 0.0], ..Transform::default() };
        let mut entity = world.spawn((Networked(NetId(i)), at));
        if i % 3 > 0 {
            entity.insert(Velocity { linear: [1.0, i as f32, 0.0], angular: [0.0; 3] });
        }
        if i % 3 > 1 {
            entity.insert(Grabbable::default());
        }
    }
    world
}

fn entity(world: &World, id: u32) -> Entity {
    entity_of(world, NetId(id)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_value_goes_out_and_comes_back(seed in any::<u64>()) {
        let mut runner = proptest::test_runner::TestRunner::new_with_rng(
            ProptestConfig::default(),
            proptest::test_runner::TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &[seed.to_le_bytes(); 4].concat()),
        );
        let mut world = world();
        let catalogue = world.resource::<Catalogue>().clone();
        let mut plain = 0;
        for entry in catalogue.entries() {
            let terms = Terms { write: std::slice::from_ref(&entry.schema.name), ..Terms::default() };
            let Some(words) = entry.words else {
                prop_assert!(matches!(ColumnQuery::new(&mut world, terms), Err(ColumnError::NotPlain(_))));
                continue;
            };
            plain += 1;
            let mut any = |schema| record(schema).new_tree(&mut runner).unwrap().current();
            let (first, second) = (any(&entry.schema), any(&entry.schema));
            let id = entry.id().0.into();
            let bevy = world.spawn(Networked(NetId(id))).id();
            entry.insert(&mut world.entity_mut(bevy), &first);
            let mut query = ColumnQuery::new(&mut world, terms).unwrap();
            let now = world.increment_change_tick();
            prop_assert_eq!(query.select(&world, None, now), 1);
            prop_assert_eq!(query.strides().collect::<Vec<_>>(), [words * 4]);
            let mut out = vec![0; words * 4];
            query.copy_column(&world, 0, &mut out);
            let mut exact = Vec::new();
            entry.canonical(world.entity(bevy), &mut exact);
            prop_assert_eq!(&out, &exact, "{}", &entry.schema.name);
            // What another value's bytes are is a row that makes it that value.
            let other = world.spawn_empty().id();
            entry.insert(&mut world.entity_mut(other), &second);
            exact.clear();
            entry.canonical(world.entity(other), &mut exact);
            let mut refused = Refused::default();
            query.write_column(&mut world, 0, &exact, now, &mut refused);
            prop_assert_eq!(refused, Refused::default());
            let read = entry.read(world.entity(bevy));
            prop_assert_eq!(read.as_ref(), Some(&second));
            world.despawn(other);
        }
        prop_assert!(plain > 8, "{plain} have columns");
    }
}

#[test]
fn rows_come_from_every_table_that_fits_and_in_order_where_asked() {
    let mut world = crowd(50);
    let (write, read, without) = (names(&["Transform"]), names(&["Velocity"]), names(&["Grabbable"]));
    let terms = Terms { write: &write, read: &read, without: &without, ordered: true, ..Terms::default() };
    let mut query = ColumnQuery::new(&mut world, terms).unwrap();
    let now = world.increment_change_tick();
    let expected: Vec<u32> = (1..=50).filter(|i| i % 3 == 1).collect();
    assert_eq!(query.select(&world, None, now), expected.len());
    assert_eq!(ids(&query, &world, expected.len()), expected);
    let mut column = vec![0; expected.len() * 24];
    query.copy_column(&world, 1, &mut column);
    let ups: Vec<f32> = floats(&column).chunks(6).map(|row| row[1]).collect();
    assert_eq!(ups, expected.iter().map(|i| *i as f32).collect::<Vec<_>>());

    // Tables that come later are found, and what is ordered stays so when rows lie crosswise.
    let (first, second) = (entity(&world, 1), entity(&world, 4));
    world.entity_mut(first).insert(crate::components::Lifetime::default());
    world.despawn(second);
    let terms = Terms { write: &write, ordered: true, ..Terms::default() };
    let mut all = ColumnQuery::new(&mut world, terms).unwrap();
    let expected: Vec<u32> = (1..=50).filter(|i| *i != 4).collect();
    assert_eq!(all.select(&world, None, now), 49);
    assert_eq!(ids(&all, &world, 49), expected);
    world.spawn((Networked(NetId(4)), Transform::default(), crate::components::Channels::default()));
    assert_eq!(all.select(&world, None, now), 50);
    assert_eq!(ids(&all, &world, 50), (1..=50).collect::<Vec<_>>());
    // Without an order all are there just as well, and written where they belong.
    let mut any = ColumnQuery::new(&mut world, Terms { write: &write, ..Terms::default() }).unwrap();
    assert_eq!(any.select(&world, None, now), 50);
    let order = ids(&any, &world, 50);
    let mut column = vec![0; 50 * 40];
    any.copy_column(&world, 0, &mut column);
    for (row, id) in column.chunks_mut(40).zip(&order) {
        row[4..8].copy_from_slice(&(*id as f32).to_le_bytes());
    }
    any.write_column(&mut world, 0, &column, now, &mut Refused::default());
    for id in 1..=50 {
        assert_eq!(world.get::<Transform>(entity(&world, id)).unwrap().position[1], id as f32);
    }
}

#[test]
fn only_rows_that_differ_have_changed() {
    let mut world = crowd(100);
    let (write, changed) = (names(&["Transform"]), names(&["Transform"]));
    let mut query = ColumnQuery::new(&mut world, Terms { write: &write, ordered: true, ..Terms::default() }).unwrap();
    let mut news =
        ColumnQuery::new(&mut world, Terms { write: &write, changed: &changed, ..Terms::default() }).unwrap();
    let mut newcomers =
        ColumnQuery::new(&mut world, Terms { read: &write, added: &changed, ..Terms::default() }).unwrap();
    let since = world.increment_change_tick();
    let now = world.increment_change_tick();
    assert_eq!(news.select(&world, None, now), 100, "in the first look everything is new");
    assert_eq!(news.select(&world, Some(since), now), 0);
    query.select(&world, None, now);
    let mut column = vec![0; 100 * 40];
    query.copy_column(&world, 0, &mut column);
    query.write_column(&mut world, 0, &column, now, &mut Refused::default());
    assert_eq!(news.select(&world, Some(since), now), 0, "what came back as it went out is unchanged");
    for id in [5usize, 6, 70] {
        column[(id - 1) * 40 + 8..][..4].copy_from_slice(&9.0f32.to_le_bytes());
    }
    query.write_column(&mut world, 0, &column, now, &mut Refused::default());
    let after = world.increment_change_tick();
    assert_eq!(news.select(&world, Some(since), after), 3);
    let mut seen = ids(&news, &world, 3);
    seen.sort_unstable();
    assert_eq!(seen, [5, 6, 70]);
    assert_eq!(newcomers.select(&world, Some(since), after), 0);
    world.spawn((Networked(NetId(200)), Transform::default()));
    let after = world.increment_change_tick();
    assert_eq!(newcomers.select(&world, Some(since), after), 1);
    assert_eq!(ids(&newcomers, &world, 1), [200]);
    // A selection of single rows is written back to these.
    let rows = news.select(&world, Some(since), after);
    assert_eq!(rows, 4);
    let selected = ids(&news, &world, rows);
    let mut column = vec![0; rows * 40];
    news.copy_column(&world, 0, &mut column);
    for (row, id) in column.chunks_mut(40).zip(&selected) {
        row[..4].copy_from_slice(&(*id as f32 + 0.5).to_le_bytes());
    }
    news.write_column(&mut world, 0, &column, after, &mut Refused::default());
    for id in selected {
        assert_eq!(world.get::<Transform>(entity(&world, id)).unwrap().position[0], id as f32 + 0.5);
    }
    assert_eq!(world.get::<Transform>(entity(&world, 7)).unwrap().position[0], 7.0);
}

#[test]
fn a_row_that_the_schema_refuses_stays_as_it_was() {
    let mut world = crowd(40);
    let everything = world.resource::<Catalogue>().by_id(ComponentId(1000)).unwrap().clone();
    let record = everything.schema.default_record();
    for id in 1..=40 {
        let entity = entity(&world, id);
        everything.insert(&mut world.entity_mut(entity), &record);
    }
    let write = names(&["Everything", "Transform"]);
    let terms = Terms { write: &write, ordered: true, ..Terms::default() };
    let mut query = ColumnQuery::new(&mut world, terms).unwrap();
    let now = world.increment_change_tick();
    query.select(&world, None, now);
    let strides: Vec<usize> = query.strides().collect();
    assert_eq!(strides, [16 * 4, 40]);
    let mut good = vec![0; 40 * strides[0]];
    query.copy_column(&world, 0, &mut good);
    let real = f32::to_bits;
    // on, count, level, heat, wind, pose, tint, mood, target
    let cases: [(usize, u32, &str); 16] = [
        (0, 2, "on: 2 is none of its values"),
        (1, 101, "count: 101 is none"),
        (2, 6, "level: 6 is none"),
        (2, -6i32 as u32, "level"),
        (3, real(f32::NAN), "heat: NaN is not from 0 to 1"),
        (3, real(1.0001), "heat: 1.0001"),
        (3, real(-0.1), "heat: -0.1"),
        (5, real(f32::INFINITY), "wind: inf"),
        (6, real(-9.5), "wind"),
        (7, real(1.0), "pose: no quaternion of length 1"),
        (10, real(f32::NAN), "pose"),
        (10, 0, "pose"),
        (12, real(1.5), "tint: 1.5"),
        (14, 2, "mood: 2 is none"),
        (14, u32::MAX, "mood"),
        (15, 1 << 31, "target"),
    ];
    for (word, bits, says) in cases {
        let mut column = good.clone();
        let spoil = |column: &mut [u8], row: usize| {
            column[row * strides[0] + word * 4..][..4].copy_from_slice(&bits.to_le_bytes());
        };
        spoil(&mut column, 16);
        spoil(&mut column, 39);
        // Its neighbours change, and are taken.
        for row in [0, 15, 17, 38] {
            column[row * strides[0] + 12..][..4].copy_from_slice(&real(0.75).to_le_bytes());
        }
        let mut refused = Refused::default();
        query.write_column(&mut world, 0, &column, now, &mut refused);
        assert_eq!(refused.rows, 2, "{says}");
        let (id, what) = refused.first.take().unwrap();
        assert_eq!(id, NetId(17));
        assert!(what.contains(says), "{what}: {says}");
        let heat = |id: u32| everything.read(world.entity(entity(&world, id))).unwrap();
        assert_eq!((heat(17), heat(40)), (record.clone(), record.clone()), "{says}");
        for id in [1, 16, 18, 39] {
            assert_eq!(heat(id)[3], Value::F32(0.75), "{says}");
        }
        query.write_column(&mut world, 0, &good, now, &mut refused);
    }
    // All of them at once, in a column of real numbers alone.
    let mut column = vec![0; 40 * 40];
    query.copy_column(&world, 1, &mut column);
    column.fill(0xff);
    let mut refused = Refused::default();
    query.write_column(&mut world, 1, &column, now, &mut refused);
    assert_eq!(refused.rows, 40);
    assert_eq!(world.get::<Transform>(entity(&world, 3)).unwrap().position[0], 3.0);
}

#[test]
fn what_is_not_there_or_has_no_column_is_said() {
    let mut world = world();
    let refused = |world: &mut World, name: &str| {
        let write = names(&[name]);
        ColumnQuery::new(world, Terms { write: &write, ..Terms::default() }).err().unwrap().to_string()
    };
    assert!(refused(&mut world, "Nothing").contains("no component Nothing"));
    assert!(refused(&mut world, "Geometry").contains("Geometry has text"));
    let with = names(&["Geometry"]);
    assert!(ColumnQuery::new(&mut world, Terms { with: &with, ..Terms::default() }).is_ok(), "it may be asked for");
}

#[test]
#[should_panic(expected = "the world has changed")]
fn a_copy_of_rows_that_went_is_a_mistake_that_is_noticed() {
    let mut world = crowd(9);
    let read = names(&["Transform"]);
    let mut query = ColumnQuery::new(&mut world, Terms { read: &read, ..Terms::default() }).unwrap();
    let now = world.increment_change_tick();
    let rows = query.select(&world, None, now);
    for id in 1..=9 {
        let entity = entity(&world, id);
        world.despawn(entity);
    }
    query.copy_column(&world, 0, &mut vec![0; rows * 40]);
}
