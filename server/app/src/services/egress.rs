//! HTTP that plugins send to others: where it may go, how much of it, and the way there.
//!
//! A request is read strictly (`request.rs`), its place held against the plugin's rights and its number against what one
//! plugin may send (`budget.rs`). The name is then resolved once, and a connection made to an address that was looked at
//! (`address.rs`) and to no other: whoever answers for the name cannot lead the server into its own network afterwards. No
//! redirect is followed and no connection kept, so each request was looked at on its own. Addresses are told to nobody's log:
//! in the path of many stands a secret.

mod address;
mod budget;
mod exchange;
mod limits;
mod request;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use hd1_host::service::{Failure, HttpAnswer, Outgoing, denied};
use hd1_manifest::{Right, Rights};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use budget::Budgets;
use limits::{ADDRESSES_MAX, CONNECT_TIMEOUT, RESOLVE_TIMEOUT};
use request::{Host, Wanted};

/// See the module's words.
pub(super) struct Egress {
    budgets: Arc<Budgets>,
    /// Read at the first request that needs it.
    tls: OnceCell<Arc<ClientConfig>>,
}

impl Egress {
    /// With the machine's certificate authorities.
    pub(super) fn new() -> Self {
        Self { budgets: Arc::default(), tls: OnceCell::new() }
    }

    /// Sends a plugin's request, and waits for the whole answer. Whoever drops this ends it.
    pub(super) async fn send(&self, plugin: &str, rights: &Rights, outgoing: Outgoing) -> Result<HttpAnswer, Failure> {
        let wanted = Wanted::read(outgoing)?;
        let right = Right::Place(wanted.place());
        if !rights.contains(&right) && !rights.contains(&Right::Network) {
            return Err(denied(&right));
        }
        let _permit = self.budgets.take(plugin, Instant::now())?;
        let (time, place) = (wanted.timeout, wanted.place());
        match timeout(time, self.exchange(wanted, rights.contains(&Right::PrivateNetwork))).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::Unavailable(format!(
                "{}:{} did not answer within {} ms",
                place.host,
                place.port,
                time.as_millis()
            ))),
        }
    }

    async fn exchange(&self, wanted: Wanted, may_be_private: bool) -> Result<HttpAnswer, Failure> {
        let addresses = allowed(resolve(&wanted).await?, &wanted, may_be_private)?;
        let stream = connect(&addresses, &wanted).await?;
        if wanted.is_tls {
            let tls = Arc::clone(self.tls().await?);
            exchange::over_tls(stream, tls, wanted).await
        } else {
            exchange::over(stream, wanted).await
        }
    }

    async fn tls(&self) -> Result<&Arc<ClientConfig>, Failure> {
        let read = async || {
            let read = tokio::task::spawn_blocking(exchange::system_tls).await;
            read.map_err(|error| Failure::Unavailable(error.to_string()))
        };
        self.tls.get_or_try_init(read).await
    }
}

/// Where the name leads, asked once.
async fn resolve(wanted: &Wanted) -> Result<Vec<SocketAddr>, Failure> {
    let port = wanted.port;
    let name = match &wanted.host {
        Host::Address(address) => return Ok(vec![SocketAddr::new(*address, port)]),
        Host::Name(name) => name.as_str(),
    };
    let unknown = |why: String| Failure::Unavailable(format!("cannot find {name}: {why}"));
    match timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((name, port))).await {
        Ok(Ok(found)) => Ok(found.take(ADDRESSES_MAX).collect()),
        Ok(Err(error)) => Err(unknown(error.to_string())),
        Err(_) => Err(unknown(format!("no answer within {} s", RESOLVE_TIMEOUT.as_secs()))),
    }
}

/// Those of the addresses that the plugin may reach.
fn allowed(mut found: Vec<SocketAddr>, wanted: &Wanted, may_be_private: bool) -> Result<Vec<SocketAddr>, Failure> {
    let name = wanted.place().host;
    if found.is_empty() {
        return Err(Failure::Unavailable(format!("cannot find {name}: it has no address")));
    }
    found.retain(|at| may_be_private || address::is_public(at.ip()));
    if found.is_empty() {
        return Err(Failure::Denied(format!(
            "{name} has no public address, and the plugin has no right `{}`",
            Right::PrivateNetwork
        )));
    }
    Ok(found)
}

/// A connection to the first of them that takes one.
async fn connect(addresses: &[SocketAddr], wanted: &Wanted) -> Result<TcpStream, Failure> {
    let mut why = String::new();
    for address in addresses {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => why = error.to_string(),
            Err(_) => why = format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()),
        }
    }
    let place = wanted.place();
    Err(Failure::Unavailable(format!("cannot connect to {}:{}: {why}", place.host, place.port)))
}
