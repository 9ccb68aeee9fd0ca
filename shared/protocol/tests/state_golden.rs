//! The binary frames, byte for byte: what another implementation is held to.
//!
//! Each file in `golden/` holds one frame in hex with a line per part. A deliberate change of the format writes them
//! anew with `HD1_BLESS=1 cargo test -p hd1-protocol`, and belongs in `net/PROTOCOL.md` in the same commit.

mod world;

use hd1_core::{NetId, Tick};
use hd1_protocol::{
    Mirror, StateOutcome,
    shapes::Shapes,
    snapshot::{self, Shown},
    state::{self, Base, StateHeader, StateWriter},
    structure::{self, StructureOp},
};
use world::{LABEL, PLACE, TURN, label, lanes, schemas};

fn golden(name: &str, bytes: &[u8]) {
    let path = format!("{}/golden/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let text: String =
        hex::encode(bytes).as_bytes().chunks(64).map(|l| format!("{}\n", String::from_utf8_lossy(l))).collect();
    if std::env::var_os("HD1_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    assert_eq!(text, expected, "{name} changed on the wire");
}

fn spawns() -> Vec<StructureOp> {
    vec![
        StructureOp::Spawn {
            entity: NetId(1),
            components: vec![(PLACE, lanes(&[100, -200, 300])), (TURN, lanes(&[3, 205, -1024, 614]))],
        },
        StructureOp::Spawn {
            entity: NetId(300),
            components: vec![(PLACE, lanes(&[0, 0, 0])), (LABEL, label("höher"))],
        },
    ]
}

#[test]
fn frames_are_what_they_were() {
    let shapes = Shapes::new(schemas());
    let snapshot = snapshot::encode(&shapes, Tick(1000), 7, &Shown::of_spawns(&spawns())).unwrap();
    assert_eq!(snapshot.len(), 1);
    golden("snapshot", &snapshot[0]);
    let ops = [
        StructureOp::Set { entity: NetId(1), component: LABEL, row: label("neu") },
        StructureOp::Remove { entity: NetId(300), component: LABEL },
        StructureOp::Despawn { entity: NetId(300) },
    ];
    let batch = structure::encode_batch(&shapes, Tick(1001), 8, &ops).unwrap();
    golden("structure", &batch);
    let mut writer = StateWriter::default();
    let base = Base::alone(Tick(1000));
    writer.section(PLACE, shapes.shape(PLACE).unwrap());
    writer.row(NetId(1), Some(&[100, -200, 300]), None, base.onward_to(Tick(1001)), &[101, -200, 236]);
    writer.section(TURN, shapes.shape(TURN).unwrap());
    // Another component is left out now.
    let (was, is) = ([3, 205, -1024, 614], [1, -207, -610, 1650]);
    writer.row(NetId(1), Some(&was), None, base.onward_to(Tick(1001)), &is);
    let mut mirror = Mirror::new(schemas());
    assert!(mirror.apply_snapshot_chunk(&snapshot[0]).unwrap());
    mirror.apply_structure(&batch).unwrap();
    // The sum of: presence of 1; its place and turn at the new lanes; its label.
    let sum = hd1_protocol::hash::presence(NetId(1))
        .wrapping_add(hd1_protocol::hash::component(NetId(1), PLACE, &[101, -200, 236], &[]))
        .wrapping_add(hd1_protocol::hash::component(NetId(1), TURN, &is, &[]))
        .wrapping_add(hd1_protocol::hash::component(NetId(1), LABEL, &[], &label("neu").bytes));
    let header = StateHeader::new(Tick(1001), base, 8).with_hash(sum);
    let frame = state::frame(513, &writer.finish(header)[0]);
    golden("state", &frame);
    let StateOutcome::Complete(read) = mirror.apply_state(&frame).unwrap() else { panic!("one fragment is all") };
    assert_eq!((read.input_ack, read.count, mirror.acked()), (513, 1, Tick(1001)));
    assert_eq!(mirror.row(NetId(1), PLACE).unwrap(), lanes(&[101, -200, 236]));
    assert_eq!((mirror.stats().checks, mirror.stats().desyncs), (1, 0));
}

#[test]
fn a_wrong_check_sum_is_seen() {
    let shapes = Shapes::new(schemas());
    let mut mirror = Mirror::new(schemas());
    mirror
        .apply_snapshot_chunk(&snapshot::encode(&shapes, Tick(5), 0, &Shown::of_spawns(&spawns())).unwrap()[0])
        .unwrap();
    let header = StateHeader::new(Tick(6), Base::alone(Tick(5)), 0).with_hash(1);
    mirror.apply_state(&state::frame(0, &StateWriter::default().finish(header)[0])).unwrap();
    assert_eq!((mirror.stats().checks, mirror.stats().desyncs), (1, 1));
}

#[test]
fn state_waits_for_the_structure_it_stands_on() {
    let shapes = Shapes::new(schemas());
    let mut mirror = Mirror::new(schemas());
    mirror.apply_snapshot_chunk(&snapshot::encode(&shapes, Tick(5), 0, &Shown::of_spawns(&[])).unwrap()[0]).unwrap();
    let batch = structure::encode_batch(&shapes, Tick(6), 1, &spawns()).unwrap();
    let mut writer = StateWriter::default();
    let base = Base::alone(Tick(5));
    writer.section(PLACE, shapes.shape(PLACE).unwrap());
    writer.row(NetId(1), Some(&[100, -200, 300]), None, base.onward_to(Tick(7)), &[0, -200, 300]);
    let header = StateHeader::new(Tick(7), base, 1);
    let frame = state::frame(0, &writer.finish(header)[0]);
    assert!(matches!(mirror.apply_state(&frame).unwrap(), StateOutcome::Deferred(_)));
    mirror.apply_structure(&batch).unwrap();
    assert_eq!(mirror.row(NetId(1), PLACE).unwrap(), lanes(&[0, -200, 300]));
    assert_eq!(mirror.acked(), Tick(7));
    assert!(matches!(mirror.apply_state(&frame).unwrap(), StateOutcome::Stale(_)), "a repeat changes nothing");
}
