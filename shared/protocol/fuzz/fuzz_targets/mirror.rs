//! A mirror fed with frames a hostile server might send: each input is frames, each behind its length in two bytes.
#![no_main]

#[path = "../../tests/world/mod.rs"]
mod world;

use hd1_core::NetId;
use hd1_protocol::{FrameKind, Mirror, shapes::Shapes, snapshot::Spawned};
use libfuzzer_sys::fuzz_target;
use world::{LABEL, PLACE, TURN, label, lanes, opened, schemas};

fuzz_target!(|data: &[u8]| {
    let mut mirror = Mirror::new(schemas()).recording_changes();
    let spawned = |slot: u8| Spawned {
        slot,
        entity: NetId(u32::from(slot)),
        components: vec![(PLACE, lanes(&[1, 2, 3])), (TURN, lanes(&[3, 9, -8, 7])), (LABEL, label("x"))],
    };
    let snapshot = opened(&Shapes::new(schemas()), 5, 0, &(1..20).map(spawned).collect::<Vec<_>>());
    mirror.apply_snapshot_chunk(&snapshot).expect("our own snapshot");
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
