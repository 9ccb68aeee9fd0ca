//! What a system can be told of its tick besides columns.

/// A kind of message: how the plan names it, and its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// Two bodies touch that did not a tick ago.
    ContactStarted,
    /// Two bodies no longer touch.
    ContactStopped,
    /// What a player asks for.
    PlayerInput,
}

impl MessageKind {
    /// All of them.
    pub const ALL: [MessageKind; 3] =
        [MessageKind::ContactStarted, MessageKind::ContactStopped, MessageKind::PlayerInput];

    /// As a plan names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            MessageKind::ContactStarted => "ContactStarted",
            MessageKind::ContactStopped => "ContactStopped",
            MessageKind::PlayerInput => "PlayerInput",
        }
    }

    /// The one of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// 32-bit words of one message.
    #[must_use]
    pub const fn words(self) -> usize {
        match self {
            MessageKind::ContactStarted | MessageKind::ContactStopped => 2,
            MessageKind::PlayerInput => 7,
        }
    }
}
