//! The WebSocket upgrade through a real socket, up to the gate and back.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use hd1_http::HttpSettings;
use hd1_http::proxies::Proxies;
use tokio::io::AsyncWriteExt as _;

use crate::{Served, Site, read_until};

fn handshake(extra: &str) -> String {
    format!(
        "GET /realtime HTTP/1.1\r\nHost: hd1.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{extra}\r\n"
    )
}

#[tokio::test]
async fn an_upgraded_connection_reaches_the_gate_with_its_bytes() {
    let served = Served::with(HttpSettings::default()).await;
    let mut stream = served.connect().await;
    // The first frame may come in the same packet as the handshake: nothing of it may be lost.
    let request = handshake("Sec-WebSocket-Protocol: chat, hd1.json\r\n") + "first";
    stream.write_all(request.as_bytes()).await.unwrap();
    let text = read_until(&mut stream, "first").await;
    assert!(text.starts_with("HTTP/1.1 101 "), "{text}");
    let lower = text.to_lowercase();
    assert!(lower.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{text}");
    assert!(lower.contains("sec-websocket-protocol: hd1.json\r\n"), "{text}");
    assert!(text.ends_with("hd1.json|first"), "{text}");
    stream.write_all(b"second").await.unwrap();
    assert_eq!(read_until(&mut stream, "second").await, "second");

    // The drain tells the gate, which closes; the server waits for it.
    served.shutdown.cancel();
    assert_eq!(read_until(&mut stream, "never").await, "drain");
    served.server.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_no_handshake_is_refused() {
    let site = Site::new().await;
    let plain = site.get("/realtime").await;
    assert_eq!((plain.status, plain.code().as_str()), (StatusCode::UPGRADE_REQUIRED, "upgrade_required"));
    for (name, value, code) in [
        ("sec-websocket-version", "8", "upgrade_required"),
        ("upgrade", "h2c", "upgrade_required"),
        ("sec-websocket-key", "c2hvcnQ=", "invalid_request"),
        ("sec-websocket-protocol", "chat", "invalid_request"),
        ("origin", "http://evil.test", "denied"),
        ("origin", "null", "denied"),
    ] {
        let mut request = Request::get("/realtime").body(Body::empty()).unwrap();
        for (name, value) in [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-protocol", "hd1.msgpack"),
        ] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(site.send(request).await.code(), code, "{name}: {value}");
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_its_share_of_connections() {
    let trusted_proxies = Proxies::new(vec!["127.0.0.1".parse().unwrap()]);
    let settings = HttpSettings { connections_per_address_max: 1, trusted_proxies, ..HttpSettings::default() };
    let served = Served::with(settings).await;
    let mut held = Vec::new();
    for (client, status) in [("203.0.113.5", "101"), ("203.0.113.6", "101"), ("203.0.113.5", "429")] {
        let mut stream = served.connect().await;
        let request = handshake(&format!("Sec-WebSocket-Protocol: hd1.json\r\nX-Forwarded-For: {client}\r\n"));
        stream.write_all(request.as_bytes()).await.unwrap();
        let text = read_until(&mut stream, "\r\n\r\n").await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{client}: {text}");
        held.push(stream);
    }
}
