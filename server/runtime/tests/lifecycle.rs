//! Worlds come, rest, wake, crash and go.

mod support;

use std::sync::Arc;

use hd1_core::SessionId;
use hd1_protocol::Operation;
use hd1_runtime::{Request, RuntimeError, WorldQuery, WorldStatus};
use hd1_sim::EntityQuery;
use support::{PERIOD, Rig, files, moving, panicking, spec, still};

#[tokio::test(flavor = "multi_thread")]
async fn ticks_follow_time_and_lateness_is_skipped() {
    let rig = Rig::new(|_| {});
    let session = rig.world(&moving()).await;
    rig.step(40);
    assert_eq!(rig.tick(session), 40);
    rig.time.advance(10 * PERIOD);
    rig.settle();
    let figures = rig.runtime.figures(session).unwrap();
    assert_eq!((figures.tick, figures.ticks_skipped), (41, 9), "one tick late, the rest left out");
    rig.step(10);
    assert_eq!(rig.tick(session), 51);
    let metrics = rig.runtime.metrics();
    assert_eq!(metrics.tick_durations.count, 51);
    assert_eq!(metrics.skipped_ticks, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_life_from_created_to_deleted() {
    let rig = Rig::new(|config| config.hibernate_after = None);
    let session = SessionId::generate();
    let (runtime, request) = (&rig.runtime, |request| rig.runtime.lifecycle(session, request));
    runtime.create(session, spec(&moving(), WorldStatus::Created)).await.unwrap();
    assert_eq!(runtime.create(session, spec(&moving(), WorldStatus::Created)).await, Err(RuntimeError::Exists));
    let conflict = |request| Err(RuntimeError::Conflict { status: WorldStatus::Created, request });
    assert_eq!(request(Request::Pause).await, conflict(Request::Pause));
    request(Request::Start).await.unwrap();
    rig.step(5);
    request(Request::Pause).await.unwrap();
    rig.step(5);
    assert_eq!(rig.tick(session), 5);
    let chat = Operation::Chat { text: "anyone?".into() };
    assert_eq!(runtime.command(session, chat).await, Err(RuntimeError::NotLive(WorldStatus::Paused)));
    request(Request::Resume).await.unwrap();
    rig.step(5);
    request(Request::Hibernate).await.unwrap();
    request(Request::Hibernate).await.unwrap();
    assert!(!rig.files(session, "hd1s").is_empty());
    rig.step(5);
    assert_eq!(rig.tick(session), 10);
    request(Request::Wake).await.unwrap();
    rig.step(5);
    assert_eq!(rig.tick(session), 15);
    request(Request::Stop).await.unwrap();
    request(Request::Start).await.unwrap();
    rig.step(1);
    assert_eq!(rig.tick(session), 16, "a stopped world continues");
    let seen: Vec<_> = rig.heard.statuses.lock().unwrap().iter().map(|(_, status)| *status).collect();
    use WorldStatus::{Hibernated, Paused, Running, Stopped};
    assert_eq!(seen, [Running, Paused, Running, Hibernated, Running, Stopped, Running]);
    runtime.delete(session).await.unwrap();
    runtime.delete(session).await.unwrap();
    assert_eq!(runtime.status(session), None);
    assert!(rig.files(session, "hd1s").is_empty());
    assert_eq!(request(Request::Start).await, Err(RuntimeError::NotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_worlds_hibernate_and_resting_ones_cost_no_ticks() {
    let rig = Rig::new(|_| {});
    let scene = still();
    let mut sessions = Vec::new();
    for n in 0..1_000 {
        let session = SessionId::generate();
        let initial = if n % 100 == 0 { WorldStatus::Running } else { WorldStatus::Hibernated };
        rig.runtime.create(session, spec(&scene, initial)).await.unwrap();
        sessions.push(session);
    }
    rig.step(20 * 59);
    assert_eq!(rig.runtime.metrics().worlds[1], (WorldStatus::Running, 10));
    rig.step(20 * 3);
    let metrics = rig.runtime.metrics();
    assert_eq!(metrics.worlds[3], (WorldStatus::Hibernated, 1_000));
    rig.step(200);
    assert_eq!(rig.runtime.metrics().tick_durations.count, metrics.tick_durations.count);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_one_worlds_own_and_ends_in_a_loop_only_for_it() {
    let rig = Rig::new(|config| config.hibernate_after = None);
    let doomed = rig.world(&panicking(10)).await;
    let healthy = rig.world(&moving()).await;
    rig.step(11);
    let (status, reason) = rig.runtime.status(doomed).unwrap();
    assert_eq!(status, WorldStatus::Crashed);
    assert_eq!(reason.as_deref(), Some("told to panic at tick 10"));
    rig.step(20 * 30);
    assert_eq!(rig.status(doomed), WorldStatus::CrashLoop);
    assert_eq!(rig.runtime.metrics().crashes, 5);
    assert_eq!(rig.tick(healthy), 611, "the other one never missed a tick");
    rig.runtime.lifecycle(doomed, Request::Restart).await.unwrap();
    assert_eq!(rig.status(doomed), WorldStatus::Running);
    // From the scene or from a snapshot shortly before the fatal tick, as the session's snapshots happen to fall.
    rig.step(11);
    let crashes = rig.runtime.metrics().crashes;
    assert!((6..=7).contains(&crashes), "a person's restart begins the count anew: {crashes}");
    rig.runtime.delete(doomed).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_the_last_snapshot_runs_on() {
    let rig = Rig::new(|_| {});
    let session = rig.world(&panicking(2_000_000)).await;
    rig.step(7);
    let taken = rig.runtime.snapshot(session).await.unwrap();
    assert_eq!(taken.tick, 7);
    rig.step(3);
    let components = serde_json::from_str(r#"{ "PanicAt": { "tick": 1 } }"#).unwrap();
    let runtime = rig.runtime.clone();
    let command = tokio::spawn(async move { runtime.command(session, Operation::Spawn { components }).await });
    while !command.is_finished() {
        rig.step(1);
    }
    assert!(matches!(command.await.unwrap(), Err(RuntimeError::Crashed(_))));
    rig.step(11);
    assert_eq!((rig.status(session), rig.runtime.metrics().crashes), (WorldStatus::Running, 1));
    let statuses: Vec<_> = rig.heard.statuses.lock().unwrap().iter().map(|(_, status)| *status).collect();
    assert_eq!(statuses, [WorldStatus::Running, WorldStatus::Crashed, WorldStatus::Running]);
    let page = rig.runtime.query(session, WorldQuery::Entities(EntityQuery { limit: 10, ..Default::default() })).await;
    assert_eq!(page.unwrap()["total"], 1, "what brought it down is not in the snapshot");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_mailbox_says_so_at_once_and_takes_more_after_a_tick() {
    let rig = Rig::new(|_| {});
    let session = rig.world(&still()).await;
    let command = || {
        let runtime = rig.runtime.clone();
        let text = "hello".to_owned();
        tokio::spawn(async move { runtime.command(session, Operation::Chat { text }).await })
    };
    let waiting: Vec<_> = (0..hd1_runtime::limits::MAILBOX_ADMIN_MAX).map(|_| command()).collect();
    while rig.runtime.metrics().mailbox_depth < waiting.len() {
        tokio::task::yield_now().await;
    }
    assert_eq!(command().await.unwrap(), Err(RuntimeError::Busy));
    assert_eq!(rig.runtime.metrics().operations_refused, 1);
    rig.step(1);
    for answered in waiting {
        answered.await.unwrap().unwrap();
    }
    let again = command();
    while !again.is_finished() {
        rig.step(1);
    }
    again.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_leaves_worlds_at_most_one_interval_older() {
    let first = Rig::new(|_| {});
    let session = first.world(&moving()).await;
    first.step(20 * 12);
    // The process is gone without a word: a second one starts on the same files.
    let (newest, data) = (first.tick(session), first.path().to_owned());
    let second = Rig::at(&data, |_| {});
    second.runtime.recover(session, spec(&moving(), WorldStatus::Running)).await.unwrap();
    let back = second.tick(session);
    assert!(newest - back <= 20 * 5, "{newest} came back as {back}");
    assert_eq!(files(&data, session, "hd1s").len(), 2);
    // The newest file is damaged: the older one serves.
    drop(second);
    let files = files(&data, session, "hd1s");
    std::fs::write(&files[0], b"HD1S no more").unwrap();
    let third = Rig::at(&data, |_| {});
    third.runtime.recover(session, spec(&moving(), WorldStatus::Running)).await.unwrap();
    assert!(third.tick(session) < back);
    assert!(files[0].with_extension("damaged").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_refuses_is_counted_and_the_world_goes_on() {
    let rig = Rig::new(|_| {});
    // A file where the folder should be refuses every write, whoever runs the test.
    std::fs::write(rig.path().join("worlds"), b"").unwrap();
    let session = SessionId::generate();
    let created = rig.runtime.create(session, spec(&moving(), WorldStatus::Running)).await;
    assert!(matches!(created, Err(RuntimeError::LoadFailed(_))), "a folder that cannot be read is no empty one");
    std::fs::remove_file(rig.path().join("worlds")).unwrap();
    rig.runtime.create(session, spec(&moving(), WorldStatus::Running)).await.unwrap();
    std::fs::write(rig.path().join("worlds"), b"").unwrap();
    rig.step(20 * 11);
    assert_eq!(rig.tick(session), 220);
    let failures = rig.runtime.metrics().snapshot_failures;
    assert!(failures >= 2, "{failures}");
    let hibernate = rig.runtime.lifecycle(session, Request::Hibernate).await;
    assert!(matches!(hibernate, Err(RuntimeError::DiskFailed(_))));
    assert_eq!(rig.status(session), WorldStatus::Running, "nothing is thrown away that is nowhere else");
    std::fs::remove_file(rig.path().join("worlds")).unwrap();
    rig.runtime.lifecycle(session, Request::Hibernate).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_change_is_not_written_again() {
    let rig = Rig::new(|config| config.hibernate_after = None);
    let session = rig.world(&still()).await;
    rig.step(20 * 60);
    assert_eq!(rig.runtime.metrics().snapshot_writes.count, 1);
    assert_eq!(rig.files(session, "hd1s").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn wakes_hibernations_and_stops_race_and_never_tangle() {
    let rig = Arc::new(Rig::new(|_| {}));
    let session = rig.world(&moving()).await;
    let racers: Vec<_> = (0..8u64)
        .map(|racer| {
            let runtime = rig.runtime.clone();
            tokio::spawn(async move {
                let mut random = racer * 7_919 + 1;
                for _ in 0..150 {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let all = [
                        Request::Start,
                        Request::Pause,
                        Request::Resume,
                        Request::Hibernate,
                        Request::Wake,
                        Request::Stop,
                        Request::Restart,
                    ];
                    let request = all[(random >> 33) as usize % all.len()];
                    match runtime.lifecycle(session, request).await {
                        Ok(()) | Err(RuntimeError::Conflict { .. }) => {}
                        Err(error) => panic!("{request:?}: {error}"),
                    }
                }
            })
        })
        .collect();
    while !racers.iter().all(|racer| racer.is_finished()) {
        rig.step(1);
    }
    for racer in racers {
        racer.await.unwrap();
    }
    rig.runtime.lifecycle(session, Request::Start).await.unwrap();
    let before = rig.tick(session);
    rig.runtime.lifecycle(session, Request::Resume).await.unwrap();
    rig.step(5);
    assert_eq!(rig.tick(session), before + 5);
    assert_eq!(rig.runtime.metrics().crashes, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_saves_every_world_and_keeps_its_record() {
    let rig = Rig::new(|_| {});
    let mut sessions = Vec::new();
    for _ in 0..20 {
        sessions.push(rig.world(&moving()).await);
    }
    rig.step(3);
    let drained = rig.runtime.drain(std::time::Duration::from_secs(10)).await;
    assert_eq!((drained.saved, drained.failed, drained.unfinished), (20, 0, 0));
    assert!(sessions.iter().all(|session| !rig.files(*session, "hd1s").is_empty()));
    let created = rig.runtime.create(SessionId::generate(), spec(&still(), WorldStatus::Created)).await;
    assert_eq!(created, Err(RuntimeError::Draining));
    let last = rig.heard.statuses.lock().unwrap().last().copied();
    assert_eq!(last.map(|(_, status)| status), Some(WorldStatus::Running), "the record says what to recover");
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_that_no_tick_has_seen_wait_for_the_next() {
    let rig = Rig::new(|config| config.hibernate_after = None);
    let session = rig.world(&moving()).await;
    rig.step(2);
    let mut asked = Box::pin(rig.runtime.set_plugins(session, Vec::new()));
    // Time stands still, so no tick answers.
    assert!(tokio::time::timeout(PERIOD, &mut asked).await.is_err());
    rig.runtime.lifecycle(session, Request::Hibernate).await.unwrap();
    let answer = tokio::time::timeout(100 * PERIOD, asked).await;
    assert_eq!(answer.expect("it is answered when the world goes to rest"), Ok(()));
}
