//! Plugins: packages, roll-backs, and where they are attached.

use hd1_api::Visibility;
use hd1_core::{Micros, SessionId};
use hd1_store::plugin_jobs::{self, JobKind, JobRecord, JobState};
use hd1_store::plugin_secrets::{self, SecretRecord};
use hd1_store::plugins::{self, PackageRecord, PluginRecord, PreviousPackage};
use hd1_store::session_plugins::{self, SessionPluginRecord};
use hd1_store::{Conn, Db, Scope, StoreError, sessions};
use serde_json::json;

use crate::{NOW, on_both, stored};

on_both! {
    plugins_come_back_as_they_were_written => round_trip;
    packages_stay_while_a_plugin_may_go_back_to_them => packages;
    plugins_are_listed_by_id => lists;
    a_sessions_plugins_are_replaced_whole => attached;
    who_sees_a_session_sees_its_plugins => seen;
    what_plugins_are_to_do_waits_for_them => jobs;
    secrets_are_kept_for_their_plugin => secrets;
}

fn package(plugin: &str, version: &str) -> PackageRecord {
    PackageRecord {
        hash: format!("{plugin}-{version}"),
        plugin: plugin.to_owned(),
        version: version.to_owned(),
        manifest: r#"{"plugin": "'quotes' and \u0000"}"#.to_owned(),
        plan: "{}".to_owned(),
        service: Some(r#"{"abi":1}"#.to_owned()),
        signer: None,
        bytes: 7,
        stored_at: NOW,
    }
}

fn plugin(id: &str, version: &str) -> PluginRecord {
    PluginRecord {
        id: id.to_owned(),
        version: version.to_owned(),
        package: format!("{id}-{version}"),
        enabled: true,
        config: serde_json::Map::from_iter([("strength".to_owned(), json!(0.5))]),
        trust: "dev".to_owned(),
        signer: None,
        previous: None,
        granted: vec!["kv".to_owned(), "secret:A".to_owned()],
        generation: 0,
        installed_at: NOW,
        updated_at: NOW,
    }
}

async fn installed(conn: &mut Conn, id: &str) -> PluginRecord {
    plugins::put_package(conn, &package(id, "1.0.0")).await.unwrap();
    let row = plugin(id, "1.0.0");
    plugins::put(conn, &row).await.unwrap();
    row
}

fn in_session(session: SessionId, plugin: &str, position: u32) -> SessionPluginRecord {
    SessionPluginRecord { session, plugin: plugin.to_owned(), position, enabled: true, config: None }
}

async fn round_trip(db: Db) {
    let mut conn = db.begin().await.unwrap();
    let written = installed(&mut conn, "acme:wind").await;
    conn.commit().await.unwrap();
    let mut conn = db.begin().await.unwrap();
    assert_eq!(plugins::find(&mut conn, "acme:wind").await.unwrap(), Some(written.clone()));
    assert_eq!(plugins::find_package(&mut conn, &written.package).await.unwrap(), Some(package("acme:wind", "1.0.0")));
    assert_eq!(plugins::find(&mut conn, "acme:rain").await.unwrap(), None);

    plugins::put_package(&mut conn, &package("acme:wind", "2.0.0")).await.unwrap();
    let next = PluginRecord {
        previous: Some(PreviousPackage { version: written.version, package: written.package }),
        enabled: false,
        config: serde_json::Map::new(),
        signer: Some("ab".repeat(32)),
        trust: "verified".to_owned(),
        generation: 3,
        installed_at: Micros(NOW.0 + 1),
        updated_at: Micros(NOW.0 + 1),
        ..plugin("acme:wind", "2.0.0")
    };
    plugins::put(&mut conn, &next).await.unwrap();
    let found = plugins::find(&mut conn, "acme:wind").await.unwrap().unwrap();
    assert_eq!(found, PluginRecord { installed_at: NOW, ..next }, "it came when it came");

    let mut signed = package("acme:wind", "2.0.0");
    signed.signer = Some("cd".repeat(32));
    plugins::put_package(&mut conn, &signed).await.unwrap();
    assert_eq!(plugins::find_package(&mut conn, &signed.hash).await.unwrap(), Some(signed));
    conn.commit().await.unwrap();

    let mut conn = db.begin().await.unwrap();
    let dangling = plugins::put(&mut conn, &plugin("acme:rain", "1.0.0")).await;
    assert!(matches!(dangling, Err(StoreError::Dangling)), "{dangling:?}");
}

async fn packages(db: Db) {
    let mut conn = db.begin().await.unwrap();
    for version in ["1.0.0", "2.0.0", "3.0.0"] {
        plugins::put_package(&mut conn, &package("acme:wind", version)).await.unwrap();
    }
    installed(&mut conn, "acme:rain").await;
    let previous = PreviousPackage { version: "2.0.0".to_owned(), package: "acme:wind-2.0.0".to_owned() };
    let row = PluginRecord { previous: Some(previous), ..plugin("acme:wind", "3.0.0") };
    plugins::put(&mut conn, &row).await.unwrap();
    assert_eq!(plugins::prune_packages(&mut conn, "acme:wind").await.unwrap(), ["acme:wind-1.0.0"]);
    assert!(plugins::find_package(&mut conn, "acme:wind-2.0.0").await.unwrap().is_some());
    let current = plugins::current_packages(&mut conn).await.unwrap();
    let mut hashes: Vec<_> = current.into_iter().map(|package| package.hash).collect();
    hashes.sort();
    assert_eq!(hashes, ["acme:rain-1.0.0", "acme:wind-3.0.0"]);
    assert!(plugins::delete(&mut conn, "acme:wind").await.unwrap());
    assert!(!plugins::delete(&mut conn, "acme:wind").await.unwrap());
    assert_eq!(plugins::prune_packages(&mut conn, "acme:wind").await.unwrap().len(), 2);
    assert!(plugins::find_package(&mut conn, "acme:rain-1.0.0").await.unwrap().is_some(), "others keep theirs");
}

async fn lists(db: Db) {
    let mut conn = db.begin().await.unwrap();
    for id in ["acme:c", "acme:a", "acme:b"] {
        installed(&mut conn, id).await;
    }
    plugins::put(&mut conn, &PluginRecord { enabled: false, ..plugin("acme:b", "1.0.0") }).await.unwrap();
    for (enabled, offset, expected, total) in [
        (None, 0, &["acme:a", "acme:b"][..], 3),
        (None, 2, &["acme:c"], 3),
        (Some(true), 0, &["acme:a", "acme:c"], 2),
        (Some(false), 0, &["acme:b"], 1),
    ] {
        let (rows, count) = plugins::list(&mut conn, enabled, offset, 2).await.unwrap();
        let ids: Vec<_> = rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!((&ids[..], count), (expected, total));
    }
    assert_eq!(plugins::all(&mut conn).await.unwrap().len(), 3);
}

async fn attached(db: Db) {
    let mut conn = db.begin().await.unwrap();
    for id in ["acme:a", "acme:b", "acme:c"] {
        installed(&mut conn, id).await;
    }
    let session = stored(&mut conn, "ann", Visibility::Private).await.id;
    let other = stored(&mut conn, "ann", Visibility::Private).await.id;
    let own = serde_json::Map::from_iter([("strength".to_owned(), json!(2))]);
    let list = [
        SessionPluginRecord { enabled: false, config: Some(own), ..in_session(session, "acme:b", 0) },
        in_session(session, "acme:a", 1),
    ];
    session_plugins::replace(&mut conn, session, &list).await.unwrap();
    session_plugins::replace(&mut conn, other, &[in_session(other, "acme:a", 0)]).await.unwrap();
    assert_eq!(session_plugins::list(&mut conn, session).await.unwrap(), list);
    let page = session_plugins::of_plugin(&mut conn, "acme:a", None).await.unwrap();
    let mut ids = [session, other];
    ids.sort();
    assert_eq!(page.iter().map(|row| row.session).collect::<Vec<_>>(), ids);
    let rest = session_plugins::of_plugin(&mut conn, "acme:a", Some(ids[0])).await.unwrap();
    assert_eq!(rest.iter().map(|row| row.session).collect::<Vec<_>>(), ids[1..]);
    assert_eq!(session_plugins::count(&mut conn, "acme:a").await.unwrap(), 2);

    let turned = [in_session(session, "acme:c", 0), in_session(session, "acme:b", 1)];
    session_plugins::replace(&mut conn, session, &turned).await.unwrap();
    assert_eq!(session_plugins::list(&mut conn, session).await.unwrap(), turned);
    plugins::delete(&mut conn, "acme:c").await.unwrap();
    assert_eq!(session_plugins::list(&mut conn, session).await.unwrap(), turned[1..]);
    sessions::delete(&mut conn, &Scope::everything(), session).await.unwrap();
    assert_eq!(session_plugins::list(&mut conn, session).await.unwrap(), []);
    assert_eq!(session_plugins::list(&mut conn, other).await.unwrap().len(), 1);
    conn.commit().await.unwrap();

    let mut conn = db.begin().await.unwrap();
    let dangling = session_plugins::replace(&mut conn, other, &[in_session(other, "acme:none", 0)]).await;
    assert!(matches!(dangling, Err(StoreError::Dangling)), "{dangling:?}");
}

async fn seen(db: Db) {
    let mut conn = db.begin().await.unwrap();
    installed(&mut conn, "acme:a").await;
    let mut ids = Vec::new();
    for visibility in [Visibility::Private, Visibility::Unlisted, Visibility::Public] {
        let id = stored(&mut conn, "ann", visibility).await.id;
        session_plugins::replace(&mut conn, id, &[in_session(id, "acme:a", 0)]).await.unwrap();
        ids.push(id);
    }
    for (scope, total) in [
        (Scope::everything(), 3),
        (Scope::owner("ann"), 3),
        (Scope::owner("bob"), 1),
        (Scope::member(ids[0]), 2),
        (Scope::public(), 1),
    ] {
        let (rows, count) = session_plugins::seen_of_plugin(&mut conn, &scope, "acme:a", 0, 10).await.unwrap();
        assert_eq!((rows.len() as u64, count), (total, total), "{scope:?}");
    }
    let (rest, total) = session_plugins::seen_of_plugin(&mut conn, &Scope::everything(), "acme:a", 2, 2).await.unwrap();
    assert_eq!((rest.len(), total), (1, 3));
}

fn job(id: &str, key: Option<&str>, due_s: i64) -> JobRecord {
    JobRecord {
        id: id.to_owned(),
        plugin: "acme:wind".to_owned(),
        kind: JobKind::Job,
        name: "post".to_owned(),
        payload: r#"{"a":"'b'"}"#.to_owned(),
        key: key.map(str::to_owned),
        state: JobState::Waiting,
        due_at: NOW.plus_s(due_s),
        attempts: 0,
        error: None,
        created_at: NOW,
    }
}

async fn jobs(db: Db) {
    let mut conn = db.begin().await.unwrap();
    installed(&mut conn, "acme:wind").await;
    let mut orphan = job("0", None, 0);
    orphan.plugin = "acme:gone".to_owned();
    assert!(!plugin_jobs::insert(&mut conn, &orphan).await.unwrap(), "nobody is there to do it");
    assert!(plugin_jobs::insert(&mut conn, &job("1", Some("k"), 5)).await.unwrap());
    assert!(!plugin_jobs::insert(&mut conn, &job("2", Some("k"), 0)).await.unwrap(), "one of a key");
    assert!(plugin_jobs::insert(&mut conn, &job("3", None, 2)).await.unwrap());
    let due = |at: i64| NOW.plus_s(at);
    let ids = |rows: Vec<JobRecord>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    let found = plugin_jobs::due(&mut conn, "acme:wind", JobKind::Job, due(9), 9).await.unwrap();
    assert_eq!(found[1], job("1", Some("k"), 5));
    assert_eq!(ids(found), ["3", "1"]);
    assert!(plugin_jobs::due(&mut conn, "acme:wind", JobKind::Action, due(9), 9).await.unwrap().is_empty());
    assert_eq!(plugin_jobs::next_due(&mut conn, "acme:wind", JobKind::Job).await.unwrap(), Some(due(2)));

    // While one is done, another of its key may wait; what was begun by a server that died waits again, but for that.
    assert!(
        plugin_jobs::begin(&mut conn, "1", NOW).await.unwrap()
            && plugin_jobs::begin(&mut conn, "3", NOW).await.unwrap()
    );
    assert!(!plugin_jobs::begin(&mut conn, "1", NOW).await.unwrap(), "it is begun once");
    assert!(plugin_jobs::insert(&mut conn, &job("4", Some("k"), 1)).await.unwrap());
    assert_eq!(plugin_jobs::recover(&mut conn).await.unwrap(), 1);
    let (rows, total) = plugin_jobs::list(&mut conn, "acme:wind", None, 0, 9).await.unwrap();
    assert_eq!((ids(rows), total), (vec!["4".to_owned(), "3".to_owned()], 2));

    // The same where one is to be tried again.
    plugin_jobs::begin(&mut conn, "4", NOW).await.unwrap();
    plugin_jobs::insert(&mut conn, &job("5", Some("k"), 7)).await.unwrap();
    plugin_jobs::put_off(&mut conn, "4", 1, Some("why"), due(3), NOW).await.unwrap();
    plugin_jobs::put_off(&mut conn, "3", 1, Some("why"), due(3), NOW).await.unwrap();
    plugin_jobs::give_up(&mut conn, "5", 12, "why", NOW).await.unwrap();
    let failed = plugin_jobs::list(&mut conn, "acme:wind", Some(JobState::Failed), 0, 9).await.unwrap().0;
    assert_eq!((failed[0].attempts, failed[0].error.as_deref()), (12, Some("why")));
    assert_eq!(plugin_jobs::count(&mut conn, "acme:wind").await.unwrap(), 2);
    assert!(plugin_jobs::revive(&mut conn, "acme:wind", "5", NOW).await.unwrap());
    assert!(!plugin_jobs::revive(&mut conn, "acme:wind", "3", NOW).await.unwrap(), "it waits");
    plugin_jobs::give_up(&mut conn, "5", 12, "why", NOW).await.unwrap();
    assert_eq!(plugin_jobs::sweep(&mut conn, NOW).await.unwrap(), 0, "not long enough");
    assert_eq!(plugin_jobs::sweep(&mut conn, due(1)).await.unwrap(), 1);
    plugins::delete(&mut conn, "acme:wind").await.unwrap();
    assert_eq!(plugin_jobs::count(&mut conn, "acme:wind").await.unwrap(), 0);
}

async fn secrets(db: Db) {
    let mut conn = db.begin().await.unwrap();
    for id in ["acme:a", "acme:b"] {
        installed(&mut conn, id).await;
    }
    let later = Micros(NOW.0 + 1);
    plugin_secrets::put(&mut conn, "acme:a", "ONE", b"\x01\0sealed", NOW).await.unwrap();
    plugin_secrets::put(&mut conn, "acme:a", "TWO", b"x", NOW).await.unwrap();
    plugin_secrets::put(&mut conn, "acme:b", "ONE", b"other", NOW).await.unwrap();
    plugin_secrets::put(&mut conn, "acme:a", "TWO", b"y", later).await.unwrap();
    assert_eq!(plugin_secrets::find(&mut conn, "acme:a", "ONE").await.unwrap().unwrap(), b"\x01\0sealed");
    assert_eq!(plugin_secrets::find(&mut conn, "acme:a", "one").await.unwrap(), None);
    let mut listed = plugin_secrets::list(&mut conn, "acme:a", 10).await.unwrap();
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    let record = |name: &str, updated_at| SecretRecord { name: name.to_owned(), updated_at };
    assert_eq!(listed, [record("ONE", NOW), record("TWO", later)]);
    assert_eq!(plugin_secrets::list(&mut conn, "acme:a", 1).await.unwrap().len(), 1);
    assert!(plugin_secrets::delete(&mut conn, "acme:a", "ONE").await.unwrap());
    assert!(!plugin_secrets::delete(&mut conn, "acme:a", "ONE").await.unwrap());
    assert_eq!(plugin_secrets::find(&mut conn, "acme:b", "ONE").await.unwrap().unwrap(), b"other");
    plugins::delete(&mut conn, "acme:b").await.unwrap();
    assert_eq!(plugin_secrets::find(&mut conn, "acme:b", "ONE").await.unwrap(), None, "it went with its plugin");
    conn.commit().await.unwrap();

    let mut conn = db.begin().await.unwrap();
    let dangling = plugin_secrets::put(&mut conn, "acme:none", "ONE", b"x", NOW).await;
    assert!(matches!(dangling, Err(StoreError::Dangling)), "{dangling:?}");
}
