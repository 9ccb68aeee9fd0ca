//! The accept loop: connections admitted by address, heads read in time, drained in order.
//!
//! It stands alone because `axum::serve` sets no header timeout and knows no caps. HTTP/1.1 only: it is what a
//! WebSocket upgrades from, and a proxy in front speaks whatever else is wanted.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::addresses::Permit;
use crate::edge::Peer;
use crate::limits::{DRAIN_TIMEOUT, HEAD_BYTES_MAX, HEAD_TIMEOUT, HEADERS_MAX, WRITE_STALL_MAX};
use crate::stall::Stalling;
use crate::state::HttpState;

/// Serves until `shutdown` is cancelled, then stops accepting, lets requests finish, tells realtime connections to end
/// and returns once all have, or after 7 s.
///
/// # Errors
/// When the listener has no address. Failing accepts are logged and tried again.
pub async fn serve(listener: TcpListener, state: HttpState, shutdown: CancellationToken) -> io::Result<()> {
    listener.local_addr()?;
    let router = crate::router(state.clone());
    let inner = Arc::clone(&state.inner);
    loop {
        let (stream, peer) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    accept_failed(&error).await;
                    continue;
                }
            },
        };
        // Over its share: closed without a word, which costs us least.
        let address = (!inner.settings.trusted_proxies.trust(peer.ip())).then_some(peer.ip());
        let Some(permit) = inner.connections.admit(address) else { continue };
        let (router, draining) = (router.clone(), inner.draining.clone());
        inner.tasks.spawn(connection(stream, peer, Arc::new(permit), router, draining));
    }
    drop(listener);
    inner.draining.cancel();
    inner.tasks.close();
    if tokio::time::timeout(DRAIN_TIMEOUT, inner.tasks.wait()).await.is_err() {
        tracing::warn!(tasks = inner.tasks.len(), "some connections did not end in time");
    }
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    permit: Arc<Permit>,
    router: Router,
    draining: CancellationToken,
) {
    // Small answers and frames go out at once.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (router, permit) = (router.clone(), Arc::clone(&permit));
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            request.extensions_mut().insert(permit);
            let answer: Result<_, Infallible> = router.oneshot(request).await;
            answer
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    let served =
        builder.serve_connection(TokioIo::new(Stalling::new(stream, WRITE_STALL_MAX)), service).with_upgrades();
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = draining.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %error, "a connection ended early");
    }
}

/// An accept fails for the connection's own reasons, which do not matter, or because descriptors ran out, where going
/// on at once would only burn the processor.
async fn accept_failed(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(error = %error, "accepting failed; trying again in a second");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
