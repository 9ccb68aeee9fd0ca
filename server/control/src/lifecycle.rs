//! A world's life as its session records it: steps asked for, crashes told, everything brought back after a restart.
//!
//! The runtime knows where a world stands; the row says what is to be brought back. Whoever learns of a change asks the
//! runtime anew and writes the answer, both under the session's lock. So of a step's answer and a crash that overtakes
//! it, the one that is true at last is the one that is written.

use std::sync::Arc;

use hd1_api::{Session, SessionStatus, SnapshotTaken};
use hd1_core::SessionId;
use hd1_store::sessions::{self as repo, SessionRecord};
use hd1_store::system;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::authority::Authority;
use crate::control::Control;
use crate::error::{ControlError, Result};
use crate::limits;
use crate::sessions::to_api;
use crate::worlds::{Lifecycle, WorldError, WorldSpec};

/// What bringing everything back came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Sessions whose worlds were brought back, running or not.
    pub recovered: usize,
    /// Sessions whose worlds could not be; their rows say `crashed` and why.
    pub failed: usize,
}

impl Control {
    /// Takes a step in a session's life. When this answers, the step is taken and recorded.
    ///
    /// # Errors
    /// A missing right, or a state from which the step does not lead.
    pub async fn step(&self, authority: &Authority, id: SessionId, step: Lifecycle) -> Result<Session> {
        let record = self.visible(authority, id).await?;
        authority.manage(&record)?;
        {
            let _held = self.inner.locks.lock(id).await;
            let taken = self.worlds().lifecycle(id, step).await;
            // Even a step that failed may have left the world elsewhere.
            self.write_status(id).await?;
            taken?;
        }
        Ok(to_api(self.visible(authority, id).await?))
    }

    /// Takes a snapshot and answers once it is on disk.
    ///
    /// # Errors
    /// A missing right, or a world that has nothing to snapshot.
    pub async fn snapshot(&self, authority: &Authority, id: SessionId) -> Result<SnapshotTaken> {
        let record = self.visible(authority, id).await?;
        authority.manage(&record)?;
        Ok(self.worlds().snapshot(id).await?)
    }

    /// To be called whenever the runtime says that a world's status changed: asks where it stands and records that.
    ///
    /// # Errors
    /// What the database says.
    pub async fn refresh_status(&self, id: SessionId) -> Result<()> {
        let _held = self.inner.locks.lock(id).await;
        self.write_status(id).await
    }

    async fn write_status(&self, id: SessionId) -> Result<()> {
        let Some(state) = self.worlds().state(id) else { return Ok(()) };
        self.record_status(id, state.status, state.reason.as_deref()).await
    }

    async fn record_status(&self, id: SessionId, status: SessionStatus, reason: Option<&str>) -> Result<()> {
        let mut conn = self.inner.db.begin().await?;
        let before = repo::set_status(&mut conn, id, status, reason, self.now()).await?;
        if let Some(point) = before.and_then(|before| point_of(before, status)) {
            let about = match reason {
                Some(reason) => json!({ "session_id": id, "reason": reason }),
                None => json!({ "session_id": id }),
            };
            self.tell(&mut conn, point, about).await?;
        }
        self.commit(conn).await
    }

    /// Makes sure that a session's world can be joined and asked: wakes a hibernated one.
    pub(crate) async fn ensure_awake(&self, id: SessionId) -> Result<()> {
        match self.awake(id)? {
            true => Ok(()),
            false => {
                let _held = self.inner.locks.lock(id).await;
                // Somebody else may have woken it while this one waited.
                if !self.awake(id)? {
                    let woken = self.worlds().lifecycle(id, Lifecycle::Wake).await;
                    self.write_status(id).await?;
                    woken?;
                }
                Ok(())
            }
        }
    }

    fn awake(&self, id: SessionId) -> Result<bool> {
        match self.worlds().state(id).map(|state| state.status) {
            Some(SessionStatus::Running | SessionStatus::Paused) => Ok(true),
            Some(SessionStatus::Hibernated) => Ok(false),
            Some(
                down @ (SessionStatus::Created
                | SessionStatus::Stopped
                | SessionStatus::Crashed
                | SessionStatus::CrashLoop),
            ) => Err(ControlError::NotRunning(down)),
            None => Err(ControlError::NotFound("session")),
        }
    }

    /// The sessions that were running or paused when they were last recorded: what a restart must wake.
    ///
    /// # Errors
    /// What the database says.
    pub async fn sessions_to_wake(&self) -> Result<Vec<SessionId>> {
        let mut awake = Vec::new();
        let mut after = None;
        loop {
            let mut conn = self.inner.db.read().await?;
            let page = system::sessions_after(&mut conn, after, self.now()).await?;
            drop(conn);
            let Some(last) = page.last() else { return Ok(awake) };
            after = Some(last.id);
            awake.extend(page.iter().filter(|record| runs(record.status)).map(|record| record.id));
        }
    }

    /// Brings every session's world back after a restart, those that ran first, a few at a time. To be called once,
    /// before anybody is let in. Whoever was connected is recorded as gone.
    ///
    /// # Errors
    /// What the database says; a world that cannot be brought back is recorded as crashed and does not stop the rest.
    pub async fn recover(&self) -> Result<Recovery> {
        let mut conn = self.inner.db.begin().await?;
        system::disconnect_everybody(&mut conn, self.now()).await?;
        conn.commit().await?;
        let mut recovery = Recovery::default();
        for running in [true, false] {
            self.recover_those(running, &mut recovery).await?;
        }
        Ok(recovery)
    }

    async fn recover_those(&self, running: bool, recovery: &mut Recovery) -> Result<()> {
        let permits = Arc::new(Semaphore::new(limits::RECOVERIES_AT_ONCE));
        let mut after = None;
        loop {
            let mut conn = self.inner.db.read().await?;
            let page = system::sessions_after(&mut conn, after, self.now()).await?;
            drop(conn);
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id);
            let mut tasks = JoinSet::new();
            for record in page.into_iter().filter(|record| runs(record.status) == running) {
                let (control, permits) = (self.clone(), Arc::clone(&permits));
                tasks.spawn(async move {
                    let _permit = permits.acquire_owned().await;
                    control.recover_one(record).await
                });
            }
            while let Some(done) = tasks.join_next().await {
                match done.map_err(|error| ControlError::Failed(error.to_string()))?? {
                    true => recovery.recovered += 1,
                    false => recovery.failed += 1,
                }
            }
        }
    }

    async fn recover_one(&self, record: SessionRecord) -> Result<bool> {
        let id = record.id;
        let (scene, plugins) = {
            let mut conn = self.inner.db.read().await?;
            let scene = system::scene(&mut conn, id).await?.ok_or(ControlError::NotFound("session"))?;
            (scene, self.recorded_plugins(&mut conn, id).await?)
        };
        let spec = WorldSpec {
            scene,
            tick_rate: Some(record.tick_rate),
            seed: record.seed,
            settings: record.settings.world,
            replication: record.replication,
            plugins,
        };
        let _held = self.inner.locks.lock(id).await;
        match self.worlds().recover(id, &spec, record.status).await {
            Ok(()) => {
                self.write_status(id).await?;
                Ok(true)
            }
            Err(error) => {
                tracing::error!(session.id = %id, error = %error, "a world could not be brought back");
                let reason = match error {
                    WorldError::Failed(_) => "it could not be brought back after a restart".to_owned(),
                    told => format!("it could not be brought back after a restart: {told}"),
                };
                self.record_status(id, SessionStatus::Crashed, Some(&reason)).await?;
                Ok(false)
            }
        }
    }
}

const fn runs(status: SessionStatus) -> bool {
    match status {
        SessionStatus::Running | SessionStatus::Paused => true,
        SessionStatus::Created
        | SessionStatus::Hibernated
        | SessionStatus::Stopped
        | SessionStatus::Crashed
        | SessionStatus::CrashLoop => false,
    }
}

/// What plugins are told of a world that stood there and stands here.
fn point_of(before: SessionStatus, now: SessionStatus) -> Option<&'static str> {
    match now {
        _ if before == now => None,
        SessionStatus::Running => Some(match before {
            SessionStatus::Paused => "session.resumed",
            SessionStatus::Hibernated => "session.woken",
            SessionStatus::Created
            | SessionStatus::Running
            | SessionStatus::Stopped
            | SessionStatus::Crashed
            | SessionStatus::CrashLoop => "session.started",
        }),
        SessionStatus::Paused => Some("session.paused"),
        SessionStatus::Hibernated => Some("session.hibernated"),
        SessionStatus::Stopped => Some("session.stopped"),
        // One that crashes again and again was told of when it did first.
        SessionStatus::Crashed => Some("session.crashed").filter(|_| before != SessionStatus::CrashLoop),
        SessionStatus::CrashLoop => Some("session.crashed").filter(|_| before != SessionStatus::Crashed),
        SessionStatus::Created => None,
    }
}
