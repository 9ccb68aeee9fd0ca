//! The part of a world that one thread at a time runs: its phase, its timers, and the transitions between statuses.
//!
//! A run takes what ended elsewhere, then the requests, then what time made due, then one tick. Loading, writing and
//! erasing happen elsewhere; while one of them is under way the requests wait, so nothing overtakes a transition.

mod ticking;
mod transitions;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hd1_protocol::CloseCode;

use crate::backoff::CrashHistory;
use crate::client::Refusal;
use crate::error::RuntimeError;
use crate::lifecycle::{self, Plan, WorldStatus, plan};
use crate::limits::REASON_BYTES_MAX;
use crate::live::Live;
use crate::pacing::Pacer;
use crate::query;
use crate::request::{Reply, Request, SnapshotTaken};
use crate::scheduler::Next;
use crate::slot::{Slot, lock};
use crate::time::Nanos;

pub(crate) struct Body {
    phase: Phase,
    live: Option<Box<Live>>,
    pacer: Option<Pacer>,
    crashes: CrashHistory,
    restart_at: Option<Nanos>,
    empty_since: Option<Nanos>,
    snapshot_due: Nanos,
    housekeeping_due: Nanos,
    /// A snapshot is being written; transitions that touch the files wait for it.
    write_under_way: bool,
    snapshot_waiters: Vec<Reply<SnapshotTaken>>,
    heavy: bool,
}

enum Phase {
    Settled(WorldStatus),
    Loading { then: WorldStatus, reply: Option<Reply<()>> },
    Saving { then: WorldStatus, back_to: WorldStatus, code: CloseCode, reply: Option<Reply<()>> },
    Erasing { reply: Option<Reply<()>> },
    Gone,
}

/// What ended elsewhere.
pub(crate) enum Finished {
    Loaded(Result<Box<Live>, String>),
    Written { tick: u64, result: Result<u64, String> },
    Erased(Result<(), String>),
}

impl Body {
    pub fn new(status: WorldStatus) -> Self {
        Body {
            phase: Phase::Settled(status),
            live: None,
            pacer: None,
            crashes: CrashHistory::default(),
            restart_at: None,
            empty_since: None,
            snapshot_due: 0,
            housekeeping_due: 0,
            write_under_way: false,
            snapshot_waiters: Vec::new(),
            heavy: false,
        }
    }

    /// Does what is due and says when it wants to be run again.
    pub fn run(&mut self, slot: &Arc<Slot>, now: Nanos) -> Next {
        while let Some(finished) = slot.take_finished() {
            self.finish(slot, finished, now);
        }
        while let Phase::Settled(status) = self.phase {
            let Some(request) = slot.take_request() else { break };
            if let Some(too_early) = self.handle(slot, status, request, now) {
                slot.put_back(too_early);
                break;
            }
            self.spread_news(slot);
        }
        self.timers(slot, now);
        self.tick_if_due(slot, now);
        self.next()
    }

    fn next(&self) -> Next {
        let at_ns = match self.phase {
            Phase::Settled(WorldStatus::Running) => self.pacer.as_ref().map(Pacer::due_ns),
            // A write under way wakes the world when it ends.
            Phase::Settled(WorldStatus::Paused) if !self.write_under_way => Some(self.snapshot_due),
            Phase::Settled(WorldStatus::Crashed) if !self.write_under_way => self.restart_at,
            _ => None,
        };
        Next { at_ns, heavy: self.heavy, done: matches!(self.phase, Phase::Gone) }
    }

    /// Answers the request itself where it has to wait for the disk.
    fn handle(&mut self, slot: &Arc<Slot>, status: WorldStatus, request: Request, now: Nanos) -> Option<Request> {
        match request {
            Request::Lifecycle { request: wanted, reply } => {
                let plan = plan(status, wanted);
                let touches_files = !matches!(plan, Plan::Nothing | Plan::Become(_) | Plan::Refuse);
                if touches_files && self.write_under_way {
                    return Some(Request::Lifecycle { request: wanted, reply });
                }
                self.carry_out(slot, status, wanted, plan, reply, now);
            }
            Request::Drain { reply } if status.is_live() => {
                if self.write_under_way {
                    return Some(Request::Drain { reply });
                }
                self.save_and_free(slot, status, WorldStatus::Hibernated, CloseCode::Draining, Some(reply), now);
            }
            Request::Drain { reply } => respond(reply, Ok(())),
            Request::Forget { reply } => {
                self.forget(slot, now);
                respond(reply, Ok(()));
            }
            Request::Snapshot { reply } if status.is_live() => {
                if self.write_under_way {
                    return Some(Request::Snapshot { reply });
                }
                self.snapshot_waiters.push(reply);
                self.begin_write(slot, now);
            }
            Request::Snapshot { reply } => respond(reply, Err(RuntimeError::NotLive(status))),
            Request::Join { .. } => return self.join(slot, status, request, now),
            Request::Gone { key, participant, for_good } => {
                let live = self.live.as_mut();
                let still_here = live.is_some_and(|live| {
                    live.gone(key, for_good, now);
                    live.roster.is_connected(participant)
                });
                if !still_here {
                    slot.note_left(participant, for_good);
                }
                self.count_clients(slot, now);
            }
            Request::Kick { participant, reason, reply } => {
                if let Some(live) = &mut self.live
                    && let Some(key) = live.roster.remove(participant)
                {
                    live.expel(key, CloseCode::Kicked, &reason);
                }
                slot.note_left(participant, true);
                self.count_clients(slot, now);
                respond(reply, Ok(()));
            }
            Request::Query { query, reply } => {
                let answer = self.guarded(slot, now, |live| query::answer(live, &query));
                respond(reply, answer.ok_or_else(|| RuntimeError::NotLive(slot.status().0)));
            }
        }
        None
    }

    fn join(&mut self, slot: &Arc<Slot>, status: WorldStatus, request: Request, now: Nanos) -> Option<Request> {
        let refused = match plan(status, lifecycle::Request::Join) {
            Plan::Nothing => None,
            _ if slot.context.is_draining() => Some(Refusal::of(CloseCode::Draining)),
            Plan::Load(then) if !self.write_under_way => {
                self.load(slot, then, None);
                return Some(request);
            }
            Plan::Load(_) => return Some(request),
            _ if matches!(status, WorldStatus::Crashed | WorldStatus::CrashLoop) => {
                Some(Refusal::of(CloseCode::Crashed))
            }
            _ => Some(Refusal::new(CloseCode::SessionEnded, format!("the session is {status}"))),
        };
        let Request::Join { entrant, line, reply } = request else { return None };
        if let Some(refusal) = refused {
            let _ = reply.send(Err(refusal));
            return None;
        }
        let key = hd1_replication::ClientKey(slot.context.next_key());
        let mut admitted = self
            .guarded(slot, now, |live| live.admit(slot, key, &entrant, &line))
            .unwrap_or_else(|| Err(Refusal::of(CloseCode::Crashed)));
        if let Ok(admitted) = &mut admitted {
            slot.give_token(&entrant, &mut admitted.welcome);
        }
        self.count_clients(slot, now);
        // Where nobody waits any more, the hold in the answer is dropped and tells this world so.
        let _ = reply.send(admitted);
        None
    }

    /// Calls into the simulation; a panic there is this world's crash and nobody else's.
    fn guarded<T>(&mut self, slot: &Arc<Slot>, now: Nanos, call: impl FnOnce(&mut Live) -> T) -> Option<T> {
        let live = self.live.as_mut()?;
        match catch_unwind(AssertUnwindSafe(|| call(live))) {
            Ok(value) => Some(value),
            Err(panic) => {
                self.crash(slot, reason_of(&*panic), now);
                None
            }
        }
    }

    fn spread_news(&mut self, slot: &Slot) {
        let Some(live) = &mut self.live else { return };
        for news in live.roster.take_news() {
            slot.context.observer.participant_changed(slot.session, news.participant, news.presence);
        }
        for asked in live.take_asked() {
            slot.context.observer.asked(slot.session, asked);
        }
    }

    fn count_clients(&mut self, slot: &Slot, now: Nanos) {
        let count = self.live.as_ref().map_or(0, |live| live.client_count());
        let before = slot.figures.clients.swap(count, Ordering::Relaxed);
        let total = &slot.context.counters.clients;
        if count >= before {
            total.fetch_add(count - before, Ordering::Relaxed);
        } else {
            total.fetch_sub(before - count, Ordering::Relaxed);
        }
        self.empty_since = if count == 0 { self.empty_since.or(Some(now)) } else { None };
    }
}

fn respond<T>(reply: Reply<T>, result: Result<T, RuntimeError>) {
    // Nobody may be waiting any more.
    let _ = reply.send(result);
}

fn answer(reply: Option<Reply<()>>, result: Result<(), RuntimeError>) {
    if let Some(reply) = reply {
        respond(reply, result);
    }
}

/// The words of a panic, bounded.
pub(crate) fn reason_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let mut reason = words.unwrap_or("panicked without words").to_owned();
    let mut end = REASON_BYTES_MAX.min(reason.len());
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.truncate(end);
    reason
}

/// Drops what a world held in memory where it delays no tick.
fn free_elsewhere(slot: &Slot, live: Box<Live>) {
    let elsewhere = slot.context.scheduler.elsewhere();
    slot.context.loaders.submit(move || {
        drop(live);
        drop(elsewhere);
    });
    lock(&slot.figures.window).clear();
}
