//! From one status to another: load, save and free, erase, crash.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hd1_protocol::CloseCode;
use hd1_protocol::message::{OpError, OpErrorCode};
use hd1_sim::OpDone;

use super::{Body, Finished, Phase, answer, free_elsewhere, respond};
use crate::backoff::Verdict;
use crate::error::RuntimeError;
use crate::lifecycle::{Plan, Request, WorldStatus};
use crate::live::Live;
use crate::loading::load_elsewhere;
use crate::metrics::add;
use crate::pacing::Pacer;
use crate::request::{Reply, SnapshotTaken};
use crate::slot::Slot;
use crate::time::{MS, Nanos};

impl Body {
    pub(super) fn carry_out(
        &mut self,
        slot: &Arc<Slot>,
        status: WorldStatus,
        request: Request,
        plan: Plan,
        reply: Option<Reply<()>>,
        now: Nanos,
    ) {
        match plan {
            Plan::Nothing => answer(reply, Ok(())),
            Plan::Refuse => answer(reply, Err(RuntimeError::Conflict { status, request })),
            Plan::Become(to) => {
                self.settle(slot, to, None, now);
                answer(reply, Ok(()));
            }
            Plan::Load(_) | Plan::Reload(_) if slot.context.is_draining() => {
                answer(reply, Err(RuntimeError::Draining));
            }
            Plan::Load(then) => {
                if matches!(request, Request::Start | Request::Restart) {
                    self.crashes.clear();
                }
                self.load(slot, then, reply);
            }
            Plan::Reload(then) => {
                self.crashes.clear();
                self.let_go(slot, CloseCode::Crashed, "the session restarts from its last snapshot", now);
                self.load(slot, then, reply);
            }
            Plan::SaveAndFree(then) => {
                let code = if then == WorldStatus::Stopped { CloseCode::SessionEnded } else { CloseCode::Hibernated };
                self.save_and_free(slot, status, then, code, reply, now);
            }
            Plan::Erase => self.erase(slot, reply, now),
        }
    }

    pub(super) fn load(&mut self, slot: &Arc<Slot>, then: WorldStatus, reply: Option<Reply<()>>) {
        self.restart_at = None;
        self.phase = Phase::Loading { then, reply };
        load_elsewhere(slot);
    }

    /// Takes the snapshot at this boundary; memory is freed and clients are told once it is safely on disk.
    pub(super) fn save_and_free(
        &mut self,
        slot: &Arc<Slot>,
        status: WorldStatus,
        then: WorldStatus,
        code: CloseCode,
        reply: Option<Reply<()>>,
        now: Nanos,
    ) {
        self.phase = Phase::Saving { then, back_to: status, code, reply };
        self.begin_write(slot, now);
    }

    /// Copies the world's state, which the disk threads pack and write.
    pub(super) fn begin_write(&mut self, slot: &Arc<Slot>, now: Nanos) {
        let began = slot.context.now_ns();
        let session = slot.session;
        let taken = self.guarded(slot, now, |live| {
            // Somebody is here: things will move, and looking whether they did would cost as much as copying them.
            live.snapshot_content = (live.client_count() == 0).then(|| live.sim.content_hash());
            live.snapshot(session)
        });
        slot.context.counters.snapshot_stalls.add_ns(slot.context.now_ns().saturating_sub(began));
        let Some(pack) = taken else { return };
        self.write_under_way = true;
        let elsewhere = slot.context.scheduler.elsewhere();
        let slot = Arc::clone(slot);
        let disk = Arc::clone(&slot.context.disk);
        disk.submit(move || {
            let began = slot.context.now_ns();
            let snapshot = pack();
            let tick = snapshot.tick.0;
            let result = snapshot.write(&slot.folder).map_err(|error| error.to_string());
            slot.context.counters.snapshot_writes.add_ns(slot.context.now_ns().saturating_sub(began));
            slot.finished(Finished::Written { tick, result });
            drop(elsewhere);
        });
    }

    /// Ends it without touching its files.
    pub(super) fn forget(&mut self, slot: &Slot, now: Nanos) {
        self.let_go(slot, CloseCode::SessionEnded, CloseCode::SessionEnded.reason(), now);
        self.phase = Phase::Gone;
        slot.close();
    }

    fn erase(&mut self, slot: &Arc<Slot>, reply: Option<Reply<()>>, now: Nanos) {
        let recording = self.live.as_mut().and_then(|live| live.recorder.take());
        self.let_go(slot, CloseCode::SessionEnded, "the session was deleted", now);
        self.phase = Phase::Erasing { reply };
        let elsewhere = slot.context.scheduler.elsewhere();
        let slot = Arc::clone(slot);
        let disk = Arc::clone(&slot.context.disk);
        disk.submit(move || {
            if let Some(recording) = recording {
                recording.abandon();
            }
            let result = slot.folder.erase().map_err(|error| error.to_string());
            slot.finished(Finished::Erased(result));
            drop(elsewhere);
        });
    }

    pub(super) fn finish(&mut self, slot: &Arc<Slot>, finished: Finished, now: Nanos) {
        match finished {
            Finished::Loaded(result) => self.loaded(slot, result, now),
            Finished::Written { tick, result } => self.written(slot, tick, result, now),
            Finished::Erased(result) => {
                let Phase::Erasing { reply } = std::mem::replace(&mut self.phase, Phase::Gone) else { return };
                slot.close();
                answer(reply, result.map_err(RuntimeError::DiskFailed));
            }
        }
    }

    fn loaded(&mut self, slot: &Arc<Slot>, result: Result<Box<Live>, String>, now: Nanos) {
        let phase = std::mem::replace(&mut self.phase, Phase::Settled(WorldStatus::Stopped));
        let Phase::Loading { then, reply } = phase else { return };
        match result {
            Ok(live) => {
                slot.figures.tick.store(live.sim.current_tick().0, Ordering::Relaxed);
                slot.figures.entities.store(live.sim.entity_count(), Ordering::Relaxed);
                self.live = Some(live);
                self.empty_since = Some(now);
                self.snapshot_due = now + slot.spread(self.snapshot_interval(slot));
                self.settle(slot, then, None, now);
                answer(reply, Ok(()));
            }
            Err(reason) => {
                self.crash(slot, format!("it cannot be loaded: {reason}"), now);
                answer(reply, Err(RuntimeError::LoadFailed(reason)));
            }
        }
    }

    fn written(&mut self, slot: &Arc<Slot>, tick: u64, result: Result<u64, String>, now: Nanos) {
        self.write_under_way = false;
        let counters = &slot.context.counters;
        match &result {
            Ok(bytes) => {
                add(&counters.snapshot_bytes, *bytes);
                slot.figures.snapshot_tick.store(tick + 1, Ordering::Relaxed);
                slot.figures.snapshot_bytes.store(*bytes, Ordering::Relaxed);
            }
            Err(error) => {
                tracing::error!(session.id = %slot.session, tick, %error, "snapshot could not be written");
                add(&counters.snapshot_failures, 1);
                add(&slot.figures.snapshot_failures, 1);
                if let Some(live) = &mut self.live {
                    // What is not on disk is to be tried again.
                    live.snapshot_content = None;
                }
            }
        }
        for waiter in self.snapshot_waiters.drain(..) {
            let taken = result.clone().map(|bytes| SnapshotTaken { tick, bytes });
            respond(waiter, taken.map_err(RuntimeError::DiskFailed));
        }
        if !matches!(self.phase, Phase::Saving { .. }) {
            return;
        }
        let phase = std::mem::replace(&mut self.phase, Phase::Settled(WorldStatus::Stopped));
        let Phase::Saving { then, back_to, code, reply } = phase else { return };
        match result {
            Ok(_) => {
                self.let_go(slot, code, code.reason(), now);
                self.settle(slot, then, None, now);
                answer(reply, Ok(()));
            }
            Err(error) => {
                if code == CloseCode::Draining
                    && let Some(live) = &mut self.live
                {
                    live.expel_all(code, code.reason(), now);
                    self.count_clients(slot, now);
                }
                // Trying again at once would only fail again.
                self.empty_since = Some(now);
                self.settle(slot, back_to, None, now);
                answer(reply, Err(RuntimeError::DiskFailed(error)));
            }
        }
    }

    /// Ends every connection and frees the memory.
    fn let_go(&mut self, slot: &Slot, code: CloseCode, reason: &str, now: Nanos) {
        self.close_door(slot, now);
        if let Some(live) = &mut self.live {
            live.expel_all(code, reason, now);
        }
        self.spread_news(slot);
        if let Some(live) = self.live.take() {
            free_elsewhere(slot, live);
        }
        self.pacer = None;
        self.heavy = false;
        self.count_clients(slot, now);
    }

    /// Nothing more enters ticks; what waited for one is refused.
    fn close_door(&mut self, slot: &Slot, now: Nanos) {
        let (requests, operations) = slot.mailbox.close();
        for request in requests {
            slot.answer(request, Err(RuntimeError::NotLive(slot.status().0)));
        }
        // Plugins that no tick has seen yet are those of its next one, whenever that is.
        slot.answer(slot.plugins().request, Ok(OpDone::default()));
        if let Some(live) = &self.live {
            let message = "the world is not running: wait until it is".to_owned();
            live.refuse(now, &operations, &OpError { code: OpErrorCode::Unavailable, message, path: None });
        }
    }

    /// The status from now on, and what follows from it for door and pace.
    fn settle(&mut self, slot: &Arc<Slot>, status: WorldStatus, reason: Option<String>, now: Nanos) {
        self.phase = Phase::Settled(status);
        self.restart_at = None;
        if status == WorldStatus::Running {
            // The rate that the world was made with: its steps are of that length, whatever the session says now.
            let rate = self.live.as_ref().map_or(slot.spec.tick_rate, |live| live.sim.config().tick_rate);
            let phase = slot.spread(rate.period_ns());
            // Worlds that start together do not tick together.
            self.pacer = Some(Pacer::new(rate, now.saturating_sub(phase)));
            if let Some(pacer) = &mut self.pacer {
                pacer.defer(now + 1);
            }
            slot.mailbox.open();
        } else {
            self.pacer = None;
            self.close_door(slot, now);
        }
        slot.show(status, reason);
    }

    /// The world is lost back to its last snapshot; it is tried again unless it crashes again and again.
    pub(super) fn crash(&mut self, slot: &Arc<Slot>, reason: String, now: Nanos) {
        tracing::error!(session.id = %slot.session, tick = slot.figures.tick.load(Ordering::Relaxed), reason, "world crashed");
        add(&slot.context.counters.crashes, 1);
        if let Some(live) = &mut self.live {
            live.record_crash(hd1_core::Tick(slot.figures.tick.load(Ordering::Relaxed) + 1));
        }
        if let Phase::Saving { reply, .. } = std::mem::replace(&mut self.phase, Phase::Settled(WorldStatus::Crashed)) {
            answer(reply, Err(RuntimeError::Crashed(reason.clone())));
        }
        for waiter in self.snapshot_waiters.drain(..) {
            respond(waiter, Err(RuntimeError::Crashed(reason.clone())));
        }
        self.let_go(slot, CloseCode::Crashed, CloseCode::Crashed.reason(), now);
        slot.answer_all(&RuntimeError::Crashed(reason.clone()));
        match self.crashes.crashed(now) {
            Verdict::RestartAt(at) => {
                self.settle(slot, WorldStatus::Crashed, Some(reason), now);
                self.restart_at = Some(at);
            }
            Verdict::GiveUp => self.settle(slot, WorldStatus::CrashLoop, Some(reason), now),
        }
    }

    pub(super) fn snapshot_interval(&self, slot: &Slot) -> Nanos {
        let interval = slot.context.config.snapshot_interval;
        u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(MS)
    }
}
