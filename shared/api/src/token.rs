//! API tokens in JSON: made from the admin token, shown once, kept as a hash.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Pagination, Timestamp};

/// What an API token may do, each including those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApiRole {
    /// Reads and watches what is public or unlisted.
    Viewer,
    /// Also makes sessions, and does everything with those it made.
    Developer,
    /// Everything, with every session, tokens included.
    Admin,
}

impl ApiRole {
    /// Every role.
    pub const ALL: [ApiRole; 3] = [ApiRole::Viewer, ApiRole::Developer, ApiRole::Admin];

    /// The word in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ApiRole::Viewer => "viewer",
            ApiRole::Developer => "developer",
            ApiRole::Admin => "admin",
        }
    }

    /// The inverse of [`ApiRole::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// The name of an API token; says who, proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct TokenId(pub Uuid);

impl TokenId {
    /// A fresh, time-ordered id (UUIDv7).
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl std::fmt::Display for TokenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for TokenId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

/// An API token without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Its id; the owner of the sessions it makes.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: ApiRole,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
}

/// A page of tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// The page.
    pub tokens: Vec<Token>,
    /// Where it lies.
    pub pagination: Pagination,
}

/// A token to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// What it is for, 1 to 80 characters.
    pub name: String,
    /// What it may do.
    pub role: ApiRole,
    /// Seconds it lives, 60 to 315,360,000 (ten years). Default: until revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_s: Option<u32>,
}

/// A token that was just made: the only time its secret is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedToken {
    /// The token's record.
    #[serde(flatten)]
    pub token: Token,
    /// Goes into `Authorization: Bearer …`.
    pub secret: String,
}
