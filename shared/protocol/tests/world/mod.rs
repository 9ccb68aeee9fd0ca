//! A small catalogue that the tests of this crate share.

use hd1_schema::{ComponentId, ComponentSchema, Delivery, FieldKind, FieldSchema, Range, Row, Value};

/// Three state lanes.
pub const PLACE: ComponentId = ComponentId(1);
/// A rotation: four state lanes.
pub const TURN: ComponentId = ComponentId(2);
/// Reliable text.
pub const LABEL: ComponentId = ComponentId(3);

/// The catalogue.
pub fn schemas() -> Vec<ComponentSchema> {
    let schema = |id, name: &str, delivery, field: &str, kind, default| ComponentSchema {
        id,
        name: name.into(),
        doc: String::new(),
        delivery,
        client_writable: true,
        fields: vec![FieldSchema { name: field.into(), doc: String::new(), kind, unit: String::new(), default }],
    };
    let vec3 = FieldKind::Vec3 { range: Range::new(-1.0e4, 1.0e4), step: 0.01 };
    let text = FieldKind::Text { max_bytes: 32 };
    vec![
        schema(PLACE, "Place", Delivery::State, "at", vec3, Value::Vec3([0.0; 3])),
        schema(TURN, "Turn", Delivery::State, "turn", FieldKind::Quat, Value::Quat([0.0, 0.0, 0.0, 1.0])),
        schema(LABEL, "Label", Delivery::Reliable, "text", text, Value::Text(String::new())),
    ]
}

/// A row of fixed lanes.
pub fn lanes(values: &[i32]) -> Row {
    Row { lanes: values.iter().copied().collect(), bytes: Vec::new() }
}

/// A label's row.
pub fn label(text: &str) -> Row {
    let mut row = Row::default();
    row.text(text);
    row
}
