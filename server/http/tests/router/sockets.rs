//! Where the socket itself is the matter: slow heads, too many connections, clients that hang up, draining.

use hd1_http::HttpSettings;
use hd1_http::limits::HEAD_TIMEOUT;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::{Served, read_until};

#[tokio::test]
async fn an_address_has_its_share_of_connections() {
    let served = Served::with(HttpSettings { connections_per_address_max: 2, ..HttpSettings::default() }).await;
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut held = [served.connect().await, served.connect().await];
    for stream in &mut held {
        stream.write_all(request).await.unwrap();
        assert!(read_until(stream, "ok").await.starts_with("HTTP/1.1 200"));
    }
    let mut third = served.connect().await;
    let _ = third.write_all(request).await;
    assert_eq!(read_until(&mut third, "ok").await, "", "closed without a word");
    let [first, mut second] = held;
    drop(first);
    // The share comes back once the server has seen the end; a request on the other connection lets it look.
    loop {
        second.write_all(request).await.unwrap();
        read_until(&mut second, "ok").await;
        let mut next = served.connect().await;
        let _ = next.write_all(request).await;
        if read_until(&mut next, "ok").await.starts_with("HTTP/1.1 200") {
            break;
        }
    }
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let served = Served::with(HttpSettings::default()).await;
    let started = std::time::Instant::now();
    let mut silent = served.connect().await;
    let mut slow = served.connect().await;
    let mut idle = served.connect().await;
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let ends =
        tokio::join!(read_until(&mut silent, "never"), read_until(&mut slow, "never"), read_until(&mut idle, "never"));
    assert!(started.elapsed() >= HEAD_TIMEOUT - std::time::Duration::from_millis(100));
    assert!(!ends.0.contains("200") && !ends.1.contains("200") && ends.2.contains("200"), "{ends:?}");
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_stop_a_change_halfway() {
    let served = Served::with(HttpSettings::default()).await;
    let site = &served.site;
    let body = json!({"name": "orphan"}).to_string();
    for _ in 0..20 {
        let mut stream = served.connect().await;
        let request = format!(
            "POST /api/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            site.admin,
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        drop(stream);
    }
    served.shutdown.cancel();
    served.server.await.unwrap().unwrap();
    // Drained: every request that began has ended. Each row has its world and each world its row.
    let rows = site.call("GET", "/api/sessions", &site.admin, None).await.json();
    let total = rows["pagination"]["total"].as_u64().unwrap() as usize;
    assert_eq!(site.stage.worlds.lock().len(), total);
}

#[tokio::test]
async fn a_drained_server_is_not_ready_and_takes_no_connection() {
    let served = Served::with(HttpSettings::default()).await;
    served.shutdown.cancel();
    served.server.await.unwrap().unwrap();
    assert_eq!(served.site.get("/readyz").await.code(), "unavailable");
    assert!(tokio::net::TcpStream::connect(served.address).await.is_err());
}
