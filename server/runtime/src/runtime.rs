//! The handle by which the rest of the program has worlds made, run, asked and ended.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hd1_core::{ParticipantId, SessionId};
use hd1_protocol::Operation;
use hd1_sim::{OpDone, PluginSpec};
use hd1_transport::Link;
use serde_json::Value as Json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admission::TicketGate;
use crate::config::{RuntimeConfig, Shown, WorldSpec};
use crate::connection::{Door, serve};
use crate::context::Context;
use crate::error::RuntimeError;
use crate::lifecycle::{self, WorldStatus};
use crate::metrics::{RuntimeMetrics, WorldFigures};
use crate::observer::RuntimeObserver;
use crate::plugins::PluginState;
use crate::query::WorldQuery;
use crate::request::{Reply, Request, SnapshotTaken};
use crate::slot::Slot;
use crate::time::Nanos;
use crate::worlds::Worlds;

/// Many worlds on a few threads. Cheap to clone; the last clone ends the threads without saving: call
/// [`Runtime::drain`] before.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    context: Arc<Context>,
    worlds: Arc<Worlds>,
    connections: TaskTracker,
    draining: CancellationToken,
}

/// How a drain went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Worlds that hold nothing which is not on disk.
    pub saved: usize,
    /// Worlds whose snapshot failed.
    pub failed: usize,
    /// Worlds that did not get to it before the deadline.
    pub unfinished: usize,
}

impl Runtime {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system's, where it gives no threads.
    pub fn start(config: RuntimeConfig, observer: Arc<dyn RuntimeObserver>) -> std::io::Result<Runtime> {
        Ok(Runtime(Arc::new(Inner {
            context: Arc::new(Context::start(config, observer)?),
            worlds: Arc::default(),
            connections: TaskTracker::new(),
            draining: CancellationToken::new(),
        })))
    }

    /// Makes the world of a new session known and, where its spec says so, runs it; answers once it does. A world that
    /// cannot be loaded leaves nothing behind.
    ///
    /// # Errors
    /// [`RuntimeError::Exists`], [`RuntimeError::LoadFailed`], [`RuntimeError::Draining`],
    /// [`RuntimeError::TooManyWorlds`].
    pub async fn create(&self, session: SessionId, spec: WorldSpec) -> Result<(), RuntimeError> {
        let slot = self.add(session, spec)?;
        let begun = self.begin(&slot).await;
        if begun.is_err() {
            self.0.worlds.remove(&slot);
            self.ask(&slot, |reply| Request::Forget { reply }).await?;
        }
        begun
    }

    /// Makes the world of a session known that an earlier process held. A world that cannot be loaded stays, crashed,
    /// and is tried again.
    ///
    /// # Errors
    /// As [`Runtime::create`].
    pub async fn recover(&self, session: SessionId, spec: WorldSpec) -> Result<(), RuntimeError> {
        let slot = self.add(session, spec)?;
        self.begin(&slot).await
    }

    fn add(&self, session: SessionId, spec: WorldSpec) -> Result<Arc<Slot>, RuntimeError> {
        if self.0.context.is_draining() {
            return Err(RuntimeError::Draining);
        }
        self.0.worlds.add(session, || Slot::create(&self.0.context, session, spec))
    }

    async fn begin(&self, slot: &Arc<Slot>) -> Result<(), RuntimeError> {
        let steps: &[lifecycle::Request] = match slot.spec.initial {
            WorldStatus::Running => &[lifecycle::Request::Start],
            WorldStatus::Paused => &[lifecycle::Request::Start, lifecycle::Request::Pause],
            _ => &[],
        };
        for step in steps {
            self.ask(slot, |reply| Request::Lifecycle { request: *step, reply: Some(reply) }).await?;
        }
        Ok(())
    }

    /// Takes a step in a world's life and answers once it is taken. A step that leads where the world already stands
    /// succeeds.
    ///
    /// # Errors
    /// [`RuntimeError::Conflict`] where the status does not allow it, [`RuntimeError::LoadFailed`],
    /// [`RuntimeError::DiskFailed`], [`RuntimeError::NotFound`], [`RuntimeError::Busy`].
    pub async fn lifecycle(&self, session: SessionId, request: lifecycle::Request) -> Result<(), RuntimeError> {
        let slot = self.find(session)?;
        self.ask(&slot, |reply| Request::Lifecycle { request, reply: Some(reply) }).await?;
        if request == lifecycle::Request::Delete {
            self.0.worlds.remove(&slot);
        }
        Ok(())
    }

    /// Ends a world and removes its files; success where there is none.
    ///
    /// # Errors
    /// [`RuntimeError::DiskFailed`] where files could not be removed; the world is gone all the same.
    pub async fn delete(&self, session: SessionId) -> Result<(), RuntimeError> {
        let Some(slot) = self.0.worlds.find(session) else { return Ok(()) };
        let delete = lifecycle::Request::Delete;
        let deleted = self.ask(&slot, |reply| Request::Lifecycle { request: delete, reply: Some(reply) }).await;
        match deleted {
            Err(RuntimeError::Busy) => Err(RuntimeError::Busy),
            // Somebody else deleted it at the same time.
            Err(RuntimeError::NotFound) => Ok(()),
            other => {
                self.0.worlds.remove(&slot);
                other
            }
        }
    }

    /// Takes a snapshot at the next boundary and answers once it is on disk.
    ///
    /// # Errors
    /// [`RuntimeError::NotLive`], [`RuntimeError::DiskFailed`].
    pub async fn snapshot(&self, session: SessionId) -> Result<SnapshotTaken, RuntimeError> {
        let slot = self.find(session)?;
        self.ask(&slot, |reply| Request::Snapshot { reply }).await
    }

    /// Has an operation done with all rights in the next tick.
    ///
    /// # Errors
    /// [`RuntimeError::Refused`] where the simulation refuses it, [`RuntimeError::NotLive`] where the world does not
    /// tick, [`RuntimeError::Busy`].
    pub async fn command(&self, session: SessionId, operation: Operation) -> Result<OpDone, RuntimeError> {
        let answer = self.find(session)?.command(operation);
        answer.await.unwrap_or(Err(RuntimeError::NotFound))
    }

    /// Asks a live world something.
    ///
    /// # Errors
    /// [`RuntimeError::NotLive`].
    pub async fn query(&self, session: SessionId, query: WorldQuery) -> Result<Json, RuntimeError> {
        let slot = self.find(session)?;
        self.ask(&slot, |reply| Request::Query { query, reply }).await
    }

    /// Ends a participant's connection for good and takes its seat; success where it has none.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Busy`].
    pub async fn kick(
        &self,
        session: SessionId,
        participant: ParticipantId,
        reason: impl Into<String>,
    ) -> Result<(), RuntimeError> {
        let slot = self.find(session)?;
        let reason = reason.into();
        self.ask(&slot, |reply| Request::Kick { participant, reason, reply }).await
    }

    /// Has a world send each client so much. Bytes in a second hold from the next tick on, view and cells from when the
    /// next client comes into the world while it has none. Nothing where there is no such world.
    pub fn set_shown(&self, session: SessionId, shown: Shown) {
        if let Some(slot) = self.0.worlds.find(session) {
            slot.set_shown(shown);
        }
    }

    /// Says which plugins a world has from its next tick on, in their order; answers once it has them. Of one that does
    /// not tick they are noted, and what it cannot have is left out when it does.
    ///
    /// # Errors
    /// [`RuntimeError::Refused`] where it cannot have one of them: then it keeps those it had.
    pub async fn set_plugins(&self, session: SessionId, plugins: Vec<PluginSpec>) -> Result<(), RuntimeError> {
        let slot = self.find(session)?;
        let before = slot.plugins();
        let Some(answer) = slot.set_plugins(plugins) else { return Ok(()) };
        let answer = answer.await.unwrap_or(Err(RuntimeError::NotFound)).map(drop);
        if matches!(answer, Err(RuntimeError::Refused(_))) {
            // What it has is what was wished for before: whoever loads it again is to have that as well.
            slot.put_plugins_back(before.specs.clone());
        }
        answer
    }

    /// How a world's plugins do, in their order.
    #[must_use]
    pub fn plugin_states(&self, session: SessionId) -> Option<Vec<PluginState>> {
        Some(self.0.worlds.find(session)?.plugin_states())
    }

    /// This instant on the timeline of the states.
    #[must_use]
    pub fn now_ns(&self) -> Nanos {
        self.0.context.now_ns()
    }

    /// Where a world stands this instant and, after a crash, why.
    #[must_use]
    pub fn status(&self, session: SessionId) -> Option<(WorldStatus, Option<String>)> {
        Some(self.0.worlds.find(session)?.status())
    }

    /// A world's figures, live or not.
    #[must_use]
    pub fn figures(&self, session: SessionId) -> Option<WorldFigures> {
        let slot = self.0.worlds.find(session)?;
        let (status, reason) = slot.status();
        Some(slot.figures.read(status, reason, slot.spec.tick_rate.hz(), slot.mailbox.depth()))
    }

    /// The server's figures.
    #[must_use]
    pub fn metrics(&self) -> RuntimeMetrics {
        let mut metrics = self.0.context.counters.read();
        for slot in self.0.worlds.all() {
            let (status, _) = slot.status();
            metrics.worlds.iter_mut().filter(|(of, _)| *of == status).for_each(|(_, count)| *count += 1);
            if status.is_live() {
                metrics.mailbox_depth += slot.mailbox.depth();
            }
        }
        metrics.disk_queue = self.0.context.disk.depth();
        metrics
    }

    /// Serves a client's link in a task of its own, which ends with the link. Must be called within tokio.
    pub fn connect(&self, link: Link, gate: Arc<dyn TicketGate>) -> JoinHandle<()> {
        let door = Door {
            context: Arc::clone(&self.0.context),
            worlds: Arc::clone(&self.0.worlds),
            gate,
            draining: self.0.draining.clone(),
        };
        self.0.connections.spawn(serve(door, link))
    }

    /// Lets nobody in any more, saves every world, closes every client with `Draining`, and waits for all of it until
    /// `deadline` has passed. The observer is not told, so that its records say what to recover.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        self.0.context.draining.store(true, Ordering::Release);
        self.0.draining.cancel();
        self.0.connections.close();
        let saving = self.0.worlds.all().into_iter().map(|slot| {
            let (reply, answer) = oneshot::channel();
            let asked = slot.ask(Request::Drain { reply });
            async move { if asked.is_ok() { answer.await.unwrap_or(Ok(())) } else { Ok(()) } }
        });
        let saving: Vec<_> = saving.map(tokio::spawn).collect();
        let mut drained = Drained { unfinished: saving.len(), ..Drained::default() };
        let all = async {
            for world in saving {
                match world.await {
                    Ok(Ok(())) => drained.saved += 1,
                    _ => drained.failed += 1,
                }
                drained.unfinished -= 1;
            }
            self.0.connections.wait().await;
        };
        // What is not done by then is what the deadline is for.
        let _ = tokio::time::timeout(deadline, all).await;
        drained
    }

    /// Blocks until nothing is due, being loaded or being written. With [`crate::time::ManualTime`] this makes tests
    /// exact: move time on, settle, look.
    pub fn settle(&self) {
        self.0.context.scheduler.settle();
    }

    fn find(&self, session: SessionId) -> Result<Arc<Slot>, RuntimeError> {
        self.0.worlds.find(session).ok_or(RuntimeError::NotFound)
    }

    async fn ask<T>(&self, slot: &Slot, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, RuntimeError> {
        let (reply, answer) = oneshot::channel();
        slot.ask(request(reply))?;
        answer.await.unwrap_or(Err(RuntimeError::NotFound))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.draining.cancel();
        self.context.scheduler.stop();
        self.context.loaders.stop();
        self.context.disk.stop();
    }
}
