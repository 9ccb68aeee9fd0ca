//! Why a connection ends. The numbers are the same on QUIC, WebTransport and WebSocket.

use serde::{Deserialize, Serialize};

macro_rules! close_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal, $retry:literal;)*) => {
        /// A close code: 4000–4099, in the range that WebSocket leaves to applications.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(into = "u16", try_from = "u16")]
        #[repr(u16)]
        pub enum CloseCode { $($(#[$doc])* $name = $code,)* }

        impl CloseCode {
            /// Every code, for tables and tests.
            pub const ALL: &[CloseCode] = &[$(CloseCode::$name,)*];

            /// What happened, in a few words.
            #[must_use]
            pub const fn reason(self) -> &'static str {
                match self { $(CloseCode::$name => $text,)* }
            }

            /// May the client come back by itself, with its resume token or a new ticket?
            #[must_use]
            pub const fn may_retry(self) -> bool {
                match self { $(CloseCode::$name => $retry,)* }
            }

            /// The code of a number.
            #[must_use]
            pub const fn of(code: u16) -> Option<Self> {
                match code { $($code => Some(CloseCode::$name),)* _ => None }
            }
        }
    };
}

close_codes! {
    /// The client said goodbye.
    Bye = 4000, "client left", false;
    /// The server is shutting down; the session comes back.
    Draining = 4001, "server is restarting", true;
    /// The session stopped, or was deleted.
    SessionEnded = 4002, "session ended", false;
    /// The session was hibernated.
    Hibernated = 4003, "session hibernated", true;
    /// The session's world crashed and is being restarted.
    Crashed = 4004, "session crashed", true;
    /// Removed by a moderator.
    Kicked = 4005, "kicked", false;
    /// The same participant connected again elsewhere.
    Replaced = 4006, "connected elsewhere", false;
    /// No valid hello within 3 s.
    HelloTimeout = 4010, "no hello in time", true;
    /// The ticket is forged, expired, for another session, or already used.
    BadTicket = 4011, "ticket refused", false;
    /// The resume token is unknown or its grace period is over.
    BadResume = 4012, "resume refused", true;
    /// The protocol version is not spoken here.
    BadVersion = 4013, "protocol version not supported", false;
    /// The session has max_participants already.
    Full = 4014, "session is full", true;
    /// A frame that is not of the protocol.
    Malformed = 4020, "malformed frame", false;
    /// A frame, message or value beyond a limit.
    TooLarge = 4021, "limit exceeded", false;
    /// Messages, operations or inputs came too fast for too long.
    RateLimited = 4022, "rate limit exceeded", true;
    /// The client did not read what it was sent.
    TooSlow = 4023, "client too slow", true;
    /// Nothing was heard for the idle timeout.
    Idle = 4024, "idle timeout", true;
    /// A fault of the server.
    Internal = 4099, "internal error", true;
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> u16 {
        code as u16
    }
}

impl TryFrom<u16> for CloseCode {
    type Error = String;

    fn try_from(code: u16) -> Result<Self, String> {
        CloseCode::of(code).ok_or_else(|| format!("unknown close code {code}"))
    }
}
