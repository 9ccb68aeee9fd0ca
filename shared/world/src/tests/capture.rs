//! Whatever is edited, what captures tell adds up to the world.

use std::collections::BTreeMap;

use bevy_ecs::world::World;
use hd1_core::NetId;
use hd1_schema::{ComponentId, Row};

use super::*;
use crate::capture::{CaptureState, Change, capture};
use crate::limits::REMOVALS_KEPT_MAX;
use crate::net_id::{NetIndex, spawn};

type Told = BTreeMap<NetId, BTreeMap<ComponentId, Row>>;

/// Applies one capture to what was told before, checking order and sense.
fn hear(world: &mut World, state: &mut CaptureState, told: &mut Told) -> usize {
    let (mut last, mut count) = (NetId::NONE, 0);
    capture(world, state, &mut |change| {
        count += 1;
        let id = match change {
            Change::Spawned(id) => {
                assert!(told.insert(id, BTreeMap::new()).is_none(), "{id} spawned twice");
                id
            }
            Change::Despawned(id) => {
                assert!(told.remove(&id).is_some(), "{id} despawned, never spawned");
                id
            }
            Change::Set(id, component, row) => {
                told.get_mut(&id).expect("set on a living entity").insert(component, row.clone());
                id
            }
            Change::Removed(id, component) => {
                let gone = told.get_mut(&id).expect("removed from a living entity").remove(&component);
                assert!(gone.is_some(), "{id} lost {component:?}, which it never had");
                id
            }
        };
        assert!(id >= last, "ascending order");
        last = id;
    });
    count
}

/// The world as a first capture would tell it, read directly.
fn whole(world: &World) -> Told {
    let catalogue = world.resource::<Catalogue>();
    let components = |entity| {
        let sent = catalogue.entries().iter().filter(|entry| entry.schema.is_replicated());
        sent.filter_map(|entry| {
            let mut row = Row::default();
            entry.row(world.entity(entity), &mut row).then_some((entry.id(), row))
        })
        .collect()
    };
    world.resource::<NetIndex>().iter().map(|(id, entity)| (id, components(entity))).collect()
}

#[derive(Clone, Debug)]
enum Edit {
    Spawn,
    Despawn(usize),
    Set(usize, usize, Record),
    Remove(usize, usize),
    Capture,
    CaptureOther,
}

fn edit() -> BoxedStrategy<Edit> {
    let schemas: Vec<_> = crate::builtin_schemas().into_iter().chain([every_plain_kind()]).collect();
    let count = schemas.len();
    let set = (0..count).prop_flat_map(move |c| (any::<usize>(), Just(c), record(&schemas[c])));
    prop_oneof![
        2 => Just(Edit::Spawn),
        1 => any::<usize>().prop_map(Edit::Despawn),
        6 => set.prop_map(|(e, c, r)| Edit::Set(e, c, r)),
        3 => (any::<usize>(), 0..count).prop_map(|(e, c)| Edit::Remove(e, c)),
        2 => Just(Edit::Capture),
        1 => Just(Edit::CaptureOther),
    ]
    .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn captures_add_up_to_the_world(edits in prop::collection::vec(edit(), 1..120)) {
        let mut world = world();
        let catalogue = world.resource::<Catalogue>().clone();
        let (mut state, mut told) = (CaptureState::default(), Told::new());
        // A second capturer at its own pace: neither takes changes from the other.
        let (mut other, mut other_told) = (CaptureState::default(), Told::new());
        for edit in edits {
            let pick = |world: &World, n: usize| {
                let index = world.resource::<NetIndex>();
                if index.is_empty() { None } else { index.iter().nth(n % index.len()).map(|(_, entity)| entity) }
            };
            match edit {
                Edit::Spawn => {
                    spawn(&mut world);
                }
                Edit::Despawn(n) => {
                    if let Some(entity) = pick(&world, n) {
                        world.despawn(entity);
                    }
                }
                Edit::Set(n, c, record) => {
                    if let Some(entity) = pick(&world, n) {
                        catalogue.entries()[c].insert(&mut world.entity_mut(entity), &record);
                    }
                }
                Edit::Remove(n, c) => {
                    if let Some(entity) = pick(&world, n) {
                        catalogue.entries()[c].remove(&mut world.entity_mut(entity));
                    }
                }
                Edit::Capture => {
                    hear(&mut world, &mut state, &mut told);
                    prop_assert_eq!(&told, &whole(&world));
                    prop_assert_eq!(hear(&mut world, &mut state, &mut told), 0, "nothing changed since");
                }
                Edit::CaptureOther => {
                    hear(&mut world, &mut other, &mut other_told);
                    prop_assert_eq!(&other_told, &whole(&world));
                }
            }
        }
        hear(&mut world, &mut state, &mut told);
        hear(&mut world, &mut other, &mut other_told);
        let end = whole(&world);
        prop_assert_eq!(&told, &end);
        prop_assert_eq!(&other_told, &end);
    }
}

#[test]
fn one_who_missed_more_removals_than_are_kept_still_gets_it_right() {
    let mut world = world();
    let catalogue = world.resource::<Catalogue>().clone();
    let label = catalogue.by_name("Label").unwrap();
    let (_, a) = spawn(&mut world);
    let (_, b) = spawn(&mut world);
    let (_, c) = spawn(&mut world);
    for entity in [a, b, c] {
        label.insert(&mut world.entity_mut(entity), &label.schema.default_record());
    }
    let (mut state, mut told) = (CaptureState::default(), Told::new());
    hear(&mut world, &mut state, &mut told);
    label.remove(&mut world.entity_mut(b));
    world.despawn(c);
    for _ in 0..=REMOVALS_KEPT_MAX {
        label.remove(&mut world.entity_mut(a));
        label.insert(&mut world.entity_mut(a), &label.schema.default_record());
    }
    hear(&mut world, &mut state, &mut told);
    assert_eq!(told, whole(&world));
}

#[test]
fn a_component_registered_later_is_told_too() {
    let mut world = World::new();
    Catalogue::install(&mut world);
    let (id, entity) = spawn(&mut world);
    let (mut state, mut told) = (CaptureState::default(), Told::new());
    assert_eq!(hear(&mut world, &mut state, &mut told), 1);
    let component = Catalogue::register_dynamic(&mut world, every_plain_kind()).unwrap();
    let entry = world.resource::<Catalogue>().by_id(component).unwrap().clone();
    entry.insert(&mut world.entity_mut(entity), &entry.schema.default_record());
    assert_eq!(hear(&mut world, &mut state, &mut told), 1);
    assert!(told[&id].contains_key(&component));
    entry.insert(&mut world.entity_mut(entity), &entry.schema.default_record());
    assert_eq!(hear(&mut world, &mut state, &mut told), 0, "the same value again is no change");
}
