//! What plugins are to do and to be told, kept until it is done.
//!
//! A row waits, runs, and is gone once it is done; one that failed too often stays as failed for people to see.

use hd1_core::Micros;

use crate::limits::{PAGE_ROWS_MAX, SWEEP_ROWS_MAX};
use crate::sql::sql;
use crate::{Conn, Result, StoreError};

/// What a plugin is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobKind {
    /// Work that it asked for, or that is due by its schedule.
    Job,
    /// Something that happened.
    Action,
}

/// Where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It is done when it is due.
    Waiting,
    /// It was begun and has not ended.
    Running,
    /// It failed too often.
    Failed,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRecord {
    /// Ascends with the moment of the wish.
    pub id: String,
    /// Whose.
    pub plugin: String,
    /// What it is called for.
    pub kind: JobKind,
    /// A job's name, or a point's.
    pub name: String,
    /// JSON.
    pub payload: String,
    /// Of those that wait there is one of a key.
    pub key: Option<String>,
    /// Where it stands.
    pub state: JobState,
    /// When it is to be done.
    pub due_at: Micros,
    /// How often it has failed.
    pub attempts: u32,
    /// Why, the last time.
    pub error: Option<String>,
    /// When it was wished for.
    pub created_at: Micros,
}

impl JobKind {
    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            JobKind::Job => "job",
            JobKind::Action => "action",
        }
    }
}

impl JobState {
    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            JobState::Waiting => "waiting",
            JobState::Running => "running",
            JobState::Failed => "failed",
        }
    }
}

#[derive(sqlx::FromRow)]
struct JobRow {
    id: String,
    plugin_id: String,
    kind: String,
    name: String,
    payload: String,
    job_key: Option<String>,
    state: String,
    due_at: i64,
    attempts: i64,
    error: Option<String>,
    created_at: i64,
}

macro_rules! columns {
    () => {
        "id, plugin_id, kind, name, payload, job_key, state, due_at, attempts, error, created_at"
    };
}

impl TryFrom<JobRow> for JobRecord {
    type Error = StoreError;

    fn try_from(row: JobRow) -> Result<Self> {
        let corrupt = |column| StoreError::Corrupt { table: "plugin_jobs", key: row.id.clone(), column };
        let kinds = [JobKind::Job, JobKind::Action];
        let states = [JobState::Waiting, JobState::Running, JobState::Failed];
        Ok(JobRecord {
            kind: kinds.into_iter().find(|kind| kind.as_str() == row.kind).ok_or_else(|| corrupt("kind"))?,
            state: states.into_iter().find(|state| state.as_str() == row.state).ok_or_else(|| corrupt("state"))?,
            attempts: row.attempts.try_into().map_err(|_| corrupt("attempts"))?,
            id: row.id,
            plugin: row.plugin_id,
            name: row.name,
            payload: row.payload,
            key: row.job_key,
            due_at: Micros(row.due_at),
            error: row.error,
            created_at: Micros(row.created_at),
        })
    }
}

/// Puts one down; answers whether it was: where one of its key waits already, that one stays alone, and for a plugin that
/// is gone there is nothing to do.
///
/// # Errors
/// What the database says.
pub async fn insert(conn: &mut Conn, job: &JobRecord) -> Result<bool> {
    let touched = conn
        .exec(
            sql!(
                "INSERT INTO plugin_jobs (id, plugin_id, kind, name, payload, job_key, state, due_at, attempts, error, \
                 created_at, updated_at) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11 \
                 WHERE EXISTS (SELECT 1 FROM plugins WHERE id = $2) ON CONFLICT DO NOTHING"
            ),
            (
                job.id.as_str(),
                job.plugin.as_str(),
                job.kind.as_str(),
                job.name.as_str(),
                job.payload.as_str(),
                job.key.as_deref(),
                job.state.as_str(),
                job.due_at.0,
                i64::from(job.attempts),
                job.error.as_deref(),
                job.created_at.0,
            ),
        )
        .await?;
    Ok(touched == 1)
}

/// Those of a plugin that wait and are due, the one that is due the longest first.
///
/// # Errors
/// What the database says.
pub async fn due(conn: &mut Conn, plugin: &str, kind: JobKind, now: Micros, limit: u32) -> Result<Vec<JobRecord>> {
    let rows: Vec<JobRow> = conn
        .all(
            sql!(concat!(
                "SELECT ",
                columns!(),
                " FROM plugin_jobs WHERE plugin_id = $1 AND state = 'waiting' AND kind = $2 AND due_at <= $3 \
                 ORDER BY due_at, id LIMIT $4"
            )),
            (plugin, kind.as_str(), now.0, i64::from(limit.min(PAGE_ROWS_MAX))),
        )
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// When the next of a plugin that waits is due.
///
/// # Errors
/// What the database says.
pub async fn next_due(conn: &mut Conn, plugin: &str, kind: JobKind) -> Result<Option<Micros>> {
    let (at,): (Option<i64>,) = conn
        .one(
            sql!("SELECT min(due_at) FROM plugin_jobs WHERE plugin_id = $1 AND state = 'waiting' AND kind = $2"),
            (plugin, kind.as_str()),
        )
        .await?;
    Ok(at.map(Micros))
}

/// Begins one that waits; answers whether it was there. Another of its key may wait from now on.
///
/// # Errors
/// What the database says.
pub async fn begin(conn: &mut Conn, id: &str, now: Micros) -> Result<bool> {
    let begun = conn
        .exec(
            sql!("UPDATE plugin_jobs SET state = 'running', updated_at = $2 WHERE id = $1 AND state = 'waiting'"),
            (id, now.0),
        )
        .await?;
    Ok(begun == 1)
}

/// Removes one; answers whether it was there.
///
/// # Errors
/// What the database says.
pub async fn delete(conn: &mut Conn, id: &str) -> Result<bool> {
    Ok(conn.exec(sql!("DELETE FROM plugin_jobs WHERE id = $1"), (id,)).await? == 1)
}

/// Has one wait until `due_at` after it has failed so often. Where another of its key waits by now, that one stands for it
/// and it is gone.
///
/// # Errors
/// What the database says.
pub async fn put_off(
    conn: &mut Conn,
    id: &str,
    attempts: u32,
    error: Option<&str>,
    due_at: Micros,
    now: Micros,
) -> Result<()> {
    drop_stood_for(conn, Some(id)).await?;
    conn.exec(
        sql!(
            "UPDATE plugin_jobs SET state = 'waiting', attempts = $2, error = $3, due_at = $4, updated_at = $5 \
             WHERE id = $1"
        ),
        (id, i64::from(attempts), error, due_at.0, now.0),
    )
    .await?;
    Ok(())
}

/// Leaves one as failed.
///
/// # Errors
/// What the database says.
pub async fn give_up(conn: &mut Conn, id: &str, attempts: u32, error: &str, now: Micros) -> Result<()> {
    conn.exec(
        sql!("UPDATE plugin_jobs SET state = 'failed', attempts = $2, error = $3, updated_at = $4 WHERE id = $1"),
        (id, i64::from(attempts), error, now.0),
    )
    .await?;
    Ok(())
}

/// Has one that failed wait anew, as if for the first time; answers whether it was there.
///
/// # Errors
/// [`StoreError::Duplicate`] where another of its key waits.
pub async fn revive(conn: &mut Conn, plugin: &str, id: &str, now: Micros) -> Result<bool> {
    let touched = conn
        .exec(
            sql!(
                "UPDATE plugin_jobs SET state = 'waiting', attempts = 0, due_at = $3, updated_at = $3 \
                 WHERE plugin_id = $1 AND id = $2 AND state = 'failed'"
            ),
            (plugin, id, now.0),
        )
        .await?;
    Ok(touched == 1)
}

/// Has all wait that a server which is gone had begun.
///
/// # Errors
/// What the database says.
pub async fn recover(conn: &mut Conn) -> Result<u64> {
    drop_stood_for(conn, None).await?;
    conn.exec(sql!("UPDATE plugin_jobs SET state = 'waiting' WHERE state = 'running'"), ()).await
}

/// Removes what runs, one or all, where another of its key waits.
async fn drop_stood_for(conn: &mut Conn, id: Option<&str>) -> Result<()> {
    conn.exec(
        sql!(
            "DELETE FROM plugin_jobs WHERE state = 'running' AND (CAST($1 AS TEXT) IS NULL OR id = $1) \
             AND EXISTS (SELECT 1 FROM plugin_jobs w WHERE w.plugin_id = plugin_jobs.plugin_id \
             AND w.name = plugin_jobs.name AND w.job_key = plugin_jobs.job_key AND w.state = 'waiting')"
        ),
        (id,),
    )
    .await?;
    Ok(())
}

/// How many of a plugin there are that are not done.
///
/// # Errors
/// What the database says.
pub async fn count(conn: &mut Conn, plugin: &str) -> Result<u64> {
    let (count,): (i64,) = conn.one(sql!("SELECT count(*) FROM plugin_jobs WHERE plugin_id = $1"), (plugin,)).await?;
    Ok(count.unsigned_abs())
}

/// A part of a plugin's, the next that is due first, and how many there are in all.
///
/// # Errors
/// What the database says.
pub async fn list(
    conn: &mut Conn,
    plugin: &str,
    state: Option<JobState>,
    offset: u32,
    limit: u32,
) -> Result<(Vec<JobRecord>, u64)> {
    let state = state.map(JobState::as_str);
    let rows: Vec<JobRow> = conn
        .all(
            sql!(concat!(
                "SELECT ",
                columns!(),
                " FROM plugin_jobs WHERE plugin_id = $1 AND (CAST($2 AS TEXT) IS NULL OR state = $2) \
                 ORDER BY due_at, id LIMIT $3 OFFSET $4"
            )),
            (plugin, state, i64::from(limit.min(PAGE_ROWS_MAX)), i64::from(offset)),
        )
        .await?;
    let (total,): (i64,) = conn
        .one(
            sql!("SELECT count(*) FROM plugin_jobs WHERE plugin_id = $1 AND (CAST($2 AS TEXT) IS NULL OR state = $2)"),
            (plugin, state),
        )
        .await?;
    let jobs: Result<Vec<_>> = rows.into_iter().map(TryInto::try_into).collect();
    Ok((jobs?, total.unsigned_abs()))
}

/// All of a plugin's that wait under a key.
///
/// # Errors
/// What the database says.
pub async fn with_key(conn: &mut Conn, plugin: &str, key: &str) -> Result<Vec<JobRecord>> {
    let rows: Vec<JobRow> = conn
        .all(
            sql!(concat!(
                "SELECT ",
                columns!(),
                " FROM plugin_jobs WHERE plugin_id = $1 AND job_key = $2 AND state <> 'failed' ORDER BY id LIMIT 1000"
            )),
            (plugin, key),
        )
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Removes what failed before a moment, at most so many that nobody waits for it; answers how many.
///
/// # Errors
/// What the database says.
pub async fn sweep(conn: &mut Conn, before: Micros) -> Result<u64> {
    conn.exec(
        sql!(
            "DELETE FROM plugin_jobs WHERE id IN \
             (SELECT id FROM plugin_jobs WHERE state = 'failed' AND updated_at < $1 LIMIT $2)"
        ),
        (before.0, SWEEP_ROWS_MAX),
    )
    .await
}
