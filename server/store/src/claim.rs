//! One server per database: a lock of PostgreSQL's that a connection of its own holds while the server runs.
//!
//! Two servers that bring back the same sessions would both tick them. SQLite needs no claim, its file lies in the data
//! folder, which one server locks. This guards against the mistake of starting two; it is no fence: where PostgreSQL is
//! restarted the lock is gone, and the server goes on without it.

use std::time::{Duration, Instant};

use sqlx::PgConnection;

use crate::db::connect;
use crate::limits::CLAIM_TIMEOUT;
use crate::{Db, Result, StoreError};

/// The number of the lock, of this program alone among those that share a database: the bytes of `hd1serve`.
const LOCK: i64 = i64::from_be_bytes(*b"hd1serve");

/// How long between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// The right to serve from a database; given back when dropped, or when the process ends, however it ends.
#[derive(Debug)]
pub struct Claim {
    _held: Option<PgConnection>,
}

impl Claim {
    /// Claims a database, waiting a little for the one before to let go.
    ///
    /// # Errors
    /// [`StoreError::Claimed`] while another server holds it; [`StoreError::Unavailable`] when it does not answer.
    pub async fn of(db: &Db) -> Result<Self> {
        let Db::Pg(pool) = db else { return Ok(Self { _held: None }) };
        let mut conn = connect(&pool.connect_options()).await?;
        let started = Instant::now();
        loop {
            let take = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(LOCK);
            if take.fetch_one(&mut conn).await? {
                return Ok(Self { _held: Some(conn) });
            }
            if started.elapsed() >= CLAIM_TIMEOUT {
                return Err(StoreError::Claimed);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
