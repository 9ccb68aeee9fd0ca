//! Tickets: each is written when it is signed and used up by one conditional update, so that of any number who present
//! the same one exactly one gets in.

use hd1_core::{Micros, ParticipantId, SessionId};

use crate::sql::sql;
use crate::{Conn, Result};

/// Adds a ticket.
///
/// # Errors
/// [`crate::StoreError::Dangling`] when the participant is not of that session.
pub async fn insert(
    conn: &mut Conn,
    jti: &str,
    session: SessionId,
    participant: ParticipantId,
    expires_at: Micros,
) -> Result<()> {
    conn.exec(
        sql!(
            "INSERT INTO tickets (jti, session_id, participant_id, expires_at, used_at) VALUES ($1, $2, $3, $4, NULL)"
        ),
        (jti, session.to_string(), participant.to_string(), expires_at.0),
    )
    .await?;
    Ok(())
}

/// Uses a ticket up; answers whether it was good: known, of this participant, unused and not expired.
///
/// # Errors
/// What the database says.
pub async fn redeem(
    conn: &mut Conn,
    jti: &str,
    session: SessionId,
    participant: ParticipantId,
    now: Micros,
) -> Result<bool> {
    let touched = conn
        .exec(
            sql!(
                "UPDATE tickets SET used_at = $4 WHERE jti = $1 AND session_id = $2 AND participant_id = $3 \
                 AND used_at IS NULL AND expires_at > $4"
            ),
            (jti, session.to_string(), participant.to_string(), now.0),
        )
        .await?;
    Ok(touched == 1)
}

/// Takes back every ticket of a participant that is still good.
///
/// # Errors
/// What the database says.
pub async fn revoke(conn: &mut Conn, session: SessionId, participant: ParticipantId) -> Result<u64> {
    conn.exec(
        sql!("DELETE FROM tickets WHERE session_id = $1 AND participant_id = $2 AND used_at IS NULL"),
        (session.to_string(), participant.to_string()),
    )
    .await
}
