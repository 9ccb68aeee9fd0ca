//! A package: its files, checked against what it states and against its manifest.

use crate::archive::{self, Files};
use crate::statement::{self, Hash, Statement};
use crate::{Manifest, PackageError, PackagePath, PublicKey, SigningKey};

/// A package without fault. What is in it has not been run, and whether its signer is believed is
/// [`Trust`](crate::Trust)'s to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    manifest: Manifest,
    files: Files,
    statement: Vec<u8>,
    signer: Option<PublicKey>,
}

impl Package {
    /// Makes one of files, the manifest among them.
    ///
    /// # Errors
    /// The first fault that [`Package::read`] would find in it.
    pub fn of(files: Files) -> Result<Self, PackageError> {
        for path in [Statement::PATH, Statement::SIGNATURE_PATH] {
            if files.keys().any(|found| found.folded() == path) {
                return Err(PackageError::Path { path: path.into(), reason: "packing makes that file" });
            }
        }
        let manifest = manifest(&files)?;
        let about = &manifest.plugin;
        let statement = Statement::of(about.id.clone(), about.version.clone(), &files).encode();
        let package = Package { manifest, files, statement, signer: None };
        // What cannot be read again is not made.
        Package::read(&package.bytes(None)?)
    }

    /// Reads and checks one from bytes that may come from anywhere. One without a signature is a package, too.
    ///
    /// # Errors
    /// [`PackageError`]: the first fault, with its place.
    pub fn read(bytes: &[u8]) -> Result<Self, PackageError> {
        let mut files = archive::unpack(bytes)?;
        let mut take = |path: &str| path.parse::<PackagePath>().ok().and_then(|path| files.remove(&path));
        let (stated, signature) = (take(Statement::PATH), take(Statement::SIGNATURE_PATH));
        let stated = stated.ok_or_else(|| PackageError::Malformed(format!("it has no {}", Statement::PATH)))?;
        let signer = signature.map(|signature| statement::signer(&stated, &signature)).transpose()?;
        let statement = Statement::decode(&stated)?;
        statement.check(&files)?;
        let manifest = manifest(&files)?;
        let about = &manifest.plugin;
        if (&statement.id, &statement.version) != (&about.id, &about.version) {
            let stated = format!("{} {}", statement.id, statement.version);
            return Err(PackageError::OtherPlugin { stated, found: format!("{} {}", about.id, about.version) });
        }
        Ok(Package { manifest, files, statement: stated, signer })
    }

    /// The bytes to keep and send, signed by `key` or by nobody: the same files and key give the same bytes.
    ///
    /// # Errors
    /// It is larger than a package may be.
    pub fn bytes(&self, key: Option<&SigningKey>) -> Result<Vec<u8>, PackageError> {
        let mut files = self.files.clone();
        let signature = key.map(|key| statement::sign(&self.statement, key));
        for (path, bytes) in [(Statement::PATH, Some(self.statement.clone())), (Statement::SIGNATURE_PATH, signature)] {
            if let Some(bytes) = bytes {
                files.insert(path.parse()?, bytes);
            }
        }
        archive::pack(&files)
    }

    /// What it says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its files, the manifest among them, the statement and the signature not.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Who has signed it.
    #[must_use]
    pub fn signer(&self) -> Option<PublicKey> {
        self.signer
    }

    /// By what its contents are known, whoever signed them: the hash of its statement.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(&self.statement)
    }
}

/// The manifest among files, which has all that it names.
fn manifest(files: &Files) -> Result<Manifest, PackageError> {
    let path: PackagePath = Manifest::PATH.parse()?;
    let Some(bytes) = files.get(&path) else {
        return Err(PackageError::Missing { path, wanted_by: "every package" });
    };
    let text = str::from_utf8(bytes).map_err(|_| PackageError::Manifest("it is not UTF-8".into()))?;
    let manifest = Manifest::parse(text)?;
    for (path, wanted_by) in manifest.files() {
        match files.get(path) {
            None => return Err(PackageError::Missing { path: path.clone(), wanted_by }),
            Some(bytes) if !bytes.starts_with(b"\0asm") => {
                return Err(PackageError::Manifest(format!("{path} is no WebAssembly")));
            }
            Some(_) => {}
        }
    }
    Ok(manifest)
}
