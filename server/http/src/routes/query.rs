//! The query parameters that lists share.

use hd1_control::{Page, Result};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which part of a list is wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    /// Entries left out before the first. Default 0.
    offset: Option<u32>,
    /// Entries wanted, 1 to 200. Default 50.
    limit: Option<u32>,
}

impl PageQuery {
    pub(super) fn page(&self) -> Result<Page> {
        Page::of(self.offset, self.limit)
    }
}
