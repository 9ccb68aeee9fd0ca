//! The live world over HTTP: entities by number and by name, the scene as it is, its figures.

use hd1_tests::{Http, TestServer};
use serde_json::{Value, json};

fn session(server: &TestServer) -> (Http, String) {
    let admin = server.admin();
    let scene = json!({"name": "empty", "entities": []});
    let made = admin.post("/api/sessions", &json!({"name": "plot", "scene": scene})).expect(201);
    (admin, format!("/api/sessions/{}", made["id"].as_str().unwrap()))
}

fn ball() -> Value {
    json!({"name": "ball", "components": {
        "Transform": {"position": [0, 1, 0]},
        "Geometry": {"shape": "sphere", "radius": 0.5},
        "Material": {"color": "#ff0000"},
    }})
}

#[test]
fn an_entity_is_made_found_changed_and_removed() {
    let server = TestServer::start();
    let (admin, path) = session(&server);
    let entities = format!("{path}/entities");
    let made = admin.post(&entities, &ball()).expect(201);
    assert_eq!(made["name"], "ball");
    assert_eq!(made["components"]["Geometry"]["shape"], "sphere");

    let by_id = admin.get(&format!("{entities}/{}", made["id"])).expect(200);
    let by_name = admin.get(&format!("{entities}/ball")).expect(200);
    assert_eq!(by_id, by_name);

    let moved = json!({"components": {"Transform": {"position": [5, 1, 0]}, "Material": null}});
    let changed = admin.patch(&format!("{entities}/ball"), &moved).expect(200);
    assert_eq!(changed["components"]["Transform"]["position"], json!([5.0, 1.0, 0.0]), "{changed}");
    assert_eq!(changed["components"].get("Material"), None, "{changed}");
    assert_eq!(changed["components"]["Geometry"]["radius"], 0.5, "what is not named stays: {changed}");

    let list = admin.get(&format!("{entities}?name=ball")).expect(200);
    assert_eq!(list["pagination"]["total"], 1, "{list}");
    let scene = admin.get(&format!("{path}/scene")).expect(200);
    assert!(scene["entities"].to_string().contains("\"ball\""), "{scene}");
    assert_eq!(admin.get(&format!("{path}/stats")).expect(200)["entity_count"], 1);

    admin.delete(&format!("{entities}/ball")).expect(204);
    admin.get(&format!("{entities}/ball")).problem(404, "not_found");
    assert_eq!(admin.get(&entities).expect(200)["entities"], json!([]));
}

#[test]
fn the_scene_of_a_world_makes_another_like_it() {
    let server = TestServer::start();
    let (admin, path) = session(&server);
    admin.post(&format!("{path}/entities"), &ball()).expect(201);
    let scene = admin.get(&format!("{path}/scene")).expect(200);
    let copy = admin.post("/api/sessions", &json!({"name": "copy", "scene": scene})).expect(201);
    let found = admin.get(&format!("/api/sessions/{}/entities/ball", copy["id"].as_str().unwrap())).expect(200);
    assert_eq!(found["components"]["Geometry"]["radius"], 0.5);
}

#[test]
fn what_breaks_a_rule_changes_nothing_and_says_where() {
    let server = TestServer::start();
    let (admin, path) = session(&server);
    let entities = format!("{path}/entities");
    let bad = [
        (json!({"components": {"Geometry": {"shape": "sphere", "radius": -1}}}), "Geometry.radius"),
        (json!({"components": {"Geometri": {}}}), "Geometri"),
        (json!({"components": {"Transform": {"position": [0, 0]}}}), "Transform.position"),
    ];
    for (body, place) in bad {
        let problem = admin.post(&entities, &body).problem(422, "invalid");
        assert!(problem["errors"][0]["path"].as_str().unwrap().contains(place), "{place}: {problem}");
    }
    assert_eq!(admin.get(&entities).expect(200)["pagination"]["total"], 0);
    admin.patch(&format!("{entities}/99"), &json!({"components": {}})).problem(404, "not_found");
    server.anonymous().post(&entities, &ball()).problem(404, "not_found");
}

#[test]
fn every_scene_of_the_library_comes_alive() {
    let server = TestServer::start();
    let admin = server.admin();
    let list = server.anonymous().get("/api/scenes").expect(200);
    let names: Vec<&str> = list["scenes"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    for wanted in ["asteroids", "city", "cubes", "lobby"] {
        assert!(names.contains(&wanted), "{wanted} is missing in {names:?}");
    }
    for scene in list["scenes"].as_array().unwrap() {
        let made = admin.post("/api/sessions", &json!({"name": "s", "scene": scene["name"]})).expect(201);
        let path = format!("/api/sessions/{}", made["id"].as_str().unwrap());
        let stats = admin.get(&format!("{path}/stats")).expect(200);
        assert_eq!(stats["entity_count"], scene["entity_count"], "{stats} of {scene}");
        admin.delete(&path).expect(204);
    }
}
