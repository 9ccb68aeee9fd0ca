//! What services are told, asked, have done later, and vouch for.

use std::time::Duration;

use hd1_api::{ApiRole, CreateSession, ErrorCode, JoinRequest, MessageTo, PluginJobState, SendMessage, Visibility};
use hd1_control::testing::{Stage, TestPackage};
use hd1_control::{Authority, ChannelAsked, Lifecycle, Page};
use hd1_core::{ParticipantId, PlayerId, Role};
use serde_json::json;

use crate::installing::{id, install};
use crate::{on_both, session};

on_both! {
    what_happens_is_told_in_order_and_nothing_is_lost => told;
    what_is_about_to_happen_may_be_changed_and_refused => filtered;
    jobs_are_done_once_or_tried_again => jobs;
    jobs_are_done_by_their_schedules => schedules;
    players_programs_are_answered_by_their_topics => channels;
    plugins_vouch_for_callers_that_are_no_administrators => vouched;
}

fn watcher(plan: serde_json::Value, rights: &[&str]) -> TestPackage {
    TestPackage::new("acme:watcher", "1.0.0").service(plan, rights)
}

/// Works off what is due until services were called for as much as this.
async fn worked_off(stage: &Stage, calls: usize) -> Vec<String> {
    let control = stage.control.clone();
    let worker = tokio::spawn(async move { control.work_off().await });
    let begun = std::time::Instant::now();
    while stage.host.lock().calls.len() < calls && begun.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // What was called for is noted before it ends.
    tokio::time::sleep(Duration::from_millis(200)).await;
    worker.abort();
    let _ = worker.await;
    std::mem::take(&mut stage.host.lock().calls)
}

async fn told(stage: Stage) {
    let points = ["session.created", "session.started", "session.paused", "session.resumed", "session.deleted"];
    let hooks: Vec<_> = points.iter().map(|point| json!({ "point": point })).collect();
    install(&stage, &watcher(json!({ "abi": 1, "hooks": hooks }), &[])).await;
    let (admin, control) = (Authority::admin(), &stage.control);
    let made = session(&stage, Visibility::Public, true).await;
    for step in [Lifecycle::Pause, Lifecycle::Pause, Lifecycle::Resume] {
        control.step(&admin, made.id, step).await.unwrap();
    }
    control.delete_session(&admin, made.id, &hd1_control::Expected::Any).await.unwrap();
    // Nobody has worked yet, as when the server died: all of it waits.
    let waiting = control.plugin_jobs(&admin, &id("acme:watcher"), None, Page::default()).await.unwrap();
    assert_eq!(waiting.pagination.total, 5);
    let calls = worked_off(&stage, 5).await;
    assert_eq!(calls.len(), 5, "{calls:?}");
    for (hook, call) in calls.iter().enumerate() {
        assert!(call.starts_with(&format!("acme:watcher action {hook} ")), "{call}");
        assert!(call.contains(&made.id.to_string()) && call.contains(r#""at":"2027-"#), "{call}");
    }
    let left = control.plugin_jobs(&admin, &id("acme:watcher"), None, Page::default()).await.unwrap();
    assert_eq!(left.pagination.total, 0);
    // A plugin that is gone is told nothing more.
    control.uninstall_plugin(&admin, &id("acme:watcher")).await.unwrap();
    session(&stage, Visibility::Public, true).await;
    assert!(worked_off(&stage, 0).await.is_empty());
}

async fn filtered(stage: Stage) {
    let hook = |point: &str| json!({ "point": point });
    let hooks = ["session.creating", "participant.joining", "message.sending", "http.request"].map(hook);
    install(&stage, &watcher(json!({ "abi": 1, "hooks": hooks }), &["middleware"])).await;
    let (admin, control) = (Authority::admin(), &stage.control);
    let named = |name: &str| CreateSession::named(name);
    let refused = control.create_session(&admin, named("please refuse")).await.err().unwrap();
    assert_eq!(refused.code(), ErrorCode::Denied);
    assert_eq!(refused.to_string(), "it may not be (refused by acme:watcher)");
    assert_eq!(control.create_session(&admin, named("say it")).await.unwrap().name, "said it");
    // One that fails or answers nonsense is passed over.
    assert_eq!(control.create_session(&admin, named("spoil it")).await.unwrap().name, "spoil it");
    stage.host.lock().failures = 1;
    let made = control.create_session(&admin, named("say no more")).await.unwrap();
    assert_eq!(made.name, "say no more");

    let join = |name: &str| JoinRequest { name: Some(name.to_owned()), ..JoinRequest::default() };
    control.join(&admin, made.id, join("say")).await.unwrap();
    assert!(control.join(&admin, made.id, join("refuse")).await.is_err());
    let here = control.participants(&admin, made.id, true, Page::default()).await.unwrap();
    assert_eq!(here.participants.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["said"]);

    let message =
        |text: &str| SendMessage { topic: "news".into(), to: MessageTo::Everyone, data: json!({ "text": text }) };
    control.send_message(&admin, made.id, &message("say")).await.unwrap();
    assert!(control.send_message(&admin, made.id, &message("refuse")).await.is_err());
    control.send_for_plugin(made.id, &message("refuse")).await.unwrap();
    let sent = stage.worlds.lock()[&made.id].said.iter().map(|sent| sent.data["text"].clone()).collect::<Vec<_>>();
    assert_eq!(sent, ["said", "refuse"], "what plugins say is filtered by none");

    // Requests are watched by right alone, and administrators never locked out.
    assert!(!control.has_middleware());
    let patch = serde_json::from_value(json!({ "rights": ["middleware"] })).unwrap();
    control.patch_plugin(&admin, &id("acme:watcher"), patch).await.unwrap();
    assert!(control.has_middleware());
    let judged =
        |authority: Authority| async move { control.judge_request(&authority, "GET", "/api/refuse", "").await };
    assert_eq!(judged(Authority::anonymous()).await.err().unwrap().code(), ErrorCode::Denied);
    judged(admin.clone()).await.unwrap();
    control.judge_request(&Authority::anonymous(), "GET", "/api/sessions", "").await.unwrap();
}

async fn jobs(stage: Stage) {
    install(&stage, &watcher(json!({ "abi": 1, "jobs": [{ "name": "post" }] }), &[])).await;
    let (admin, control, of) = (Authority::admin(), &stage.control, id("acme:watcher"));
    let ask = |payload: &'static str, delay_ms: u64, key: Option<&'static str>| async move {
        control.enqueue_plugin_job("acme:watcher", "post", payload.into(), delay_ms, key.map(str::to_owned)).await
    };
    ask("1", 0, Some("one")).await.unwrap();
    ask("2", 0, Some("one")).await.unwrap();
    ask("3", 5_000, None).await.unwrap();
    assert_eq!(worked_off(&stage, 1).await, ["acme:watcher job 0 1"], "one of a key, and nothing too early");
    stage.clock.advance_s(5);
    assert_eq!(worked_off(&stage, 1).await, ["acme:watcher job 0 3"]);

    // What fails is tried again, later each time, and left as failed in the end.
    stage.host.lock().failures = 12;
    ask("4", 0, Some("k")).await.unwrap();
    for attempt in 1..=12 {
        assert_eq!(worked_off(&stage, 1).await.len(), 1, "attempt {attempt}");
        let shown = control.plugin_jobs(&admin, &of, None, Page::default()).await.unwrap().jobs;
        assert_eq!((shown[0].attempts, shown[0].error.as_deref()), (attempt, Some("it traps")));
        stage.clock.advance_s(1 << (attempt - 1).min(10));
    }
    let failed = control.plugin_jobs(&admin, &of, Some(PluginJobState::Failed), Page::default()).await.unwrap().jobs;
    assert_eq!(failed.len(), 1);
    ask("5", 60_000, Some("k")).await.unwrap();
    let twice = control.retry_plugin_job(&admin, &of, failed[0].id).await.err().unwrap();
    assert_eq!(twice.code(), ErrorCode::Conflict);
    stage.clock.advance_s(60);
    assert_eq!(worked_off(&stage, 1).await, ["acme:watcher job 0 5"]);
    control.retry_plugin_job(&admin, &of, failed[0].id).await.unwrap();
    assert_eq!(worked_off(&stage, 1).await, ["acme:watcher job 0 4"]);
    let again = control.retry_plugin_job(&admin, &of, failed[0].id).await.err().unwrap();
    assert_eq!(again.code(), ErrorCode::NotFound);

    for (job, payload, delay_ms, key) in [
        ("other", "1".to_owned(), 0, None),
        ("post", "x".repeat(64 * 1024 + 1), 0, None),
        ("post", "1".to_owned(), u64::MAX, None),
        ("post", "1".to_owned(), 0, Some(String::new())),
    ] {
        let refused = control.enqueue_plugin_job("acme:watcher", job, payload, delay_ms, key).await.err().unwrap();
        assert_eq!(refused.code(), ErrorCode::Invalid);
    }
}

async fn schedules(stage: Stage) {
    let job = |schedule: &str| json!({ "abi": 1, "jobs": [{ "name": "sweep", "schedule": schedule }] });
    let bad = stage.control.install_plugin(&Authority::admin(), watcher(job("hourly"), &[]).bytes()).await;
    assert!(format!("{:?}", bad.err().unwrap()).contains("jobs[0].schedule"));
    install(&stage, &watcher(job("every 1h"), &[])).await;
    assert!(worked_off(&stage, 0).await.is_empty());
    for _ in 0..2 {
        stage.clock.advance_s(3_600);
        assert_eq!(worked_off(&stage, 1).await, ["acme:watcher job 0 null"]);
        assert!(worked_off(&stage, 0).await.is_empty());
    }
    // Another version has another schedule; that of the one before is gone.
    let next = TestPackage::new("acme:watcher", "2.0.0").service(job("every 10s"), &[]);
    install(&stage, &next).await;
    stage.clock.advance_s(10);
    assert_eq!(worked_off(&stage, 1).await, ["acme:watcher job 0 null"]);
    let shown =
        stage.control.plugin_jobs(&Authority::admin(), &id("acme:watcher"), None, Page::default()).await.unwrap();
    assert_eq!((shown.jobs.len(), shown.jobs[0].scheduled), (1, true));
}

async fn channels(stage: Stage) {
    install(&stage, &watcher(json!({ "abi": 1, "channels": [{ "topic": "score/*" }] }), &[])).await;
    let other =
        TestPackage::new("acme:zoo", "1.0.0").service(json!({ "abi": 1, "channels": [{ "topic": "s*" }] }), &[]);
    install(&stage, &other).await;
    let made = session(&stage, Visibility::Public, true).await;
    let asked = |topic: &str, data: serde_json::Value| ChannelAsked {
        session: made.id,
        participant: ParticipantId::generate(),
        player: PlayerId(1),
        name: "Ada".into(),
        role: Role::Participant,
        topic: topic.into(),
        data,
    };
    let questions = [
        ("score/add", json!(5)),
        ("score/add", json!("no")),
        ("score/add", json!("spoil")),
        ("s", json!(1)),
        ("x", json!(1)),
    ];
    for (request, (topic, data)) in (0..).zip(questions) {
        stage.control.answer_program(request, &asked(topic, data)).await.unwrap();
    }
    let error = |why: &str| Err(why.to_owned());
    let answered = stage.worlds.lock()[&made.id].answered.clone();
    assert_eq!(
        answered.into_iter().map(|(_, answer)| answer).collect::<Vec<_>>(),
        [
            Ok(json!(5)),
            error("not that"),
            error("acme:watcher failed"),
            Ok(json!(1)),
            error("nobody on this server answers x")
        ]
    );
    let calls = stage.host.lock().calls.clone();
    assert_eq!(
        (calls[0].as_str(), calls[3].as_str()),
        ("acme:watcher channel 0 score/add 5", "acme:zoo channel 0 s 1")
    );
}

async fn vouched(stage: Stage) {
    let plan = json!({ "abi": 1, "auth": [{ "scheme": "ApiKey" }] });
    install(&stage, &watcher(plan, &["auth"])).await;
    let control = &stage.control;
    let code = |answer: hd1_control::Result<Authority>| answer.err().map(|error| error.code());
    // Who vouches has to be let.
    assert_eq!(code(control.authenticate_by("ApiKey", "7:admin").await), Some(ErrorCode::Unauthenticated));
    let patch = serde_json::from_value(json!({ "rights": ["auth"] })).unwrap();
    control.patch_plugin(&Authority::admin(), &id("acme:watcher"), patch).await.unwrap();
    let ada = control.authenticate_by("apikey", "7:admin").await.unwrap();
    assert!(!ada.is_admin());
    let own = control.create_session(&ada, CreateSession::named("hers")).await.unwrap();
    assert_eq!(own.owner, "acme:watcher/7");
    let (bob, viewer) = (
        control.authenticate_by("ApiKey", "8:developer").await.unwrap(),
        control.authenticate_by("ApiKey", "9:viewer").await.unwrap(),
    );
    assert_eq!(control.session(&bob, own.id).await.err().unwrap().code(), ErrorCode::NotFound);
    let none = control.create_session(&viewer, CreateSession::named("none")).await.err().unwrap();
    assert_eq!(none.code(), ErrorCode::Denied);
    control.join(&ada, own.id, JoinRequest::default()).await.unwrap();
    for (scheme, credential) in [("ApiKey", "nobody"), ("Other", "7:admin"), ("ApiKey", "")] {
        let answer = control.authenticate_by(scheme, credential).await;
        assert_eq!(code(answer), Some(ErrorCode::Unauthenticated), "{scheme} {credential}");
    }
    let root = control.authenticate_by("ApiKey", "7:root").await;
    assert_eq!(code(root), Some(ErrorCode::PluginFailed));
    let _ = crate::token(&stage, ApiRole::Viewer).await;
}
