//! Bearer secrets: 256 random bits behind a prefix that says what they open; only their SHA-256 is ever kept.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What a secret opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// The admin token in the data folder.
    Admin,
    /// An API token.
    Api,
    /// One membership of one session.
    Participant,
}

impl SecretKind {
    /// What its text begins with; scanners for leaked secrets can look for it.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            SecretKind::Admin => "hd1a_",
            SecretKind::Api => "hd1t_",
            SecretKind::Participant => "hd1p_",
        }
    }
}

const SECRET_BYTES: usize = 32;
/// 32 bytes in base64 without padding.
const SECRET_CHARS: usize = 43;

/// A secret. Never printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    kind: SecretKind,
    text: String,
}

/// The SHA-256 of a secret; compared in constant time.
#[derive(Clone, Copy, Debug)]
pub struct SecretHash(pub [u8; 32]);

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretHash {}

impl Secret {
    /// A fresh secret.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: no server can run then.
    #[must_use]
    pub fn generate(kind: SecretKind) -> Self {
        let bytes: [u8; SECRET_BYTES] = random();
        Self { kind, text: format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(bytes)) }
    }

    /// Reads a text that has the form of a secret; anything else is turned away before a database is asked.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let kinds = [SecretKind::Admin, SecretKind::Api, SecretKind::Participant];
        let (kind, rest) = kinds.into_iter().find_map(|kind| Some((kind, text.strip_prefix(kind.prefix())?)))?;
        let good = rest.len() == SECRET_CHARS && URL_SAFE_NO_PAD.decode(rest).is_ok();
        good.then(|| Self { kind, text: text.to_owned() })
    }

    /// What it opens.
    #[must_use]
    pub const fn kind(&self) -> SecretKind {
        self.kind
    }

    /// The text, to be shown once or written to a file of mode 0600.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What is stored and compared.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.text.as_bytes()).into())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}…", self.kind.prefix())
    }
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_generated_reads_back() {
        let secret = Secret::generate(SecretKind::Api);
        assert_eq!(Secret::parse(secret.expose()), Some(secret.clone()));
        assert_ne!(Secret::generate(SecretKind::Api).hash(), secret.hash());
        let truncated = &secret.expose()[..secret.expose().len() - 1];
        for text in ["", "hd1t_", truncated, &format!("{}A", secret.expose()), &"hd1t_*".repeat(8)] {
            assert_eq!(Secret::parse(text), None, "{text}");
        }
        assert!(!format!("{secret:?}").contains(&secret.expose()[6..]));
    }
}
