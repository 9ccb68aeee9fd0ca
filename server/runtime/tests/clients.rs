//! Clients join, act, drop out, come back and are cut off, over links in memory.

mod support;

use hd1_core::{NetId, ParticipantId, SessionId};
use hd1_protocol::message::OpErrorCode;
use hd1_protocol::{CloseCode, InputSample, Operation};
use hd1_runtime::{Presence, Request, WorldQuery, WorldStatus};
use hd1_session::ServerEvent;
use support::{Rig, TestClient, hello, moving, spec, still, ticket};

fn op_result(client: &TestClient, id: u32) -> Option<&Result<Option<NetId>, hd1_protocol::message::OpError>> {
    client.events.iter().find_map(|event| match event {
        ServerEvent::OpResult { id: of, result, .. } if *of == id => Some(result),
        _ => None,
    })
}

fn completed(client: &TestClient) -> u64 {
    client.connection.mirror().acked().0
}

fn avatars(client: &TestClient) -> usize {
    let mirror = client.connection.mirror();
    let avatar = mirror.shapes().schemas().find(|schema| schema.name == "Avatar").map(|schema| schema.id);
    let Some(avatar) = avatar else { return 0 };
    mirror.entities().filter(|entity| mirror.record(entity.id(), avatar).is_some()).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_see_the_same_moving_world_and_each_other() {
    let rig = Rig::new(|_| {});
    let session = rig.world(&moving()).await;
    let (a, b) = (ParticipantId::generate(), ParticipantId::generate());
    let mut ada = rig.client(session, a, "ada");
    rig.until(&mut ada, |c| c.is_ready() && avatars(c) == 1).await;
    let mut bob = rig.client(session, b, "bob");
    rig.until(&mut bob, |c| c.is_ready() && avatars(c) == 2).await;
    let from = completed(&ada);
    rig.until(&mut ada, |c| avatars(c) == 2 && completed(c) > from + 20).await;
    assert!(
        ada.events.iter().any(|e| matches!(e, ServerEvent::Joined { participant, .. } if participant.name == "bob"))
    );
    assert_eq!(ada.connection.mirror().stats().desyncs, 0);
    let id = bob.connection.send_op(Operation::Chat { text: "hello".into() }).unwrap();
    rig.until(&mut bob, |c| op_result(c, id).is_some_and(Result::is_ok)).await;
    let heard =
        |c: &TestClient| c.events.iter().any(|e| matches!(e, ServerEvent::Chat { text, .. } if text == "hello"));
    rig.until(&mut ada, heard).await;
    bob.connection.bye();
    bob.pump(rig.now_us()).await;
    rig.until(&mut ada, |c| c.events.iter().any(|e| matches!(e, ServerEvent::Left { .. })) && avatars(c) == 1).await;
    let figures = rig.runtime.figures(session).unwrap();
    assert_eq!(figures.client_count, 1);
    assert!(figures.bytes_in > 0 && figures.bytes_out > 0);
    assert_eq!(rig.heard.presences.lock().unwrap().last(), Some(&(b, Presence::Left)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_wakes_a_hibernated_world_and_starts_no_stopped_one() {
    let rig = Rig::new(|_| {});
    let session = SessionId::generate();
    rig.runtime.create(session, spec(&still(), WorldStatus::Hibernated)).await.unwrap();
    let mut ada = rig.client(session, ParticipantId::generate(), "ada");
    rig.until(&mut ada, TestClient::is_ready).await;
    assert_eq!(rig.status(session), WorldStatus::Running);
    rig.runtime.lifecycle(session, Request::Hibernate).await.unwrap();
    rig.until(&mut ada, |c| c.closed.is_some()).await;
    assert_eq!(ada.closed.as_ref().unwrap().code, CloseCode::Hibernated);
    let presence = rig.heard.presences.lock().unwrap().last().map(|(_, presence)| *presence);
    assert_eq!(presence, Some(Presence::Absent), "whoever keeps records knows that nobody is connected");
    rig.runtime.lifecycle(session, Request::Stop).await.unwrap();
    let mut ada = rig.client(session, ParticipantId::generate(), "ada");
    rig.until(&mut ada, |c| c.closed.is_some()).await;
    assert_eq!(ada.closed.as_ref().unwrap().code, CloseCode::SessionEnded);
    assert_eq!(rig.status(session), WorldStatus::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_keeps_its_avatar_for_the_grace_period() {
    let rig = Rig::new(|config| config.hibernate_after = None);
    let session = rig.world(&still()).await;
    let mut watcher = rig.client(session, ParticipantId::generate(), "watcher");
    let mut ada = rig.client(session, ParticipantId::generate(), "ada");
    rig.until(&mut ada, TestClient::is_ready).await;
    rig.until(&mut watcher, |c| c.is_ready() && avatars(c) == 2).await;
    let player = ada.connection.welcome().unwrap().player;
    let first = ada.connection.resumption().unwrap();
    ada.connection.set_input(InputSample { forward: 1.0, ..Default::default() });
    rig.until(&mut ada, |c| c.connection.input_ack() == 1).await;
    drop(ada.link.take());
    // Part of the grace period later it comes back by its token, with a new one in hand.
    for _ in 0..20 * 20 {
        rig.step(1);
        watcher.pump(rig.now_us()).await;
    }
    let mut ada = rig.connect(first.hello.clone(), Some(first.clone()));
    rig.until(&mut ada, TestClient::is_ready).await;
    assert_eq!(ada.connection.welcome().unwrap().player, player);
    assert_eq!(avatars(&ada), 2);
    ada.connection.set_input(InputSample { forward: 1.0, ..Default::default() });
    rig.until(&mut ada, |c| c.connection.input_ack() == 1).await;
    // The old token was good once.
    let mut thief = rig.connect(first.hello.clone(), None);
    rig.until(&mut thief, |c| c.closed.is_some()).await;
    assert_eq!(thief.closed.as_ref().unwrap().code, CloseCode::BadResume);
    // The second loss lasts too long.
    let second = ada.connection.resumption().unwrap();
    drop(ada.link.take());
    rig.until(&mut watcher, |c| avatars(c) == 1).await;
    let mut late = rig.connect(second.hello.clone(), None);
    rig.until(&mut late, |c| c.closed.is_some()).await;
    assert_eq!(late.closed.as_ref().unwrap().code, CloseCode::BadResume);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newer_connection_of_a_participant_replaces_the_older() {
    let rig = Rig::new(|_| {});
    let session = rig.world(&still()).await;
    let participant = ParticipantId::generate();
    let mut old = rig.client(session, participant, "ada");
    rig.until(&mut old, TestClient::is_ready).await;
    let mut new = rig.client(session, participant, "ada");
    rig.until(&mut new, |c| c.is_ready() && avatars(c) == 1).await;
    rig.until(&mut old, |c| c.closed.is_some()).await;
    assert_eq!(old.closed.as_ref().unwrap().code, CloseCode::Replaced);
    for _ in 0..20 * 40 {
        rig.step(1);
        new.pump(rig.now_us()).await;
    }
    assert_eq!(rig.runtime.figures(session).unwrap().client_count, 1, "the old one leaving took nothing along");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_back_within_a_tick_is_heard_from_its_first_input() {
    let rig = Rig::new(|_| {});
    let session = rig.world(&still()).await;
    let participant = ParticipantId::generate();
    let mut old = rig.client(session, participant, "ada");
    rig.until(&mut old, TestClient::is_ready).await;
    for _ in 0..50 {
        old.connection.set_input(InputSample { forward: 1.0, ..Default::default() });
    }
    // The world does not tick: what the old one said last still waits.
    old.pump(rig.now_us()).await;
    let mut new = rig.client(session, participant, "ada");
    while !new.connection.is_live() {
        rig.settle();
        new.pump(rig.now_us()).await;
    }
    new.connection.set_input(InputSample { forward: 1.0, ..Default::default() });
    new.pump(rig.now_us()).await;
    rig.until(&mut new, |c| c.connection.input_ack() > 0).await;
    assert_eq!(new.connection.input_ack(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kicked_are_told_and_do_not_come_back_by_token() {
    let rig = Rig::new(|_| {});
    let session = rig.world(&still()).await;
    let participant = ParticipantId::generate();
    let mut ada = rig.client(session, participant, "ada");
    rig.until(&mut ada, TestClient::is_ready).await;
    let people = rig.runtime.query(session, WorldQuery::Participants).await.unwrap();
    assert_eq!(people[0]["name"], "ada");
    rig.runtime.kick(session, participant, "rude").await.unwrap();
    rig.runtime.kick(session, participant, "rude").await.unwrap();
    rig.until(&mut ada, |c| c.closed.is_some()).await;
    let closed = ada.closed.clone().unwrap();
    assert_eq!((closed.code, closed.reason.as_str()), (CloseCode::Kicked, "rude"));
    let mut again = rig.connect(ada.connection.resumption().unwrap().hello, None);
    rig.until(&mut again, |c| c.closed.is_some()).await;
    assert_eq!(again.closed.as_ref().unwrap().code, CloseCode::BadResume);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_tickets_used_tickets_and_silence_are_refused() {
    let rig = Rig::new(|_| {});
    let session = rig.world(&still()).await;
    let good = ticket(session, ParticipantId::generate(), "ada");
    let mut ada = rig.connect(hello(Some(good.clone()), None), None);
    rig.until(&mut ada, TestClient::is_ready).await;
    for bad in [good, "forged".into()] {
        let mut client = rig.connect(hello(Some(bad), None), None);
        rig.until(&mut client, |c| c.closed.is_some()).await;
        assert_eq!(client.closed.as_ref().unwrap().code, CloseCode::BadTicket);
    }
    let nowhere = ticket(SessionId::generate(), ParticipantId::generate(), "ada");
    let mut lost = rig.connect(hello(Some(nowhere), None), None);
    rig.until(&mut lost, |c| c.closed.is_some()).await;
    assert_eq!(lost.closed.as_ref().unwrap().code, CloseCode::SessionEnded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_world_can_be_looked_at_but_not_changed() {
    let rig = Rig::new(|_| {});
    let session = rig.world(&moving()).await;
    rig.step(3);
    rig.runtime.lifecycle(session, Request::Pause).await.unwrap();
    let mut ada = rig.client(session, ParticipantId::generate(), "ada");
    rig.until(&mut ada, TestClient::is_ready).await;
    assert_eq!(ada.connection.mirror().table().len(), 20);
    let id = ada.connection.send_op(Operation::Chat { text: "hello?".into() }).unwrap();
    rig.until(&mut ada, |c| op_result(c, id).is_some()).await;
    let refusal = op_result(&ada, id).unwrap().clone().unwrap_err();
    assert_eq!(refusal.code, OpErrorCode::Unavailable);
    rig.runtime.lifecycle(session, Request::Resume).await.unwrap();
    rig.until(&mut ada, |c| avatars(c) == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_is_dropped_and_delays_nobody() {
    let rig = Rig::new(|_| {});
    let session = rig.world(&moving()).await;
    let mut ada = rig.client(session, ParticipantId::generate(), "ada");
    rig.until(&mut ada, TestClient::is_ready).await;
    let mut stuck = rig.client(session, ParticipantId::generate(), "stuck");
    rig.until(&mut stuck, TestClient::is_ready).await;
    let from = rig.tick(session);
    let mut dropped_at = None;
    for n in 0..20 * 60 {
        rig.step(1);
        ada.pump(rig.now_us()).await;
        // It pings, so that it is not idle, but takes nothing out of its link.
        stuck.connection.handle_timeout(rig.now_us());
        if let Some(link) = &mut stuck.link {
            while let Some(hd1_session::Transmit::Packet(packet)) =
                stuck.connection.poll_transmit(rig.now_us(), link.room())
            {
                link.send(packet);
            }
        }
        if rig.runtime.figures(session).unwrap().client_count == 1 {
            dropped_at = Some(n);
            break;
        }
    }
    let ticks = rig.tick(session) - from;
    assert_eq!(Some(ticks), dropped_at.map(|n| n + 1), "no tick was left out");
    assert!(dropped_at.is_some_and(|n| n > 20 * 5), "conflated for a while first: {dropped_at:?}");
    assert!(ada.closed.is_none());
    assert_eq!(ada.connection.mirror().stats().desyncs, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn joins_race_with_hibernation_and_everyone_gets_in() {
    let rig = Rig::new(|_| {});
    let session = rig.world(&still()).await;
    for round in 0..60 {
        let runtime = rig.runtime.clone();
        let sleeper = tokio::spawn(async move { runtime.lifecycle(session, Request::Hibernate).await });
        let mut clients: Vec<_> =
            (0..3).map(|n| rig.client(session, ParticipantId::generate(), &format!("{round}-{n}"))).collect();
        for client in &mut clients {
            rig.until(client, |c| c.is_ready() || c.closed.is_some()).await;
            if let Some(closed) = &client.closed {
                assert_eq!(closed.code, CloseCode::Hibernated, "let in, then the world went to sleep");
            }
        }
        // It may have found the world asleep already, or been refused by nobody.
        sleeper.await.unwrap().unwrap();
        for mut client in clients {
            client.connection.bye();
            client.pump(rig.now_us()).await;
        }
    }
    rig.runtime.lifecycle(session, Request::Wake).await.unwrap();
    rig.step(20 * 40);
    assert_eq!(rig.runtime.figures(session).unwrap().client_count, 0);
    assert_eq!(rig.runtime.metrics().clients, 0);
    let people = rig.runtime.query(session, WorldQuery::Participants).await.unwrap();
    assert_eq!(people.as_array().map(Vec::len), Some(0), "nobody is left sitting: {people}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_tells_clients_to_come_back() {
    let rig = Rig::new(|_| {});
    let session = rig.world(&moving()).await;
    let mut ada = rig.client(session, ParticipantId::generate(), "ada");
    rig.until(&mut ada, |c| c.is_ready() && avatars(c) == 1).await;
    let runtime = rig.runtime.clone();
    let drain = tokio::spawn(async move { runtime.drain(std::time::Duration::from_secs(10)).await });
    rig.until(&mut ada, |c| c.closed.is_some()).await;
    assert_eq!(ada.closed.as_ref().unwrap().code, CloseCode::Draining);
    assert_eq!(drain.await.unwrap().saved, 1);
    // After the restart the same participant finds the same avatar.
    let again = Rig::at(rig.path(), |_| {});
    again.runtime.recover(session, spec(&moving(), WorldStatus::Running)).await.unwrap();
    let participant = ada.connection.welcome().unwrap().participant;
    let mut back = again.client(session, participant, "ada");
    again.until(&mut back, |c| c.is_ready() && avatars(c) == 1).await;
    assert_eq!(back.connection.welcome().unwrap().player, ada.connection.welcome().unwrap().player);
}
