//! The envelope of every list: how many there are and which part this is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a page lies in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pagination {
    /// Entries in the whole list that the caller may see.
    pub total: u64,
    /// The most entries a page holds, as asked for.
    pub limit: u64,
    /// Entries before this page.
    pub offset: u64,
    /// Whether entries follow this page.
    pub has_more: bool,
}

impl Pagination {
    /// The envelope of `count` entries that begin at `offset`.
    #[must_use]
    pub const fn new(total: u64, limit: u64, offset: u64, count: u64) -> Self {
        Self { total, limit, offset, has_more: offset.saturating_add(count) < total }
    }
}
