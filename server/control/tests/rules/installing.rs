//! Plugins installed, replaced, refused, rolled back and uninstalled, and what every world then has.

use std::sync::Arc;

use hd1_api::{ApiRole, AttachPlugin, ErrorCode, InstallOutcome, InstalledPlugin, PluginPatch, Visibility};
use hd1_control::testing::{FakeHost, Stage, TestPackage};
use hd1_control::{Authority, ControlError, Page, PluginId, Routed, ServiceRequest, Trust};
use hd1_core::SessionId;
use hd1_manifest::SigningKey;
use serde_json::{Map, Value, json};

use crate::{on_both, session, token};

on_both! {
    a_package_is_installed_once => once;
    a_package_at_fault_leaves_nothing => faults;
    plugins_are_the_administrators_affair => rights;
    a_version_names_one_package => versions;
    plugins_go_together_or_not_at_all => together;
    every_world_has_the_new_one_or_none => swap;
    a_config_is_carried_over => carried;
    one_can_go_back => back;
    one_that_fails_soon_goes_back_by_itself => fails;
    what_is_set_holds_at_once => patches;
    what_the_servers_settings_fix_holds_over_what_is_set => fixed;
    what_is_uninstalled_is_gone => uninstall;
    a_service_runs_with_what_it_is_granted => services;
    a_service_that_does_not_start_changes_nothing => broken_services;
    a_service_keeps_values_of_its_own => values;
}

fn wind(version: &str) -> TestPackage {
    TestPackage::new("acme:wind", version)
}

pub(crate) fn id(text: &str) -> PluginId {
    text.parse().unwrap()
}

pub(crate) async fn install(stage: &Stage, package: &TestPackage) -> InstalledPlugin {
    stage.control.install_plugin(&Authority::admin(), package.bytes()).await.unwrap()
}

async fn refused(stage: &Stage, package: &TestPackage) -> ControlError {
    stage.control.install_plugin(&Authority::admin(), package.bytes()).await.err().unwrap()
}

pub(crate) fn attach_wish(plugin: &str) -> AttachPlugin {
    AttachPlugin { plugin: plugin.to_owned(), config: None, position: None, enabled: true }
}

/// A session that has these plugins.
pub(crate) async fn with_plugins(stage: &Stage, plugins: &[&str]) -> SessionId {
    let id = session(stage, Visibility::Private, false).await.id;
    for plugin in plugins {
        stage.control.attach_plugin(&Authority::admin(), id, attach_wish(plugin)).await.unwrap();
    }
    id
}

/// What the world of a session has: id and version of each.
pub(crate) fn has(stage: &Stage, session: SessionId) -> Vec<String> {
    let plugins = &stage.worlds.lock()[&session].spec.plugins;
    plugins.iter().map(|plugin| format!("{} {}", plugin.id, plugin.version)).collect()
}

fn config(fields: &[(&str, Value)]) -> Map<String, Value> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

async fn count(stage: &Stage) -> u64 {
    stage.control.list_plugins(&Authority::admin(), None, Page::default()).await.unwrap().pagination.total
}

async fn once(stage: Stage) {
    let (control, admin) = (&stage.control, Authority::admin());
    let made = install(&stage, &wind("1.0.0")).await;
    assert_eq!(made.outcome, InstallOutcome::Installed);
    let plugin = control.plugin(&admin, &id("acme:wind")).await.unwrap();
    assert_eq!(plugin, made.plugin);
    assert_eq!((plugin.version.as_str(), plugin.trust.as_str(), plugin.enabled), ("1.0.0", "dev", true));
    assert_eq!((plugin.systems, plugin.package.clone()), (vec!["blow".to_owned()], wind("1.0.0").hash()));
    assert_eq!(plugin.config_schema["properties"]["strength"]["default"], json!(1.0));
    assert_eq!(stage.host.lock().packages[&plugin.package], wind("1.0.0").bytes());

    stage.clock.advance_s(60);
    let again = install(&stage, &wind("1.0.0")).await;
    assert_eq!((again.outcome, &again.plugin), (InstallOutcome::Unchanged, &made.plugin));
    // The same contents from another hand are the same package; who vouches for it has changed.
    let key = SigningKey::generate().unwrap();
    let signed = control.install_plugin(&admin, wind("1.0.0").signed(&key)).await.unwrap();
    assert_eq!(signed.outcome, InstallOutcome::Unchanged);
    assert_eq!((signed.plugin.signer, signed.plugin.package), (Some(key.public().to_string()), plugin.package));
    assert_eq!(count(&stage).await, 1);
}

async fn faults(stage: Stage) {
    let revoked = TestPackage::new("acme:bad", "1.0.0");
    let list = format!("[[revoked]]\npackage = \"{}\"\nreason = \"it leaks\"", revoked.hash());
    let stage = Stage::with(stage.db.clone(), Arc::new(FakeHost::trusting(Trust::parse(&list).unwrap()))).await;
    for (package, told) in [
        (revoked, "revoked: it leaks"),
        (wind("1.0.0").plan(|plan| plan["abi"] = json!(7)), "sim.wasm: the plan"),
        (wind("1.0.0").tables("[dependencies]\n\"acme:rain\" = \"^1\"\n"), "acme:rain ^1, which is not installed"),
    ] {
        let error = refused(&stage, &package).await;
        let said = match &error {
            ControlError::Invalid(errors) => format!("{}: {}", errors[0].path, errors[0].message),
            other => other.to_string(),
        };
        assert!(said.contains(told), "{said}");
    }
    let garbage = stage.control.install_plugin(&Authority::admin(), b"no package".to_vec()).await.err().unwrap();
    assert_eq!(garbage.code(), ErrorCode::Invalid);
    stage.host.lock().disk_full = true;
    assert_eq!(refused(&stage, &wind("1.0.0")).await.code(), ErrorCode::Internal);
    assert_eq!((count(&stage).await, stage.host.lock().packages.len()), (0, 0));
}

async fn rights(stage: Stage) {
    let control = &stage.control;
    install(&stage, &wind("1.0.0")).await;
    let wind_id = id("acme:wind");
    let developer = token(&stage, ApiRole::Developer).await;
    let (denied, login) = (Some(ErrorCode::Denied), Some(ErrorCode::Unauthenticated));
    for (authority, change, read) in [
        (token(&stage, ApiRole::Admin).await, None, None),
        (developer, denied, None),
        (token(&stage, ApiRole::Viewer).await, denied, None),
        (Authority::anonymous(), login, login),
    ] {
        let code = |result: Option<ControlError>| result.map(|error| error.code());
        let changes = [
            code(control.install_plugin(&authority, wind("1.0.0").bytes()).await.err()),
            code(control.patch_plugin(&authority, &wind_id, PluginPatch::default()).await.err()),
            code(control.restart_plugin(&authority, &wind_id).await.err()),
            code(control.plugin_log(&authority, &wind_id, 0, None).await.err()),
        ];
        assert_eq!(changes, [change; 4], "{authority:?}");
        let reads = [
            code(control.plugin(&authority, &wind_id).await.err()),
            code(control.list_plugins(&authority, None, Page::default()).await.err()),
            code(control.plugin_health(&authority, &wind_id, Page::default()).await.err()),
            code(control.plugin_stats(&authority, &wind_id).await.err()),
        ];
        assert_eq!(reads, [read; 4], "{authority:?}");
        if change.is_some() {
            assert_eq!(code(control.roll_back_plugin(&authority, &wind_id).await.err()), change);
            assert_eq!(code(control.uninstall_plugin(&authority, &wind_id).await.err()), change);
        }
    }
    assert_eq!(control.plugin(&Authority::admin(), &id("acme:none")).await.err().unwrap().code(), ErrorCode::NotFound);
}

async fn versions(stage: Stage) {
    let key = SigningKey::generate().unwrap();
    let trust = format!(
        "[[key]]\npublic = \"{}\"\nowner = \"Acme\"\nlevel = \"verified\"\nnamespaces = [\"acme\"]",
        key.public()
    );
    let stage = Stage::with(stage.db.clone(), Arc::new(FakeHost::trusting(Trust::parse(&trust).unwrap()))).await;
    let admin = Authority::admin();
    // On its author's own machine the same version is built again and again.
    install(&stage, &wind("1.0.0")).await;
    let rebuilt = install(&stage, &wind("1.0.0").readme("again")).await;
    assert_eq!(
        (rebuilt.outcome, rebuilt.plugin.previous_version.as_deref()),
        (InstallOutcome::Replaced, Some("1.0.0"))
    );

    let signed = async |package: TestPackage| stage.control.install_plugin(&admin, package.signed(&key)).await;
    let released = signed(wind("2.0.0")).await.unwrap().plugin;
    assert_eq!((released.trust.as_str(), released.owner.as_deref()), ("verified", Some("Acme")));
    let other = signed(wind("2.0.0").readme("other")).await.err().unwrap();
    assert_eq!(other.code(), ErrorCode::Conflict);
    let unsigned = refused(&stage, &wind("2.0.0").readme("unsigned")).await;
    assert!(unsigned.to_string().contains("acme:wind 2.0.0 is installed from another package"), "{unsigned}");
    let foreign = stage.control.install_plugin(&admin, TestPackage::new("else:wind", "1.0.0").signed(&key)).await;
    assert_eq!(foreign.err().unwrap().code(), ErrorCode::Invalid, "the key signs for its own namespace");
}

async fn together(stage: Stage) {
    let (control, admin) = (&stage.control, Authority::admin());
    let boids = |needs: &str| {
        let tables = format!("[dependencies]\n\"acme:wind\" = {needs}\n[conflicts]\n\"old:birds\" = \"<3\"\n");
        TestPackage::new("acme:boids", "1.0.0").tables(&tables)
    };
    let told = async |package: &TestPackage| refused(&stage, package).await.to_string();
    assert!(told(&boids("\"^2\"")).await.contains("needs acme:wind ^2, which is not installed"));
    install(&stage, &boids("{ version = \"^2\", optional = true }")).await;
    control.uninstall_plugin(&admin, &id("acme:boids")).await.unwrap();
    install(&stage, &wind("1.0.0")).await;
    assert!(told(&boids("\"^2\"")).await.contains("needs acme:wind ^2, and 1.0.0 is installed"));
    assert!(told(&boids("{ version = \"^2\", optional = true }")).await.contains("and 1.0.0 is installed"));
    install(&stage, &wind("2.0.0")).await;
    install(&stage, &boids("\"^2\"")).await;
    // What is there already is asked as well.
    let error = told(&wind("3.0.0")).await;
    assert!(error.contains("acme:boids 1.0.0 needs acme:wind ^2, and 3.0.0 is installed"), "{error}");
    assert!(told(&TestPackage::new("old:birds", "2.9.0")).await.contains("acme:boids 1.0.0 does not run beside"));
    install(&stage, &TestPackage::new("old:birds", "3.0.0")).await;

    let disable = PluginPatch { enabled: Some(false), ..PluginPatch::default() };
    let error = control.patch_plugin(&admin, &id("acme:wind"), disable.clone()).await.err().unwrap();
    assert_eq!(error.to_string(), "acme:boids needs acme:wind: disable acme:boids first");
    let error = control.uninstall_plugin(&admin, &id("acme:wind")).await.err().unwrap();
    assert_eq!(error.to_string(), "acme:boids needs acme:wind: uninstall acme:boids first");
    control.patch_plugin(&admin, &id("acme:boids"), disable.clone()).await.unwrap();
    control.patch_plugin(&admin, &id("acme:wind"), disable).await.unwrap();
    let enable = PluginPatch { enabled: Some(true), ..PluginPatch::default() };
    let error = control.patch_plugin(&admin, &id("acme:boids"), enable).await.err().unwrap().to_string();
    assert!(error.contains("needs acme:wind, which is disabled"), "{error}");
    assert_eq!(control.roll_back_plugin(&admin, &id("acme:wind")).await.err().unwrap().code(), ErrorCode::Conflict);
}

async fn swap(stage: Stage) {
    install(&stage, &wind("1.0.0")).await;
    let mut sessions = Vec::new();
    for _ in 0..12 {
        sessions.push(with_plugins(&stage, &["acme:wind"]).await);
    }
    let without = session(&stage, Visibility::Private, false).await.id;
    let replaced = install(&stage, &wind("2.0.0")).await;
    assert_eq!((replaced.outcome, replaced.plugin.session_count), (InstallOutcome::Replaced, 12));
    assert!(sessions.iter().all(|session| has(&stage, *session) == ["acme:wind 2.0.0"]));
    assert!(has(&stage, without).is_empty());
    assert!((2..=4).contains(&stage.worlds.swaps_at_once()), "{}", stage.worlds.swaps_at_once());

    // One of them does not take the next one: nobody has it then, and nothing of it is left.
    let third = wind("3.0.0");
    stage.worlds.lock().get_mut(&sessions[7]).unwrap().refuses.insert(third.hash());
    let before = stage.control.plugin(&Authority::admin(), &id("acme:wind")).await.unwrap();
    let error = refused(&stage, &third).await;
    assert_eq!(error.code(), ErrorCode::Conflict);
    let told = format!("the world of session {} refuses it, so nothing has changed: components.Wind: ", sessions[7]);
    assert!(error.to_string().contains(&told), "{error}");
    assert!(sessions.iter().all(|session| has(&stage, *session) == ["acme:wind 2.0.0"]));
    assert_eq!(stage.control.plugin(&Authority::admin(), &id("acme:wind")).await.unwrap(), before);
    assert!(!stage.host.lock().packages.contains_key(&third.hash()));
    // A world that sleeps has no say, and one that is gone none either.
    stage.control.step(&Authority::admin(), sessions[7], hd1_control::Lifecycle::Hibernate).await.unwrap();
    stage.worlds.lock().remove(&sessions[3]);
    install(&stage, &third).await;
    assert_eq!(has(&stage, sessions[7]), ["acme:wind 3.0.0"]);
}

async fn carried(stage: Stage) {
    let (control, admin) = (&stage.control, Authority::admin());
    install(&stage, &wind("1.0.0")).await;
    let patch =
        PluginPatch { config: config(&[("strength", json!(5)), ("loud", json!(true))]), ..PluginPatch::default() };
    control.patch_plugin(&admin, &id("acme:wind"), patch).await.unwrap();
    let session = session(&stage, Visibility::Private, false).await.id;
    let own = Some(config(&[("strength", json!(8)), ("loud", json!(false))]));
    control.attach_plugin(&admin, session, AttachPlugin { config: own, ..attach_wish("acme:wind") }).await.unwrap();

    // A field less: it is dropped, the others stay.
    let less = wind("2.0.0").plan(|plan| drop(plan["config"].as_array_mut().unwrap().pop()));
    assert_eq!(install(&stage, &less).await.plugin.config, config(&[("strength", json!(5))]));
    let listed = control.session_plugins(&admin, session).await.unwrap();
    assert_eq!(listed.plugins[0].config, Some(config(&[("strength", json!(8))])));
    assert_eq!(stage.worlds.lock()[&session].spec.plugins[0].config, config(&[("strength", json!(8.0))]));

    // A range that the values do not fit is told with the place of each.
    let up_to = |version, most: u32| wind(version).plan(|plan| plan["config"][0]["kind"]["range"]["max"] = json!(most));
    let path = async |package: TestPackage| match refused(&stage, &package).await {
        ControlError::Invalid(errors) => errors[0].path.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(path(up_to("3.0.0", 2)).await, "config.strength");
    assert_eq!(path(up_to("3.0.0", 6)).await, format!("sessions.{session}.config.strength"));
    assert_eq!(has(&stage, session), ["acme:wind 2.0.0"]);
    install(&stage, &up_to("3.0.0", 9)).await;
}

async fn fails(stage: Stage) {
    let control = &stage.control;
    let fails = |version| {
        let hash = wind(version).hash();
        async move { control.plugin_was_held_back("acme:wind", &hash).await.unwrap() }
    };
    install(&stage, &wind("1.0.0")).await;
    let session = with_plugins(&stage, &["acme:wind"]).await;
    assert_eq!(fails("1.0.0").await, None, "there is nothing to go back to");
    install(&stage, &wind("2.0.0")).await;
    assert_eq!(fails("1.0.0").await, None, "it is the other that is fresh");
    assert_eq!(fails("2.0.0").await.as_deref(), Some("1.0.0"));
    assert_eq!(has(&stage, session), ["acme:wind 1.0.0"]);
    assert_eq!(fails("1.0.0").await, None, "not to and fro");
    // A minute later it is no longer the update's fault.
    install(&stage, &wind("3.0.0")).await;
    stage.clock.advance_s(61);
    assert_eq!(fails("3.0.0").await, None);
    assert_eq!(has(&stage, session), ["acme:wind 3.0.0"]);
}

async fn back(stage: Stage) {
    let (control, admin, wind_id) = (&stage.control, Authority::admin(), id("acme:wind"));
    install(&stage, &wind("1.0.0")).await;
    let none = control.roll_back_plugin(&admin, &wind_id).await.err().unwrap();
    assert_eq!(none.to_string(), "acme:wind has no version before this one");
    let session = with_plugins(&stage, &["acme:wind"]).await;
    install(&stage, &wind("2.0.0")).await;
    install(&stage, &wind("3.0.0")).await;
    let mut kept: Vec<_> = stage.host.lock().packages.keys().cloned().collect();
    let mut expected = vec![wind("2.0.0").hash(), wind("3.0.0").hash()];
    kept.sort();
    expected.sort();
    assert_eq!(kept, expected, "no more than one can go back to");
    for (version, other) in [("2.0.0", "3.0.0"), ("3.0.0", "2.0.0")] {
        let plugin = control.roll_back_plugin(&admin, &wind_id).await.unwrap();
        assert_eq!((plugin.version.as_str(), plugin.previous_version.as_deref()), (version, Some(other)));
        assert_eq!(has(&stage, session), [format!("acme:wind {version}")]);
    }

    // What was called back meanwhile one cannot go back to.
    let list = format!("[[revoked]]\npackage = \"{}\"\nreason = \"it leaks\"", wind("2.0.0").hash());
    let after = Stage::with(stage.db.clone(), Arc::new(FakeHost::trusting(Trust::parse(&list).unwrap()))).await;
    after.control.recover().await.unwrap();
    let refused = after.control.roll_back_plugin(&admin, &wind_id).await.err().unwrap();
    assert_eq!(refused.to_string(), "the package was revoked: it leaks");
    // And where it is what is installed, it runs nowhere after a start.
    let rolled_back = control.roll_back_plugin(&admin, &wind_id).await.unwrap();
    assert_eq!((rolled_back.version.as_str(), rolled_back.revoked), ("2.0.0", None));
    let after = Stage::with(stage.db.clone(), Arc::new(FakeHost::trusting(Trust::parse(&list).unwrap()))).await;
    after.control.recover().await.unwrap();
    assert!(has(&after, session).is_empty());
    let shown = after.control.plugin(&admin, &wind_id).await.unwrap();
    assert_eq!(shown.revoked.as_deref(), Some("the package was revoked: it leaks"));
}

async fn patches(stage: Stage) {
    let (control, admin, wind_id) = (&stage.control, Authority::admin(), id("acme:wind"));
    install(&stage, &wind("1.0.0")).await;
    let session = with_plugins(&stage, &["acme:wind"]).await;
    let world = || stage.worlds.lock()[&session].spec.plugins.clone();
    let patch = async |fields: &[(&str, Value)], enabled: Option<bool>| {
        control.patch_plugin(&admin, &wind_id, PluginPatch { config: config(fields), enabled, rights: None }).await
    };
    let fields = [("strength", json!(11)), ("loud", json!(1)), ("nois", json!(1))];
    let Err(ControlError::Invalid(errors)) = patch(&fields, None).await else { panic!("accepted") };
    let mut told: Vec<_> = errors.iter().map(|error| format!("{}: {}", error.path, error.message)).collect();
    told.sort();
    assert_eq!(
        told,
        [
            "config.loud: must be true or false",
            "config.nois: it takes strength, loud",
            "config.strength: must be <= 10"
        ]
    );
    patch(&[("strength", json!(3)), ("loud", json!(true))], None).await.unwrap();
    assert_eq!(world()[0].config, config(&[("strength", json!(3.0)), ("loud", json!(true))]));
    let plugin = patch(&[("loud", Value::Null)], None).await.unwrap();
    assert_eq!(plugin.config, config(&[("strength", json!(3))]));
    assert_eq!(world()[0].config["loud"], json!(false));

    patch(&[], Some(false)).await.unwrap();
    assert!(world().is_empty());
    let listed = control.session_plugins(&admin, session).await.unwrap();
    assert_eq!((listed.plugins[0].enabled, listed.plugins[0].active), (true, false), "it stays attached");
    patch(&[], Some(true)).await.unwrap();
    assert_eq!((world().len(), world()[0].generation), (1, 0));
    control.restart_plugin(&admin, &wind_id).await.unwrap();
    assert_eq!(world()[0].generation, 1);
}

async fn fixed(stage: Stage) {
    let (control, admin, of) = (&stage.control, Authority::admin(), id("acme:wind"));
    let fix = |values: Value| {
        let Value::Object(values) = values else { panic!("an object") };
        stage.host.lock().fixed.insert("acme:wind".into(), values);
    };
    fix(json!({ "strength": 11 }));
    let told = refused(&stage, &wind("1.0.0")).await;
    let ControlError::Invalid(errors) = &told else { panic!("{told:?}") };
    assert_eq!(errors[0].path, r#"the server's own setting plugins.config."acme:wind".strength"#);
    fix(json!({ "strength": 3 }));
    install(&stage, &wind("1.0.0")).await;
    let session = with_plugins(&stage, &["acme:wind"]).await;
    let strength = || stage.worlds.lock()[&session].spec.plugins[0].config["strength"].clone();
    assert_eq!(strength(), 3.0);
    let patch = |json: Value| serde_json::from_value::<PluginPatch>(json).unwrap();
    let told = control.patch_plugin(&admin, &of, patch(json!({ "config": { "strength": 2 } }))).await.err().unwrap();
    assert!(format!("{told:?}").contains("change it there"), "{told:?}");
    let shown = control.patch_plugin(&admin, &of, patch(json!({ "config": { "loud": true } }))).await.unwrap();
    assert_eq!((&shown.config["loud"], &shown.fixed_config["strength"]), (&json!(true), &json!(3)));
    // A session's own value is still its own.
    let own = serde_json::from_value(json!({ "config": { "strength": 5 } })).unwrap();
    control.patch_session_plugin(&admin, session, &of, own).await.unwrap();
    assert_eq!(strength(), 5.0);
    // A start with what does not fit is refused, with the place.
    fix(json!({ "wind": 1 }));
    let told = control.start_services().await.unwrap_err().to_string();
    assert!(told.contains(r#"plugins.config."acme:wind".wind: it takes strength, loud"#), "{told}");
}

async fn uninstall(stage: Stage) {
    let (control, admin, wind_id) = (&stage.control, Authority::admin(), id("acme:wind"));
    install(&stage, &wind("1.0.0")).await;
    install(&stage, &wind("2.0.0")).await;
    install(&stage, &TestPackage::new("acme:rain", "1.0.0")).await;
    let session = with_plugins(&stage, &["acme:wind", "acme:rain"]).await;
    control.uninstall_plugin(&admin, &wind_id).await.unwrap();
    assert_eq!(has(&stage, session), ["acme:rain 1.0.0"]);
    let listed = control.session_plugins(&admin, session).await.unwrap();
    assert_eq!((listed.plugins.len(), listed.plugins[0].position), (1, 0));
    assert_eq!((count(&stage).await, stage.host.lock().packages.len()), (1, 1));
    assert_eq!(control.uninstall_plugin(&admin, &wind_id).await.err().unwrap().code(), ErrorCode::NotFound);
    // It comes back as if it had never been there.
    let again = install(&stage, &wind("1.0.0")).await;
    assert_eq!((again.outcome, again.plugin.session_count), (InstallOutcome::Installed, 0));

    // A world that would not do without: everything is as it was.
    control.attach_plugin(&admin, session, attach_wish("acme:wind")).await.unwrap();
    stage.worlds.lock().get_mut(&session).unwrap().refuses.insert(TestPackage::new("acme:rain", "1.0.0").hash());
    let refused = control.uninstall_plugin(&admin, &wind_id).await.err().unwrap();
    assert_eq!(refused.code(), ErrorCode::Conflict);
    let listed = control.session_plugins(&admin, session).await.unwrap();
    let ids: Vec<_> = listed.plugins.iter().map(|plugin| plugin.plugin.as_str()).collect();
    assert_eq!((ids, count(&stage).await), (vec!["acme:rain", "acme:wind"], 2));
    assert!(stage.host.lock().packages.contains_key(&wind("1.0.0").hash()));
}

fn hello(version: &str, rights: &[&str]) -> TestPackage {
    let plan = json!({ "abi": 1,
        "config": [{ "name": "greeting", "doc": "", "kind": { "type": "text", "max_bytes": 20 }, "default": { "Text": "Hi" } }],
        "routes": [{ "method": "GET", "path": "/greet/{name}", "access": "anyone" },
            { "method": "GET", "path": "/me", "access": "token" },
            { "method": "DELETE", "path": "/greetings", "access": "admin" }],
        "functions": [{ "name": "greet" }] });
    TestPackage::new("acme:hello", version).service(plan, rights)
}

fn asked(method: &str, path: &str) -> ServiceRequest {
    ServiceRequest { method: method.to_owned(), path: path.to_owned(), ..ServiceRequest::default() }
}

async fn services(stage: Stage) {
    let (control, admin, of) = (&stage.control, Authority::admin(), id("acme:hello"));
    let runs = || stage.host.lock().services.clone();
    let installed = install(&stage, &hello("1.0.0", &["kv", "auth", "call:acme:wind"])).await.plugin;
    assert_eq!(installed.routes[0].path, "/plugins/acme:hello/greet/{name}");
    assert_eq!(installed.config_schema["properties"]["greeting"]["default"], "Hi");
    // What is strong is granted by name alone.
    let granted = |plugin: &hd1_api::Plugin| -> Vec<String> {
        plugin.rights.iter().filter(|right| right.granted).map(|right| right.right.clone()).collect()
    };
    assert_eq!(granted(&installed), ["kv", "call:acme:wind"]);
    assert_eq!(runs()[0].rights.len(), 2);
    assert_eq!(runs()[0].config["greeting"], "Hi");
    // Who asks, and for what.
    let developer = token(&stage, ApiRole::Developer).await;
    let (bob, fail) = (asked("GET", "/greet/bob"), ServiceRequest { body: b"fail".to_vec(), ..asked("GET", "/me") });
    let Routed::Answered(answer) = control.ask_plugin(&Authority::anonymous(), &of, bob.clone()).await.unwrap() else {
        panic!("the route is there")
    };
    assert_eq!(String::from_utf8(answer.body).unwrap(), r#"{"caller":["","",""],"params":[["name","bob"]],"route":0}"#);
    for (authority, request, code) in [
        (Authority::anonymous(), asked("GET", "/me"), ErrorCode::Unauthenticated),
        (Authority::anonymous(), asked("GET", "/none"), ErrorCode::NotFound),
        (developer.clone(), asked("DELETE", "/greetings"), ErrorCode::Denied),
        (developer.clone(), fail, ErrorCode::PluginFailed),
    ] {
        assert_eq!(control.ask_plugin(&authority, &of, request).await.err().unwrap().code(), code);
    }
    assert!(control.ask_plugin(&developer, &of, asked("GET", "/me")).await.is_ok());
    let other = control.ask_plugin(&admin, &of, asked("GET", "/greetings")).await.unwrap();
    assert_eq!(other, Routed::OtherMethods(vec!["DELETE".to_owned()]));
    assert_eq!(
        control.call_plugin("acme:wind", 1, "acme:hello", "greet", "{}").await.unwrap(),
        r#"[0,1,"acme:wind","{}"]"#
    );
    // What is granted and set holds at once, and stays over another version.
    let patch = |json: Value| serde_json::from_value::<PluginPatch>(json).unwrap();
    let wish = patch(json!({ "rights": ["auth"], "config": { "greeting": "Ahoy" } }));
    let patched = control.patch_plugin(&admin, &of, wish).await.unwrap();
    assert_eq!((granted(&patched), runs()[0].rights.len()), (vec!["auth".to_owned()], 1));
    assert_eq!(runs()[0].config["greeting"], "Ahoy");
    let refused = control.patch_plugin(&admin, &of, patch(json!({ "rights": ["network"] }))).await.err().unwrap();
    assert_eq!(refused.code(), ErrorCode::Invalid);
    let next = install(&stage, &hello("2.0.0", &["kv", "auth", "sessions.read"])).await.plugin;
    assert_eq!(granted(&next), ["sessions.read", "auth"], "what was taken away stays away");
    // It is no matter of worlds.
    let session = with_plugins(&stage, &["acme:hello"]).await;
    assert!(has(&stage, session).is_empty());
    control.patch_plugin(&admin, &of, patch(json!({ "enabled": false }))).await.unwrap();
    assert!(runs().is_empty());
    assert_eq!(control.ask_plugin(&admin, &of, bob).await.err().unwrap().code(), ErrorCode::NotFound);
}

async fn broken_services(stage: Stage) {
    install(&stage, &hello("1.0.0", &["kv"])).await;
    stage.host.lock().broken.insert("acme:hello".to_owned());
    let told = refused(&stage, &hello("2.0.0", &["kv"])).await.to_string();
    assert!(told.contains("does not start, so nothing has changed: it traps"), "{told}");
    let plugin = stage.control.plugin(&Authority::admin(), &id("acme:hello")).await.unwrap();
    assert_eq!((plugin.version.as_str(), stage.host.lock().services.len()), ("1.0.0", 1));
    // After a restart the others run all the same.
    stage.host.lock().broken.clear();
    let other = TestPackage::new("acme:other", "1.0.0").service(json!({ "abi": 1 }), &[]);
    install(&stage, &other).await;
    stage.host.lock().broken.insert("acme:hello".to_owned());
    stage.host.lock().services.clear();
    stage.control.start_services().await.unwrap();
    let services = stage.host.lock().services.iter().map(|service| service.plugin.clone()).collect::<Vec<_>>();
    assert_eq!(services, ["acme:other"]);
}

async fn values(stage: Stage) {
    install(&stage, &hello("1.0.0", &["kv"])).await;
    install(&stage, &TestPackage::new("acme:other", "1.0.0").service(json!({ "abi": 1 }), &["kv"])).await;
    let control = &stage.control;
    control.set_plugin_value("acme:hello", "a/1", b"one", None).await.unwrap();
    control.set_plugin_value("acme:hello", "a/\u{e9}", b"two", Some(10)).await.unwrap();
    control.set_plugin_value("acme:hello", "b", b"three", None).await.unwrap();
    assert_eq!(control.plugin_value("acme:hello", "a/1").await.unwrap().unwrap(), b"one");
    assert_eq!(control.plugin_value("acme:other", "a/1").await.unwrap(), None, "it is another's");
    assert_eq!(control.plugin_keys("acme:hello", "a/", "", 10).await.unwrap(), ["a/1", "a/\u{e9}"]);
    assert_eq!(control.plugin_keys("acme:hello", "", "a/1", 1).await.unwrap(), ["a/\u{e9}"]);
    stage.clock.advance_s(10);
    assert_eq!(control.plugin_keys("acme:hello", "a/", "", 10).await.unwrap(), ["a/1"]);
    assert_eq!(control.sweep().await.unwrap(), 1);
    control.set_plugin_value("acme:hello", "hour", b"3", Some(10)).await.unwrap();
    assert_eq!(control.add_to_plugin_value("acme:hello", "hour", 1).await.unwrap(), 4);
    stage.clock.advance_s(10);
    assert_eq!(control.add_to_plugin_value("acme:hello", "hour", 1).await.unwrap(), 1, "it has expired");
    assert!(control.delete_plugin_value("acme:hello", "hour").await.unwrap());
    assert_eq!(control.add_to_plugin_value("acme:hello", "n", 5).await.unwrap(), 5);
    assert_eq!(control.add_to_plugin_value("acme:hello", "n", -7).await.unwrap(), -2);
    assert!(control.add_to_plugin_value("acme:hello", "b", 1).await.is_err(), "it is no number");
    let mut adds = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let control = control.clone();
        adds.spawn(async move { control.add_to_plugin_value("acme:hello", "sum", 1).await });
    }
    adds.join_all().await.into_iter().for_each(|sum| assert!(sum.is_ok(), "{sum:?}"));
    assert_eq!(control.plugin_value("acme:hello", "sum").await.unwrap().unwrap(), b"20");
    assert!(control.delete_plugin_value("acme:hello", "n").await.unwrap());
    assert!(!control.delete_plugin_value("acme:hello", "n").await.unwrap());
    for (key, bytes) in [("", 1), ("k", 64 * 1024 + 1)] {
        assert!(control.set_plugin_value("acme:hello", key, &vec![0; bytes], None).await.is_err());
    }
    control.uninstall_plugin(&Authority::admin(), &id("acme:hello")).await.unwrap();
    assert!(control.set_plugin_value("acme:hello", "a", b"x", None).await.is_err(), "nobody keeps it");
}
