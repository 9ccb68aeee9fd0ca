//! What the runtime tells those who keep records of sessions.

use hd1_core::{ParticipantId, PlayerId, Role, SessionId};

use crate::{PluginState, WorldStatus};

/// Told of what happens to worlds and their people.
///
/// Called on the threads that tick worlds: implementations put the news into a queue of their own and return at once.
pub trait RuntimeObserver: Send + Sync + 'static {
    /// A world changed its status; `reason` says why it crashed.
    fn status_changed(&self, session: SessionId, status: WorldStatus, reason: Option<&str>);

    /// A plugin of a world came into it, or does otherwise than before.
    fn plugin_changed(&self, session: SessionId, plugin: &PluginState) {
        let _ = (session, plugin);
    }

    /// A player's program asks the server. It waits for [`hd1_protocol::Operation::Answer`], for the time that it has said.
    fn asked(&self, session: SessionId, asked: Asked) {
        let _ = (session, asked);
    }

    /// A participant entered, dropped out, came back or left.
    fn participant_changed(&self, session: SessionId, participant: ParticipantId, presence: Presence);
}

/// What a player's program asks the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The request's number in the world.
    pub request: u32,
    /// Who asks.
    pub participant: ParticipantId,
    /// Their number in the world.
    pub player: PlayerId,
    /// Their shown name.
    pub name: String,
    /// What they may there.
    pub role: Role,
    /// What it is about.
    pub topic: String,
    /// What.
    pub data: serde_json::Value,
}

/// Where a participant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Presence {
    /// Connected, for the first time or again.
    Connected,
    /// The connection is gone; the avatar waits for the grace period.
    Absent,
    /// Gone for good: said goodbye, was removed, or did not come back in time.
    Left,
}

/// An observer that nobody listens through.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl RuntimeObserver for NoObserver {
    fn status_changed(&self, _session: SessionId, _status: WorldStatus, _reason: Option<&str>) {}

    fn participant_changed(&self, _session: SessionId, _participant: ParticipantId, _presence: Presence) {}
}
