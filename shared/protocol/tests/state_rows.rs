//! State as rows: whatever the values and wherever they come from, what is read is what was written, in any number of
//! fragments; and a mirror that stands on two ticks draws on as the writer did.

use std::collections::BTreeMap;

use hd1_core::{NetId, Tick};
use hd1_protocol::{
    limits::{DATAGRAM_BYTES_MAX, FRAME_OUT_BYTES_MAX},
    shapes::Shapes,
    snapshot::{self, ChunkPlace, OpenPage, Shown, Spawned},
    state::{self, Base, BlobHead, BlobWriter, Entry, StateHeader, TickCodes},
};
use hd1_schema::{ComponentId, ComponentSchema, Delivery, FieldKind, FieldSchema, Range, Row, Value};
use proptest::prelude::*;

const ID: ComponentId = ComponentId(9);

/// A component with every kind of lane.
fn shapes() -> Shapes {
    let range = Range::new(-1.0e4, 1.0e4);
    let number = || (FieldKind::F32 { range, step: 0.01 }, Value::F32(0.0));
    let count = || (FieldKind::I32 { min: i32::MIN, max: i32::MAX }, Value::I32(0));
    let kinds = [
        number(),
        (FieldKind::Quat, Value::Quat([0.0, 0.0, 0.0, 1.0])),
        (FieldKind::Vec3 { range, step: 0.01 }, Value::Vec3([0.0; 3])),
        count(),
        (FieldKind::Bool, Value::Bool(false)),
        number(),
        number(),
        number(),
        number(),
        (FieldKind::Quat, Value::Quat([0.0, 0.0, 0.0, 1.0])),
    ];
    let field = |(i, (kind, default)): (usize, (FieldKind, Value))| FieldSchema {
        name: format!("f{i}"),
        doc: String::new(),
        kind,
        unit: String::new(),
        default,
    };
    Shapes::new([ComponentSchema {
        id: ID,
        name: "All".into(),
        doc: String::new(),
        delivery: Delivery::State,
        client_writable: true,
        fields: kinds.into_iter().enumerate().map(field).collect(),
    }])
}

const LANES: usize = 18;
/// Lanes that tell which component a rotation leaves out.
const INDICES: [usize; 2] = [1, 14];

/// A value by how wild it is: mostly small, sometimes anything.
fn lane() -> impl Strategy<Value = i32> {
    prop_oneof![4 => -3i32..4, 4 => -2000i32..2000, 2 => -1_000_000i32..1_000_000, 1 => any::<i32>()]
}

fn value() -> impl Strategy<Value = Vec<i32>> {
    (prop::collection::vec(lane(), LANES), prop::bool::weighted(0.9)).prop_map(|(mut lanes, sane)| {
        if sane {
            INDICES.iter().for_each(|i| lanes[*i] &= 3);
        }
        lanes
    })
}

/// What it was at the tick before the base and at the base, where that is known, and what it is.
type Times = (Option<Vec<i32>>, Option<Vec<i32>>, Vec<i32>);

fn times() -> impl Strategy<Value = Times> {
    let still = (value(), prop::collection::vec((0..LANES, lane()), 0..4)).prop_map(|(base, changes)| {
        let mut now = base.clone();
        changes.iter().filter(|(at, _)| !INDICES.contains(at)).for_each(|(at, lane)| now[*at] = *lane);
        (None, Some(base), now)
    });
    let moving = (value(), value(), value()).prop_map(|(before, base, now)| (Some(before), Some(base), now));
    let new = value().prop_map(|now| (None, None, now));
    prop_oneof![6 => still, 3 => moving, 1 => new]
}

fn known<'a>(base: Option<&'a [i32]>, before: Option<&'a [i32]>) -> Option<(&'a [i32], &'a [i32])> {
    base.map(|base| (base, before.unwrap_or(base)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn rows_come_back(
        rows in prop::collection::btree_map(any::<u8>(), times(), 0..200),
        (ahead, back) in (1u64..200, 0u64..200),
        shared in any::<bool>(),
    ) {
        let shapes = shapes();
        let shape = shapes.shape(ID).unwrap();
        let base = Base { tick: Tick(1_000 - ahead), before: Tick(1_000 - ahead - back) };
        let onward = base.onward_to(Tick(1_000));
        let (mut writer, mut bytes, mut codes) = (BlobWriter::default(), Vec::new(), TickCodes::default());
        if shared {
            // Codes made for half of the rows serve all, if they can.
            writer.sample(ID, shape);
            for (slot, (before, at_base, now)) in rows.iter().take(rows.len() / 2) {
                writer.row(*slot, now, known(at_base.as_deref(), before.as_deref()), onward);
            }
            writer.teach(&mut codes);
        }
        let head = BlobHead { moved_for: back as u32 + 1, version: Some(ahead), ..BlobHead::default() };
        writer.begin(head);
        writer.section(ID, shape, &codes, &mut bytes);
        for (slot, (before, at_base, now)) in &rows {
            writer.row(*slot, now, known(at_base.as_deref(), before.as_deref()), onward);
        }
        let pieces = writer.end(&codes, &mut bytes);
        let mut read = BTreeMap::new();
        let header =
            StateHeader { input_ack: u32::MAX, tick: Tick(1_000), quiet: 5, base, index: 0, count: pieces.ranges.len() as u32 };
        for range in &pieces.ranges {
            let mut frame = Vec::new();
            header.encode(&mut frame);
            codes.encode(pieces.codes, &mut frame);
            // Two entries, so that it is seen where the first one ends.
            let first = Entry { page: 300, base, opened: Some(Tick(3)) };
            let second = Entry { page: 301, base: Base::alone(Tick(7)), opened: None };
            let piece = &bytes[range.start as usize..range.end as usize];
            first.encode(&header, None, &mut frame);
            frame.extend_from_slice(piece);
            prop_assert!(frame.len() <= DATAGRAM_BYTES_MAX);
            second.encode(&header, Some(300), &mut frame);
            frame.extend_from_slice(piece);
            let (read_header, reader) = state::read_header(&frame).unwrap();
            prop_assert_eq!(read_header, header);
            let mut entries = state::entries(&read_header, reader, &shapes).unwrap();
            let (entry, read_head, blob) = entries.next_entry().unwrap().unwrap();
            prop_assert_eq!((entry, read_head), (first, head));
            blob.rows(|row| {
                let (before, at_base, _) = &rows[&row.slot];
                let mut now = vec![0; LANES];
                row.value(at_base.as_deref(), before.as_deref(), &mut now);
                assert!(read.insert(row.slot, now).is_none(), "a row twice");
                Ok(())
            }).unwrap();
            let (entry, _, blob) = entries.next_entry().unwrap().unwrap();
            prop_assert_eq!(entry, second);
            blob.rows(|_| Ok(())).unwrap();
            prop_assert!(entries.next_entry().unwrap().is_none());
        }
        let written: BTreeMap<u8, Vec<i32>> = rows.into_iter().map(|(slot, (_, _, now))| (slot, now)).collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn a_snapshot_comes_back(
        pages in prop::collection::vec(
            prop::collection::btree_map(any::<u8>(), (1u32..100_000, prop::option::of(value())), 0..100), 0..5),
    ) {
        let row = |lanes: &Vec<i32>| (ID, Row { lanes: lanes.clone(), bytes: Vec::new() });
        let spawned = |(slot, (entity, lanes)): (&u8, &(u32, Option<Vec<i32>>))| Spawned {
            slot: *slot,
            entity: NetId(*entity),
            components: lanes.iter().map(row).collect(),
        };
        let spawns: Vec<Vec<Spawned>> = pages.iter().map(|page| page.iter().map(spawned).collect()).collect();
        prop_assert_eq!(through(&spawns), spawns);
    }
}

/// Pages written and read.
fn through(pages: &[Vec<Spawned>]) -> Vec<Vec<Spawned>> {
    let mut shown = Shown::default();
    for page in pages {
        shown.page();
        page.iter().for_each(|spawned| shown.spawned(spawned));
    }
    let mut read: Vec<Vec<Spawned>> = vec![Vec::new(); pages.len()];
    for body in snapshot::encode(&shapes(), &shown).unwrap() {
        let open = |(page, entities): &(usize, u32)| OpenPage { page: *page as u16, version: 9, entities: *entities };
        let records: Vec<OpenPage> = body.pages.iter().map(open).collect();
        let place = ChunkPlace { with_structure: true, ..ChunkPlace::default() };
        let frame = snapshot::frame(Tick(3), place, &records, &body.bytes);
        assert!(frame.len() <= FRAME_OUT_BYTES_MAX);
        let chunk = snapshot::decode(&shapes(), &frame).unwrap();
        assert_eq!((chunk.tick, chunk.place, &chunk.pages), (Tick(3), place, &records));
        let mut spawns = chunk.spawns.into_iter();
        for open in chunk.pages {
            read[usize::from(open.page)].extend(spawns.by_ref().take(open.entities as usize));
        }
        assert!(spawns.next().is_none());
    }
    read
}

#[test]
fn a_large_world_takes_several_chunks() {
    let spawned = |page: u32, slot: u32| Spawned {
        slot: slot as u8,
        entity: NetId(page * 1000 + slot * 3 + 1),
        components: vec![(ID, Row { lanes: [slot as i32; LANES].into_iter().collect(), bytes: Vec::new() })],
    };
    let mut pages: Vec<Vec<Spawned>> = (0..40).map(|page| (0..256).map(|slot| spawned(page, slot)).collect()).collect();
    pages.push(Vec::new());
    assert_eq!(through(&pages), pages);
}
