//! Plugins that are installed, and the packages that they were or are.
//!
//! Manifests and plans are kept as JSON texts: what they mean is for the rules to know, this crate knows no plugin.

use hd1_core::Micros;
use serde_json::{Map, Value};

use crate::limits::{PAGE_ROWS_MAX, PLUGIN_ROWS_MAX};
use crate::sessions::json;
use crate::sql::sql;
use crate::{Conn, Result, StoreError};

/// An installed plugin's row.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginRecord {
    /// `namespace:name`.
    pub id: String,
    /// The version that is installed.
    pub version: String,
    /// The hash of its package, which is stored.
    pub package: String,
    /// May it run in sessions?
    pub enabled: bool,
    /// What the operator has set; what is not here has the plan's default.
    pub config: Map<String, Value>,
    /// How far it is believed, as judged when it was installed.
    pub trust: String,
    /// The key that signed it.
    pub signer: Option<String>,
    /// What a roll-back leads to.
    pub previous: Option<PreviousPackage>,
    /// What its service may do, as rights; what it does not ask for counts for nothing.
    pub granted: Vec<String>,
    /// Counts its restarts.
    pub generation: u64,
    /// When it came.
    pub installed_at: Micros,
    /// When its row last changed.
    pub updated_at: Micros,
}

/// The package that a plugin was before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousPackage {
    /// Its version.
    pub version: String,
    /// Its hash.
    pub package: String,
}

/// A stored package's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRecord {
    /// By what it is known.
    pub hash: String,
    /// The plugin that it is of.
    pub plugin: String,
    /// The version that it is.
    pub version: String,
    /// Its manifest as JSON.
    pub manifest: String,
    /// Its sim module's plan as JSON; `null` where it has none.
    pub plan: String,
    /// Its service's plan as JSON, where it has one.
    pub service: Option<String>,
    /// The key that signed it.
    pub signer: Option<String>,
    /// Its size on disk.
    pub bytes: u64,
    /// When it was stored.
    pub stored_at: Micros,
}

#[derive(sqlx::FromRow)]
struct PluginRow {
    id: String,
    version: String,
    package: String,
    enabled: bool,
    config: String,
    trust: String,
    signer: Option<String>,
    previous_version: Option<String>,
    previous_package: Option<String>,
    granted: String,
    generation: i64,
    installed_at: i64,
    updated_at: i64,
}

impl TryFrom<PluginRow> for PluginRecord {
    type Error = StoreError;

    fn try_from(row: PluginRow) -> Result<Self> {
        let corrupt = |column| StoreError::Corrupt { table: "plugins", key: row.id.clone(), column };
        let previous = match (row.previous_version, row.previous_package) {
            (Some(version), Some(package)) => Some(PreviousPackage { version, package }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(corrupt("previous_package")),
        };
        Ok(Self {
            config: serde_json::from_str(&row.config).map_err(|_| corrupt("config"))?,
            granted: serde_json::from_str(&row.granted).map_err(|_| corrupt("granted"))?,
            generation: row.generation.try_into().map_err(|_| corrupt("generation"))?,
            id: row.id,
            version: row.version,
            package: row.package,
            enabled: row.enabled,
            trust: row.trust,
            signer: row.signer,
            previous,
            installed_at: Micros(row.installed_at),
            updated_at: Micros(row.updated_at),
        })
    }
}

#[derive(sqlx::FromRow)]
struct PackageRow {
    hash: String,
    plugin_id: String,
    version: String,
    manifest: String,
    plan: String,
    service: Option<String>,
    signer: Option<String>,
    bytes: i64,
    stored_at: i64,
}

impl TryFrom<PackageRow> for PackageRecord {
    type Error = StoreError;

    fn try_from(row: PackageRow) -> Result<Self> {
        let corrupt = |column| StoreError::Corrupt { table: "plugin_packages", key: row.hash.clone(), column };
        Ok(Self {
            bytes: row.bytes.try_into().map_err(|_| corrupt("bytes"))?,
            hash: row.hash,
            plugin: row.plugin_id,
            version: row.version,
            manifest: row.manifest,
            plan: row.plan,
            service: row.service,
            signer: row.signer,
            stored_at: Micros(row.stored_at),
        })
    }
}

macro_rules! columns {
    () => {
        "id, version, package, enabled, config, trust, signer, previous_version, previous_package, granted, \
         generation, installed_at, updated_at"
    };
}
macro_rules! package_columns {
    () => {
        "hash, plugin_id, version, manifest, plan, service, signer, bytes, stored_at"
    };
}

/// Adds a package, or notes who signed it this time: by its hash it is known to be the same one.
///
/// # Errors
/// What the database says.
pub async fn put_package(conn: &mut Conn, package: &PackageRecord) -> Result<()> {
    conn.exec(
        sql!(concat!(
            "INSERT INTO plugin_packages (",
            package_columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (hash) DO UPDATE SET signer = $7, bytes = $8, \
             stored_at = $9"
        )),
        (
            package.hash.as_str(),
            package.plugin.as_str(),
            package.version.as_str(),
            package.manifest.as_str(),
            package.plan.as_str(),
            package.service.as_deref(),
            package.signer.as_deref(),
            package.bytes.cast_signed(),
            package.stored_at.0,
        ),
    )
    .await?;
    Ok(())
}

/// The package of this hash.
///
/// # Errors
/// What the database says.
pub async fn find_package(conn: &mut Conn, hash: &str) -> Result<Option<PackageRecord>> {
    let row: Option<PackageRow> = conn
        .opt(sql!(concat!("SELECT ", package_columns!(), " FROM plugin_packages WHERE hash = $1")), (hash,))
        .await?;
    row.map(TryInto::try_into).transpose()
}

/// The packages of all plugins that are installed, in no order; those kept for a roll-back are not among them.
///
/// # Errors
/// What the database says.
pub async fn current_packages(conn: &mut Conn) -> Result<Vec<PackageRecord>> {
    let rows: Vec<PackageRow> = conn
        .all(
            sql!(concat!(
                "SELECT ",
                package_columns!(),
                " FROM plugin_packages WHERE EXISTS (SELECT 1 FROM plugins p WHERE p.package = hash) LIMIT $1"
            )),
            (i64::from(PLUGIN_ROWS_MAX),),
        )
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Removes the packages of a plugin that it neither is nor was last; answers their hashes, so that their files go, too.
///
/// # Errors
/// What the database says.
pub async fn prune_packages(conn: &mut Conn, plugin: &str) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = conn
        .all(
            sql!(
                "DELETE FROM plugin_packages WHERE plugin_id = $1 AND NOT EXISTS (SELECT 1 FROM plugins p \
                 WHERE p.package = plugin_packages.hash OR p.previous_package = plugin_packages.hash) RETURNING hash"
            ),
            (plugin,),
        )
        .await?;
    Ok(rows.into_iter().map(|(hash,)| hash).collect())
}

/// Adds a plugin or changes all of its row but when it came.
///
/// # Errors
/// [`StoreError::Dangling`] where a package that it names is not stored.
pub async fn put(conn: &mut Conn, plugin: &PluginRecord) -> Result<()> {
    conn.exec(
        sql!(concat!(
            "INSERT INTO plugins (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (id) DO UPDATE SET \
             version = $2, package = $3, enabled = $4, config = $5, trust = $6, signer = $7, previous_version = $8, \
             previous_package = $9, granted = $10, generation = $11, updated_at = $13"
        )),
        (
            plugin.id.as_str(),
            plugin.version.as_str(),
            plugin.package.as_str(),
            plugin.enabled,
            json(&plugin.config),
            plugin.trust.as_str(),
            plugin.signer.as_deref(),
            plugin.previous.as_ref().map(|previous| previous.version.as_str()),
            plugin.previous.as_ref().map(|previous| previous.package.as_str()),
            serde_json::Value::from(plugin.granted.clone()).to_string(),
            plugin.generation.cast_signed(),
            plugin.installed_at.0,
            plugin.updated_at.0,
        ),
    )
    .await?;
    Ok(())
}

/// The plugin of this id.
///
/// # Errors
/// What the database says.
pub async fn find(conn: &mut Conn, id: &str) -> Result<Option<PluginRecord>> {
    let row: Option<PluginRow> =
        conn.opt(sql!(concat!("SELECT ", columns!(), " FROM plugins WHERE id = $1")), (id,)).await?;
    row.map(TryInto::try_into).transpose()
}

/// A page of plugins by id, and how many there are in all.
///
/// # Errors
/// What the database says.
pub async fn list(conn: &mut Conn, enabled: Option<bool>, offset: u32, limit: u32) -> Result<(Vec<PluginRecord>, u64)> {
    let (any, wanted) = (enabled.is_none(), enabled.unwrap_or_default());
    let (total,): (i64,) =
        conn.one(sql!("SELECT count(*) FROM plugins WHERE ($1 OR enabled = $2)"), (any, wanted)).await?;
    let rows: Vec<PluginRow> = conn
        .all(
            sql!(concat!(
                "SELECT ",
                columns!(),
                " FROM plugins WHERE ($1 OR enabled = $2) ORDER BY id LIMIT $3 OFFSET $4"
            )),
            (any, wanted, i64::from(limit.min(PAGE_ROWS_MAX)), i64::from(offset)),
        )
        .await?;
    Ok((rows.into_iter().map(TryInto::try_into).collect::<Result<_>>()?, total.unsigned_abs()))
}

/// Every plugin by id; the rules keep them few.
///
/// # Errors
/// What the database says.
pub async fn all(conn: &mut Conn) -> Result<Vec<PluginRecord>> {
    let rows: Vec<PluginRow> = conn
        .all(sql!(concat!("SELECT ", columns!(), " FROM plugins ORDER BY id LIMIT $1")), (i64::from(PLUGIN_ROWS_MAX),))
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Removes a plugin and takes it out of every session; answers whether there was one. Its packages stay until
/// [`prune_packages`].
///
/// # Errors
/// What the database says.
pub async fn delete(conn: &mut Conn, id: &str) -> Result<bool> {
    Ok(conn.exec(sql!("DELETE FROM plugins WHERE id = $1"), (id,)).await? == 1)
}
