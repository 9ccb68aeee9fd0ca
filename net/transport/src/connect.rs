//! The client's ways to a link.

use std::{io, net::SocketAddr};

use hd1_protocol::{ALPN, Encoding, SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK};
use rustls::pki_types::CertificateDer;
use tokio::net::{TcpStream, lookup_host};
use tokio_tungstenite::{
    client_async_with_config,
    tungstenite::{self, client::IntoClientRequest, http::HeaderValue, protocol::Role},
};
use web_transport_quinn::{Session, proto::ConnectRequest};

use crate::{
    CertificateError, limits,
    link::{Inner, Link},
    quic::QuicLink,
    tls, udp,
    websocket::{self, Io, WebSocketLink},
};

/// Which servers a client believes.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Those whose certificate has one of these SHA-256 hashes, whatever name and date it bears.
    Pinned(Vec<[u8; 32]>),
    /// Those that the machine's certificate authorities vouch for.
    System,
    /// Those that these authorities vouch for.
    Authorities(Vec<CertificateDer<'static>>),
}

/// Why no link came to be.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address or URL is none, or its host is not known.
    #[error("{address}: {reason}")]
    Address {
        /// As given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The certificate or its authorities are of no use.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Nobody answered in time.
    #[error("no answer within {} s", limits::HANDSHAKE_TIMEOUT.as_secs())]
    Timeout,
    /// The other end refused, or the network did.
    #[error("connection refused: {0}")]
    Refused(String),
}

/// Opens links; many share one UDP socket.
#[derive(Clone, Debug)]
pub struct Connector {
    endpoint: quinn::Endpoint,
}

impl Connector {
    /// A client endpoint on a free port, for IPv6 and IPv4 where the machine has both.
    ///
    /// # Errors
    /// Where the system gives no socket.
    pub fn bind() -> io::Result<Self> {
        let any_v6 = SocketAddr::from(([0u16; 8], 0));
        let any_v4 = SocketAddr::from(([0u8; 4], 0));
        let endpoint = udp::endpoint(any_v6, None).or_else(|_| udp::endpoint(any_v4, None))?;
        Ok(Connector { endpoint })
    }

    /// Connects over QUIC to `host:port`.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn quic(&self, address: &str, trust: &Trust) -> Result<Link, ConnectError> {
        within(async {
            let session = Session::raw(self.connection(address, trust, ALPN).await?);
            self.link(session).await
        })
        .await
    }

    /// Connects over WebTransport to an `https://host:port/path` URL.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn web_transport(&self, url: &str, trust: &Trust) -> Result<Link, ConnectError> {
        within(async {
            let wrong = |reason: String| ConnectError::Address { address: url.to_owned(), reason };
            let rest = url.strip_prefix("https://").ok_or_else(|| wrong("must begin with https://".into()))?;
            let authority = rest.split(['/', '?']).next().unwrap_or_default();
            let address = with_port(authority, 443);
            let parsed: url::Url = url.parse().map_err(|e| wrong(format!("no URL: {e}")))?;
            let connection = self.connection(&address, trust, tls::ALPN_H3).await?;
            let session = Session::connect(connection, ConnectRequest::new(parsed)).await;
            self.link(session.map_err(|e| ConnectError::Refused(e.to_string()))?).await
        })
        .await
    }

    async fn link(&self, session: Session) -> Result<Link, ConnectError> {
        let control = session.open_bi().await.map_err(|e| ConnectError::Refused(e.to_string()))?;
        Ok(Link::of(Inner::Quic(Box::new(QuicLink::client(session, control)))))
    }

    async fn connection(&self, address: &str, trust: &Trust, alpn: &[u8]) -> Result<quinn::Connection, ConnectError> {
        let config = tls::client_config(trust, alpn)?;
        let (host, remote) = resolve(address).await?;
        let local_v6 = self.endpoint.local_addr().is_ok_and(|local| local.is_ipv6());
        let remote = match remote {
            // A socket for both speaks to IPv4 by mapped addresses.
            SocketAddr::V4(v4) if local_v6 => SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port())),
            other => other,
        };
        let refused = |reason: String| ConnectError::Refused(reason);
        let connecting = self.endpoint.connect_with(config, remote, &host).map_err(|e| refused(e.to_string()))?;
        connecting.await.map_err(|e| refused(e.to_string()))
    }
}

/// Connects over WebSocket to a `ws://host:port/path` URL with the subprotocol of `encoding`.
///
/// # Errors
/// [`ConnectError`]; `wss://` is not spoken here: native clients have QUIC, which is encrypted.
pub async fn web_socket(url: &str, encoding: Encoding) -> Result<Link, ConnectError> {
    within(async {
        let wrong = |reason: String| ConnectError::Address { address: url.to_owned(), reason };
        let rest = url.strip_prefix("ws://").ok_or_else(|| wrong("must begin with ws://".into()))?;
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let address = with_port(authority, 80);
        let (_, peer) = resolve(&address).await?;
        let refused = |reason: String| ConnectError::Refused(reason);
        let stream = TcpStream::connect(peer).await.map_err(|e| refused(e.to_string()))?;
        stream.set_nodelay(true).map_err(|e| refused(e.to_string()))?;
        let mut request = url.into_client_request().map_err(|e| wrong(e.to_string()))?;
        let protocol = match encoding {
            Encoding::Binary => SUBPROTOCOL_MSGPACK,
            Encoding::Json => SUBPROTOCOL_JSON,
        };
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(protocol));
        let io: Box<dyn Io> = Box::new(stream);
        let connected = client_async_with_config(request, io, Some(websocket::config(Role::Client))).await;
        let (socket, _) = connected.map_err(|e| refused(answer(e)))?;
        Ok(Link::of(Inner::WebSocket(Box::new(WebSocketLink::new(socket, encoding, peer)))))
    })
    .await
}

/// A refusal with what the server said, where it said something.
fn answer(error: tungstenite::Error) -> String {
    match error {
        tungstenite::Error::Http(response) => {
            let body = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            format!("HTTP {} {}", response.status(), body.chars().take(200).collect::<String>())
        }
        error => error.to_string(),
    }
}

async fn within<T>(connecting: impl Future<Output = Result<T, ConnectError>>) -> Result<T, ConnectError> {
    tokio::time::timeout(limits::HANDSHAKE_TIMEOUT, connecting).await.unwrap_or(Err(ConnectError::Timeout))
}

fn with_port(authority: &str, default: u16) -> String {
    // Colons within brackets belong to an IPv6 address.
    let has_port = authority.rsplit(']').next().is_some_and(|tail| tail.contains(':'));
    if has_port { authority.to_owned() } else { format!("{authority}:{default}") }
}

/// The host's name for TLS, and an address of it.
async fn resolve(address: &str) -> Result<(String, SocketAddr), ConnectError> {
    let wrong = |reason: String| ConnectError::Address { address: address.to_owned(), reason };
    let host = address.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']).to_owned());
    let host = host.ok_or_else(|| wrong("must be host:port".into()))?;
    let mut found = lookup_host(address).await.map_err(|e| wrong(e.to_string()))?;
    let remote = found.next().ok_or_else(|| wrong("host is not known".into()))?;
    Ok((host, remote))
}
