//! What worlds tell of themselves, carried to the rules, which record it.
//!
//! The runtime tells on the threads that tick, so here it is only noted; a task writes it down. What is noted twice
//! before it is written is written once, as it was at last, so the notes never grow beyond the number of sessions and
//! participants. What could not be written is noted again, for a database that comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hd1_control::{Control, ControlError, Presence};
use hd1_core::{ParticipantId, SessionId};
use hd1_runtime::{Asked, PluginState, PluginStatus, Presence as Told, RuntimeObserver, WorldStatus};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::asked::Programs;

/// How long between two tries at a database that refuses.
const RETRY: Duration = Duration::from_secs(1);
/// Participants recorded in one transaction at most, so that it never holds the one writer for long.
const BATCH: usize = 256;

/// The notes. Clones share them.
#[derive(Clone, Default)]
pub struct News(Arc<Inner>);

#[derive(Default)]
struct Inner {
    notes: Mutex<Notes>,
    written: Notify,
    programs: Programs,
}

#[derive(Debug, Default, PartialEq)]
struct Notes {
    changed: BTreeSet<SessionId>,
    moved: BTreeMap<(SessionId, ParticipantId), Presence>,
    /// Plugins that were held back, and their packages.
    held_back: BTreeSet<(String, String)>,
}

impl RuntimeObserver for News {
    fn status_changed(&self, session: SessionId, status: WorldStatus, reason: Option<&str>) {
        match status {
            WorldStatus::Crashed | WorldStatus::CrashLoop => {
                tracing::error!(session.id = %session, %status, reason, "a world crashed");
            }
            _ => tracing::debug!(session.id = %session, %status, "a world changed its status"),
        }
        self.note(|notes| {
            notes.changed.insert(session);
        });
    }

    fn plugin_changed(&self, session: SessionId, plugin: &PluginState) {
        let PluginState { id, version, status, reason, .. } = plugin;
        match status {
            PluginStatus::Running | PluginStatus::Disabled => {
                tracing::debug!(session.id = %session, plugin = id, version, ?status, "a plugin changed");
            }
            _ => tracing::warn!(session.id = %session, plugin = id, version, ?status, reason, "a plugin is not well"),
        }
        if matches!(status, PluginStatus::Restarting | PluginStatus::Suspended) {
            self.note(|notes| {
                notes.held_back.insert((id.clone(), plugin.module.clone()));
            });
        }
    }

    fn asked(&self, session: SessionId, asked: Asked) {
        self.0.programs.put(session, asked);
    }

    fn participant_changed(&self, session: SessionId, participant: ParticipantId, told: Told) {
        tracing::debug!(session.id = %session, participant.id = %participant, presence = ?told, "a participant changed");
        let presence = match told {
            Told::Connected => Presence::Here,
            Told::Left => Presence::Gone,
            // Within the grace period nothing changes: the avatar waits and so does the record.
            Told::Absent => return,
        };
        self.note(|notes| {
            notes.moved.insert((session, participant), presence);
        });
    }
}

impl News {
    fn note(&self, change: impl FnOnce(&mut Notes)) {
        change(&mut self.0.notes.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.written.notify_one();
    }

    /// What programs ask the server.
    #[must_use]
    pub fn programs(&self) -> Programs {
        self.0.programs.clone()
    }

    /// Tells the rules until cancelled.
    pub async fn deliver(self, control: Control, stop: CancellationToken) {
        loop {
            let mut notes = std::mem::take(&mut *self.0.notes.lock().unwrap_or_else(PoisonError::into_inner));
            let pause = match record(&control, &mut notes).await {
                Ok(()) => None,
                Err(error) => {
                    tracing::warn!(%error, "what worlds told could not be recorded; trying again");
                    self.note(|newer| newer.take_back(notes));
                    Some(RETRY)
                }
            };
            let next = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => self.0.written.notified().await,
                }
            };
            tokio::select! {
                () = next => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

impl Notes {
    /// Notes again what could not be written, where nothing newer is known.
    fn take_back(&mut self, older: Notes) {
        self.changed.extend(older.changed);
        self.held_back.extend(older.held_back);
        for (who, presence) in older.moved {
            self.moved.entry(who).or_insert(presence);
        }
    }
}

/// Writes notes down and strikes them out; what cannot be written stays.
async fn record(control: &Control, notes: &mut Notes) -> Result<(), ControlError> {
    while !notes.moved.is_empty() {
        let rest = notes.moved.keys().nth(BATCH).copied();
        let batch: Vec<_> = notes.moved.iter().take(BATCH).map(|(who, presence)| (who.0, who.1, *presence)).collect();
        control.record_presence(&batch).await?;
        notes.moved = rest.map_or_else(BTreeMap::new, |rest| notes.moved.split_off(&rest));
    }
    while let Some((id, package)) = notes.held_back.pop_first() {
        match control.plugin_was_held_back(&id, &package).await {
            Ok(Some(version)) => tracing::warn!(plugin = id, version, "it failed soon after it came, and went back"),
            Ok(None) => {}
            // It is held back all the same, and somebody has to look.
            Err(error) => tracing::error!(plugin = id, %error, "it failed soon after it came, and cannot go back"),
        }
    }
    while let Some(session) = notes.changed.first().copied() {
        control.refresh_status(session).await?;
        notes.changed.remove(&session);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(news: &News) -> Notes {
        std::mem::take(&mut *news.0.notes.lock().unwrap())
    }

    #[test]
    fn of_what_is_told_of_somebody_the_last_counts() {
        let (news, session) = (News::default(), SessionId::generate());
        let [ada, bob] = [(); 2].map(|()| ParticipantId::generate());
        for told in [Told::Connected, Told::Absent, Told::Left, Told::Connected, Told::Absent] {
            news.participant_changed(session, ada, told);
        }
        news.participant_changed(session, bob, Told::Connected);
        news.participant_changed(session, bob, Told::Left);
        let expected = BTreeMap::from([((session, ada), Presence::Here), ((session, bob), Presence::Gone)]);
        assert_eq!(taken(&news).moved, expected);
    }

    #[test]
    fn what_could_not_be_written_gives_way_to_what_is_newer() {
        let (news, session) = (News::default(), SessionId::generate());
        let [ada, bob] = [(); 2].map(|()| ParticipantId::generate());
        news.participant_changed(session, ada, Told::Connected);
        news.participant_changed(session, bob, Told::Connected);
        news.status_changed(session, WorldStatus::Paused, None);
        let older = taken(&news);
        news.participant_changed(session, ada, Told::Left);
        news.note(|newer| newer.take_back(older));
        let expected = BTreeMap::from([((session, ada), Presence::Gone), ((session, bob), Presence::Here)]);
        assert_eq!(taken(&news), Notes { changed: BTreeSet::from([session]), moved: expected, ..Notes::default() });
    }
}
