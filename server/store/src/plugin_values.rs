//! Small values that services keep, each under its plugin's id.
//!
//! A value that has expired is not there, whether it was swept or not.

use hd1_core::Micros;

use crate::limits::{PAGE_ROWS_MAX, SWEEP_ROWS_MAX};
use crate::sql::sql;
use crate::{Conn, Result};

/// How much a plugin keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Values.
    pub count: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// The value of a key.
///
/// # Errors
/// What the database says.
pub async fn find(conn: &mut Conn, plugin: &str, key: &str, now: Micros) -> Result<Option<Vec<u8>>> {
    let row: Option<(Vec<u8>,)> = conn
        .opt(
            sql!(
                "SELECT value FROM plugin_values WHERE plugin_id = $1 AND key = $2 \
                 AND (expires_at IS NULL OR expires_at > $3)"
            ),
            (plugin, key.as_bytes(), now.0),
        )
        .await?;
    Ok(row.map(|(value,)| value))
}

/// The value of a key, and when it expires.
///
/// # Errors
/// What the database says.
pub async fn find_with_expiry(
    conn: &mut Conn,
    plugin: &str,
    key: &str,
    now: Micros,
) -> Result<Option<(Vec<u8>, Option<Micros>)>> {
    let row: Option<(Vec<u8>, Option<i64>)> = conn
        .opt(
            sql!(
                "SELECT value, expires_at FROM plugin_values WHERE plugin_id = $1 AND key = $2 \
                 AND (expires_at IS NULL OR expires_at > $3)"
            ),
            (plugin, key.as_bytes(), now.0),
        )
        .await?;
    Ok(row.map(|(value, expires_at)| (value, expires_at.map(Micros))))
}

/// Sets a key, for ever or until a moment.
///
/// # Errors
/// [`crate::StoreError::Dangling`] where the plugin is gone.
pub async fn put(conn: &mut Conn, plugin: &str, key: &str, value: &[u8], expires_at: Option<Micros>) -> Result<()> {
    conn.exec(
        sql!(
            "INSERT INTO plugin_values (plugin_id, key, value, expires_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (plugin_id, key) DO UPDATE SET value = $3, expires_at = $4"
        ),
        (plugin, key.as_bytes(), value, expires_at.map(|at| at.0)),
    )
    .await?;
    Ok(())
}

/// Removes a key; answers whether it was there.
///
/// # Errors
/// What the database says.
pub async fn delete(conn: &mut Conn, plugin: &str, key: &str) -> Result<bool> {
    Ok(conn.exec(sql!("DELETE FROM plugin_values WHERE plugin_id = $1 AND key = $2"), (plugin, key.as_bytes())).await?
        == 1)
}

/// Keys from `from` on and before the bytes `until`, after `after`, in the order of their bytes.
///
/// # Errors
/// What the database says.
pub async fn keys(
    conn: &mut Conn,
    plugin: &str,
    (from, until): (&str, &[u8]),
    after: &str,
    now: Micros,
    limit: u32,
) -> Result<Vec<String>> {
    let rows: Vec<(Vec<u8>,)> = conn
        .all(
            sql!(
                "SELECT key FROM plugin_values WHERE plugin_id = $1 AND key >= $2 AND key < $3 AND key > $4 \
                 AND (expires_at IS NULL OR expires_at > $5) ORDER BY key LIMIT $6"
            ),
            (plugin, from.as_bytes(), until, after.as_bytes(), now.0, i64::from(limit.min(PAGE_ROWS_MAX))),
        )
        .await?;
    Ok(rows.into_iter().filter_map(|(key,)| String::from_utf8(key).ok()).collect())
}

/// How much a plugin keeps, without one of its keys.
///
/// # Errors
/// What the database says.
pub async fn kept_besides(conn: &mut Conn, plugin: &str, key: &str) -> Result<Kept> {
    let (count, bytes): (i64, i64) = conn
        .one(
            sql!(
                "SELECT count(*), CAST(coalesce(sum(length(value)), 0) AS BIGINT) FROM plugin_values \
                 WHERE plugin_id = $1 AND key <> $2"
            ),
            (plugin, key.as_bytes()),
        )
        .await?;
    Ok(Kept { count: count.unsigned_abs(), bytes: bytes.unsigned_abs() })
}

/// Makes whoever changes a plugin's values the only one until the transaction ends.
///
/// # Errors
/// What the database says.
pub async fn lock(conn: &mut Conn, plugin: &str) -> Result<()> {
    let _: Option<(String,)> =
        conn.opt(sql!("SELECT id FROM plugins WHERE id = $1", pg " FOR UPDATE", ""), (plugin,)).await?;
    Ok(())
}

/// Removes values that have expired, at most so many that nobody waits for it; answers how many.
///
/// # Errors
/// What the database says.
pub async fn sweep(conn: &mut Conn, now: Micros) -> Result<u64> {
    conn.exec(
        sql!(
            "DELETE FROM plugin_values WHERE (plugin_id, key) IN \
             (SELECT plugin_id, key FROM plugin_values WHERE expires_at <= $1 LIMIT $2)"
        ),
        (now.0, SWEEP_ROWS_MAX),
    )
    .await
}
