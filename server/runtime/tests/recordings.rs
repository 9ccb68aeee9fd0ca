//! What is recorded comes out the same again, and what was tampered with does not.

mod support;

use std::path::Path;
use std::sync::Arc;

use hd1_core::{ParticipantId, SessionId};
use hd1_protocol::{InputSample, Operation, Pose};
use hd1_runtime::recording::{Ending, replay};
use hd1_runtime::{NoModules, Request, WorldStatus};
use hd1_session::ServerEvent;
use support::{Rig, TestClient, moving, panicking, spec};

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_ticks_of_cubes_with_players_replay_equal() {
    let rig = Rig::new(|config| {
        config.recording = true;
        config.hibernate_after = None;
        // One recording, from the first tick to the last.
        config.snapshot_interval = std::time::Duration::from_secs(3_600);
    });
    let scene = Arc::new(hd1_scenes::load("cubes").unwrap());
    let session = SessionId::generate();
    rig.runtime.create(session, spec(&scene, WorldStatus::Running)).await.unwrap();
    let mut ada = rig.client(session, ParticipantId::generate(), "ada");
    let mut bob = rig.client(session, ParticipantId::generate(), "bob");
    rig.until(&mut ada, TestClient::is_ready).await;
    rig.until(&mut bob, TestClient::is_ready).await;
    let (mut n, mut carried) = (0u32, 0);
    while rig.tick(session) < 10_000 {
        rig.step(1);
        n += 1;
        if n.is_multiple_of(50) {
            let yaw = (n / 50) as f32 * 0.7;
            ada.connection.set_input(InputSample { forward: 1.0, yaw, ..Default::default() });
            bob.connection.set_input(InputSample { strafe: 1.0, forward: 0.5, yaw: -yaw, ..Default::default() });
            ada.pump(rig.now_us()).await;
            bob.pump(rig.now_us()).await;
        }
        if n.is_multiple_of(500) {
            let components = r#"{ "Transform": { "position": [0, 3, 0] }, "Geometry": {}, "RigidBody": {} }"#;
            ada.connection.send_op(Operation::Spawn { components: serde_json::from_str(components).unwrap() });
        }
        if n.is_multiple_of(10) {
            carried += u32::from(carry(&mut ada, n, rig.now_us()));
            ada.pump(rig.now_us()).await;
        }
    }
    assert!(carried > 100, "a cube was in hand {carried} times");
    rig.runtime.lifecycle(session, Request::Stop).await.unwrap();
    rig.settle();
    let path = rig.files(session, "hd1r").pop().unwrap();
    drop(rig.runtime.clone());
    let data = rig.dir;
    drop(rig.runtime);
    let report = replay(&path, Arc::new(NoModules)).unwrap();
    assert_eq!(report.first_mismatch, None);
    assert!(report.ticks >= 10_000, "{report:?}");
    assert!(report.is_equal(), "{report:?}");
    tampered_ones_are_found(&path);
    drop(data);
}

/// Takes what was made last, carries it through the cubes, and throws it at the next; says whether it is in hand.
fn carry(client: &mut TestClient, n: u32, now_us: u64) -> bool {
    let made = |event: &ServerEvent| match event {
        ServerEvent::OpResult { result: Ok(Some(entity)), .. } => Some(*entity),
        _ => None,
    };
    let Some(entity) = client.events.iter().rev().find_map(made) else { return false };
    match n % 500 {
        100 => drop(client.connection.send_op(Operation::Take { entity })),
        110..400 => {
            let position = [(n % 500) as f32 * 0.05 - 10.0, 1.0, (n / 500) as f32 - 5.0];
            client.connection.drive(now_us, Pose { entity, position, rotation: [0.0, 0.0, 0.0, 1.0], velocity: None });
        }
        400 => {
            client.connection.let_go(now_us, entity);
            client.connection.send_op(Operation::Release { entity });
        }
        _ => {}
    }
    client.connection.holds(entity)
}

fn tampered_ones_are_found(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    let mut changed = bytes.clone();
    let at = bytes.len() - bytes.len() / 8;
    changed[at..at + 16].fill(0xff);
    let copy = path.with_extension("changed");
    std::fs::write(&copy, changed).unwrap();
    let report = replay(&copy, Arc::new(NoModules)).unwrap();
    assert_eq!((report.ending, report.is_equal()), (Ending::Damaged, false), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_cut_short_by_a_kill_replays_up_to_there() {
    let rig = Rig::new(|config| config.recording = true);
    let session = rig.world(&moving()).await;
    rig.step(60);
    rig.runtime.lifecycle(session, Request::Hibernate).await.unwrap();
    rig.settle();
    let path = rig.files(session, "hd1r").pop().unwrap();
    rig.runtime.drain(std::time::Duration::from_secs(5)).await;
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 7]).unwrap();
    let report = replay(&path, Arc::new(NoModules)).unwrap();
    assert_eq!(report.ticks, 59);
    assert!(matches!(report.ending, Ending::Torn(_)) && report.is_equal(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_crash_crashes_again() {
    let rig = Rig::new(|config| config.recording = true);
    let session = rig.world(&panicking(10)).await;
    rig.step(12);
    assert_eq!(rig.status(session), WorldStatus::Crashed);
    rig.runtime.lifecycle(session, Request::Stop).await.unwrap();
    rig.runtime.drain(std::time::Duration::from_secs(5)).await;
    rig.settle();
    let path = rig.files(session, "hd1r").pop().unwrap();
    let Rig { dir, runtime, .. } = rig;
    drop(runtime);
    let report = replay(&path, Arc::new(NoModules)).unwrap();
    assert_eq!((report.ticks, report.ending), (10, Ending::Crash));
    drop(dir);
}
