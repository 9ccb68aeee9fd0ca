//! How clients come in: tickets judged by the rules, and WebSockets handed from HTTP to the runtime.

use std::pin::Pin;
use std::sync::Arc;

use hd1_control::{Control, TicketRefused};
use hd1_http::{RealtimeGate, RealtimeSocket, Subprotocol};
use hd1_protocol::{CloseCode, Encoding};
use hd1_runtime::{Admission, Redeeming, Refusal, Runtime, TicketGate};
use hd1_transport::Link;

/// Lets the rules judge tickets.
pub struct Tickets(pub Control);

impl TicketGate for Tickets {
    fn redeem<'a>(&'a self, ticket: &'a str) -> Redeeming<'a> {
        Box::pin(async move {
            match self.0.redeem_ticket(ticket).await {
                Ok(admitted) => Ok(Admission {
                    session: admitted.session,
                    participant: admitted.participant,
                    name: admitted.name,
                    role: admitted.role,
                }),
                Err(TicketRefused::NotGood) => Err(Refusal::of(CloseCode::BadTicket)),
                Err(TicketRefused::Unavailable) => Err(Refusal::of(CloseCode::Internal)),
            }
        })
    }
}

/// Hands upgraded WebSockets to the runtime.
pub struct WebSockets {
    /// Where they are served.
    pub runtime: Runtime,
    /// Who judges their tickets.
    pub tickets: Arc<dyn TicketGate>,
}

impl RealtimeGate for WebSockets {
    fn serve(&self, socket: RealtimeSocket) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (runtime, tickets) = (self.runtime.clone(), Arc::clone(&self.tickets));
        Box::pin(async move {
            let encoding = match socket.subprotocol {
                Subprotocol::MsgPack => Encoding::Binary,
                Subprotocol::Json => Encoding::Json,
            };
            let link = Link::websocket(Box::new(socket.io), encoding, socket.peer).await;
            // The runtime's own drain closes it with a retry code; `socket.shutdown` says nothing more.
            if let Err(error) = runtime.connect(link, tickets).await {
                tracing::error!(%error, "a connection's task failed");
            }
        })
    }
}
