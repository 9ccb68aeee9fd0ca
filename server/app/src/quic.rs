//! The QUIC port with its certificate: listening, renewing while running, and telling clients where it is.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use hd1_core::{Clock as _, Micros, SystemClock};
use hd1_http::Doors;
use hd1_protocol::CloseCode;
use hd1_runtime::{Runtime, TicketGate};
use hd1_transport::server::QuicServerHandle;
use hd1_transport::{QuicServer, ServerOptions};
use tokio_util::sync::CancellationToken;

use crate::certificate::{self, Development, Identity};
use crate::config::Config;

/// The listening port.
pub struct Quic {
    handle: QuicServerHandle,
    address: SocketAddr,
    shown: Shown,
}

/// What clients are told: the certificate that is served now, and the port.
#[derive(Clone)]
pub struct Shown {
    identity: Arc<RwLock<Identity>>,
    port: u16,
}

impl Doors for Shown {
    fn quic_port(&self) -> u16 {
        self.port
    }

    fn certificate_sha256(&self) -> Option<String> {
        let identity = self.identity.read().unwrap_or_else(PoisonError::into_inner);
        identity.self_signed.then(|| identity.certificate.sha256_hex())
    }
}

/// What is to be run beside the port, each until it is told to stop.
pub struct Tasks {
    /// The port's connections.
    pub server: QuicServer,
    /// The certificate to renew, unless it is the operator's.
    pub development: Option<Development>,
}

impl Quic {
    /// Listens with the operator's certificate or the development one. `http_port` is that of the pages that may
    /// connect.
    ///
    /// # Errors
    /// The port is taken or the certificate is of no use.
    pub fn start(config: &Config, http_port: u16, now: Micros) -> Result<(Self, Tasks)> {
        let (identity, development) = match certificate::from_files(&config.tls)? {
            Some(identity) => (identity, None),
            None => {
                let development = Development::new(&config.data, names(config));
                (development.current(now)?, Some(development))
            }
        };
        let mut options = ServerOptions::new(identity.certificate.clone());
        let allowed = Origins::new(config, http_port);
        options.origin_check = Arc::new(move |origin| allowed.admit(origin));
        let server = QuicServer::bind(config.quic.addr, options)
            .with_context(|| format!("cannot listen on quic.addr {} (UDP)", config.quic.addr))?;
        let address = server.local_addr()?;
        let port = config.quic.public_port.unwrap_or(address.port());
        let shown = Shown { identity: Arc::new(RwLock::new(identity)), port };
        Ok((Self { handle: server.handle(), address, shown }, Tasks { server, development }))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What clients are told.
    #[must_use]
    pub fn shown(&self) -> Shown {
        self.shown.clone()
    }

    /// SHA-256 of the certificate that is served now.
    #[must_use]
    pub fn certificate_sha256(&self) -> String {
        self.shown.identity.read().unwrap_or_else(PoisonError::into_inner).certificate.sha256_hex()
    }

    /// Replaces the development certificate whenever it is due.
    pub fn renew(&self, development: Development, stop: CancellationToken) -> impl Future<Output = ()> + use<> {
        let (handle, shown) = (self.handle.clone(), self.shown.clone());
        async move {
            loop {
                let due = Duration::from_secs(development.due_in_s(SystemClock.now()));
                tokio::select! {
                    () = tokio::time::sleep(due) => {}
                    () = stop.cancelled() => return,
                }
                if let Err(error) = renew_once(&development, &handle, &shown, SystemClock.now()) {
                    tracing::error!(error = format!("{error:#}"), "the development certificate could not be renewed");
                }
            }
        }
    }

    /// Takes no more connections.
    pub fn stop(&self) {
        self.handle.stop();
    }

    /// Ends what connections are left.
    pub async fn close(&self) {
        self.handle.close(CloseCode::Draining).await;
    }
}

/// Handles connections until the port is stopped.
pub async fn accept(mut server: QuicServer, runtime: Runtime, tickets: Arc<dyn TicketGate>) {
    while let Some(link) = server.accept().await {
        runtime.connect(link, Arc::clone(&tickets));
    }
}

fn renew_once(development: &Development, handle: &QuicServerHandle, shown: &Shown, now: Micros) -> Result<()> {
    let fresh = development.current(now)?;
    let old = shown.identity.read().unwrap_or_else(PoisonError::into_inner).certificate.sha256();
    if fresh.certificate.sha256() != old {
        handle.set_certificate(&fresh.certificate)?;
        *shown.identity.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        tracing::info!("renewed the development certificate");
    }
    Ok(())
}

/// What the development certificate vouches for.
fn names(config: &Config) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let address = config.quic.addr.ip();
    if !address.is_loopback() && !address.is_unspecified() {
        names.push(address.to_string());
    }
    names
}

/// The pages that may connect by WebTransport. A ticket is needed all the same, and no page of another origin can read
/// one; this keeps strangers' pages from trying.
struct Origins {
    http_port: u16,
    allowed: Vec<String>,
}

impl Origins {
    fn new(config: &Config, http_port: u16) -> Self {
        let listed = config.http.allowed_origins.iter().chain(&config.http.public_url);
        Self { http_port, allowed: listed.map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect() }
    }

    /// Programs send no origin; our own pages come from whatever name this machine has, at the port of HTTP.
    fn admit(&self, origin: Option<&str>) -> bool {
        let Some(origin) = origin.map(str::to_ascii_lowercase) else { return true };
        let own = origin.strip_prefix("http://").is_some_and(|host| match host.rsplit_once(':') {
            Some((name, port)) if !name.is_empty() => port.parse() == Ok(self.http_port),
            _ => self.http_port == 80,
        });
        own || self.allowed.contains(&origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_pages_and_those_that_are_listed_may_connect() {
        let mut config = Config::default();
        config.http.public_url = Some("https://play.example.org/".to_owned());
        config.http.allowed_origins = vec!["https://friend.example".to_owned()];
        let origins = Origins::new(&config, 8080);
        for (origin, good) in [
            (None, true),
            (Some("http://localhost:8080"), true),
            (Some("http://192.168.1.5:8080"), true),
            (Some("https://play.example.org"), true),
            (Some("https://Friend.example"), true),
            (Some("https://friend.example.evil"), false),
            (Some("http://localhost:9090"), false),
            (Some("https://localhost:8080"), false),
            (Some("http://:8080"), false),
            (Some("null"), false),
        ] {
            assert_eq!(origins.admit(origin), good, "{origin:?}");
        }
    }

    #[tokio::test]
    async fn a_renewed_certificate_is_served_and_told_without_a_restart() {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config { data: data.path().to_owned(), ..Config::default() };
        config.quic.addr.set_port(0);
        let now = SystemClock.now();
        let (quic, tasks) = Quic::start(&config, 80, now).unwrap();
        let (first, development) = (quic.certificate_sha256(), tasks.development.unwrap());
        renew_once(&development, &quic.handle, &quic.shown, now).unwrap();
        assert_eq!(quic.certificate_sha256(), first, "it is good for days");

        let later = now.plus_s(11 * 24 * 3600);
        renew_once(&development, &quic.handle, &quic.shown, later).unwrap();
        assert_ne!(quic.certificate_sha256(), first);
        assert_eq!(quic.shown().certificate_sha256(), Some(quic.certificate_sha256()));
    }
}
