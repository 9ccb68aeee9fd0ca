//! Participants: joining, coming back, leaving, being sent away.

use hd1_api::{JoinRequest, LeaveRequest, Participant, ParticipantList, ParticipantState, Timestamp};
use hd1_core::{Micros, ParticipantId, Role, SessionId};
use hd1_store::participants::{self as repo, ParticipantRecord};
use hd1_store::sessions::{self, SessionRecord};
use hd1_store::{Conn, tickets};
use serde_json::{Value, json};

use crate::authority::{Authority, Caller};
use crate::control::{Control, Page};
use crate::error::{ControlError, Result};
use crate::limits;
use crate::rules::Checks;
use crate::secret::{Secret, SecretKind};

/// A place in a session and the means to take it.
#[derive(Clone, Debug)]
pub struct Join {
    /// The membership.
    pub participant: ParticipantId,
    /// Its role.
    pub role: Role,
    /// The ticket for the realtime connection.
    pub ticket: String,
    /// The membership's own bearer token; for one that came back, the one it came with.
    pub participant_token: Option<Secret>,
    /// Seconds until the ticket expires and the place is given up.
    pub expires_in_s: u32,
}

/// Where a world says that a participant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// In it, connected or expected back.
    Here,
    /// Not any more: its connection ended, and its time for coming back with it.
    Gone,
}

impl Control {
    /// Takes a place in a session, waking its world if need be. The holder of a participant token comes back under
    /// its membership; everybody else gets a new one.
    ///
    /// # Errors
    /// [`ControlError::SessionFull`], [`ControlError::NotRunning`], a missing right, values that break rules.
    pub async fn join(&self, authority: &Authority, id: SessionId, wish: JoinRequest) -> Result<Join> {
        let record = self.visible(authority, id).await?;
        let highest = authority.join(&record)?;
        let role = wish.role.unwrap_or(highest);
        if role > highest {
            return Err(ControlError::Denied("the caller may not have this role here"));
        }
        let name = participant_name(authority, wish.name)?;
        let name = self.named_by_plugins(id, name, role, wish.client_type).await?;
        self.ensure_awake(id).await?;

        let now = self.now();
        let mut conn = self.inner.db.begin().await?;
        // From here to the commit nobody else takes a place in this session. What was judged above may have changed.
        let locked = sessions::find_for_update(&mut conn, &authority.scope(), id, now).await?;
        let record = locked.ok_or(ControlError::NotFound("session"))?;
        let role = role.min(authority.join(&record)?);
        let join = match authority.caller() {
            Caller::Member { session, participant, .. } if *session == id => {
                self.come_back(&mut conn, &record, *participant, now).await?
            }
            Caller::Anonymous
            | Caller::Admin
            | Caller::Token { .. }
            | Caller::Vouched { .. }
            | Caller::Member { .. } => self.come_new(&mut conn, authority, &record, name, role, now).await?,
        };
        conn.commit().await?;
        Ok(join)
    }

    /// The name under which plugins let somebody in, where they do.
    async fn named_by_plugins(
        &self,
        session: SessionId,
        name: String,
        role: Role,
        client_type: Option<hd1_core::ClientType>,
    ) -> Result<String> {
        if !self.is_hooked("participant.joining") {
            return Ok(name);
        }
        let about = json!({ "session_id": session, "name": name, "role": role, "client_type": client_type });
        let filtered = self.filtered("participant.joining", about).await?;
        let given = filtered["name"].as_str().unwrap_or(&name);
        let mut checks = Checks::default();
        checks.line("name", given, limits::PARTICIPANT_NAME_CHARS_MAX);
        // A name that a plugin spoilt is none; the one that was wished for is good.
        Ok(if checks.done().is_ok() { given.trim().to_owned() } else { name })
    }

    async fn come_new(
        &self,
        conn: &mut Conn,
        authority: &Authority,
        session: &SessionRecord,
        name: String,
        role: Role,
        now: Micros,
    ) -> Result<Join> {
        if session.participant_count >= session.max_participants {
            return Err(ControlError::SessionFull);
        }
        let participant = ParticipantId::generate();
        let ticket = self.sign_ticket(session.id, participant, now)?;
        let secret = Secret::generate(SecretKind::Participant);
        let member = authority.owner();
        let row = ParticipantRecord {
            session: session.id,
            id: participant,
            name,
            role,
            state: ParticipantState::Joining,
            guest: member.is_none(),
            member: member.unwrap_or_default(),
            held_until: ticket.expires_at,
            joined_at: now,
            updated_at: now,
        };
        repo::insert(conn, &row, &secret.hash().0).await?;
        tickets::insert(conn, &ticket.jti, session.id, participant, ticket.expires_at).await?;
        Ok(Join {
            participant,
            role,
            ticket: ticket.into_text(),
            participant_token: Some(secret),
            expires_in_s: limits::TICKET_LIFE_S,
        })
    }

    async fn come_back(
        &self,
        conn: &mut Conn,
        session: &SessionRecord,
        participant: ParticipantId,
        now: Micros,
    ) -> Result<Join> {
        let row = repo::find(conn, session.id, participant).await?.ok_or(ControlError::Unauthenticated)?;
        let others = repo::places_taken(conn, session.id, Some(participant), now).await?;
        if others >= u64::from(session.max_participants) {
            return Err(ControlError::SessionFull);
        }
        let ticket = self.sign_ticket(session.id, participant, now)?;
        if !repo::hold(conn, session.id, participant, ticket.expires_at, now).await? {
            return Err(ControlError::Denied("this participant was sent away"));
        }
        // One good ticket at a time: an older one that leaked is worth nothing once the next is asked for.
        tickets::revoke(conn, session.id, participant).await?;
        tickets::insert(conn, &ticket.jti, session.id, participant, ticket.expires_at).await?;
        Ok(Join {
            participant,
            role: row.role,
            ticket: ticket.into_text(),
            participant_token: None,
            expires_in_s: limits::TICKET_LIFE_S,
        })
    }

    /// Ends a membership: one's own, one that the same token made, or any in a session that the caller manages.
    ///
    /// # Errors
    /// A missing right; [`ControlError::NotFound`] for a participant that is not present.
    pub async fn leave(&self, authority: &Authority, id: SessionId, wish: LeaveRequest) -> Result<()> {
        let record = self.visible(authority, id).await?;
        let own = match authority.caller() {
            Caller::Member { session, participant, .. } if *session == id => Some(*participant),
            Caller::Anonymous
            | Caller::Admin
            | Caller::Token { .. }
            | Caller::Vouched { .. }
            | Caller::Member { .. } => None,
        };
        let Some(leaver) = wish.participant_id.or(own) else {
            return Err(ControlError::invalid(
                "participant_id",
                "is required unless the token is the participant's own",
            ));
        };
        let mut conn = self.inner.db.begin().await?;
        let row = repo::find(&mut conn, id, leaver).await?;
        let theirs = own == Some(leaver)
            || row.as_ref().is_some_and(|row| authority.owner().is_some_and(|owner| owner == row.member));
        if !theirs {
            authority.manage(&record)?;
        }
        let left = repo::leave(&mut conn, id, leaver, self.now()).await?;
        tickets::revoke(&mut conn, id, leaver).await?;
        if row.is_some_and(|row| row.state == ParticipantState::Connected) && left {
            self.tell(&mut conn, "participant.left", about(id, leaver)).await?;
        }
        self.commit(conn).await?;
        if !left {
            return Err(ControlError::NotFound("participant"));
        }
        Ok(self.worlds().kick(id, leaver, "left").await?)
    }

    /// Sends a participant away for good.
    ///
    /// # Errors
    /// A missing right; [`ControlError::NotFound`] for one that is not of this session.
    pub async fn kick(
        &self,
        authority: &Authority,
        id: SessionId,
        participant: ParticipantId,
        reason: &str,
    ) -> Result<()> {
        let record = self.visible(authority, id).await?;
        authority.moderate(&record)?;
        let mut checks = Checks::default();
        checks.text("reason", reason, limits::KICK_REASON_CHARS_MAX);
        checks.done()?;
        let mut conn = self.inner.db.begin().await?;
        let row = repo::find(&mut conn, id, participant).await?.ok_or(ControlError::NotFound("participant"))?;
        if !authority.manages(&record) && row.role >= Role::Moderator {
            return Err(ControlError::Denied("a moderator does not send moderators and owners away"));
        }
        repo::kick(&mut conn, id, participant, self.now()).await?;
        tickets::revoke(&mut conn, id, participant).await?;
        if row.state == ParticipantState::Connected {
            self.tell(&mut conn, "participant.left", about(id, participant)).await?;
        }
        self.tell(&mut conn, "participant.kicked", about(id, participant)).await?;
        self.commit(conn).await?;
        Ok(self.worlds().kick(id, participant, reason).await?)
    }

    /// A page of a session's participants in the order they came; only those present, unless `everybody`.
    ///
    /// # Errors
    /// A missing right.
    pub async fn participants(
        &self,
        authority: &Authority,
        id: SessionId,
        everybody: bool,
        page: Page,
    ) -> Result<ParticipantList> {
        let mut conn = self.inner.db.read().await?;
        let record = self.visible_in(&mut conn, authority, id).await?;
        authority.watch(&record)?;
        let (rows, total) = repo::list(&mut conn, id, !everybody, page.offset, page.limit, self.now()).await?;
        let pagination = page.envelope(total, rows.len());
        Ok(ParticipantList { participants: rows.into_iter().map(to_api).collect(), pagination })
    }

    /// Records where worlds say that participants are, in one transaction. Of what is told of one participant the last
    /// must be told last; what was true in between may be left out.
    ///
    /// Only this makes a participant connected: a ticket presented keeps the place for the moment between, so that the
    /// news of an older connection's end, however late, takes no place from a newer one.
    ///
    /// # Errors
    /// What the database says; nothing is recorded then.
    pub async fn record_presence(&self, news: &[(SessionId, ParticipantId, Presence)]) -> Result<()> {
        let now = self.now();
        let mut conn = self.inner.db.begin().await?;
        for (session, participant, presence) in news {
            let (is_news, point) = match presence {
                Presence::Here => {
                    let was_here = self.is_hooked("participant.joined")
                        && repo::find(&mut conn, *session, *participant)
                            .await?
                            .is_some_and(|row| row.state == ParticipantState::Connected);
                    (repo::enter(&mut conn, *session, *participant, now).await? && !was_here, "participant.joined")
                }
                Presence::Gone => (repo::disconnect(&mut conn, *session, *participant, now).await?, "participant.left"),
            };
            if is_news {
                self.tell(&mut conn, point, about(*session, *participant)).await?;
            }
        }
        self.commit(conn).await
    }
}

/// What plugins are told of one of them.
fn about(session: SessionId, participant: ParticipantId) -> Value {
    json!({ "session_id": session, "participant_id": participant })
}

fn participant_name(authority: &Authority, wish: Option<String>) -> Result<String> {
    let name = match (wish, authority.caller()) {
        (Some(name), _) => name,
        (None, Caller::Admin) => "admin".to_owned(),
        (None, Caller::Token { name, .. } | Caller::Vouched { name, .. }) => {
            name.chars().take(limits::PARTICIPANT_NAME_CHARS_MAX).collect()
        }
        (None, Caller::Anonymous | Caller::Member { .. }) => "guest".to_owned(),
    };
    let mut checks = Checks::default();
    checks.line("name", &name, limits::PARTICIPANT_NAME_CHARS_MAX);
    checks.done()?;
    Ok(name.trim().to_owned())
}

fn to_api(record: ParticipantRecord) -> Participant {
    Participant {
        id: record.id,
        session_id: record.session,
        name: record.name,
        role: record.role,
        state: record.state,
        guest: record.guest,
        joined_at: Timestamp(record.joined_at),
        updated_at: Timestamp(record.updated_at),
    }
}
