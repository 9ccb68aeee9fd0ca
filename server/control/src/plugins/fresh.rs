//! A plugin that is held back soon after it was replaced goes back to what it was, by itself.
//!
//! What is fresh is remembered by this process alone: after a restart somebody has to look.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hd1_core::Micros;

use crate::authority::Authority;
use crate::control::Control;
use crate::error::{ControlError, Result};
use crate::limits::FRESH_S;

/// The packages that replaced others lately, by plugin, and when.
#[derive(Debug, Default)]
pub(crate) struct Fresh(Mutex<BTreeMap<String, (String, Micros)>>);

impl Fresh {
    pub(super) fn note(&self, id: &str, package: &str, now: Micros) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (_, at)| at.plus_s(FRESH_S) > now);
        all.insert(id.to_owned(), (package.to_owned(), now));
    }

    /// Is that package fresh? Asked once: what it was before may fail as well, and then it stays.
    fn take(&self, id: &str, package: &str, now: Micros) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = all.get(id).is_some_and(|(fresh, at)| fresh == package && at.plus_s(FRESH_S) > now);
        if is_fresh {
            all.remove(id);
        }
        is_fresh
    }
}

impl Control {
    /// A world holds a plugin back because it faulted too often. Where this package of it is fresh, everybody goes back to
    /// the one before. Answers the version that holds then, where that is another.
    ///
    /// # Errors
    /// The way back is refused or fails; then it stays as it is.
    pub async fn plugin_was_held_back(&self, id: &str, package: &str) -> Result<Option<String>> {
        if !self.inner.fresh.take(id, package, self.now()) {
            return Ok(None);
        }
        let parsed = id.parse().map_err(|_| ControlError::NotFound("plugin"))?;
        let plugin = self.roll_back_plugin(&Authority::admin(), &parsed).await?;
        Ok(Some(plugin.version))
    }
}
