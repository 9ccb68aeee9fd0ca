//! A plugin's request, read strictly: where a reader of the URL could be of two minds about who is meant, it is refused.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use hd1_host::service::{Failure, Header, Outgoing};
use hd1_manifest::right::Place;
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Uri};
use url::{Position, Url};

use super::limits::{BODY_BYTES_MAX, HEADER_BYTES_MAX, HEADERS_MAX, TIMEOUT_MAX, URL_BYTES_MAX};

/// Methods that are sent.
const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
/// Headers that belong to the connection or say how the message is framed: the server's own to set.
const OWN_HEADERS: [&str; 13] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request that is fit to be sent.
pub(super) struct Wanted {
    pub(super) is_tls: bool,
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: Uri,
    /// Host among them.
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) timeout: Duration,
}

/// Who is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// By name, in small letters.
    Name(String),
    /// By address.
    Address(IpAddr),
}

impl Wanted {
    /// Reads and checks one.
    pub(super) fn read(outgoing: Outgoing) -> Result<Self, Failure> {
        let Outgoing { method, url, headers, body, timeout_ms } = outgoing;
        let method = METHODS.into_iter().find(|known| known.as_str() == method);
        let method = method.ok_or_else(|| {
            invalid("the method is none of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS, in capitals")
        })?;
        let timeout = Duration::from_millis(timeout_ms.into());
        if timeout.is_zero() || timeout > TIMEOUT_MAX {
            return Err(invalid(format!("the timeout is not from 1 to {} ms", TIMEOUT_MAX.as_millis())));
        }
        if body.len() > BODY_BYTES_MAX {
            return Err(invalid(format!("the body has more than {BODY_BYTES_MAX} bytes")));
        }
        let url = parse(&url)?;
        let host = match url.host() {
            Some(url::Host::Domain(name)) => Host::Name(name.to_owned()),
            Some(url::Host::Ipv4(address)) => Host::Address(address.into()),
            Some(url::Host::Ipv6(address)) => Host::Address(address.into()),
            None => return Err(invalid("the URL names no host")),
        };
        let port = url.port_or_known_default().filter(|port| *port != 0);
        let port = port.ok_or_else(|| invalid("the URL names no port"))?;
        let target = url[Position::BeforePath..Position::AfterQuery].parse();
        let target = target.map_err(|_| invalid("the URL's path cannot be sent"))?;
        let mut headers = read_headers(headers)?;
        // As browsers write it: without the port that the scheme has anyway.
        let named = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]);
        headers.insert(HOST, named.map_err(|_| invalid("the URL's host cannot be sent"))?);
        Ok(Self { is_tls: url.scheme() == "https", host, port, method, target, headers, body: body.into(), timeout })
    }

    /// As rights name it.
    pub(super) fn place(&self) -> Place {
        let host = match &self.host {
            Host::Name(name) => name.clone(),
            Host::Address(IpAddr::V4(address)) => address.to_string(),
            Host::Address(IpAddr::V6(address)) => format!("[{address}]"),
        };
        Place { host, port: self.port }
    }
}

fn invalid(why: impl Into<String>) -> Failure {
    Failure::Invalid(why.into())
}

/// Reads a URL as the standard has it, and refuses what the standard silently mends: names and addresses that are not
/// written as they are meant (`0x7f.1`, `2130706433`, full-width letters), backslashes, blanks.
fn parse(text: &str) -> Result<Url, Failure> {
    if text.len() > URL_BYTES_MAX {
        return Err(invalid(format!("the URL has more than {URL_BYTES_MAX} bytes")));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return Err(invalid("the URL has characters that a URL does not have: encode them"));
    }
    let (scheme, rest) = text.split_once("://").ok_or_else(|| invalid("the URL has no scheme"))?;
    if !matches!(scheme, "http" | "https") {
        return Err(invalid("the URL's scheme is neither http nor https"));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(invalid("the URL names a user; who asks is said in a header"));
    }
    let url = Url::parse(text).map_err(|error| invalid(format!("the URL cannot be read: {error}")))?;
    let meant = url.host_str().unwrap_or_default();
    let port = authority.to_ascii_lowercase().strip_prefix(meant).map(str::to_owned);
    // Nothing but a port comes after the host, and the standard has read the same host as stands there.
    if !port.is_some_and(|port| port.is_empty() || port.starts_with(':')) {
        return Err(invalid(format!("the URL's host is not written as it is meant: write {meant}")));
    }
    Ok(url)
}

fn read_headers(given: Vec<Header>) -> Result<HeaderMap, Failure> {
    if given.len() > HEADERS_MAX {
        return Err(invalid(format!("there are more than {HEADERS_MAX} headers")));
    }
    let bytes: usize = given.iter().map(|header| header.name.len() + header.value.len()).sum();
    if bytes > HEADER_BYTES_MAX {
        return Err(invalid(format!("the headers have more than {HEADER_BYTES_MAX} bytes")));
    }
    let mut headers = HeaderMap::with_capacity(given.len() + 2);
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("hd1/", env!("CARGO_PKG_VERSION"))));
    let mut is_named = false;
    for Header { name, value } in given {
        let name = HeaderName::from_bytes(name.as_bytes());
        let name = name.map_err(|_| invalid("a header has a name that is none"))?;
        if OWN_HEADERS.contains(&name.as_str()) {
            return Err(invalid(format!("the header {name} is the server's to set")));
        }
        let value = HeaderValue::from_bytes(value.as_bytes());
        let value = value.map_err(|_| invalid(format!("the header {name} has a value that cannot be sent")))?;
        if name == USER_AGENT && !is_named {
            headers.remove(USER_AGENT);
            is_named = true;
        }
        headers.append(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(url: &str) -> Outgoing {
        Outgoing { method: "GET".into(), url: url.into(), headers: Vec::new(), body: Vec::new(), timeout_ms: 1_000 }
    }

    fn refused(outgoing: Outgoing) -> String {
        match Wanted::read(outgoing) {
            Err(Failure::Invalid(why)) => why,
            Err(other) => panic!("{other:?}"),
            Ok(wanted) => panic!("{:?} is taken", wanted.place()),
        }
    }

    #[test]
    fn a_url_says_where_it_goes() {
        for (url, place, host, target) in [
            ("http://example.org", "example.org:80", "example.org", "/"),
            ("https://Example.ORG/a/../b?c=d#e", "example.org:443", "example.org", "/b?c=d"),
            ("https://example.org:443/a", "example.org:443", "example.org", "/a"),
            ("http://example.org:8080?x", "example.org:8080", "example.org:8080", "/?x"),
            ("http://127.0.0.1:1/%2e", "127.0.0.1:1", "127.0.0.1:1", "/"),
            ("http://[::1]:80/a%20b", "[::1]:80", "[::1]", "/a%20b"),
            ("http://xn--bcher-kva.example/", "xn--bcher-kva.example:80", "xn--bcher-kva.example", "/"),
            ("http://a/b@c:d", "a:80", "a", "/b@c:d"),
        ] {
            let wanted = Wanted::read(get(url)).unwrap_or_else(|error| panic!("{url}: {error:?}"));
            let Place { host: name, port } = wanted.place();
            assert_eq!(format!("{name}:{port}"), place, "{url}");
            assert_eq!((wanted.headers[HOST].to_str().unwrap(), wanted.target.to_string().as_str()), (host, target));
            assert_eq!(wanted.is_tls, url.starts_with("https"));
        }
    }

    #[test]
    fn a_url_of_two_minds_is_refused() {
        for url in [
            "",
            "example.org",
            "//example.org",
            "ftp://example.org",
            "file:///etc/passwd",
            "HTTP://example.org",
            "http:example.org",
            "http://",
            "http:///a",
            "http://:80/",
            "http://user@example.org/",
            "http://user:pass@example.org/",
            "http://a@b@c/",
            "http://example.org\\@evil.example/",
            "http://example.org:0/",
            "http://example.org:65536/",
            "http://example.org:x/",
            "http://exa mple.org/",
            "http://example.org/a b",
            " http://example.org/",
            "http://example.org/\n",
            "http://b\u{fc}cher.example/",
            "http://127.1/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://2130706433/",
            "http://127.0.0.1./",
            "http://127.0.0.01/",
            "http://0x7f000001/",
            "http://1.2.3.4.5/",
            "http://256.1.1.1/",
            "http://%3127.0.0.1/",
            "http://ex%61mple.org/",
            "http://[::1%25eth0]/",
            "http://[0:0:0:0:0:0:0:1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::1",
            "http://::1/",
            "http://exam<ple.org/",
        ] {
            refused(get(url));
        }
        assert!(refused(get("http://0x7f.1/")).contains("write 127.0.0.1"));
        refused(get(&format!("http://example.org/{}", "a".repeat(URL_BYTES_MAX))));
    }

    #[test]
    fn methods_bodies_headers_and_times_have_bounds() {
        let url = "http://example.org/";
        for method in ["get", "CONNECT", "TRACE", "", "GET /"] {
            refused(Outgoing { method: method.into(), ..get(url) });
        }
        for timeout_ms in [0, 30_001] {
            refused(Outgoing { timeout_ms, ..get(url) });
        }
        refused(Outgoing { body: vec![0; BODY_BYTES_MAX + 1], ..get(url) });
        let with = |name: &str, value: &str| Outgoing {
            headers: vec![Header { name: name.into(), value: value.into() }],
            ..get(url)
        };
        for name in OWN_HEADERS {
            refused(with(name, "x"));
            refused(with(&name.to_ascii_uppercase(), "x"));
        }
        for (name, value) in [("a b", "x"), ("", "x"), ("a:", "x"), ("x", "a\r\nb: c"), ("x", "a\0")] {
            refused(with(name, value));
        }
        refused(with("x", &"x".repeat(HEADER_BYTES_MAX)));
        let header = Header { name: "x".into(), value: String::new() };
        refused(Outgoing { headers: vec![header; HEADERS_MAX + 1], ..get(url) });
        let taken = Wanted::read(with("User-Agent", "mine \u{e9}")).unwrap();
        assert_eq!(taken.headers[USER_AGENT].as_bytes(), "mine \u{e9}".as_bytes());
        assert!(Wanted::read(get(url)).unwrap().headers[USER_AGENT].to_str().unwrap().starts_with("hd1/"));
    }
}
