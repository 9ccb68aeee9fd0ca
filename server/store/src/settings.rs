//! The installation's own facts: what was decided once and holds for this database.

use hd1_core::Micros;

use crate::sql::sql;
use crate::{Conn, Result};

/// The value of a key; `value` becomes it when there is none. Of several who call at once all get the same.
///
/// # Errors
/// What the database says.
pub async fn value_or_insert(conn: &mut Conn, key: &str, value: &str, now: Micros) -> Result<String> {
    conn.exec(
        sql!("INSERT INTO settings (key, value, updated_at) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING"),
        (key, value, now.0),
    )
    .await?;
    let (value,): (String,) = conn.one(sql!("SELECT value FROM settings WHERE key = $1"), (key,)).await?;
    Ok(value)
}
