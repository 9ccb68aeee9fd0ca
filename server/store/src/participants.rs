//! Participants: memberships of a session and the places they take.
//!
//! A place is taken by whoever is `connected`, and by whoever is `joining` until `held_until`. Whoever judges by the
//! number of places first locks the session with [`crate::sessions::find_for_update`].

use hd1_api::ParticipantState;
use hd1_core::{Micros, ParticipantId, Role, SessionId};

use crate::limits::PAGE_ROWS_MAX;
use crate::sql::sql;
use crate::{Conn, Result, StoreError};

/// A participant's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParticipantRecord {
    /// The session.
    pub session: SessionId,
    /// The membership.
    pub id: ParticipantId,
    /// The name others see.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Where it stands.
    pub state: ParticipantState,
    /// Whether it came without a token.
    pub guest: bool,
    /// Who it is: `admin`, an API token's id, or empty for a guest.
    pub member: String,
    /// Until when its place is kept while it is not `connected`: to present its ticket, then to enter the world.
    pub held_until: Micros,
    /// When it was made.
    pub joined_at: Micros,
    /// When its state last changed.
    pub updated_at: Micros,
}

#[derive(sqlx::FromRow)]
struct ParticipantRow {
    session_id: String,
    id: String,
    name: String,
    role: String,
    state: String,
    guest: bool,
    member: String,
    held_until: i64,
    joined_at: i64,
    updated_at: i64,
}

impl TryFrom<ParticipantRow> for ParticipantRecord {
    type Error = StoreError;

    fn try_from(row: ParticipantRow) -> Result<Self> {
        let corrupt = |column| StoreError::Corrupt { table: "participants", key: row.id.clone(), column };
        Ok(Self {
            session: row.session_id.parse().map_err(|_| corrupt("session_id"))?,
            id: row.id.parse().map_err(|_| corrupt("id"))?,
            role: Role::parse(&row.role).ok_or_else(|| corrupt("role"))?,
            state: ParticipantState::parse(&row.state).ok_or_else(|| corrupt("state"))?,
            name: row.name,
            guest: row.guest,
            member: row.member,
            held_until: Micros(row.held_until),
            joined_at: Micros(row.joined_at),
            updated_at: Micros(row.updated_at),
        })
    }
}

macro_rules! columns {
    () => {
        "session_id, id, name, role, state, guest, member, held_until, joined_at, updated_at"
    };
}

/// Adds a participant whose own token has this SHA-256.
///
/// # Errors
/// [`StoreError::Dangling`] when there is no such session.
pub async fn insert(conn: &mut Conn, participant: &ParticipantRecord, token_hash: &[u8]) -> Result<()> {
    conn.exec(
        sql!(
            "INSERT INTO participants (session_id, id, name, role, state, guest, member, held_until, joined_at, \
             updated_at, token_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
        ),
        (
            participant.session.to_string(),
            participant.id.to_string(),
            participant.name.as_str(),
            participant.role.as_str(),
            participant.state.as_str(),
            participant.guest,
            participant.member.as_str(),
            participant.held_until.0,
            participant.joined_at.0,
            participant.updated_at.0,
            token_hash,
        ),
    )
    .await?;
    Ok(())
}

/// The participant of this session and id.
///
/// # Errors
/// What the database says.
pub async fn find(conn: &mut Conn, session: SessionId, id: ParticipantId) -> Result<Option<ParticipantRecord>> {
    let row: Option<ParticipantRow> = conn
        .opt(
            sql!(concat!("SELECT ", columns!(), " FROM participants WHERE session_id = $1 AND id = $2")),
            (session.to_string(), id.to_string()),
        )
        .await?;
    row.map(TryInto::try_into).transpose()
}

/// The participant whose own token has this SHA-256. The secret is the scope.
///
/// # Errors
/// What the database says.
pub async fn find_by_token(conn: &mut Conn, token_hash: &[u8]) -> Result<Option<ParticipantRecord>> {
    let row: Option<ParticipantRow> = conn
        .opt(sql!(concat!("SELECT ", columns!(), " FROM participants WHERE token_hash = $1")), (token_hash,))
        .await?;
    row.map(TryInto::try_into).transpose()
}

/// A page of a session's participants in the order they came, and how many there are in all. `present` leaves out those
/// that are gone or whose held place ran out.
///
/// # Errors
/// What the database says.
pub async fn list(
    conn: &mut Conn,
    session: SessionId,
    present: bool,
    offset: u32,
    limit: u32,
    now: Micros,
) -> Result<(Vec<ParticipantRecord>, u64)> {
    macro_rules! shown {
        () => {
            "session_id = $1 AND (NOT $2 OR state = 'connected' OR (state = 'joining' AND held_until > $3))"
        };
    }
    let session = session.to_string();
    let (total,): (i64,) = conn
        .one(sql!(concat!("SELECT count(*) FROM participants WHERE ", shown!())), (session.as_str(), present, now.0))
        .await?;
    let rows: Vec<ParticipantRow> = conn
        .all(
            sql!(concat!(
                "SELECT ",
                columns!(),
                " FROM participants WHERE ",
                shown!(),
                " ORDER BY joined_at, id LIMIT $4 OFFSET $5"
            )),
            (session.as_str(), present, now.0, i64::from(limit.min(PAGE_ROWS_MAX)), i64::from(offset)),
        )
        .await?;
    Ok((rows.into_iter().map(TryInto::try_into).collect::<Result<_>>()?, total.unsigned_abs()))
}

/// Places of a session taken now by others than `except`.
///
/// # Errors
/// What the database says.
pub async fn places_taken(
    conn: &mut Conn,
    session: SessionId,
    except: Option<ParticipantId>,
    now: Micros,
) -> Result<u64> {
    let except = except.map(|id| id.to_string()).unwrap_or_default();
    let (taken,): (i64,) = conn
        .one(
            sql!(
                "SELECT count(*) FROM participants WHERE session_id = $1 AND id <> $2 \
                 AND (state = 'connected' OR (state = 'joining' AND held_until > $3))"
            ),
            (session.to_string(), except.as_str(), now.0),
        )
        .await?;
    Ok(taken.unsigned_abs())
}

/// Keeps a place until `held_until` for one that comes back; whoever is connected stays so. Answers whether there is
/// one that was not kicked.
///
/// # Errors
/// What the database says.
pub async fn hold(
    conn: &mut Conn,
    session: SessionId,
    id: ParticipantId,
    held_until: Micros,
    now: Micros,
) -> Result<bool> {
    let touched = conn
        .exec(
            sql!(
                "UPDATE participants SET state = CASE WHEN state = 'connected' THEN state ELSE 'joining' END, \
                 held_until = $3, updated_at = $4 WHERE session_id = $1 AND id = $2 AND state <> 'kicked'"
            ),
            (session.to_string(), id.to_string(), held_until.0, now.0),
        )
        .await?;
    Ok(touched == 1)
}

/// Keeps the place of one that presented its ticket until it has entered the world, if it was kept up to now; answers
/// it. An older connection of its may still stand, and its end must not cost the place.
///
/// # Errors
/// What the database says.
pub async fn admit(
    conn: &mut Conn,
    session: SessionId,
    id: ParticipantId,
    held_until: Micros,
    now: Micros,
) -> Result<Option<ParticipantRecord>> {
    let row: Option<ParticipantRow> = conn
        .opt(
            sql!(concat!(
                "UPDATE participants SET held_until = $3, updated_at = $4 WHERE session_id = $1 AND id = $2 \
                 AND (state = 'connected' OR (state = 'joining' AND held_until > $4)) RETURNING ",
                columns!()
            )),
            (session.to_string(), id.to_string(), held_until.0, now.0),
        )
        .await?;
    row.map(TryInto::try_into).transpose()
}

/// Marks one that is in the world as connected, unless it was kicked; answers whether it is. What kept its place until
/// now ends, but for a ticket that it has yet to present.
///
/// # Errors
/// What the database says.
pub async fn enter(conn: &mut Conn, session: SessionId, id: ParticipantId, now: Micros) -> Result<bool> {
    let touched = conn
        .exec(
            sql!(
                "UPDATE participants SET state = 'connected', updated_at = $3, held_until = CASE WHEN EXISTS \
                 (SELECT 1 FROM tickets t WHERE t.session_id = $1 AND t.participant_id = $2 AND t.used_at IS NULL) \
                 THEN held_until ELSE $3 END WHERE session_id = $1 AND id = $2 AND state <> 'kicked'"
            ),
            (session.to_string(), id.to_string(), now.0),
        )
        .await?;
    Ok(touched == 1)
}

/// Marks one whose connection is gone for good. A place that a newer ticket keeps is kept, presented or not. Answers
/// whether it was connected.
///
/// # Errors
/// What the database says.
pub async fn disconnect(conn: &mut Conn, session: SessionId, id: ParticipantId, now: Micros) -> Result<bool> {
    let touched = conn
        .exec(
            sql!(
                "UPDATE participants SET state = CASE WHEN held_until > $3 THEN 'joining' ELSE 'left' END, \
                 updated_at = $3 WHERE session_id = $1 AND id = $2 AND state = 'connected'"
            ),
            (session.to_string(), id.to_string(), now.0),
        )
        .await?;
    Ok(touched == 1)
}

/// Ends a membership by its own wish, giving up a kept place; answers whether it was present.
///
/// # Errors
/// What the database says.
pub async fn leave(conn: &mut Conn, session: SessionId, id: ParticipantId, now: Micros) -> Result<bool> {
    let touched = conn
        .exec(
            sql!(
                "UPDATE participants SET state = 'left', held_until = $3, updated_at = $3 \
                 WHERE session_id = $1 AND id = $2 AND state IN ('connected', 'joining')"
            ),
            (session.to_string(), id.to_string(), now.0),
        )
        .await?;
    Ok(touched == 1)
}

/// Sends a member away for good; answers whether there is one.
///
/// # Errors
/// What the database says.
pub async fn kick(conn: &mut Conn, session: SessionId, id: ParticipantId, now: Micros) -> Result<bool> {
    let touched = conn
        .exec(
            sql!(
                "UPDATE participants SET state = 'kicked', held_until = $3, updated_at = $3 \
                 WHERE session_id = $1 AND id = $2"
            ),
            (session.to_string(), id.to_string(), now.0),
        )
        .await?;
    Ok(touched == 1)
}
