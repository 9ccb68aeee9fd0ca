//! The handle that every rule hangs on: the database, the worlds, the plugin host, the clock and the keys. Cheap to clone.

use std::sync::Arc;

use hd1_api::Pagination;
use hd1_core::{Clock, Micros, SessionId};
use hd1_store::sessions::SessionRecord;
use hd1_store::{Conn, Db};
use tokio::sync::{Notify, RwLock};
use uuid::Uuid;

use crate::authority::Authority;
use crate::error::{ControlError, Result};
use crate::keys::{AdminToken, SecretKey, TicketKey};
use crate::limits;
use crate::locks::SessionLocks;
use crate::plugin_host::PluginHost;
use crate::plugins::Fresh;
use crate::worlds::Worlds;

/// The rules of one installation.
#[derive(Clone)]
pub struct Control {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) worlds: Arc<dyn Worlds>,
    pub(crate) host: Arc<dyn PluginHost>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) admin: AdminToken,
    pub(crate) ticket_key: TicketKey,
    pub(crate) secret_key: SecretKey,
    pub(crate) issuer: String,
    pub(crate) locks: SessionLocks,
    /// Held by one that changes what is installed, shared by those who change what a session has of it. It is taken
    /// before any session's lock.
    pub(crate) plugins: RwLock<()>,
    /// Which of them were replaced lately.
    pub(crate) fresh: Fresh,
    /// Tells whoever works off what plugins are to do that there may be more.
    pub(crate) work: Notify,
}

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Entries left out before the first.
    pub offset: u32,
    /// Entries wanted, 1 to 200.
    pub limit: u32,
}

impl Default for Page {
    fn default() -> Self {
        Self { offset: 0, limit: limits::PAGE_DEFAULT }
    }
}

impl Page {
    /// The page that a request asks for; what it leaves out has its default.
    ///
    /// # Errors
    /// [`ControlError::Invalid`] for a limit outside 1–200.
    pub fn of(offset: Option<u32>, limit: Option<u32>) -> Result<Self> {
        let limit = limit.unwrap_or(limits::PAGE_DEFAULT);
        if !(1..=limits::PAGE_MAX).contains(&limit) {
            return Err(ControlError::invalid("limit", format!("must be from 1 to {}", limits::PAGE_MAX)));
        }
        Ok(Self { offset: offset.unwrap_or(0), limit })
    }

    pub(crate) fn envelope(self, total: u64, count: usize) -> Pagination {
        Pagination::new(total, u64::from(self.limit), u64::from(self.offset), count as u64)
    }
}

impl Control {
    /// The rules over a migrated database.
    ///
    /// # Errors
    /// When the database cannot be asked for the installation's id, which names the issuer of its tickets.
    pub async fn new(
        db: Db,
        worlds: Arc<dyn Worlds>,
        host: Arc<dyn PluginHost>,
        clock: Arc<dyn Clock>,
        admin: AdminToken,
        ticket_key: TicketKey,
        secret_key: SecretKey,
    ) -> Result<Self> {
        let fresh = Uuid::new_v4().to_string();
        let mut conn = db.begin().await?;
        let installation = hd1_store::settings::value_or_insert(&mut conn, "installation", &fresh, clock.now()).await?;
        conn.commit().await?;
        let issuer = format!("hd1:{installation}");
        let (locks, plugins, fresh) = (SessionLocks::default(), RwLock::new(()), Fresh::default());
        let work = Notify::new();
        let inner =
            Inner { db, worlds, host, clock, admin, ticket_key, secret_key, issuer, locks, plugins, fresh, work };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ready(&self) -> Result<()> {
        Ok(self.inner.db.ping().await?)
    }

    /// The scenes a session may be made from.
    #[must_use]
    pub fn library(&self) -> Vec<hd1_api::SceneInfo> {
        self.inner.worlds.library()
    }

    /// Removes what is over: expired tickets and values of plugins, participants that left a day ago, jobs that failed a
    /// week ago. To be called every few minutes; one call removes at most 4,000 rows. Answers how many it removed.
    ///
    /// # Errors
    /// What the database says.
    pub async fn sweep(&self) -> Result<u64> {
        let now = self.now();
        let mut conn = self.inner.db.begin().await?;
        let (left, failed) = (now.plus_s(-limits::LEFT_KEPT_S), now.plus_s(-limits::FAILED_JOBS_KEPT_S));
        let gone = hd1_store::system::sweep(&mut conn, now, left, failed).await?;
        conn.commit().await?;
        Ok(gone)
    }

    pub(crate) fn now(&self) -> Micros {
        self.inner.clock.now()
    }

    pub(crate) fn worlds(&self) -> &dyn Worlds {
        &*self.inner.worlds
    }

    pub(crate) fn host(&self) -> &dyn PluginHost {
        &*self.inner.host
    }

    /// The session of this id, if the caller sees it.
    pub(crate) async fn visible(&self, authority: &Authority, id: SessionId) -> Result<SessionRecord> {
        let mut conn = self.inner.db.read().await?;
        self.visible_in(&mut conn, authority, id).await
    }

    pub(crate) async fn visible_in(
        &self,
        conn: &mut Conn,
        authority: &Authority,
        id: SessionId,
    ) -> Result<SessionRecord> {
        let found = hd1_store::sessions::find(conn, &authority.scope(), id, self.now()).await?;
        found.ok_or(ControlError::NotFound("session"))
    }
}
