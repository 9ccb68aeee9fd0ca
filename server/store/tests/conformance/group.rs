//! Transactions at once: each is all or nothing for itself, and whoever is told that it is written is.

use std::sync::Arc;

use hd1_api::Visibility;
use hd1_core::SessionId;
use hd1_store::sql::Sql;
use hd1_store::{Conn, Db, Scope, sessions};
use tokio::sync::Barrier;

use crate::{NOW, on_both, stored};

on_both! {
    of_many_at_once_each_is_there_when_it_is_told => many;
    one_that_fails_takes_no_other_with_it => failing;
}

async fn there(db: &Db, id: SessionId) -> bool {
    let mut conn = db.read().await.unwrap();
    sessions::find(&mut conn, &Scope::everything(), id, NOW).await.unwrap().is_some()
}

async fn many(db: Db) {
    let writers = (0..32).map(|_| {
        let db = db.clone();
        tokio::spawn(async move {
            for _ in 0..4 {
                let mut conn = db.begin().await.unwrap();
                let id = stored(&mut conn, "ann", Visibility::Public).await.id;
                conn.commit().await.unwrap();
                // A reader's connection sees what is committed and nothing else.
                assert!(there(&db, id).await, "told before it was written");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(sessions::count_owned(&mut db.read().await.unwrap(), "ann").await.unwrap(), 128);
}

async fn failing(db: Db) {
    let start = Arc::new(Barrier::new(24));
    let writers = (0..24).map(|n| {
        let (db, start) = (db.clone(), Arc::clone(&start));
        tokio::spawn(async move {
            start.wait().await;
            let mut conn = db.begin().await.unwrap();
            let session = stored(&mut conn, "ann", Visibility::Public).await;
            match n % 3 {
                0 => conn.commit().await.unwrap(),
                1 => drop(conn),
                _ => {
                    let scene = hd1_api::SceneSource::Library("lobby".to_owned());
                    sessions::insert(&mut conn, &session, &scene).await.unwrap_err();
                }
            }
            (session.id, n % 3 == 0)
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        let (id, expected) = writer.await.unwrap();
        assert_eq!(there(&db, id).await, expected);
    }
    assert_eq!(sessions::count_owned(&mut db.read().await.unwrap(), "ann").await.unwrap(), 8);
}

/// A transaction of `ann` that has finished and waits for its group, and one of `bob` that has its turn in the same.
async fn finished_and_at_work(db: &Db) -> (tokio::task::JoinHandle<hd1_store::Result<()>>, SessionId, Conn) {
    let mut first = db.begin().await.unwrap();
    let waiting = tokio::spawn({
        let db = db.clone();
        async move { db.begin().await.unwrap() }
    });
    // On one thread the other task runs up to where it waits for its turn.
    tokio::task::yield_now().await;
    let id = stored(&mut first, "ann", Visibility::Public).await.id;
    let committing = tokio::spawn(first.commit());
    let second = waiting.await.unwrap();
    (committing, id, second)
}

#[tokio::test]
async fn nobody_is_told_of_a_commit_before_the_whole_group_is_written() {
    let test = hd1_store::testing::sqlite().await;
    let (committing, id, mut second) = finished_and_at_work(&test.db).await;
    assert!(!committing.is_finished() && !there(&test.db, id).await);
    let other = stored(&mut second, "bob", Visibility::Public).await.id;
    drop(second);
    committing.await.unwrap().unwrap();
    assert!(there(&test.db, id).await && !there(&test.db, other).await, "a part that is dropped is dropped alone");
}

#[tokio::test]
async fn a_group_that_sqlite_gave_up_is_confirmed_to_nobody() {
    let test = hd1_store::testing::sqlite().await;
    let (committing, id, mut second) = finished_and_at_work(&test.db).await;
    // As a full disk does it: everything of the outer transaction is gone, behind the back of those who wait.
    second.exec(Sql::<0> { lite: "ROLLBACK", pg: "ROLLBACK" }, ()).await.unwrap();
    for committed in [second.commit().await, committing.await.unwrap()] {
        let refused = committed.unwrap_err().to_string();
        assert!(refused.contains("the commit failed"), "{refused}");
    }
    assert!(!there(&test.db, id).await);

    let mut conn = test.db.begin().await.unwrap();
    let id = stored(&mut conn, "ann", Visibility::Public).await.id;
    conn.commit().await.unwrap();
    assert!(there(&test.db, id).await, "the next one is as good as ever");
}

#[tokio::test]
async fn who_does_not_wait_for_its_commit_does_not_stop_the_others() {
    let test = hd1_store::testing::sqlite().await;
    let (committing, _, mut second) = finished_and_at_work(&test.db).await;
    committing.abort();
    let id = stored(&mut second, "bob", Visibility::Public).await.id;
    second.commit().await.unwrap();
    assert!(there(&test.db, id).await);
    test.db.close().await;
}
