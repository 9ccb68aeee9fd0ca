//! One lock per session, for the steps that ask a world and then write what it answered.
//!
//! It stands alone because it must not grow: a lock lives only while somebody holds it or waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hd1_core::SessionId;
use tokio::sync::OwnedMutexGuard;

type Table = Arc<Mutex<HashMap<SessionId, Arc<tokio::sync::Mutex<()>>>>>;

/// The locks.
#[derive(Debug, Default)]
pub(crate) struct SessionLocks {
    table: Table,
}

/// A lock that is held; dropping it lets the next one in.
pub(crate) struct SessionGuard {
    table: Table,
    session: SessionId,
    guard: Option<OwnedMutexGuard<()>>,
}

impl SessionLocks {
    /// Waits for the session's lock.
    pub(crate) async fn lock(&self, session: SessionId) -> SessionGuard {
        let lock = {
            let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(table.entry(session).or_default())
        };
        // Made before waiting, so that one who stops waiting cleans up as well.
        let mut held = SessionGuard { table: Arc::clone(&self.table), session, guard: None };
        held.guard = Some(lock.lock_owned().await);
        held
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.table.lock().unwrap().len()
    }
}

impl Drop for SessionGuard {
    fn drop(&mut self) {
        self.guard = None;
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        // The table's own reference is the last: nobody holds it, nobody waits.
        if table.get(&self.session).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            table.remove(&self.session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lock_lives_as_long_as_somebody_needs_it() {
        let locks = SessionLocks::default();
        let session = SessionId::generate();
        let held = locks.lock(session).await;
        let mut waiting = Box::pin(locks.lock(session));
        let pending = std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await;
        assert!(pending);
        drop(held);
        drop(waiting.await);
        assert_eq!(locks.len(), 0);
        let held = locks.lock(session).await;
        let mut waiting = Box::pin(locks.lock(session));
        std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await;
        drop(waiting);
        drop(held);
        assert_eq!(locks.len(), 0);
    }
}
