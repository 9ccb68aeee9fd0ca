//! What is drawn of a mirror, by the real catalogue: the page's only source of shapes, colours and places.

use hd1_client_wasm::drawing::Drawing;
use hd1_core::{NetId, Tick};
use hd1_protocol::{
    Mirror,
    predict::Onward,
    shapes::Shapes,
    snapshot::{self, ChunkPlace, OpenPage, Shown, Spawned},
    state::{Base, BlobHead, BlobWriter, Entry, StateHeader, TickCodes},
    structure::{self, Block, StructureBatch, StructureOp},
};
use hd1_schema::{ComponentId, Row};
use hd1_session::{DrivenPose, Predicted};
use serde_json::{Value, json};

/// A mirror and the server's side of it.
struct Scene {
    shapes: Shapes,
    mirror: Mirror,
    version: u64,
}

impl Scene {
    fn new(entities: &[(u32, Value)]) -> Self {
        let shapes = Shapes::new(hd1_world::builtin_schemas());
        let mirror = Mirror::new(hd1_world::builtin_schemas()).keeping_ticks(16);
        let mut scene = Scene { shapes, mirror, version: 0 };
        let spawns: Vec<_> = entities.iter().map(|(id, components)| scene.spawned(*id, components)).collect();
        let mut shown = Shown::default();
        shown.page();
        spawns.iter().for_each(|spawned| shown.spawned(spawned));
        let body = &snapshot::encode(&scene.shapes, &shown).unwrap()[0];
        let page = OpenPage { page: 0, version: 0, entities: spawns.len() as u32 };
        let place = ChunkPlace { ends_stream: true, completes_view: true, with_structure: false };
        scene.mirror.apply_snapshot_chunk(&snapshot::frame(Tick(10), place, &[page], &body.bytes)).unwrap();
        scene
    }

    fn row(&self, component: &str, json: &Value) -> (ComponentId, Row) {
        let schema = self.shapes.by_name(component).unwrap();
        (schema.id, schema.quantise(&schema.parse_json(json, component).unwrap()))
    }

    /// An entity in the slot of its number.
    fn spawned(&self, id: u32, components: &Value) -> Spawned {
        let rows = components.as_object().unwrap().iter().map(|(name, json)| self.row(name, json));
        let mut components: Vec<_> = rows.collect();
        components.sort_by_key(|(id, _)| *id);
        Spawned { slot: id as u8, entity: NetId(id), components }
    }

    fn structure(&mut self, tick: u64, op: StructureOp) {
        self.version += 1;
        let blocks = vec![Block::Changed { page: 0, version: self.version, ops: vec![op] }];
        let frame = structure::encode(&self.shapes, &StructureBatch { tick: Tick(tick), blocks }).unwrap();
        self.mirror.apply_structure(&frame).unwrap();
    }

    /// Moves an entity, or with `None` says that nothing moved.
    fn tick(&mut self, tick: u64, moved: Option<(u32, [f32; 3])>) {
        let base = Base::alone(self.mirror.acked());
        let (mut writer, mut bytes, codes) = (BlobWriter::default(), Vec::new(), TickCodes::default());
        writer.begin(BlobHead { whole: true, version: Some(self.version), moved_for: 1, hash: None });
        if let Some((id, position)) = moved {
            let (component, row) = self.row("Transform", &json!({ "position": position }));
            writer.section(component, self.shapes.shape(component).unwrap(), &codes, &mut bytes);
            writer.row(id as u8, &row.lanes, None, Onward::NONE);
        }
        writer.end(&codes, &mut bytes);
        let header = StateHeader { input_ack: 0, tick: Tick(tick), quiet: 0, base, index: 0, count: 1 };
        let mut frame = Vec::new();
        header.encode(&mut frame);
        codes.encode(0, &mut frame);
        Entry { page: 0, base, opened: None }.encode(&header, None, &mut frame);
        frame.extend_from_slice(&bytes);
        self.mirror.apply_state(&frame).unwrap();
    }
}

fn position(drawing: &Drawing, id: u32) -> [f32; 3] {
    let row = drawing.ids().iter().position(|other| *other == id).unwrap();
    let m = &drawing.matrices()[row * 16..row * 16 + 16];
    [m[12], m[13], m[14]]
}

fn near(a: [f32; 3], b: [f32; 3]) {
    assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.002), "{a:?} is not {b:?}");
}

#[test]
fn entities_are_grouped_by_what_a_draw_call_shares() {
    let scene = Scene::new(&[
        (
            1,
            json!({ "Transform": {}, "Geometry": { "shape": "sphere", "radius": 2.0 }, "Material": { "color": "#ff0000" } }),
        ),
        (2, json!({ "Transform": {}, "Geometry": { "size": [1, 2, 3] }, "Material": { "color": "#00ff00" } })),
        (3, json!({ "Transform": {}, "Geometry": {}, "Material": { "color": "#0000ff" } })),
        (4, json!({ "Transform": {}, "Geometry": {}, "Material": { "opacity": 0.5 } })),
        (5, json!({ "Transform": {}, "Label": { "text": "here" } })),
        (6, json!({ "Transform": {}, "Geometry": {}, "Avatar": { "player": 3 }, "Name": { "text": "Ada" } })),
    ]);
    let mut drawing = Drawing::default();
    assert_eq!(drawing.render(&scene.mirror, 10.0, None, &[]), 6);
    let table: Value = serde_json::from_str(drawing.table_json()).unwrap();

    let batches: Vec<_> = table["batches"].as_array().unwrap().iter().map(|b| (&b["shape"], &b["count"])).collect();
    let shapes = [json!("box"), json!("box"), json!("sphere"), json!("none")];
    assert_eq!(batches.iter().map(|(shape, _)| (*shape).clone()).collect::<Vec<_>>(), shapes, "{table}");
    assert_eq!(table["avatars"][0]["player"], 3);
    let texts: Vec<_> = table["labels"].as_array().unwrap().iter().map(|label| &label["text"]).collect();
    assert!(texts.contains(&&json!("here")) && texts.contains(&&json!("Ada")), "{table}");

    let row = drawing.ids().iter().position(|id| *id == 2).unwrap();
    let m = &drawing.matrices()[row * 16..];
    near([m[0], m[5], m[10]], [1.0, 2.0, 3.0]);
    assert_eq!(&drawing.colours()[row * 3..row * 3 + 3], [0.0, 1.0, 0.0]);
}

#[test]
fn what_moves_glides_and_what_rests_is_left_alone() {
    let mut scene = Scene::new(&[
        (1, json!({ "Transform": {}, "Geometry": {} })),
        (2, json!({ "Transform": { "position": [0, 0, 7] }, "Geometry": { "shape": "sphere" } })),
    ]);
    let mut drawing = Drawing::default();
    drawing.render(&scene.mirror, 10.0, None, &[]);
    assert_eq!(drawing.moved(), [1, 1]);
    scene.tick(11, Some((1, [2.0, 0.0, 0.0])));

    drawing.render(&scene.mirror, 10.5, None, &[]);
    near(position(&drawing, 1), [1.0, 0.0, 0.0]);
    near(position(&drawing, 2), [0.0, 0.0, 7.0]);
    assert_eq!(drawing.moved(), [1, 0], "boxes moved, spheres did not");

    drawing.render(&scene.mirror, 11.5, None, &[]);
    near(position(&drawing, 1), [2.0, 0.0, 0.0]);
    drawing.render(&scene.mirror, 12.0, None, &[]);
    assert_eq!(drawing.moved(), [0, 0]);
}

#[test]
fn the_own_avatar_is_drawn_where_it_is_predicted() {
    let scene = Scene::new(&[
        (1, json!({ "Transform": {}, "Geometry": {}, "Avatar": { "player": 3 } })),
        (2, json!({ "Transform": { "position": [0, 1, -1] }, "Geometry": {}, "Parent": { "entity": 1 } })),
    ]);
    let mut drawing = Drawing::default();
    let turned = Some(std::f32::consts::PI);
    for (x, yaw) in [(4.0, None), (5.0, None), (5.0, turned)] {
        let own = Predicted { entity: NetId(1), position: [x, 0.0, 0.0], yaw };
        drawing.render(&scene.mirror, 12.0, Some(own), &[]);
        near(position(&drawing, 1), [x, 0.0, 0.0]);
        near(position(&drawing, 2), [x, 1.0, if yaw.is_some() { 1.0 } else { -1.0 }]);
    }
    drawing.render(&scene.mirror, 12.0, None, &[]);
    near(position(&drawing, 1), [0.0; 3]);
}

#[test]
fn what_the_page_drives_is_drawn_where_the_page_has_it_and_then_by_the_mirror_again() {
    let scene = Scene::new(&[
        (1, json!({ "Transform": {}, "Geometry": {}, "Grabbable": { "reach": 4 } })),
        (2, json!({ "Transform": { "position": [0, 1, 0] }, "Geometry": {}, "Grabbable": { "reach": 0 } })),
        (3, json!({ "Transform": {}, "Geometry": {}, "Parent": { "entity": 1 } })),
    ]);
    let mut drawing = Drawing::default();
    drawing.render(&scene.mirror, 12.0, None, &[]);
    assert_eq!(drawing.reaches(), [4.0, f32::INFINITY, 0.0]);
    for x in [4.0, 5.0] {
        let driven = DrivenPose { entity: NetId(1), position: [x, 0.0, 0.0], rotation: [0.0, 0.0, 0.0, 1.0] };
        drawing.render(&scene.mirror, 12.0, None, &[driven]);
        near(position(&drawing, 1), [x, 0.0, 0.0]);
        near(position(&drawing, 3), [x, 0.0, 0.0]);
    }
    drawing.render(&scene.mirror, 12.0, None, &[]);
    near(position(&drawing, 1), [0.0; 3]);
}

#[test]
fn children_stand_where_their_parents_put_them() {
    let scene = Scene::new(&[
        (1, json!({ "Transform": { "position": [10, 0, 0], "scale": [2, 2, 2] }, "Geometry": { "size": [9, 9, 9] } })),
        (2, json!({ "Transform": { "position": [1, 1, 0] }, "Geometry": {}, "Parent": { "entity": 1 } })),
        // A loop, which no server makes, ends all the same.
        (3, json!({ "Transform": {}, "Geometry": {}, "Parent": { "entity": 3 } })),
    ]);
    let mut drawing = Drawing::default();
    drawing.render(&scene.mirror, 10.0, None, &[]);
    near(position(&drawing, 2), [12.0, 2.0, 0.0]);
}

#[test]
fn the_version_counts_what_one_can_see() {
    let mut scene = Scene::new(&[(1, json!({ "Transform": {}, "Geometry": {}, "Name": { "text": "a" } }))]);
    let mut drawing = Drawing::default();
    let mut version = |scene: &Scene| {
        drawing.render(&scene.mirror, 10.0, None, &[]);
        drawing.version()
    };
    assert_eq!(version(&scene), 1);
    let (component, row) = scene.row("Name", &json!({ "text": "b" }));
    scene.structure(11, StructureOp::Set { slot: 1, component, row });
    assert_eq!(version(&scene), 1, "a name that is not shown");
    let (component, row) = scene.row("Material", &json!({ "color": "#123456" }));
    scene.structure(12, StructureOp::Set { slot: 1, component, row });
    assert_eq!(version(&scene), 2);
    scene.structure(13, StructureOp::Leave { slot: 1 });
    assert_eq!(version(&scene), 3);
    assert!(drawing.ids().is_empty());
}
