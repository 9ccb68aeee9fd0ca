//! The world as JSON: lists, single entities and scenes.

use super::*;
use crate::EntityQuery;

#[test]
fn entities_are_listed_in_pages() {
    let world = sim("city");
    let page = |offset, limit| world.entities_json(&EntityQuery { offset, limit, ..EntityQuery::default() });
    let first = page(0, 3);
    assert_eq!((first.total, first.entities.len()), (10_000, 3));
    let ids: Vec<_> = page(2, 3).entities.iter().map(|entity| entity["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [3, 4, 5]);
    assert!(page(10_000, 5).entities.is_empty());
    assert_eq!(page(0, usize::MAX).entities.len(), crate::limits::PAGE_ENTITIES_MAX);
    let moving = EntityQuery { component: Some("Motion".into()), limit: 10, ..EntityQuery::default() };
    assert_eq!(world.entities_json(&moving).total, 100);
    let unknown = EntityQuery { component: Some("Nonsense".into()), limit: 10, ..EntityQuery::default() };
    assert_eq!(world.entities_json(&unknown).total, 0);
    let named = EntityQuery { name: Some("sun".into()), limit: 10, ..EntityQuery::default() };
    assert_eq!(world.entities_json(&named).entities[0]["components"]["Light"]["kind"], "directional");
}

#[test]
fn an_entity_is_found_by_id_and_by_name() {
    let world = sim("lobby");
    let by_name = world.entity_json(&EntityKey::parse("ground")).unwrap();
    let by_id = world.entity_json(&EntityKey::parse(&by_name["id"].to_string())).unwrap();
    assert_eq!(by_name, by_id);
    assert_eq!(by_name["components"]["Geometry"]["radius"], 40.0);
    assert!(world.entity_json(&EntityKey::parse("nobody")).is_none());
    assert!(world.entity_json(&EntityKey::parse("424242")).is_none());
}

#[test]
fn a_living_world_can_be_saved_as_a_scene() {
    for name in ["lobby", "asteroids", "cubes"] {
        let mut world = sim(name);
        let entities = world.entity_count();
        tick(&mut world, vec![join(1), join(2)]);
        let mine = made(&mut world, 1, json!({ "Name": { "text": "mine" }, "Lifetime": { "seconds": 60 } }));
        let on_avatar = avatar(&world, 2);
        made(&mut world, 2, json!({ "Parent": { "entity": on_avatar } }));
        for tick in 1..=40 {
            world.tick(&crowd_input(tick + 1));
        }
        let json = world.scene_json();
        let again = sim_of(json.clone());
        assert_eq!(again.entity_count(), entities + 1, "{name}: without avatars and what hangs on them");
        let left = read(&again, mine, "Lifetime")["seconds"].as_f64().unwrap();
        assert!((55.0..60.0).contains(&left), "{left}");
        assert_eq!(read(&again, mine, "Owner"), Json::Null);
        assert_eq!(again.scene_json(), json, "{name} saved again");
    }
}
