//! A change of what is installed, carried into every world that has it: all of them, or none.
//!
//! The rows come first, then the worlds. Where one world refuses, the rows go back and every world is given what it
//! had. Between the two a server that dies leaves the new rows, and its worlds are made by them at the next start.

use std::collections::BTreeMap;

use hd1_core::SessionId;
use hd1_store::plugins::{self as repo, PackageRecord};
use hd1_store::session_plugins::{self, SessionPluginRecord};
use hd1_store::{Conn, StoreError};
use serde_json::json;
use tokio::task::JoinSet;

use super::catalogue::{Catalogue, Installed};
use super::config;
use crate::control::Control;
use crate::error::{ControlError, Result};
use crate::limits;
use crate::worlds::{WorldError, WorldPlugin};

/// What a plugin is to be from now on.
pub(super) struct Change {
    /// Which.
    pub(super) id: String,
    /// What it is to be; `None` is gone.
    pub(super) after: Option<Installed>,
    /// Its package, where that is new.
    pub(super) package: Option<PackageRecord>,
}

/// What sessions have, by session.
type Rows = BTreeMap<SessionId, Vec<SessionPluginRecord>>;
/// What worlds are to have.
type Lists = Vec<(SessionId, Vec<WorldPlugin>)>;

impl Control {
    /// Makes a change. The caller holds the plugins' lock alone and runs to the end, whoever stops waiting.
    pub(super) async fn apply(&self, before: &Catalogue, change: Change) -> Result<()> {
        let id = change.id.as_str();
        let had = self.rows_with(id).await?;
        let have = rows_after(&had, &change)?;
        let after = before.with(id, change.after.clone());
        for (session, rows) in &have {
            let named = |error| match error {
                ControlError::Conflict(fault) => ControlError::Conflict(format!("in session {session} {fault}")),
                other => other,
            };
            after.check_order(rows).map_err(named)?;
        }
        let mut conn = self.inner.db.begin().await?;
        write(&mut conn, &change, &had, &have).await?;
        conn.commit().await?;
        // Services first: one that does not start has changed no world.
        if let Err((plugin, why)) = self.host().set_services(&after.services(self.host().trust())).await {
            tracing::warn!(plugin.id = id, failed = plugin, why, "a change of a plugin is taken back");
            self.take_back(before, id, &had).await?;
            self.drop_unused(id).await?;
            return Err(ControlError::Conflict(format!(
                "the service of {plugin} does not start, so nothing has changed: {why}"
            )));
        }
        let swapped = self.swap(self.lists(&after, &have)).await;
        if let Err((session, error)) = &swapped {
            tracing::warn!(plugin.id = id, session.id = %session, error = %error, "a change of a plugin is taken back");
            self.take_back(before, id, &had).await?;
        }
        self.drop_unused(id).await?;
        // The change holds whatever becomes of these two, so its caller is not told that it failed.
        if let Err(error) = self.plan_schedules().await {
            tracing::warn!(plugin.id = id, %error, "what is due by a schedule is planned at the next change or start");
        }
        if swapped.is_ok()
            && let Err(error) = self.tell_of(before.get(id), change.after.as_ref()).await
        {
            tracing::warn!(plugin.id = id, %error, "plugins are not told of it");
        }
        swapped.map_err(|(session, error)| match error {
            WorldError::Refused { path, message } => ControlError::Conflict(format!(
                "the world of session {session} refuses it, so nothing has changed: {}",
                if path.is_empty() { message } else { format!("{path}: {message}") }
            )),
            other => other.into(),
        })
    }

    /// Tells plugins what has become of one of them.
    async fn tell_of(&self, before: Option<&Installed>, after: Option<&Installed>) -> Result<()> {
        let about = |plugin: &Installed| json!({ "plugin": plugin.record.id, "version": plugin.record.version });
        let mut told = Vec::new();
        match (before, after) {
            (Some(before), None) => told.push(("plugin.unloaded", json!({ "plugin": before.record.id }))),
            (before, Some(after)) => {
                if before.is_none_or(|before| before.record.package != after.record.package) {
                    told.push(("plugin.loaded", about(after)));
                }
                if before.is_some_and(|before| before.record.enabled != after.record.enabled) {
                    let point = if after.record.enabled { "plugin.enabled" } else { "plugin.disabled" };
                    told.push((point, about(after)));
                }
            }
            (None, None) => {}
        }
        let mut conn = self.inner.db.begin().await?;
        for (point, about) in told {
            self.tell(&mut conn, point, about).await?;
        }
        self.commit(conn).await
    }

    /// All plugins of every session that has this one.
    async fn rows_with(&self, id: &str) -> Result<Rows> {
        let mut rows = Rows::new();
        let mut after = None;
        let mut conn = self.inner.db.read().await?;
        loop {
            let page = session_plugins::of_plugin(&mut conn, id, after).await?;
            let Some(last) = page.last() else { return Ok(rows) };
            after = Some(last.session);
            for row in page {
                rows.insert(row.session, session_plugins::list(&mut conn, row.session).await?);
            }
        }
    }

    fn lists(&self, catalogue: &Catalogue, rows: &Rows) -> Lists {
        let trust = self.host().trust();
        rows.iter().map(|(session, rows)| (*session, catalogue.running(rows, trust))).collect()
    }

    /// Gives worlds their plugins, a few worlds at a time; stops at the first that does not take them, and names its
    /// session.
    async fn swap(&self, lists: Lists) -> Result<(), (String, WorldError)> {
        let mut waiting = lists.into_iter();
        let mut tasks = JoinSet::new();
        let mut outcome = Ok(());
        loop {
            while tasks.len() < limits::SWAPS_AT_ONCE
                && outcome.is_ok()
                && let Some((session, plugins)) = waiting.next()
            {
                let control = self.clone();
                tasks.spawn(async move { (session, control.give(session, &plugins).await) });
            }
            match tasks.join_next().await {
                None => return outcome,
                Some(Ok((_, Ok(())))) => {}
                Some(Ok((session, Err(error)))) => outcome = outcome.and(Err((session.to_string(), error))),
                Some(Err(error)) => {
                    outcome = outcome.and(Err(("unknown".to_owned(), WorldError::Failed(error.to_string()))));
                }
            }
        }
    }

    /// Gives one world its plugins. One that is gone, or could not be brought back, has them when it is there again.
    async fn give(&self, session: SessionId, plugins: &[WorldPlugin]) -> Result<(), WorldError> {
        let _held = self.inner.locks.lock(session).await;
        match self.worlds().set_plugins(session, plugins).await {
            Err(WorldError::NoSuchWorld) => Ok(()),
            answer => answer,
        }
    }

    /// Puts the rows back and gives every world what it had.
    async fn take_back(&self, before: &Catalogue, id: &str, had: &Rows) -> Result<()> {
        let mut conn = self.inner.db.begin().await?;
        match before.get(id) {
            Some(plugin) => repo::put(&mut conn, &plugin.record).await?,
            None => drop(repo::delete(&mut conn, id).await?),
        }
        conn.commit().await?;
        for (session, rows) in had {
            let mut conn = self.inner.db.begin().await?;
            match session_plugins::replace(&mut conn, *session, rows).await {
                Ok(()) => conn.commit().await?,
                // The session was deleted meanwhile.
                Err(StoreError::Dangling) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if let Err((plugin, why)) = self.host().set_services(&before.services(self.host().trust())).await {
            tracing::error!(plugin.id = plugin, why, "a service that ran before does not start again");
        }
        for (session, plugins) in self.lists(before, had) {
            if let Err(error) = self.give(session, &plugins).await {
                tracing::error!(session.id = %session, error = %error, "a world did not take back the plugins it had");
            }
        }
        Ok(())
    }

    /// Removes the packages that nothing leads to any more.
    async fn drop_unused(&self, id: &str) -> Result<()> {
        let mut conn = self.inner.db.begin().await?;
        let unused = repo::prune_packages(&mut conn, id).await?;
        conn.commit().await?;
        for hash in unused {
            // Its row is gone, so it is never read; the next one of its hash replaces it.
            if let Err(error) = self.host().drop_package(&hash).await {
                tracing::warn!(plugin.id = id, package = hash, error, "a package's file could not be removed");
            }
        }
        Ok(())
    }
}

/// What sessions have after a change: without a plugin that is gone, and with what is left of their configs where its
/// plan has fewer fields.
fn rows_after(had: &Rows, change: &Change) -> Result<Rows> {
    let mut have = Rows::new();
    for (session, rows) in had {
        let mut rows = rows.clone();
        match &change.after {
            None => rows.retain(|row| row.plugin != change.id),
            Some(after) => {
                for row in rows.iter_mut().filter(|row| row.plugin == change.id) {
                    let Some(own) = &row.config else { continue };
                    let own = config::carried(&after.plan.config, own);
                    config::check(&after.plan.config, &own, &format!("sessions.{session}.config"))?;
                    row.config = Some(own).filter(|own| !own.is_empty());
                }
            }
        }
        have.insert(*session, rows);
    }
    Ok(have)
}

async fn write(conn: &mut Conn, change: &Change, had: &Rows, have: &Rows) -> Result<()> {
    if let Some(package) = &change.package {
        repo::put_package(conn, package).await?;
    }
    let Some(after) = &change.after else {
        repo::delete(conn, &change.id).await?;
        return Ok(());
    };
    repo::put(conn, &after.record).await?;
    for (session, rows) in have {
        for row in rows.iter().filter(|row| row.plugin == change.id && !had[session].contains(row)) {
            session_plugins::set_config(conn, *session, &change.id, row.config.as_ref()).await?;
        }
    }
    Ok(())
}
