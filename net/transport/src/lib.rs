//! QUIC, WebTransport and WebSocket as one [`Link`], both ends.
//!
//! A link moves whole frames: a reliable control way, bulk streams from the server, datagrams. What frames mean is not
//! known here; `hd1_session` decides that without a socket. Start with [`link`], then [`server`] and [`connect`] for
//! how links come to be. The crypto provider is passed wherever TLS is set up: a process default would be somebody
//! else's choice.

pub mod limits;

pub mod connect;
mod framing;
pub mod gather;
pub mod impair;
pub mod link;
mod memory;
mod quic;
pub mod server;
mod source;
pub mod tls;
mod udp;
mod websocket;

pub use connect::{ConnectError, Connector, Trust};
pub use impair::{Conditions, LossyQueue};
pub use link::{Link, LinkEnd, LinkEvent, TransportKind};
pub use server::{QuicServer, ServerOptions};
pub use tls::{Certificate, CertificateError};
pub use websocket::Io;
