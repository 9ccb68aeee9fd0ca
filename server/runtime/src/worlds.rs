//! The table of sessions that have a world here.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use hd1_core::SessionId;

use crate::error::RuntimeError;
use crate::limits::WORLDS_MAX;
use crate::slot::Slot;

/// See the module's words.
#[derive(Default)]
pub(crate) struct Worlds(RwLock<HashMap<SessionId, Arc<Slot>>>);

impl Worlds {
    /// The slot of a session.
    pub fn find(&self, session: SessionId) -> Option<Arc<Slot>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&session).cloned()
    }

    /// Every slot, in no particular order.
    pub fn all(&self) -> Vec<Arc<Slot>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Adds the slot that `make` makes, unless there is one.
    ///
    /// # Errors
    /// [`RuntimeError::Exists`], [`RuntimeError::TooManyWorlds`].
    pub fn add(&self, session: SessionId, make: impl FnOnce() -> Arc<Slot>) -> Result<Arc<Slot>, RuntimeError> {
        let mut slots = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if slots.contains_key(&session) {
            return Err(RuntimeError::Exists);
        }
        if slots.len() >= WORLDS_MAX {
            return Err(RuntimeError::TooManyWorlds);
        }
        let slot = make();
        slots.insert(session, Arc::clone(&slot));
        Ok(slot)
    }

    /// Removes a slot, if it is still this one.
    pub fn remove(&self, slot: &Arc<Slot>) {
        let mut slots = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if slots.get(&slot.session).is_some_and(|held| Arc::ptr_eq(held, slot)) {
            slots.remove(&slot.session);
        }
    }
}
