//! The loaders that see everything: for the server itself at its start and for its housekeeping, never for a caller.

use hd1_api::SceneSource;
use hd1_core::{Micros, SessionId};

use crate::limits::SWEEP_ROWS_MAX;
use crate::sessions::{SessionRecord, SessionRow, columns};
use crate::sql::sql;
use crate::{Conn, Result, StoreError};

/// Sessions in the order of their ids, after `after`; pages of at most 200.
///
/// # Errors
/// What the database says.
pub async fn sessions_after(conn: &mut Conn, after: Option<SessionId>, now: Micros) -> Result<Vec<SessionRecord>> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let rows: Vec<SessionRow> = conn
        .all(
            sql!(concat!("SELECT ", columns!(), " FROM sessions s WHERE s.id > $2 ORDER BY s.id LIMIT 200")),
            (now.0, after.as_str()),
        )
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The scene a session was made from.
///
/// # Errors
/// [`StoreError::Corrupt`] for a scene that cannot be read.
pub async fn scene(conn: &mut Conn, id: SessionId) -> Result<Option<SceneSource>> {
    let row: Option<(Option<String>, Option<String>)> =
        conn.opt(sql!("SELECT scene_name, scene_inline FROM sessions WHERE id = $1"), (id.to_string(),)).await?;
    let corrupt = || StoreError::Corrupt { table: "sessions", key: id.to_string(), column: "scene_inline" };
    Ok(match row {
        None => None,
        Some((_, Some(inline))) => Some(SceneSource::Inline(serde_json::from_str(&inline).map_err(|_| corrupt())?)),
        Some((Some(name), None)) => Some(SceneSource::Library(name)),
        Some((None, None)) => return Err(corrupt()),
    })
}

/// Marks everybody as gone: connections do not outlive the process that held them. Answers how many were there.
///
/// # Errors
/// What the database says.
pub async fn disconnect_everybody(conn: &mut Conn, now: Micros) -> Result<u64> {
    conn.exec(sql!("UPDATE participants SET state = 'left', updated_at = $1 WHERE state = 'connected'"), (now.0,)).await
}

/// Removes tickets and values that expired, participants that left or were never seen before `left_before`, and jobs that
/// failed before `failed_before`; at most 1,000 of each. Answers how many rows went.
///
/// # Errors
/// What the database says.
pub async fn sweep(conn: &mut Conn, now: Micros, left_before: Micros, failed_before: Micros) -> Result<u64> {
    let tickets = conn
        .exec(
            sql!("DELETE FROM tickets WHERE jti IN (SELECT jti FROM tickets WHERE expires_at <= $1 LIMIT $2)"),
            (now.0, SWEEP_ROWS_MAX),
        )
        .await?;
    let participants = conn
        .exec(
            sql!(
                "DELETE FROM participants WHERE id IN (SELECT id FROM participants WHERE updated_at < $1 \
                 AND state IN ('left', 'kicked', 'joining') AND held_until < $1 LIMIT $2)"
            ),
            (left_before.0, SWEEP_ROWS_MAX),
        )
        .await?;
    let values = crate::plugin_values::sweep(conn, now).await?;
    let jobs = crate::plugin_jobs::sweep(conn, failed_before).await?;
    Ok(tickets + participants + values + jobs)
}
