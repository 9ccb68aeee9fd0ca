//! Where and how a session is reached, as `/join` names it.

use hd1_protocol::Encoding;
use hd1_transport::{Conditions, ConnectError, Connector, Link, Trust, connect::web_socket};

/// One of the three ways into a session.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// `host:port`.
    Quic(String, Trust),
    /// `https://host:port/realtime`.
    WebTransport(String, Trust),
    /// `ws://host:port/realtime`.
    WebSocket(String),
}

impl Endpoint {
    pub(crate) async fn dial(self, connector: Connector, conditions: Option<Conditions>) -> Result<Link, ConnectError> {
        let link = match &self {
            Endpoint::Quic(address, trust) => connector.quic(address, trust).await?,
            Endpoint::WebTransport(url, trust) => connector.web_transport(url, trust).await?,
            Endpoint::WebSocket(url) => web_socket(url, Encoding::Binary).await?,
        };
        Ok(match conditions {
            Some(conditions) => link.with_conditions(conditions),
            None => link,
        })
    }
}
