//! A world's life in its session's record: steps, crashes, sleep, restarts of the server.

use hd1_api::{CreateSession, ErrorCode, JoinRequest, SceneSource, SessionStatus, Visibility};
use hd1_control::testing::Stage;
use hd1_control::{Authority, Expected, Lifecycle, Page, Presence, Recovery, WorldState};
use hd1_core::Tick;

use crate::{on_both, session};

on_both! {
    steps_are_recorded_when_they_are_answered => steps;
    a_crash_is_recorded_with_its_reason => crash;
    joining_and_asking_wake_a_sleeper_once => wake;
    a_restart_brings_everything_back => restart;
    a_deleted_session_leaves_nothing => deleted;
}

async fn recorded(stage: &Stage, id: hd1_core::SessionId) -> (SessionStatus, Option<String>) {
    let record = stage.control.session(&Authority::admin(), id).await.unwrap();
    (record.status, record.status_reason)
}

async fn steps(stage: Stage) {
    let (control, admin) = (&stage.control, Authority::admin());
    let mut wish = CreateSession::named("x");
    wish.autostart = false;
    let id = control.create_session(&admin, wish).await.unwrap().id;
    assert_eq!(recorded(&stage, id).await.0, SessionStatus::Created);
    assert_eq!(control.step(&admin, id, Lifecycle::Pause).await.err().unwrap().code(), ErrorCode::Conflict);
    assert_eq!(recorded(&stage, id).await.0, SessionStatus::Created);
    for (step, status) in [
        (Lifecycle::Start, SessionStatus::Running),
        (Lifecycle::Pause, SessionStatus::Paused),
        (Lifecycle::Resume, SessionStatus::Running),
        (Lifecycle::Hibernate, SessionStatus::Hibernated),
        (Lifecycle::Wake, SessionStatus::Running),
        (Lifecycle::Stop, SessionStatus::Stopped),
        (Lifecycle::Restart, SessionStatus::Running),
    ] {
        assert_eq!(control.step(&admin, id, step).await.unwrap().status, status);
        assert_eq!(recorded(&stage, id).await.0, status, "{step:?}");
    }
    assert_eq!(control.snapshot(&admin, id).await.unwrap().tick, Tick(7).0);
}

async fn crash(stage: Stage) {
    let id = session(&stage, Visibility::Private, false).await.id;
    let reason = Some("index out of bounds".to_owned());
    stage.worlds.lock().get_mut(&id).unwrap().state =
        WorldState { status: SessionStatus::Crashed, reason: reason.clone() };
    stage.control.refresh_status(id).await.unwrap();
    assert_eq!(recorded(&stage, id).await, (SessionStatus::Crashed, reason));
    stage.control.refresh_status(hd1_core::SessionId::generate()).await.unwrap();
    let asked = stage.control.scene(&Authority::admin(), id).await;
    assert_eq!(asked.err().unwrap().code(), ErrorCode::SessionNotRunning);
}

async fn wake(stage: Stage) {
    let (control, admin) = (&stage.control, Authority::admin());
    let id = session(&stage, Visibility::Public, true).await.id;
    control.step(&admin, id, Lifecycle::Hibernate).await.unwrap();
    control.stats(&admin, id).await.unwrap();
    control.participants(&admin, id, false, Page::default()).await.unwrap();
    assert_eq!(recorded(&stage, id).await.0, SessionStatus::Hibernated, "figures and lists let it sleep");
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let control = stage.control.clone();
            tokio::spawn(async move { control.join(&Authority::anonymous(), id, JoinRequest::default()).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!((stage.worlds.wakes(), recorded(&stage, id).await.0), (1, SessionStatus::Running));
    control.step(&admin, id, Lifecycle::Hibernate).await.unwrap();
    control.list_entities(&admin, id, None, None, Page::default()).await.unwrap();
    assert_eq!(recorded(&stage, id).await.0, SessionStatus::Running);
}

async fn restart(stage: Stage) {
    let (control, admin) = (&stage.control, Authority::admin());
    let running = session(&stage, Visibility::Public, true).await.id;
    let paused = session(&stage, Visibility::Public, true).await.id;
    control.step(&admin, paused, Lifecycle::Pause).await.unwrap();
    let asleep = session(&stage, Visibility::Public, true).await.id;
    control.step(&admin, asleep, Lifecycle::Hibernate).await.unwrap();
    let mut wish = CreateSession::named("inline");
    let scene = serde_json::Map::from_iter([("entities".to_owned(), serde_json::json!([]))]);
    wish.scene = Some(SceneSource::Inline(scene.clone()));
    wish.seed = Some(42);
    wish.settings.world.insert("max_entities".to_owned(), 9.into());
    let inline = control.create_session(&admin, wish).await.unwrap().id;
    let joined = control.join(&Authority::anonymous(), running, JoinRequest::default()).await.unwrap();
    control.redeem_ticket(&joined.ticket).await.unwrap();
    control.record_presence(&[(running, joined.participant, Presence::Here)]).await.unwrap();

    let mut awake = control.sessions_to_wake().await.unwrap();
    awake.sort();
    let mut expected = vec![running, paused, inline];
    expected.sort();
    assert_eq!(awake, expected);

    let after = stage.restarted().await;
    assert_eq!(after.control.recover().await.unwrap(), Recovery { recovered: 4, failed: 0 });
    for (id, status) in [
        (running, SessionStatus::Running),
        (paused, SessionStatus::Paused),
        (asleep, SessionStatus::Hibernated),
        (inline, SessionStatus::Running),
    ] {
        assert_eq!(after.worlds.lock()[&id].state.status, status);
        assert_eq!(recorded(&after, id).await.0, status);
    }
    let spec = after.worlds.lock()[&inline].spec.clone();
    assert_eq!((spec.scene, spec.seed), (SceneSource::Inline(scene), 42));
    assert_eq!(spec.settings["max_entities"], 9);
    // Whoever was connected is gone, and may come back under the same membership.
    let record = after.control.session(&admin, running).await.unwrap();
    assert_eq!(record.participant_count, 0);
    let member = after.control.authenticate(joined.participant_token.unwrap().expose()).await.unwrap();
    let back = after.control.join(&member, running, JoinRequest::default()).await.unwrap();
    assert_eq!(back.participant, joined.participant);
    after.control.redeem_ticket(&back.ticket).await.unwrap();
}

async fn deleted(stage: Stage) {
    let (control, admin) = (&stage.control, Authority::admin());
    let id = session(&stage, Visibility::Public, true).await.id;
    let joined = control.join(&Authority::anonymous(), id, JoinRequest::default()).await.unwrap();
    control.delete_session(&admin, id, &Expected::Any).await.unwrap();
    assert_eq!(control.delete_session(&admin, id, &Expected::Any).await.err().unwrap().code(), ErrorCode::NotFound);
    assert!(stage.worlds.lock().is_empty());
    assert!(control.redeem_ticket(&joined.ticket).await.is_err());
    assert!(control.authenticate(joined.participant_token.unwrap().expose()).await.is_err());
    control.sweep().await.unwrap();
}
