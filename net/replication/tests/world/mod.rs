//! A small catalogue that the tests of this crate share.
#![allow(dead_code, reason = "each test takes what it needs")]

use hd1_schema::{ComponentId, ComponentSchema, Delivery, FieldKind, FieldSchema, Range, Row, Value};

/// Numbered as the transform is, so that it says where an entity stands: 0.01 m a step.
pub const PLACE: ComponentId = ComponentId(1);
pub const LOOK: ComponentId = ComponentId(2);
pub const LABEL: ComponentId = ComponentId(33);
pub const OWNER: ComponentId = ComponentId(8);
pub const AUDIENCE: ComponentId = ComponentId(16);
pub const CHANNELS: ComponentId = ComponentId(17);

/// The catalogue.
pub fn schemas() -> Vec<ComponentSchema> {
    let field = |name: &str, kind: FieldKind, default: Value| FieldSchema {
        name: name.into(),
        doc: String::new(),
        kind,
        unit: String::new(),
        default,
    };
    let vec3 = FieldKind::Vec3 { range: Range::new(-1.0e4, 1.0e4), step: 0.01 };
    let whole = |name: &str| field(name, FieldKind::U32 { min: 0, max: i32::MAX as u32 }, Value::U32(0));
    let schema = |id, name: &str, delivery, fields| ComponentSchema {
        id,
        name: name.into(),
        doc: String::new(),
        delivery,
        client_writable: true,
        fields,
    };
    vec![
        schema(PLACE, "Place", Delivery::State, vec![field("at", vec3, Value::Vec3([0.0; 3]))]),
        schema(
            LOOK,
            "Look",
            Delivery::State,
            vec![field("rotation", FieldKind::Quat, Value::Quat([0.0, 0.0, 0.0, 1.0]))],
        ),
        schema(
            LABEL,
            "Label",
            Delivery::Reliable,
            vec![field("text", FieldKind::Text { max_bytes: 32 }, Value::Text(String::new()))],
        ),
        schema(OWNER, "Owner", Delivery::Reliable, vec![whole("player")]),
        schema(
            AUDIENCE,
            "Audience",
            Delivery::Reliable,
            vec![whole("watchers"), whole("channels"), whole("everywhere")],
        ),
        schema(CHANNELS, "Channels", Delivery::Reliable, vec![whole("bits")]),
    ]
}

/// A row of fixed lanes.
pub fn lanes(values: &[i32]) -> Row {
    Row { lanes: values.to_vec(), bytes: Vec::new() }
}

/// A label's row.
pub fn label(v: u8) -> Row {
    let mut row = Row::default();
    row.text(&format!("label {v}"));
    row
}
