//! Participants in JSON: memberships of a session, and the door through which they come.

use hd1_core::{ClientType, ParticipantId, Role, SessionId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Pagination, Timestamp, schemas};

/// Where a membership stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParticipantState {
    /// Holds a ticket, or is on its way in with it; the place is kept until the ticket expires.
    Joining,
    /// Connected, or inside the grace period for coming back.
    Connected,
    /// Gone.
    Left,
    /// Sent away; may not come back under the same membership.
    Kicked,
}

impl ParticipantState {
    /// Every state.
    pub const ALL: [ParticipantState; 4] =
        [ParticipantState::Joining, ParticipantState::Connected, ParticipantState::Left, ParticipantState::Kicked];

    /// The word in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ParticipantState::Joining => "joining",
            ParticipantState::Connected => "connected",
            ParticipantState::Left => "left",
            ParticipantState::Kicked => "kicked",
        }
    }

    /// The inverse of [`ParticipantState::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A membership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Participant {
    /// Its id.
    #[schema(schema_with = schemas::uuid)]
    pub id: ParticipantId,
    /// The session it belongs to.
    #[schema(schema_with = schemas::uuid)]
    pub session_id: SessionId,
    /// The name others see.
    pub name: String,
    /// What it may do.
    #[schema(schema_with = schemas::role)]
    pub role: Role,
    /// Where it stands.
    pub state: ParticipantState,
    /// Whether it came without a token.
    pub guest: bool,
    /// When it was made.
    pub joined_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
}

/// A page of participants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ParticipantList {
    /// The page.
    pub participants: Vec<Participant>,
    /// Where it lies.
    pub pagination: Pagination,
}

/// A wish to join.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JoinRequest {
    /// The name others see, up to 40 characters. Default: the token's name, or `guest`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A role no higher than the caller's. Default: the highest the caller may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::role)]
    pub role: Option<Role>,
    /// What kind of program will connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub client_type: Option<ClientType>,
}

/// Everything needed to connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JoinResponse {
    /// Presented once, in the first frame; never put it in a URL.
    pub ticket: String,
    /// The membership.
    #[schema(schema_with = schemas::uuid)]
    pub participant_id: ParticipantId,
    /// The session.
    #[schema(schema_with = schemas::uuid)]
    pub session_id: SessionId,
    /// A bearer token for this membership alone: leaving, joining again under the same id, reading the session.
    pub participant_token: String,
    /// The role granted.
    #[schema(schema_with = schemas::role)]
    pub role: Role,
    /// Where to connect.
    pub endpoints: Endpoints,
    /// SHA-256 of the server's certificate in hex, for `serverCertificateHashes`; absent when a certificate authority
    /// vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_sha256: Option<String>,
    /// Seconds until the ticket expires.
    pub expires_in_s: u32,
}

/// Where to connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Endpoints {
    /// `host:port`, ALPN `hd1/1`.
    pub quic: String,
    /// `https://host:port/realtime`.
    pub webtransport: String,
    /// `ws://host:port/realtime`, subprotocol `hd1.msgpack` or `hd1.json`.
    pub websocket: String,
}

/// Who leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LeaveRequest {
    /// The membership; may be absent when the caller's token is that membership's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::uuid)]
    pub participant_id: Option<ParticipantId>,
}

/// Who is sent away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KickRequest {
    /// The membership.
    #[schema(schema_with = schemas::uuid)]
    pub participant_id: ParticipantId,
    /// Told to the one sent away, up to 200 characters.
    #[serde(default)]
    pub reason: String,
}
