//! JSON, record and row are three forms of one value: what goes around comes back, and what is wrong is named.

use hd1_schema::{
    ComponentId, ComponentSchema, Delivery, FieldKind, FieldSchema, Range, Record, Row, Value, catalogue_hash,
    json::{real_json, shorten_reals},
    quantise::QUAT_STEP,
};
use proptest::prelude::*;
use serde_json::json;

fn field(name: &str, kind: FieldKind, default: Value) -> FieldSchema {
    FieldSchema { name: name.into(), doc: format!("the {name}"), kind, unit: "m".into(), default }
}

fn everything() -> ComponentSchema {
    ComponentSchema {
        id: ComponentId(1000),
        name: "Everything".into(),
        doc: "one field of each kind".into(),
        delivery: Delivery::Reliable,
        client_writable: true,
        fields: vec![
            field("flag", FieldKind::Bool, Value::Bool(false)),
            field("count", FieldKind::U32 { min: 0, max: i32::MAX as u32 }, Value::U32(0)),
            field("offset", FieldKind::I32 { min: i32::MIN, max: i32::MAX }, Value::I32(0)),
            field("radius", FieldKind::F32 { range: Range::above(0.0, 1000.0), step: 0.001 }, Value::F32(1.0)),
            field("at", FieldKind::Vec3 { range: Range::new(-1.0e5, 1.0e5), step: 0.001 }, Value::Vec3([0.0; 3])),
            field("turn", FieldKind::Quat, Value::Quat([0.0, 0.0, 0.0, 1.0])),
            field("tint", FieldKind::Color, Value::Color([1.0; 3])),
            field("mode", FieldKind::Enum { variants: vec!["a".into(), "b".into(), "c".into()] }, Value::Enum(0)),
            field("parent", FieldKind::Entity, Value::Entity(0)),
            field("text", FieldKind::Text { max_bytes: 64 }, Value::Text(String::new())),
            field(
                "path",
                FieldKind::Points { max_len: 8, range: Range::new(-100.0, 100.0), step: 0.01 },
                Value::Points(vec![]),
            ),
        ],
    }
}

fn record() -> impl Strategy<Value = Record> {
    let axis = -1.0e5f32..1.0e5;
    let unit = prop::array::uniform4(-1.0f32..1.0).prop_filter_map("not zero", |q| {
        let norm = q.iter().map(|x| x * x).sum::<f32>().sqrt();
        (norm > 0.01).then(|| q.map(|x| x / norm))
    });
    let fixed = (any::<bool>(), 0..i32::MAX as u32, any::<i32>(), 0.0005f32..1000.0, prop::array::uniform3(axis), unit);
    let rest = (
        prop::array::uniform3(0.0f32..=1.0),
        0u32..3,
        0..i32::MAX as u32,
        "[a-zß€ ]{0,16}",
        prop::collection::vec(prop::array::uniform3(-100.0f32..100.0), 0..8),
    );
    (fixed, rest).prop_map(|((flag, count, offset, radius, at, turn), (tint, mode, parent, text, path))| {
        vec![
            Value::Bool(flag),
            Value::U32(count),
            Value::I32(offset),
            Value::F32(radius),
            Value::Vec3(at),
            Value::Quat(turn),
            Value::Color(tint),
            Value::Enum(mode),
            Value::Entity(parent),
            Value::Text(text),
            Value::Points(path),
        ]
    })
}

fn close(a: &[f32], b: &[f32], tolerance: f32) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance + 1.0e-6 * a.abs().max(b.abs()))
}

#[test]
fn real_numbers_are_written_as_people_write_them() {
    let schema = everything();
    let json = json!({"radius": 0.03, "at": [0.1, -9.81, 1.0e5], "tint": [0.2, 0.4, 1.0], "path": [[0.3, 1.6, 0.7]]});
    let text = schema.to_json(&schema.parse_json(&json, "x").unwrap()).to_string();
    for part in ["0.03,", "[0.1,-9.81,100000.0]", "[0.2,0.4,1.0]", "[[0.3,1.6,0.7]]"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let schema = FieldKind::F32 { range: Range::new(0.001, 1.6), step: 0.001 };
    let published = ComponentSchema { fields: vec![field("x", schema, Value::F32(0.6))], ..everything() }.json_schema();
    let x = &published["properties"]["x"];
    assert_eq!((&x["minimum"], &x["maximum"], &x["default"]), (&json!(0.001), &json!(1.6), &json!(0.6)));
}

proptest! {
    #[test]
    fn every_real_number_is_short_and_reads_back(bits in any::<u32>()) {
        let v = f32::from_bits(bits);
        if v.is_finite() {
            let text = real_json(v).to_string();
            prop_assert_eq!(text.parse::<f64>().unwrap() as f32, v);
            let mut wide = json!({ "list": [f64::from(v)] });
            shorten_reals(&mut wide);
            prop_assert_eq!(&wide["list"][0].to_string(), &text);
            let digits = |text: &str| {
                let digits: String = text.split('e').next().unwrap().chars().filter(char::is_ascii_digit).collect();
                digits.trim_matches('0').len()
            };
            prop_assert!(digits(&text) <= 9, "{}", text);
        }
    }

    #[test]
    fn json_keeps_every_bit(record in record()) {
        let schema = everything();
        prop_assert_eq!(schema.parse_json(&schema.to_json(&record), "x").unwrap(), record);
    }

    #[test]
    fn a_row_is_within_half_a_step(record in record()) {
        let schema = everything();
        let row = schema.quantise(&record);
        let back = schema.dequantise(&row).unwrap();
        for (field, (a, b)) in schema.fields.iter().zip(record.iter().zip(&back)) {
            let same = match (a, b) {
                (Value::F32(a), Value::F32(b)) => close(&[*a], &[*b], 0.000_51),
                (Value::Vec3(a), Value::Vec3(b)) => close(a, b, 0.000_51),
                (Value::Color(a), Value::Color(b)) => close(a, b, 0.51 / 255.0),
                (Value::Quat(a), Value::Quat(b)) => {
                    let dot: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                    close(a, &b.map(|x| x * dot.signum()), 2.0 * QUAT_STEP)
                }
                (Value::Points(a), Value::Points(b)) => {
                    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| close(a, b, 0.005_1))
                }
                (a, b) => a == b,
            };
            prop_assert!(same, "{}: {:?} became {:?}", field.name, a, b);
        }
        // What has been quantised once stays where it is: both ends agree on integers.
        if let (Value::Vec3(_), Value::Vec3(at)) = (&record[4], &back[4]) {
            let mut again = Row::default();
            again.vec3(*at, 0.001);
            prop_assert!(again.lanes.iter().zip(&row.lanes[4..7]).all(|(a, b)| (a - b).abs() <= 8));
        }
    }

    #[test]
    fn any_row_is_read_or_refused(lanes in prop::collection::vec(any::<i32>(), 0..20), bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = everything().dequantise(&Row { lanes: lanes.into_iter().collect(), bytes });
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_remedy() {
    let schema = everything();
    let told = |json| schema.parse_json(&json, "scene.entities[3].components.Everything").unwrap_err().to_string();
    let at = "scene.entities[3].components.Everything";
    assert_eq!(told(json!({"radius": 0})), format!("{at}.radius: must be > 0"));
    assert_eq!(told(json!({"radius": 2000})), format!("{at}.radius: must be <= 1000"));
    assert_eq!(told(json!({"mode": "d"})), format!("{at}.mode: must be one of a, b, c"));
    assert_eq!(told(json!({"at": [1, 2]})), format!("{at}.at: must be a list of 3 numbers"));
    assert_eq!(told(json!({"at": [1, "2", 3]})), format!("{at}.at[1]: must be a number"));
    assert_eq!(told(json!({"path": [[0, 0, 0], [0, 900, 0]]})), format!("{at}.path[1][1]: must be <= 100"));
    assert!(told(json!({"radios": 1})).starts_with(&format!("{at}.radios: unknown field; Everything has flag, count")));
    assert_eq!(
        told(json!({"turn": [0, 0, 0, 0]})),
        format!("{at}.turn: must be a quaternion [x, y, z, w] that is not zero")
    );
}

#[test]
fn a_refused_patch_changes_nothing() {
    let schema = everything();
    let mut record = schema.default_record();
    schema.patch_json(&mut record, &json!({"count": 7, "radius": -1}), "x").unwrap_err();
    assert_eq!(record, schema.default_record());
    schema.patch_json(&mut record, &json!({"count": 7}), "x").unwrap();
    assert_eq!(record[1], Value::U32(7));
}

#[test]
fn unsound_schemas_are_refused() {
    let mut schema = everything();
    assert!(schema.check().is_ok());
    schema.delivery = Delivery::State;
    assert!(schema.check().unwrap_err().reason.contains("text and points"));
    let mut schema = everything();
    schema.fields[3].kind = FieldKind::F32 { range: Range::above(0.0, 1.0e9), step: 0.001 };
    assert_eq!(schema.check().unwrap_err().name, "Everything.radius");
    let mut schema = everything();
    schema.fields[3].default = Value::F32(0.0);
    assert_eq!(schema.check().unwrap_err().reason, "default must be > 0");
    let mut schema = everything();
    schema.name = "everything".into();
    assert!(schema.check().is_err());
}

#[test]
fn the_catalogue_hash_ignores_order_and_sees_every_change() {
    let (a, mut b) = (everything(), everything());
    b.id = ComponentId(1001);
    b.name = "Other".into();
    assert_eq!(catalogue_hash([&a, &b]), catalogue_hash([&b, &a]));
    let before = catalogue_hash([&a, &b]);
    b.fields[0].doc.push('.');
    assert_ne!(catalogue_hash([&a, &b]), before);
}
