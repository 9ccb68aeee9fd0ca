//! Real sockets on loopback: the same exchange over every transport, closes with their codes, and the limits of links.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use hd1_protocol::{CloseCode, Encoding, Packet, limits::FRAME_IN_BYTES_MAX, packet::Channel};
use hd1_transport::{
    Certificate, Conditions, ConnectError, Connector, Link, LinkEnd, LinkEvent, QuicServer, ServerOptions,
    TransportKind, Trust, connect::web_socket, limits,
};
use tokio::net::TcpListener;

fn certificate() -> Certificate {
    Certificate::self_signed(&["localhost".into(), "127.0.0.1".into()], 13).unwrap()
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A connected client and server over `kind`.
async fn pair(kind: TransportKind) -> (Link, Link, Option<QuicServer>) {
    if kind == TransportKind::WebSocket {
        let (client, server) = web_socket_pair(Encoding::Binary).await;
        return (client, server, None);
    }
    let certificate = certificate();
    let trust = Trust::Pinned(vec![certificate.sha256()]);
    let mut server = QuicServer::bind(loopback(), ServerOptions::new(certificate)).unwrap();
    let address = server.local_addr().unwrap();
    let connector = Connector::bind().unwrap();
    let url = format!("https://{address}/realtime");
    let client = async {
        match kind {
            TransportKind::WebTransport => connector.web_transport(&url, &trust).await,
            _ => connector.quic(&address.to_string(), &trust).await,
        }
    };
    let (client, link) = tokio::join!(client, server.accept());
    (client.unwrap(), link.unwrap(), Some(server))
}

/// The upgrade that the HTTP server does in the program, done by tungstenite.
#[allow(clippy::result_large_err, reason = "tungstenite's callback is made so")]
async fn web_socket_pair(encoding: Encoding) -> (Link, Link) {
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let url = format!("ws://{}/realtime", listener.local_addr().unwrap());
    let server = async {
        let (stream, peer) = listener.accept().await.unwrap();
        let agree = |request: &tokio_tungstenite::tungstenite::handshake::server::Request,
                     mut response: tokio_tungstenite::tungstenite::handshake::server::Response| {
            let protocol = request.headers()["sec-websocket-protocol"].clone();
            response.headers_mut().insert("sec-websocket-protocol", protocol);
            Ok(response)
        };
        let socket = tokio_tungstenite::accept_hdr_async(stream, agree).await.unwrap();
        Link::websocket(Box::new(socket.into_inner()), encoding, peer).await
    };
    let (client, server) = tokio::join!(web_socket(&url, encoding), server);
    (client.unwrap(), server)
}

async fn packet(link: &mut Link) -> Packet {
    loop {
        match tokio::time::timeout(Duration::from_secs(5), link.next()).await.expect("a packet in time") {
            Ok(LinkEvent::Packet(packet)) => return packet,
            Ok(LinkEvent::Room) => {}
            Err(end) => panic!("link ended: {end}"),
        }
    }
}

async fn end(link: &mut Link) -> LinkEnd {
    loop {
        if let Err(end) = tokio::time::timeout(Duration::from_secs(5), link.next()).await.expect("an end in time") {
            return end;
        }
    }
}

/// Drives one end while the other is looked at.
async fn both<T>(driven: &mut Link, looked_at: impl Future<Output = T>) -> T {
    tokio::select! {
        result = looked_at => result,
        () = async { loop { if driven.next().await.is_err() { std::future::pending::<()>().await } } } => unreachable!(),
    }
}

const ALL: [TransportKind; 3] = [TransportKind::Quic, TransportKind::WebTransport, TransportKind::WebSocket];

#[tokio::test]
async fn frames_of_every_way_arrive_whole_over_every_transport() {
    for kind in ALL {
        let (mut client, mut server, _endpoint) = pair(kind).await;
        assert_eq!((client.kind(), server.kind()), (kind, kind));
        client.send(Packet::control(&b"\x01hello"[..]));
        client.send(Packet::datagram(&b"\x05input"[..]));
        let mut got = vec![both(&mut client, packet(&mut server)).await.frame];
        got.push(both(&mut client, packet(&mut server)).await.frame);
        got.sort();
        assert_eq!(got, [&b"\x01hello"[..], b"\x05input"], "{kind:?}");

        // A snapshot of several windows, beside messages that do not wait for it.
        let chunk = Bytes::from(vec![4u8; 200_000]);
        for i in 0..20 {
            server.send(Packet::bulk(chunk.clone(), i == 19));
        }
        server.send(Packet::control(&b"\x01beside"[..]));
        let (mut chunks, mut messages) = (0, 0);
        while chunks < 20 || messages < 1 {
            let packet = both(&mut server, packet(&mut client)).await;
            match packet.frame.len() {
                200_000 => chunks += 1,
                _ => messages += 1,
            }
            assert!(kind == TransportKind::WebSocket || (packet.channel == Channel::Bulk) == (packet.frame.len() > 99));
        }
        // A second transfer has a stream of its own.
        server.send(Packet::bulk(&b"\x04again"[..], true));
        assert_eq!(both(&mut server, packet(&mut client)).await.frame, &b"\x04again"[..], "{kind:?}");
    }
}

#[tokio::test]
async fn closes_carry_their_code_both_ways() {
    for kind in ALL {
        let (mut client, mut server, _endpoint) = pair(kind).await;
        client.send(Packet::control(&b"\x01x"[..]));
        both(&mut client, packet(&mut server)).await;
        let (seen, ()) = tokio::join!(end(&mut client), server.close(CloseCode::Kicked, "out"));
        assert_eq!(seen, LinkEnd::Closed { code: Some(CloseCode::Kicked), reason: "out".into() }, "{kind:?}");

        let (mut client, mut server, _endpoint) = pair(kind).await;
        client.send(Packet::control(&b"\x01x"[..]));
        both(&mut client, packet(&mut server)).await;
        let (seen, ()) = tokio::join!(end(&mut server), client.close(CloseCode::Bye, "gone"));
        assert_eq!(seen, LinkEnd::Closed { code: Some(CloseCode::Bye), reason: "gone".into() }, "{kind:?}");
    }
}

#[tokio::test]
async fn an_oversized_frame_is_a_violation_over_every_transport() {
    for kind in ALL {
        let (mut client, mut server, _endpoint) = pair(kind).await;
        client.send(Packet::control(vec![1; FRAME_IN_BYTES_MAX + 1]));
        let seen = both(&mut client, end(&mut server)).await;
        assert!(matches!(seen, LinkEnd::Violation { code: CloseCode::TooLarge, .. }), "{kind:?}: {seen}");
    }
    for kind in [TransportKind::Quic, TransportKind::WebTransport] {
        let (mut client, mut server, _endpoint) = pair(kind).await;
        client.send(Packet::datagram(vec![5; 1_025]));
        let seen = both(&mut client, end(&mut server)).await;
        assert!(matches!(seen, LinkEnd::Violation { code: CloseCode::TooLarge, .. }), "{kind:?}: {seen}");
    }
}

#[tokio::test]
async fn a_peer_that_never_reads_leaves_no_room_and_no_growth() {
    for kind in ALL {
        let (client, mut server, _endpoint) = pair(kind).await;
        let frame = Bytes::from(vec![2u8; 60_000]);
        let mut sent = 0;
        // Written until the kernel's and QUIC's own buffers are full as well; the client is never polled.
        while sent < 2_000 {
            while server.room().bulk {
                server.send(Packet::bulk(frame.clone(), false));
                sent += 1;
            }
            match tokio::time::timeout(Duration::from_millis(200), server.next()).await {
                Ok(Ok(_)) => {}
                Ok(Err(end)) => panic!("{kind:?}: {end}"),
                Err(_) => break,
            }
        }
        assert!(sent < 2_000, "{kind:?} took {sent} frames");
        assert!(!server.room().bulk);
        drop(client);
    }
}

#[tokio::test]
async fn room_comes_back_when_the_peer_reads() {
    let (mut a, mut b) = Link::pair(Encoding::Binary, 100);
    a.send(Packet::control(vec![1; 200]));
    assert!(!a.room().control);
    let (seen, packet) = tokio::join!(a.next(), packet(&mut b));
    assert_eq!((seen, packet.frame.len()), (Ok(LinkEvent::Room), 200));
}

#[tokio::test]
async fn json_is_text_and_nothing_else() {
    let (mut client, mut server) = web_socket_pair(Encoding::Json).await;
    assert_eq!(server.encoding(), Encoding::Json);
    client.send(Packet::control(&br#"{"t":"bye"}"#[..]));
    assert_eq!(both(&mut client, packet(&mut server)).await.frame, &br#"{"t":"bye"}"#[..]);
}

#[tokio::test]
async fn wrong_certificates_are_refused() {
    let server = QuicServer::bind(loopback(), ServerOptions::new(certificate())).unwrap();
    let address = server.local_addr().unwrap().to_string();
    let connector = Connector::bind().unwrap();
    for trust in [Trust::Pinned(vec![[0; 32]]), Trust::System, Trust::Authorities(vec![])] {
        let refused = connector.quic(&address, &trust).await;
        assert!(matches!(refused, Err(ConnectError::Refused(_))), "{trust:?}: {refused:?}");
    }
}

#[tokio::test]
async fn an_authority_of_ones_own_is_believed() {
    let certificate = certificate();
    let trust = Trust::Authorities(certificate.chain().to_vec());
    let mut server = QuicServer::bind(loopback(), ServerOptions::new(certificate)).unwrap();
    let port = server.local_addr().unwrap().port();
    let connector = Connector::bind().unwrap();
    // A self-signed certificate vouches for itself as long as it is no authority by its own words.
    let address = format!("127.0.0.1:{port}");
    let (client, link) = tokio::join!(connector.quic(&address, &trust), async {
        tokio::time::timeout(Duration::from_secs(5), server.accept()).await
    });
    assert!(client.is_ok(), "{client:?}");
    assert!(matches!(link, Ok(Some(_))));
}

#[tokio::test]
async fn a_certificate_is_swapped_while_running() {
    let (old, new) = (certificate(), certificate());
    let mut server = QuicServer::bind(loopback(), ServerOptions::new(old.clone())).unwrap();
    let address = server.local_addr().unwrap().to_string();
    let connector = Connector::bind().unwrap();
    let old_trust = Trust::Pinned(vec![old.sha256()]);
    let (client, link) = tokio::join!(connector.quic(&address, &old_trust), server.accept());
    let (mut client, mut link) = (client.unwrap(), link.unwrap());
    server.handle().set_certificate(&new).unwrap();
    assert!(connector.quic(&address, &old_trust).await.is_err());
    let new_trust = Trust::Pinned(vec![new.sha256()]);
    let (fresh, accepted) = tokio::join!(connector.quic(&address, &new_trust), server.accept());
    assert!(fresh.is_ok() && accepted.is_some());
    client.send(Packet::control(&b"\x01still here"[..]));
    assert_eq!(both(&mut client, packet(&mut link)).await.frame, &b"\x01still here"[..]);
}

#[tokio::test]
async fn a_foreign_origin_is_refused() {
    let certificate = certificate();
    let trust = Trust::Pinned(vec![certificate.sha256()]);
    // A native client sends no Origin: a check that wants one sees none.
    let options = ServerOptions {
        origin_check: std::sync::Arc::new(|origin| origin == Some("https://example.org")),
        ..ServerOptions::new(certificate)
    };
    let server = QuicServer::bind(loopback(), options).unwrap();
    let url = format!("https://{}/realtime", server.local_addr().unwrap());
    let refused = Connector::bind().unwrap().web_transport(&url, &trust).await;
    assert!(matches!(refused, Err(ConnectError::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn one_address_has_so_many_connections() {
    let certificate = certificate();
    let trust = Trust::Pinned(vec![certificate.sha256()]);
    let options = ServerOptions { connections_per_address_max: 2, ..ServerOptions::new(certificate) };
    let mut server = QuicServer::bind(loopback(), options).unwrap();
    let address = server.local_addr().unwrap().to_string();
    let connector = Connector::bind().unwrap();
    let mut held = Vec::new();
    for _ in 0..2 {
        let (client, link) = tokio::join!(connector.quic(&address, &trust), server.accept());
        held.push((client.unwrap(), link.unwrap()));
    }
    assert!(connector.quic(&address, &trust).await.is_err(), "the third is refused");
    drop(held.pop());
    // The place is free once the link is dropped, which has happened by now.
    let (client, link) = tokio::join!(connector.quic(&address, &trust), server.accept());
    assert!(client.is_ok() && link.is_some());
}

#[tokio::test]
async fn under_load_an_address_is_proved_and_then_let_in() {
    let certificate = certificate();
    let trust = Trust::Pinned(vec![certificate.sha256()]);
    let options = ServerOptions { handshakes_before_retry: 0, ..ServerOptions::new(certificate) };
    let mut server = QuicServer::bind(loopback(), options).unwrap();
    let address = server.local_addr().unwrap().to_string();
    let connector = Connector::bind().unwrap();
    let (client, link) = tokio::join!(connector.quic(&address, &trust), server.accept());
    assert!(client.is_ok() && link.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_bad_network_delays_and_loses_in_its_own_time() {
    let (a, mut b) = Link::pair(Encoding::Binary, 1 << 20);
    let bad = Conditions { loss: 0.5, delay_us: 50_000, ..Conditions::default() };
    let mut a = a.with_conditions(bad);
    let started = tokio::time::Instant::now();
    for i in 0..100 {
        a.send(Packet::datagram(vec![i]));
    }
    a.send(Packet::control(&b"end"[..]));
    let mut came = 0;
    loop {
        let packet = both(&mut a, packet(&mut b)).await;
        if packet.channel == Channel::Control {
            break;
        }
        came += 1;
    }
    assert!((30..70).contains(&came), "{came} of 100 came");
    assert_eq!(started.elapsed().as_millis(), 50);
}

#[test]
fn a_certificate_lives_as_long_as_browsers_allow() {
    let certificate = Certificate::self_signed(&["localhost".into()], 13).unwrap();
    assert_eq!(certificate.sha256_hex().len(), 64);
    assert!(Certificate::self_signed(&["höher".into()], 13).is_err());
    assert!(limits::KEEP_ALIVE < limits::IDLE_TIMEOUT);
}
