//! API tokens: only the SHA-256 of a secret is kept, and a lookup goes by it.

use hd1_api::{ApiRole, TokenId};
use hd1_core::Micros;

use crate::limits::PAGE_ROWS_MAX;
use crate::sql::sql;
use crate::{Conn, Result, StoreError};

/// A token's row without its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// Its id.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: ApiRole,
    /// When it was made.
    pub created_at: Micros,
    /// When it stops working.
    pub expires_at: Option<Micros>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Micros>,
}

#[derive(sqlx::FromRow)]
struct TokenRow {
    id: String,
    name: String,
    role: String,
    created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl TryFrom<TokenRow> for TokenRecord {
    type Error = StoreError;

    fn try_from(row: TokenRow) -> Result<Self> {
        let corrupt = |column| StoreError::Corrupt { table: "api_tokens", key: row.id.clone(), column };
        Ok(Self {
            id: row.id.parse().map_err(|_| corrupt("id"))?,
            role: ApiRole::parse(&row.role).ok_or_else(|| corrupt("role"))?,
            name: row.name,
            created_at: Micros(row.created_at),
            expires_at: row.expires_at.map(Micros),
            last_used_at: row.last_used_at.map(Micros),
        })
    }
}

/// Adds a token.
///
/// # Errors
/// [`StoreError::Duplicate`] for an id or a secret that is there already.
pub async fn insert(conn: &mut Conn, token: &TokenRecord, secret_hash: &[u8]) -> Result<()> {
    conn.exec(
        sql!(
            "INSERT INTO api_tokens (id, name, role, secret_hash, created_at, expires_at, last_used_at) \
             VALUES ($1, $2, $3, $4, $5, $6, NULL)"
        ),
        (
            token.id.to_string(),
            token.name.as_str(),
            token.role.as_str(),
            secret_hash,
            token.created_at.0,
            token.expires_at.map(|at| at.0),
        ),
    )
    .await?;
    Ok(())
}

/// The token whose secret has this SHA-256, unless it expired.
///
/// # Errors
/// What the database says.
pub async fn find_by_secret(conn: &mut Conn, secret_hash: &[u8], now: Micros) -> Result<Option<TokenRecord>> {
    let row: Option<TokenRow> = conn
        .opt(
            sql!(
                "SELECT id, name, role, created_at, expires_at, last_used_at FROM api_tokens \
                 WHERE secret_hash = $1 AND (expires_at IS NULL OR expires_at > $2)"
            ),
            (secret_hash, now.0),
        )
        .await?;
    row.map(TryInto::try_into).transpose()
}

/// A page of tokens, newest first, and how many there are in all.
///
/// # Errors
/// What the database says.
pub async fn list(conn: &mut Conn, offset: u32, limit: u32) -> Result<(Vec<TokenRecord>, u64)> {
    let (total,): (i64,) = conn.one(sql!("SELECT count(*) FROM api_tokens"), ()).await?;
    let rows: Vec<TokenRow> = conn
        .all(
            sql!(
                "SELECT id, name, role, created_at, expires_at, last_used_at FROM api_tokens \
                 ORDER BY created_at DESC, id DESC LIMIT $1 OFFSET $2"
            ),
            (i64::from(limit.min(PAGE_ROWS_MAX)), i64::from(offset)),
        )
        .await?;
    Ok((rows.into_iter().map(TryInto::try_into).collect::<Result<_>>()?, total.unsigned_abs()))
}

/// Notes that a token was used; the caller does so at most once a minute.
///
/// # Errors
/// What the database says.
pub async fn touch(conn: &mut Conn, id: TokenId, now: Micros) -> Result<()> {
    conn.exec(sql!("UPDATE api_tokens SET last_used_at = $2 WHERE id = $1"), (id.to_string(), now.0)).await?;
    Ok(())
}

/// Removes a token; answers whether there was one.
///
/// # Errors
/// What the database says.
pub async fn delete(conn: &mut Conn, id: TokenId) -> Result<bool> {
    Ok(conn.exec(sql!("DELETE FROM api_tokens WHERE id = $1"), (id.to_string(),)).await? == 1)
}
