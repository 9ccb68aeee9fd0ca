//! The database itself: migrations, transactions, kinds of failure.

use hd1_api::Visibility;
use hd1_store::{Claim, Db, Scope, StoreError, migrate, sessions, settings};

use crate::{NOW, on_both, stored};

on_both! {
    /// Down removes everything, up brings it back, and both may be repeated.
    migrations_go_down_and_up => down_and_up;
    dropped_transactions_leave_nothing => rollback;
    failures_have_their_kind => kinds;
    /// Readers cannot write on SQLite, so a misplaced write shows in the first test.
    settings_are_decided_once => decided_once;
}

async fn down_and_up(db: Db) {
    migrate::up(&db).await.unwrap();
    migrate::down(&db, 0).await.unwrap();
    let mut conn = db.read().await.unwrap();
    assert!(sessions::find(&mut conn, &Scope::everything(), hd1_core::SessionId::generate(), NOW).await.is_err());
    drop(conn);
    migrate::up(&db).await.unwrap();
    let mut conn = db.begin().await.unwrap();
    stored(&mut conn, "a", Visibility::Public).await;
    conn.commit().await.unwrap();
}

async fn rollback(db: Db) {
    let mut conn = db.begin().await.unwrap();
    let session = stored(&mut conn, "a", Visibility::Public).await;
    drop(conn);
    // The writer is free again and the row is not there.
    let mut conn = db.begin().await.unwrap();
    assert_eq!(sessions::find(&mut conn, &Scope::everything(), session.id, NOW).await.unwrap(), None);
}

async fn kinds(db: Db) {
    let mut conn = db.begin().await.unwrap();
    let session = stored(&mut conn, "a", Visibility::Public).await;
    conn.commit().await.unwrap();

    let mut conn = db.begin().await.unwrap();
    let scene = hd1_api::SceneSource::Library("lobby".to_owned());
    assert!(matches!(sessions::insert(&mut conn, &session, &scene).await, Err(StoreError::Duplicate)));
    drop(conn);

    let mut conn = db.begin().await.unwrap();
    let stray = crate::participant(hd1_core::SessionId::generate(), NOW);
    let added = hd1_store::participants::insert(&mut conn, &stray, b"h").await;
    assert!(matches!(added, Err(StoreError::Dangling)), "{added:?}");
}

async fn decided_once(db: Db) {
    let callers = (0..8).map(|n| {
        let db = db.clone();
        tokio::spawn(async move {
            let mut conn = db.begin().await.unwrap();
            let value = settings::value_or_insert(&mut conn, "installation", &n.to_string(), NOW).await.unwrap();
            conn.commit().await.unwrap();
            value
        })
    });
    let mut values = std::collections::BTreeSet::new();
    for caller in callers.collect::<Vec<_>>() {
        values.insert(caller.await.unwrap());
    }
    assert_eq!(values.len(), 1);

    if let Db::Lite { .. } = db {
        let mut reader = db.read().await.unwrap();
        assert!(settings::value_or_insert(&mut reader, "other", "x", NOW).await.is_err());
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_without_repeating_it() {
    for address in ["", "sqlite:x", "mysql://root:secret@host/db", "postgres", "postgres://hd1:secret@host:port/db"] {
        let error = Db::open_postgres(address, 2).await.unwrap_err();
        assert!(matches!(error, StoreError::Address), "{address}: {error}");
        assert!(!error.to_string().contains("secret"));
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_says_why() {
    let error = Db::open_postgres("postgres://hd1@localhost/hd1?host=/nowhere", 2).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(error.to_string().contains("No such file"), "{error}");
}

#[tokio::test]
async fn a_postgresql_database_serves_one_at_a_time() {
    let Some(test) = hd1_store::testing::postgres().await else { return };
    let first = Claim::of(&test.db).await.unwrap();
    assert!(matches!(Claim::of(&test.db).await, Err(StoreError::Claimed)));
    drop(first);
    Claim::of(&test.db).await.unwrap();
}
