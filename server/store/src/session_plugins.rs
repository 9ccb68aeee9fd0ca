//! Which plugins run in which session, in what order, and what a session sets for them.

use hd1_core::SessionId;
use serde_json::{Map, Value};

use crate::limits::PAGE_ROWS_MAX;
use crate::sessions::json;
use crate::sql::sql;
use crate::{Conn, Result, Scope, StoreError};

/// A plugin of a session.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionPluginRecord {
    /// The session.
    pub session: SessionId,
    /// The plugin's id.
    pub plugin: String,
    /// Its place in the order in which the session's plugins run, from 0.
    pub position: u32,
    /// Does it run in this session?
    pub enabled: bool,
    /// What this session sets in place of what the operator set.
    pub config: Option<Map<String, Value>>,
}

#[derive(sqlx::FromRow)]
struct SessionPluginRow {
    session_id: String,
    plugin_id: String,
    position: i64,
    enabled: bool,
    config: Option<String>,
}

impl TryFrom<SessionPluginRow> for SessionPluginRecord {
    type Error = StoreError;

    fn try_from(row: SessionPluginRow) -> Result<Self> {
        let key = || format!("{} {}", row.session_id, row.plugin_id);
        let corrupt = |column| StoreError::Corrupt { table: "session_plugins", key: key(), column };
        let config = row.config.as_deref().map(serde_json::from_str).transpose();
        Ok(Self {
            session: row.session_id.parse().map_err(|_| corrupt("session_id"))?,
            position: row.position.try_into().map_err(|_| corrupt("position"))?,
            config: config.map_err(|_| corrupt("config"))?,
            plugin: row.plugin_id,
            enabled: row.enabled,
        })
    }
}

macro_rules! columns {
    () => {
        "sp.session_id, sp.plugin_id, sp.position, sp.enabled, sp.config"
    };
}

/// A session's plugins in their order; the rules keep them few.
///
/// # Errors
/// What the database says.
pub async fn list(conn: &mut Conn, session: SessionId) -> Result<Vec<SessionPluginRecord>> {
    let rows: Vec<SessionPluginRow> = conn
        .all(
            sql!(concat!(
                "SELECT ",
                columns!(),
                " FROM session_plugins sp WHERE sp.session_id = $1 ORDER BY sp.position, sp.plugin_id LIMIT $2"
            )),
            (session.to_string(), i64::from(PAGE_ROWS_MAX)),
        )
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Makes these the session's plugins, in this order, whatever they were.
///
/// # Errors
/// [`StoreError::Dangling`] where the session or one of the plugins is not there.
pub async fn replace(conn: &mut Conn, session: SessionId, plugins: &[SessionPluginRecord]) -> Result<()> {
    let session = session.to_string();
    conn.exec(sql!("DELETE FROM session_plugins WHERE session_id = $1"), (session.as_str(),)).await?;
    for (position, plugin) in (0_i64..).zip(plugins) {
        conn.exec(
            sql!(
                "INSERT INTO session_plugins (session_id, plugin_id, position, enabled, config) \
                 VALUES ($1, $2, $3, $4, $5)"
            ),
            (session.as_str(), plugin.plugin.as_str(), position, plugin.enabled, plugin.config.as_ref().map(json)),
        )
        .await?;
    }
    Ok(())
}

/// A page of the sessions that have a plugin, by their ids, after `after`; at most 200. For the server itself: no
/// caller may name what it answers.
///
/// # Errors
/// What the database says.
pub async fn of_plugin(conn: &mut Conn, plugin: &str, after: Option<SessionId>) -> Result<Vec<SessionPluginRecord>> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let rows: Vec<SessionPluginRow> = conn
        .all(
            sql!(concat!(
                "SELECT ",
                columns!(),
                " FROM session_plugins sp WHERE sp.plugin_id = $1 AND sp.session_id > $2 ORDER BY sp.session_id \
                 LIMIT 200"
            )),
            (plugin, after.as_str()),
        )
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The same for a caller: a page of the sessions that its scope lists, newest first, and how many there are in all.
///
/// # Errors
/// What the database says.
pub async fn seen_of_plugin(
    conn: &mut Conn,
    scope: &Scope,
    plugin: &str,
    offset: u32,
    limit: u32,
) -> Result<(Vec<SessionPluginRecord>, u64)> {
    macro_rules! seen {
        () => {
            " FROM session_plugins sp JOIN sessions s ON s.id = sp.session_id WHERE sp.plugin_id = $1 \
             AND ($2 OR s.owner = $3 OR s.id = $4 OR s.visibility = 'public')"
        };
    }
    let (owner, member_of) = (scope.owner.as_str(), scope.member_of.as_str());
    let (total,): (i64,) =
        conn.one(sql!(concat!("SELECT count(*)", seen!())), (plugin, scope.everything, owner, member_of)).await?;
    let rows: Vec<SessionPluginRow> = conn
        .all(
            sql!(concat!("SELECT ", columns!(), seen!(), " ORDER BY s.created_at DESC, s.id DESC LIMIT $5 OFFSET $6")),
            (plugin, scope.everything, owner, member_of, i64::from(limit.min(PAGE_ROWS_MAX)), i64::from(offset)),
        )
        .await?;
    Ok((rows.into_iter().map(TryInto::try_into).collect::<Result<_>>()?, total.unsigned_abs()))
}

/// How many sessions have a plugin.
///
/// # Errors
/// What the database says.
pub async fn count(conn: &mut Conn, plugin: &str) -> Result<u64> {
    let (count,): (i64,) =
        conn.one(sql!("SELECT count(*) FROM session_plugins WHERE plugin_id = $1"), (plugin,)).await?;
    Ok(count.unsigned_abs())
}

/// Changes what a session sets for a plugin; answers whether the session has it.
///
/// # Errors
/// What the database says.
pub async fn set_config(
    conn: &mut Conn,
    session: SessionId,
    plugin: &str,
    config: Option<&Map<String, Value>>,
) -> Result<bool> {
    let touched = conn
        .exec(
            sql!("UPDATE session_plugins SET config = $3 WHERE session_id = $1 AND plugin_id = $2"),
            (session.to_string(), plugin, config.map(json)),
        )
        .await?;
    Ok(touched == 1)
}
