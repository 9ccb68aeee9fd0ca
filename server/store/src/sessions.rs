//! Sessions: the directory of worlds.

use hd1_api::{ReplicationSettings, SceneSource, SessionSettings, SessionStatus, Visibility};
use hd1_core::{Micros, SessionId, TickRate};
use serde_json::{Map, Value};

use crate::limits::PAGE_ROWS_MAX;
use crate::sql::sql;
use crate::{Conn, Result, Scope, StoreError};

/// A session's row.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRecord {
    /// Its id.
    pub id: SessionId,
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// Who made it; never empty.
    pub owner: String,
    /// Where its world stood when that was last recorded.
    pub status: SessionStatus,
    /// Why, for a crash.
    pub status_reason: Option<String>,
    /// Who finds it.
    pub visibility: Visibility,
    /// Places.
    pub max_participants: u32,
    /// Ticks a second.
    pub tick_rate: TickRate,
    /// The library scene's name; `None` for one given inline.
    pub scene_name: Option<String>,
    /// Seed of its world's generator, below 2^53.
    pub seed: u64,
    /// What it allows.
    pub settings: SessionSettings,
    /// How much of its world each client is sent.
    pub replication: ReplicationSettings,
    /// The owner's data.
    pub metadata: Map<String, Value>,
    /// Counts the changes of what its owner sets, from 1; what is written ignores it.
    pub version: u64,
    /// When it was made.
    pub created_at: Micros,
    /// When its record last changed.
    pub updated_at: Micros,
    /// Places taken at the moment that the statement was given; what is written ignores it.
    pub participant_count: u32,
}

#[derive(sqlx::FromRow)]
pub(crate) struct SessionRow {
    id: String,
    name: String,
    description: String,
    owner: String,
    status: String,
    status_reason: Option<String>,
    visibility: String,
    max_participants: i64,
    tick_rate: i64,
    scene_name: Option<String>,
    seed: i64,
    settings: String,
    replication: String,
    metadata: String,
    version: i64,
    created_at: i64,
    updated_at: i64,
    taken: i64,
}

impl TryFrom<SessionRow> for SessionRecord {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self> {
        let corrupt = |column| StoreError::Corrupt { table: "sessions", key: row.id.clone(), column };
        Ok(Self {
            id: row.id.parse().map_err(|_| corrupt("id"))?,
            status: SessionStatus::parse(&row.status).ok_or_else(|| corrupt("status"))?,
            visibility: Visibility::parse(&row.visibility).ok_or_else(|| corrupt("visibility"))?,
            max_participants: row.max_participants.try_into().map_err(|_| corrupt("max_participants"))?,
            tick_rate: u32::try_from(row.tick_rate)
                .ok()
                .and_then(|hz| TickRate::try_from(hz).ok())
                .ok_or_else(|| corrupt("tick_rate"))?,
            seed: row.seed.try_into().map_err(|_| corrupt("seed"))?,
            settings: serde_json::from_str(&row.settings).map_err(|_| corrupt("settings"))?,
            replication: serde_json::from_str(&row.replication).map_err(|_| corrupt("replication"))?,
            metadata: serde_json::from_str(&row.metadata).map_err(|_| corrupt("metadata"))?,
            version: row.version.try_into().map_err(|_| corrupt("version"))?,
            participant_count: row.taken.try_into().map_err(|_| corrupt("participant_count"))?,
            name: row.name,
            description: row.description,
            owner: row.owner,
            status_reason: row.status_reason,
            scene_name: row.scene_name,
            created_at: Micros(row.created_at),
            updated_at: Micros(row.updated_at),
        })
    }
}

/// Which sessions a list shows, newest first.
#[derive(Clone, Debug, Default)]
pub struct SessionFilter {
    /// Only those in this status.
    pub status: Option<SessionStatus>,
    /// Only those of this visibility.
    pub visibility: Option<Visibility>,
    /// Rows left out before the first.
    pub offset: u32,
    /// The most rows answered, at most 200.
    pub limit: u32,
}

/// What an update changes; the rest of a row is changed by nobody or by [`set_status`].
#[derive(Clone, Debug)]
pub struct SessionChange {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// Who finds it.
    pub visibility: Visibility,
    /// Places.
    pub max_participants: u32,
    /// What it allows.
    pub settings: SessionSettings,
    /// How much of its world each client is sent.
    pub replication: ReplicationSettings,
    /// The owner's data.
    pub metadata: Map<String, Value>,
}

macro_rules! columns {
    () => {
        "s.id, s.name, s.description, s.owner, s.status, s.status_reason, s.visibility, s.max_participants, \
         s.tick_rate, s.scene_name, s.seed, s.settings, s.replication, s.metadata, s.version, s.created_at, s.updated_at, \
         (SELECT count(*) FROM participants p WHERE p.session_id = s.id \
            AND (p.state = 'connected' OR (p.state = 'joining' AND p.held_until > $1))) AS taken"
    };
}
pub(crate) use columns;

// `$2 everything, $3 owner, $4 member of`: the scope, once for ids and once for lists.
macro_rules! by_id {
    () => {
        "($2 OR s.owner = $3 OR s.id = $4 OR s.visibility IN ('public', 'unlisted'))"
    };
}
macro_rules! listed {
    () => {
        "($1 OR s.owner = $2 OR s.id = $3 OR s.visibility = 'public') \
         AND ($4 = '' OR s.status = $4) AND ($5 = '' OR s.visibility = $5)"
    };
}

/// Adds a session with the scene it begins from.
///
/// # Errors
/// [`StoreError::Duplicate`] for an id that is taken.
pub async fn insert(conn: &mut Conn, session: &SessionRecord, scene: &SceneSource) -> Result<()> {
    let inline = match scene {
        SceneSource::Library(_) => None,
        SceneSource::Inline(scene) => Some(json(scene)),
    };
    conn.exec(
        sql!(
            "INSERT INTO sessions (id, name, description, owner, status, status_reason, visibility, max_participants, \
             tick_rate, scene_name, scene_inline, seed, settings, replication, metadata, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
        ),
        (
            session.id.to_string(),
            session.name.as_str(),
            session.description.as_str(),
            session.owner.as_str(),
            session.status.as_str(),
            session.status_reason.as_deref(),
            session.visibility.as_str(),
            i64::from(session.max_participants),
            i64::from(session.tick_rate.hz()),
            session.scene_name.as_deref(),
            inline,
            session.seed.cast_signed(),
            json(&session.settings),
            json(&session.replication),
            json(&session.metadata),
            session.created_at.0,
            session.updated_at.0,
        ),
    )
    .await?;
    Ok(())
}

/// The session of this id, if the scope shows it. `now` judges which places are still held.
///
/// # Errors
/// What the database says.
pub async fn find(conn: &mut Conn, scope: &Scope, id: SessionId, now: Micros) -> Result<Option<SessionRecord>> {
    let row: Option<SessionRow> = conn
        .opt(
            sql!(concat!("SELECT ", columns!(), " FROM sessions s WHERE ", by_id!(), " AND s.id = $5")),
            (now.0, scope.everything, scope.owner.as_str(), scope.member_of.as_str(), id.to_string()),
        )
        .await?;
    row.map(TryInto::try_into).transpose()
}

/// The same, holding the row until the transaction ends, so that two who judge by it judge one after the other. SQLite
/// needs no words for it: its transactions write one at a time.
///
/// # Errors
/// What the database says.
pub async fn find_for_update(
    conn: &mut Conn,
    scope: &Scope,
    id: SessionId,
    now: Micros,
) -> Result<Option<SessionRecord>> {
    #[derive(sqlx::FromRow)]
    struct Held {
        id: String,
    }
    // The lock is a statement of its own: under READ COMMITTED only the statement after it is sure to count the places
    // that a transaction took while this one waited.
    let held: Option<Held> =
        conn.opt(sql!("SELECT s.id FROM sessions s WHERE s.id = $1", pg " FOR UPDATE", ""), (id.to_string(),)).await?;
    match held {
        Some(held) if held.id == id.to_string() => find(conn, scope, id, now).await,
        _ => Ok(None),
    }
}

/// A page of the sessions that the scope lists, newest first, and how many there are in all.
///
/// # Errors
/// What the database says.
pub async fn list(
    conn: &mut Conn,
    scope: &Scope,
    filter: &SessionFilter,
    now: Micros,
) -> Result<(Vec<SessionRecord>, u64)> {
    let status = filter.status.map_or("", SessionStatus::as_str);
    let visibility = filter.visibility.map_or("", Visibility::as_str);
    let (owner, member_of) = (scope.owner.as_str(), scope.member_of.as_str());
    let (total,): (i64,) = conn
        .one(
            sql!(concat!("SELECT count(*) FROM sessions s WHERE ", listed!())),
            (scope.everything, owner, member_of, status, visibility),
        )
        .await?;
    let rows: Vec<SessionRow> = conn
        .all(
            // The page is cut first and its places counted after, so that the count runs once per row shown.
            sql!(concat!(
                "SELECT s.*, (SELECT count(*) FROM participants p WHERE p.session_id = s.id \
                   AND (p.state = 'connected' OR (p.state = 'joining' AND p.held_until > $8))) AS taken FROM ( \
                   SELECT s.id, s.name, s.description, s.owner, s.status, s.status_reason, s.visibility, \
                   s.max_participants, s.tick_rate, s.scene_name, s.seed, s.settings, s.replication, s.metadata, s.version, \
                   s.created_at, s.updated_at FROM sessions s WHERE ",
                listed!(),
                " ORDER BY s.created_at DESC, s.id DESC LIMIT $6 OFFSET $7) s ORDER BY s.created_at DESC, s.id DESC"
            )),
            (
                scope.everything,
                owner,
                member_of,
                status,
                visibility,
                i64::from(filter.limit.min(PAGE_ROWS_MAX)),
                i64::from(filter.offset),
                now.0,
            ),
        )
        .await?;
    let records = rows.into_iter().map(TryInto::try_into).collect::<Result<_>>()?;
    Ok((records, total.try_into().unwrap_or_default()))
}

/// How many sessions an owner has.
///
/// # Errors
/// What the database says.
pub async fn count_owned(conn: &mut Conn, owner: &str) -> Result<u64> {
    let (count,): (i64,) = conn.one(sql!("SELECT count(*) FROM sessions WHERE owner = $1"), (owner,)).await?;
    Ok(count.unsigned_abs())
}

/// Changes a session that the scope owns (seeing it is not enough), to its next version; answers whether there is one.
///
/// # Errors
/// What the database says.
pub async fn update(
    conn: &mut Conn,
    scope: &Scope,
    id: SessionId,
    change: &SessionChange,
    now: Micros,
) -> Result<bool> {
    let touched = conn
        .exec(
            sql!(
                "UPDATE sessions SET name = $4, description = $5, visibility = $6, max_participants = $7, \
                 settings = $8, replication = $9, metadata = $10, updated_at = $11, version = version + 1 \
                 WHERE id = $1 AND ($2 OR owner = $3)"
            ),
            (
                id.to_string(),
                scope.everything,
                scope.owner.as_str(),
                change.name.as_str(),
                change.description.as_str(),
                change.visibility.as_str(),
                i64::from(change.max_participants),
                json(&change.settings),
                json(&change.replication),
                json(&change.metadata),
                now.0,
            ),
        )
        .await?;
    Ok(touched == 1)
}

/// Removes a session that the scope owns, with its participants and tickets; answers whether there was one.
///
/// # Errors
/// What the database says.
pub async fn delete(conn: &mut Conn, scope: &Scope, id: SessionId) -> Result<bool> {
    let touched = conn
        .exec(
            sql!("DELETE FROM sessions WHERE id = $1 AND ($2 OR owner = $3)"),
            (id.to_string(), scope.everything, scope.owner.as_str()),
        )
        .await?;
    Ok(touched == 1)
}

/// Records where a session's world stands; the caller asks the runtime and holds the session's lock. Answers what was
/// recorded before; `None` where there is no such session.
///
/// # Errors
/// What the database says.
pub async fn set_status(
    conn: &mut Conn,
    id: SessionId,
    status: SessionStatus,
    reason: Option<&str>,
    now: Micros,
) -> Result<Option<SessionStatus>> {
    let id = id.to_string();
    let before: Option<(String,)> =
        conn.opt(sql!("SELECT status FROM sessions WHERE id = $1", pg " FOR UPDATE", ""), (id.as_str(),)).await?;
    let Some((before,)) = before else { return Ok(None) };
    conn.exec(
        sql!("UPDATE sessions SET status = $2, status_reason = $3, updated_at = $4 WHERE id = $1"),
        (id.as_str(), status.as_str(), reason, now.0),
    )
    .await?;
    let corrupt = || StoreError::Corrupt { table: "sessions", key: id.clone(), column: "status" };
    SessionStatus::parse(&before).ok_or_else(corrupt).map(Some)
}

/// Records the tick rate that the scene asked for.
///
/// # Errors
/// What the database says.
pub async fn set_tick_rate(conn: &mut Conn, id: SessionId, rate: TickRate) -> Result<()> {
    conn.exec(sql!("UPDATE sessions SET tick_rate = $2 WHERE id = $1"), (id.to_string(), i64::from(rate.hz()))).await?;
    Ok(())
}

/// Writes what serde makes of our own types, none of which can fail: their keys are texts and their numbers finite.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("types of our own are JSON")
}
