//! Which plugins a session has, in what order, and what it sets for them: decided by whoever manages the session.

use hd1_api::{
    AttachPlugin, PlacedPlugin, SessionPlugin, SessionPluginList, SessionPluginPatch, SetSessionPlugins,
    WorldPluginHealth,
};
use hd1_core::SessionId;
use hd1_manifest::PluginId;
use hd1_store::session_plugins::{self as repo, SessionPluginRecord};

use super::catalogue::{Catalogue, Installed};
use super::config::{self, Config};
use super::{finish, observe};
use crate::authority::Authority;
use crate::control::{Control, Page};
use crate::error::{ControlError, Result};
use crate::limits;
use crate::worlds::WorldError;

/// A session's rows while they are changed.
type Rows = Vec<SessionPluginRecord>;

impl Control {
    /// The plugins of a session in the order in which they run.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for a session that the caller does not see.
    pub async fn session_plugins(&self, authority: &Authority, id: SessionId) -> Result<SessionPluginList> {
        self.visible(authority, id).await?;
        self.listed(id).await
    }

    /// Attaches a plugin to a session; it runs from the world's next tick on.
    ///
    /// # Errors
    /// A missing right; a plugin that is not installed, that the session has already, or that would come before one
    /// that it needs; values that the plugin does not take; a world that refuses it. Then nothing has changed.
    pub async fn attach_plugin(
        &self,
        authority: &Authority,
        id: SessionId,
        wish: AttachPlugin,
    ) -> Result<SessionPlugin> {
        let plugin = wish.plugin.clone();
        let edit = move |catalogue: &Catalogue, rows: &mut Rows| {
            let installed = installed(catalogue, &wish.plugin, "plugin")?;
            if rows.iter().any(|row| row.plugin == wish.plugin) {
                return Err(ControlError::Conflict(format!("the session has {} already", wish.plugin)));
            }
            let own = wish.config.unwrap_or_default();
            check_own(installed, &own, "config")?;
            let row = new_row(id, wish.plugin, wish.enabled, own);
            let end = rows.len();
            rows.insert(wish.position.map_or(end, |position| end.min(position as usize)), row);
            Ok(())
        };
        self.edit_plugins(authority, id, edit).await?;
        self.shown_in(id, &plugin).await
    }

    /// Gives a session exactly these plugins in this order.
    ///
    /// # Errors
    /// As [`Control::attach_plugin`]. Then nothing has changed.
    pub async fn set_session_plugins(
        &self,
        authority: &Authority,
        id: SessionId,
        wish: SetSessionPlugins,
    ) -> Result<SessionPluginList> {
        let edit = move |catalogue: &Catalogue, rows: &mut Rows| {
            let before = std::mem::take(rows);
            for (i, placed) in wish.plugins.into_iter().enumerate() {
                let PlacedPlugin { plugin, config: own, enabled } = placed;
                let at = format!("plugins[{i}]");
                let installed = installed(catalogue, &plugin, &format!("{at}.plugin"))?;
                if rows.iter().any(|row| row.plugin == plugin) {
                    return Err(ControlError::invalid(format!("{at}.plugin"), format!("{plugin} is there twice")));
                }
                let had = before.iter().find(|row| row.plugin == plugin);
                let own = own.or_else(|| had.and_then(|row| row.config.clone())).unwrap_or_default();
                check_own(installed, &own, &format!("{at}.config"))?;
                let enabled = enabled.or(had.map(|row| row.enabled)).unwrap_or(true);
                rows.push(new_row(id, plugin, enabled, own));
            }
            Ok(())
        };
        self.edit_plugins(authority, id, edit).await?;
        self.listed(id).await
    }

    /// Changes what a session sets for a plugin, whether it runs there, and where in the order.
    ///
    /// # Errors
    /// A missing right; a plugin that the session does not have; values that it does not take; an order that does not
    /// suit; a world that refuses. Then nothing has changed.
    pub async fn patch_session_plugin(
        &self,
        authority: &Authority,
        id: SessionId,
        plugin: &PluginId,
        patch: SessionPluginPatch,
    ) -> Result<SessionPlugin> {
        let plugin = plugin.to_string();
        let own = plugin.clone();
        let edit = move |catalogue: &Catalogue, rows: &mut Rows| {
            let at = place(rows, &own)?;
            let installed = installed(catalogue, &own, "plugin")?;
            let mut row = rows.remove(at);
            let next = config::patched(&row.config.unwrap_or_default(), patch.config);
            check_own(installed, &next, "config")?;
            row.config = Some(next).filter(|next| !next.is_empty());
            row.enabled = patch.enabled.unwrap_or(row.enabled);
            let to = patch.position.map_or(at, |position| rows.len().min(position as usize));
            rows.insert(to, row);
            Ok(())
        };
        self.edit_plugins(authority, id, edit).await?;
        self.shown_in(id, &plugin).await
    }

    /// Takes a plugin out of a session from its world's next tick on.
    ///
    /// # Errors
    /// A missing right; a plugin that the session does not have, or that another one there needs.
    pub async fn detach_plugin(&self, authority: &Authority, id: SessionId, plugin: &PluginId) -> Result<()> {
        let plugin = plugin.to_string();
        let edit = move |catalogue: &Catalogue, rows: &mut Rows| {
            rows.remove(place(rows, &plugin)?);
            let needs = |row: &&SessionPluginRecord| {
                catalogue.get(&row.plugin).is_some_and(|other| other.needs().any(|need| need == plugin))
            };
            match rows.iter().find(needs) {
                Some(SessionPluginRecord { plugin: other, .. }) => {
                    Err(ControlError::Conflict(format!("{other} needs {plugin}: detach {other} first")))
                }
                None => Ok(()),
            }
        };
        self.edit_plugins(authority, id, edit).await
    }

    /// Changes a session's list: the rows first, then the world; a world that refuses has them put back.
    async fn edit_plugins(
        &self,
        authority: &Authority,
        id: SessionId,
        edit: impl FnOnce(&Catalogue, &mut Rows) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        authority.manage(&self.visible(authority, id).await?)?;
        let (control, authority) = (self.clone(), authority.clone());
        finish(async move {
            // What is installed stays as it is meanwhile, and so does the session.
            let _shared = control.inner.plugins.read().await;
            let _held = control.inner.locks.lock(id).await;
            authority.manage(&control.visible(&authority, id).await?)?;
            let catalogue = control.catalogue().await?;
            let before = {
                let mut conn = control.inner.db.read().await?;
                repo::list(&mut conn, id).await?
            };
            let mut after = before.clone();
            edit(&catalogue, &mut after)?;
            if after.len() > limits::SESSION_PLUGINS_MAX {
                let most = limits::SESSION_PLUGINS_MAX;
                return Err(ControlError::Conflict(format!("a session has at most {most} plugins")));
            }
            catalogue.check_order(&after)?;
            control.replace_rows(id, &after).await?;
            let trust = control.host().trust();
            match control.worlds().set_plugins(id, &catalogue.running(&after, trust)).await {
                // One that could not be brought back has them when it is: that may be what this change is for.
                Ok(()) | Err(WorldError::NoSuchWorld) => Ok(()),
                Err(error) => {
                    control.replace_rows(id, &before).await?;
                    // One that refused has what it had; of one that did not answer nobody knows.
                    let had = catalogue.running(&before, trust);
                    if let Err(error) = control.worlds().set_plugins(id, &had).await {
                        tracing::error!(session.id = %id, error = %error, "a world did not take back the plugins it had");
                    }
                    Err(error.into())
                }
            }
        })
        .await
    }

    async fn replace_rows(&self, id: SessionId, rows: &[SessionPluginRecord]) -> Result<()> {
        let mut conn = self.inner.db.begin().await?;
        repo::replace(&mut conn, id, rows).await?;
        Ok(conn.commit().await?)
    }

    async fn listed(&self, id: SessionId) -> Result<SessionPluginList> {
        let mut conn = self.inner.db.read().await?;
        let (catalogue, rows) = Catalogue::of_session(&mut conn, id, self.host()).await?;
        drop(conn);
        let running = catalogue.running(&rows, self.host().trust());
        let states = self.worlds().plugin_states(id).unwrap_or_default();
        let mut plugins = Vec::with_capacity(rows.len());
        for (position, row) in (0..).zip(rows) {
            let Some(installed) = catalogue.get(&row.plugin) else { continue };
            let active = running.iter().any(|plugin| plugin.id == row.plugin);
            let health: Option<WorldPluginHealth> = observe::health_of(&states, &row.plugin).filter(|_| active);
            plugins.push(SessionPlugin {
                version: installed.record.version.clone(),
                effective_config: config::merged(&installed.plan.config, &installed.set(), row.config.as_ref()),
                plugin: row.plugin,
                position,
                enabled: row.enabled,
                active,
                config: row.config,
                health,
            });
        }
        let whole = Page { offset: 0, limit: limits::PAGE_MAX };
        Ok(SessionPluginList { pagination: whole.envelope(plugins.len() as u64, plugins.len()), plugins })
    }

    async fn shown_in(&self, id: SessionId, plugin: &str) -> Result<SessionPlugin> {
        let listed = self.listed(id).await?.plugins.into_iter().find(|shown| shown.plugin == plugin);
        listed.ok_or(ControlError::NotFound("plugin in this session"))
    }
}

/// A session sets what a plugin's systems take. Its service is one for all sessions.
fn check_own(installed: &Installed, own: &Config, at: &str) -> Result<()> {
    config::check(&installed.plan.config, own, at)
}

fn new_row(session: SessionId, plugin: String, enabled: bool, own: Config) -> SessionPluginRecord {
    // The place in the list is what counts; the number is written by it.
    SessionPluginRecord { session, plugin, position: 0, enabled, config: Some(own).filter(|own| !own.is_empty()) }
}

fn installed<'a>(catalogue: &'a Catalogue, id: &str, at: &str) -> Result<&'a Installed> {
    let shown: String = id.chars().take(100).collect();
    catalogue.get(id).ok_or_else(|| ControlError::invalid(at, format!("{shown:?} is not installed: install it first")))
}

fn place(rows: &Rows, plugin: &str) -> Result<usize> {
    let at = rows.iter().position(|row| row.plugin == plugin);
    at.ok_or(ControlError::NotFound("plugin in this session"))
}
