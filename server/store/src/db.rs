//! The database: an enum of two native pools, and the one connection type that repositories speak to.
//!
//! SQLite has one writer and a few read-only readers. One connection that writes is faster and fairer than several
//! that fight for the file's lock, `BEGIN IMMEDIATE` takes that lock before the first read so that no transaction
//! fails halfway, and a write that strays onto a reader is refused by SQLite itself. Transactions that wait for the
//! writer are put on disk together ([`crate::writer`]).
//!
//! SQLite runs in WAL mode with `synchronous = FULL`: a commit is on disk when it is acknowledged. `NORMAL` would also
//! survive `kill -9`, whose unwritten pages the kernel still holds, but a power cut would then take back writes that
//! callers were told of; FULL was measured at four fifths of NORMAL's commits a second.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction};

use crate::error::{Result, StoreError};
use crate::limits::{ACQUIRE_TIMEOUT, PING_TIMEOUT, SQLITE_BUSY_TIMEOUT, SQLITE_READERS_MAX};
use crate::sql::{Args, Row, Sql};
use crate::writer::{Part, Writer};

/// A database, cheap to clone.
#[derive(Clone, Debug)]
pub enum Db {
    /// A SQLite file.
    Lite {
        /// The one connection that writes.
        write: Writer,
        /// Connections that cannot.
        read: SqlitePool,
    },
    /// A PostgreSQL database.
    Pg(PgPool),
}

/// One connection, inside a transaction or not.
#[derive(Debug)]
pub enum Conn {
    /// To SQLite.
    Lite(Hold<PoolConnection<Sqlite>, Part>),
    /// To PostgreSQL.
    Pg(Hold<PoolConnection<Postgres>, Transaction<'static, Postgres>>),
}

/// How a connection is held.
#[derive(Debug)]
pub enum Hold<Plain, Tx> {
    /// Every statement for itself.
    Plain(Plain),
    /// All or nothing; rolled back when dropped.
    Tx(Tx),
}

impl Hold<PoolConnection<Sqlite>, Part> {
    fn on(&mut self) -> &mut SqliteConnection {
        match self {
            Hold::Plain(conn) => conn,
            Hold::Tx(part) => part.on(),
        }
    }
}

impl Hold<PoolConnection<Postgres>, Transaction<'static, Postgres>> {
    fn on(&mut self) -> &mut PgConnection {
        match self {
            Hold::Plain(conn) => conn,
            Hold::Tx(tx) => tx,
        }
    }
}

impl Db {
    /// Opens the PostgreSQL database of `postgres://USER@HOST/NAME`, to be spoken to over at most `connections_max`
    /// connections. TLS is used where the server offers it; `?sslmode=verify-full` insists on it.
    ///
    /// # Errors
    /// [`StoreError::Address`] for any other text, [`StoreError::Unavailable`] with the reason when nobody answers
    /// there, or whoever does refuses us.
    pub async fn open_postgres(url: &str, connections_max: u32) -> Result<Db> {
        // Whatever it is, it may hold a password: it is not repeated.
        let options = Some(url).filter(|url| url.starts_with("postgres://") || url.starts_with("postgresql://"));
        let options: PgConnectOptions = options.and_then(|url| url.parse().ok()).ok_or(StoreError::Address)?;
        // The pool takes a refusal for a server that is about to start, waits, and tells of a timeout alone; a first
        // connection outside it tells why.
        drop(connect(&options).await?);
        let pool = PgPoolOptions::new().max_connections(connections_max).acquire_timeout(ACQUIRE_TIMEOUT);
        Ok(Db::Pg(pool.connect_lazy_with(options)))
    }

    /// Opens a SQLite file, made if it is not there.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open_file(file: &std::path::Path) -> Result<Db> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(SQLITE_BUSY_TIMEOUT)
            .foreign_keys(true);
        let pool = SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT);
        // The writer opens first: it makes the file and turns WAL on, which a read-only connection could not.
        let write = pool.clone().max_connections(1).connect_with(options.clone()).await?;
        let read = pool.max_connections(SQLITE_READERS_MAX).connect_with(options.read_only(true)).await?;
        Ok(Db::Lite { write: Writer::new(write), read })
    }

    /// The name of the database's kind, for logs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Db::Lite { .. } => "sqlite",
            Db::Pg(_) => "postgresql",
        }
    }

    /// A connection for reading, without a transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when none comes free in time.
    pub async fn read(&self) -> Result<Conn> {
        Ok(match self {
            Db::Lite { read, .. } => Conn::Lite(Hold::Plain(read.acquire().await?)),
            Db::Pg(pool) => Conn::Pg(Hold::Plain(pool.acquire().await?)),
        })
    }

    /// A transaction for writing; dropped without [`Conn::commit`] it rolls back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection comes free in time.
    pub async fn begin(&self) -> Result<Conn> {
        Ok(match self {
            Db::Lite { write, .. } => Conn::Lite(Hold::Tx(write.begin().await?)),
            Db::Pg(pool) => Conn::Pg(Hold::Tx(pool.begin().await?)),
        })
    }

    /// Whether the database answers, soon.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and why it does not.
    pub async fn ping(&self) -> Result<()> {
        let asked = async { self.read().await?.exec(crate::sql::sql!("SELECT 1"), ()).await };
        match within(PING_TIMEOUT, asked).await {
            Ok(_) => Ok(()),
            // Whoever pings asks for nothing else: whatever went wrong, the database does not answer.
            Err(StoreError::Failed(error)) => Err(StoreError::Unavailable(error)),
            Err(error) => Err(error),
        }
    }

    /// Waits for every connection to come back and closes them; SQLite folds its log into the file.
    pub async fn close(&self) {
        match self {
            Db::Lite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Db::Pg(pool) => pool.close().await,
        }
    }
}

/// One connection outside any pool.
pub(crate) async fn connect(options: &PgConnectOptions) -> Result<PgConnection> {
    let connected = async { PgConnection::connect_with(options).await.map_err(StoreError::Unavailable) };
    within(ACQUIRE_TIMEOUT, connected).await
}

/// What `work` answers, if it does so in time.
pub(crate) async fn within<T>(time: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(time, work).await.unwrap_or_else(|_| {
        let silence = std::io::Error::new(std::io::ErrorKind::TimedOut, format!("no answer within {time:?}"));
        Err(StoreError::Unavailable(sqlx::Error::Io(silence)))
    })
}

impl Conn {
    /// Runs a statement and answers the number of rows it touched.
    ///
    /// # Errors
    /// What the database says.
    pub async fn exec<const N: usize>(&mut self, sql: Sql<N>, args: impl Args<N>) -> Result<u64> {
        Ok(match self {
            Conn::Lite(c) => sqlx::query_with(sql.lite, args.lite()?).execute(c.on()).await?.rows_affected(),
            Conn::Pg(c) => sqlx::query_with(sql.pg, args.pg()?).execute(c.on()).await?.rows_affected(),
        })
    }

    /// Runs a statement that answers at most one row.
    ///
    /// # Errors
    /// What the database says.
    pub async fn opt<R: Row, const N: usize>(&mut self, sql: Sql<N>, args: impl Args<N>) -> Result<Option<R>> {
        Ok(match self {
            Conn::Lite(c) => sqlx::query_as_with(sql.lite, args.lite()?).fetch_optional(c.on()).await?,
            Conn::Pg(c) => sqlx::query_as_with(sql.pg, args.pg()?).fetch_optional(c.on()).await?,
        })
    }

    /// Runs a statement that answers exactly one row.
    ///
    /// # Errors
    /// What the database says; a missing row is [`StoreError::Failed`].
    pub async fn one<R: Row, const N: usize>(&mut self, sql: Sql<N>, args: impl Args<N>) -> Result<R> {
        self.opt(sql, args).await?.ok_or(StoreError::Failed(sqlx::Error::RowNotFound))
    }

    /// Runs a statement and answers all its rows; its LIMIT keeps them few.
    ///
    /// # Errors
    /// What the database says.
    pub async fn all<R: Row, const N: usize>(&mut self, sql: Sql<N>, args: impl Args<N>) -> Result<Vec<R>> {
        Ok(match self {
            Conn::Lite(c) => sqlx::query_as_with(sql.lite, args.lite()?).fetch_all(c.on()).await?,
            Conn::Pg(c) => sqlx::query_as_with(sql.pg, args.pg()?).fetch_all(c.on()).await?,
        })
    }

    /// Makes a transaction's writes last.
    ///
    /// # Errors
    /// What the database says; nothing was written then.
    pub async fn commit(self) -> Result<()> {
        match self {
            Conn::Lite(Hold::Tx(part)) => part.commit().await,
            Conn::Pg(Hold::Tx(tx)) => Ok(tx.commit().await?),
            Conn::Lite(Hold::Plain(_)) | Conn::Pg(Hold::Plain(_)) => Ok(()),
        }
    }
}
