//! Certificates and TLS settings of both ends; the crypto provider is aws-lc-rs, passed and never taken from the process.

use std::{path::Path, sync::Arc};

use hd1_protocol::ALPN;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::{
    DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use sha2::{Digest, Sha256};

use crate::limits;

/// ALPN of WebTransport.
pub(crate) const ALPN_H3: &[u8] = b"h3";

/// Days that browsers accept for a certificate which they trust by its hash.
pub const SELF_SIGNED_DAYS_MAX: i64 = 14;

/// Why a certificate is of no use.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read or is not PEM.
    #[error("{path}: {reason}")]
    File {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
    /// It could not be made.
    #[error("making a certificate: {0}")]
    Generate(#[from] rcgen::Error),
    /// It does not fit its key, or TLS refuses it.
    #[error("certificate refused: {0}")]
    Tls(#[from] rustls::Error),
}

/// A certificate chain and its key.
#[derive(Debug)]
pub struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Clone for Certificate {
    fn clone(&self) -> Self {
        Certificate { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

impl Certificate {
    /// A self-signed P-256 certificate for these DNS names and addresses. It is valid from an hour ago, against clocks
    /// that differ, for `days` in all; browsers that trust it by hash take at most [`SELF_SIGNED_DAYS_MAX`].
    ///
    /// # Errors
    /// Where a name is none.
    pub fn self_signed(names: &[String], days: i64) -> Result<Self, CertificateError> {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let mut params = rcgen::CertificateParams::new(names.to_vec())?;
        params.not_before = time::OffsetDateTime::now_utc() - time::Duration::hours(1);
        params.not_after = params.not_before + time::Duration::days(days);
        let certificate = params.self_signed(&key)?;
        Ok(Certificate {
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        })
    }

    /// From PEM files: the chain with the server's own certificate first, and its key.
    ///
    /// # Errors
    /// Where a file cannot be read or holds none.
    pub fn from_pem_files(chain: &Path, key: &Path) -> Result<Self, CertificateError> {
        let file = |path: &Path, reason: String| CertificateError::File { path: path.display().to_string(), reason };
        let certificates = CertificateDer::pem_file_iter(chain).map_err(|e| file(chain, e.to_string()))?;
        let chain_der = certificates.collect::<Result<Vec<_>, _>>().map_err(|e| file(chain, e.to_string()))?;
        if chain_der.is_empty() {
            return Err(file(chain, "holds no certificate: expected PEM".into()));
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(|e| file(key, e.to_string()))?;
        Ok(Certificate { chain: chain_der, key })
    }

    /// SHA-256 of the server's own certificate (DER): what clients pin.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.chain.first().map(|der| Sha256::digest(der).into()).unwrap_or_default()
    }

    /// [`Certificate::sha256`] in lower-case hex.
    #[must_use]
    pub fn sha256_hex(&self) -> String {
        hex::encode(self.sha256())
    }

    /// The chain, DER.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// One endpoint for both protocols: the list of ALPN names is all that differs from a plain QUIC server.
pub(crate) fn server_config(certificate: &Certificate) -> Result<quinn::ServerConfig, CertificateError> {
    let Certificate { chain, key } = certificate.clone();
    let mut tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    tls.alpn_protocols = vec![ALPN.to_vec(), ALPN_H3.to_vec()];
    let crypto = QuicServerConfig::try_from(tls).map_err(|e| rustls::Error::General(e.to_string()))?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(Arc::new(transport_config(
        limits::SERVER_RECEIVE_WINDOW_BYTES,
        limits::SERVER_STREAM_WINDOW_BYTES,
    )));
    config.max_incoming(limits::HANDSHAKES_MAX);
    Ok(config)
}

pub(crate) fn client_config(trust: &crate::Trust, alpn: &[u8]) -> Result<quinn::ClientConfig, CertificateError> {
    let builder =
        rustls::ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&rustls::version::TLS13])?;
    let mut tls = match trust {
        crate::Trust::Pinned(hashes) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned { hashes: hashes.clone(), provider: provider() }))
            .with_no_client_auth(),
        crate::Trust::System => builder.with_root_certificates(system_roots()).with_no_client_auth(),
        crate::Trust::Authorities(authorities) => {
            let mut roots = RootCertStore::empty();
            for authority in authorities {
                roots.add(authority.clone())?;
            }
            builder.with_root_certificates(roots).with_no_client_auth()
        }
    };
    tls.alpn_protocols = vec![alpn.to_vec()];
    let crypto = QuicClientConfig::try_from(tls).map_err(|e| rustls::Error::General(e.to_string()))?;
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport_config(
        limits::CLIENT_RECEIVE_WINDOW_BYTES,
        limits::CLIENT_STREAM_WINDOW_BYTES,
    )));
    Ok(config)
}

fn transport_config(receive_window: u32, stream_window: u32) -> quinn::TransportConfig {
    // A tick is several packets at once: one acknowledgement for all of them, which then travels with the input that
    // answers the tick, saves each side a packet or two. Peers that do not know the extension go on as ever.
    let mut acks = quinn::AckFrequencyConfig::default();
    acks.ack_eliciting_threshold(limits::PACKETS_PER_ACK.into());
    let mut transport = quinn::TransportConfig::default();
    transport
        .ack_frequency_config(Some(acks))
        .keep_alive_interval(Some(limits::KEEP_ALIVE))
        .max_idle_timeout(limits::IDLE_TIMEOUT.try_into().ok())
        .max_concurrent_bidi_streams(limits::STREAMS_MAX.into())
        .max_concurrent_uni_streams(limits::STREAMS_MAX.into())
        .receive_window(receive_window.into())
        .stream_receive_window(stream_window.into())
        .send_window(limits::SEND_WINDOW_BYTES)
        .datagram_receive_buffer_size(Some(limits::DATAGRAM_RECEIVE_BYTES))
        .datagram_send_buffer_size(limits::DATAGRAM_SEND_BYTES);
    transport
}

/// The machine's certificate authorities; those that cannot be read are skipped with a warning.
fn system_roots() -> RootCertStore {
    let loaded = rustls_native_certs::load_native_certs();
    for error in loaded.errors {
        tracing::warn!(%error, "certificate authority skipped");
    }
    let mut roots = RootCertStore::empty();
    let (_, ignored) = roots.add_parsable_certificates(loaded.certs);
    if ignored > 0 {
        tracing::debug!(ignored, "certificate authorities that do not parse");
    }
    roots
}

/// Trusts exactly the certificates with these hashes: what `serverCertificateHashes` is in a browser.
#[derive(Debug)]
struct Pinned {
    hashes: Vec<[u8; 32]>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let hash: [u8; 32] = Sha256::digest(certificate).into();
        if self.hashes.contains(&hash) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("QUIC has TLS 1.3 only".into()))
    }

    // The pin says which certificate; this proves that the peer holds its key.
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
