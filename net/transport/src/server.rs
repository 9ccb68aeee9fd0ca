//! The server's QUIC endpoint: one UDP port, from packets to [`Link`]s.
//!
//! Handshakes run apart from each other under a deadline; connections are counted per address, strangers must prove
//! their address while many knock, and a browser's origin is judged before its CONNECT is answered.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hd1_protocol::{ALPN, CloseCode};
use quinn::crypto::rustls::HandshakeData;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use web_transport_quinn::{Request, Session, http::StatusCode};

use crate::{
    Certificate, CertificateError, limits,
    link::{Inner, Link},
    quic::QuicLink,
    tls, udp,
};

/// Judges a browser's `Origin` (absent where a program sent none): may it connect?
pub type OriginCheck = Arc<dyn Fn(Option<&str>) -> bool + Send + Sync>;

/// How a server listens.
#[derive(Clone)]
pub struct ServerOptions {
    /// Shown to clients.
    pub certificate: Certificate,
    /// Judges WebTransport requests.
    pub origin_check: OriginCheck,
    /// Connections from one address.
    pub connections_per_address_max: usize,
    /// From the first packet to a link, a browser's CONNECT included.
    pub handshake_timeout: Duration,
    /// Handshakes under way at which a new address must first prove itself by a Retry.
    pub handshakes_before_retry: usize,
}

impl ServerOptions {
    /// With this certificate, any origin and the default caps.
    #[must_use]
    pub fn new(certificate: Certificate) -> Self {
        ServerOptions {
            certificate,
            origin_check: Arc::new(|_| true),
            connections_per_address_max: limits::CONNECTIONS_PER_ADDRESS_MAX,
            handshake_timeout: limits::HANDSHAKE_TIMEOUT,
            handshakes_before_retry: limits::HANDSHAKES_BEFORE_RETRY,
        }
    }
}

/// A listening endpoint; dropping it stops the listening and leaves the links.
#[derive(Debug)]
pub struct QuicServer {
    endpoint: quinn::Endpoint,
    links: mpsc::Receiver<Link>,
    stop: CancellationToken,
}

/// To change or close a server from elsewhere.
#[derive(Clone, Debug)]
pub struct QuicServerHandle {
    endpoint: quinn::Endpoint,
    stop: CancellationToken,
}

impl QuicServer {
    /// Listens on `address`; port 0 lets the system choose.
    ///
    /// # Errors
    /// Where the port is taken or the certificate is refused.
    pub fn bind(address: SocketAddr, options: ServerOptions) -> io::Result<Self> {
        let config = tls::server_config(&options.certificate).map_err(io::Error::other)?;
        let endpoint = udp::endpoint(address, Some(config))?;
        let (ready, links) = mpsc::channel(limits::ACCEPT_QUEUE);
        let stop = CancellationToken::new();
        tokio::spawn(listen(endpoint.clone(), options, ready, stop.clone()));
        Ok(QuicServer { endpoint, links, stop })
    }

    /// The next connected client; `None` after [`QuicServerHandle::stop`].
    pub async fn accept(&mut self) -> Option<Link> {
        self.links.recv().await
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Where the system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.endpoint.local_addr()
    }

    /// To change or close it from elsewhere.
    #[must_use]
    pub fn handle(&self) -> QuicServerHandle {
        QuicServerHandle { endpoint: self.endpoint.clone(), stop: self.stop.clone() }
    }
}

impl Drop for QuicServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl QuicServerHandle {
    /// Shows another certificate from the next handshake on; connections that stand are not touched.
    ///
    /// # Errors
    /// Where TLS refuses it; the old one stays.
    pub fn set_certificate(&self, certificate: &Certificate) -> Result<(), CertificateError> {
        self.endpoint.set_server_config(Some(tls::server_config(certificate)?));
        Ok(())
    }

    /// Takes no more connections.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Connections that stand.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.endpoint.open_connections()
    }

    /// Ends what connections are left with `code` and waits until the goodbyes have left.
    pub async fn close(&self, code: CloseCode) {
        self.stop.cancel();
        self.endpoint.close(u32::from(u16::from(code)).into(), code.reason().as_bytes());
        self.endpoint.wait_idle().await;
    }
}

async fn listen(endpoint: quinn::Endpoint, options: ServerOptions, ready: mpsc::Sender<Link>, stop: CancellationToken) {
    let addresses = Addresses::new(options.connections_per_address_max);
    let mut handshakes = JoinSet::new();
    loop {
        let incoming = tokio::select! {
            () = stop.cancelled() => break,
            // Finished handshakes leave the set, whose size is what the limits below look at.
            Some(_) = handshakes.join_next() => continue,
            incoming = endpoint.accept() => match incoming { Some(incoming) => incoming, None => break },
        };
        if handshakes.len() >= limits::HANDSHAKES_MAX {
            incoming.refuse();
            continue;
        }
        if handshakes.len() >= options.handshakes_before_retry && incoming.may_retry() {
            // Whoever lies about its address never sees the token, and costs nothing here.
            if incoming.retry().is_err() {
                tracing::debug!("retry was not possible");
            }
            continue;
        }
        let Some(slot) = addresses.take(incoming.remote_address().ip()) else {
            incoming.refuse();
            continue;
        };
        let (ready, origin_check, deadline) = (ready.clone(), options.origin_check.clone(), options.handshake_timeout);
        handshakes.spawn(async move {
            match greet(incoming, slot, &origin_check, Instant::now() + deadline).await {
                // Nobody takes links any more: the server is stopping.
                Ok(link) => drop(ready.send(link).await),
                Err(reason) => tracing::debug!(reason, "handshake failed"),
            }
        });
    }
    endpoint.set_server_config(None);
    handshakes.shutdown().await;
}

/// From the first packet to a link, within the deadline.
async fn greet(
    incoming: quinn::Incoming,
    slot: AddressSlot,
    origin_check: &OriginCheck,
    deadline: Instant,
) -> Result<Link, String> {
    let late = |_| "took too long".to_owned();
    let connection = timeout_at(deadline, incoming).await.map_err(late)?.map_err(|e| e.to_string())?;
    match timeout_at(deadline, session(connection.clone(), origin_check)).await {
        Ok(session) => Ok(Link::served(Inner::Quic(Box::new(QuicLink::server(session?, slot))))),
        Err(elapsed) => {
            // Keep-alives would hold such a connection for ever.
            let code = CloseCode::HelloTimeout;
            connection.close(u32::from(u16::from(code)).into(), code.reason().as_bytes());
            Err(late(elapsed))
        }
    }
}

/// The fork by ALPN: from here on both kinds are the same.
async fn session(connection: quinn::Connection, origin_check: &OriginCheck) -> Result<Session, String> {
    if alpn(&connection).as_deref() == Some(ALPN) {
        return Ok(Session::raw(connection));
    }
    let request = Request::accept(connection).await.map_err(|e| e.to_string())?;
    let origin = request.headers.get("origin").and_then(|value| value.to_str().ok()).map(str::to_owned);
    if !origin_check(origin.as_deref()) {
        request.reject(StatusCode::FORBIDDEN).await.map_err(|e| e.to_string())?;
        return Err(format!("origin {origin:?} refused"));
    }
    request.ok().await.map_err(|e| e.to_string())
}

fn alpn(connection: &quinn::Connection) -> Option<Vec<u8>> {
    connection.handshake_data()?.downcast::<HandshakeData>().ok()?.protocol
}

/// Counts connections by address.
#[derive(Clone, Debug)]
struct Addresses {
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
    max: usize,
}

impl Addresses {
    fn new(max: usize) -> Self {
        Addresses { counts: Arc::default(), max }
    }

    fn take(&self, address: IpAddr) -> Option<AddressSlot> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(AddressSlot { address, counts: self.counts.clone() })
    }
}

/// One connection's place in the count of its address.
#[derive(Debug)]
pub(crate) struct AddressSlot {
    address: IpAddr,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Trust;

    /// A client of its own making, and the link that the server made of it.
    async fn raw_client() -> (quinn::Connection, Link, QuicServer, quinn::Endpoint) {
        let certificate = Certificate::self_signed(&["localhost".into()], 13).unwrap();
        let trust = Trust::Pinned(vec![certificate.sha256()]);
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = QuicServer::bind(loopback, ServerOptions::new(certificate)).unwrap();
        let client = quinn::Endpoint::client(loopback).unwrap();
        let config = tls::client_config(&trust, ALPN).unwrap();
        let connecting = client.connect_with(config, server.local_addr().unwrap(), "localhost").unwrap();
        let (connection, link) = tokio::join!(connecting, server.accept());
        (connection.unwrap(), link.unwrap(), server, client)
    }

    #[tokio::test]
    async fn a_client_has_so_many_streams_and_no_more() {
        let (client, _link, _server, _endpoint) = raw_client().await;
        let mut streams = Vec::new();
        for _ in 0..limits::STREAMS_MAX {
            streams.push(client.open_uni().await.unwrap());
        }
        let one_more = tokio::time::timeout(Duration::from_millis(300), client.open_uni()).await;
        assert!(one_more.is_err(), "stream {} was let in", limits::STREAMS_MAX + 1);
    }

    #[tokio::test]
    async fn what_nobody_reads_stops_at_the_window() {
        let (client, _link, _server, _endpoint) = raw_client().await;
        let mut written = 0;
        let flood = async {
            // No stream of a client's but the control stream is ever read.
            for _ in 0..limits::STREAMS_MAX {
                let mut stream = client.open_uni().await.unwrap();
                let one = async {
                    loop {
                        written += stream.write(&[7; 4096]).await.unwrap();
                    }
                };
                let _: Result<(), _> = tokio::time::timeout(Duration::from_millis(100), one).await;
                std::mem::forget(stream);
            }
        };
        flood.await;
        assert!(written > 0 && written <= limits::SERVER_RECEIVE_WINDOW_BYTES as usize, "{written} bytes taken in");
    }

    #[tokio::test]
    async fn datagrams_that_nobody_reads_are_dropped_and_the_link_lives() {
        let (client, mut link, _server, _endpoint) = raw_client().await;
        let sent = 2 * limits::DATAGRAM_RECEIVE_BYTES / 1_000;
        for number in 0..sent as u32 {
            let mut datagram = vec![0; 1_000];
            datagram[..4].copy_from_slice(&number.to_le_bytes());
            client.send_datagram_wait(datagram.into()).await.unwrap();
        }
        // The control stream is the link's first; without it the link waits for one.
        let (mut control, _reader) = client.open_bi().await.unwrap();
        control.write_all(&[1, 0x01]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (mut got, mut newest) = (0, 0);
        while let Ok(Ok(event)) = tokio::time::timeout(Duration::from_millis(300), link.next()).await {
            if let crate::LinkEvent::Packet(packet) = event
                && packet.frame.len() == 1_000
            {
                got += 1;
                newest = newest.max(u32::from_le_bytes(packet.frame[..4].try_into().unwrap()));
            }
        }
        assert!(got > 0 && got * 1_000 <= limits::DATAGRAM_RECEIVE_BYTES, "{got} of {sent} were kept");
        assert_eq!(newest as usize, sent - 1, "the newest are kept");
    }

    #[tokio::test]
    async fn a_browser_that_never_asks_is_let_go() {
        let certificate = Certificate::self_signed(&["localhost".into()], 13).unwrap();
        let trust = Trust::Pinned(vec![certificate.sha256()]);
        let options =
            ServerOptions { handshake_timeout: Duration::from_millis(500), ..ServerOptions::new(certificate) };
        let server = QuicServer::bind(SocketAddr::from(([127, 0, 0, 1], 0)), options).unwrap();
        let client = quinn::Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let config = tls::client_config(&trust, tls::ALPN_H3).unwrap();
        let connecting = client.connect_with(config, server.local_addr().unwrap(), "localhost").unwrap();
        let connection = connecting.await.unwrap();
        // It never sends a CONNECT.
        let ended = tokio::time::timeout(Duration::from_secs(5), connection.closed()).await.expect("an end in time");
        let quinn::ConnectionError::ApplicationClosed(close) = ended else { panic!("{ended}") };
        assert_eq!(close.error_code, u32::from(u16::from(CloseCode::HelloTimeout)).into());
    }
}
