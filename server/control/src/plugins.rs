//! Plugins: installed, listed, told, switched, rolled back and uninstalled by administrators.
//!
//! What is installed changes under one lock for all plugins, and each change is carried into every world that has the
//! plugin (`change.rs`). What a session has of it stands in `attached.rs`, how it fares in `observe.rs`. One that
//! fails soon after it was replaced goes back (`fresh.rs`).
//!
//! Services are asked by whoever calls their routes (`service.rs`), told what happens and asked about what is about to
//! (`hooks.rs`), have work done later (`jobs.rs`), answer players' programs (`channels.rs`) and may vouch for callers
//! (`vouch.rs`).

mod attached;
mod catalogue;
mod change;
mod channels;
mod config;
mod fresh;
mod hooks;
mod install;
mod jobs;
mod observe;
mod schedule;
mod secrets;
mod service;
mod values;
mod vouch;

use std::collections::BTreeMap;

use hd1_api::{Plugin, PluginDependency, PluginList, PluginPatch, Timestamp};
use hd1_manifest::PluginId;
use hd1_store::plugins::{self as repo, PluginRecord, PreviousPackage};
use hd1_store::{Conn, session_plugins};
use serde_json::Value;

use crate::authority::Authority;
use crate::control::{Control, Page};
use crate::error::{ControlError, Result};
use catalogue::{Catalogue, Installed};
use change::Change;
pub(crate) use fresh::Fresh;
pub use service::Routed;

impl Control {
    /// A page of what is installed, by id.
    ///
    /// # Errors
    /// [`ControlError::Unauthenticated`] without a token.
    pub async fn list_plugins(&self, authority: &Authority, enabled: Option<bool>, page: Page) -> Result<PluginList> {
        authority.read_plugins()?;
        let mut conn = self.inner.db.read().await?;
        let (rows, total) = repo::list(&mut conn, enabled, page.offset, page.limit).await?;
        let pagination = page.envelope(total, rows.len());
        let mut plugins = Vec::with_capacity(rows.len());
        for row in rows {
            // One that was uninstalled since the page was read is left out.
            if let Some(plugin) = Installed::find(&mut conn, &row.id, self.host()).await? {
                plugins.push(self.to_api(&mut conn, plugin).await?);
            }
        }
        Ok(PluginList { plugins, pagination })
    }

    /// An installed plugin.
    ///
    /// # Errors
    /// [`ControlError::Unauthenticated`] without a token; [`ControlError::NotFound`].
    pub async fn plugin(&self, authority: &Authority, id: &PluginId) -> Result<Plugin> {
        authority.read_plugins()?;
        self.shown(&id.to_string()).await
    }

    /// Changes a plugin's config, or whether it may run; both hold at once, in every session that has it.
    ///
    /// # Errors
    /// A missing right; [`ControlError::NotFound`]; values that the plugin does not take; a plugin that needs this one,
    /// or that this one needs; a world that refuses it, and then nothing has changed.
    pub async fn patch_plugin(&self, authority: &Authority, id: &PluginId, patch: PluginPatch) -> Result<Plugin> {
        self.change_plugin(authority, id, move |catalogue, plugin| {
            if let Some(name) = patch.config.keys().find(|name| plugin.fixed.contains_key(*name)) {
                return Err(ControlError::invalid(
                    format!("config.{name}"),
                    format!(
                        "the server's own settings fix it, under plugins.config.\"{}\": change it there",
                        plugin.record.id
                    ),
                ));
            }
            plugin.record.config = config::patched(&plugin.record.config, patch.config);
            plugin.check_config()?;
            let record = &mut plugin.record;
            if let Some(rights) = patch.rights {
                record.granted = service::granted(&plugin.manifest, rights)?;
            }
            record.enabled = patch.enabled.unwrap_or(record.enabled);
            let (id, enabled) = (record.id.clone(), record.enabled);
            if let Some(other) = catalogue.dependent_of(&id, true).filter(|_| !enabled) {
                let other = &other.record.id;
                return Err(ControlError::Conflict(format!("{other} needs {id}: disable {other} first")));
            }
            Ok(None)
        })
        .await
    }

    /// Starts a plugin anew in every world that has it, one that was suspended there, too.
    ///
    /// # Errors
    /// A missing right; [`ControlError::NotFound`].
    pub async fn restart_plugin(&self, authority: &Authority, id: &PluginId) -> Result<Plugin> {
        self.change_plugin(authority, id, |_, plugin| {
            plugin.record.generation += 1;
            Ok(None)
        })
        .await
    }

    /// Goes back to the package before this one; another roll-back comes forward again.
    ///
    /// # Errors
    /// A missing right; [`ControlError::NotFound`]; there is none before, it was called back, or it does not fit what
    /// is installed by now; a world that refuses it, and then nothing has changed.
    pub async fn roll_back_plugin(&self, authority: &Authority, id: &PluginId) -> Result<Plugin> {
        self.change_plugin(authority, id, |_, plugin| match plugin.record.previous.clone() {
            Some(previous) => Ok(Some(previous)),
            None => Err(ControlError::Conflict(format!("{} has no version before this one", plugin.record.id))),
        })
        .await
    }

    /// Uninstalls a plugin and takes it out of every session. What it brought into worlds goes with it.
    ///
    /// # Errors
    /// A missing right; [`ControlError::NotFound`]; another plugin needs it; a world that refuses, and then nothing has
    /// changed.
    pub async fn uninstall_plugin(&self, authority: &Authority, id: &PluginId) -> Result<()> {
        authority.administer()?;
        let (control, id) = (self.clone(), id.to_string());
        finish(async move {
            let _alone = control.inner.plugins.write().await;
            let catalogue = control.catalogue().await?;
            catalogue.get(&id).ok_or(ControlError::NotFound("plugin"))?;
            if let Some(other) = catalogue.dependent_of(&id, false) {
                let other = &other.record.id;
                return Err(ControlError::Conflict(format!("{other} needs {id}: uninstall {other} first")));
            }
            control.apply(&catalogue, Change { id, after: None, package: None }).await
        })
        .await
    }

    /// Makes a change to a plugin, and swaps it for another of its packages where `decide` names one.
    async fn change_plugin(
        &self,
        authority: &Authority,
        id: &PluginId,
        decide: impl FnOnce(&Catalogue, &mut Installed) -> Result<Option<PreviousPackage>> + Send + 'static,
    ) -> Result<Plugin> {
        authority.administer()?;
        let (control, id) = (self.clone(), id.to_string());
        finish(async move {
            let _alone = control.inner.plugins.write().await;
            let catalogue = control.catalogue().await?;
            let before = catalogue.get(&id).ok_or(ControlError::NotFound("plugin"))?;
            let mut after = before.clone();
            if let Some(package) = decide(&catalogue, &mut after)? {
                after = control.with_package(&after.record, &package).await?;
            }
            if after.record != before.record {
                after.record.updated_at = control.now();
                catalogue.with(&id, Some(after.clone())).check_around(&id)?;
                control.apply(&catalogue, Change { id: id.clone(), after: Some(after), package: None }).await?;
            }
            control.shown(&id).await
        })
        .await
    }

    /// The plugin as another of its packages that are stored.
    async fn with_package(&self, record: &PluginRecord, package: &PreviousPackage) -> Result<Installed> {
        let mut conn = self.inner.db.read().await?;
        let found = repo::find_package(&mut conn, &package.package).await?;
        let found = found.ok_or_else(|| ControlError::Failed(format!("{} has lost a package", record.id)))?;
        let previous = PreviousPackage { version: record.version.clone(), package: record.package.clone() };
        let next = PluginRecord {
            version: found.version.clone(),
            package: found.hash.clone(),
            signer: found.signer.clone(),
            previous: Some(previous),
            ..record.clone()
        };
        let mut next = Installed::of(next, &found, self.host())?;
        next.record.trust = next.judged(self.host().trust()).map_err(ControlError::Conflict)?.level.as_str().to_owned();
        next.record.config = config::carried(&next.fields(), &record.config);
        next.check_config()?;
        Ok(next)
    }

    async fn catalogue(&self) -> Result<Catalogue> {
        let mut conn = self.inner.db.read().await?;
        Catalogue::read(&mut conn, self.host()).await
    }

    async fn shown(&self, id: &str) -> Result<Plugin> {
        let mut conn = self.inner.db.read().await?;
        let plugin = Installed::find(&mut conn, id, self.host()).await?.ok_or(ControlError::NotFound("plugin"))?;
        self.to_api(&mut conn, plugin).await
    }

    async fn to_api(&self, conn: &mut Conn, plugin: Installed) -> Result<Plugin> {
        let session_count = session_plugins::count(conn, &plugin.record.id).await?;
        let (owner, revoked) = match plugin.judged(self.host().trust()) {
            Ok(verdict) => (verdict.owner, None),
            Err(why) => (None, Some(why)),
        };
        let (rights, routes) = (service::rights(&plugin, self.host().trust()), service::routes(&plugin));
        let service = plugin.service.as_ref().and_then(|_| self.service_health(&plugin.record.id));
        let schema = hd1_abi::service::config_schema(plugin.fields());
        let Installed { record, manifest, plan, service: _, package_bytes, fixed } = plugin;
        let config_schema = match schema.json_schema() {
            Value::Object(schema) => schema,
            _ => serde_json::Map::new(),
        };
        let dependencies: BTreeMap<_, _> = manifest
            .dependencies
            .iter()
            .map(|(id, wanted)| {
                let (version, optional) = (wanted.versions().to_string(), wanted.is_optional());
                (id.to_string(), PluginDependency { version, optional })
            })
            .collect();
        let conflicts = manifest.conflicts.iter().map(|(id, versions)| (id.to_string(), versions.to_string()));
        Ok(Plugin {
            conflicts: conflicts.collect(),
            rights,
            routes,
            service,
            dependencies,
            name: manifest.plugin.name,
            description: manifest.plugin.description,
            license: manifest.plugin.license,
            authors: manifest.plugin.authors,
            systems: plan.systems.into_iter().map(|system| system.name).collect(),
            components: plan.components.into_iter().map(|component| component.name).collect(),
            config_schema,
            package_bytes,
            owner,
            revoked,
            session_count,
            id: record.id,
            version: record.version,
            package: record.package,
            trust: record.trust,
            signer: record.signer,
            enabled: record.enabled,
            config: record.config,
            fixed_config: fixed,
            previous_version: record.previous.map(|previous| previous.version),
            generation: record.generation,
            installed_at: Timestamp(record.installed_at),
            updated_at: Timestamp(record.updated_at),
        })
    }
}

/// Runs a change to its end in a task of its own: a caller that stops waiting must not leave half of the worlds with
/// one plugin and half of them with another.
async fn finish<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    tokio::spawn(work).await.map_err(|error| ControlError::Failed(error.to_string()))?
}
