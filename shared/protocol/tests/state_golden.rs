//! The binary frames, byte for byte: what another implementation is held to.
//!
//! Each file in `golden/` holds one frame in hex. A deliberate change of the format writes them anew with
//! `HD1_BLESS=1 cargo test -p hd1-protocol`, and belongs in `net/PROTOCOL.md` in the same commit.

mod world;

use hd1_core::{NetId, Tick};
use hd1_protocol::{
    Mirror, StateOutcome,
    predict::Onward,
    shapes::Shapes,
    snapshot::Spawned,
    state::{Base, BlobHead, StateHeader, TickCodes},
    structure::StructureOp,
};
use world::{LABEL, PLACE, TURN, changed, label, lanes, opened, schemas, state};

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

fn spawns() -> Vec<Spawned> {
    vec![
        Spawned {
            slot: 0,
            entity: NetId(1),
            components: vec![(PLACE, lanes(&[100, -200, 300])), (TURN, lanes(&[3, 205, -1024, 614]))],
        },
        Spawned { slot: 7, entity: NetId(300), components: vec![(PLACE, lanes(&[0, 0, 0])), (LABEL, label("höher"))] },
    ]
}

fn header(tick: u64, base: Base) -> StateHeader {
    StateHeader { input_ack: 0, tick: Tick(tick), quiet: 0, base, index: 0, count: 1 }
}

#[test]
fn frames_are_what_they_were() {
    let shapes = Shapes::new(schemas());
    let snapshot = opened(&shapes, 1000, 7, &spawns());
    golden("snapshot", &snapshot);
    let ops = vec![
        StructureOp::Set { slot: 0, component: LABEL, row: label("neu") },
        StructureOp::Remove { slot: 7, component: LABEL },
        StructureOp::Leave { slot: 7 },
    ];
    let structure = changed(&shapes, 1001, 8, ops);
    golden("structure", &structure);
    let base = Base::alone(Tick(1000));
    // Another component is left out now.
    let (was, is) = ([3, 205, -1024, 614], [1, -207, -610, 1650]);
    let mut mirror = Mirror::new(schemas());
    assert!(mirror.apply_snapshot_chunk(&snapshot).unwrap());
    mirror.apply_structure(&structure).unwrap();
    // The sum of: presence of 1; its place and turn at the new lanes; its label.
    let sum = hd1_protocol::hash::presence(NetId(1))
        .wrapping_add(hd1_protocol::hash::component(NetId(1), PLACE, &[101, -200, 236], &[]))
        .wrapping_add(hd1_protocol::hash::component(NetId(1), TURN, &is, &[]))
        .wrapping_add(hd1_protocol::hash::component(NetId(1), LABEL, &[], &label("neu").bytes));
    let head = BlobHead { version: Some(8), moved_for: 1, hash: Some(sum as u32), whole: false };
    let header = StateHeader { input_ack: 513, ..header(1001, base) };
    let frames = state(header, head, |blob, out| {
        let codes = TickCodes::default();
        blob.section(PLACE, shapes.shape(PLACE).unwrap(), &codes, out);
        blob.row(0, &[101, -200, 236], Some((&[100, -200, 300], &[100, -200, 300])), Onward::NONE);
        blob.section(TURN, shapes.shape(TURN).unwrap(), &codes, out);
        blob.row(0, &is, Some((&was, &was)), Onward::NONE);
    });
    golden("state", &frames[0]);
    let StateOutcome::Complete(read) = mirror.apply_state(&frames[0]).unwrap() else { panic!("one frame is all") };
    assert_eq!((read.input_ack, read.count, mirror.acked()), (513, 1, Tick(1001)));
    assert_eq!(mirror.row(NetId(1), PLACE).unwrap(), lanes(&[101, -200, 236]));
    assert_eq!((mirror.stats().checks, mirror.stats().desyncs), (1, 0));
}

#[test]
fn a_wrong_check_sum_is_seen() {
    let mut mirror = Mirror::new(schemas());
    mirror.apply_snapshot_chunk(&opened(&Shapes::new(schemas()), 5, 0, &spawns())).unwrap();
    let head = BlobHead { hash: Some(1), ..BlobHead::default() };
    let frames = state(header(6, Base::alone(Tick(5))), head, |_, _| ());
    mirror.apply_state(&frames[0]).unwrap();
    assert_eq!((mirror.stats().checks, mirror.stats().desyncs), (1, 1));
}

#[test]
fn state_waits_for_the_structure_it_stands_on() {
    let shapes = Shapes::new(schemas());
    let mut mirror = Mirror::new(schemas());
    mirror.apply_snapshot_chunk(&opened(&shapes, 5, 0, &[])).unwrap();
    let Spawned { slot, entity, components } = spawns().remove(0);
    let structure = changed(&shapes, 6, 1, vec![StructureOp::Spawn { slot, entity, components }]);
    let base = Base::alone(Tick(5));
    let head = BlobHead { version: Some(1), ..BlobHead::default() };
    let frames = state(header(7, base), head, |blob, out| {
        blob.section(PLACE, shapes.shape(PLACE).unwrap(), &TickCodes::default(), out);
        blob.row(0, &[0, -200, 300], Some((&[100, -200, 300], &[100, -200, 300])), Onward::NONE);
    });
    assert!(matches!(mirror.apply_state(&frames[0]).unwrap(), StateOutcome::Deferred(_)));
    mirror.apply_structure(&structure).unwrap();
    assert_eq!(mirror.row(NetId(1), PLACE).unwrap(), lanes(&[0, -200, 300]));
    assert_eq!(mirror.acked(), Tick(7));
    assert!(matches!(mirror.apply_state(&frames[0]).unwrap(), StateOutcome::Stale(_)), "a repeat changes nothing");
}

#[test]
fn quiet_ticks_count_as_had() {
    let mut mirror = Mirror::new(schemas());
    mirror.apply_snapshot_chunk(&opened(&Shapes::new(schemas()), 5, 0, &spawns())).unwrap();
    let quiet = StateHeader { quiet: 3, ..header(10, Base::alone(Tick(5))) };
    mirror.apply_state(&state(quiet, BlobHead::default(), |_, _| ())[0]).unwrap();
    let held: Vec<u64> = (0..20).filter(|tick| mirror.acks().contains(Tick(*tick))).collect();
    assert_eq!(held, [5, 7, 8, 9, 10], "of tick 6 nothing was said");
    assert_eq!(mirror.stats().ticks, 4);
}
