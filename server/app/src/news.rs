//! What worlds tell of themselves, carried to the rules, which record it.
//!
//! The runtime tells on the threads that tick, so here it is only noted; a task writes it down. What is noted twice
//! before it is written is written once, so the notes never grow beyond the number of sessions and participants.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use hd1_control::Control;
use hd1_core::{ParticipantId, SessionId};
use hd1_runtime::{Presence, RuntimeObserver, WorldStatus};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The notes. Clones share them.
#[derive(Clone, Default)]
pub struct News(Arc<Inner>);

#[derive(Default)]
struct Inner {
    notes: Mutex<Notes>,
    written: Notify,
}

#[derive(Default)]
struct Notes {
    changed: BTreeSet<SessionId>,
    left: BTreeSet<(SessionId, ParticipantId)>,
}

impl RuntimeObserver for News {
    fn status_changed(&self, session: SessionId, status: WorldStatus, reason: Option<&str>) {
        match status {
            WorldStatus::Crashed | WorldStatus::CrashLoop => {
                tracing::error!(session.id = %session, %status, reason, "a world crashed");
            }
            _ => tracing::debug!(session.id = %session, %status, "a world changed its status"),
        }
        self.note(|notes| notes.changed.insert(session));
    }

    fn participant_changed(&self, session: SessionId, participant: ParticipantId, presence: Presence) {
        tracing::debug!(session.id = %session, participant.id = %participant, ?presence, "a participant changed");
        self.note(|notes| match presence {
            Presence::Left => notes.left.insert((session, participant)),
            // Redeeming the ticket has recorded this one as connected; within the grace period it stays so.
            Presence::Connected => notes.left.remove(&(session, participant)),
            Presence::Absent => false,
        });
    }
}

impl News {
    fn note(&self, change: impl FnOnce(&mut Notes) -> bool) {
        change(&mut self.0.notes.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.written.notify_one();
    }

    /// Tells the rules until cancelled.
    pub async fn deliver(self, control: Control, stop: CancellationToken) {
        loop {
            let Notes { changed, left } =
                std::mem::take(&mut *self.0.notes.lock().unwrap_or_else(PoisonError::into_inner));
            for session in changed {
                if let Err(error) = control.refresh_status(session).await {
                    tracing::warn!(session.id = %session, %error, "a world's status could not be recorded");
                }
            }
            for (session, participant) in left {
                if let Err(error) = control.participant_left(session, participant).await {
                    tracing::warn!(session.id = %session, %error, "a participant's leaving could not be recorded");
                }
            }
            tokio::select! {
                () = self.0.written.notified() => {}
                () = stop.cancelled() => return,
            }
        }
    }
}
