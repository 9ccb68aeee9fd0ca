//! What the server keeps secret in its data folder: the admin token, the key that signs tickets, and the key under which
//! the secrets of plugins are sealed.
//!
//! All are made at the first start, in files that only the server's account reads, written whole or not at all.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use jsonwebtoken::{DecodingKey, EncodingKey};
use sha2::{Digest, Sha256};

use crate::secret::{Secret, SecretHash, SecretKind, random};

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

/// The key under which the secrets of plugins are sealed (AES-256-GCM): whoever reads the database, or a copy of it,
/// reads none of them without the data folder.
pub struct SecretKey(RandomizedNonceKey);

/// Bytes of the key.
const SECRET_KEY_BYTES: usize = 32;
/// The first byte of what was sealed; another one means another way to seal.
const SEALED: u8 = 1;

impl SecretKey {
    /// The file's name in the data folder: 32 bytes.
    pub const FILE: &'static str = "secret-key";

    /// Reads `DATA/secret-key`, or makes it with mode 0600.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn load_or_create(data: &Path) -> Result<Self, KeyError> {
        let path = data.join(Self::FILE);
        let (bytes, _) = read_or_create(&path, || random::<SECRET_KEY_BYTES>().to_vec())?;
        Self::of(&bytes).ok_or(KeyError::Unreadable { path, what: "a key of 32 bytes" })
    }

    /// A key that stands in no file, for tests.
    ///
    /// # Panics
    /// When no key can be generated.
    #[must_use]
    pub fn generate() -> Self {
        Self::of(&random::<SECRET_KEY_BYTES>()).expect("a key just generated")
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        RandomizedNonceKey::new(&AES_256_GCM, bytes).ok().map(Self)
    }

    /// Seals a plugin's secret: a version, a random nonce, then the sealed bytes with their tag. It opens for this plugin
    /// and this name alone, so that a row that is moved is of no use.
    pub(crate) fn seal(&self, plugin: &str, name: &str, value: &[u8]) -> Vec<u8> {
        let mut sealed = value.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(whose(plugin, name)), &mut sealed);
        let nonce = nonce.expect("a short text is sealed, and the operating system gives random bytes");
        [&[SEALED], &nonce.as_ref()[..], &sealed].concat()
    }

    /// What was sealed for this plugin under this name; nothing where it was not, or not by this key.
    pub(crate) fn open(&self, plugin: &str, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.strip_prefix(&[SEALED])?.split_first_chunk::<NONCE_LEN>()?;
        let (nonce, mut opened) = (Nonce::assume_unique_for_key(*nonce), sealed.to_vec());
        let length = self.0.open_in_place(nonce, Aad::from(whose(plugin, name)), &mut opened).ok()?.len();
        opened.truncate(length);
        Some(opened)
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey")
    }
}

/// Neither half can have the zero that parts them.
fn whose(plugin: &str, name: &str) -> Vec<u8> {
    [b"hd1 plugin secret", plugin.as_bytes(), name.as_bytes()].join(&0)
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
        let sealed = SecretKey::load_or_create(data.path()).unwrap().seal("acme:wind", "TOKEN", b"value");
        let again = SecretKey::load_or_create(data.path()).unwrap();
        assert_eq!(again.open("acme:wind", "TOKEN", &sealed).unwrap(), b"value");
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 3, "nothing is left beside");
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_alone() {
        let key = SecretKey::generate();
        let sealed = key.seal("acme:wind", "TOKEN", b"value");
        assert_eq!(sealed.len(), 1 + NONCE_LEN + b"value".len() + 16);
        assert_ne!(sealed, key.seal("acme:wind", "TOKEN", b"value"), "each has a nonce of its own");
        assert!(!sealed.windows(5).any(|bytes| bytes == b"value"));
        for (plugin, name) in [("acme:wind", "OTHER"), ("acme:rain", "TOKEN"), ("acme:win", "dTOKEN")] {
            assert_eq!(key.open(plugin, name, &sealed), None, "{plugin} {name}");
        }
        assert_eq!(SecretKey::generate().open("acme:wind", "TOKEN", &sealed), None);
        for at in 0..sealed.len() {
            let mut other = sealed.clone();
            other[at] ^= 1;
            assert_eq!(key.open("acme:wind", "TOKEN", &other), None, "byte {at}");
            assert_eq!(key.open("acme:wind", "TOKEN", &sealed[..at]), None, "{at} bytes");
        }
        assert_eq!(format!("{key:?}"), "SecretKey");
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
