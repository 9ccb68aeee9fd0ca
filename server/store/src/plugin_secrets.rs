//! What operators keep for services, sealed: what is in it nobody reads here.

use hd1_core::Micros;

use crate::sql::sql;
use crate::{Conn, Result};

/// A secret without what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRecord {
    /// Its name.
    pub name: String,
    /// When it was last set.
    pub updated_at: Micros,
}

/// The sealed secret of a name.
///
/// # Errors
/// What the database says.
pub async fn find(conn: &mut Conn, plugin: &str, name: &str) -> Result<Option<Vec<u8>>> {
    let row: Option<(Vec<u8>,)> =
        conn.opt(sql!("SELECT sealed FROM plugin_secrets WHERE plugin_id = $1 AND name = $2"), (plugin, name)).await?;
    Ok(row.map(|(sealed,)| sealed))
}

/// Sets a secret.
///
/// # Errors
/// [`crate::StoreError::Dangling`] where the plugin is gone.
pub async fn put(conn: &mut Conn, plugin: &str, name: &str, sealed: &[u8], now: Micros) -> Result<()> {
    conn.exec(
        sql!(
            "INSERT INTO plugin_secrets (plugin_id, name, sealed, updated_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (plugin_id, name) DO UPDATE SET sealed = $3, updated_at = $4"
        ),
        (plugin, name, sealed, now.0),
    )
    .await?;
    Ok(())
}

/// Removes a secret; answers whether it was there.
///
/// # Errors
/// What the database says.
pub async fn delete(conn: &mut Conn, plugin: &str, name: &str) -> Result<bool> {
    Ok(conn.exec(sql!("DELETE FROM plugin_secrets WHERE plugin_id = $1 AND name = $2"), (plugin, name)).await? == 1)
}

/// The secrets of a plugin, in no order; the rules keep them few.
///
/// # Errors
/// What the database says.
pub async fn list(conn: &mut Conn, plugin: &str, limit: u32) -> Result<Vec<SecretRecord>> {
    let rows: Vec<(String, i64)> = conn
        .all(
            sql!("SELECT name, updated_at FROM plugin_secrets WHERE plugin_id = $1 LIMIT $2"),
            (plugin, i64::from(limit)),
        )
        .await?;
    Ok(rows.into_iter().map(|(name, at)| SecretRecord { name, updated_at: Micros(at) }).collect())
}
