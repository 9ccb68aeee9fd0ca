//! What sessions have of what is installed: who decides, in what order, and what a restart finds.

use hd1_abi::LogLevel;
use hd1_api::{
    ApiRole, AttachPlugin, CreateSession, ErrorCode, PlacedPlugin, PluginLogLevel, PluginState, SessionPluginPatch,
    SetSessionPlugins, Visibility,
};
use hd1_control::testing::{Stage, TestPackage};
use hd1_control::{Authority, ControlError, Expected, Lifecycle, LogLine, Page, SystemStats, WorldPluginState};
use hd1_core::{Micros, SessionId};
use serde_json::{Map, Value, json};

use crate::installing::{attach_wish, has, id, install, with_plugins};
use crate::{on_both, session, token};

on_both! {
    whoever_manages_a_session_decides => rights;
    what_is_needed_comes_first => order;
    a_whole_list_is_set_at_once => whole;
    a_session_has_its_own_values => values;
    a_world_that_refuses_keeps_what_it_had => refusal;
    a_restart_brings_plugins_back => restart;
    how_a_plugin_fares_is_told => fares;
    many_at_once_lose_nothing => rush;
}

async fn three(stage: &Stage) {
    for (name, tables) in [
        ("acme:wind", ""),
        ("acme:boids", "[dependencies]\n\"acme:wind\" = \"^1\"\n"),
        ("acme:rain", "[dependencies]\n\"acme:wind\" = { version = \"^1\", optional = true }\n"),
    ] {
        install(stage, &TestPackage::new(name, "1.0.0").tables(tables)).await;
    }
}

fn placed(plugins: &[&str]) -> SetSessionPlugins {
    let placed = |plugin: &&str| PlacedPlugin { plugin: (*plugin).to_owned(), config: None, enabled: None };
    SetSessionPlugins { plugins: plugins.iter().map(placed).collect() }
}

async fn listed(stage: &Stage, session: SessionId) -> Vec<String> {
    let listed = stage.control.session_plugins(&Authority::admin(), session).await.unwrap();
    assert!(listed.plugins.iter().enumerate().all(|(i, plugin)| plugin.position as usize == i));
    listed.plugins.into_iter().map(|plugin| plugin.plugin).collect()
}

fn config(fields: &[(&str, Value)]) -> Map<String, Value> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

async fn rights(stage: Stage) {
    let control = &stage.control;
    install(&stage, &TestPackage::new("acme:wind", "1.0.0")).await;
    let wind = id("acme:wind");
    let owner = token(&stage, ApiRole::Developer).await;
    let mut wish = CreateSession::named("mine");
    wish.visibility = Visibility::Public;
    let session = control.create_session(&owner, wish).await.unwrap().id;
    let (denied, login) = (Some(ErrorCode::Denied), Some(ErrorCode::Unauthenticated));
    for (who, authority, expected) in [
        ("owner", owner.clone(), None),
        ("admin", Authority::admin(), None),
        ("other", token(&stage, ApiRole::Developer).await, denied),
        ("viewer", token(&stage, ApiRole::Viewer).await, denied),
        ("anonymous", Authority::anonymous(), login),
    ] {
        let code = |result: Option<ControlError>| result.map(|error| error.code());
        let patch = SessionPluginPatch::default();
        let got = [
            code(control.attach_plugin(&authority, session, attach_wish("acme:wind")).await.err()),
            code(control.set_session_plugins(&authority, session, placed(&["acme:wind"])).await.err()),
            code(control.patch_session_plugin(&authority, session, &wind, patch).await.err()),
            code(control.detach_plugin(&authority, session, &wind).await.err()),
        ];
        assert_eq!(got, [expected; 4], "{who}");
        assert!(control.session_plugins(&authority, session).await.is_ok(), "{who} sees the session");
    }
    let hidden = crate::session(&stage, Visibility::Private, false).await.id;
    for told in [
        control.session_plugins(&owner, hidden).await.err().unwrap(),
        control.attach_plugin(&owner, hidden, attach_wish("acme:wind")).await.err().unwrap(),
        control.attach_plugin(&owner, SessionId::generate(), attach_wish("acme:wind")).await.err().unwrap(),
    ] {
        assert_eq!(told.to_string(), "there is no such session");
    }
}

async fn order(stage: Stage) {
    let (control, admin) = (&stage.control, Authority::admin());
    three(&stage).await;
    let session = session(&stage, Visibility::Private, false).await.id;
    let attach = async |plugin: &str, position: Option<u32>| {
        control.attach_plugin(&admin, session, AttachPlugin { position, ..attach_wish(plugin) }).await
    };
    let error = attach("acme:boids", None).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "acme:boids needs acme:wind, which the session does not have: attach acme:wind before it"
    );
    attach("acme:rain", None).await.unwrap();
    // It does without, but if both are there, it comes second.
    let error = attach("acme:wind", None).await.err().unwrap();
    assert_eq!(error.to_string(), "acme:rain needs acme:wind before it: put acme:wind first");
    assert_eq!(attach("acme:wind", Some(0)).await.unwrap().position, 0);
    assert_eq!(attach("acme:boids", Some(9)).await.unwrap().position, 2);
    assert_eq!(attach("acme:wind", None).await.err().unwrap().to_string(), "the session has acme:wind already");
    assert_eq!(has(&stage, session), ["acme:wind 1.0.0", "acme:rain 1.0.0", "acme:boids 1.0.0"]);
    let Err(ControlError::Invalid(errors)) = attach("acme:none", None).await else { panic!("accepted") };
    assert_eq!((errors[0].path.as_str(), errors.len()), ("plugin", 1));

    let patch = async |plugin: &str, enabled: Option<bool>, position: Option<u32>| {
        let patch = SessionPluginPatch { enabled, position, ..SessionPluginPatch::default() };
        control.patch_session_plugin(&admin, session, &id(plugin), patch).await
    };
    assert_eq!(patch("acme:wind", None, Some(1)).await.err().unwrap().code(), ErrorCode::Conflict);
    patch("acme:rain", None, Some(2)).await.unwrap();
    assert_eq!(listed(&stage, session).await, ["acme:wind", "acme:boids", "acme:rain"]);
    let error = patch("acme:wind", Some(false), None).await.err().unwrap();
    assert!(error.to_string().contains("acme:boids needs acme:wind, which is disabled in the session"), "{error}");
    patch("acme:boids", Some(false), None).await.unwrap();
    patch("acme:wind", Some(false), None).await.unwrap();
    assert_eq!(has(&stage, session), ["acme:rain 1.0.0"]);
    let error = control.detach_plugin(&admin, session, &id("acme:wind")).await.err().unwrap();
    assert_eq!(error.to_string(), "acme:boids needs acme:wind: detach acme:boids first");
    control.detach_plugin(&admin, session, &id("acme:boids")).await.unwrap();
    control.detach_plugin(&admin, session, &id("acme:wind")).await.unwrap();
    let gone = control.detach_plugin(&admin, session, &id("acme:wind")).await.err().unwrap();
    assert_eq!((gone.code(), listed(&stage, session).await), (ErrorCode::NotFound, vec!["acme:rain".to_owned()]));

    // A new version that needs more does not fit a session that does not have it.
    let needy = TestPackage::new("acme:rain", "2.0.0").tables("[dependencies]\n\"acme:wind\" = \"^1\"\n");
    let error = control.install_plugin(&admin, needy.bytes()).await.err().unwrap().to_string();
    assert!(error.contains(&format!("in session {session} acme:rain needs acme:wind")), "{error}");
    assert_eq!(has(&stage, session), ["acme:rain 1.0.0"]);
}

async fn whole(stage: Stage) {
    let (control, admin) = (&stage.control, Authority::admin());
    three(&stage).await;
    let session = with_plugins(&stage, &["acme:wind"]).await;
    let own = SessionPluginPatch { config: config(&[("strength", json!(7))]), ..SessionPluginPatch::default() };
    control.patch_session_plugin(&admin, session, &id("acme:wind"), own).await.unwrap();
    let set = async |list: SetSessionPlugins| control.set_session_plugins(&admin, session, list).await;
    for (list, path) in [
        (placed(&["acme:wind", "acme:wind"]), "plugins[1].plugin"),
        (placed(&["acme:wind", "acme:none"]), "plugins[1].plugin"),
    ] {
        let Err(ControlError::Invalid(errors)) = set(list).await else { panic!("accepted") };
        assert_eq!(errors[0].path, path);
    }
    let error = set(placed(&["acme:boids", "acme:wind"])).await.err().unwrap();
    assert_eq!(error.to_string(), "acme:boids needs acme:wind before it: put acme:wind first");
    assert_eq!(listed(&stage, session).await, ["acme:wind"]);
    let list = set(placed(&["acme:wind", "acme:rain", "acme:boids"])).await.unwrap();
    assert_eq!((list.pagination.total, list.pagination.has_more), (3, false));
    assert_eq!(list.plugins[0].config, Some(config(&[("strength", json!(7))])), "what is not said stays");
    assert_eq!(has(&stage, session), ["acme:wind 1.0.0", "acme:rain 1.0.0", "acme:boids 1.0.0"]);
    let mut bare = placed(&["acme:wind"]);
    bare.plugins[0].config = Some(Map::new());
    assert_eq!(set(bare).await.unwrap().plugins[0].config, None);
    set(SetSessionPlugins::default()).await.unwrap();
    assert!(has(&stage, session).is_empty());
}

async fn values(stage: Stage) {
    let (control, admin, wind) = (&stage.control, Authority::admin(), id("acme:wind"));
    install(&stage, &TestPackage::new("acme:wind", "1.0.0")).await;
    let one = with_plugins(&stage, &["acme:wind"]).await;
    let other = with_plugins(&stage, &["acme:wind"]).await;
    let patch = async |fields: &[(&str, Value)]| {
        let patch = SessionPluginPatch { config: config(fields), ..SessionPluginPatch::default() };
        control.patch_session_plugin(&admin, one, &wind, patch).await
    };
    let world = |session| stage.worlds.lock()[&session].spec.plugins[0].config.clone();
    let Err(ControlError::Invalid(errors)) = patch(&[("strength", json!("much"))]).await else { panic!("accepted") };
    assert_eq!(errors[0].path, "config.strength");
    let set = hd1_api::PluginPatch {
        config: config(&[("strength", json!(2)), ("loud", json!(true))]),
        ..hd1_api::PluginPatch::default()
    };
    control.patch_plugin(&admin, &wind, set).await.unwrap();
    let shown = patch(&[("strength", json!(4.5))]).await.unwrap();
    let merged = config(&[("strength", json!(4.5)), ("loud", json!(true))]);
    assert_eq!((shown.config, shown.effective_config), (Some(config(&[("strength", json!(4.5))])), merged.clone()));
    assert_eq!(world(one), merged);
    assert_eq!(world(other), config(&[("strength", json!(2.0)), ("loud", json!(true))]));
    assert_eq!(patch(&[("strength", Value::Null)]).await.unwrap().config, None);
    assert_eq!(world(one), world(other));
}

async fn refusal(stage: Stage) {
    let (control, admin) = (&stage.control, Authority::admin());
    three(&stage).await;
    let session = with_plugins(&stage, &["acme:wind"]).await;
    let rain = control.plugin(&admin, &id("acme:rain")).await.unwrap().package;
    stage.worlds.lock().get_mut(&session).unwrap().refuses.insert(rain);
    let error = control.attach_plugin(&admin, session, attach_wish("acme:rain")).await.err().unwrap();
    let ControlError::Invalid(errors) = error else { panic!("{error:?}") };
    assert_eq!(errors[0].path, "components.Wind");
    assert_eq!((listed(&stage, session).await, has(&stage, session).len()), (vec!["acme:wind".to_owned()], 1));
    // A world that could not be brought back takes what it gets when it is.
    stage.worlds.lock().remove(&session);
    control.attach_plugin(&admin, session, attach_wish("acme:rain")).await.unwrap();
    assert_eq!(listed(&stage, session).await.len(), 2);
}

async fn restart(stage: Stage) {
    let (control, admin) = (&stage.control, Authority::admin());
    three(&stage).await;
    let running = with_plugins(&stage, &["acme:wind", "acme:boids"]).await;
    let asleep = with_plugins(&stage, &["acme:rain"]).await;
    let deleted = with_plugins(&stage, &["acme:wind"]).await;
    control.step(&admin, asleep, Lifecycle::Hibernate).await.unwrap();
    let off = SessionPluginPatch { enabled: Some(false), ..SessionPluginPatch::default() };
    control.patch_session_plugin(&admin, running, &id("acme:boids"), off).await.unwrap();
    control.delete_session(&admin, deleted, &Expected::Any).await.unwrap();
    assert_eq!(control.plugin(&admin, &id("acme:wind")).await.unwrap().session_count, 1);

    let after = stage.restarted().await;
    after.control.recover().await.unwrap();
    assert_eq!(has(&after, running), ["acme:wind 1.0.0"]);
    assert_eq!(has(&after, asleep), ["acme:rain 1.0.0"]);
    let wind = after.worlds.lock()[&running].spec.plugins[0].clone();
    assert_eq!(
        (wind.package, wind.config["strength"].clone()),
        (TestPackage::new("acme:wind", "1.0.0").hash(), json!(1.0))
    );
    let listed = after.control.session_plugins(&admin, running).await.unwrap().plugins;
    assert_eq!(listed.iter().map(|plugin| plugin.active).collect::<Vec<_>>(), [true, false]);
    assert_eq!(listed[0].health.as_ref().unwrap().state, PluginState::Running);
    assert_eq!(after.control.session_plugins(&admin, asleep).await.unwrap().plugins[0].health, None);
}

async fn fares(stage: Stage) {
    let (control, admin, wind) = (&stage.control, Authority::admin(), id("acme:wind"));
    install(&stage, &TestPackage::new("acme:wind", "1.0.0")).await;
    let developer = token(&stage, ApiRole::Developer).await;
    let well = with_plugins(&stage, &["acme:wind"]).await;
    let ill = with_plugins(&stage, &["acme:wind"]).await;
    let state = WorldPluginState {
        id: "acme:wind".to_owned(),
        version: "1.0.0".to_owned(),
        state: PluginState::Suspended,
        since: Micros(7),
        reason: Some("it trapped".to_owned()),
        faults: 5,
        refused_rows: 2,
    };
    stage.worlds.lock().get_mut(&ill).unwrap().faring.insert("acme:wind".to_owned(), state);
    let health = control.plugin_health(&admin, &wind, Page::default()).await.unwrap();
    assert_eq!((health.state, health.pagination.total), (Some(PluginState::Suspended), 2));
    let of = |session| health.sessions.iter().find(|shown| shown.session_id == session).unwrap().health.clone();
    assert_eq!((of(well).unwrap().state, of(ill).unwrap().faults), (PluginState::Running, 5));
    let foreign = control.plugin_health(&developer, &wind, Page::default()).await.unwrap();
    assert_eq!((foreign.sessions.len(), foreign.state, foreign.pagination.total), (0, None, 0), "not its to see");

    let stats = SystemStats { system: "blow".to_owned(), runs: 9, fuel: 77, ..SystemStats::default() };
    stage.host.lock().stats.insert("acme:wind".to_owned(), vec![stats]);
    let stats = control.plugin_stats(&admin, &wind).await.unwrap();
    assert_eq!((stats.session_count, stats.systems[0].runs, stats.systems[0].fuel), (2, 9, 77));

    let line = |number| LogLine {
        number,
        at: Micros(number.cast_signed()),
        level: LogLevel::Warn,
        session: Some(ill),
        system: "blow".to_owned(),
        text: format!("line {number}"),
    };
    stage.host.lock().lines.insert("acme:wind".to_owned(), (1..=5).map(line).collect());
    let numbers = async |after, limit| {
        let log = control.plugin_log(&admin, &wind, after, limit).await.unwrap();
        assert_eq!(log.pagination.next_cursor, 5);
        log.lines.into_iter().map(|line| line.number).collect::<Vec<_>>()
    };
    assert_eq!(numbers(0, None).await, [1, 2, 3, 4, 5]);
    assert_eq!(numbers(0, Some(2)).await, [4, 5], "the newest");
    assert_eq!(numbers(3, Some(10)).await, [4, 5]);
    assert!(numbers(5, None).await.is_empty());
    assert_eq!(numbers(99, Some(1)).await, [5], "a cursor from before a restart");
    assert_eq!(control.plugin_log(&admin, &wind, 0, None).await.unwrap().lines[0].level, PluginLogLevel::Warn);
    for limit in [0, 1_001] {
        assert!(control.plugin_log(&admin, &wind, 0, Some(limit)).await.is_err());
    }
}

async fn rush(stage: Stage) {
    three(&stage).await;
    let session = session(&stage, Visibility::Private, false).await.id;
    let attach = |plugin: &'static str| {
        let control = stage.control.clone();
        tokio::spawn(async move { control.attach_plugin(&Authority::admin(), session, attach_wish(plugin)).await })
    };
    let replace = {
        let control = stage.control.clone();
        let next = TestPackage::new("acme:wind", "1.1.0");
        tokio::spawn(async move { control.install_plugin(&Authority::admin(), next.bytes()).await })
    };
    for plugin in ["acme:wind", "acme:rain"].map(attach) {
        // Rain may come before wind, which wind then may not follow; whoever is refused leaves nothing behind.
        let _ = plugin.await.unwrap();
    }
    replace.await.unwrap().unwrap();
    let listed = listed(&stage, session).await;
    let world: Vec<_> = stage.worlds.lock()[&session].spec.plugins.clone();
    assert_eq!(world.iter().map(|plugin| plugin.id.clone()).collect::<Vec<_>>(), listed);
    assert!(world.iter().all(|plugin| plugin.version == if plugin.id == "acme:wind" { "1.1.0" } else { "1.0.0" }));
}
