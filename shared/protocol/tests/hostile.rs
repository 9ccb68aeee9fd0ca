//! Any bytes at all are read or refused: no panic, no runaway memory.

mod world;

use hd1_core::{NetId, Tick};
use hd1_protocol::{
    Mirror,
    shapes::Shapes,
    snapshot::{self, Shown},
    state::{self, Base, StateHeader, StateWriter},
    structure::{self, StructureOp},
};
use proptest::prelude::*;
use world::{LABEL, PLACE, TURN, label, lanes, schemas};

fn snapshot() -> Vec<u8> {
    let spawns: Vec<_> = (1..20)
        .map(|i| StructureOp::Spawn {
            entity: NetId(i),
            components: vec![
                (PLACE, lanes(&[i as i32, 2, 3])),
                (TURN, lanes(&[3, i as i32, -8, 700])),
                (LABEL, label("x")),
            ],
        })
        .collect();
    snapshot::encode(&Shapes::new(schemas()), Tick(100), 0, &Shown::of_spawns(&spawns)).unwrap().remove(0)
}

fn state_frame() -> Vec<u8> {
    let mut writer = StateWriter::default();
    let base = Base::alone(Tick(100));
    writer.section(PLACE, Shapes::new(schemas()).shape(PLACE).unwrap());
    for i in 1..20u32 {
        writer.row(NetId(i), Some(&[i as i32, 2, 3]), None, base.onward_to(Tick(101)), &[7, 8, 9]);
    }
    writer.section(TURN, Shapes::new(schemas()).shape(TURN).unwrap());
    for i in (1..20i32).step_by(2) {
        writer.row(NetId(i as u32), Some(&[3, i, -8, 700]), None, base.onward_to(Tick(101)), &[i % 4, 7, -1_000, 0]);
    }
    let header = StateHeader::new(Tick(101), base, 0);
    state::frame(0, &writer.finish(header)[0])
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
        for good in [snapshot(), state_frame()] {
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
    // tick 1, seq 1, 2^32 ops.
    let frame = [2, 1, 1, 0x80, 0x80, 0x80, 0x80, 0x10];
    let error = structure::decode_batch(&Shapes::new(schemas()), &frame).unwrap_err();
    assert_eq!(error.to_string(), "structure op count beyond its limit");
    // tick 1, seq 1, chunk 0, last, 2^32 entities; or none, no bits, and a raw length of 2^40.
    for (rest, wrong) in [
        (&[0x80, 0x80, 0x80, 0x80, 0x10][..], "entities of a snapshot chunk"),
        (&[0, 1, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20], "snapshot chunk bytes"),
    ] {
        let frame = [&[4, 1, 1, 0, 1][..], rest].concat();
        let error = snapshot::decode(&Shapes::new(schemas()), &frame).unwrap_err();
        assert_eq!(error.to_string(), format!("{wrong} beyond its limit"));
    }
    // A state tick of 2^31 fragments.
    let frame = [3, 0, 5, 1, 0, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x08];
    assert_eq!(state::read_header(&frame).unwrap_err().to_string(), "fragment count beyond its limit");
}
