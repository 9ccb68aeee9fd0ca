//! Clients that break the rules: each is closed by the code of the table, and nobody else notices.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use hd1_client::{ClientError, Connector, ServerEvent};
use hd1_protocol::limits::{DEPTH_MAX, FRAME_IN_BYTES_MAX, HELLO_DEADLINE_MS};
use hd1_protocol::{CloseCode, FrameKind, Operation, Packet};
use hd1_tests::{Http, Pass, TestClient, TestServer, Transport, close_code};
use serde_json::json;

async fn pass(http: &Http, session: &str) -> Pass {
    let (http, session) = (http.clone(), session.to_owned());
    tokio::task::spawn_blocking(move || Pass::obtain(&http, &session, "rogue")).await.expect("joining does not panic")
}

/// A well-behaved client that must not notice anything.
async fn bystander(server: &TestServer, session: &str) -> TestClient {
    TestClient::enter(&server.anonymous(), session, "bystander", Transport::Quic).await
}

/// Plays on while something happens: whoever says nothing for 10 s is taken for gone.
async fn beside<T>(client: &mut TestClient, happening: impl Future<Output = T>) -> T {
    let plays = async {
        loop {
            a_tick(client).await;
        }
    };
    tokio::select! {
        done = happening => done,
        () = plays => unreachable!("it plays for ever"),
    }
}

async fn a_tick(client: &mut TestClient) {
    client.event("a tick", |event| matches!(event, ServerEvent::Complete(_)).then_some(())).await;
}

/// It still hears ticks, and its mirror is right.
async fn unharmed(mut client: TestClient) {
    for _ in 0..10 {
        a_tick(&mut client).await;
    }
    assert_eq!(client.client.stats().desyncs, 0);
    assert_eq!(client.client.stats().reconnects, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_must_be_shown_in_time() {
    let server = TestServer::start();
    let session = server.demo_session();
    let pass = pass(&server.anonymous(), &session).await;
    let connector = Connector::bind().unwrap();
    for transport in Transport::ALL {
        let mut link = pass.bare_link(&connector, transport).await;
        let start = Instant::now();
        assert_eq!(close_code(&mut link).await, CloseCode::HelloTimeout, "{transport:?}");
        let waited = start.elapsed();
        let deadline = Duration::from_millis(HELLO_DEADLINE_MS);
        assert!(waited > deadline / 2 && waited < deadline * 3, "{transport:?}: {waited:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_good_once_and_only_as_it_was_given() {
    let server = TestServer::start();
    let session = server.demo_session();
    let pass = pass(&server.anonymous(), &session).await;
    let client = TestClient::with_pass(&pass, Transport::Quic).await.unwrap();
    let refused = |result: Result<TestClient, ClientError>| match result {
        Err(ClientError::Closed(closing)) => closing.code,
        Err(other) => panic!("refused without a code: {other}"),
        Ok(_) => panic!("it was let in"),
    };
    for transport in Transport::ALL {
        assert_eq!(refused(TestClient::with_pass(&pass, transport).await), CloseCode::BadTicket, "{transport:?}");
    }
    unharmed(client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_too_large_or_no_frames_end_the_connection() {
    let server = TestServer::start();
    let session = server.demo_session();
    let mut bystander = bystander(&server, &session).await;
    let pass = pass(&server.anonymous(), &session).await;
    let connector = Connector::bind().unwrap();
    let message = FrameKind::Message as u8;
    let too_large = {
        let mut frame = vec![0x41; FRAME_IN_BYTES_MAX + 1];
        frame[0] = message;
        frame
    };
    let cases: [(&str, Vec<u8>, &[CloseCode]); 4] = [
        ("too large", too_large, &[CloseCode::TooLarge]),
        ("no msgpack", vec![message, 0xc1, 0xff], &[CloseCode::Malformed]),
        ("no kind of frame", vec![0x7f, 1, 2, 3], &[CloseCode::Malformed]),
        ("empty", vec![], &[CloseCode::Malformed]),
    ];
    for transport in Transport::ALL {
        for (name, frame, codes) in &cases {
            let code = beside(&mut bystander, async {
                let mut link = pass.bare_link(&connector, transport).await;
                link.send(Packet::control(frame.clone()));
                close_code(&mut link).await
            });
            let code = code.await;
            assert!(codes.contains(&code), "{name} over {transport:?}: {code:?}");
        }
    }
    unharmed(bystander).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_is_nested_too_deeply_ends_the_connection() {
    let server = TestServer::start();
    let session = server.demo_session();
    let pass = pass(&server.anonymous(), &session).await;
    for depth in [DEPTH_MAX + 1, 20_000] {
        let mut link = pass.json_link().await;
        let text = format!("{{\"t\":\"hello\",\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        link.send(Packet::control(text));
        let code = close_code(&mut link).await;
        assert!(matches!(code, CloseCode::TooLarge | CloseCode::Malformed), "{depth} levels: {code:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_operations_in_a_second_are_not_heard() {
    let server = TestServer::start();
    let session = server.demo_session();
    let mut bystander = bystander(&server, &session).await;
    let mut flooder = TestClient::enter(&server.anonymous(), &session, "flooder", Transport::Quic).await;
    let mut sent = 0;
    let code = tokio::time::timeout(hd1_tests::PATIENCE, async {
        loop {
            while sent < 10_000 && flooder.client.send_op(Operation::Chat { text: "flood".into() }).is_ok() {
                sent += 1;
            }
            match flooder.client.next().await {
                Ok(hd1_client::Event::Server(ServerEvent::Closed(closing))) => return Some(closing.code),
                Err(ClientError::Closed(closing)) => return Some(closing.code),
                Ok(hd1_client::Event::Server(ServerEvent::OpResult { result: Err(error), .. })) if sent >= 10_000 => {
                    assert_eq!(error.code, hd1_protocol::message::OpErrorCode::RateLimited);
                    return None;
                }
                Ok(_) => {}
                Err(error) => panic!("{error}"),
            }
        }
    });
    let code = beside(&mut bystander, code).await.expect("the flood is answered");
    assert!(matches!(code, None | Some(CloseCode::RateLimited)), "{code:?}");
    unharmed(bystander).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_is_dropped_and_delays_nobody() {
    let server = TestServer::with_scene("asteroids");
    let session = server.demo_session();
    let mut bystander = bystander(&server, &session).await;
    let pass = pass(&server.anonymous(), &session).await;
    let mut never_read = tokio::task::spawn_blocking({
        let pass = pass.clone();
        move || enter_and_never_read(&pass)
    })
    .await
    .unwrap();
    let slow = bystander.event("the slow one to come", |event| match event {
        ServerEvent::Joined { participant, .. } => (participant.name == "rogue").then_some(participant.player),
        _ => None,
    });
    let slow = slow.await;

    let metrics = {
        let http = server.anonymous();
        move || http.get("/metrics").body
    };
    // The bystander plays on while the slow one is given up; its own ticks are the clock of this story.
    let start = Instant::now();
    loop {
        a_tick(&mut bystander).await;
        let text = tokio::task::spawn_blocking(metrics.clone()).await.unwrap();
        if text.lines().any(|line| line.starts_with("hd1_slow_clients_total ") && !line.ends_with(" 0")) {
            break;
        }
        // It is not silent, or it would be dropped for that; once it is dropped this fails.
        let _ = never_read.write_all(&masked_text(br#"{"t":"ping","client_us":1}"#));
        assert!(start.elapsed() < hd1_tests::PATIENCE, "player {slow} is never dropped");
    }
    unharmed(bystander).await;
}

/// Enters by hand over the readable WebSocket, which says the most, and reads nothing after the upgrade.
fn enter_and_never_read(pass: &Pass) -> TcpStream {
    let url = pass.text("/endpoints/websocket").strip_prefix("ws://").unwrap().to_owned();
    let (host, path) = url.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let request = format!(
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: hd1.json\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    let hello = json!({"t": "hello", "version": 1, "client": "bot", "ticket": pass.ticket()}).to_string();
    stream.write_all(&masked_text(hello.as_bytes())).unwrap();
    stream
}

/// A client's WebSocket text frame with the mask 0 (RFC 6455, section 5.2).
fn masked_text(text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("what is said here is short");
    let mut frame = vec![0x81];
    match u8::try_from(length) {
        Ok(short) if short < 126 => frame.push(0x80 | short),
        _ => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text);
    frame
}
