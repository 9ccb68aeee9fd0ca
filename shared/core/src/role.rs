//! What a participant may do in a session, and what kind of program it joined with.

use serde::{Deserialize, Serialize};

/// A participant's rights, each including those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees everything, changes nothing, has no avatar.
    Viewer,
    /// Has an avatar, chats, makes entities and changes its own.
    Participant,
    /// Also changes what others own, and kicks.
    Moderator,
    /// Also changes the session itself.
    Owner,
}

impl Role {
    /// The name used in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Participant => "participant",
            Role::Moderator => "moderator",
            Role::Owner => "owner",
        }
    }

    /// The inverse of [`Role::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Role::Viewer, Role::Participant, Role::Moderator, Role::Owner].into_iter().find(|role| role.as_str() == text)
    }
}

/// What kind of program a client is; told in the handshake, shown to others, never a right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientType {
    /// A browser.
    #[default]
    Web,
    /// A phone or tablet.
    Mobile,
    /// A native program on a computer.
    Desktop,
    /// A headset.
    Xr,
    /// A program that plays: load generators and agents.
    Bot,
    /// A program that renders an interface into the session.
    Service,
}
