//! Whom an operator believes: keys by what they may vouch for, and what was called back.

use serde::{Deserialize, Serialize};

use crate::id::is_part;
use crate::limits::TRUST_BYTES_MAX;
use crate::statement::Hash;
use crate::{Package, PackageError, PublicKey};

/// How far a package is believed, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nobody known vouches for it: it is for its author's own machine.
    Dev,
    /// Its publisher is known to this operator.
    Private,
    /// Its publisher is known to everybody.
    Community,
    /// Its publisher has proved who they are.
    Verified,
    /// It comes with HD1.
    Core,
}

impl Level {
    /// The word in files, in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Dev => "dev",
            Level::Private => "private",
            Level::Community => "community",
            Level::Verified => "verified",
            Level::Core => "core",
        }
    }
}

/// What a trust file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// Keys that are known.
    #[serde(default, rename = "key", skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KnownKey>,
    /// Packages that are not to run, whoever signed them.
    #[serde(default, rename = "revoked", skip_serializing_if = "Vec::is_empty")]
    pub revoked: Vec<RevokedPackage>,
}

/// A key, and what it may vouch for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownKey {
    /// Which.
    pub public: PublicKey,
    /// Whose.
    pub owner: String,
    /// How far what it signed is believed.
    pub level: Level,
    /// Namespaces that it signs for.
    pub namespaces: Vec<String>,
    /// Why it is believed no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<String>,
}

/// A package that was called back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokedPackage {
    /// [`Package::hash`].
    pub package: Hash,
    /// Why.
    pub reason: String,
}

/// How far a package is believed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How far.
    pub level: Level,
    /// Who vouches for it.
    pub owner: Option<String>,
}

/// A package that is not to run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It was called back.
    #[error("the package was revoked: {0}")]
    Package(String),
    /// Its signer's key was called back.
    #[error("its key {key} of {owner} was revoked: {reason}")]
    Key {
        /// Which.
        key: PublicKey,
        /// Whose.
        owner: String,
        /// Why.
        reason: String,
    },
    /// Its signer may not sign for this namespace.
    #[error("{owner} signs for {allowed}, and not for `{namespace}`")]
    Namespace {
        /// Whose key.
        owner: String,
        /// What it signs for.
        allowed: String,
        /// What was signed.
        namespace: String,
    },
}

impl Trust {
    /// Reads and checks a trust file.
    ///
    /// # Errors
    /// [`PackageError::Trust`] with the line, where there is one.
    pub fn parse(text: &str) -> Result<Self, PackageError> {
        if text.len() > TRUST_BYTES_MAX {
            return Err(PackageError::TooMuch { what: "bytes of a trust file", max: TRUST_BYTES_MAX });
        }
        let trust: Trust =
            toml::from_str(text).map_err(|error| PackageError::Trust(error.to_string().trim_end().to_owned()))?;
        for (i, known) in trust.keys.iter().enumerate() {
            if trust.keys[..i].iter().any(|other| other.public == known.public) {
                return Err(PackageError::Trust(format!("key {} is there twice", known.public)));
            }
            if known.level == Level::Dev {
                let why = "level: a key that is known vouches for at least `private`";
                return Err(PackageError::Trust(format!("key {}: {why}", known.public)));
            }
            if let Some(namespace) = known.namespaces.iter().find(|namespace| !is_part(namespace)) {
                return Err(PackageError::Trust(format!("key {}: {namespace:?} is no namespace", known.public)));
            }
        }
        Ok(trust)
    }

    /// How far a package is believed.
    ///
    /// # Errors
    /// It is not to run, whatever else is allowed.
    pub fn judge(&self, package: &Package) -> Result<Verdict, Refused> {
        self.judge_known(package.hash(), package.signer(), package.manifest().plugin.id.namespace())
    }

    /// The same for a package that was read before, by what is kept of it.
    ///
    /// # Errors
    /// As [`Trust::judge`].
    pub fn judge_known(&self, hash: Hash, signer: Option<PublicKey>, namespace: &str) -> Result<Verdict, Refused> {
        if let Some(revoked) = self.revoked.iter().find(|revoked| revoked.package == hash) {
            return Err(Refused::Package(revoked.reason.clone()));
        }
        let known = signer.and_then(|key| self.keys.iter().find(|known| known.public == key));
        let Some(known) = known else { return Ok(Verdict { level: Level::Dev, owner: None }) };
        let owner = known.owner.clone();
        if let Some(reason) = &known.revoked {
            return Err(Refused::Key { key: known.public, owner, reason: reason.clone() });
        }
        if !known.namespaces.iter().any(|allowed| allowed == namespace) {
            let allowed = known.namespaces.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            return Err(Refused::Namespace { owner, allowed, namespace: namespace.into() });
        }
        Ok(Verdict { level: known.level, owner: Some(owner) })
    }
}
