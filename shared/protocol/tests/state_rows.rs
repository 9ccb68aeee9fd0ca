//! State as rows: whatever the values and wherever they come from, what is read is what was written, in any number of
//! fragments; and a mirror that stands on two ticks draws on as the writer did.

use std::collections::BTreeMap;

use hd1_core::{NetId, Tick};
use hd1_protocol::{
    limits::DATAGRAM_BYTES_MAX,
    shapes::Shapes,
    snapshot::{self, Shown},
    state::{self, Base, StateHeader, StateWriter},
    structure::StructureOp,
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn rows_come_back(
        rows in prop::collection::btree_map(1u32..100_000, times(), 0..200),
        (ahead, back) in (1u64..200, 0u64..200),
    ) {
        let shapes = shapes();
        let base = Base { tick: Tick(1_000 - ahead), before: Tick(1_000 - ahead - back), whole: false };
        let mut writer = StateWriter::default();
        writer.section(ID, shapes.shape(ID).unwrap());
        for (entity, (before, at_base, now)) in &rows {
            let onward = base.onward_to(Tick(1_000));
            writer.row(NetId(*entity), at_base.as_deref(), before.as_deref(), onward, now);
        }
        let bodies = writer.finish(StateHeader::new(Tick(1_000), base, 7));
        let mut read = BTreeMap::new();
        for body in &bodies {
            let frame = state::frame(u32::MAX, body);
            prop_assert!(frame.len() <= DATAGRAM_BYTES_MAX);
            let (header, reader) = state::read_header(&frame).unwrap();
            prop_assert_eq!((header.tick, header.base, header.count as usize), (Tick(1_000), base, bodies.len()));
            state::read_rows(&header, reader, &shapes, |row| {
                let (before, at_base, _) = &rows[&row.entity.0];
                let mut now = vec![0; LANES];
                row.value(at_base.as_deref(), before.as_deref(), &mut now);
                assert!(read.insert(row.entity.0, now).is_none(), "a row twice");
                Ok(())
            }).unwrap();
        }
        let written: BTreeMap<u32, Vec<i32>> = rows.into_iter().map(|(entity, (_, _, now))| (entity, now)).collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn a_snapshot_comes_back(rows in prop::collection::btree_map(1u32..100_000, prop::option::of(value()), 0..300)) {
        let row = |lanes: &Vec<i32>| (ID, Row { lanes: lanes.iter().copied().collect(), bytes: Vec::new() });
        let spawns: Vec<StructureOp> = rows
            .iter()
            .map(|(entity, lanes)| StructureOp::Spawn {
                entity: NetId(*entity),
                components: lanes.iter().map(row).collect(),
            })
            .collect();
        let chunks = snapshot::encode(&shapes(), Tick(3), 2, &Shown::of_spawns(&spawns)).unwrap();
        let read = chunks.iter().flat_map(|chunk| snapshot::decode(&shapes(), chunk).unwrap().ops);
        prop_assert_eq!(read.collect::<Vec<_>>(), spawns);
    }
}

#[test]
fn a_large_world_takes_several_chunks() {
    let spawn = |entity: u32| StructureOp::Spawn {
        entity: NetId(entity * 3),
        components: vec![(ID, Row { lanes: [entity as i32; LANES].into_iter().collect(), bytes: Vec::new() })],
    };
    let spawns: Vec<StructureOp> = (1..10_000).map(spawn).collect();
    let chunks = snapshot::encode(&shapes(), Tick(3), 2, &Shown::of_spawns(&spawns)).unwrap();
    let chunks: Vec<_> = chunks.iter().map(|chunk| snapshot::decode(&shapes(), chunk).unwrap()).collect();
    assert!(chunks.len() > 2 && chunks.iter().enumerate().all(|(i, chunk)| chunk.index as usize == i));
    assert!(chunks.iter().rev().skip(1).all(|chunk| !chunk.last) && chunks.last().unwrap().last);
    assert_eq!(chunks.into_iter().flat_map(|chunk| chunk.ops).collect::<Vec<_>>(), spawns);
}
