//! What a caller may see, as a value that every lookup by a caller's id demands.
//!
//! It stands alone because it is the wall: a session outside the scope is not found, exactly like one that does not
//! exist, and a lookup without a scope does not compile.

use hd1_core::SessionId;

/// The sessions a caller may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    pub(crate) everything: bool,
    pub(crate) owner: String,
    pub(crate) member_of: String,
}

impl Scope {
    /// Every session: for administrators.
    #[must_use]
    pub const fn everything() -> Self {
        Self { everything: true, owner: String::new(), member_of: String::new() }
    }

    /// What `owner` made, whatever is public, and by their id the unlisted.
    #[must_use]
    pub fn owner(owner: &str) -> Self {
        Self { everything: false, owner: owner.to_owned(), member_of: String::new() }
    }

    /// Whatever is public, by their id the unlisted, and the one session the caller belongs to.
    #[must_use]
    pub fn member(session: SessionId) -> Self {
        Self { everything: false, owner: String::new(), member_of: session.to_string() }
    }

    /// Whatever is public, and by their id the unlisted.
    #[must_use]
    pub const fn public() -> Self {
        Self { everything: false, owner: String::new(), member_of: String::new() }
    }
}
