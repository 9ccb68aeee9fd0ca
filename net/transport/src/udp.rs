//! UDP sockets with buffers for a tick's worth of datagrams.
//!
//! A world sends to all its clients at one moment, so datagrams come in bursts. A system's default receive buffer
//! (212 KiB on Linux) overflows long before a core is busy; what it drops looks like a congested path, and the
//! congestion controller then slows the whole connection down.

use std::{io, net::SocketAddr, sync::Arc};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::limits;

/// An endpoint on `address`, for IPv6 and IPv4 where that is `[::]`. `server` makes it take connections.
pub(crate) fn endpoint(address: SocketAddr, server: Option<quinn::ServerConfig>) -> io::Result<quinn::Endpoint> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6()
        && let Err(error) = socket.set_only_v6(false)
    {
        tracing::debug!(%error, "no IPv4 on an IPv6 socket");
    }
    let wanted = if server.is_some() { limits::SERVER_UDP_BUFFER_BYTES } else { limits::CLIENT_UDP_BUFFER_BYTES };
    let got = enlarge(SockRef::from(&socket), wanted);
    if server.is_some() && got < wanted {
        tracing::warn!(
            "UDP receive buffer: the system gives {got} bytes instead of {wanted}; under load datagrams may be lost \
             (on Linux: sysctl -w net.core.rmem_max={wanted} net.core.wmem_max={wanted})",
        );
    }
    socket.bind(&address.into())?;
    quinn::Endpoint::new(quinn::EndpointConfig::default(), server, socket.into(), Arc::new(quinn::TokioRuntime))
}

/// Asks for large buffers; the bytes that the receive buffer has then. A system that gives less is no error.
fn enlarge(socket: SockRef<'_>, bytes: usize) -> usize {
    for asked in [socket.set_recv_buffer_size(bytes), socket.set_send_buffer_size(bytes)] {
        if let Err(error) = asked {
            tracing::debug!(%error, "UDP buffer size not taken");
        }
    }
    socket.recv_buffer_size().unwrap_or(0)
}
