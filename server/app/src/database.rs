//! The database that the settings name: opened, claimed for this process alone, and brought to the newest version.

use anyhow::{Context as _, Result, anyhow};
use hd1_control::Db;
use hd1_store::Claim;

use crate::config::{self, Config};

/// Opens it. The claim is to be kept for as long as the server runs.
///
/// # Errors
/// It cannot be reached, another server uses it, or a migration fails; the message names the setting.
pub async fn open(config: &Config) -> Result<(Db, Claim)> {
    let (db, place) = match config.postgres() {
        Some(address) => {
            let place = format!("store.database {}", config::without_password(address).unwrap_or_default());
            let opened = Db::open_postgres(address, config.store.connections_max).await;
            (opened.map_err(|error| anyhow!("cannot open {place}: {error}"))?, place)
        }
        None => {
            let file = config.data.join("hd1.sqlite");
            let place = file.display().to_string();
            (Db::open_file(&file).await.map_err(|error| anyhow!("cannot open {place}: {error}"))?, place)
        }
    };
    // Before the migrations: they must not change what another server works with.
    let claim = Claim::of(&db).await.map_err(|error| anyhow!("cannot use {place}: {error}"))?;
    hd1_control::migrate(&db).await.with_context(|| format!("cannot use {place}"))?;
    tracing::info!(kind = db.kind(), place, "opened the database");
    Ok((db, claim))
}
