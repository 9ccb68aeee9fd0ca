//! A small catalogue that the tests of this crate share, and frames of a world of one page.
#![allow(dead_code, reason = "each test takes what it needs")]

use hd1_core::Tick;
use hd1_protocol::{
    shapes::Shapes,
    snapshot::{self, ChunkPlace, OpenPage, Shown, Spawned},
    state::{BlobHead, BlobWriter, Entry, StateHeader, TickCodes},
    structure::{self, Block, StructureBatch, StructureOp},
};
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
    Row { lanes: values.to_vec(), bytes: Vec::new() }
}

/// A label's row.
pub fn label(text: &str) -> Row {
    let mut row = Row::default();
    row.text(text);
    row
}

/// The page that all stand in.
pub const PAGE: u16 = 0;
/// The only chunk there is.
pub const WHOLE: ChunkPlace = ChunkPlace { ends_stream: true, completes_view: true, with_structure: false };

/// A page as it is opened.
pub fn opened(shapes: &Shapes, tick: u64, version: u64, spawns: &[Spawned]) -> Vec<u8> {
    let mut shown = Shown::default();
    shown.page();
    spawns.iter().for_each(|spawned| shown.spawned(spawned));
    let body = &snapshot::encode(shapes, &shown).unwrap()[0];
    let page = OpenPage { page: PAGE, version, entities: spawns.len() as u32 };
    snapshot::frame(Tick(tick), WHOLE, &[page], &body.bytes)
}

/// A change of the page's structure.
pub fn changed(shapes: &Shapes, tick: u64, version: u64, ops: Vec<StructureOp>) -> Vec<u8> {
    let blocks = vec![Block::Changed { page: PAGE, version, ops }];
    structure::encode(shapes, &StructureBatch { tick: Tick(tick), blocks }).unwrap()
}

/// The page's state, as many frames as it takes.
pub fn state(header: StateHeader, head: BlobHead, write: impl FnOnce(&mut BlobWriter, &mut Vec<u8>)) -> Vec<Vec<u8>> {
    let (mut writer, mut bytes, codes) = (BlobWriter::default(), Vec::new(), TickCodes::default());
    writer.begin(head);
    write(&mut writer, &mut bytes);
    let pieces = writer.end(&codes, &mut bytes);
    let count = pieces.ranges.len() as u32;
    let frame = |(index, range): (usize, &std::ops::Range<u32>)| {
        let header = StateHeader { index: index as u32, count, ..header };
        let mut frame = Vec::new();
        header.encode(&mut frame);
        codes.encode(pieces.codes, &mut frame);
        Entry { page: PAGE, base: header.base, opened: None }.encode(&header, None, &mut frame);
        frame.extend_from_slice(&bytes[range.start as usize..range.end as usize]);
        frame
    };
    pieces.ranges.iter().enumerate().map(frame).collect()
}
