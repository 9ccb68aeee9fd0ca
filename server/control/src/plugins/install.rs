//! Installation: a package read, judged, inspected and fitted in, then given to every world that has the plugin.

use hd1_abi::{Plan, ServicePlan};
use hd1_api::{InstallOutcome, InstalledPlugin};
use hd1_manifest::manifest::{Service, Sim};
use hd1_manifest::{Level, Manifest, Package};
use hd1_store::plugins::{self as repo, PackageRecord, PluginRecord, PreviousPackage};
use semver::Version;

use super::catalogue::{self, Catalogue, Installed, no_plan};
use super::change::Change;
use super::schedule::Schedule;
use super::{config, finish};
use crate::authority::Authority;
use crate::control::Control;
use crate::error::{ControlError, Result};
use crate::limits;

/// The interfaces that this server offers to plugins, which a manifest's `api` has to let in.
const API: Version = Version::new(1, 0, 0);

/// A package without fault whose module was compiled.
struct Checked {
    manifest: Manifest,
    plan: Plan,
    service: Option<ServicePlan>,
    hash: String,
    signer: Option<String>,
    trust: Level,
    bytes: Vec<u8>,
}

impl Control {
    /// Installs a package, or puts it in the place of the one that is there: then every session that has the plugin
    /// has it at once, without a restart. Goes on to its end even if the caller stops waiting.
    ///
    /// # Errors
    /// A missing right; a package that is at fault or not to be believed; a plugin that it needs
    /// and that is not there, or that it does not run beside; a config that does not fit it; a world that refuses it.
    /// Whatever it is, nothing has changed.
    pub async fn install_plugin(&self, authority: &Authority, package: Vec<u8>) -> Result<InstalledPlugin> {
        authority.administer()?;
        let control = self.clone();
        finish(async move {
            let checked = control.check_package(package).await?;
            let _alone = control.inner.plugins.write().await;
            let id = checked.manifest.plugin.id.to_string();
            let outcome = control.put_in_place(&id, checked).await?;
            Ok(InstalledPlugin { plugin: control.shown(&id).await?, outcome })
        })
        .await
    }

    /// What can be told of a package without knowing what is installed.
    async fn check_package(&self, bytes: Vec<u8>) -> Result<Checked> {
        let refused = |message: String| ControlError::invalid("package", message);
        let reading = tokio::task::spawn_blocking(move || (Package::read(&bytes), bytes));
        let (read, bytes) = reading.await.map_err(|error| ControlError::Failed(error.to_string()))?;
        let package = read.map_err(|error| refused(error.to_string()))?;
        let verdict = self.host().trust().judge(&package).map_err(|why| refused(why.to_string()))?;
        let manifest = package.manifest();
        if !manifest.plugin.api.matches(&API) {
            let wanted = &manifest.plugin.api;
            return Err(refused(format!("it was written for interface {wanted}, and this server offers {API}")));
        }
        let file = |path| package.files().get(path).map(Vec::as_slice).unwrap_or_default();
        let plan = match &manifest.sim {
            None => no_plan(),
            Some(Sim { module }) => {
                self.host().inspect(file(module)).await.map_err(|why| refused(format!("{module}: {why}")))?
            }
        };
        let service = match &manifest.service {
            None => None,
            Some(Service { component }) => {
                let inspected = self.host().inspect_service(file(component)).await;
                Some(inspected.map_err(|why| refused(format!("{component}: {why}")))?)
            }
        };
        for (i, job) in service.iter().flat_map(|service| &service.jobs).enumerate() {
            let schedule = job.schedule.as_deref().map(Schedule::parse);
            if let Some(Err(why)) = schedule {
                return Err(refused(format!("its service: jobs[{i}].schedule: {why}")));
            }
        }
        if let Some(twice) = twice(&plan, service.as_ref()) {
            return Err(refused(format!("config: both its module and its service have a field {twice}")));
        }
        Ok(Checked {
            manifest: manifest.clone(),
            plan,
            service,
            hash: package.hash().to_string(),
            signer: package.signer().map(|key| key.to_string()),
            trust: verdict.level,
            bytes,
        })
    }

    async fn put_in_place(&self, id: &str, new: Checked) -> Result<InstallOutcome> {
        let catalogue = {
            let mut conn = self.inner.db.read().await?;
            Catalogue::read(&mut conn, self.host()).await?
        };
        let old = catalogue.get(id);
        match old {
            Some(old) if old.record.package == new.hash => {
                self.note_signer(&old.record, &new).await?;
                return Ok(InstallOutcome::Unchanged);
            }
            Some(old) => check_version(&old.record, &new)?,
            None if catalogue.len() >= limits::PLUGINS_MAX => {
                let most = limits::PLUGINS_MAX;
                return Err(ControlError::Conflict(format!("{most} plugins are installed: uninstall some first")));
            }
            None => {}
        }
        let fields = catalogue::fields(&new.plan, new.service.as_ref());
        let set = old.map(|old| config::carried(&fields, &old.record.config)).unwrap_or_default();
        let package = self.package_record(id, &new)?;
        let record = PluginRecord {
            id: id.to_owned(),
            version: package.version.clone(),
            package: new.hash.clone(),
            enabled: old.is_none_or(|old| old.record.enabled),
            config: set,
            trust: new.trust.as_str().to_owned(),
            signer: new.signer.clone(),
            previous: old.map(|old| PreviousPackage {
                version: old.record.version.clone(),
                package: old.record.package.clone(),
            }),
            granted: granted(old, &new.manifest),
            generation: old.map_or(0, |old| old.record.generation),
            installed_at: old.map_or(self.now(), |old| old.record.installed_at),
            updated_at: self.now(),
        };
        let outcome = if old.is_some() { InstallOutcome::Replaced } else { InstallOutcome::Installed };
        let after = Installed {
            record,
            manifest: new.manifest,
            plan: new.plan,
            service: new.service,
            package_bytes: new.bytes.len() as u64,
            fixed: self.host().fixed(id),
        };
        after.check_config()?;
        catalogue.with(id, Some(after.clone())).check_around(id)?;
        // The file comes first: one without a row is only room lost, a row without a file is a plugin that cannot run.
        self.host().keep(&new.hash, &new.bytes).await.map_err(ControlError::Failed)?;
        let change = Change { id: id.to_owned(), after: Some(after), package: Some(package) };
        self.apply(&catalogue, change).await?;
        if outcome == InstallOutcome::Replaced {
            self.inner.fresh.note(id, &new.hash, self.now());
        }
        Ok(outcome)
    }

    fn package_record(&self, id: &str, new: &Checked) -> Result<PackageRecord> {
        let unwritable = |error: serde_json::Error| ControlError::Failed(error.to_string());
        Ok(PackageRecord {
            hash: new.hash.clone(),
            plugin: id.to_owned(),
            version: new.manifest.plugin.version.to_string(),
            manifest: serde_json::to_string(&new.manifest).map_err(unwritable)?,
            plan: serde_json::to_string(&new.manifest.sim.as_ref().map(|_| &new.plan)).map_err(unwritable)?,
            service: new.service.as_ref().map(serde_json::to_string).transpose().map_err(unwritable)?,
            signer: new.signer.clone(),
            bytes: new.bytes.len() as u64,
            stored_at: self.now(),
        })
    }

    /// The contents are the same; who has signed them this time may be another.
    async fn note_signer(&self, old: &PluginRecord, new: &Checked) -> Result<()> {
        if old.signer == new.signer && old.trust == new.trust.as_str() {
            return Ok(());
        }
        self.host().keep(&new.hash, &new.bytes).await.map_err(ControlError::Failed)?;
        let (signer, trust) = (new.signer.clone(), new.trust.as_str().to_owned());
        let record = PluginRecord { signer, trust, updated_at: self.now(), ..old.clone() };
        let mut conn = self.inner.db.begin().await?;
        repo::put_package(&mut conn, &self.package_record(&old.id, new)?).await?;
        repo::put(&mut conn, &record).await?;
        Ok(conn.commit().await?)
    }
}

/// What the operator lets it do: what was granted before, and, of what this package asks for besides, all that is not for
/// them to grant by name.
fn granted(old: Option<&Installed>, manifest: &Manifest) -> Vec<String> {
    let known = old.map(|old| old.manifest.asked()).unwrap_or_default();
    let mut granted = old.map(|old| old.record.granted.clone()).unwrap_or_default();
    // What was taken away stays away.
    let fresh = manifest.rights.keys().filter(|right| !right.is_strong() && !known.contains(*right));
    granted.extend(fresh.map(ToString::to_string));
    granted.sort();
    granted.dedup();
    granted
}

/// A field that both halves of a plugin would have.
fn twice(plan: &Plan, service: Option<&ServicePlan>) -> Option<String> {
    let mut own = service.into_iter().flat_map(|service| &service.config).map(|field| &field.name);
    own.find(|name| plan.config.iter().any(|field| field.name == **name)).cloned()
}

/// A version names one package for ever, but on its author's own machine, where the same one is built again and again.
fn check_version(old: &PluginRecord, new: &Checked) -> Result<()> {
    let own_machine = new.trust == Level::Dev && old.trust == Level::Dev.as_str();
    if old.version == new.manifest.plugin.version.to_string() && !own_machine {
        let (id, version) = (&old.id, &old.version);
        return Err(ControlError::Conflict(format!(
            "{id} {version} is installed from another package: give the new one a version of its own"
        )));
    }
    Ok(())
}
