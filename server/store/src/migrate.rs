//! Migrations, up and down.

use sqlx::migrate::Migrator;

use crate::{Db, Result};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Brings the database to the newest version. To be run before anything else uses it: SQLite knows no migration lock.
///
/// # Errors
/// [`crate::StoreError::Migrate`]; a migration that fails halfway leaves nothing behind.
pub async fn up(db: &Db) -> Result<()> {
    match db {
        Db::Lite { write, .. } => MIGRATIONS.run(write.pool()).await?,
        Db::Pg(pool) => {
            // On a connection of its own, closed afterwards: a failed run leaves its advisory lock on the connection.
            let mut own = pool.acquire().await?;
            own.close_on_drop();
            MIGRATIONS.run(&mut *own).await?;
        }
    }
    Ok(())
}

/// Takes the database back to `version`; 0 removes every table.
///
/// # Errors
/// As [`up`].
pub async fn down(db: &Db, version: i64) -> Result<()> {
    match db {
        Db::Lite { write, .. } => MIGRATIONS.undo(write.pool(), version).await?,
        Db::Pg(pool) => {
            let mut own = pool.acquire().await?;
            own.close_on_drop();
            MIGRATIONS.undo(&mut *own, version).await?;
        }
    }
    Ok(())
}
