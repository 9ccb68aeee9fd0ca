//! One session's place in the runtime: the door that others knock at, and the body that one thread at a time runs.
//!
//! Whoever wants something of a world leaves it here and wakes the world's task. The task takes requests one by one
//! between ticks, so every transition is serial per session whatever the callers do. A hibernated world is only this.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use hd1_core::{ClientType, ParticipantId, Role, SessionId};
use hd1_protocol::Operation;
use hd1_protocol::message::Welcome;
use hd1_session::ResumeBook;
use hd1_sim::{OpDone, PluginSpec};
use tokio::sync::oneshot;

use crate::body::{Body, Finished};
use crate::config::{Shown, WorldSpec};
use crate::context::Context;
use crate::error::RuntimeError;
use crate::files::WorldFolder;
use crate::lifecycle::WorldStatus;
use crate::limits::REQUESTS_MAX;
use crate::mailbox::{Mailbox, MailboxError};
use crate::metrics::{Figures, add};
use crate::plugins::{NOBODY, PluginState, Wish};
use crate::request::{Reply, Request};
use crate::roster::Entrant;
use crate::scheduler::{Next, Runnable, TaskId};
use crate::time::{MS, Nanos};

pub(crate) struct Slot {
    pub session: SessionId,
    pub spec: WorldSpec,
    pub context: Arc<Context>,
    pub folder: WorldFolder,
    pub mailbox: Mailbox,
    pub figures: Figures,
    /// Tokens by which participants come back; it outlives the world in memory.
    pub resume: Mutex<ResumeBook<Resumable>>,
    /// How much each client is sent, from now on.
    shown: Mutex<Shown>,
    /// Which plugins it is to have, from the next tick on, and how they do.
    plugins: Mutex<Arc<Wish>>,
    plugin_states: Mutex<Vec<PluginState>>,
    task: OnceLock<TaskId>,
    inbox: Mutex<Inbox>,
    /// Control-plane operations whose answers are awaited, by request.
    admin: Mutex<HashMap<u64, Reply<OpDone>>>,
    status: Mutex<(WorldStatus, Option<String>)>,
    body: Mutex<Body>,
}

#[derive(Default)]
struct Inbox {
    requests: VecDeque<Request>,
    finished: VecDeque<Finished>,
    closed: bool,
}

/// Who a resume token stands for. One participant is one entry, whatever else changed.
#[derive(Clone, Debug)]
pub(crate) struct Resumable {
    pub participant: ParticipantId,
    pub name: String,
    pub role: Role,
    pub client: ClientType,
}

impl PartialEq for Resumable {
    fn eq(&self, other: &Self) -> bool {
        self.participant == other.participant
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Slot {
    /// A world that is known and, by its spec, more.
    pub fn create(context: &Arc<Context>, session: SessionId, spec: WorldSpec) -> Arc<Self> {
        let status = match spec.initial {
            WorldStatus::Running | WorldStatus::Paused => WorldStatus::Created,
            WorldStatus::Crashed | WorldStatus::CrashLoop => WorldStatus::Stopped,
            resting => resting,
        };
        let grace_us = u64::try_from(context.config.resume_grace.as_micros()).unwrap_or(u64::MAX);
        let slot = Arc::new(Slot {
            session,
            folder: WorldFolder::new(&context.config.data_dir, session),
            context: Arc::clone(context),
            mailbox: Mailbox::default(),
            figures: Figures::default(),
            resume: Mutex::new(ResumeBook::new(grace_us)),
            shown: Mutex::new(spec.shown),
            plugins: Mutex::new(Arc::new(Wish { epoch: 1, request: NOBODY, specs: spec.plugins.clone() })),
            plugin_states: Mutex::default(),
            task: OnceLock::new(),
            inbox: Mutex::default(),
            admin: Mutex::default(),
            status: Mutex::new((status, None)),
            body: Mutex::new(Body::new(status)),
            spec,
        });
        let task = context.scheduler.add(Arc::new(Running(Arc::clone(&slot))));
        // Nobody else has seen this slot yet.
        let _ = slot.task.set(task);
        slot
    }

    /// Where the world stands and, after a crash, why. Never waits for a tick.
    pub fn status(&self) -> (WorldStatus, Option<String>) {
        lock(&self.status).clone()
    }

    /// How much each client is sent: the session's wish, and the bytes of state in a second that come of it.
    pub fn shown(&self) -> (Shown, u32) {
        let shown = *lock(&self.shown);
        let config = &self.context.config;
        let bytes_per_s = shown.client_bytes_per_s.unwrap_or(config.client_bytes_per_s);
        (shown, bytes_per_s.min(config.client_bytes_per_s_max))
    }

    /// Changes it: what is bounded in a second at once, the view once the world is without clients.
    pub fn set_shown(&self, shown: Shown) {
        *lock(&self.shown) = shown;
    }

    /// Which plugins it is to have.
    pub fn plugins(&self) -> Arc<Wish> {
        Arc::clone(&lock(&self.plugins))
    }

    /// Says which plugins it is to have from the next tick on; where it ticks, the answer comes when that tick is done.
    pub fn set_plugins(&self, specs: Vec<PluginSpec>) -> Option<oneshot::Receiver<Result<OpDone, RuntimeError>>> {
        let (reply, answer) = oneshot::channel();
        let ticks = self.status().0 == WorldStatus::Running;
        let request = if ticks { self.context.next_key() } else { NOBODY };
        if ticks {
            lock(&self.admin).insert(request, reply);
        }
        let (epoch, before) = {
            let mut wish = lock(&self.plugins);
            let (epoch, before) = (wish.epoch + 1, wish.request);
            *wish = Arc::new(Wish { epoch, request, specs });
            (epoch, before)
        };
        tracing::debug!(session.id = %self.session, epoch, "its plugins are to change");
        // A wish that no tick has seen is not done any more.
        self.answer(before, Err(RuntimeError::Busy));
        ticks.then_some(answer)
    }

    /// The wish of before holds again: the world has refused the newest. The world is not asked about it.
    pub fn put_plugins_back(&self, specs: Vec<PluginSpec>) {
        let mut wish = lock(&self.plugins);
        *wish = Arc::new(Wish { epoch: wish.epoch, request: NOBODY, specs });
    }

    /// How its plugins do.
    pub fn plugin_states(&self) -> Vec<PluginState> {
        lock(&self.plugin_states).clone()
    }

    /// Their states have changed.
    pub fn note_plugins(&self, states: Vec<PluginState>) {
        let before = std::mem::replace(&mut *lock(&self.plugin_states), states.clone());
        for state in states {
            let same = |old: &&PluginState| old.id == state.id && old.module == state.module;
            if before.iter().find(same).is_none_or(|old| old.status != state.status) {
                self.context.observer.plugin_changed(self.session, &state);
            }
        }
    }

    /// Leaves a request.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] where the world is gone, [`RuntimeError::Busy`] where too much waits.
    pub fn ask(&self, request: Request) -> Result<(), RuntimeError> {
        {
            let mut inbox = lock(&self.inbox);
            if inbox.closed {
                return Err(RuntimeError::NotFound);
            }
            // A client that is gone must be heard, or its seat would never be freed; their number is bounded by joins.
            let must_be_heard = matches!(request, Request::Gone { .. });
            if inbox.requests.len() >= REQUESTS_MAX && !must_be_heard {
                return Err(RuntimeError::Busy);
            }
            inbox.requests.push_back(request);
        }
        self.wake();
        Ok(())
    }

    /// Leaves a control-plane operation for the next tick; its answer comes when that tick is done.
    pub fn command(&self, operation: Operation) -> oneshot::Receiver<Result<OpDone, RuntimeError>> {
        let (reply, answer) = oneshot::channel();
        let request = self.context.next_key();
        lock(&self.admin).insert(request, reply);
        if let Err(error) = self.mailbox.admin(request, operation) {
            add(&self.context.counters.operations_refused, 1);
            let error = match error {
                MailboxError::Closed => RuntimeError::NotLive(self.status().0),
                MailboxError::Full | MailboxError::PlayerFull => RuntimeError::Busy,
            };
            self.answer(request, Err(error));
        }
        answer
    }

    /// Tells whoever waits for a control-plane operation.
    pub fn answer(&self, request: u64, result: Result<OpDone, RuntimeError>) {
        if let Some(reply) = lock(&self.admin).remove(&request) {
            let _ = reply.send(result);
        }
    }

    /// Tells everyone who waits for a control-plane operation that it will not be done.
    pub fn answer_all(&self, error: &RuntimeError) {
        for (_, reply) in std::mem::take(&mut *lock(&self.admin)) {
            let _ = reply.send(Err(error.clone()));
        }
    }

    /// Work elsewhere ended.
    pub fn finished(&self, finished: Finished) {
        lock(&self.inbox).finished.push_back(finished);
        self.wake();
    }

    /// A participant's connection is gone, perhaps for good.
    pub fn note_left(&self, participant: ParticipantId, for_good: bool) {
        let who = Resumable { participant, name: String::new(), role: Role::Viewer, client: ClientType::default() };
        let mut book = lock(&self.resume);
        if for_good {
            book.forget(&who);
        } else {
            book.left(self.now_us(), &who);
        }
    }

    /// Puts a fresh token for coming back into a welcome; an empty one where there is none to be had.
    pub fn give_token(&self, entrant: &Entrant, welcome: &mut Welcome) {
        let Entrant { participant, name, role, client } = entrant.clone();
        let mut random = [0; 32];
        let token = getrandom::fill(&mut random)
            .ok()
            .and_then(|()| lock(&self.resume).issue(Resumable { participant, name, role, client }, random));
        welcome.resume_token = token.map(|token| format!("{}.{token}", self.session)).unwrap_or_default();
        welcome.resume_grace_s = u32::try_from(self.context.config.resume_grace.as_secs()).unwrap_or(u32::MAX);
    }

    /// Who a token stands for; it is good once. Tokens are `<session>.<secret>`.
    pub fn redeem(&self, secret: &str) -> Option<Entrant> {
        let Resumable { participant, name, role, client } = lock(&self.resume).redeem(self.now_us(), secret)?;
        Some(Entrant { participant, name, role, client })
    }

    /// A part of `whole` that differs from session to session, so that what repeats does not coincide.
    pub fn spread(&self, whole: Nanos) -> Nanos {
        let (_, random) = self.session.0.as_u64_pair();
        random % whole.max(1)
    }

    pub fn now_us(&self) -> u64 {
        self.context.now_ns() / (MS / 1_000)
    }

    /// Runs the world's task as soon as a thread is free.
    pub fn wake(&self) {
        if let Some(task) = self.task.get() {
            self.context.scheduler.wake(*task);
        }
    }

    pub fn take_finished(&self) -> Option<Finished> {
        lock(&self.inbox).finished.pop_front()
    }

    pub fn take_request(&self) -> Option<Request> {
        lock(&self.inbox).requests.pop_front()
    }

    /// Puts a request back to be taken first.
    pub fn put_back(&self, request: Request) {
        lock(&self.inbox).requests.push_front(request);
    }

    /// Nothing is let in any more; what waits is answered.
    pub fn close(&self) {
        let requests = {
            let mut inbox = lock(&self.inbox);
            inbox.closed = true;
            std::mem::take(&mut inbox.requests)
        };
        // Dropping a request drops its reply, which its caller reads as "gone".
        drop(requests);
        self.answer_all(&RuntimeError::NotFound);
    }

    pub fn show(&self, status: WorldStatus, reason: Option<String>) {
        let changed = {
            let mut shown = lock(&self.status);
            let changed = *shown != (status, reason.clone());
            *shown = (status, reason.clone());
            changed
        };
        if changed && !self.context.is_draining() {
            self.context.observer.status_changed(self.session, status, reason.as_deref());
        }
    }
}

/// The scheduler's handle on a slot: transitions need the slot's own `Arc` for work elsewhere.
struct Running(Arc<Slot>);

impl Runnable for Running {
    fn run(&self, now_ns: Nanos) -> Next {
        lock(&self.0.body).run(&self.0, now_ns)
    }
}
