//! Who may come in: the port by which tickets are judged, and the seat that a connection holds once it is in.

use std::pin::Pin;
use std::sync::Arc;

use hd1_core::{ParticipantId, PlayerId, Role, SessionId};
use hd1_replication::ClientKey;

use crate::client::Refusal;
use crate::request::Request;
use crate::slot::Slot;

/// What a good ticket says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The session it is for.
    pub session: SessionId,
    /// The membership.
    pub participant: ParticipantId,
    /// Shown name.
    pub name: String,
    /// Rights.
    pub role: Role,
}

/// A ticket's judgement, to be awaited.
pub type Redeeming<'a> = Pin<Box<dyn Future<Output = Result<Admission, Refusal>> + Send + 'a>>;

/// Judges tickets. A ticket is good once: a second redemption of the same one is refused.
pub trait TicketGate: Send + Sync + 'static {
    /// Takes a ticket in.
    fn redeem<'a>(&'a self, ticket: &'a str) -> Redeeming<'a>;
}

/// A client's hold on its place in a world. Dropping it tells the world that the connection is gone, wherever on its
/// way the connection ended.
pub(crate) struct Hold {
    pub slot: Arc<Slot>,
    pub key: ClientKey,
    pub player: PlayerId,
    pub participant: ParticipantId,
    /// It said goodbye: the avatar need not wait.
    pub for_good: bool,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let Hold { key, player, participant, for_good, .. } = *self;
        self.slot.mailbox.dismiss(player, key);
        // A world that is gone already has let go of its seats.
        let _ = self.slot.ask(Request::Gone { key, participant, for_good });
    }
}
