//! What the server keeps secret in its data folder: the admin token and the key that signs tickets.
//!
//! Both are made at the first start, in files that only the server's account reads, written whole or not at all.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use jsonwebtoken::{DecodingKey, EncodingKey};
use sha2::{Digest, Sha256};

use crate::secret::{Secret, SecretHash, SecretKind};

/// Why a secret file could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file system refuses.
    #[error("cannot {attempt} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is there and holds something else.
    #[error("{} does not hold {what}: remove it to have a new one made at the next start", path.display())]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// Others may read the file.
    #[error("{} can be read by others (mode {mode:o}): run chmod 600 on it", path.display())]
    Exposed {
        /// Where.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

/// The admin credential of the installation.
#[derive(Debug)]
pub struct AdminToken {
    hash: SecretHash,
    path: PathBuf,
    fresh: bool,
}

impl AdminToken {
    /// The file's name in the data folder.
    pub const FILE: &'static str = "admin-token";

    /// Reads `DATA/admin-token`, or makes it with mode 0600.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn load_or_create(data: &Path) -> Result<Self, KeyError> {
        let path = data.join(Self::FILE);
        let made = || format!("{}\n", Secret::generate(SecretKind::Admin).expose()).into_bytes();
        let (bytes, fresh) = read_or_create(&path, made)?;
        let secret = std::str::from_utf8(&bytes).ok().and_then(|text| Secret::parse(text.trim()));
        match secret.filter(|secret| secret.kind() == SecretKind::Admin) {
            Some(secret) => Ok(Self { hash: secret.hash(), path, fresh }),
            None => Err(KeyError::Unreadable { path, what: "an admin token" }),
        }
    }

    /// An admin token that stands in no file, for tests.
    #[must_use]
    pub fn of(secret: &Secret) -> Self {
        Self { hash: secret.hash(), path: PathBuf::new(), fresh: false }
    }

    /// Whether this is it.
    #[must_use]
    pub fn matches(&self, secret: &Secret) -> bool {
        self.hash == secret.hash()
    }

    /// Where it stands.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it was made just now.
    #[must_use]
    pub const fn is_fresh(&self) -> bool {
        self.fresh
    }
}

/// The Ed25519 key that signs tickets and nothing else.
pub struct TicketKey {
    pub(crate) signing: EncodingKey,
    pub(crate) verifying: DecodingKey,
    pub(crate) id: String,
}

impl TicketKey {
    /// The file's name in the data folder: a PKCS #8 document.
    pub const FILE: &'static str = "ticket-key";

    /// Reads `DATA/ticket-key`, or makes it with mode 0600.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn load_or_create(data: &Path) -> Result<Self, KeyError> {
        let path = data.join(Self::FILE);
        let (document, _) = read_or_create(&path, new_document)?;
        Self::from_document(&document).ok_or(KeyError::Unreadable { path, what: "an Ed25519 key" })
    }

    /// A key that stands in no file, for tests.
    ///
    /// # Panics
    /// When no key can be generated.
    #[must_use]
    pub fn generate() -> Self {
        Self::from_document(&new_document()).expect("a key just generated")
    }

    fn from_document(document: &[u8]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(document).ok()?;
        let public = pair.public_key().as_ref();
        Some(Self {
            signing: EncodingKey::from_ed_der(document),
            verifying: DecodingKey::from_ed_der(public),
            id: hex::encode(&Sha256::digest(public)[..8]),
        })
    }
}

impl std::fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TicketKey").field("id", &self.id).finish_non_exhaustive()
    }
}

fn new_document() -> Vec<u8> {
    let pair = Ed25519KeyPair::generate().expect("the operating system gives random bytes");
    pair.to_pkcs8v1().expect("a key just generated").as_ref().to_vec()
}

/// Reads a private file, or makes it: written beside, synced, then linked into place, so that a crash leaves no half
/// of it and of two servers that start at once both use the same.
fn read_or_create(path: &Path, content: impl FnOnce() -> Vec<u8>) -> Result<(Vec<u8>, bool), KeyError> {
    let failed = |attempt| move |source| KeyError::Io { attempt, path: path.to_owned(), source };
    match fs::metadata(path) {
        Ok(meta) => {
            let mode = meta.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(KeyError::Exposed { path: path.to_owned(), mode });
            }
            return Ok((fs::read(path).map_err(failed("read"))?, false));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("read")(error)),
    }
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let content = content();
    let write = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&content)?;
        file.sync_all()
    };
    write().map_err(failed("write beside"))?;
    let linked = fs::hard_link(&beside, path);
    let _ = fs::remove_file(&beside);
    match linked {
        Ok(()) => {
            let folder = path.parent().unwrap_or(Path::new("."));
            fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("sync the folder of"))?;
            Ok((content, true))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Ok((fs::read(path).map_err(failed("read"))?, false))
        }
        Err(error) => Err(failed("create")(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_made_once_and_for_one_account() {
        let data = tempfile::tempdir().unwrap();
        let first = AdminToken::load_or_create(data.path()).unwrap();
        assert!(first.is_fresh());
        let mode = fs::metadata(first.path()).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let text = fs::read_to_string(first.path()).unwrap();
        let again = AdminToken::load_or_create(data.path()).unwrap();
        assert!(!again.is_fresh() && again.matches(&Secret::parse(text.trim()).unwrap()));
        assert!(!again.matches(&Secret::generate(SecretKind::Admin)));

        let key = TicketKey::load_or_create(data.path()).unwrap();
        assert_eq!(TicketKey::load_or_create(data.path()).unwrap().id, key.id);
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 2, "nothing is left beside");
    }

    #[test]
    fn a_file_that_others_read_or_that_holds_something_else_stops_the_start() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join(AdminToken::FILE);
        fs::write(&path, "secret").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(AdminToken::load_or_create(data.path()), Err(KeyError::Exposed { mode: 0o644, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(AdminToken::load_or_create(data.path()), Err(KeyError::Unreadable { .. })));
    }
}
