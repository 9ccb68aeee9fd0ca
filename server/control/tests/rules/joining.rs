//! Places in a session: taken, kept, given up, never one too many.

use hd1_api::{
    ApiRole, CreateSession, ErrorCode, JoinRequest, LeaveRequest, ParticipantState, PatchSession, PatchSettings,
    Visibility,
};
use hd1_control::limits::ENTER_S;
use hd1_control::testing::Stage;
use hd1_control::{Authority, Control, ControlError, Expected, Join, Lifecycle, Page, Presence};
use hd1_core::{Role, SessionId};

use crate::{on_both, session, token};

on_both! {
    places_hold_under_a_rush => rush;
    a_rush_on_the_last_place_has_one_winner => last_place;
    a_place_is_kept_for_a_minute => kept;
    guests_come_where_they_may => guests;
    roles_go_no_higher_than_the_caller => roles;
    a_member_comes_back_as_itself => back;
    whoever_is_kicked_stays_away => kicked;
    leaving_frees_the_place => leaving;
    an_older_connections_end_takes_no_newer_place => late_news;
    whoever_presents_a_ticket_and_never_enters_loses_its_place => never_entered;
}

async fn places(stage: &Stage, max_participants: u32) -> SessionId {
    let id = session(stage, Visibility::Public, true).await.id;
    let patch = PatchSession { max_participants: Some(max_participants), ..PatchSession::default() };
    stage.control.patch_session(&Authority::admin(), id, &Expected::Any, patch).await.unwrap();
    id
}

async fn race(stage: &Stage, id: SessionId, callers: usize) -> (usize, usize) {
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let control = stage.control.clone();
            tokio::spawn(async move { control.join(&Authority::anonymous(), id, JoinRequest::default()).await })
        })
        .collect();
    let (mut joined, mut full) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => joined += 1,
            Err(ControlError::SessionFull) => full += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    (joined, full)
}

async fn rush(stage: Stage) {
    let id = places(&stage, 10).await;
    assert_eq!(race(&stage, id, 64).await, (10, 54));
    let record = stage.control.session(&Authority::admin(), id).await.unwrap();
    assert_eq!(record.participant_count, 10);
    // All ten redeem at once, and still nobody else gets in.
    assert_eq!(race(&stage, id, 16).await, (0, 16));
}

async fn last_place(stage: Stage) {
    for _ in 0..10 {
        let id = places(&stage, 1).await;
        assert_eq!(race(&stage, id, 12).await, (1, 11));
    }
}

async fn guest(control: &Control, id: SessionId) -> Result<Join, ControlError> {
    control.join(&Authority::anonymous(), id, JoinRequest::default()).await
}

async fn kept(stage: Stage) {
    let (control, id) = (&stage.control, places(&stage, 1).await);
    let first = guest(control, id).await.unwrap();
    stage.clock.advance_s(59);
    assert!(matches!(guest(control, id).await, Err(ControlError::SessionFull)));
    stage.clock.advance_s(1);
    let second = guest(control, id).await.unwrap();
    assert!(control.redeem_ticket(&first.ticket).await.is_err(), "its minute is over");
    control.redeem_ticket(&second.ticket).await.unwrap();
    told(&stage, id, &second, Presence::Here).await;
    stage.clock.advance_s(3_600);
    assert!(matches!(guest(control, id).await, Err(ControlError::SessionFull)), "whoever is connected keeps its place");
    told(&stage, id, &second, Presence::Gone).await;
    guest(control, id).await.unwrap();
}

/// The world tells where a participant is.
async fn told(stage: &Stage, id: SessionId, join: &Join, presence: Presence) {
    stage.control.record_presence(&[(id, join.participant, presence)]).await.unwrap();
}

async fn state(stage: &Stage, id: SessionId, join: &Join) -> ParticipantState {
    let all = stage.control.participants(&Authority::admin(), id, true, Page::default()).await.unwrap();
    all.participants.iter().find(|one| one.id == join.participant).unwrap().state
}

async fn late_news(stage: Stage) {
    let (control, id) = (&stage.control, places(&stage, 1).await);
    let first = guest(control, id).await.unwrap();
    control.redeem_ticket(&first.ticket).await.unwrap();
    told(&stage, id, &first, Presence::Here).await;
    assert_eq!(state(&stage, id, &first).await, ParticipantState::Connected);

    // The page is loaded again: a new ticket is presented, and only then comes the news that the older connection left.
    let member = control.authenticate(first.participant_token.as_ref().unwrap().expose()).await.unwrap();
    let again = control.join(&member, id, JoinRequest::default()).await.unwrap();
    control.redeem_ticket(&again.ticket).await.unwrap();
    told(&stage, id, &first, Presence::Gone).await;
    assert!(matches!(guest(control, id).await, Err(ControlError::SessionFull)), "the newer one is on its way in");
    assert_ne!(state(&stage, id, &first).await, ParticipantState::Left);
    told(&stage, id, &again, Presence::Here).await;
    assert_eq!(state(&stage, id, &first).await, ParticipantState::Connected);
    stage.clock.advance_s(3_600);
    assert!(matches!(guest(control, id).await, Err(ControlError::SessionFull)));

    // Once it is in, its own end frees the place at once.
    told(&stage, id, &again, Presence::Gone).await;
    assert_eq!(state(&stage, id, &first).await, ParticipantState::Left);
    let other = guest(control, id).await.unwrap();
    // Who was recorded as gone and is seen in the world is there: the world knows.
    told(&stage, id, &again, Presence::Here).await;
    assert_eq!(state(&stage, id, &again).await, ParticipantState::Connected);
    control.kick(&Authority::admin(), id, other.participant, "").await.unwrap();
    told(&stage, id, &other, Presence::Here).await;
    assert_eq!(state(&stage, id, &other).await, ParticipantState::Kicked, "late news brings nobody back");
}

async fn never_entered(stage: Stage) {
    let (control, id) = (&stage.control, places(&stage, 1).await);
    let lost = guest(control, id).await.unwrap();
    control.redeem_ticket(&lost.ticket).await.unwrap();
    stage.clock.advance_s(ENTER_S - 1);
    assert!(matches!(guest(control, id).await, Err(ControlError::SessionFull)), "it may still be on its way");
    stage.clock.advance_s(1);
    guest(control, id).await.unwrap();
}

async fn guests(stage: Stage) {
    let control = &stage.control;
    let closed = session(&stage, Visibility::Public, false).await.id;
    assert_eq!(guest(control, closed).await.err().unwrap().code(), ErrorCode::Unauthenticated);
    let open = session(&stage, Visibility::Public, true).await.id;
    assert_eq!(guest(control, open).await.unwrap().role, Role::Participant);
    let settings = PatchSettings { guest_role: Some(Role::Viewer), ..PatchSettings::default() };
    let patch = PatchSession { settings, ..PatchSession::default() };
    control.patch_session(&Authority::admin(), open, &Expected::Any, patch).await.unwrap();
    let joined = guest(control, open).await.unwrap();
    assert_eq!(joined.role, Role::Viewer);
    // A guest's token opens its own session and no other.
    let member = control.authenticate(joined.participant_token.unwrap().expose()).await.unwrap();
    assert_eq!(control.join(&member, closed, JoinRequest::default()).await.err().unwrap().code(), ErrorCode::Denied);
    for name in ["", "\u{7}bell", &"x".repeat(41)] {
        let wish = JoinRequest { name: Some(name.to_owned()), ..JoinRequest::default() };
        let refused = control.join(&Authority::anonymous(), open, wish).await;
        assert_eq!(refused.err().unwrap().code(), ErrorCode::Invalid);
    }
}

async fn roles(stage: Stage) {
    let control = &stage.control;
    let id = session(&stage, Visibility::Public, true).await.id;
    let developer = token(&stage, ApiRole::Developer).await;
    let own = control.create_session(&developer, CreateSession::named("own")).await.unwrap().id;
    for (authority, id, highest) in [
        (Authority::admin(), id, Role::Owner),
        (developer.clone(), own, Role::Owner),
        (developer, id, Role::Participant),
        (token(&stage, ApiRole::Viewer).await, id, Role::Viewer),
        (Authority::anonymous(), id, Role::Participant),
    ] {
        assert_eq!(control.join(&authority, id, JoinRequest::default()).await.unwrap().role, highest);
        for role in [Role::Viewer, Role::Participant, Role::Moderator, Role::Owner] {
            let wish = JoinRequest { role: Some(role), ..JoinRequest::default() };
            assert_eq!(control.join(&authority, id, wish).await.is_ok(), role <= highest, "{authority:?} as {role:?}");
        }
    }
}

async fn back(stage: Stage) {
    let (control, id) = (&stage.control, places(&stage, 1).await);
    let first = guest(control, id).await.unwrap();
    let secret = first.participant_token.as_ref().unwrap();
    control.redeem_ticket(&first.ticket).await.unwrap();
    told(&stage, id, &first, Presence::Here).await;
    let member = control.authenticate(secret.expose()).await.unwrap();
    // Still connected: the page was reloaded. The full session has room for the one who is in it.
    let again = control.join(&member, id, JoinRequest::default()).await.unwrap();
    assert_eq!(again.participant, first.participant);
    told(&stage, id, &first, Presence::Gone).await;
    assert!(matches!(guest(control, id).await, Err(ControlError::SessionFull)), "the new ticket keeps the place");
    let newest = control.join(&member, id, JoinRequest::default()).await.unwrap();
    assert!(control.redeem_ticket(&again.ticket).await.is_err(), "only the newest ticket is good");
    assert_eq!(control.redeem_ticket(&newest.ticket).await.unwrap().participant, first.participant);
    told(&stage, id, &first, Presence::Here).await;
    told(&stage, id, &first, Presence::Gone).await;
    guest(control, id).await.unwrap();
    assert!(matches!(control.join(&member, id, JoinRequest::default()).await, Err(ControlError::SessionFull)));
}

async fn kicked(stage: Stage) {
    let control = &stage.control;
    let id = session(&stage, Visibility::Public, true).await.id;
    let joined = guest(control, id).await.unwrap();
    let secret = joined.participant_token.unwrap();
    let member = control.authenticate(secret.expose()).await.unwrap();
    assert_eq!(control.kick(&member, id, joined.participant, "").await.err().unwrap().code(), ErrorCode::Denied);
    let wish = JoinRequest { role: Some(Role::Moderator), ..JoinRequest::default() };
    let moderator = control.join(&Authority::admin(), id, wish).await.unwrap();
    let moderator_self = moderator.participant;
    let moderator = control.authenticate(moderator.participant_token.unwrap().expose()).await.unwrap();
    control.kick(&moderator, id, joined.participant, "spam").await.unwrap();
    assert_eq!(control.kick(&moderator, id, moderator_self, "").await.err().unwrap().code(), ErrorCode::Denied);

    assert!(control.redeem_ticket(&joined.ticket).await.is_err(), "its ticket is taken back");
    assert!(control.authenticate(secret.expose()).await.is_err(), "its token as well");
    assert!(control.join(&member, id, JoinRequest::default()).await.is_err());
    assert_eq!(stage.worlds.lock()[&id].kicked, [(joined.participant, "spam".to_owned())]);
    let all = control.participants(&Authority::admin(), id, true, Page::default()).await.unwrap();
    let state = all.participants.iter().find(|one| one.id == joined.participant).unwrap().state;
    assert_eq!(state, ParticipantState::Kicked);
    let elsewhere = session(&stage, Visibility::Public, true).await.id;
    let foreign = control.kick(&Authority::admin(), elsewhere, joined.participant, "").await;
    assert_eq!(foreign.err().unwrap().code(), ErrorCode::NotFound);
}

async fn leaving(stage: Stage) {
    let (control, id) = (&stage.control, places(&stage, 1).await);
    let joined = guest(control, id).await.unwrap();
    let member = control.authenticate(joined.participant_token.unwrap().expose()).await.unwrap();
    let stranger = token(&stage, ApiRole::Developer).await;
    let wish = LeaveRequest { participant_id: Some(joined.participant) };
    let refused = control.leave(&stranger, id, wish).await;
    assert_eq!(refused.err().unwrap().code(), ErrorCode::Denied);
    control.leave(&member, id, LeaveRequest::default()).await.unwrap();
    assert!(control.redeem_ticket(&joined.ticket).await.is_err());
    assert_eq!(control.leave(&member, id, LeaveRequest::default()).await.err().unwrap().code(), ErrorCode::NotFound);
    // A token ends what it began.
    let developer = token(&stage, ApiRole::Developer).await;
    let own = control.join(&developer, id, JoinRequest::default()).await.unwrap();
    let wish = LeaveRequest { participant_id: Some(own.participant) };
    control.leave(&developer, id, wish).await.unwrap();
    control.step(&Authority::admin(), id, Lifecycle::Stop).await.unwrap();
    assert_eq!(guest(control, id).await.err().unwrap().code(), ErrorCode::SessionNotRunning);
}
