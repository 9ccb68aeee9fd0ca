//! Participants and tickets: places, and things that work exactly once.

use hd1_api::{ParticipantState, Visibility};
use hd1_core::{Micros, ParticipantId, SessionId};
use hd1_store::participants::{self, ParticipantRecord};
use hd1_store::{Db, Scope, StoreError, sessions, system, tickets};

use crate::{NOW, on_both, participant, stored};

on_both! {
    members_are_found_inside_their_session => found;
    places_are_held_and_given_up => places;
    a_ticket_works_once => once;
    of_sixty_four_who_present_a_ticket_one_gets_in => race;
    a_ticket_belongs_to_its_session => foreign_ticket;
    what_is_over_is_swept => swept;
}

async fn world(db: &Db) -> (SessionId, ParticipantRecord) {
    let mut conn = db.begin().await.unwrap();
    let session = stored(&mut conn, "ann", Visibility::Public).await.id;
    let member = participant(session, NOW.plus_s(60));
    participants::insert(&mut conn, &member, b"first").await.unwrap();
    conn.commit().await.unwrap();
    (session, member)
}

async fn found(db: Db) {
    let (session, member) = world(&db).await;
    let mut conn = db.begin().await.unwrap();
    let other = stored(&mut conn, "bob", Visibility::Public).await.id;
    assert_eq!(participants::find(&mut conn, session, member.id).await.unwrap(), Some(member.clone()));
    assert_eq!(participants::find(&mut conn, other, member.id).await.unwrap(), None);
    assert_eq!(participants::find_by_token(&mut conn, b"first").await.unwrap(), Some(member.clone()));
    assert_eq!(participants::find_by_token(&mut conn, b"second").await.unwrap(), None);
    for kicked in [
        participants::kick(&mut conn, other, member.id, NOW).await.unwrap(),
        participants::leave(&mut conn, other, member.id, NOW).await.unwrap(),
        participants::hold(&mut conn, other, member.id, NOW, NOW).await.unwrap(),
        participants::admit(&mut conn, other, member.id, NOW.plus_s(9), NOW).await.unwrap().is_some(),
        participants::enter(&mut conn, other, member.id, NOW).await.unwrap(),
    ] {
        assert!(!kicked, "another session's member was touched");
    }
    let twin = participant(session, NOW);
    assert!(matches!(participants::insert(&mut conn, &twin, b"first").await, Err(StoreError::Duplicate)));
}

async fn places(db: Db) {
    let (session, member) = world(&db).await;
    let mut conn = db.begin().await.unwrap();
    let taken = async |conn: &mut hd1_store::Conn, now: Micros| {
        let count = participants::places_taken(conn, session, None, now).await.unwrap();
        let row = sessions::find(conn, &Scope::everything(), session, now).await.unwrap().unwrap();
        assert_eq!(u64::from(row.participant_count), count, "the session's own count agrees");
        count
    };
    assert_eq!(taken(&mut conn, NOW).await, 1, "held");
    assert_eq!(participants::places_taken(&mut conn, session, Some(member.id), NOW).await.unwrap(), 0);
    assert_eq!(taken(&mut conn, NOW.plus_s(60)).await, 0, "the hold ran out");
    let held = |now: Micros| now.plus_s(15);
    let admit = async |conn: &mut hd1_store::Conn, now: Micros| {
        participants::admit(conn, session, member.id, held(now), now).await.unwrap()
    };
    assert!(admit(&mut conn, NOW.plus_s(60)).await.is_none());
    let admitted = admit(&mut conn, NOW.plus_s(50)).await.unwrap();
    assert_eq!((admitted.state, admitted.held_until), (ParticipantState::Joining, NOW.plus_s(65)), "on its way in");
    assert_eq!(taken(&mut conn, NOW.plus_s(64)).await, 1);
    assert!(participants::enter(&mut conn, session, member.id, NOW.plus_s(51)).await.unwrap());
    assert_eq!(taken(&mut conn, NOW.plus_s(600)).await, 1, "connected");

    // Coming back under the same membership while the old connection still stands: the place survives its end.
    assert!(participants::hold(&mut conn, session, member.id, NOW.plus_s(700), NOW.plus_s(650)).await.unwrap());
    assert!(participants::disconnect(&mut conn, session, member.id, NOW.plus_s(660)).await.unwrap());
    assert_eq!(taken(&mut conn, NOW.plus_s(660)).await, 1);
    assert!(admit(&mut conn, NOW.plus_s(670)).await.is_some());
    assert!(!participants::disconnect(&mut conn, session, member.id, NOW.plus_s(670)).await.unwrap(), "not in yet");
    assert!(participants::enter(&mut conn, session, member.id, NOW.plus_s(671)).await.unwrap());
    assert!(participants::disconnect(&mut conn, session, member.id, NOW.plus_s(671)).await.unwrap());
    assert_eq!(taken(&mut conn, NOW.plus_s(671)).await, 0);
    let (present, total) = participants::list(&mut conn, session, true, 0, 10, NOW.plus_s(671)).await.unwrap();
    assert_eq!((present.len(), total), (0, 0));
    let (all, total) = participants::list(&mut conn, session, false, 0, 10, NOW.plus_s(671)).await.unwrap();
    assert_eq!((all[0].state, total), (ParticipantState::Left, 1));

    assert!(participants::kick(&mut conn, session, member.id, NOW.plus_s(680)).await.unwrap());
    assert!(!participants::hold(&mut conn, session, member.id, NOW.plus_s(900), NOW.plus_s(690)).await.unwrap());
    assert!(!participants::enter(&mut conn, session, member.id, NOW.plus_s(690)).await.unwrap(), "kicked is kicked");
}

async fn once(db: Db) {
    let (session, member) = world(&db).await;
    let mut conn = db.begin().await.unwrap();
    tickets::insert(&mut conn, "t1", session, member.id, NOW.plus_s(60)).await.unwrap();
    assert!(!tickets::redeem(&mut conn, "t1", session, ParticipantId::generate(), NOW).await.unwrap());
    assert!(!tickets::redeem(&mut conn, "t1", session, member.id, NOW.plus_s(60)).await.unwrap(), "expired");
    assert!(tickets::redeem(&mut conn, "t1", session, member.id, NOW.plus_s(59)).await.unwrap());
    assert!(!tickets::redeem(&mut conn, "t1", session, member.id, NOW.plus_s(59)).await.unwrap(), "used");
    tickets::insert(&mut conn, "t2", session, member.id, NOW.plus_s(60)).await.unwrap();
    assert_eq!(tickets::revoke(&mut conn, session, member.id).await.unwrap(), 1);
    assert!(!tickets::redeem(&mut conn, "t2", session, member.id, NOW).await.unwrap(), "revoked");
}

async fn race(db: Db) {
    let (session, member) = world(&db).await;
    let mut conn = db.begin().await.unwrap();
    tickets::insert(&mut conn, "t", session, member.id, NOW.plus_s(60)).await.unwrap();
    conn.commit().await.unwrap();
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move {
                let mut conn = db.begin().await.unwrap();
                let good = tickets::redeem(&mut conn, "t", session, member.id, NOW).await.unwrap();
                conn.commit().await.unwrap();
                good
            })
        })
        .collect();
    let mut admitted = 0;
    for task in tasks {
        admitted += u32::from(task.await.unwrap());
    }
    assert_eq!(admitted, 1);
}

async fn foreign_ticket(db: Db) {
    let (_, member) = world(&db).await;
    let mut conn = db.begin().await.unwrap();
    let other = stored(&mut conn, "bob", Visibility::Public).await.id;
    let added = tickets::insert(&mut conn, "t", other, member.id, NOW.plus_s(60)).await;
    assert!(matches!(added, Err(StoreError::Dangling)), "{added:?}");
}

async fn swept(db: Db) {
    let (session, member) = world(&db).await;
    let mut conn = db.begin().await.unwrap();
    tickets::insert(&mut conn, "t", session, member.id, NOW.plus_s(60)).await.unwrap();
    participants::enter(&mut conn, session, member.id, NOW).await.unwrap();
    assert_eq!(system::sweep(&mut conn, NOW.plus_s(61), NOW.plus_s(61), NOW).await.unwrap(), 1, "the ticket");
    assert_eq!(system::disconnect_everybody(&mut conn, NOW.plus_s(62)).await.unwrap(), 1);
    assert_eq!(system::sweep(&mut conn, NOW.plus_s(70), NOW.plus_s(62), NOW).await.unwrap(), 0, "not long enough gone");
    assert_eq!(system::sweep(&mut conn, NOW.plus_s(70), NOW.plus_s(63), NOW).await.unwrap(), 1);
    assert!(sessions::find(&mut conn, &Scope::everything(), session, NOW).await.unwrap().is_some());
}
