//! Requests over real sockets: to a server on this machine that answers what it is told to.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::limits::{ANSWER_BYTES_MAX, ANSWER_HEADERS_MAX};
use super::*;

const OWN: &str = "acme:hello";

fn rights(all: &[&str]) -> Rights {
    all.iter().map(|text| text.parse().unwrap()).collect()
}

fn everything() -> Rights {
    rights(&["network", "private-network"])
}

fn get(url: String) -> Outgoing {
    Outgoing { method: "GET".into(), url, headers: Vec::new(), body: Vec::new(), timeout_ms: 10_000 }
}

/// Reads a request whole: its head, and as much body as that announces.
async fn request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut read = Vec::new();
    loop {
        let mut some = [0; 4_096];
        let bytes = stream.read(&mut some).await.unwrap_or(0);
        read.extend_from_slice(&some[..bytes]);
        let text = String::from_utf8_lossy(&read);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text.into_owned();
            }
        }
        if bytes == 0 {
            return text.into_owned();
        }
    }
}

/// A server that answers every request with these bytes and closes; it tells what it was asked.
async fn server(answer: impl Into<Vec<u8>>) -> (u16, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, answer) = (listener.local_addr().unwrap().port(), answer.into());
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tell.send(request(&mut stream).await);
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
        }
    });
    (port, told)
}

fn header<'a>(answer: &'a HttpAnswer, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|header| header.name == name).map(|header| header.value.as_str())
}

#[tokio::test]
async fn a_request_arrives_as_it_was_meant_and_so_does_its_answer() {
    let answer = "HTTP/1.1 201 Created\r\nX-A: 1\r\nSet-Cookie: a=b\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
        3\r\nwel\r\n4\r\ncome\r\n0\r\n\r\n";
    let (port, mut told) = server(answer).await;
    let outgoing = Outgoing {
        method: "POST".into(),
        headers: vec![hd1_host::service::Header { name: "Content-Type".into(), value: "text/plain".into() }],
        body: b"hello".to_vec(),
        ..get(format!("http://127.0.0.1:{port}/a%20b?c=d"))
    };
    let place = format!("network:127.0.0.1:{port}");
    let answer = Egress::new().send(OWN, &rights(&[&place, "private-network"]), outgoing).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (201, &b"welcome"[..]));
    assert_eq!((header(&answer, "x-a"), header(&answer, "transfer-encoding")), (Some("1"), None));
    let told = told.recv().await.unwrap();
    let (head, body) = told.split_once("\r\n\r\n").unwrap();
    assert_eq!((head.lines().next().unwrap(), body), ("POST /a%20b?c=d HTTP/1.1", "hello"));
    for line in [&format!("host: 127.0.0.1:{port}"), "content-type: text/plain", "content-length: 5"] {
        assert!(head.lines().any(|one| one == line), "{line} is not in {head}");
    }
}

#[tokio::test]
async fn whoever_lacks_a_right_is_told_which() {
    let (port, mut told) = server("HTTP/1.1 200 OK\r\n\r\n").await;
    let egress = Egress::new();
    for (url, has, lacks) in [
        (format!("http://127.0.0.1:{port}/"), vec!["network:127.0.0.1:1"], format!("`network:127.0.0.1:{port}`")),
        ("https://example.org/".to_owned(), vec!["network:example.org:80"], "`network:example.org:443`".to_owned()),
        (format!("http://127.0.0.1:{port}/"), vec!["network"], "`private-network`".to_owned()),
        (format!("http://[::ffff:7f00:1]:{port}/"), vec!["network"], "`private-network`".to_owned()),
        // By a name that leads here, which is nobody's to say.
        (format!("http://localhost:{port}/"), vec!["network"], "`private-network`".to_owned()),
        ("http://169.254.169.254/latest/".to_owned(), vec!["network"], "`private-network`".to_owned()),
    ] {
        let denied = egress.send(OWN, &rights(&has), get(url.clone())).await;
        let Err(Failure::Denied(why)) = denied else { panic!("{url}: {denied:?}") };
        assert!(why.contains(&lacks), "{url}: {why}");
    }
    assert!(told.try_recv().is_err(), "nobody was asked");
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let (other, mut asked) = server("HTTP/1.1 200 OK\r\n\r\n").await;
    let (port, _told) = server(format!("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{other}/\r\n\r\n")).await;
    let answer = Egress::new().send(OWN, &everything(), get(format!("http://127.0.0.1:{port}/"))).await.unwrap();
    assert_eq!((answer.status, header(&answer, "location").is_some()), (302, true));
    assert!(asked.try_recv().is_err());
}

#[tokio::test]
async fn answers_have_bounds_and_are_whole() {
    let body = |bytes: usize| [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; bytes]].concat();
    let headers = "X: y\r\n".repeat(ANSWER_HEADERS_MAX + 1);
    let egress = Egress::new();
    let sent = async |answer: Vec<u8>| {
        let (port, _told) = server(answer).await;
        egress.send(OWN, &everything(), get(format!("http://127.0.0.1:{port}/"))).await
    };
    let whole = sent(body(ANSWER_BYTES_MAX)).await.unwrap();
    assert_eq!(whole.body.len(), ANSWER_BYTES_MAX);
    for answer in [
        body(ANSWER_BYTES_MAX + 1),
        format!("HTTP/1.1 200 OK\r\n{headers}\r\n").into_bytes(),
        format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(64 * 1024)).into_bytes(),
    ] {
        let failure = sent(answer).await;
        assert!(matches!(failure, Err(Failure::Limit(_))), "{failure:?}");
    }
    for answer in ["", "SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "HTTP/1.1 200 OK\r\nX"] {
        let failure = sent(answer.as_bytes().to_vec()).await;
        assert!(matches!(failure, Err(Failure::Unavailable(_))), "{answer:?}: {failure:?}");
    }
}

#[tokio::test]
async fn a_slow_answer_ends_in_time_and_one_that_is_given_up_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    let (egress, rights) = (Egress::new(), everything());
    let slow = egress.send(OWN, &rights, Outgoing { timeout_ms: 50, ..get(url.clone()) });
    let accept = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream).await;
        pending::<()>().await;
    };
    let failure = tokio::select! { failure = slow => failure, () = accept => unreachable!() };
    assert!(matches!(&failure, Err(Failure::Unavailable(why)) if why.contains("within 50 ms")), "{failure:?}");

    // Given up in the middle: the other side sees the end, and the plugin may send as many as before.
    for _ in 0..2 * limits::AT_ONCE_MAX {
        let given_up = egress.send(OWN, &rights, get(url.clone()));
        let accept = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            request(&mut stream).await;
            stream
        };
        let mut stream = tokio::select! { _ = given_up => unreachable!(), stream = accept => stream };
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
    }
}

#[tokio::test]
async fn what_nobody_answers_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let failure = Egress::new().send(OWN, &everything(), get(format!("http://127.0.0.1:{port}/"))).await;
    assert!(matches!(&failure, Err(Failure::Unavailable(why)) if why.contains("cannot connect")), "{failure:?}");
}

#[tokio::test]
async fn a_plugin_sends_so_many() {
    let (port, _told) = server("HTTP/1.1 204 No Content\r\n\r\n").await;
    let (egress, sent) = (Egress::new(), AtomicUsize::new(0));
    let limited = loop {
        match egress.send(OWN, &everything(), get(format!("http://127.0.0.1:{port}/"))).await {
            Ok(_) => assert!(sent.fetch_add(1, Ordering::Relaxed) < 1_000),
            Err(failure) => break failure,
        }
    };
    assert!(matches!(limited, Failure::Limit(_)), "{limited:?}");
    assert!(sent.into_inner() >= limits::BURST as usize);
    assert!(egress.send("acme:other", &everything(), get(format!("http://127.0.0.1:{port}/"))).await.is_ok());
}

#[tokio::test]
async fn tls_is_spoken_with_those_who_prove_their_name() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                answer_once(&mut stream).await;
            }
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let knowing = |roots| Egress { budgets: Arc::default(), tls: OnceCell::new_with(Some(exchange::tls(roots))) };
    let egress = knowing(roots);
    let by_name = get(format!("https://localhost:{port}/"));
    let answer = egress.send(OWN, &everything(), by_name.clone()).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"hush"[..]));
    // By another name, and to whoever does not know it.
    let other = egress.send(OWN, &everything(), get(format!("https://127.0.0.1:{port}/"))).await;
    let stranger = knowing(RootCertStore::empty()).send(OWN, &everything(), by_name).await;
    for failure in [other, stranger] {
        assert!(matches!(&failure, Err(Failure::Unavailable(why)) if why.contains("no TLS")), "{failure:?}");
    }
}

async fn answer_once(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    request(stream).await;
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhush").await;
    let _ = stream.shutdown().await;
}
