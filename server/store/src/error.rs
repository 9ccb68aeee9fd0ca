//! What a statement can fail with, named for what the caller can do about it.

/// A result of the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A row of the same key is there already.
    #[error("a row of the same key is there already")]
    Duplicate,
    /// The row that this one refers to is not there.
    #[error("a row that this one refers to is not there")]
    Dangling,
    /// No connection in time, the server is gone, a lock did not come free: the same call may work later.
    #[error("the database cannot be reached: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// A row holds what this version cannot read.
    #[error("{table} {key}: cannot read the stored {column}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row's key.
        key: String,
        /// The column.
        column: &'static str,
    },
    /// The migrations could not be run.
    #[error("cannot migrate the database: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The address of the database is not one.
    #[error("this names no database: write postgres://USER@HOST/NAME")]
    Address,
    /// Another server holds the database.
    #[error("another hd1 serves from this database: stop it, or give each a database of its own")]
    Claimed,
    /// A defect or a failing disk.
    #[error("a statement failed: {0}")]
    Failed(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        if let E::Database(cause) = &error {
            if cause.is_unique_violation() {
                return StoreError::Duplicate;
            }
            if cause.is_foreign_key_violation() {
                return StoreError::Dangling;
            }
            // SQLite: busy (5) and locked (6), plain or extended. PostgreSQL: classes 08 (connection), 53 (resources),
            // 57P (shutdown), and 40 (serialisation, deadlock): the transaction is gone, the next one may pass.
            let code = cause.code().unwrap_or_default();
            let busy = code.parse::<u32>().is_ok_and(|code| code < 10_000 && matches!(code & 0xff, 5 | 6));
            if busy || (code.len() == 5 && ["08", "53", "57P", "40"].iter().any(|class| code.starts_with(class))) {
                return StoreError::Unavailable(error);
            }
        }
        match error {
            E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::Io(_) => StoreError::Unavailable(error),
            error => StoreError::Failed(error),
        }
    }
}
