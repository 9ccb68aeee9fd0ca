//! Who calls, and what they may: the one place where rights are decided.
//!
//! No arm here is a wildcard: a new kind of caller or role does not compile until every question has its answer.

use hd1_api::{ApiRole, TokenId, Visibility};
use hd1_core::{ParticipantId, Role, SessionId};
use hd1_store::Scope;
use hd1_store::sessions::SessionRecord;

use crate::error::{ControlError, Result};

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Somebody without a token.
    Anonymous,
    /// The holder of the admin token.
    Admin,
    /// The holder of an API token.
    Token {
        /// Its id.
        id: TokenId,
        /// What it is for.
        name: String,
        /// What it may do.
        role: ApiRole,
    },
    /// Somebody for whom a plugin vouches; never an administrator.
    Vouched {
        /// The plugin.
        plugin: String,
        /// What the plugin calls them.
        id: String,
        /// For people.
        name: String,
        /// What they may do, at most what developers may.
        role: ApiRole,
    },
    /// The holder of one membership's own token.
    Member {
        /// The session.
        session: SessionId,
        /// The membership.
        participant: ParticipantId,
        /// Its role there.
        role: Role,
    },
}

/// A caller whose identity is proven; the only thing that rules ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    caller: Caller,
}

impl Authority {
    /// The authority of a caller whose identity is proven.
    #[must_use]
    pub const fn of(caller: Caller) -> Self {
        Self { caller }
    }

    /// Somebody without a token.
    #[must_use]
    pub const fn anonymous() -> Self {
        Self::of(Caller::Anonymous)
    }

    /// The administrator; also the server itself, when it makes its demo session.
    #[must_use]
    pub const fn admin() -> Self {
        Self::of(Caller::Admin)
    }

    /// Who calls.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The name under which what it makes is recorded; `None` for those who make nothing.
    #[must_use]
    pub fn owner(&self) -> Option<String> {
        match &self.caller {
            Caller::Admin => Some("admin".to_owned()),
            Caller::Token { id, .. } => Some(id.to_string()),
            Caller::Vouched { plugin, id, .. } => Some(vouched_owner(plugin, id)),
            Caller::Anonymous | Caller::Member { .. } => None,
        }
    }

    /// The sessions it may see.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match &self.caller {
            Caller::Admin | Caller::Token { role: ApiRole::Admin, .. } => Scope::everything(),
            Caller::Token { id, role: ApiRole::Developer | ApiRole::Viewer, .. } => Scope::owner(&id.to_string()),
            Caller::Vouched { plugin, id, .. } => Scope::owner(&vouched_owner(plugin, id)),
            Caller::Member { session, .. } => Scope::member(*session),
            Caller::Anonymous => Scope::public(),
        }
    }

    /// Whether it has all rights.
    #[must_use]
    pub const fn is_admin(&self) -> bool {
        match &self.caller {
            Caller::Admin | Caller::Token { role: ApiRole::Admin, .. } => true,
            Caller::Token { role: ApiRole::Developer | ApiRole::Viewer, .. }
            | Caller::Vouched { .. }
            | Caller::Member { .. }
            | Caller::Anonymous => false,
        }
    }

    /// May it do what only administrators do?
    ///
    /// # Errors
    /// [`ControlError::Unauthenticated`] without a token, [`ControlError::Denied`] with too weak a one.
    pub fn administer(&self) -> Result<()> {
        self.require(self.is_admin(), "this needs an admin token")
    }

    /// Has it proven who it is?
    ///
    /// # Errors
    /// [`ControlError::Unauthenticated`] without a token.
    pub fn known(&self) -> Result<()> {
        let is_known = match &self.caller {
            Caller::Admin | Caller::Token { .. } | Caller::Vouched { .. } | Caller::Member { .. } => true,
            Caller::Anonymous => false,
        };
        self.require(is_known, "this needs a token")
    }

    /// May it read what is installed? Whoever proves who they are may: sessions are made of it.
    ///
    /// # Errors
    /// [`ControlError::Unauthenticated`] without a token.
    pub fn read_plugins(&self) -> Result<()> {
        self.known()
    }

    /// May it make sessions?
    ///
    /// # Errors
    /// As [`Authority::administer`].
    pub fn create_sessions(&self) -> Result<()> {
        let may = match &self.caller {
            Caller::Admin
            | Caller::Token { role: ApiRole::Admin | ApiRole::Developer, .. }
            | Caller::Vouched { role: ApiRole::Admin | ApiRole::Developer, .. } => true,
            Caller::Token { role: ApiRole::Viewer, .. }
            | Caller::Vouched { role: ApiRole::Viewer, .. }
            | Caller::Member { .. }
            | Caller::Anonymous => false,
        };
        self.require(may, "making sessions needs a token of role developer or admin")
    }

    /// Does it have every right in this session?
    #[must_use]
    pub fn manages(&self, session: &SessionRecord) -> bool {
        match &self.caller {
            Caller::Admin | Caller::Token { role: ApiRole::Admin, .. } => true,
            Caller::Token { id, role: ApiRole::Developer, .. } => session.owner == id.to_string(),
            Caller::Vouched { plugin, id, role: ApiRole::Admin | ApiRole::Developer, .. } => {
                session.owner == vouched_owner(plugin, id)
            }
            Caller::Member { session: own, role, .. } => *own == session.id && *role == Role::Owner,
            Caller::Token { role: ApiRole::Viewer, .. }
            | Caller::Vouched { role: ApiRole::Viewer, .. }
            | Caller::Anonymous => false,
        }
    }

    /// May it change the session, its world and its life?
    ///
    /// # Errors
    /// As [`Authority::administer`].
    pub fn manage(&self, session: &SessionRecord) -> Result<()> {
        self.require(self.manages(session), "this needs the session's owner or an admin")
    }

    /// May it change entities and send participants away?
    ///
    /// # Errors
    /// As [`Authority::administer`].
    pub fn moderate(&self, session: &SessionRecord) -> Result<()> {
        let moderates = match &self.caller {
            Caller::Member { session: own, role, .. } => *own == session.id && *role >= Role::Moderator,
            Caller::Admin | Caller::Token { .. } | Caller::Vouched { .. } | Caller::Anonymous => false,
        };
        self.require(moderates || self.manages(session), "this needs a moderator of the session")
    }

    /// May it look into the world of a session that it sees?
    ///
    /// # Errors
    /// As [`Authority::administer`].
    pub fn watch(&self, session: &SessionRecord) -> Result<()> {
        let may = match &self.caller {
            Caller::Admin | Caller::Token { .. } | Caller::Vouched { .. } | Caller::Member { .. } => true,
            Caller::Anonymous => session.settings.guests && session.visibility != Visibility::Private,
        };
        self.require(may, "this session admits no guests")
    }

    /// The highest role with which it may join.
    ///
    /// # Errors
    /// As [`Authority::administer`].
    pub fn join(&self, session: &SessionRecord) -> Result<Role> {
        if self.manages(session) {
            return Ok(Role::Owner);
        }
        match &self.caller {
            Caller::Token { role: ApiRole::Developer, .. }
            | Caller::Vouched { role: ApiRole::Admin | ApiRole::Developer, .. } => Ok(Role::Participant),
            Caller::Token { role: ApiRole::Viewer, .. } | Caller::Vouched { role: ApiRole::Viewer, .. } => {
                Ok(Role::Viewer)
            }
            Caller::Member { session: own, role, .. } if *own == session.id => Ok(*role),
            // A membership elsewhere is worth as much here as none.
            Caller::Member { .. } | Caller::Anonymous => {
                if session.settings.guests && session.visibility != Visibility::Private {
                    Ok(session.settings.guest_role.min(Role::Participant))
                } else {
                    self.require(false, "this session admits no guests").map(|()| Role::Viewer)
                }
            }
            Caller::Admin | Caller::Token { role: ApiRole::Admin, .. } => Ok(Role::Owner),
        }
    }

    fn require(&self, may: bool, otherwise: &'static str) -> Result<()> {
        match (may, &self.caller) {
            (true, _) => Ok(()),
            (false, Caller::Anonymous) => Err(ControlError::Unauthenticated),
            (false, Caller::Admin | Caller::Token { .. } | Caller::Vouched { .. } | Caller::Member { .. }) => {
                Err(ControlError::Denied(otherwise))
            }
        }
    }
}

/// Under which name is recorded what somebody makes for whom a plugin vouches. No token's id looks like it.
fn vouched_owner(plugin: &str, id: &str) -> String {
    format!("{plugin}/{id}")
}
