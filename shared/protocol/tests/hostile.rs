//! Any bytes at all are read or refused: no panic, no runaway memory.

mod world;

use hd1_core::{NetId, Tick};
use hd1_protocol::{
    Mirror,
    predict::Onward,
    shapes::Shapes,
    snapshot::{self, Spawned},
    state::{self as codec, Base, BlobHead, StateHeader, TickCodes},
    structure::{self, StructureOp},
};
use proptest::prelude::*;
use world::{LABEL, PLACE, TURN, changed, label, lanes, opened, schemas, state};

fn snapshot() -> Vec<u8> {
    let spawned = |i: u8| Spawned {
        slot: i,
        entity: NetId(u32::from(i) * 5 + 1),
        components: vec![
            (PLACE, lanes(&[i32::from(i), 2, 3])),
            (TURN, lanes(&[3, i32::from(i), -8, 700])),
            (LABEL, label("x")),
        ],
    };
    opened(&Shapes::new(schemas()), 100, 0, &(1..20).map(spawned).collect::<Vec<_>>())
}

fn structure_frame() -> Vec<u8> {
    let ops = vec![
        StructureOp::Spawn { slot: 30, entity: NetId(500), components: vec![(PLACE, lanes(&[1, 2, 3]))] },
        StructureOp::Leave { slot: 4 },
        StructureOp::Set { slot: 5, component: LABEL, row: label("y") },
        StructureOp::Remove { slot: 6, component: TURN },
    ];
    changed(&Shapes::new(schemas()), 101, 1, ops)
}

fn state_frame() -> Vec<u8> {
    let shapes = Shapes::new(schemas());
    let (base, codes) = (Base::alone(Tick(100)), TickCodes::default());
    let header = StateHeader { input_ack: 0, tick: Tick(101), quiet: 0, base, index: 0, count: 1 };
    let frames = state(header, BlobHead::default(), |blob, out| {
        blob.section(PLACE, shapes.shape(PLACE).unwrap(), &codes, out);
        for i in 1..20u8 {
            blob.row(i, &[7, 8, 9], Some((&[i32::from(i), 2, 3], &[i32::from(i), 2, 3])), Onward::NONE);
        }
        blob.section(TURN, shapes.shape(TURN).unwrap(), &codes, out);
        for i in (1..20i32).step_by(2) {
            blob.row(i as u8, &[i % 4, 7, -1_000, 0], Some((&[3, i, -8, 700], &[3, i, -8, 700])), Onward::NONE);
        }
    });
    frames[0].clone()
}

fn feed(mirror: &mut Mirror, frame: &[u8]) {
    let _ = mirror.apply_snapshot_chunk(frame);
    let _ = mirror.apply_structure(frame);
    let _ = mirror.apply_state(frame);
}

proptest! {
    #[test]
    fn random_bytes(kind in 2u8..5, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut mirror = Mirror::new(schemas());
        mirror.apply_snapshot_chunk(&snapshot()).unwrap();
        let mut frame = vec![kind];
        frame.extend(bytes);
        feed(&mut mirror, &frame);
        feed(&mut Mirror::new(schemas()), &frame);
    }

    #[test]
    fn good_frames_with_flipped_bytes(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        for good in [snapshot(), structure_frame(), state_frame()] {
            let mut frame = good.clone();
            let i = at.index(frame.len());
            frame[i] = byte;
            frame.truncate(1 + cut.index(frame.len()));
            let mut mirror = Mirror::new(schemas());
            mirror.apply_snapshot_chunk(&snapshot()).unwrap();
            feed(&mut mirror, &frame);
            // Whatever it did, a good frame is still read without a fault in the codec.
            let _ = mirror.apply_state(&state_frame());
        }
    }
}

#[test]
fn counts_beyond_the_bytes_reserve_nothing() {
    let shapes = Shapes::new(schemas());
    // Tick 1, page 0, 2^32 ops, version 1.
    let frame = [2, 1, 0, 0x80, 0x80, 0x80, 0x80, 0x10, 1];
    let error = structure::decode(&shapes, &frame).unwrap_err();
    assert_eq!(error.to_string(), "structure op count beyond its limit");
    // Tick 1, whole, one page: number 0, version 1, 2^31 entities; or no page, one byte of bits, and a raw length of 2^40.
    for (rest, wrong) in [
        (&[1, 0, 1, 0x80, 0x80, 0x80, 0x80, 0x08][..], "entities of a snapshot chunk"),
        (&[0, 1, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20], "snapshot chunk bytes"),
    ] {
        let frame = [&[4, 1, 3][..], rest].concat();
        let error = snapshot::decode(&shapes, &frame).unwrap_err();
        assert_eq!(error.to_string(), format!("{wrong} beyond its limit"));
    }
    // A state tick of 2^31 frames.
    let frame = [3, 0, 5, 0, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x08];
    assert_eq!(codec::read_header(&frame).unwrap_err().to_string(), "fragment count beyond its limit");
}

#[test]
fn structure_that_contradicts_itself_is_refused() {
    let shapes = Shapes::new(schemas());
    let refused = |version: u64, op: StructureOp| {
        let mut mirror = Mirror::new(schemas());
        mirror.apply_snapshot_chunk(&snapshot()).unwrap();
        mirror.apply_structure(&changed(&shapes, 101, version, vec![op])).unwrap_err().to_string()
    };
    let spawn = |slot| StructureOp::Spawn { slot, entity: NetId(900), components: Vec::new() };
    assert_eq!(refused(3, spawn(99)), "sequence gap: expected 1, got 3");
    assert_eq!(refused(1, spawn(1)), "inconsistent frame: a slot that is not free");
    assert_eq!(refused(1, StructureOp::Leave { slot: 99 }), "inconsistent frame: an empty slot");
    let twice = StructureOp::Arrive { slot: 99, entity: NetId(900), components: Vec::new() };
    assert_eq!(refused(1, twice), "unknown entity 900");
    let mut mirror = Mirror::new(schemas());
    mirror.apply_snapshot_chunk(&snapshot()).unwrap();
    assert!(mirror.apply_snapshot_chunk(&opened(&shapes, 102, 0, &[])).is_err(), "a page that is open already");
}
