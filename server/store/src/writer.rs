//! The one writer of a SQLite file, with group commit: transactions that wait for each other are put on disk together.
//!
//! A commit costs a flush of the disk, which is most of a small transaction's time, and SQLite lets one write at a
//! time. So the transactions that come while another is at work become parts (savepoints) of one outer transaction;
//! each has its turn, and none is told that it is written before the outer one is. A part that fails is rolled back
//! alone. It needs no timer: whoever finished its part queues once more, behind those who are waiting by then, and at
//! its turn commits for all who have finished.

use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Sqlite, SqlitePool};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::db::within;
use crate::error::{Result, StoreError};
use crate::limits::ACQUIRE_TIMEOUT;

/// The writer, cheap to clone.
#[derive(Clone, Debug)]
pub struct Writer {
    pool: SqlitePool,
    group: Arc<Mutex<Group>>,
}

/// The outer transaction and who waits for its commit.
#[derive(Debug, Default)]
struct Group {
    outer: Option<PoolConnection<Sqlite>>,
    finished: Vec<oneshot::Sender<Outcome>>,
}

/// What became of an outer transaction; the text says why it could not be committed.
type Outcome = Result<(), Arc<str>>;

/// One transaction of many in a group; rolled back when dropped.
#[derive(Debug)]
pub struct Part {
    /// `None` once it is ended.
    turn: Option<OwnedMutexGuard<Group>>,
    writer: Writer,
}

impl Writer {
    /// Writes over the one connection of this pool.
    pub(crate) fn new(pool: SqlitePool) -> Self {
        Self { pool, group: Arc::default() }
    }

    /// The connection by itself, for migrations.
    pub(crate) const fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Begins a transaction when its turn has come.
    pub(crate) async fn begin(&self) -> Result<Part> {
        let turn = within(ACQUIRE_TIMEOUT, async { Ok(Arc::clone(&self.group).lock_owned().await) }).await?;
        // From here on whatever goes wrong, a caller that stops waiting included, ends the part by dropping it.
        let mut part = Part { turn: Some(turn), writer: self.clone() };
        if part.group().outer.is_none() {
            part.group().outer = Some(self.pool.acquire().await?);
            run(part.on(), "BEGIN IMMEDIATE").await?;
        }
        run(part.on(), "SAVEPOINT part").await?;
        Ok(part)
    }

    /// Closes the connection, after whoever is at work or about to commit.
    pub(crate) async fn close(&self) {
        self.clone().settle().await;
        self.pool.close().await;
    }

    /// Commits for all who have finished, when its turn has come; one who came before may have done so already.
    async fn settle(self) {
        self.group.lock_owned().await.settle().await;
    }
}

impl Part {
    fn group(&mut self) -> &mut Group {
        self.turn.as_mut().expect("a part that is not ended has its turn")
    }

    /// The connection, while it has its turn.
    pub(crate) fn on(&mut self) -> &mut SqliteConnection {
        self.group().outer.as_mut().expect("a part has its outer transaction")
    }

    /// Finishes it and waits until it is on disk.
    pub(crate) async fn commit(mut self) -> Result<()> {
        let (written, outcome) = oneshot::channel();
        self.end(Some(written));
        let outcome = outcome.await.unwrap_or_else(|_| Err("the server ends".into()));
        outcome.map_err(|why| StoreError::Failed(sqlx::Error::Protocol(format!("the commit failed: {why}"))))
    }

    /// Passes the turn on. In a task of its own: a caller that stops waiting must not leave the others without the
    /// commit that is theirs as well.
    fn end(&mut self, written: Option<oneshot::Sender<Outcome>>) {
        let Some(mut turn) = self.turn.take() else { return };
        let writer = self.writer.clone();
        let ending = async move {
            turn.end_part(written).await;
            drop(turn);
            writer.settle().await;
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(ending)),
            // The program ends: nothing of the group is written, and nobody was told otherwise.
            Err(_) => std::mem::forget(ending),
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.end(None);
    }
}

impl Group {
    /// Keeps the last part for the commit, or takes back all of it.
    ///
    /// Where a disk fails SQLite rolls back everything by itself. Then the part's savepoint is gone as well, which
    /// shows here; so nobody who finished before is told of a commit that held nothing of theirs.
    async fn end_part(&mut self, written: Option<oneshot::Sender<Outcome>>) {
        let Some(outer) = &mut self.outer else { return };
        let ended = match written {
            Some(written) => {
                self.finished.push(written);
                run(outer, "RELEASE part").await
            }
            None => run(outer, "ROLLBACK TO part; RELEASE part").await,
        };
        if let Err(error) = ended {
            self.fail(&error);
        }
    }

    /// Ends the outer transaction.
    async fn settle(&mut self) {
        let Some(outer) = &mut self.outer else { return };
        match run(outer, if self.finished.is_empty() { "ROLLBACK" } else { "COMMIT" }).await {
            Ok(()) => {
                self.outer = None;
                self.tell(&Ok(()));
            }
            Err(error) => self.fail(&error),
        }
    }

    /// Gives the outer transaction up, and with it the connection, whose state nobody knows.
    fn fail(&mut self, error: &sqlx::Error) {
        if let Some(mut outer) = self.outer.take() {
            outer.close_on_drop();
        }
        self.tell(&Err(error.to_string().into()));
    }

    fn tell(&mut self, outcome: &Outcome) {
        for waiting in self.finished.drain(..) {
            // Who does not wait any more does not have to be told.
            let _ = waiting.send(outcome.clone());
        }
    }
}

async fn run(conn: &mut SqliteConnection, statements: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(statements).execute(conn).await.map(drop)
}
