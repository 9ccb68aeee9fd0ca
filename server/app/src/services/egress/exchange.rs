//! One request and its answer over one connection, which ends with it.

use std::sync::Arc;

use hd1_host::service::{Failure, Header, HttpAnswer};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HeaderMap, HeaderName, TRANSFER_ENCODING};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::limits::{ANSWER_BYTES_MAX, ANSWER_HEAD_BYTES_MAX, ANSWER_HEADERS_MAX};
use super::request::{Host, Wanted};

/// Headers of an answer that speak of the connection alone.
const HOP_BY_HOP: [HeaderName; 2] = [CONNECTION, TRANSFER_ENCODING];

/// TLS that believes whom the machine believes. It reads files.
pub(super) fn system_tls() -> Arc<ClientConfig> {
    let loaded = rustls_native_certs::load_native_certs();
    for error in loaded.errors {
        tracing::warn!(%error, "certificate authority skipped");
    }
    let mut roots = RootCertStore::empty();
    let (_, ignored) = roots.add_parsable_certificates(loaded.certs);
    if ignored > 0 {
        tracing::debug!(ignored, "certificate authorities that do not parse");
    }
    tls(roots)
}

/// TLS that believes these.
pub(super) fn tls(roots: RootCertStore) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("the provider speaks TLS 1.2 and 1.3").with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

pub(super) async fn over_tls(
    stream: TcpStream,
    config: Arc<ClientConfig>,
    wanted: Wanted,
) -> Result<HttpAnswer, Failure> {
    let name = match &wanted.host {
        Host::Name(name) => ServerName::try_from(name.clone()),
        Host::Address(address) => Ok(ServerName::IpAddress((*address).into())),
    };
    let host = wanted.place().host;
    let refused = |why: String| Failure::Unavailable(format!("no TLS with {host}: {why}"));
    let name = name.map_err(|error| refused(error.to_string()))?;
    let stream = TlsConnector::from(config).connect(name, stream).await.map_err(|error| refused(error.to_string()))?;
    over(stream, wanted).await
}

pub(super) async fn over(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    wanted: Wanted,
) -> Result<HttpAnswer, Failure> {
    let host = wanted.place().host;
    let Wanted { method, target, headers, body, .. } = wanted;
    let mut request = Request::new(Full::new(body));
    (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, target, headers);
    let mut client = http1::Builder::new();
    client.max_headers(ANSWER_HEADERS_MAX).max_buf_size(ANSWER_HEAD_BYTES_MAX);
    let (mut sender, connection) =
        client.handshake(TokioIo::new(stream)).await.map_err(|error| failed(&host, &error))?;
    let answer = async {
        let (head, body) = sender.send_request(request).await.map_err(|error| failed(&host, &error))?.into_parts();
        match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
            Ok(collected) => Ok(answer_of(&Response::from_parts(head, ()), collected.to_bytes().to_vec())),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(Failure::Limit(format!("the answer of {host} has more than {ANSWER_BYTES_MAX} bytes")))
            }
            Err(_) => Err(Failure::Unavailable(format!("{host} broke its answer off"))),
        }
    };
    // Both in this task, so that whoever drops it drops the connection, too.
    let (mut answer, mut connection) = (std::pin::pin!(answer), std::pin::pin!(connection));
    tokio::select! {
        biased;
        answer = &mut answer => return answer,
        // What it has read is still to be taken, and what went wrong is told there.
        _ = &mut connection => {}
    }
    answer.await
}

fn failed(host: &str, error: &hyper::Error) -> Failure {
    if error.is_parse_too_large() {
        let why = format!("more than {ANSWER_HEADERS_MAX} headers or {ANSWER_HEAD_BYTES_MAX} bytes of them");
        return Failure::Limit(format!("the answer of {host} has {why}"));
    }
    if error.is_parse() {
        return Failure::Unavailable(format!("{host} does not answer in HTTP/1.1: {error}"));
    }
    Failure::Unavailable(format!("{host} broke off: {error}"))
}

fn answer_of(head: &Response<()>, body: Vec<u8>) -> HttpAnswer {
    HttpAnswer { status: head.status().as_u16(), headers: shown(head.headers()), body }
}

fn shown(headers: &HeaderMap) -> Vec<Header> {
    let shown = headers.iter().filter(|(name, _)| !HOP_BY_HOP.contains(name));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    shown.map(|(name, value)| Header { name: name.as_str().to_owned(), value: text(value.as_bytes()) }).collect()
}
