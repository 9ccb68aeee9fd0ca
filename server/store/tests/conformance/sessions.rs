//! Sessions: what is written is read, scopes hold, lists page.

use std::collections::BTreeSet;

use hd1_api::{ReplicationSettings, SceneSource, SessionStatus, Visibility};
use hd1_core::{Micros, SessionId, TickRate};
use hd1_store::sessions::{SessionChange, SessionFilter};
use hd1_store::{Db, Scope, sessions, system};

use crate::{NOW, on_both, session, stored};

on_both! {
    rows_come_back_as_they_were_written => round_trip;
    scopes_hide_what_is_not_theirs => scopes;
    lists_filter_and_page => lists;
    changes_touch_what_they_name => changes;
    the_server_walks_over_all => walk;
}

async fn round_trip(db: Db) {
    let mut conn = db.begin().await.unwrap();
    let written = stored(&mut conn, "a", Visibility::Private).await;
    let mut inline = session("a", Visibility::Private);
    inline.scene_name = None;
    let scene = SceneSource::Inline(serde_json::Map::from_iter([("entities".to_owned(), serde_json::json!([]))]));
    sessions::insert(&mut conn, &inline, &scene).await.unwrap();
    conn.commit().await.unwrap();

    let mut conn = db.read().await.unwrap();
    let scope = Scope::everything();
    assert_eq!(sessions::find(&mut conn, &scope, written.id, NOW).await.unwrap(), Some(written.clone()));
    assert_eq!(sessions::find(&mut conn, &scope, inline.id, NOW).await.unwrap(), Some(inline.clone()));
    assert_eq!(system::scene(&mut conn, inline.id).await.unwrap(), Some(scene));
    assert_eq!(system::scene(&mut conn, written.id).await.unwrap(), Some(SceneSource::Library("lobby".to_owned())));
    assert_eq!(system::scene(&mut conn, SessionId::generate()).await.unwrap(), None);
}

async fn scopes(db: Db) {
    let mut conn = db.begin().await.unwrap();
    let private = stored(&mut conn, "ann", Visibility::Private).await.id;
    let unlisted = stored(&mut conn, "ann", Visibility::Unlisted).await.id;
    let public = stored(&mut conn, "ann", Visibility::Public).await.id;

    let all = [private, unlisted, public];
    let table: [(Scope, &[SessionId], &[SessionId]); 5] = [
        (Scope::everything(), &all, &all),
        (Scope::owner("ann"), &all, &all),
        (Scope::owner("bob"), &[unlisted, public], &[public]),
        (Scope::public(), &[unlisted, public], &[public]),
        (Scope::member(private), &all, &[private, public]),
    ];
    for (scope, by_id, in_list) in table {
        for id in all {
            let found = sessions::find(&mut conn, &scope, id, NOW).await.unwrap().is_some();
            assert_eq!(found, by_id.contains(&id), "{scope:?}");
            let locked = sessions::find_for_update(&mut conn, &scope, id, NOW).await.unwrap().is_some();
            assert_eq!(locked, by_id.contains(&id), "{scope:?}");
        }
        let filter = SessionFilter { limit: 10, ..SessionFilter::default() };
        let (rows, total) = sessions::list(&mut conn, &scope, &filter, NOW).await.unwrap();
        let listed: BTreeSet<_> = rows.iter().map(|row| row.id).collect();
        assert_eq!(listed, in_list.iter().copied().collect(), "{scope:?}");
        assert_eq!(total, in_list.len() as u64);
    }
    // Seeing is not owning.
    for scope in [Scope::owner("bob"), Scope::public(), Scope::member(public)] {
        assert!(!sessions::delete(&mut conn, &scope, public).await.unwrap());
    }
    assert!(sessions::delete(&mut conn, &Scope::owner("ann"), public).await.unwrap());
    assert!(!sessions::delete(&mut conn, &Scope::owner("ann"), public).await.unwrap());
}

async fn lists(db: Db) {
    let mut conn = db.begin().await.unwrap();
    let mut ids = Vec::new();
    for n in 0..7 {
        let mut row = session("ann", if n % 2 == 0 { Visibility::Public } else { Visibility::Private });
        row.created_at = Micros(NOW.0 + n);
        row.status = if n < 3 { SessionStatus::Running } else { SessionStatus::Paused };
        sessions::insert(&mut conn, &row, &SceneSource::Library("lobby".to_owned())).await.unwrap();
        ids.push(row.id);
    }
    ids.reverse();
    let scope = Scope::owner("ann");
    let mut seen = Vec::new();
    for offset in [0, 3, 6, 9] {
        let filter = SessionFilter { offset, limit: 3, ..SessionFilter::default() };
        let (rows, total) = sessions::list(&mut conn, &scope, &filter, NOW).await.unwrap();
        assert_eq!(total, 7);
        seen.extend(rows.into_iter().map(|row| row.id));
    }
    assert_eq!(seen, ids, "newest first, each once");
    let filter = SessionFilter {
        status: Some(SessionStatus::Running),
        visibility: Some(Visibility::Public),
        limit: 10,
        ..SessionFilter::default()
    };
    let (rows, total) = sessions::list(&mut conn, &scope, &filter, NOW).await.unwrap();
    assert_eq!((rows.len(), total), (2, 2));
}

async fn changes(db: Db) {
    let mut conn = db.begin().await.unwrap();
    let before = stored(&mut conn, "ann", Visibility::Public).await;
    let later = NOW.plus_s(1);
    let mut change = SessionChange {
        name: "dock".to_owned(),
        description: String::new(),
        visibility: Visibility::Unlisted,
        max_participants: 9,
        settings: before.settings.clone(),
        replication: ReplicationSettings { view_m: None, cell_m: Some(4.0), client_kbit_s: None },
        metadata: serde_json::Map::new(),
    };
    change.settings.guests = true;
    assert!(!sessions::update(&mut conn, &Scope::owner("bob"), before.id, &change, later).await.unwrap());
    assert!(sessions::update(&mut conn, &Scope::owner("ann"), before.id, &change, later).await.unwrap());
    sessions::set_status(&mut conn, before.id, SessionStatus::Crashed, Some("why"), later).await.unwrap();
    sessions::set_tick_rate(&mut conn, before.id, TickRate::try_from(60).unwrap()).await.unwrap();
    let after = sessions::find(&mut conn, &Scope::everything(), before.id, later).await.unwrap().unwrap();
    let mut expected = before;
    expected.name = change.name;
    expected.description = change.description;
    expected.visibility = change.visibility;
    expected.max_participants = change.max_participants;
    expected.settings = change.settings;
    expected.replication = change.replication;
    expected.metadata = change.metadata;
    expected.status = SessionStatus::Crashed;
    expected.status_reason = Some("why".to_owned());
    expected.tick_rate = TickRate::try_from(60).unwrap();
    expected.updated_at = later;
    expected.version = 2;
    assert_eq!(after, expected);
}

async fn walk(db: Db) {
    let mut conn = db.begin().await.unwrap();
    let mut ids = BTreeSet::new();
    for _ in 0..205 {
        ids.insert(stored(&mut conn, "ann", Visibility::Private).await.id);
    }
    let mut walked = Vec::new();
    let mut after = None;
    loop {
        let page = system::sessions_after(&mut conn, after, NOW).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        walked.extend(page.into_iter().map(|row| row.id));
    }
    assert_eq!(walked, ids.into_iter().collect::<Vec<_>>());
}
