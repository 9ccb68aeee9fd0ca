//! The port that says where realtime clients connect: it changes while running, since certificates are renewed.

/// Where the realtime listeners are.
pub trait Doors: Send + Sync + 'static {
    /// The UDP port of QUIC and WebTransport.
    fn quic_port(&self) -> u16;

    /// SHA-256 of the certificate that is served now, in hex; `None` when a certificate authority vouches for it.
    fn certificate_sha256(&self) -> Option<String>;
}
