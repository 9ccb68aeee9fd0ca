//! What a package states of itself, so that one signature covers all of it: which plugin, and the hash of each file.

use std::collections::BTreeMap;
use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use semver::Version;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::archive::Files;
use crate::{PackageError, PackagePath, PluginId, PublicKey, SigningKey};

/// The only format so far.
const FORMAT: u32 = 1;
/// Before the statement in what is signed, so that no signature of something else is one of a package.
const SIGNED_PREFIX: &[u8] = b"hd1 plugin statement\n";

/// `statement.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    format: u32,
    /// Which plugin.
    pub id: PluginId,
    /// Which version of it.
    pub version: Version,
    /// The hash of every file but the statement and its signature.
    pub files: BTreeMap<PackagePath, Hash>,
}

/// SHA-256: 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; 32]);

/// `signature.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    /// Whose.
    key: PublicKey,
    /// Ed25519, in base64.
    signature: String,
}

impl Statement {
    /// The statement's path in a package.
    pub const PATH: &str = "statement.json";
    /// The signature's.
    pub const SIGNATURE_PATH: &str = "signature.json";

    /// Of these files.
    #[must_use]
    pub fn of(id: PluginId, version: Version, files: &Files) -> Self {
        let files = files.iter().map(|(path, bytes)| (path.clone(), Hash::of(bytes))).collect();
        Statement { format: FORMAT, id, version, files }
    }

    /// The bytes that are hashed, signed and kept.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// The inverse.
    ///
    /// # Errors
    /// [`PackageError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, PackageError> {
        let malformed = |why: String| PackageError::Malformed(format!("{}: {why}", Self::PATH));
        let statement: Statement = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        if statement.format != FORMAT {
            return Err(malformed(format!("its format is {}, this program knows {FORMAT}", statement.format)));
        }
        Ok(statement)
    }

    /// Are these the files, and are they as stated?
    ///
    /// # Errors
    /// The first that is missing, changed or not named.
    pub fn check(&self, files: &Files) -> Result<(), PackageError> {
        for (path, hash) in &self.files {
            match files.get(path) {
                None => return Err(PackageError::Missing { path: path.clone(), wanted_by: Self::PATH }),
                Some(bytes) if Hash::of(bytes) != *hash => return Err(PackageError::Changed(path.clone())),
                Some(_) => {}
            }
        }
        match files.keys().find(|path| !self.files.contains_key(path)) {
            Some(path) => Err(PackageError::Unstated(path.clone())),
            None => Ok(()),
        }
    }
}

/// Signs a statement's bytes: the bytes of `signature.json`.
pub(crate) fn sign(statement: &[u8], key: &SigningKey) -> Vec<u8> {
    let signature = Signature { key: key.public(), signature: STANDARD.encode(key.sign(&signed(statement))) };
    let mut bytes = serde_json::to_vec_pretty(&signature).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Who has signed a statement's bytes.
pub(crate) fn signer(statement: &[u8], signature: &[u8]) -> Result<PublicKey, PackageError> {
    let malformed = |why: String| PackageError::Malformed(format!("{}: {why}", Statement::SIGNATURE_PATH));
    let Signature { key, signature } =
        serde_json::from_slice(signature).map_err(|error| malformed(error.to_string()))?;
    let signature = STANDARD.decode(signature).map_err(|error| malformed(error.to_string()))?;
    if key.has_signed(&signed(statement), &signature) { Ok(key) } else { Err(PackageError::Forged(key.to_string())) }
}

fn signed(statement: &[u8]) -> Vec<u8> {
    [SIGNED_PREFIX, statement].concat()
}

impl Hash {
    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Hash(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl TryFrom<String> for Hash {
    type Error = PackageError;

    fn try_from(text: String) -> Result<Self, PackageError> {
        let mut bytes = [0; 32];
        match hex::decode_to_slice(&text, &mut bytes) {
            Ok(()) => Ok(Hash(bytes)),
            Err(_) => Err(PackageError::Malformed("a hash is 64 hex digits".into())),
        }
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> String {
        hash.to_string()
    }
}
