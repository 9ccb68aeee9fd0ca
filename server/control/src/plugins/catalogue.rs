//! What is installed, with what each plugin says of itself, and whether it goes together.

use std::collections::{BTreeMap, BTreeSet};

use hd1_abi::{Plan, ServicePlan};
use hd1_core::SessionId;
use hd1_manifest::{Manifest, Rights, Trust, Verdict, manifest::Dependency, right};
use hd1_schema::schema::FieldSchema;
use hd1_store::Conn;
use hd1_store::plugins::{self as repo, PackageRecord, PluginRecord};
use hd1_store::session_plugins::{self, SessionPluginRecord};

use super::config::{self, Config};
use crate::control::Control;
use crate::error::{ControlError, Result};
use crate::plugin_host::{PluginHost, ServiceSpec};
use crate::worlds::WorldPlugin;

/// A plugin with what its package declares.
#[derive(Clone, Debug)]
pub(super) struct Installed {
    pub(super) record: PluginRecord,
    pub(super) manifest: Manifest,
    /// Of its sim module; without systems where it has none.
    pub(super) plan: Plan,
    /// Of its service.
    pub(super) service: Option<ServicePlan>,
    pub(super) package_bytes: u64,
    /// What the server's own settings fix of its config.
    pub(super) fixed: Config,
}

impl Installed {
    pub(super) fn of(record: PluginRecord, package: &PackageRecord, host: &dyn PluginHost) -> Result<Self> {
        let unreadable = |error: serde_json::Error| {
            ControlError::Failed(format!(
                "package {} of {}: cannot read what is stored: {error}",
                package.hash, record.id
            ))
        };
        // Checked when it came. Written anew it may be longer than a plan in a module may be, so it is only read.
        let plan: Option<Plan> = serde_json::from_str(&package.plan).map_err(unreadable)?;
        let plan = plan.unwrap_or_else(no_plan);
        let service = package.service.as_deref().map(serde_json::from_str).transpose().map_err(unreadable)?;
        let manifest = serde_json::from_str(&package.manifest).map_err(unreadable)?;
        let fixed = host.fixed(&record.id);
        Ok(Self { manifest, plan, service, package_bytes: package.bytes, fixed, record })
    }

    pub(super) async fn find(conn: &mut Conn, id: &str, host: &dyn PluginHost) -> Result<Option<Self>> {
        let Some(record) = repo::find(conn, id).await? else { return Ok(None) };
        let package = repo::find_package(conn, &record.package).await?;
        let package = package.ok_or_else(|| ControlError::Failed(format!("{id} has lost its package's row")))?;
        Self::of(record, &package, host).map(Some)
    }

    /// How far it is believed today; the error is why it is not to run any more. The trust file of today counts, not
    /// that of its installation.
    pub(super) fn judged(&self, trust: &Trust) -> Result<Verdict, String> {
        let hash = self.record.package.clone().try_into().map_err(|_| "its hash cannot be read".to_owned())?;
        let signer = self.record.signer.as_deref().and_then(|key| key.parse().ok());
        let judged = trust.judge_known(hash, signer, self.manifest.plugin.id.namespace());
        judged.map_err(|refused| refused.to_string())
    }

    /// What is set for the whole server: by its own settings, and below them by its operator.
    pub(super) fn set(&self) -> Config {
        let mut set = self.record.config.clone();
        set.extend(self.fixed.clone());
        set
    }

    /// Does everything that is set fit what its packages take?
    pub(super) fn check_config(&self) -> Result<()> {
        let fields = self.fields();
        config::check(&fields, &self.record.config, "config")?;
        let at = format!("the server's own setting plugins.config.\"{}\"", self.record.id);
        config::check(&fields, &self.fixed, &at)
    }

    /// Every field that an operator may set: those of its sim module, then those of its service.
    pub(super) fn fields(&self) -> Vec<FieldSchema> {
        fields(&self.plan, self.service.as_ref())
    }

    /// What its service may do today.
    pub(super) fn rights(&self, trust: &Trust) -> Rights {
        let Ok(verdict) = self.judged(trust) else { return Rights::new() };
        // A word that is none any more is none that is asked for.
        let granted = self.record.granted.iter().filter_map(|right| right.parse().ok()).collect();
        right::effective(&self.manifest.asked(), &granted, verdict.level)
    }

    /// The ids of the plugins without which it does not run.
    pub(super) fn needs(&self) -> impl Iterator<Item = String> {
        self.manifest.dependencies.iter().filter(|(_, wanted)| !wanted.is_optional()).map(|(id, _)| id.to_string())
    }
}

/// Of a package without a sim module.
pub(super) fn no_plan() -> Plan {
    Plan { abi: hd1_abi::plan::ABI, components: Vec::new(), config: Vec::new(), systems: Vec::new(), hooks: Vec::new() }
}

/// Every field that an operator may set.
pub(super) fn fields(plan: &Plan, service: Option<&ServicePlan>) -> Vec<FieldSchema> {
    let of_service = service.into_iter().flat_map(|service| &service.config);
    plan.config.iter().chain(of_service).cloned().collect()
}

/// All that is installed, by id.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalogue(BTreeMap<String, Installed>);

impl Catalogue {
    pub(super) async fn read(conn: &mut Conn, host: &dyn PluginHost) -> Result<Self> {
        let packages: BTreeMap<_, _> =
            repo::current_packages(conn).await?.into_iter().map(|package| (package.hash.clone(), package)).collect();
        let mut installed = BTreeMap::new();
        for record in repo::all(conn).await? {
            let package = packages.get(&record.package);
            let package =
                package.ok_or_else(|| ControlError::Failed(format!("{} has lost its package's row", record.id)))?;
            installed.insert(record.id.clone(), Installed::of(record, package, host)?);
        }
        Ok(Self(installed))
    }

    /// Those that are attached to a session alone, and their rows in order.
    pub(super) async fn of_session(
        conn: &mut Conn,
        id: SessionId,
        host: &dyn PluginHost,
    ) -> Result<(Self, Vec<SessionPluginRecord>)> {
        let rows = session_plugins::list(conn, id).await?;
        let mut installed = BTreeMap::new();
        for row in &rows {
            if let Some(found) = Installed::find(conn, &row.plugin, host).await? {
                installed.insert(row.plugin.clone(), found);
            }
        }
        Ok((Self(installed), rows))
    }

    pub(super) fn get(&self, id: &str) -> Option<&Installed> {
        self.0.get(id)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The same with another one in its place, or with none.
    pub(super) fn with(&self, id: &str, plugin: Option<Installed>) -> Self {
        let mut next = self.clone();
        match plugin {
            Some(plugin) => next.0.insert(id.to_owned(), plugin),
            None => next.0.remove(id),
        };
        next
    }

    /// Do the server's own settings fit what plugins take?
    pub(super) fn check_fixed(&self) -> Result<()> {
        for plugin in self.0.values() {
            match plugin.check_config() {
                // Whoever starts the server reads one line.
                Err(ControlError::Invalid(errors)) if !plugin.fixed.is_empty() => {
                    let told: Vec<_> =
                        errors.iter().map(|error| format!("{}: {}", error.path, error.message)).collect();
                    return Err(ControlError::Conflict(told.join("; ")));
                }
                checked => checked?,
            }
        }
        Ok(())
    }

    /// One that does not run without `id`, and that may run at all if `enabled`.
    pub(super) fn dependent_of(&self, id: &str, enabled: bool) -> Option<&Installed> {
        let depends = |other: &&Installed| (other.record.enabled || !enabled) && other.needs().any(|need| need == id);
        self.0.values().find(depends)
    }

    /// Has a plugin what it needs, has everybody else, and does nobody refuse to run beside the other?
    ///
    /// A ring of plugins that need each other cannot come about: what one needs has to be there before it.
    pub(super) fn check_around(&self, id: &str) -> Result<()> {
        for (own, one) in &self.0 {
            for (other, wanted) in &one.manifest.dependencies {
                let other = other.to_string();
                if own == id || other == id {
                    self.check_need(one, &other, wanted)?;
                }
            }
            for (other, versions) in &one.manifest.conflicts {
                let other = other.to_string();
                let there = self.get(&other).filter(|found| versions.matches(&found.manifest.plugin.version));
                if let Some(found) = there.filter(|_| own == id || other == id) {
                    return Err(ControlError::Conflict(format!(
                        "{own} {} does not run beside {other} {versions}, and {} is installed: uninstall one of them",
                        one.record.version, found.record.version
                    )));
                }
            }
        }
        Ok(())
    }

    fn check_need(&self, one: &Installed, other: &str, wanted: &Dependency) -> Result<()> {
        let (PluginRecord { id, version, .. }, versions) = (&one.record, wanted.versions());
        let fault = match self.get(other) {
            None if wanted.is_optional() => return Ok(()),
            None => format!("{id} {version} needs {other} {versions}, which is not installed: install that first"),
            Some(found) if !versions.matches(&found.manifest.plugin.version) => {
                let there = &found.record.version;
                format!("{id} {version} needs {other} {versions}, and {there} is installed: install one that fits")
            }
            Some(found) if one.record.enabled && !found.record.enabled && !wanted.is_optional() => {
                format!("{id} {version} needs {other}, which is disabled: enable that first")
            }
            Some(_) => return Ok(()),
        };
        Err(ControlError::Conflict(fault))
    }

    /// Does each plugin of a session come after those that it needs, and after those that it orders itself by?
    pub(super) fn check_order(&self, rows: &[SessionPluginRecord]) -> Result<()> {
        for (i, row) in rows.iter().enumerate() {
            let Some(plugin) = self.get(&row.plugin) else { continue };
            for (other, wanted) in &plugin.manifest.dependencies {
                let (other, own) = (other.to_string(), &row.plugin);
                let fault = match rows.iter().position(|row| row.plugin == other) {
                    None if wanted.is_optional() => continue,
                    None => format!("{own} needs {other}, which the session does not have: attach {other} before it"),
                    Some(at) if at > i => format!("{own} needs {other} before it: put {other} first"),
                    Some(at) if row.enabled && !rows[at].enabled && !wanted.is_optional() => {
                        format!("{own} needs {other}, which is disabled in the session: enable {other} first")
                    }
                    Some(_) => continue,
                };
                return Err(ControlError::Conflict(fault));
            }
        }
        Ok(())
    }

    /// What runs in the world of a session that has these: what is wanted there, enabled, not called back, and not
    /// without what it needs.
    pub(super) fn running(&self, rows: &[SessionPluginRecord], trust: &Trust) -> Vec<WorldPlugin> {
        let mut running: BTreeSet<String> = BTreeSet::new();
        let mut plugins = Vec::new();
        for row in rows.iter().filter(|row| row.enabled) {
            let Some(plugin) = self.get(&row.plugin) else { continue };
            let record = &plugin.record;
            let whole = plugin.needs().all(|need| running.contains(&need));
            if !record.enabled || !whole || plugin.judged(trust).is_err() {
                continue;
            }
            running.insert(record.id.clone());
            // A service alone has nothing to do in a world; others may need it all the same.
            if plugin.manifest.sim.is_none() {
                continue;
            }
            plugins.push(WorldPlugin {
                id: record.id.clone(),
                version: record.version.clone(),
                package: record.package.clone(),
                config: config::merged(&plugin.plan.config, &plugin.set(), row.config.as_ref()),
                generation: record.generation,
            });
        }
        plugins
    }

    /// The services that run: of what is installed, enabled, not called back, and not without what it needs.
    pub(super) fn services(&self, trust: &Trust) -> Vec<ServiceSpec> {
        let mut running: BTreeSet<&str> = BTreeSet::new();
        // No ring can be among them, so each round finds one more, or there is none.
        while let Some((id, _)) = self.0.iter().find(|(id, plugin)| {
            !running.contains(id.as_str())
                && plugin.record.enabled
                && plugin.judged(trust).is_ok()
                && plugin.needs().all(|need| running.contains(need.as_str()))
        }) {
            running.insert(id);
        }
        let plugins = self.0.values().filter(|plugin| running.contains(plugin.record.id.as_str()));
        let services = plugins.filter(|plugin| plugin.service.is_some()).map(|plugin| ServiceSpec {
            plugin: plugin.record.id.clone(),
            version: plugin.record.version.clone(),
            package: plugin.record.package.clone(),
            config: config::merged(&plugin.fields(), &plugin.set(), None),
            rights: plugin.rights(trust),
            generation: plugin.record.generation,
        });
        services.collect()
    }
}

impl Control {
    /// The plugins that a session's world is to be made with.
    pub(crate) async fn recorded_plugins(&self, conn: &mut Conn, id: SessionId) -> Result<Vec<WorldPlugin>> {
        let (catalogue, rows) = Catalogue::of_session(conn, id, self.host()).await?;
        Ok(catalogue.running(&rows, self.host().trust()))
    }
}
