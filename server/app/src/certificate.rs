//! The certificate of the QUIC port: the operator's own from files, or a development certificate made here.
//!
//! Browsers accept a self-signed certificate by its hash only if it is a P-256 one that lives 14 days at most, so ours
//! lives 13 and is replaced while the server runs. It stands alone because it knows neither sockets nor HTTP: whoever
//! needs the newest one subscribes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use hd1_core::Micros;
use hd1_transport::Certificate;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};

use crate::config::Tls;
use crate::files;

/// Seconds from `not_before` to `not_after`. Chromium was seen to accept 14 days and to refuse 15.
const LIFETIME_S: i64 = 13 * 24 * 3600;
/// Seconds by which a client's clock may be behind ours.
const BACKDATED_S: i64 = 3600;
/// A certificate with fewer seconds left is replaced.
const RENEW_BEFORE_S: i64 = 3 * 24 * 3600;

/// A certificate and whether it speaks for itself.
#[derive(Clone)]
pub struct Identity {
    /// The chain with its key.
    pub certificate: Certificate,
    /// Whether clients have to be told its hash, because no authority vouches for it.
    pub self_signed: bool,
}

/// Reads the operator's certificate, where the settings name one.
///
/// # Errors
/// A file cannot be read or holds no PEM of the right kind.
pub fn from_files(tls: &Tls) -> Result<Option<Identity>> {
    let (Some(chain), Some(key)) = (&tls.certificate, &tls.key) else { return Ok(None) };
    let certificate = Certificate::from_pem_files(chain, key).context("cannot use tls.certificate and tls.key")?;
    Ok(Some(Identity { certificate, self_signed: false }))
}

/// The development certificate in the data folder.
pub struct Development {
    file: PathBuf,
    names: Vec<String>,
}

impl Development {
    /// Keeps its files in `data` and vouches for `names`: host names and addresses.
    #[must_use]
    pub fn new(data: &Path, names: Vec<String>) -> Self {
        Self { file: data.join("certificate.pem"), names }
    }

    /// The certificate on disk while it is good for long enough and for all names; a new one, written there,
    /// otherwise.
    ///
    /// # Errors
    /// The new one cannot be written.
    pub fn current(&self, now: Micros) -> Result<Identity> {
        match self.stored(now) {
            Some(identity) => Ok(identity),
            None => self.issue(now),
        }
    }

    /// When the certificate on disk has to be looked at again, in seconds from `now`.
    #[must_use]
    pub fn due_in_s(&self, now: Micros) -> u64 {
        let left = self.stored_header().map_or(0, |(not_after, _)| not_after.0 / 1_000_000 - now.0 / 1_000_000);
        // At least now and then: the machine may sleep or its clock be set.
        u64::try_from(left - RENEW_BEFORE_S).unwrap_or(0).clamp(1, 3600)
    }

    fn stored(&self, now: Micros) -> Option<Identity> {
        let (not_after, names) = self.stored_header()?;
        let fits = names == self.names && not_after.0 >= now.plus_s(RENEW_BEFORE_S).0;
        // One that was made in the future is of a clock that has since been set right.
        let begun = not_after.plus_s(-LIFETIME_S).0 <= now.0;
        if !fits || !begun {
            return None;
        }
        self.read().ok()
    }

    /// The lines that [`Development::issue`] writes above the PEM, so that no certificate has to be parsed.
    fn stored_header(&self) -> Option<(Micros, Vec<String>)> {
        let text = fs::read_to_string(&self.file).ok()?;
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let not_after = field("not_after_us: ")?.parse().ok()?;
        Some((Micros(not_after), field("names: ")?.split(' ').map(str::to_owned).collect()))
    }

    fn issue(&self, now: Micros) -> Result<Identity> {
        let not_before = now.plus_s(-BACKDATED_S);
        let not_after = not_before.plus_s(LIFETIME_S);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("cannot make a key")?;
        let mut params = CertificateParams::new(self.names.clone()).context("cannot name the certificate")?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "HD1 development");
        params.not_before = moment(not_before)?;
        params.not_after = moment(not_after)?;
        let certificate = params.self_signed(&key).context("cannot sign the certificate")?;

        let text = format!(
            "not_after_us: {}\nnames: {}\n{}{}",
            not_after.0,
            self.names.join(" "),
            certificate.pem(),
            key.serialize_pem()
        );
        files::write_secret(&self.file, text.as_bytes())?;
        tracing::info!(file = %self.file.display(), "made a development certificate");
        self.read()
    }

    fn read(&self) -> Result<Identity> {
        Ok(Identity { certificate: Certificate::from_pem_files(&self.file, &self.file)?, self_signed: true })
    }
}

fn moment(at: Micros) -> Result<time::OffsetDateTime> {
    time::OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1_000_000)).context("the machine's clock is far off")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = Micros(1_800_000_000_000_000);
    const DAY_S: i64 = 24 * 3600;

    fn development(folder: &Path) -> Development {
        Development::new(folder, vec!["localhost".into(), "127.0.0.1".into()])
    }

    #[test]
    fn it_is_kept_over_a_restart_and_replaced_before_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let first = development(folder.path()).current(NOW).unwrap();
        let again = development(folder.path()).current(NOW.plus_s(9 * DAY_S)).unwrap();
        assert_eq!(first.certificate.sha256_hex(), again.certificate.sha256_hex());
        let renewed = development(folder.path()).current(NOW.plus_s(10 * DAY_S + 1)).unwrap();
        assert_ne!(first.certificate.sha256_hex(), renewed.certificate.sha256_hex());
    }

    #[test]
    fn it_is_replaced_when_the_names_or_the_clock_have_changed() {
        let folder = tempfile::tempdir().unwrap();
        let first = development(folder.path()).current(NOW).unwrap();
        let earlier = development(folder.path()).current(NOW.plus_s(-30 * DAY_S)).unwrap();
        assert_ne!(first.certificate.sha256_hex(), earlier.certificate.sha256_hex());
        let named = Development::new(folder.path(), vec!["play.example".into()]).current(NOW).unwrap();
        assert_ne!(first.certificate.sha256_hex(), named.certificate.sha256_hex());
    }

    #[test]
    fn renewal_is_due_three_days_before_the_end_and_looked_at_each_hour() {
        let folder = tempfile::tempdir().unwrap();
        let development = development(folder.path());
        assert_eq!(development.due_in_s(NOW), 1, "there is none yet");
        development.current(NOW).unwrap();
        assert_eq!(development.due_in_s(NOW), 3600);
        let left = LIFETIME_S - BACKDATED_S - RENEW_BEFORE_S;
        assert_eq!(development.due_in_s(NOW.plus_s(left - 60)), 60);
    }

    #[test]
    fn a_damaged_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let first = development(folder.path()).current(NOW).unwrap();
        std::fs::write(folder.path().join("certificate.pem"), "rubbish").unwrap();
        assert_ne!(
            development(folder.path()).current(NOW).unwrap().certificate.sha256_hex(),
            first.certificate.sha256_hex()
        );
    }

    #[test]
    fn its_own_files_can_be_read_back_as_an_operators() {
        let folder = tempfile::tempdir().unwrap();
        let made = development(folder.path()).current(NOW).unwrap();
        let file = Some(folder.path().join("certificate.pem"));
        let read = from_files(&Tls { certificate: file.clone(), key: file }).unwrap().unwrap();
        assert_eq!(made.certificate.sha256_hex(), read.certificate.sha256_hex());
        assert!(!read.self_signed);
    }
}
