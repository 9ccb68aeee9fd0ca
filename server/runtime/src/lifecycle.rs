//! Which request is allowed in which status, and what it leads to: one pure table.
//!
//! Everything that can happen to a world goes through `plan`, one request at a time, so that a race of wake,
//! hibernate and join is only ever an order of rows in this table. Asking twice is asking once.

use serde::{Deserialize, Serialize};

/// What a world is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorldStatus {
    /// Known, never started; it holds no memory.
    Created,
    /// Ticking.
    Running,
    /// In memory, not ticking.
    Paused,
    /// On disk; a join wakes it.
    Hibernated,
    /// On disk; only a start wakes it.
    Stopped,
    /// It panicked or could not be loaded; a restart is due.
    Crashed,
    /// It crashed again and again; only a person restarts it.
    CrashLoop,
}

impl WorldStatus {
    /// Every status, for tables.
    pub const ALL: [WorldStatus; 7] =
        [Self::Created, Self::Running, Self::Paused, Self::Hibernated, Self::Stopped, Self::Crashed, Self::CrashLoop];

    /// The name used in JSON and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Hibernated => "hibernated",
            Self::Stopped => "stopped",
            Self::Crashed => "crashed",
            Self::CrashLoop => "crash_loop",
        }
    }

    /// Is its state in memory?
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

impl std::fmt::Display for WorldStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a world may be asked to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Run, from the last snapshot or else from the scene.
    Start,
    /// Stop ticking, stay in memory.
    Pause,
    /// Tick again.
    Resume,
    /// Snapshot and free the memory; a join wakes it.
    Hibernate,
    /// Undo a hibernation.
    Wake,
    /// Snapshot, free the memory, end the session for its clients.
    Stop,
    /// Drop what is in memory and load the last snapshot, whatever went before.
    Restart,
    /// End it and remove its files.
    Delete,
    /// Somebody wants in.
    Join,
}

impl Request {
    /// Every request, for tables.
    pub const ALL: [Request; 9] = [
        Self::Start,
        Self::Pause,
        Self::Resume,
        Self::Hibernate,
        Self::Wake,
        Self::Stop,
        Self::Restart,
        Self::Delete,
        Self::Join,
    ];
}

/// What has to be done for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// It is so already.
    Nothing,
    /// Only the status changes.
    Become(WorldStatus),
    /// Load the newest snapshot or the scene, then this status.
    Load(WorldStatus),
    /// Snapshot at this boundary, write it, free the memory, then this status.
    SaveAndFree(WorldStatus),
    /// Free the memory without a snapshot, then load, then this status.
    Reload(WorldStatus),
    /// Free the memory and remove the files.
    Erase,
    /// Not from here.
    Refuse,
}

/// The table.
pub(crate) fn plan(status: WorldStatus, request: Request) -> Plan {
    use WorldStatus::{CrashLoop, Crashed, Created, Hibernated, Paused, Running, Stopped};
    match (request, status) {
        (Request::Delete, _) => Plan::Erase,

        (Request::Start, Running | Paused) => Plan::Nothing,
        (Request::Start, Created | Hibernated | Stopped | Crashed | CrashLoop) => Plan::Load(Running),

        (Request::Pause, Running) => Plan::Become(Paused),
        (Request::Pause, Paused) => Plan::Nothing,
        (Request::Resume, Paused) => Plan::Become(Running),
        (Request::Resume, Running) => Plan::Nothing,
        (Request::Pause | Request::Resume, _) => Plan::Refuse,

        (Request::Hibernate, Running | Paused) => Plan::SaveAndFree(Hibernated),
        (Request::Hibernate, Hibernated) => Plan::Nothing,
        (Request::Hibernate, _) => Plan::Refuse,

        (Request::Wake, Hibernated) => Plan::Load(Running),
        (Request::Wake, Running | Paused) => Plan::Nothing,
        (Request::Wake, _) => Plan::Refuse,

        (Request::Stop, Running | Paused) => Plan::SaveAndFree(Stopped),
        (Request::Stop, Stopped) => Plan::Nothing,
        (Request::Stop, Created | Hibernated | Crashed | CrashLoop) => Plan::Become(Stopped),

        (Request::Restart, Running | Paused) => Plan::Reload(Running),
        (Request::Restart, Created | Hibernated | Stopped | Crashed | CrashLoop) => Plan::Load(Running),

        (Request::Join, Running | Paused) => Plan::Nothing,
        (Request::Join, Hibernated) => Plan::Load(Running),
        (Request::Join, Created | Stopped | Crashed | CrashLoop) => Plan::Refuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(plan: Plan, from: WorldStatus) -> Option<WorldStatus> {
        match plan {
            Plan::Nothing => Some(from),
            Plan::Become(to) | Plan::Load(to) | Plan::SaveAndFree(to) | Plan::Reload(to) => Some(to),
            Plan::Erase | Plan::Refuse => None,
        }
    }

    #[test]
    fn asking_twice_is_asking_once() {
        for status in WorldStatus::ALL {
            for request in Request::ALL.into_iter().filter(|r| *r != Request::Restart) {
                if let Some(reached) = goal(plan(status, request), status) {
                    assert_eq!(plan(reached, request), Plan::Nothing, "{request:?} twice from {status}");
                }
            }
        }
    }

    #[test]
    fn memory_is_kept_exactly_by_live_worlds() {
        for status in WorldStatus::ALL {
            for request in Request::ALL {
                match plan(status, request) {
                    Plan::Become(to) => assert_eq!(status.is_live(), to.is_live(), "{request:?} from {status}"),
                    Plan::Load(to) => assert!(!status.is_live() && to.is_live(), "{request:?} from {status}"),
                    Plan::SaveAndFree(to) => assert!(status.is_live() && !to.is_live(), "{request:?} from {status}"),
                    Plan::Reload(to) => assert!(status.is_live() && to.is_live(), "{request:?} from {status}"),
                    Plan::Nothing | Plan::Erase | Plan::Refuse => {}
                }
            }
        }
    }

    #[test]
    fn every_status_can_be_left_by_a_person() {
        for status in WorldStatus::ALL {
            assert_ne!(plan(status, Request::Restart), Plan::Refuse);
            assert_ne!(plan(status, Request::Stop), Plan::Refuse);
            assert_eq!(plan(status, Request::Delete), Plan::Erase);
        }
    }
}
