//! A mirror fed with frames a hostile server might send: each input is frames, each behind its length in two bytes.
#![no_main]

#[path = "../../tests/world/mod.rs"]
mod world;

use hd1_core::{NetId, Tick};
use hd1_protocol::{
    FrameKind, Mirror,
    shapes::Shapes,
    snapshot::{self, Shown},
    structure,
};
use libfuzzer_sys::fuzz_target;
use world::{LABEL, PLACE, TURN, label, lanes, schemas};

fuzz_target!(|data: &[u8]| {
    let mut mirror = Mirror::new(schemas()).recording_changes();
    let spawns: Vec<_> = (1..20)
        .map(|i| structure::StructureOp::Spawn {
            entity: NetId(i),
            components: vec![(PLACE, lanes(&[1, 2, 3])), (TURN, lanes(&[3, 9, -8, 7])), (LABEL, label("x"))],
        })
        .collect();
    let chunks =
        snapshot::encode(&Shapes::new(schemas()), Tick(5), 0, &Shown::of_spawns(&spawns)).expect("known components");
    mirror.apply_snapshot_chunk(&chunks[0]).expect("our own snapshot");
    let mut rest = data;
    while let [a, b, tail @ ..] = rest {
        let len = usize::from(u16::from_le_bytes([*a, *b])).min(tail.len());
        let (frame, tail) = tail.split_at(len);
        rest = tail;
        let done = match frame.first().copied().and_then(FrameKind::of) {
            Some(FrameKind::Structure) => mirror.apply_structure(frame).is_err(),
            Some(FrameKind::State) => mirror.apply_state(frame).is_err(),
            Some(FrameKind::SnapshotChunk) => mirror.apply_snapshot_chunk(frame).is_err(),
            _ => false,
        };
        if done {
            break;
        }
    }
    let _ = mirror.hash_at(mirror.acked());
    let _ = mirror.take_changes();
});
