//! What is far is told seldom, and drawn as smoothly as what is near.

use hd1_core::{NetId, PlayerId, Tick};
use hd1_protocol::Mirror;
use hd1_replication::{ClientKey, Interest, Outgoing, Replicator, Tracked, Viewer};
use hd1_schema::Row;
use hd1_world::{components::Transform, described::Described};

const KEY: ClientKey = ClientKey(1);
const OWN: NetId = NetId(1);
const NEAR: NetId = NetId(2);
const FAR: NetId = NetId(3);
/// Metres a tick.
const STEP_M: f32 = 0.05;
const DELAY_TICKS: f64 = 2.0;

fn transform(x: f32, z: f32) -> Row {
    let mut row = Row::default();
    row.vec3([x, 0.0, z], 0.001);
    row.quat([0.0, 0.0, 0.0, 1.0]);
    row.vec3([1.0; 3], 0.001);
    row
}

/// Those beside the viewer and far from it walk along, it stands.
fn feed(tracked: &mut Tracked, now: u64) {
    let x = now as f32 * STEP_M;
    tracked.set(OWN, Transform::ID, &transform(2.0, 2.0));
    tracked.set(NEAR, Transform::ID, &transform(x, 5.0));
    tracked.set(FAR, Transform::ID, &transform(x, 95.0));
}

/// The steps from drawn frame to drawn frame of an entity, four frames a tick.
fn steps(mirror: &Mirror, entity: NetId, now: u64) -> [f32; 4] {
    let drawn = |frame: u32| {
        let moment = now as f64 - DELAY_TICKS + f64::from(frame) / 4.0;
        mirror.sample_transform(entity, moment).expect("it is shown").position[0]
    };
    std::array::from_fn(|frame| drawn(frame as u32 + 1) - drawn(frame as u32))
}

#[test]
fn what_comes_every_fourth_tick_is_drawn_as_smoothly_as_what_comes_with_each() {
    let mut server =
        Replicator::new(hd1_world::builtin_schemas(), Interest { view_m: Some(110.0), cell_m: Some(30.0) });
    server
        .tick(Tick(1), |tracked| {
            [OWN, NEAR, FAR].into_iter().for_each(|id| tracked.spawned(id));
            feed(tracked, 1);
        })
        .unwrap();
    let mut mirror = Mirror::new(hd1_world::builtin_schemas()).keeping_ticks(8);
    let viewer = Viewer { player: PlayerId(1), avatar: Some(OWN), at: None };
    for frame in server.add_client(KEY, viewer).unwrap() {
        mirror.apply_snapshot_chunk(&frame).unwrap();
    }
    let mut far_frames = 0;
    for now in 2..200 {
        server.ack(KEY, mirror.receipt());
        server.tick(Tick(now), |tracked| feed(tracked, now)).unwrap();
        let mut out = Outgoing::default();
        server.assemble(KEY, 0, &mut out).unwrap();
        for frame in &out.reliable {
            mirror.apply_reliable(frame).unwrap();
        }
        for frame in &out.state {
            mirror.apply_state(frame).unwrap();
        }
        let far = mirror.row(FAR, Transform::ID).expect("it is shown");
        far_frames += u32::from(far == transform(now as f32 * STEP_M, 95.0));
        // It takes a while to notice how seldom it comes, and to fall behind softly.
        if now > 60 {
            for (id, steps) in [NEAR, FAR].map(|id| (id, steps(&mirror, id, now))) {
                let off = |step: &f32| (step - STEP_M / 4.0).abs();
                assert!(steps.iter().all(|step| off(step) < STEP_M / 8.0), "{id} at {now}: {steps:?}");
            }
        }
    }
    assert!((45..55).contains(&far_frames), "told {far_frames} times in 198 ticks");
    assert_eq!(mirror.entity(NEAR).unwrap().lag_ticks(199.0), 0.0);
    assert_eq!(mirror.entity(FAR).unwrap().lag_ticks(199.0), 3.0);
    assert_eq!(mirror.stats().desyncs, 0);
}
