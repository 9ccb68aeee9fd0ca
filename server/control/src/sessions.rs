//! Sessions: made, listed, changed, removed.

use hd1_api::{
    CreateSession, PatchSession, ReplicationSettings, SceneSource, Session, SessionList, SessionStatus, Timestamp,
    Visibility,
};
use hd1_core::{SessionId, TickRate};
use hd1_store::sessions::{self as repo, SessionChange, SessionFilter, SessionRecord};
use serde_json::json;

use crate::authority::Authority;
use crate::control::{Control, Page};
use crate::error::{ControlError, Result};
use crate::limits;
use crate::rules::Checks;
use crate::secret::random;
use crate::worlds::WorldSpec;

/// The scene of a session that names none.
const DEFAULT_SCENE: &str = "lobby";

/// Which sessions a list shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionQuery {
    /// Only those in this status.
    pub status: Option<SessionStatus>,
    /// Only those of this visibility.
    pub visibility: Option<Visibility>,
    /// Which part.
    pub page: Page,
}

/// The versions of a record for which a change is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Whichever it has.
    #[default]
    Any,
    /// One of these.
    OneOf(Vec<u64>),
}

impl Expected {
    fn meets(&self, session: &SessionRecord) -> Result<()> {
        match self {
            Expected::OneOf(versions) if !versions.contains(&session.version) => {
                Err(ControlError::Stale { what: "session", version: session.version })
            }
            Expected::Any | Expected::OneOf(_) => Ok(()),
        }
    }
}

impl Control {
    /// Makes a session and its world. When this answers, both last: the row is committed, the world exists.
    ///
    /// # Errors
    /// A missing right, values or a scene that break rules, too many sessions of one owner.
    pub async fn create_session(&self, authority: &Authority, wish: CreateSession) -> Result<Session> {
        authority.create_sessions()?;
        let owner = authority.owner().ok_or(ControlError::Unauthenticated)?;
        check_new(&wish)?;
        let wish = match self.is_hooked("session.creating") {
            true => self.filtered("session.creating", wish).await?,
            false => wish,
        };
        check_new(&wish)?;
        self.worlds().check_replication(&wish.replication)?;
        let now = self.now();
        let scene = wish.scene.unwrap_or_else(|| SceneSource::Library(DEFAULT_SCENE.to_owned()));
        let spec = WorldSpec {
            tick_rate: wish.tick_rate,
            seed: wish.seed.unwrap_or_else(|| u64::from_le_bytes(random()) % limits::SEED_END),
            settings: wish.settings.world.clone(),
            replication: wish.replication,
            // Plugins are attached to a session that is there.
            plugins: Vec::new(),
            scene,
        };
        let record = SessionRecord {
            id: SessionId::generate(),
            name: wish.name.trim().to_owned(),
            description: wish.description,
            owner,
            status: SessionStatus::Created,
            status_reason: None,
            visibility: wish.visibility,
            max_participants: wish.max_participants,
            tick_rate: wish.tick_rate.unwrap_or(TickRate::DEFAULT),
            scene_name: match &spec.scene {
                SceneSource::Library(name) => Some(name.clone()),
                SceneSource::Inline(_) => None,
            },
            seed: spec.seed,
            settings: wish.settings,
            replication: wish.replication,
            metadata: wish.metadata,
            version: 1,
            created_at: now,
            updated_at: now,
            participant_count: 0,
        };
        self.insert(authority, &record, &spec.scene).await?;
        let made = self.worlds().create(record.id, &spec, wish.autostart).await;
        match made {
            Ok(rate) => {
                let mut conn = self.inner.db.begin().await?;
                if rate != record.tick_rate {
                    repo::set_tick_rate(&mut conn, record.id, rate).await?;
                }
                let SessionRecord { id, name, scene_name, owner, .. } = &record;
                let about = json!({ "session_id": id, "name": name, "scene": scene_name, "owner": owner });
                self.tell(&mut conn, "session.created", about).await?;
                self.commit(conn).await?;
                self.refresh_status(record.id).await?;
                Ok(to_api(self.visible(authority, record.id).await?))
            }
            Err(refusal) => {
                // The row came first, so that no world exists without one; a refused world takes it back.
                let mut conn = self.inner.db.begin().await?;
                repo::delete(&mut conn, &authority.scope(), record.id).await?;
                conn.commit().await?;
                Err(refusal.into())
            }
        }
    }

    async fn insert(&self, authority: &Authority, record: &SessionRecord, scene: &SceneSource) -> Result<()> {
        let mut conn = self.inner.db.begin().await?;
        if !authority.is_admin() && repo::count_owned(&mut conn, &record.owner).await? >= limits::SESSIONS_PER_OWNER_MAX
        {
            let most = limits::SESSIONS_PER_OWNER_MAX;
            return Err(ControlError::Conflict(format!("this token owns {most} sessions already: delete some first")));
        }
        repo::insert(&mut conn, record, scene).await?;
        Ok(conn.commit().await?)
    }

    /// A page of the sessions that the caller finds, newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn list_sessions(&self, authority: &Authority, query: &SessionQuery) -> Result<SessionList> {
        let filter = SessionFilter {
            status: query.status,
            visibility: query.visibility,
            offset: query.page.offset,
            limit: query.page.limit,
        };
        let mut conn = self.inner.db.read().await?;
        let (rows, total) = repo::list(&mut conn, &authority.scope(), &filter, self.now()).await?;
        let pagination = query.page.envelope(total, rows.len());
        Ok(SessionList { sessions: rows.into_iter().map(to_api).collect(), pagination })
    }

    /// A session that the caller sees.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for one that is not there or is not the caller's to see: the two look alike.
    pub async fn session(&self, authority: &Authority, id: SessionId) -> Result<Session> {
        Ok(to_api(self.visible(authority, id).await?))
    }

    /// Changes a session's record.
    ///
    /// # Errors
    /// A missing right, values that break rules; [`ControlError::Stale`] where it has another version than expected.
    pub async fn patch_session(
        &self,
        authority: &Authority,
        id: SessionId,
        expected: &Expected,
        patch: PatchSession,
    ) -> Result<Session> {
        check_patch(&patch)?;
        // Neither while its world is being ended, nor between that and the end of its row.
        let _held = self.inner.locks.lock(id).await;
        let now = self.now();
        let mut conn = self.inner.db.begin().await?;
        let found = repo::find_for_update(&mut conn, &authority.scope(), id, now).await?;
        let record = found.ok_or(ControlError::NotFound("session"))?;
        authority.manage(&record)?;
        expected.meets(&record)?;
        let mut settings = record.settings;
        settings.guests = patch.settings.guests.unwrap_or(settings.guests);
        settings.guest_role = patch.settings.guest_role.unwrap_or(settings.guest_role);
        let replication = patch.replication.applied_to(record.replication);
        check_replication(&replication)?;
        self.worlds().check_replication(&replication)?;
        let change = SessionChange {
            name: patch.name.map_or(record.name, |name| name.trim().to_owned()),
            description: patch.description.unwrap_or(record.description),
            visibility: patch.visibility.unwrap_or(record.visibility),
            max_participants: patch.max_participants.unwrap_or(record.max_participants),
            settings,
            replication,
            metadata: patch.metadata.unwrap_or(record.metadata),
        };
        repo::update(&mut conn, &hd1_store::Scope::owner(&record.owner), id, &change, now).await?;
        let changed = self.visible_in(&mut conn, authority, id).await;
        conn.commit().await?;
        if replication != record.replication {
            self.worlds().set_replication(id, &replication);
        }
        Ok(to_api(changed?))
    }

    /// Ends a session's world and removes everything of it.
    ///
    /// # Errors
    /// A missing right; [`ControlError::Stale`] where it has another version than expected; a world that could not be
    /// ended, in which case the session stays and this may be repeated.
    pub async fn delete_session(&self, authority: &Authority, id: SessionId, expected: &Expected) -> Result<()> {
        authority.manage(&self.visible(authority, id).await?)?;
        let _held = self.inner.locks.lock(id).await;
        // Read again: while this waited somebody may have changed or removed it.
        let record = self.visible(authority, id).await?;
        authority.manage(&record)?;
        expected.meets(&record)?;
        // The world goes first: if its files cannot be removed, the session is still there to try again with.
        self.worlds().delete(id).await?;
        let mut conn = self.inner.db.begin().await?;
        let gone = repo::delete(&mut conn, &hd1_store::Scope::owner(&record.owner), id).await?;
        if gone {
            self.tell(&mut conn, "session.deleted", json!({ "session_id": id })).await?;
        }
        self.commit(conn).await?;
        if gone { Ok(()) } else { Err(ControlError::NotFound("session")) }
    }
}

fn check_new(wish: &CreateSession) -> Result<()> {
    let mut checks = Checks::default();
    checks.line("name", &wish.name, limits::NAME_CHARS_MAX);
    checks.text("description", &wish.description, limits::DESCRIPTION_CHARS_MAX);
    checks.max_participants(wish.max_participants);
    checks.guest_role("settings.guest_role", wish.settings.guest_role);
    checks.object("settings.world", &wish.settings.world, limits::WORLD_SETTINGS_BYTES_MAX);
    checks.object("metadata", &wish.metadata, limits::METADATA_BYTES_MAX);
    if wish.seed.is_some_and(|seed| seed >= limits::SEED_END) {
        checks.refuse("seed", "must be below 2^53");
    }
    match &wish.scene {
        Some(SceneSource::Library(name)) => checks.line("scene", name, limits::NAME_CHARS_MAX),
        Some(SceneSource::Inline(scene)) => checks.object("scene", scene, limits::SCENE_BYTES_MAX),
        None => {}
    }
    checks.replication(&wish.replication);
    checks.done()
}

/// The settings as a change would leave them: a cell is judged by the view.
fn check_replication(replication: &ReplicationSettings) -> Result<()> {
    let mut checks = Checks::default();
    checks.replication(replication);
    checks.done()
}

fn check_patch(patch: &PatchSession) -> Result<()> {
    let mut checks = Checks::default();
    if let Some(name) = &patch.name {
        checks.line("name", name, limits::NAME_CHARS_MAX);
    }
    if let Some(description) = &patch.description {
        checks.text("description", description, limits::DESCRIPTION_CHARS_MAX);
    }
    if let Some(places) = patch.max_participants {
        checks.max_participants(places);
    }
    if let Some(role) = patch.settings.guest_role {
        checks.guest_role("settings.guest_role", role);
    }
    if let Some(metadata) = &patch.metadata {
        checks.object("metadata", metadata, limits::METADATA_BYTES_MAX);
    }
    checks.done()
}

/// A row as the API shows it.
pub(crate) fn to_api(record: SessionRecord) -> Session {
    Session {
        id: record.id,
        name: record.name,
        description: record.description,
        owner: record.owner,
        status: record.status,
        status_reason: record.status_reason,
        visibility: record.visibility,
        max_participants: record.max_participants,
        participant_count: record.participant_count,
        tick_rate: record.tick_rate,
        scene: record.scene_name,
        settings: record.settings,
        replication: record.replication,
        metadata: record.metadata,
        version: record.version,
        created_at: Timestamp(record.created_at),
        updated_at: Timestamp(record.updated_at),
    }
}
