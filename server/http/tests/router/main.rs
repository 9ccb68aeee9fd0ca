//! The routes over fake worlds and a real database: through the router, and where the socket matters through a socket.

mod api;
mod document;
mod edge;
mod plugins;
mod realtime;
mod sockets;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use hd1_control::testing::Stage;
use hd1_http::edge::Peer;
use hd1_http::{Doors, HttpSettings, HttpState, RealtimeGate, RealtimeSocket};
use hd1_store::testing::TestDb;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Longer than anything here takes; only a test that fails waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A gate that repeats what it is sent until the other end closes or the server drains.
struct EchoGate;

impl RealtimeGate for EchoGate {
    fn serve(&self, mut socket: RealtimeSocket) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let mut buffer = [0; 256];
            let greeting = format!("{}|", socket.subprotocol.as_str());
            let _ = socket.io.write_all(greeting.as_bytes()).await;
            loop {
                tokio::select! {
                    () = socket.shutdown.cancelled() => {
                        let _ = socket.io.write_all(b"drain").await;
                        let _ = socket.io.shutdown().await;
                        return;
                    }
                    read = socket.io.read(&mut buffer) => match read {
                        Ok(n) if n > 0 => drop(socket.io.write_all(&buffer[..n]).await),
                        _ => return,
                    },
                }
            }
        })
    }
}

struct FixedDoors;

impl Doors for FixedDoors {
    fn quic_port(&self) -> u16 {
        4433
    }

    fn certificate_sha256(&self) -> Option<String> {
        Some("ab".repeat(32))
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A site without a socket.
pub(crate) struct Site {
    pub(crate) stage: Stage,
    pub(crate) state: HttpState,
    pub(crate) router: Router,
    pub(crate) admin: String,
    _db: TestDb,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(HttpSettings::default()).await
    }

    pub(crate) async fn with(settings: HttpSettings) -> Self {
        let db = hd1_store::testing::sqlite().await;
        let stage = Stage::over(db.db.clone()).await;
        let (gate, doors) = (Arc::new(EchoGate), Arc::new(FixedDoors));
        let state = HttpState::new(stage.control.clone(), gate, doors, Vec::new(), settings);
        let router = hd1_http::router(state.clone());
        let admin = stage.admin.expose().to_owned();
        Self { stage, state, router, admin, _db: db }
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, mut request: Request<Body>) -> Reply {
        let peer = SocketAddr::from(([127, 0, 0, 1], 50_000));
        request.extensions_mut().insert(Peer(peer));
        request.headers_mut().entry(header::HOST).or_insert("hd1.test:8080".parse().unwrap());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Reply { status: head.status, headers: head.headers, text }
    }

    /// Sends a request with a token and a JSON body, where there are any.
    pub(crate) async fn call(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, "", None).await
    }

    /// Makes a session as the administrator and answers its id.
    pub(crate) async fn session(&self, wish: Value) -> String {
        let made = self.call("POST", "/api/sessions", &self.admin, Some(wish)).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        made.json()["id"].as_str().unwrap().to_owned()
    }
}

/// A site behind a socket.
pub(crate) struct Served {
    pub(crate) site: Site,
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Served {
    pub(crate) async fn with(settings: HttpSettings) -> Self {
        let site = Site::with(settings).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(hd1_http::serve(listener, site.state.clone(), shutdown.clone()));
        Self { site, address, shutdown, server }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// Reads until the text holds `until` or the other end closes.
pub(crate) async fn read_until(stream: &mut TcpStream, until: &str) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 1024];
    let reading = async {
        while !String::from_utf8_lossy(&text).contains(until) {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(n) => text.extend_from_slice(&buffer[..n]),
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("an answer or an end");
    String::from_utf8_lossy(&text).into_owned()
}
